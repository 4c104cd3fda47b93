//! What streams are negotiated with.

use std::ffi::OsString;

use azmqtt_net::connect::fuzzing::{answer_head, pass_socks5};
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

/// The heads of HTTP answers.
pub fn answer_heads(data: &[u8]) -> bool {
    let Ok(Some((status, length))) = answer_head(data) else { return false };
    assert_eq!(answer_head(&data[..length]), Ok(Some((status, length))), "it ends where it ends");
    // One that is not whole yet is not refused, or the answer would depend on how it was cut.
    assert_eq!(answer_head(&data[..length - 1]), Ok(None));
    true
}

/// What a SOCKS5 proxy answers, to a client without a login and to one with it.
pub fn socks5_answers(data: &[u8]) -> bool {
    let outcomes = [None, Some(("user", "password"))].map(|login| pass_socks5(data, login));
    for rest in outcomes.iter().flatten() {
        let read = data.len() - rest.len();
        assert!(read <= 2 + 2 + 5 + 255 + 2, "it takes no more than the protocol has");
    }
    outcomes.iter().any(Result::is_ok)
}
