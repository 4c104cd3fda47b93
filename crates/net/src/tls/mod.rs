//! TLS: which server certificates are accepted, and what else a client's side is made of.
//!
//! * [`Trust`]: the roots; alone, as in [`crate::Endpoint`], they make a careful client.
//! * [`TlsOptions`]: TLS as strict as an application asks for.
//! * [`Verification`]: what the one verifier behind both checks.

mod options;
mod trust;
mod verifier;

use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

pub use self::options::TlsOptions;
pub use self::trust::{BoxFuture, Hints, RootSource, Trust, TrustError, bundled_certificates, checked_pem};
pub(crate) use self::verifier::Fault;
pub use self::verifier::Verification;
use self::verifier::{Anchors, ServerVerifier};

/// The versions of TLS that are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// 1.2 and 1.3.
    All,
    /// 1.2 alone.
    OnlyTls12,
}

/// A configuration whose server certificates the one verifier judges.
fn client_config(anchors: Arc<Anchors>, verification: Verification, versions: Versions) -> ClientConfig {
    let versions: &[&SupportedProtocolVersion] = match versions {
        Versions::All => &[&TLS13, &TLS12],
        Versions::OnlyTls12 => &[&TLS12],
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap_or_else(|_| unreachable!("ring speaks TLS 1.2 and 1.3"));
    let verifier = ServerVerifier::new(anchors, verification);
    builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
}

/// A configuration that takes every certificate: for looks at what a server shows, and nothing else.
pub(crate) fn lenient() -> Arc<ClientConfig> {
    let nobody = Arc::new(Anchors::new(RootCertStore::empty(), Vec::new()));
    Arc::new(client_config(nobody, Verification::Nothing, Versions::All))
}
