use super::*;
use crate::names::{AuthenticationName, ClientName};

fn name(text: &str) -> ResourceName {
    ResourceName::parse(text).unwrap()
}

fn client(text: &str) -> Client {
    Client::new(ClientName::parse(text).unwrap())
}

fn space(text: &str, templates: usize) -> TopicSpace {
    let templates = vec![Template::parse("a/#").unwrap(); templates];
    TopicSpace { name: name(text), description: String::new(), templates }
}

fn group(text: &str) -> ClientGroup {
    let query = Query::parse("attributes.a = 1").unwrap();
    ClientGroup { name: name(text), description: String::new(), query }
}

fn binding(text: &str, group: &str, space: &str) -> PermissionBinding {
    PermissionBinding {
        name: name(text),
        description: String::new(),
        group: GroupRef::parse(group).unwrap(),
        topic_space: name(space),
        permission: Permission::Publisher,
    }
}

#[test]
fn authentication_names_are_unique_and_fixed() {
    let mut directory = Directory::new(2);
    let named =
        |name: &str, shown| client(name).with_authentication_name(AuthenticationName::parse(shown).unwrap());
    assert_eq!(directory.put_client(named("c1", "Pump")), Ok(true));
    assert_eq!(directory.put_client(named("c1", "Pump")), Ok(false));
    let error = ResourceError::AuthenticationNameChanged;
    assert_eq!(directory.put_client(named("c1", "pump")), Err(error.clone()));
    assert_eq!(directory.put_client(client("c1")), Err(error));
    let error = ResourceError::AuthenticationNameTaken("PUMP".to_owned());
    assert_eq!(directory.put_client(named("c2", "PUMP")), Err(error));
    assert_eq!(directory.put_client(client("c2")), Ok(true));
    let error = ResourceError::LimitReached(ResourceKind::Client, 2);
    assert_eq!(directory.put_client(client("c3")), Err(error));
    let pump = AuthenticationName::parse("pUMP").unwrap();
    assert_eq!(directory.client_of(&pump).unwrap().name.as_str(), "c1");
    assert!(directory.delete_client(&ClientName::parse("c1").unwrap()));
    assert!(directory.client_of(&pump).is_none());
    assert_eq!(directory.put_client(client("PUMP")), Ok(true));
}

#[test]
fn bindings_name_what_is_there() {
    let mut directory = Directory::new(10);
    let missing = |kind, name: &str| Err(ResourceError::Missing(kind, name.to_owned()));
    assert_eq!(
        directory.put_binding(binding("bnd", "$all", "spc")),
        missing(ResourceKind::TopicSpace, "spc")
    );
    assert_eq!(directory.put_topic_space(space("spc", 1)), Ok(true));
    assert_eq!(
        directory.put_binding(binding("bnd", "grp", "spc")),
        missing(ResourceKind::ClientGroup, "grp")
    );
    assert_eq!(directory.put_group(group("grp")), Ok(true));
    assert_eq!(directory.put_binding(binding("bnd", "grp", "spc")), Ok(true));
    let used = |kind| Err(ResourceError::InUse(kind, "bnd".to_owned()));
    assert_eq!(directory.delete_group(&name("grp")), used(ResourceKind::ClientGroup));
    assert_eq!(directory.delete_topic_space(&name("spc")), used(ResourceKind::TopicSpace));
    assert!(directory.delete_binding(&name("bnd")));
    assert_eq!(directory.delete_group(&name("grp")), Ok(true));
    assert_eq!(directory.delete_topic_space(&name("spc")), Ok(true));
}

#[test]
fn each_kind_has_its_limit() {
    let mut directory = Directory::new(10);
    for index in 0..10 {
        directory.put_group(group(&format!("grp{index}"))).unwrap();
        directory.put_topic_space(space(&format!("spc{index}"), 10)).unwrap();
    }
    assert!(directory.put_group(group("more")).is_err() && directory.put_group(group("grp1")).is_ok());
    assert!(directory.put_topic_space(space("more", 1)).is_err());
    assert!(directory.put_topic_space(space("spc1", 1)).is_ok());
    for (templates, is_valid) in [(0, false), (1, true), (10, true), (11, false)] {
        assert_eq!(directory.put_topic_space(space("spc1", templates)).is_ok(), is_valid);
    }
    for index in 0..100 {
        directory.put_binding(binding(&format!("bnd{index}"), "$all", "spc1")).unwrap();
    }
    assert!(directory.put_binding(binding("more", "$all", "spc1")).is_err());
}

#[test]
fn thumbprints_are_read_as_people_write_them() {
    let sha256 = "ab".repeat(32);
    let thumbprint = Thumbprint::parse(&sha256).unwrap();
    assert_eq!(thumbprint.as_bytes(), [0xab; 32]);
    assert_eq!(Thumbprint::parse(&vec!["AB"; 32].join(":")), Ok(thumbprint.clone()));
    assert_eq!(thumbprint.to_string(), sha256);
    assert_eq!(Thumbprint::parse(&"0f".repeat(20)).unwrap().as_bytes(), [0x0f; 20]);
    for text in ["", "ab", &"ab".repeat(31), &"ag".repeat(32), &"ab".repeat(1000)] {
        assert_eq!(Thumbprint::parse(text), Err(InvalidThumbprint));
    }
    let mut directory = Directory::new(10);
    for (count, is_valid) in [(0, false), (1, true), (2, true), (3, false)] {
        let rule = CertificateRule::Thumbprint(vec![thumbprint.clone(); count]);
        assert_eq!(directory.put_client(client("c1").with_certificate(rule)).is_ok(), is_valid);
    }
}
