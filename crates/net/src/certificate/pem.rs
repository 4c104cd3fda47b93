//! PEM, the text form of certificates and keys (RFC 7468), read as leniently as files in the field need: text around
//! the sections, headers in them, any width of lines, sections that follow each other on one line, UTF-16, line ends
//! written as `\n`, and the quotes of a C, JSON or environment file.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::text;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The label of a certificate's section.
pub const CERTIFICATE: &str = "CERTIFICATE";

const DASHES: &str = "-----";
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// One section. Its content may be a private key: it is wiped when dropped, and `Debug` does not show it.
pub struct Section {
    /// What stands between `-----BEGIN ` and `-----`.
    pub label: String,
    /// Whether a header says that the content is encrypted in OpenSSL's old way (RFC 1421 §4.6.1.1). Such content is
    /// not decoded.
    pub legacy_encrypted: bool,
    /// The content, which is DER for everything in use today.
    pub der: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Section({})", self.label)
    }
}

/// A section that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedSection {
    /// Its place among the sections, from 1.
    pub position: usize,
}

impl fmt::Display for DamagedSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "section {} of the PEM text is damaged or cut off", self.position)
    }
}

impl std::error::Error for DamagedSection {}

/// Reads every section of `text`, which may have none. A `BEGIN` or `END` without its partner, or with other dashes
/// than five hyphens, is an error: no certificate and no key is passed over.
pub fn read(text: &[u8]) -> Result<Vec<Section>, DamagedSection> {
    let text = plain(text);
    let mut rest = text.as_str();
    let mut sections = Vec::new();
    loop {
        let damaged = DamagedSection { position: sections.len() + 1 };
        let Some((before, begun)) = rest.split_once(BEGIN) else {
            return if is_torn(rest) { Err(damaged) } else { Ok(sections) };
        };
        if is_torn(before) {
            return Err(damaged);
        }
        let (section, after) = section(begun).ok_or(damaged)?;
        sections.push(section);
        rest = after;
    }
}

/// Reads a section from behind its `-----BEGIN ` on, and returns what follows it.
fn section(begun: &str) -> Option<(Section, &str)> {
    let (label, rest) = begun.split_once(DASHES)?;
    if label.contains('\n') {
        return None;
    }
    let (content, rest) = rest.split_once(END)?;
    if content.contains(DASHES) {
        return None;
    }
    let rest = rest.strip_prefix(label)?.strip_prefix(DASHES)?;
    let legacy_encrypted = content.contains("Proc-Type:") && content.contains("ENCRYPTED");
    let der = if legacy_encrypted { Vec::new() } else { decode(content)? };
    Some((Section { label: label.to_owned(), legacy_encrypted, der: Zeroizing::new(der) }, rest))
}

fn decode(content: &str) -> Option<Vec<u8>> {
    let mut base64 = Zeroizing::new(Vec::with_capacity(content.len()));
    for line in content.lines().filter(|line| !line.contains(':')) {
        base64.extend(line.bytes().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\'' | b',' | b';')));
    }
    BASE64.decode(&*base64).ok()
}

/// The text with real line ends, without what surrounds and escapes it in other formats.
fn plain(text: &[u8]) -> Zeroizing<String> {
    let text = text::decode_lossy(text);
    // Nothing below makes a line longer, so that no copy is left behind by growing.
    let mut plain = Zeroizing::new(String::with_capacity(text.len() + 1));
    for line in text.lines() {
        let mut chars = within_quotes(line.trim()).chars().peekable();
        while let Some(char) = chars.next() {
            match (char, chars.peek()) {
                ('\\', Some('n' | 'r')) => {
                    chars.next();
                    plain.push('\n');
                }
                ('\r', _) => plain.push('\n'),
                // The NULs are those of UTF-16 that was appended to another encoding.
                ('\\' | '\0' | '"', _) => {}
                _ => plain.push(char),
            }
        }
        plain.push('\n');
    }
    plain
}

/// What stands within the quotes of a line that begins with one, as in source code: `"MIIB…\n" +`.
fn within_quotes(line: &str) -> &str {
    let inner = line.strip_prefix('"').and_then(|rest| rest.rsplit_once('"'));
    inner.map_or(line, |(inner, _)| inner)
}

/// Whether text between sections has the start or the end of a certificate or key, so that a part of it was lost, or a
/// word processor has changed its dashes.
fn is_torn(between: &str) -> bool {
    let is_dash = |char: char| matches!(char, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}');
    ["BEGIN ", "END "].iter().any(|word| {
        between.match_indices(word).any(|(at, _)| {
            let after = &between[at + word.len()..];
            let label = after.split(is_dash).next().unwrap_or_default();
            between[..at].trim_end().ends_with(is_dash)
                && label.len() < after.len()
                && ["CERTIFICATE", "KEY"].iter().any(|kind| label.trim().ends_with(kind))
        })
    })
}

/// Writes a section, in lines of 64 characters as RFC 7468 §2 asks for.
pub fn write(label: &str, der: &[u8]) -> String {
    let base64 = Zeroizing::new(BASE64.encode(der));
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in base64.as_bytes().chunks(64) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose;
    use proptest::prelude::*;

    use super::*;

    fn labels(text: &str) -> Vec<String> {
        read(text.as_bytes()).unwrap().into_iter().map(|section| section.label).collect()
    }

    #[test]
    fn reads_what_files_in_the_field_look_like() {
        let text = "Bag Attributes\n  friendlyName: x\r\n-----BEGIN A-----\r\nAAEC\r\n-----END A-----\r\nsubject=/CN=x\n\
                    \t-----BEGIN EC PRIVATE KEY-----  \nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAA\n\
                    -----END EC PRIVATE KEY-----";
        let sections = read(text.as_bytes()).unwrap();
        assert_eq!(labels(text), ["A", "EC PRIVATE KEY"]);
        assert_eq!((&sections[0].der[..], sections[0].legacy_encrypted), (&[0, 1, 2][..], false));
        assert!(sections[1].legacy_encrypted);
        assert_eq!(labels("nothing here"), [""; 0]);
        assert!(!format!("{sections:?}").contains("1, 2"));
    }

    #[test]
    fn says_which_section_is_damaged() {
        let good = "-----BEGIN A-----\nAAEC\n-----END A-----\n";
        for bad in [
            "-----BEGIN A-----\nAAEC\n",
            "-----BEGIN A-----\nAAEC\n-----END B-----",
            "-----BEGIN A-----\nA*EC\n-----END A-----",
            "-----BEGIN A-----\n-----BEGIN A-----\nAAEC\n-----END A-----",
            "-----BEGIN A\n-----\nAAEC\n-----END A\n-----",
            "AAEC\n-----END CERTIFICATE-----\n",
            "----BEGIN RSA PRIVATE KEY-----\nAAEC\n----END RSA PRIVATE KEY-----\n",
            "—–BEGIN CERTIFICATE—–\nAAEC\n—–END CERTIFICATE—–\n",
            "----- BEGIN CERTIFICATE -----\nAAEC\n----- END CERTIFICATE -----\n",
        ] {
            assert_eq!(read(bad.as_bytes()).unwrap_err().position, 1, "{bad}");
            assert_eq!(read(format!("{good}{bad}").as_bytes()).unwrap_err().position, 2, "{bad}");
        }
        let comment = format!("# BEGIN CERTIFICATE of the hub - and its END CERTIFICATE\n{good}");
        assert_eq!(labels(&comment), ["A"]);
    }

    #[test]
    fn a_file_that_two_encodings_were_appended_to_is_read_whole() {
        let section = write("A", &[0, 1, 2]);
        let utf16: Vec<u8> = format!("\u{feff}{section}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mixed = [format!("\u{feff}{section}").into_bytes(), utf16].concat();
        let sections = read(&mixed).unwrap();
        assert_eq!(sections.iter().map(|section| &section.der[..]).collect::<Vec<_>>(), [&[0, 1, 2]; 2]);
    }

    /// Every way in which tools and people wrap PEM text, for two sections.
    fn wrapped(text: &str) -> Vec<String> {
        let lines = |end: &str| text.trim_end().lines().collect::<Vec<_>>().join(end);
        vec![
            text.to_owned(),
            format!("\u{feff}{text}"),
            text.replace('\n', "\r\n"),
            text.replace('\n', "\r"),
            text.replace('\n', "\\n"),
            text.replace('\n', "\\r\\n"),
            text.replace('\n', "\\\\n"),
            text.replace('\n', " "),
            text.replace("-----\n-----", "----------"),
            format!("\"{}\"", text.replace('\n', "\\n")),
            format!("'{}'", text.replace('\n', "\\n")),
            format!("{{\"cert\": \"{}\"}}", text.replace('\n', "\\n").replace('/', "\\/")),
            format!("  \"{}\\r\\n\";", lines("\\r\\n\"\n  \"")),
            format!("  \"{}\\n\"", lines("\\n\" +\n  \"")),
            format!("  \"{}\\n\",", lines("\\n\",\n  \"")),
            lines("\\n\\\n"),
            lines("\n    "),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(der in prop::collection::vec(any::<u8>(), 0..200), width in 1_usize..80) {
            let base64 = general_purpose::STANDARD.encode(&der);
            let lines: Vec<_> = base64.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
            let text = format!("-----BEGIN X-----\n{}\n-----END X-----\n", lines.join("\n"));
            let sections = read(text.as_bytes()).unwrap();
            prop_assert_eq!(&sections[0].der[..], &der[..]);
            let written = write("X", &der);
            prop_assert_eq!(&read(written.as_bytes()).unwrap()[0].der[..], &der[..]);
            prop_assert!(written.lines().all(|line| line.len() <= 64));
        }

        #[test]
        fn no_wrapping_loses_a_section(
            one in prop::collection::vec(any::<u8>(), 1..200), other in prop::collection::vec(any::<u8>(), 1..200),
        ) {
            let text = format!("{}{}", write(CERTIFICATE, &one), write("PRIVATE KEY", &other));
            for text in wrapped(&text) {
                for bytes in [text.clone().into_bytes(), text.encode_utf16().flat_map(u16::to_le_bytes).collect()] {
                    let sections = read(&bytes);
                    prop_assert!(sections.is_ok(), "{}", text);
                    let read: Vec<_> = sections.iter().flatten().map(|section| section.der.to_vec()).collect();
                    prop_assert_eq!(read, [one.clone(), other.clone()], "{}", text);
                }
            }
        }

        #[test]
        fn reading_is_total(bytes in prop::collection::vec(any::<u8>(), 0..100), near in "(-----BEGIN A-----|-----END A-----|A:|AA=|\n|-|\\\\n|\"){0,12}") {
            let _ = read(&bytes);
            let _ = read(near.as_bytes());
        }
    }
}
