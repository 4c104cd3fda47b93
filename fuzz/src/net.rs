//! What streams are negotiated with.

use std::ffi::OsString;

use azmqtt_net::websocket::has_token;
use azmqtt_net::{EnvironmentProxies, Proxy};

use super::text;

/// Lists of tokens in fields of an HTTP head, one a line.
pub fn header_tokens(data: &[u8]) -> bool {
    let found = has_token(data.split(|byte| *byte == b'\n'), "upgrade");
    // Fields of one name are one list (RFC 9110 §5.3).
    let joined: Vec<u8> = data.iter().map(|byte| if *byte == b'\n' { b',' } else { *byte }).collect();
    assert_eq!(has_token([joined.as_slice()], "UPGRADE"), found);
    found
}

/// A proxy's URL, a list of hosts that are reached without it, and a host; each a line.
pub fn proxies(data: &[u8]) -> bool {
    let text = text(data);
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (url, except, host) = (line(), line(), line());
    let parsed = Proxy::parse(url);
    if let Ok(proxy) = &parsed {
        let shown = proxy.to_string();
        let again = Proxy::parse(&shown).expect("what errors show is a URL");
        assert_eq!(again.to_string(), shown);
    }
    let variable = |name: &'static str| match name {
        "https_proxy" => Some(OsString::from(url)),
        "no_proxy" => Some(OsString::from(except)),
        _ => None,
    };
    if let Ok(proxies) = EnvironmentProxies::read(variable) {
        let _ = proxies.for_host(host, 8883);
    }
    parsed.is_ok()
}
