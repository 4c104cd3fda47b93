//! Percent-encoding as IoT Hub reads it: a space is `%20`, a `+` is a plus.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but RFC 3986 §2.3 "unreserved" is encoded, in upper-case hex.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Appends `text`, encoded, to `out`.
pub(super) fn push_encoded(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, ENCODED));
}

/// `text`, encoded; borrowed when nothing needed encoding.
pub fn encode(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, ENCODED).into()
}

/// `text`, decoded; `None` when an escape is malformed or the result is not UTF-8.
pub(super) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    escapes_are_whole(text.as_bytes()).then(|| percent_decode_str(text).decode_utf8().ok()).flatten()
}

fn escapes_are_whole(bytes: &[u8]) -> bool {
    let is_hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    bytes.iter().enumerate().all(|(at, &byte)| byte != b'%' || (is_hex(at + 1) && is_hex(at + 2)))
}

/// At most `limit` characters of foreign text, control characters replaced: fit for an error message.
pub fn excerpt(text: &str, limit: usize) -> String {
    let mut out: String =
        text.chars().take(limit).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(limit).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn space_and_plus_are_told_apart() {
        assert_eq!(encode("a b+c"), "a%20b%2Bc");
        assert_eq!(decode("a%20b+c").unwrap(), "a b+c");
    }

    #[test]
    fn malformed_escapes_are_refused() {
        for bad in ["%", "a%2", "%zz", "%%20", "%ff"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn excerpts_are_short_and_printable() {
        assert_eq!(excerpt("a\nbc", 3), "a\u{fffd}b…");
        assert_eq!(excerpt("abc", 3), "abc");
    }

    proptest! {
        #[test]
        fn encode_then_decode_is_identity(text in any::<String>()) {
            let encoded = encode(&text);
            prop_assert!(encoded.is_ascii() && !encoded.contains([' ', '+', '&', '=', '/', ':', '$', '#']));
            prop_assert_eq!(decode(&encoded).unwrap(), text.as_str());
        }

        #[test]
        fn decode_is_total(text in "[%0-9a-fé]{0,20}") {
            let _ = decode(&text);
        }
    }
}
