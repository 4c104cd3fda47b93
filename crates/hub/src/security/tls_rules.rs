//! Which TLS the hub speaks under its name (IoT Hub docs, "TLS support in IoT Hub").

use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::ring::{self, cipher_suite};
use tokio_rustls::rustls::{SupportedCipherSuite, SupportedProtocolVersion, version};

/// A kind of host name. Each has rules of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostKind {
    /// `{hub}.azure-devices.net`: TLS 1.2 and nothing else.
    Classic,
    /// `{hub}.device.azure-devices.net` and `{hub}.service.azure-devices.net`: TLS 1.3 too.
    Split,
    /// A name that no hub in Azure has, `localhost` for one: whatever can be spoken.
    Local,
}

impl HostKind {
    pub(crate) fn of(hostname: &str) -> Self {
        let mut labels = hostname.split('.').skip(1).map(str::to_ascii_lowercase);
        match labels.next().as_deref() {
            // Other clouds have other ends.
            Some("azure-devices") => Self::Classic,
            Some("device" | "service") if labels.next().as_deref() == Some("azure-devices") => Self::Split,
            _ => Self::Local,
        }
    }

    /// The versions of TLS, the better one first.
    pub(crate) fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
        match self {
            Self::Classic => &BOTH[1..],
            Self::Split | Self::Local => &BOTH,
        }
    }

    /// The cipher suites: of TLS 1.2 those with AES-GCM, for a name of Azure's. The service has the ones with AES-CBC as
    /// well, which rustls does not.
    pub(crate) fn provider(self) -> CryptoProvider {
        let mut provider = ring::default_provider();
        if self != Self::Local {
            provider.cipher_suites.retain(|suite| is_of_the_service(*suite));
        }
        provider
    }
}

fn is_of_the_service(suite: SupportedCipherSuite) -> bool {
    let old = [
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ];
    suite.tls13().is_some() || old.contains(&suite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_rules() {
        for (name, kind) in [
            ("myhub.azure-devices.net", HostKind::Classic),
            ("MyHub.Azure-Devices.net", HostKind::Classic),
            ("myhub.azure-devices.cn", HostKind::Classic),
            ("myhub.device.azure-devices.net", HostKind::Split),
            ("myhub.service.azure-devices.net", HostKind::Split),
            ("localhost", HostKind::Local),
            ("127.0.0.1", HostKind::Local),
            ("my.device.example", HostKind::Local),
            ("", HostKind::Local),
        ] {
            assert_eq!(HostKind::of(name), kind, "{name}");
        }
    }

    #[test]
    fn the_suites_of_the_service() {
        assert_eq!(
            HostKind::Classic.provider().cipher_suites.iter().filter(|s| s.tls13().is_none()).count(),
            4
        );
        assert!(
            HostKind::Local.provider().cipher_suites.len() > HostKind::Split.provider().cipher_suites.len()
        );
    }
}
