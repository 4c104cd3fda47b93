//! What to do about a step that failed.

use super::chain::Shown;
use azmqtt_net::Step;

/// What was seen until then.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// MQTT goes over a WebSocket.
    pub(super) websocket: bool,
    /// The connection goes through a proxy.
    pub(super) proxy: bool,
    /// The port of the connection.
    pub(super) port: u16,
    /// Why the host is the wrong one, if that is known.
    pub(super) wrong_host: Option<String>,
    /// Port 443 can be connected to, where that was tried.
    pub(super) https: Option<bool>,
    /// What the server showed.
    pub(super) chain: Vec<Shown>,
    /// What is known of this machine's clock, if it is wrong.
    pub(super) clock: Option<String>,
    /// Unix seconds.
    pub(super) now: u64,
}

/// What to do when `step` failed; `None` where the failure's own words say it.
pub(super) fn advise(step: Step, failure: &str, seen: &Seen) -> Option<String> {
    if seen.wrong_host.is_some() {
        return seen.wrong_host.clone();
    }
    let clock = seen.clock.as_ref().map(|words| format!("{words}; set it"));
    match step {
        Step::Dns => Some(
            "check the host name, and this machine's DNS; behind a company proxy, which resolves names itself, pass \
             --proxy"
                .to_owned(),
        ),
        Step::Tcp if seen.proxy => Some("check the proxy's address and port".to_owned()),
        Step::Tcp if !seen.websocket && seen.https == Some(true) => Some(format!(
            "port {} is blocked, as in many company networks, and 443 is open: try --websocket",
            seen.port
        )),
        Step::Tcp => Some(
            "a firewall, no way to the network, or a server that is down; behind a company proxy pass --proxy, and \
             --websocket"
                .to_owned(),
        ),
        Step::Proxy if failure.contains("407") => {
            Some("put the user name and the password into the proxy's URL: --proxy http://user:password@host:port".to_owned())
        }
        Step::Tls => certificate(failure, seen, clock),
        Step::WebSocket if seen.proxy => None,
        Step::Mqtt if clock.is_some() => clock,
        Step::Mqtt if failure.contains("no CONNACK") && !seen.websocket => {
            Some("something on the way lets TLS through but not MQTT: try --websocket".to_owned())
        }
        Step::Proxy | Step::TrustBundle | Step::WebSocket | Step::Credentials | Step::Mqtt => None,
    }
}

fn certificate(failure: &str, seen: &Seen, clock: Option<String>) -> Option<String> {
    if failure.contains("wants a client certificate") {
        return Some("pass --certificate and --private-key".to_owned());
    }
    if failure.contains("if it takes MQTT without TLS") {
        return Some(
            "check the port: 8883 is the usual port of MQTT with TLS; for a broker without TLS pass --no-tls"
                .to_owned(),
        );
    }
    if failure.contains("refused the client certificate") {
        return Some(
            "the server does not trust its issuer, or considers it expired: check the authorities that the server is configured with".to_owned(),
        );
    }
    let own = seen.chain.first()?;
    if let Some(out_of_time) = seen.chain.iter().find(|shown| !shown.is_valid(seen.now)) {
        let words = out_of_time.in_words();
        return Some(clock.unwrap_or_else(|| {
            format!("check this machine's clock; if it is right, the server's certificate is not: {words}")
        }));
    }
    // These say what to do.
    if failure.contains("subjectAltName") || failure.contains("this very certificate") {
        return None;
    }
    if failure.contains("another host name") {
        let hosts = own.hosts_in_words().map(|hosts| format!(", for {hosts}")).unwrap_or_default();
        return Some(format!("the certificate is that of {}{hosts}: check the host name", own.subject));
    }
    // What signed the last one that the server sent is the root that this machine would have to know.
    let root = &seen.chain.last().unwrap_or(own).issuer;
    Some(format!(
        "the certificate was issued by {}, and the root {root} is not trusted: if that is your company's, its network \
         looks into TLS, and its root must be passed with --trust; for a local hub or a gateway, pass its CA with --trust",
        own.issuer
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(not_after: u64) -> Shown {
        Shown {
            subject: "CN=hub".into(),
            issuer: "CN=Contoso Inspection".into(),
            hosts: vec!["hub.example".into()],
            not_before: 0,
            not_after,
        }
    }

    fn seen(https: Option<bool>, not_after: u64) -> Seen {
        Seen { https, chain: vec![shown(not_after)], now: 100, ..Seen::default() }
    }

    #[test]
    fn a_blocked_port() {
        assert!(advise(Step::Tcp, "", &seen(Some(true), 200)).unwrap().contains("--websocket"));
        assert!(advise(Step::Tcp, "", &seen(Some(false), 200)).unwrap().contains("firewall"));
        let wrong = Seen { wrong_host: Some("elsewhere".into()), ..seen(Some(true), 200) };
        assert_eq!(advise(Step::Tcp, "", &wrong).unwrap(), "elsewhere");
        let proxied = Seen { proxy: true, ..Seen::default() };
        assert!(advise(Step::Tcp, "", &proxied).unwrap().contains("proxy's address"));
    }

    #[test]
    fn certificates() {
        let inspected = advise(Step::Tls, "it does not chain to a trusted root", &seen(None, 200)).unwrap();
        assert!(inspected.contains("Contoso Inspection") && inspected.contains("--trust"), "{inspected}");
        assert!(advise(Step::Tls, "x", &seen(None, 50)).unwrap().contains("clock"));
        let late = Seen { clock: Some("this machine's clock is 1 h slow".into()), ..seen(None, 50) };
        assert_eq!(advise(Step::Tls, "x", &late).unwrap(), "this machine's clock is 1 h slow; set it");
        let other = advise(Step::Tls, "is for another host name", &seen(None, 200)).unwrap();
        assert!(other.contains("CN=hub, for hub.example"), "{other}");
        let refused =
            advise(Step::Tls, "the server refused the client certificate", &seen(None, 200)).unwrap();
        assert!(!refused.contains("--trust"), "{refused}");
        assert_eq!(advise(Step::Tls, "no TLS at all", &Seen::default()), None);
        assert_eq!(advise(Step::Tls, "it has no subjectAltName", &seen(None, 200)), None);
    }
}
