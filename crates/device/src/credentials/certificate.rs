//! What the hub's refusal of a client certificate usually means.

use azmqtt_dialect::time::format_utc;
use azmqtt_dialect::x509::Thumbprint;
use azmqtt_net::ClientCertificate;

pub(super) fn explain_refusal(certificate: &ClientCertificate, now: u64) -> String {
    if certificate.not_after() <= now {
        return format!("the client certificate has expired ({})", format_utc(certificate.not_after()));
    }
    if certificate.not_before() > now {
        let from = format_utc(certificate.not_before());
        return format!(
            "by this machine's clock the client certificate is not valid before {from}: is the clock right?"
        );
    }
    let name = certificate.common_name().map_or("no common name".into(), |name| format!("CN {name}"));
    let thumbprint = Thumbprint::sha256(certificate.der());
    format!(
        "does the device exist on this hub with X.509 authentication, and is this certificate the one \
         registered there ({name}, SHA-256 thumbprint {thumbprint})? One that is signed by an authority needs \
         the device's id as its CN and the authority verified on the hub"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_explained_by_the_clock_where_it_can_be() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, "dev1");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2050, 1, 1);
        let pem = params.self_signed(&key).unwrap().pem() + &key.serialize_pem();
        let loaded = ClientCertificate::from_pem(pem.as_bytes(), None, None, 1_700_000_000).unwrap();
        let explained = |now| explain_refusal(&loaded, now);
        assert!(explained(1_700_000_000).contains("CN dev1, SHA-256 thumbprint"));
        assert!(explained(2_600_000_000).contains("has expired (2050-01-01T00:00:00Z)"));
        assert!(explained(1).contains("not valid before 2020-01-01T00:00:00Z: is the clock right?"));
    }
}
