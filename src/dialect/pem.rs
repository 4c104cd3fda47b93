//! PEM, the text form of certificates and keys (RFC 7468), read as leniently as files in the field need: text around
//! the sections, headers in them, any width of lines.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The label of a certificate's section.
pub const CERTIFICATE: &str = "CERTIFICATE";

/// One section. Its content may be a private key: it is wiped when dropped, and `Debug` does not show it.
pub struct Section {
    /// What stands between `-----BEGIN ` and `-----`.
    pub label: String,
    /// Whether a header says that the content is encrypted in OpenSSL's old way (RFC 1421 §4.6.1.1).
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

/// Reads every section of `text`, which may have none.
pub fn read(text: &[u8]) -> Result<Vec<Section>, DamagedSection> {
    let mut sections: Vec<Section> = Vec::new();
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    while let Some(line) = lines.next() {
        let Some(label) = boundary(line, b"-----BEGIN ") else { continue };
        let damaged = DamagedSection { position: sections.len() + 1 };
        let mut legacy_encrypted = false;
        let mut base64 = Zeroizing::new(Vec::new());
        loop {
            let line = lines.next().ok_or_else(|| damaged.clone())?;
            if let Some(end) = boundary(line, b"-----END ") {
                if end != label {
                    return Err(damaged);
                }
                break;
            }
            if line.contains(&b':') {
                legacy_encrypted |= line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED");
            } else {
                base64.extend_from_slice(line);
            }
        }
        let der = BASE64.decode(&*base64).map_err(|_| damaged.clone())?;
        let label = String::from_utf8(label.to_vec()).map_err(|_| damaged)?;
        sections.push(Section { label, legacy_encrypted, der: Zeroizing::new(der) });
    }
    Ok(sections)
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

fn boundary<'a>(line: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(start)?.strip_suffix(b"-----")
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
        assert_eq!((&sections[1].der[..], sections[1].legacy_encrypted), (&[0][..], true));
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
        ] {
            assert_eq!(read(bad.as_bytes()).unwrap_err().position, 1, "{bad}");
            assert_eq!(read(format!("{good}{bad}").as_bytes()).unwrap_err().position, 2, "{bad}");
        }
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
        fn reading_is_total(bytes in prop::collection::vec(any::<u8>(), 0..100), near in "(-----BEGIN A-----|-----END A-----|A:|AA=|\n|-){0,12}") {
            let _ = read(&bytes);
            let _ = read(near.as_bytes());
        }
    }
}
