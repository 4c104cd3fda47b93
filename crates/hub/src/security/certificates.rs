//! The hub's certificate authority and the names of its server.

use std::fs;
use std::net::IpAddr;
use std::sync::Arc;

use tokio_rustls::rustls::ServerConfig;

use super::client_certificates::Authorities;
use super::tls_rules::HostKind;
use crate::config::HubConfig;
use crate::error::HubError;
use crate::storage::state_dir::{CA_KEY_FILE, StateDir};
use azmqtt_local::certificate_authority::Authority;
use azmqtt_local::files::{read_if_there, write_whole};

/// Makes a new authority.
pub fn generate() -> Result<Authority, HubError> {
    Ok(Authority::generate("azmqtt local hub test authority")?)
}

/// The authority that a state directory keeps, made at the first call ever.
pub fn load(dir: &StateDir) -> Result<Authority, HubError> {
    let (path, key_path) = (dir.ca_file(), dir.ca_key_file());
    let Some(certificate) = read_if_there(&path)? else {
        let authority = generate()?;
        // The key goes first: a crash in between leaves no certificate, and the next start makes both anew.
        write_whole(&key_path, authority.key.as_bytes())?;
        write_whole(&path, authority.certificate.as_bytes())?;
        return Ok(authority);
    };
    let key = fs::read(&key_path).map_err(|error| HubError::file(&key_path, error))?;
    let text = |path, bytes| String::from_utf8(bytes).map_err(|_| HubError::corrupt(path, "not text"));
    let authority = Authority { certificate: text(&path, certificate)?, key: text(&key_path, key)? };
    let both = format!("it and {CA_KEY_FILE} are not a certificate and its key");
    check(&authority).map_err(|error| HubError::corrupt(&path, format!("{both}: {error}")))?;
    Ok(authority)
}

/// Whether certificate and key can be read and belong together, with nothing damaged behind them; the reason if not.
pub fn check(authority: &Authority) -> Result<(), String> {
    authority.check()?;
    // That reads the first certificate; what follows it may be damaged.
    Authorities::default().add(authority.certificate.as_bytes()).map_err(|error| error.to_string())
}

/// The TLS side of the hub. The first of `names` is the hub's and decides on the rules.
pub fn server_config(authority: &Authority, names: &[String]) -> Result<Arc<ServerConfig>, HubError> {
    let kind = HostKind::of(names.first().map_or("", String::as_str));
    Ok(authority.server_config(names, kind.provider(), kind.versions())?)
}

/// The names a server certificate is for: the hub's own, the loopback's, and the addresses it listens on.
pub fn server_names(config: &HubConfig) -> Vec<String> {
    let mut names = vec![config.hostname.clone()];
    let hosts = [Some(&config.host), config.provisioning.host.as_ref()];
    let hosts = hosts.into_iter().flatten().map(String::as_str);
    for name in ["localhost", "127.0.0.1", "::1"].into_iter().chain(hosts) {
        let unspecified = name.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
        if !unspecified && !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_is_followed_by_half_of_another_is_damaged() {
        let made = generate().unwrap();
        let half = &made.certificate[..made.certificate.len() / 2];
        let damaged = Authority { certificate: format!("{}{half}", made.certificate), key: made.key.clone() };
        assert!(check(&damaged).is_err());
    }

    #[test]
    fn the_certificate_covers_every_way_to_dial() {
        let names = |hostname: &str, host: &str, provisioning: Option<&str>| {
            let mut config =
                HubConfig { hostname: hostname.into(), host: host.into(), ..HubConfig::default() };
            config.provisioning.host = provisioning.map(str::to_owned);
            server_names(&config)
        };
        assert_eq!(names("localhost", "127.0.0.1", None), ["localhost", "127.0.0.1", "::1"]);
        assert_eq!(names("my.hub", "0.0.0.0", None), ["my.hub", "localhost", "127.0.0.1", "::1"]);
        assert_eq!(names("localhost", "10.0.0.5", None).last().unwrap(), "10.0.0.5");
        assert_eq!(names("localhost", "127.0.0.1", Some("127.0.0.2")).last().unwrap(), "127.0.0.2");
    }
}
