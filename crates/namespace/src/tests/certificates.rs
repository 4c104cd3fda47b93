//! The six ways to show a name by a certificate.

use azmqtt_client::managed::{Config, Error};
use azmqtt_mqtt::{Level, ReasonCode};
use azmqtt_net::ClientCertificate;
use rcgen::SanType;

use super::support::*;
use crate::NamespaceConfig;
use crate::authentication::{ClientAuthentication, NameSource};
use crate::names::{AuthenticationName, ClientName};
use crate::resources::{CertificateRule, Client, Thumbprint};

impl World {
    fn known(&self, name: &str, shown: &str, rule: CertificateRule) {
        let client = Client::new(ClientName::parse(name).unwrap())
            .with_authentication_name(AuthenticationName::parse(shown).unwrap())
            .with_certificate(rule);
        self.namespace.put_client(client).unwrap();
    }

    /// The code with which a client is refused that shows this; `None` if it is let in.
    async fn refused(
        &self,
        level: Level,
        username: &str,
        certificate: Option<ClientCertificate>,
    ) -> Option<ReasonCode> {
        let mut config = Config::new(self.broker(certificate), "session");
        (config.level, config.username, config.session_expiry) = (level, Some(username.to_owned()), 0);
        config.clean_start = true;
        let client = client(config);
        let connected = connect(&client).await;
        close(&client).await;
        match connected {
            Ok(()) => {
                until(|| self.namespace.with_broker(|broker| broker.sessions() == 0)).await;
                None
            }
            Err(
                Error::AuthenticationFailed { code: Some(code), .. }
                | Error::ConnectionFailed { code: Some(code), .. },
            ) => Some(code),
            Err(error) => panic!("{error:?}"),
        }
    }
}

const NO: Option<ReasonCode> = Some(ReasonCode::NotAuthorized);

#[tokio::test]
async fn a_name_in_the_certificate_is_compared_as_the_client_says() {
    let world = World::new();
    let names = vec![
        SanType::DnsName("Pump.example".try_into().unwrap()),
        SanType::URI("urn:pump".try_into().unwrap()),
        SanType::IpAddress("10.0.0.1".parse().unwrap()),
        SanType::Rfc822Name("pump@example.com".try_into().unwrap()),
    ];
    let certificate = world.authority.client("Pump", names.clone());
    let foreign = TestAuthority::new().client("Pump", names);
    for (index, (rule, right, wrong)) in [
        (CertificateRule::Subject, "pump", "pump.example"),
        (CertificateRule::Dns, "pump.EXAMPLE", "pump2"),
        (CertificateRule::Uri, "urn:pump", "urn:pump2"),
        (CertificateRule::Ip, "10.0.0.1", "10.0.0.2"),
        (CertificateRule::Email, "pump@example.com", "pump@example.org"),
    ]
    .into_iter()
    .enumerate()
    {
        world.known(&format!("right{index}"), right, rule.clone());
        assert_eq!(world.refused(Level::Mqtt5, right, Some(certificate.clone())).await, None, "{rule:?}");
        assert_eq!(world.refused(Level::Mqtt311, right, Some(certificate.clone())).await, None, "{rule:?}");
        assert_eq!(world.refused(Level::Mqtt5, right, Some(foreign.clone())).await, NO, "{rule:?}");
        assert!(world.namespace.last_refusal().unwrap().contains("CA certificate"), "{rule:?}");
        assert_eq!(world.refused(Level::Mqtt5, right, None).await, NO, "{rule:?}");
        assert!(world.namespace.delete_client(&format!("right{index}")).unwrap());
        world.known(&format!("wrong{index}"), wrong, rule.clone());
        assert_eq!(world.refused(Level::Mqtt5, wrong, Some(certificate.clone())).await, NO, "{rule:?}");
        assert_eq!(world.refused(Level::Mqtt311, wrong, Some(certificate.clone())).await, NO, "{rule:?}");
        assert!(world.namespace.delete_client(&format!("wrong{index}")).unwrap());
    }
}

#[tokio::test]
async fn the_whole_subject_is_a_name_as_well() {
    let world = World::new();
    let certificate = world.authority.client("Pump", Vec::new());
    world.known("whole", "CN=Pump", CertificateRule::Subject);
    assert_eq!(world.refused(Level::Mqtt5, "CN=Pump", Some(certificate.clone())).await, None);
    let mut config = config();
    config.behaviours.set("certificate_subject", "common-name").unwrap();
    let world = World { authority: world.authority, ..World::with(config) };
    world.namespace.put_ca_certificate("test-ca", world.authority.pem().as_bytes()).unwrap();
    world.known("whole", "CN=Pump", CertificateRule::Subject);
    assert_eq!(world.refused(Level::Mqtt5, "CN=Pump", Some(certificate)).await, NO);
}

#[tokio::test]
async fn an_intermediate_authority_is_enough() {
    let world = World::new();
    assert!(world.namespace.delete_ca_certificate("test-ca").unwrap());
    let intermediate = world.authority.intermediate();
    let certificate = intermediate.client("pump", Vec::new());
    world.known("pump", "pump", CertificateRule::Subject);
    assert_eq!(world.refused(Level::Mqtt5, "pump", Some(certificate.clone())).await, NO);
    world.namespace.put_ca_certificate("intermediate", intermediate.pem().as_bytes()).unwrap();
    assert_eq!(world.refused(Level::Mqtt5, "pump", Some(certificate)).await, None);
}

#[tokio::test]
async fn a_thumbprint_needs_no_authority() {
    let world = World::new();
    let own = self_signed(&params("whoever", Vec::new()));
    let mut authority = params("whoever", Vec::new());
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = self_signed(&authority);
    let sha256 = Thumbprint::sha256(own.der());
    let sha1 = Thumbprint::sha1(authority.der());
    for name in ["one", "two"] {
        world.known(name, name, CertificateRule::Thumbprint(vec![sha256.clone(), sha1.clone()]));
        // One certificate may be of several clients.
        assert_eq!(world.refused(Level::Mqtt5, name, Some(own.clone())).await, None);
        assert_eq!(world.refused(Level::Mqtt5, name, Some(authority.clone())).await, None);
    }
    let other = self_signed(&params("one", Vec::new()));
    assert_eq!(world.refused(Level::Mqtt5, "one", Some(other)).await, NO);
}

#[tokio::test]
async fn a_refusal_does_not_tell_whether_there_is_such_a_client() {
    let mut config = NamespaceConfig { ..config() };
    config.behaviours.set("refused_client", "bad-user-name-or-password").unwrap();
    let world = World::with(config);
    world.known("pump", "pump", CertificateRule::Subject);
    let disabled = Client { is_enabled: false, ..Client::new(ClientName::parse("off").unwrap()) };
    world.namespace.put_client(disabled).unwrap();
    let no = Some(ReasonCode::BadUserNameOrPassword);
    for name in ["pump", "nobody", "off"] {
        let certificate = world.authority.client("somebody", Vec::new());
        assert_eq!(world.refused(Level::Mqtt5, name, Some(certificate)).await, no);
    }
    let certificate = world.authority.client("off", Vec::new());
    assert_eq!(world.refused(Level::Mqtt5, "off", Some(certificate)).await, no);
    assert!(world.namespace.last_refusal().unwrap().contains("disabled"));
}

#[tokio::test]
async fn what_a_certificate_shows_ends_with_it() {
    let world = World::new();
    let mut short = params("pump", Vec::new());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    short.not_before = epoch + now - std::time::Duration::from_secs(60);
    short.not_after = epoch + now + std::time::Duration::from_secs(2);
    let certificate = self_signed(&short);
    let thumbprint = Thumbprint::sha256(certificate.der());
    world.known("pump", "pump", CertificateRule::Thumbprint(vec![thumbprint]));
    let mut config = Config::new(world.broker(Some(certificate.clone())), "pump");
    config.session_expiry = 0;
    let client = client(config);
    connect(&client).await.unwrap();
    until(|| world.namespace.with_broker(|broker| broker.connected() == 0)).await;
    close(&client).await;
    assert_eq!(world.refused(Level::Mqtt5, "pump", Some(certificate)).await, NO);
}

#[tokio::test]
async fn a_client_without_a_user_name_is_known_by_a_field_of_its_certificate() {
    let world = World::new();
    let names = vec![
        SanType::DnsName("pump.example".try_into().unwrap()),
        SanType::URI("urn:pump".try_into().unwrap()),
        SanType::IpAddress("10.0.0.1".parse().unwrap()),
        SanType::Rfc822Name("pump@example.com".try_into().unwrap()),
    ];
    let certificate = world.authority.client("Pump", names);
    let bare = world.authority.client("Bare", Vec::new());
    let set = |sources: &[NameSource]| {
        let alternative_names = sources.to_vec();
        let settings = ClientAuthentication { alternative_names, ..ClientAuthentication::default() };
        world.namespace.set_client_authentication(settings).unwrap();
    };
    for (source, rule, name) in [
        (NameSource::Subject, CertificateRule::Subject, "pump"),
        (NameSource::Dns, CertificateRule::Dns, "PUMP.example"),
        (NameSource::Uri, CertificateRule::Uri, "urn:pump"),
        (NameSource::Ip, CertificateRule::Ip, "10.0.0.1"),
        (NameSource::Email, CertificateRule::Email, "pump@example.com"),
    ] {
        world.known("client", name, rule);
        set(&[]);
        assert_eq!(world.refused(Level::Mqtt5, "", Some(certificate.clone())).await, NO, "{source:?}");
        set(&[source]);
        assert_eq!(world.refused(Level::Mqtt5, "", Some(certificate.clone())).await, None, "{source:?}");
        assert_eq!(world.refused(Level::Mqtt311, "", Some(certificate.clone())).await, None, "{source:?}");
        // The client identifier is no name any more, and neither is nothing.
        assert_eq!(world.refused(Level::Mqtt5, "", None).await, NO, "{source:?}");
        assert!(world.namespace.delete_client("client").unwrap());
    }
    // The first field that is not empty counts, and no other.
    world.known("bare", "bare", CertificateRule::Subject);
    set(&[NameSource::Dns, NameSource::Subject]);
    assert_eq!(world.refused(Level::Mqtt5, "", Some(bare)).await, None);
    world.known("pump", "pump", CertificateRule::Subject);
    assert_eq!(world.refused(Level::Mqtt5, "", Some(certificate.clone())).await, NO);
    assert_eq!(world.refused(Level::Mqtt5, "pump", Some(certificate)).await, None, "a user name counts");
}
