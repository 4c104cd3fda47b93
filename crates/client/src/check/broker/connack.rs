//! The broker's answer to CONNECT: what to do about a refusal, and what an acceptance announces.

use super::host::Owner;
use crate::check::report::Fact;
use crate::managed::{Accepted, Config, Error};
use azmqtt_mqtt::{Level, ReasonCode};
use azmqtt_net::excerpt::excerpt;

/// The longest text of the broker's that is shown, in characters.
const MAX_SHOWN: usize = 200;

/// CONNACK's code in an error, if it was that.
pub(super) fn code_of(error: &Error) -> Option<ReasonCode> {
    match error {
        Error::ConnectionFailed { code, .. } | Error::AuthenticationFailed { code, .. } => *code,
        Error::ServerMoved { code, .. } => Some(*code),
        _ => None,
    }
}

/// What to do about a refusal. `doubts` are what the credentials made one think.
pub(super) fn advise(code: ReasonCode, config: &Config, doubts: &[String]) -> Option<String> {
    let other = if config.level == Level::Mqtt5 { 4 } else { 5 };
    let advice = match code {
        ReasonCode::MalformedPacket | ReasonCode::ProtocolError => {
            format!("the broker does not understand the CONNECT: try --protocol {other}")
        }
        ReasonCode::ImplementationSpecificError => {
            let known = "; Event Grid answers so to user properties there, which bridges like to add";
            format!("the broker does not accept a part of the CONNECT{}", of_event_grid(config, known))
        }
        ReasonCode::UnsupportedProtocolVersion => {
            format!("the broker does not speak this version of MQTT: try --protocol {other}")
        }
        ReasonCode::ClientIdentifierNotValid if config.client_id.is_empty() => {
            "the broker does not assign client ids: pass --client-id".to_owned()
        }
        ReasonCode::ClientIdentifierNotValid => {
            "the broker does not allow this --client-id: its length, its characters, or that name".to_owned()
        }
        ReasonCode::BadUserNameOrPassword | ReasonCode::NotAuthorized => unauthorized(config, doubts),
        ReasonCode::ServerUnavailable => {
            let known =
                "; with webhook authentication, the endpoint failed or took longer than about 5 s to answer";
            format!("the broker has an internal problem: try again later{}", of_event_grid(config, known))
        }
        ReasonCode::ServerBusy | ReasonCode::ServerShuttingDown => "try again later".to_owned(),
        ReasonCode::ConnectionRateExceeded => {
            "too many connections in a time: try again later, and have clients back off".to_owned()
        }
        ReasonCode::Banned => "the broker has banned this client: ask its operator".to_owned(),
        ReasonCode::BadAuthenticationMethod => method(config),
        ReasonCode::PacketTooLarge => "the CONNECT is too large: how long is the token?".to_owned(),
        ReasonCode::QuotaExceeded => {
            let known = ", or raise the namespace's throughput units";
            let known = of_event_grid(config, known);
            format!(
                "the broker has reached its limit of sessions or clients: wait until sessions expire{known}"
            )
        }
        ReasonCode::UseAnotherServer | ReasonCode::ServerMoved => {
            "pass the host that the broker names as --hostname".to_owned()
        }
        _ => return None,
    };
    Some(advice)
}

/// The broker does not let the client in, and does not say which of many reasons it has.
fn unauthorized(config: &Config, doubts: &[String]) -> String {
    let mut advice = doubts.to_vec();
    let has_certificate = config.broker.endpoint().client_certificate.is_some();
    if config.authenticator.is_none() && config.password.is_none() && !has_certificate {
        advice.push("the client sent no credentials: pass a certificate, a password or a token".to_owned());
    }
    let known = match Owner::of(config) {
        Owner::EventGrid => {
            "--username must be the authentication name of a client that exists and is enabled; a session of this client \
             id that belongs to another name refuses it until it expires; and so does a session of the same name with \
             another client id, as long as maximumClientSessionsPerAuthenticationName is 1"
        }
        Owner::IotOperations => {
            "the listener's BrokerAuthentication must have a method for these credentials (ServiceAccountToken with the \
             token's audience, X509 with the certificate's CA, Custom), and its BrokerAuthorization a rule that allows \
             this client to Connect"
        }
        Owner::Unknown => {
            "check user name, password, certificate or token, and the client's permissions on the broker"
        }
    };
    advice.push(known.to_owned());
    advice.join("; ")
}

/// What is known of Event Grid alone.
fn of_event_grid<'a>(config: &Config, known: &'a str) -> &'a str {
    if Owner::of(config) == Owner::EventGrid { known } else { "" }
}

fn method(config: &Config) -> String {
    let known = "OAUTH2-JWT and CUSTOM-JWT are Event Grid's, K8S-SAT is that of IoT Operations with ServiceAccountToken \
                 in its BrokerAuthentication";
    match &config.authenticator {
        Some(authenticator) => {
            format!("the broker does not support the method {}: {known}", authenticator.method())
        }
        None => format!("the broker requires a token: pass --token-file and --method; {known}"),
    }
}

/// What to do when the broker ended the connection instead of an answer.
pub(super) fn advise_on_silence(failure: &str, config: &Config) -> Option<String> {
    const TLS: &str =
        "check the port: 1883 is the usual port of MQTT without TLS; for a broker with TLS omit --no-tls";
    if failure.contains("answers in TLS") {
        return Some(TLS.to_owned());
    }
    if !failure.contains("before its CONNACK") || failure.contains("HTTP") {
        return None;
    }
    let closed = match config.level {
        Level::Mqtt5 => {
            "some brokers without MQTT 5 close the connection like this: try --protocol 4; or the credentials are wrong"
        }
        Level::Mqtt31 | Level::Mqtt311 => {
            "some brokers close the connection like this instead of refusing credentials or an unsupported CONNECT"
        }
    };
    Some(if config.broker.is_encrypted() { closed.to_owned() } else { format!("{closed}; or {TLS}") })
}

/// What the broker announced when it accepted.
pub(super) fn announced(accepted: &Accepted, config: &Config) -> Vec<Fact> {
    let session = if accepted.session_present { "the one of before" } else { "a new one" };
    let mut facts = vec![("session", session.to_owned())];
    if config.level != Level::Mqtt5 {
        return facts;
    }
    let properties = &accepted.properties;
    let seconds = |seconds: u32| match seconds {
        u32::MAX => "never".to_owned(),
        seconds => format!("{seconds} s"),
    };
    // What is absent has the value of the standard (§3.2.2.3), or the one that was asked for.
    let yes = |flag: Option<bool>| if flag.unwrap_or(true) { "yes" } else { "no" }.to_owned();
    let keep_alive = properties.server_keep_alive().unwrap_or(config.keep_alive);
    let maximum_qos = match properties.maximum_qos() {
        None => "2",
        Some(true) => "1",
        Some(false) => "0",
    };
    let packet_size = properties.maximum_packet_size();
    facts.extend([
        ("session expiry", seconds(properties.session_expiry().unwrap_or(config.session_expiry))),
        ("keep alive", format!("{keep_alive} s")),
        ("receive maximum", properties.receive_maximum().unwrap_or(u16::MAX).to_string()),
        ("maximum QoS", maximum_qos.to_owned()),
        (
            "maximum packet size",
            packet_size.map_or_else(|| "not limited".to_owned(), |size| format!("{size} bytes")),
        ),
        ("topic alias maximum", properties.topic_alias_maximum().unwrap_or(0).to_string()),
        ("retained messages", yes(properties.retain_available())),
        ("wildcards", yes(properties.wildcard_available())),
        ("shared subscriptions", yes(properties.shared_available())),
        ("subscription identifiers", yes(properties.subscription_ids_available())),
    ]);
    let texts = [
        ("assigned client id", properties.assigned_client_id()),
        ("response information", properties.response_information()),
        ("server reference", properties.server_reference()),
        ("reason", properties.reason_string()),
    ];
    facts.extend(texts.into_iter().filter_map(|(name, text)| Some((name, excerpt(text?, MAX_SHOWN)))));
    facts
}

#[cfg(test)]
mod tests {
    use azmqtt_mqtt::{Properties, PropertiesBuilder};
    use azmqtt_net::{ConnectDeadlines, Endpoint};

    use super::*;
    use crate::broker::Broker;

    const NAMESPACE: &str = "ns.westeurope-1.ts.eventgrid.azure.net";

    fn config(host: &str) -> Config {
        Config::new(Broker::plain(Endpoint::new(host, 1883), ConnectDeadlines::default()), "one")
    }

    #[test]
    fn a_refusal_names_what_was_suspected_first() {
        let config = config(NAMESPACE);
        let doubts = ["the audience is wrong".to_owned()];
        for code in [ReasonCode::NotAuthorized, ReasonCode::BadUserNameOrPassword] {
            let advice = advise(code, &config, &doubts).unwrap();
            assert!(advice.starts_with("the audience is wrong; the client sent no credentials"), "{advice}");
            for hint in ["authentication name", "is enabled", "another name", "another client id"] {
                assert!(advice.contains(hint), "{hint}: {advice}");
            }
        }
    }

    #[test]
    fn a_refusal_speaks_of_what_the_host_has() {
        let advice = |host: &str| advise(ReasonCode::NotAuthorized, &config(host), &[]).unwrap();
        let (namespace, cluster, other) =
            (advice(NAMESPACE), advice("aio-broker.azure-iot-operations"), advice("localhost"));
        for (text, own, others) in [
            (
                &namespace,
                "maximumClientSessionsPerAuthenticationName",
                ["BrokerAuthentication", "check user"],
            ),
            (&cluster, "BrokerAuthentication", ["maximumClientSessions", "check user"]),
            (&other, "check user name, password", ["maximumClientSessions", "BrokerAuthentication"]),
        ] {
            assert!(text.contains(own), "{text}");
            assert!(!others.iter().any(|other| text.contains(other)), "{text}");
        }
    }

    #[test]
    fn only_a_namespace_has_the_causes_of_event_grid() {
        for (code, cause) in [
            (ReasonCode::ImplementationSpecificError, "user properties"),
            (ReasonCode::ServerUnavailable, "webhook"),
            (ReasonCode::QuotaExceeded, "throughput units"),
        ] {
            assert!(advise(code, &config(NAMESPACE), &[]).unwrap().contains(cause));
            assert!(!advise(code, &config("localhost"), &[]).unwrap().contains(cause));
        }
    }

    #[test]
    fn what_a_code_is_usually_about() {
        let mut config = config("localhost");
        for (code, hint) in [
            (ReasonCode::ImplementationSpecificError, "of the CONNECT"),
            (ReasonCode::UnsupportedProtocolVersion, "--protocol 4"),
            (ReasonCode::ServerUnavailable, "try again later"),
            (ReasonCode::BadAuthenticationMethod, "--method"),
            (ReasonCode::QuotaExceeded, "sessions"),
            (ReasonCode::ServerMoved, "--hostname"),
            (ReasonCode::ClientIdentifierNotValid, "--client-id"),
        ] {
            let advice = advise(code, &config, &[]).unwrap();
            assert!(advice.contains(hint), "{advice}");
        }
        assert_eq!(advise(ReasonCode::UnspecifiedError, &config, &[]), None);
        config.level = Level::Mqtt311;
        let advice = advise(ReasonCode::UnsupportedProtocolVersion, &config, &[]).unwrap();
        assert!(advice.contains("--protocol 5"), "{advice}");
    }

    #[test]
    fn what_is_not_announced_has_the_standard_s_value() {
        let config = config("localhost");
        let fact = |properties: &Properties, name: &str| {
            let accepted = Accepted { session_present: false, properties: properties.clone() };
            let facts = announced(&accepted, &config);
            facts.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value).unwrap()
        };
        let none = Properties::default();
        for (name, value) in [
            ("session", "a new one"),
            ("session expiry", "3600 s"),
            ("keep alive", "60 s"),
            ("receive maximum", "65535"),
            ("maximum QoS", "2"),
            ("maximum packet size", "not limited"),
            ("topic alias maximum", "0"),
            ("wildcards", "yes"),
        ] {
            assert_eq!(fact(&none, name), value);
        }
        let some = PropertiesBuilder::new()
            .session_expiry(u32::MAX)
            .server_keep_alive(1160)
            .maximum_qos(true)
            .maximum_packet_size(524_288)
            .reason_string("a\nb")
            .build()
            .unwrap();
        for (name, value) in [
            ("session expiry", "never"),
            ("keep alive", "1160 s"),
            ("maximum QoS", "1"),
            ("maximum packet size", "524288 bytes"),
            ("reason", "a\u{fffd}b"),
        ] {
            assert_eq!(fact(&some, name), value);
        }
    }
}
