//! What a state directory keeps.

use std::fs;
use std::path::Path;

use super::support::*;
use crate::authentication::{NameSource, Webhook};
use crate::error::NamespaceError;
use crate::names::ClientName;
use crate::resources::{Client, Permission, RoleAssignment};
use crate::{Namespace, NamespaceConfig};
use azmqtt_local::state_dir::StateError;
use azmqtt_local::temp_dir::TempDir;

fn start(dir: &Path) -> Result<Namespace, NamespaceError> {
    Namespace::start(NamespaceConfig { state_dir: Some(dir.to_owned()), ..config() })
}

fn resources(namespace: &Namespace) -> Vec<String> {
    namespace.with_broker(|broker| {
        let directory = broker.directory();
        let clients = directory.clients().map(|each| format!("{each:?}"));
        let groups = directory.groups().map(|each| format!("{each:?}"));
        let spaces = directory.topic_spaces().map(|each| format!("{each:?}"));
        let bindings = directory.bindings().map(|each| format!("{each:?}"));
        clients.chain(groups).chain(spaces).chain(bindings).collect()
    })
}

const FILE: &str = r#"{
    "namespace": {"tags": {"a": "b"}, "properties": {"topicSpacesConfiguration": {"maximumSessionExpiryInHours": 3}}},
    "permissionBindings": [
        {"name": "publish", "properties": {"clientGroupName": "pumps", "topicSpaceName": "space", "permission": "Publisher"}}
    ],
    "topicSpaces": [{"name": "space", "properties": {"topicTemplates": ["a/${client.authenticationName}"]}}],
    "clientGroups": [{"name": "pumps", "properties": {"query": "attributes.type = 'pump'"}}],
    "clients": [
        {"name": "A:b.c", "properties": {"attributes": {"type": "pump", "n": -7, "l": ["x"]}, "state": "Disabled",
         "clientCertificateAuthentication": {"validationScheme": "ThumbprintMatch",
         "allowedThumbprints": ["AA:BBCCDDEEFF00112233445566778899AABBCCDDEEFF00112233445566778899"]}}},
        {"name": "a:b.c", "properties": {"authenticationName": "other"}}
    ]
}"#;

#[test]
fn resources_are_there_after_a_restart() {
    let dir = TempDir::make("azmqtt-namespace-test-").unwrap();
    let before = {
        let namespace = start(&dir.join("state")).unwrap();
        namespace.apply(FILE).unwrap();
        let pem = namespace.authority().certificate.clone();
        namespace.put_ca_certificate("authority", pem.as_bytes()).unwrap();
        assert!(namespace.delete_client("a:b.c").unwrap());
        assert!(matches!(start(&dir.join("state")), Err(NamespaceError::State(_))), "it is in use");
        resources(&namespace)
    };
    assert_eq!(before.len(), 4);
    let namespace = start(&dir.join("state")).unwrap();
    assert_eq!(resources(&namespace), before);
    assert_eq!(namespace.with_broker(|broker| broker.limits().session_expiry), 3 * 3600);
    assert!(namespace.delete_ca_certificate("authority").unwrap());
    assert!(!namespace.put_topic_space("space", &["b"]).unwrap());
}

#[test]
fn a_damaged_file_is_named() {
    let dir = TempDir::make("azmqtt-namespace-test-").unwrap();
    let root = dir.join("state");
    start(&root).unwrap().put_topic_space("space", &["a"]).unwrap();
    let file = fs::read_dir(root.join("topicSpaces")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&file).unwrap();
    for damaged in ["", "{", "{}", &text.replace("\"a\"", "\"a/#/b\""), &text.replace("\"at\"", "\"et\"")] {
        fs::write(&file, damaged).unwrap();
        let error = start(&root).err().unwrap().to_string();
        assert!(error.contains(file.to_str().unwrap()), "{damaged}: {error}");
    }
    fs::write(&file, text).unwrap();
    start(&root).unwrap();
}

#[test]
fn what_cannot_be_kept_has_no_effect() {
    let dir = TempDir::make("azmqtt-namespace-test-").unwrap();
    let root = dir.join("state");
    let namespace = start(&root).unwrap();
    // A file stands where the directory should be, which root cannot write past either.
    fs::remove_dir(root.join("topicSpaces")).unwrap();
    fs::write(root.join("topicSpaces"), "").unwrap();
    assert!(matches!(namespace.put_topic_space("space", &["a"]), Err(NamespaceError::State(_))));
    assert!(resources(&namespace).is_empty());
    fs::remove_file(root.join("topicSpaces")).unwrap();
    fs::create_dir(root.join("topicSpaces")).unwrap();
    assert!(namespace.put_topic_space("space", &["a"]).unwrap());
}

#[test]
fn errors_of_a_file_name_the_entry() {
    let namespace = Namespace::start(config()).unwrap();
    for (file, named) in [
        ("", "JSON"),
        ("[]", "object"),
        (r#"{"client": []}"#, "client: unknown property"),
        (r#"{"clients": {}}"#, "clients"),
        (r#"{"clients": [{"name": "a"}, {}]}"#, "clients[1].name"),
        (r#"{"clients": [{"name": "a", "properties": {"state": "x"}}]}"#, "clients[0].properties.state"),
        (r#"{"clients": [{"name": "a b"}]}"#, "clients[0].name"),
        (r#"{"namespace": {"sku": {"capacity": 0}}}"#, "namespace.sku.capacity"),
        (
            r#"{"permissionBindings": [{"name": "abc", "properties": {"clientGroupName": "$all", "topicSpaceName": "none", "permission": "Publisher"}}]}"#,
            "permissionBindings[0]: the topic space none does not exist",
        ),
    ] {
        let error = namespace.apply(file).unwrap_err().to_string();
        assert!(error.contains(named), "{file}: {error}");
    }
}

const OBJECT_ID: &str = "11111111-2222-3333-4444-555555555555";

fn roles(namespace: &Namespace) -> Vec<RoleAssignment> {
    namespace.with_broker(|broker| broker.directory().roles().cloned().collect())
}

#[test]
fn roles_and_ways_to_authenticate_are_there_after_a_restart() {
    let dir = TempDir::make("azmqtt-namespace-test-").unwrap();
    let root = dir.join("state");
    let scope = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/azmqtt";
    let (before, settings) = {
        let namespace = start(&root).unwrap();
        for (role, scope) in [
            (Permission::Publisher, None),
            (Permission::Publisher, Some("space")),
            (Permission::Subscriber, Some(scope)),
        ] {
            assert!(namespace.put_role_assignment(OBJECT_ID, role, scope).unwrap());
            assert!(!namespace.put_role_assignment(OBJECT_ID, role, scope).unwrap());
        }
        assert!(namespace.delete_role_assignment(OBJECT_ID, Permission::Publisher, Some("space")).unwrap());
        assert!(!namespace.delete_role_assignment(OBJECT_ID, Permission::Publisher, Some("space")).unwrap());
        let roots = namespace.authority().certificate.clone();
        let webhook = Webhook::new("https://localhost:1/a?code=k", "api://a", Some(roots.as_bytes()), false);
        namespace
            .change_client_authentication(|settings| {
                settings.webhook = Some(webhook.unwrap());
                settings.alternative_names = vec![NameSource::Dns];
                settings.custom_domains = vec!["a.example".to_owned()];
            })
            .unwrap();
        (roles(&namespace), namespace.client_authentication())
    };
    assert_eq!(before.len(), 2);
    {
        let namespace = start(&root).unwrap();
        assert_eq!((roles(&namespace), namespace.client_authentication()), (before, settings));
        // What comes with the namespace itself takes the place of what was set by itself.
        let ways = r#"{"alternativeAuthenticationNameSources": ["ClientCertificateUri"]}"#;
        let file = format!(
            r#"{{"namespace": {{"properties": {{"topicSpacesConfiguration": {{"clientAuthentication": {ways}}}}}}}}}"#
        );
        namespace.apply(&file).unwrap();
    }
    let settings = start(&root).unwrap().client_authentication();
    assert_eq!((settings.alternative_names, settings.webhook), (vec![NameSource::Uri], None));
}

#[test]
fn damaged_files_of_roles_sessions_and_ways_to_authenticate_are_named() {
    let dir = TempDir::make("azmqtt-namespace-test-").unwrap();
    let root = dir.join("state");
    drop(start(&root).unwrap());
    let entry = |role: &str, scope: &str| {
        format!(r#"[{{"principalId": "{OBJECT_ID}", "role": "{role}", "scope": "{scope}"}}]"#)
    };
    for (file, damaged) in [
        ("roles.json", "{}".to_owned()),
        ("roles.json", "[{}]".to_owned()),
        ("roles.json", entry("Owner", "space")),
        ("roles.json", entry("Publisher", "/subscriptions")),
        ("authentication.json", "[]".to_owned()),
        ("authentication.json", r#"{"webhookRoots": 1}"#.to_owned()),
        ("authentication.json", r#"{"clientAuthentication": {"customJwtAuthentication": {}}}"#.to_owned()),
        ("sessions.journal", String::new()),
        ("sessions.journal", "azmqtt journal 2\n".to_owned()),
    ] {
        let path = root.join(file);
        let before = fs::read(&path).ok();
        fs::write(&path, &damaged).unwrap();
        let error = start(&root).err();
        let corrupt = matches!(&error, Some(NamespaceError::State(StateError::Corrupt { path: named, .. })) if *named == path);
        assert!(corrupt, "{file} {damaged}: {error:?}");
        match before {
            Some(before) => fs::write(&path, before).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
    }
    // An old directory has none of them.
    fs::remove_file(root.join("sessions.journal")).unwrap();
    drop(start(&root).unwrap());
}

/// A child of the test itself is killed while it changes resources; what it was told is kept, is kept.
#[test]
fn acknowledged_changes_survive_kill() {
    const DIRECTORY: &str = "AZMQTT_TEST_NAMESPACE_STATE";
    if let Some(root) = std::env::var_os(DIRECTORY) {
        let namespace = start(Path::new(&root)).unwrap();
        let log = Path::new(&root).join("acknowledged");
        let mut done = String::new();
        for number in 0.. {
            let name = ClientName::parse(&format!("client-{number}")).unwrap();
            namespace.put_client(Client::new(name)).unwrap();
            if number % 3 == 0 {
                namespace.put_topic_space("space", &[&format!("a/{number}")]).unwrap();
                namespace.put_permission_binding("bind", "$all", "space", Permission::Publisher).unwrap();
            }
            done = format!("{number}\n{done}");
            fs::write(&log, &done[..done.len().min(4096)]).unwrap();
        }
    }
    let dir = TempDir::make("azmqtt-namespace-test-").unwrap();
    let root = dir.join("state");
    for _ in 0..3 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::state::acknowledged_changes_survive_kill", "--nocapture"])
            .env(DIRECTORY, &root)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let last = || {
            let text = fs::read_to_string(root.join("acknowledged")).unwrap_or_default();
            text.lines().next().and_then(|line| line.parse::<usize>().ok())
        };
        let started = std::time::Instant::now();
        while last().is_none_or(|last| last < 10) {
            assert!(started.elapsed() < LONG, "the child does nothing");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let last = last().unwrap();
        let namespace = start(&root).unwrap();
        let clients = namespace.with_broker(|broker| broker.directory().clients().count());
        assert!(clients > last, "{clients} of {last}");
        namespace.stop();
        fs::remove_file(root.join("acknowledged")).unwrap();
    }
}
