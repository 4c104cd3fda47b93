//! What the certificates say that a server showed.

use azmqtt_net::certificate::{AlternativeNames, CertificateFacts, CertificateNames, in_utc};
use azmqtt_net::excerpt::excerpt;

/// Certificates of a chain that are looked at.
const MAX_CERTIFICATES: usize = 10;
/// The longest name shown, in characters.
const MAX_NAME: usize = 200;
/// Host names of a certificate that are shown.
const SHOWN_NAMES: usize = 10;

/// One certificate of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) subject: String,
    pub(super) issuer: String,
    /// The hosts that it is for: names and addresses.
    pub(super) hosts: Vec<String>,
    /// In Unix seconds.
    pub(super) not_before: u64,
    /// In Unix seconds.
    pub(super) not_after: u64,
}

impl Shown {
    fn read(der: &[u8]) -> Option<Self> {
        let (names, facts) = (CertificateNames::read(der)?, CertificateFacts::read(der)?);
        let alternative = AlternativeNames::read(der);
        let addresses = alternative.ip.iter().map(ToString::to_string);
        Some(Self {
            subject: name(&names.subject),
            issuer: name(&names.issuer),
            hosts: alternative.dns.iter().map(|name| excerpt(name, MAX_NAME)).chain(addresses).collect(),
            not_before: facts.not_before,
            not_after: facts.not_after,
        })
    }

    /// Whether it is valid at `now`, in Unix seconds.
    pub(super) fn is_valid(&self, now: u64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    pub(super) fn in_words(&self) -> String {
        let Self { subject, issuer, not_before, not_after, .. } = self;
        let (from, to) = (in_utc(*not_before), in_utc(*not_after));
        format!("{subject}, issued by {issuer}, valid from {from} to {to}")
    }

    /// The hosts that it is for, if it names any.
    pub(super) fn hosts_in_words(&self) -> Option<String> {
        let shown = self.hosts.get(..SHOWN_NAMES).unwrap_or(&self.hosts).join(", ");
        let more = self.hosts.len().saturating_sub(SHOWN_NAMES);
        match (self.hosts.len(), more) {
            (0, _) => None,
            (_, 0) => Some(shown),
            (_, more) => Some(format!("{shown} and {more} more")),
        }
    }
}

/// The certificates of a chain that can be read, the server's own first.
pub(super) fn read<'a>(chain: impl IntoIterator<Item = &'a [u8]>) -> Vec<Shown> {
    chain.into_iter().take(MAX_CERTIFICATES).filter_map(Shown::read).collect()
}

fn name(name: &str) -> String {
    match name {
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
        assert_eq!(shown.hosts_in_words(), None);
    }

    #[test]
    fn hosts_are_named_up_to_a_number() {
        let key = rcgen::KeyPair::generate().unwrap();
        let hosts: Vec<_> = (1..=12).map(|n| format!("h{n}.example")).collect();
        let made = rcgen::CertificateParams::new(hosts).unwrap().self_signed(&key).unwrap();
        let [shown] = read([made.der().as_ref()]).try_into().unwrap();
        let words = shown.hosts_in_words().unwrap();
        assert!(
            words.starts_with("h1.example, h2.example") && words.ends_with("h10.example and 2 more"),
            "{words}"
        );
    }
}
