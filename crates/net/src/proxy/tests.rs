//! URLs and lists, honest and not.

use std::ffi::OsString;

use proptest::prelude::*;

use super::no_proxy::NoProxy;
use super::{EnvironmentProxies, Login, Proxy, ProxyChoice, ProxyError, ProxyKind};

fn parsed(url: &str) -> Proxy {
    Proxy::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

#[test]
fn the_usual_spellings() {
    for (url, shown) in [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("HTTP://proxy.example:3128/", "http://proxy.example:3128"),
        ("http://proxy", "http://proxy:80"),
        ("proxy:3128", "http://proxy:3128"),
        ("socks5://10.0.0.1", "socks5://10.0.0.1:1080"),
        ("socks5h://10.0.0.1:9050", "socks5://10.0.0.1:9050"),
        ("http://[::1]:3128", "http://[::1]:3128"),
        ("http://[::1]", "http://[::1]:80"),
        (" http://u:p@proxy:1 ", "http://proxy:1"),
    ] {
        assert_eq!(parsed(url).to_string(), shown);
    }
}

#[test]
fn user_and_password_are_decoded() {
    let login = |url: &str| parsed(url).login.map(|Login { user, password }| (user, password)).unwrap();
    assert_eq!(login("http://user:pass@h:1"), ("user".into(), "pass".into()));
    assert_eq!(login("http://u%40corp:p%3A%2F%23@h:1"), ("u@corp".into(), "p:/#".into()));
    assert_eq!(login("http://u:p@ss:word@h:1"), ("u".into(), "p@ss:word".into()));
    assert_eq!(login("http://user@h:1"), ("user".into(), String::new()));
    assert!(parsed("http://h:1").login.is_none());
    assert_eq!(parsed("socks5://u:p@h").kind, ProxyKind::Socks5);
}

#[test]
fn what_is_wrong_is_said_without_showing_it() {
    let long = format!("socks5://{}:p@h", "u".repeat(256));
    for (url, expected) in [
        ("", ProxyError::Empty),
        ("https://user:hunter2@proxy:1", ProxyError::Https),
        ("socks4://user:hunter2@proxy:1", ProxyError::Scheme),
        ("hunter2://proxy:1", ProxyError::Scheme),
        ("http://", ProxyError::Host),
        ("http://user:hunter2@", ProxyError::Host),
        ("http://user:hunter2", ProxyError::Port),
        ("http://user:hunter2/@3@proxy one:1", ProxyError::Host),
        ("http://[::1", ProxyError::Host),
        ("http://[hunter2]:1", ProxyError::Host),
        ("http://[::1]hunter2", ProxyError::Path),
        ("http://proxy:0", ProxyError::Port),
        ("http://proxy:70000", ProxyError::Port),
        ("http://proxy:+80", ProxyError::Port),
        ("http://proxy:", ProxyError::Port),
        ("http://proxy:80/hunter2", ProxyError::Path),
        ("http://proxy/?hunter2", ProxyError::Path),
    ] {
        let error = Proxy::parse(url).unwrap_err();
        assert_eq!(error, expected, "{url}");
        assert!(!error.to_string().contains("hunter2"));
    }
    for url in
        ["http://u%0a:p@h", "http://u%3a:p@h", "http://%ff:p@h", "socks5://u@h", "socks5://:p@h", &long]
    {
        assert!(matches!(Proxy::parse(url), Err(ProxyError::Login(_))), "{url}");
    }
}

#[test]
fn no_form_shows_the_password() {
    let proxy = parsed("http://someone:hunter2@proxy:3128");
    let environment = environment(&[("HTTPS_PROXY", "http://someone:hunter2@proxy:3128")]).unwrap();
    let choices = [ProxyChoice::Fixed(proxy.clone().into()), ProxyChoice::Environment(environment.into())];
    for shown in [proxy.to_string(), format!("{proxy:?}"), format!("{choices:#?}")] {
        assert!(!shown.contains("hunter2") && !shown.contains("someone"), "{shown}");
    }
}

fn environment(variables: &[(&'static str, &str)]) -> Result<EnvironmentProxies, ProxyError> {
    EnvironmentProxies::read(|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
    })
}

#[test]
fn the_environment_in_the_order_of_its_names() {
    let shown = |variables: &[(&'static str, &str)]| {
        let proxies = environment(variables).unwrap();
        proxies.for_host("hub.example", 8883).map(ToString::to_string)
    };
    assert_eq!(shown(&[]), None);
    assert_eq!(shown(&[("HTTP_PROXY", "http://a:1")]), None);
    assert_eq!(shown(&[("HTTPS_PROXY", "http://a:1"), ("ALL_PROXY", "socks5://b:2")]).unwrap(), "http://a:1");
    assert_eq!(shown(&[("https_proxy", "c:3"), ("HTTPS_PROXY", "http://a:1")]).unwrap(), "http://c:3");
    assert_eq!(shown(&[("https_proxy", ""), ("ALL_PROXY", "socks5h://b:2")]).unwrap(), "socks5://b:2");
    assert_eq!(shown(&[("HTTPS_PROXY", "http://a:1"), ("NO_PROXY", "example")]), None);
    assert_eq!(shown(&[("HTTPS_PROXY", "http://a:1"), ("no_proxy", "other")]).unwrap(), "http://a:1");
    let error = environment(&[("ALL_PROXY", "https://user:hunter2@a")]).unwrap_err().to_string();
    assert!(error.starts_with("the environment's ALL_PROXY: TLS") && !error.contains("hunter2"), "{error}");
}

#[test]
fn hosts_that_need_no_proxy() {
    for (list, host, port, matches) in [
        ("*", "anything", 1, true),
        ("", "anything", 1, false),
        ("example.com", "example.com", 1, true),
        ("example.com", "hub.example.com", 1, true),
        ("example.com", "notexample.com", 1, false),
        (".example.com", "hub.example.com", 1, true),
        (".example.com", "example.com", 1, true),
        ("*.example.com", "hub.example.com", 1, true),
        ("Example.COM.", "HUB.example.com.", 1, true),
        ("a b,\tc", "c", 1, true),
        ("a b,\tc", "b", 1, true),
        ("hub:8883", "hub", 8883, true),
        ("hub:8883", "hub", 443, false),
        ("hub:no", "hub", 443, false),
        ("10.0.0.0/8", "10.200.3.4", 1, true),
        ("10.0.0.0/8", "11.0.0.1", 1, false),
        ("10.0.0.0/8", "10.example", 1, false),
        ("10.1.2.3", "10.1.2.3", 1, true),
        ("10.1.2.3:443", "10.1.2.3", 1, false),
        ("0.0.0.0/0", "1.2.3.4", 1, true),
        ("0.0.0.0/0", "::1", 1, false),
        ("fe80::/10", "fe80::1", 1, true),
        ("fe80::/10", "fec0::1", 1, false),
        ("::1", "::1", 1, true),
        ("[::1]:443", "::1", 443, true),
        ("::/0", "2001:db8::1", 1, true),
        ("10.0.0.0/33", "10.0.0.0", 1, false),
    ] {
        assert_eq!(NoProxy::parse(list).matches(host, port), matches, "{host}:{port} in {list:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_taken_or_refused(url in ".{0,80}", list in ".{0,80}", host in ".{0,40}", port: u16) {
        let _ = Proxy::parse(&url);
        let _ = Proxy::parse(&format!("http://{url}"));
        NoProxy::parse(&list).matches(&host, port);
    }

    #[test]
    fn a_login_survives_its_encoding(user in "[^:\\p{Cc}]{1,40}", password in "[^\\p{Cc}]{1,40}") {
        let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let url = format!("socks5://{}:{}@proxy:1", encode(&user), encode(&password));
        let login = parsed(&url).login.unwrap();
        prop_assert_eq!((login.user, login.password), (user, password));
    }

    #[test]
    fn an_address_is_in_its_own_networks(address: std::net::IpAddr, bits in 0u8..=128) {
        let bits = if address.is_ipv4() { bits.min(32) } else { bits };
        let list = NoProxy::parse(&format!("{address}/{bits}"));
        prop_assert!(list.matches(&address.to_string(), 1));
    }
}
