//! Text in files: UTF-8 with or without a byte order mark, and UTF-16, as Windows tools write both.

use std::borrow::Cow;
use std::fmt;

use zeroize::Zeroizing;

enum Encoding {
    Utf8,
    Utf16(fn([u8; 2]) -> u16),
}

/// Bytes that are text in no known encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotText;

impl fmt::Display for NotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither UTF-8 nor UTF-16 text; save the file as UTF-8")
    }
}

impl std::error::Error for NotText {}

/// The text, without its byte order mark. UTF-16 needs a byte order mark, or an ASCII character at the start.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, NotText> {
    match encoding(bytes) {
        (Encoding::Utf8, bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| NotText),
        (Encoding::Utf16(unit), bytes) if bytes.len() % 2 == 0 => {
            let decoded = char::decode_utf16(units(bytes, unit));
            decoded.collect::<Result<String, _>>().map(Cow::Owned).map_err(|_| NotText)
        }
        _ => Err(NotText),
    }
}

/// As [`decode`], with U+FFFD for what cannot be decoded. The result is wiped when dropped: it may hold a secret.
pub fn decode_lossy(bytes: &[u8]) -> Zeroizing<String> {
    // A byte becomes three at most, so that no copy is left behind by growing.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 3));
    match encoding(bytes) {
        (Encoding::Utf8, bytes) => {
            for chunk in bytes.utf8_chunks() {
                text.push_str(chunk.valid());
                if !chunk.invalid().is_empty() {
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
        (Encoding::Utf16(unit), bytes) => text.extend(
            char::decode_utf16(units(bytes, unit)).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)),
        ),
    }
    text
}

/// The encoding, and the bytes after the byte order mark.
fn encoding(bytes: &[u8]) -> (Encoding, &[u8]) {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => (Encoding::Utf8, rest),
        [0xff, 0xfe, rest @ ..] => (Encoding::Utf16(u16::from_le_bytes), rest),
        [0xfe, 0xff, rest @ ..] => (Encoding::Utf16(u16::from_be_bytes), rest),
        [1..=0x7f, 0, ..] => (Encoding::Utf16(u16::from_le_bytes), bytes),
        [0, 1..=0x7f, ..] => (Encoding::Utf16(u16::from_be_bytes), bytes),
        _ => (Encoding::Utf8, bytes),
    }
}

fn units(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> impl Iterator<Item = u16> + '_ {
    bytes.chunks_exact(2).map(move |pair| unit([pair[0], pair[1]]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn what_is_no_text() {
        for bytes in [&b"\xff"[..], b"a\xffb", b"\xff\xfea", b"\xff\xfe\x00\xd8", b"a\0b"] {
            assert_eq!(decode(bytes), Err(NotText), "{bytes:?}");
            decode_lossy(bytes);
        }
        assert_eq!(decode(b"").as_deref(), Ok(""));
    }

    proptest! {
        #[test]
        fn every_encoding_reads_the_same(text in "[a-z{][^\0\u{feff}]{0,40}") {
            let marked = format!("\u{feff}{text}");
            for bytes in [
                text.clone().into_bytes(),
                marked.clone().into_bytes(),
                utf16(&marked, u16::to_le_bytes),
                utf16(&marked, u16::to_be_bytes),
                utf16(&text, u16::to_le_bytes),
                utf16(&text, u16::to_be_bytes),
            ] {
                prop_assert_eq!(decode(&bytes).unwrap(), text.as_str());
                prop_assert_eq!(&*decode_lossy(&bytes), &text);
            }
        }

        #[test]
        fn decoding_is_total(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let lossy = decode_lossy(&bytes);
            if let Ok(text) = decode(&bytes) {
                prop_assert_eq!(text, lossy.as_str());
            }
        }
    }
}
