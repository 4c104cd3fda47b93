//! What the certificates say that a server showed.

use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

use azmqtt_dialect::encoding::excerpt;
use azmqtt_dialect::time::format_utc;

/// Certificates of a chain that are looked at.
const MAX_CERTIFICATES: usize = 10;
/// The longest name shown, in characters.
const MAX_NAME: usize = 200;

/// One certificate of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) subject: String,
    pub(super) issuer: String,
    /// In Unix seconds.
    pub(super) not_before: u64,
    /// In Unix seconds.
    pub(super) not_after: u64,
}

impl Shown {
    fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let seconds = |seconds: i64| u64::try_from(seconds).unwrap_or_default();
        Some(Self {
            subject: name(certificate.subject()),
            issuer: name(certificate.issuer()),
            not_before: seconds(certificate.validity().not_before.timestamp()),
            not_after: seconds(certificate.validity().not_after.timestamp()),
        })
    }

    /// Whether it is valid at `now`, in Unix seconds.
    pub(super) fn is_valid(&self, now: u64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    pub(super) fn in_words(&self) -> String {
        let Self { subject, issuer, not_before, not_after } = self;
        let (from, to) = (format_utc(*not_before), format_utc(*not_after));
        format!("{subject}, issued by {issuer}, valid from {from} to {to}")
    }
}

/// The certificates of a chain that can be read, the server's own first.
pub(super) fn read<'a>(chain: impl IntoIterator<Item = &'a [u8]>) -> Vec<Shown> {
    chain.into_iter().take(MAX_CERTIFICATES).filter_map(Shown::read).collect()
}

fn name(name: &X509Name<'_>) -> String {
    match name.to_string().as_str() {
        "" => "(no name)".to_owned(),
        name => excerpt(name, MAX_NAME),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_can() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, "a\nb");
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        let made = params.self_signed(&key).unwrap();
        let [shown] = read([b"rubbish".as_slice(), made.der()]).try_into().unwrap();
        assert!(shown.subject.contains("a\u{fffd}b") && shown.issuer.contains("a\u{fffd}b"), "{shown:?}");
        assert!(!shown.is_valid(1_700_000_000) && shown.is_valid(978_000_000));
        assert!(shown.in_words().contains("to 2001-01-01T00:00:00Z"));
    }
}
