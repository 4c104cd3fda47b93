use super::*;
use crate::attributes::{AttributeValue, Attributes};
use crate::names::{AuthenticationName, ObjectId};
use crate::query::Query;
use crate::resources::{ClientGroup, PermissionBinding, RoleAssignment};
use crate::template::Template;
use crate::topic::InvalidTopic;

fn name(text: &str) -> ResourceName {
    ResourceName::parse(text).unwrap()
}

fn space(directory: &mut Directory, space: &str, templates: &[&str]) {
    let templates = templates.iter().map(|text| Template::parse(text).unwrap()).collect();
    let space = TopicSpace { name: name(space), description: String::new(), templates };
    directory.put_topic_space(space).unwrap();
}

fn group(directory: &mut Directory, group: &str, query: &str) {
    let query = Query::parse(query).unwrap();
    directory.put_group(ClientGroup { name: name(group), description: String::new(), query }).unwrap();
}

fn bind(directory: &mut Directory, binding: &str, group: &str, space: &str, permission: Permission) {
    let binding = PermissionBinding {
        name: name(binding),
        description: String::new(),
        group: GroupRef::parse(group).unwrap(),
        topic_space: name(space),
        permission,
    };
    directory.put_binding(binding).unwrap();
}

fn principal(name: &str, floor: i64) -> Principal {
    let attributes = [("floor".to_owned(), AttributeValue::Integer(floor))];
    Principal {
        name: AuthenticationName::parse(name).unwrap(),
        attributes: Attributes::new(attributes).unwrap(),
    }
}

/// The story of the portal's walk-through: one topic space, both bindings on `$all`.
fn contoso() -> Directory {
    let mut directory = Directory::new(10);
    space(&mut directory, "ContosoTopicSpace", &["contosotopics/topic1"]);
    bind(&mut directory, "contosopublisherbinding", "$all", "ContosoTopicSpace", Permission::Publisher);
    bind(&mut directory, "contososubscriberbinding", "$all", "ContosoTopicSpace", Permission::Subscriber);
    directory
}

#[test]
fn both_bindings_on_all_let_every_client_publish_and_subscribe() {
    let mut directory = contoso();
    let client = principal("client1", 1);
    let access = Access::new(&directory);
    let by = |binding| {
        let source = Source::Binding { name: name(binding), group: GroupRef::All };
        let template = "contosotopics/topic1".to_owned();
        Verdict::Allowed(vec![Grounds { source, topic_space: name("ContosoTopicSpace"), template }])
    };
    let may = |access: &Access, action| access.may(&client, Standing::Resource, action);
    assert_eq!(may(&access, Action::Publish("contosotopics/topic1")), by("contosopublisherbinding"));
    assert_eq!(may(&access, Action::Subscribe("contosotopics/topic1")), by("contososubscriberbinding"));
    assert_eq!(
        may(&access, Action::Subscribe("$share/g/contosotopics/topic1")),
        by("contososubscriberbinding")
    );
    let denied =
        |permission| Verdict::Denied(Denial::NoTemplate(permission, vec![name("ContosoTopicSpace")]));
    assert_eq!(may(&access, Action::Publish("contosotopics/topic2")), denied(Permission::Publisher));
    assert_eq!(may(&access, Action::Subscribe("contosotopics/#")), denied(Permission::Subscriber));

    directory.delete_binding(&name("contosopublisherbinding"));
    let access = Access::new(&directory);
    let denied = Verdict::Denied(Denial::NoBinding(Permission::Publisher));
    assert_eq!(may(&access, Action::Publish("contosotopics/topic1")), denied);
    assert_eq!(may(&access, Action::Subscribe("contosotopics/topic1")), by("contososubscriberbinding"));
}

#[test]
fn a_verdict_names_every_binding_that_allows_it() {
    let mut directory = contoso();
    space(&mut directory, "wide", &["other", "contosotopics/#", "contosotopics/+"]);
    group(&mut directory, "upstairs", "attributes.floor > 3");
    bind(&mut directory, "up-wide", "upstairs", "wide", Permission::Publisher);
    bind(&mut directory, "up-again", "upstairs", "ContosoTopicSpace", Permission::Publisher);
    let access = Access::new(&directory);
    let names =
        |floor, topic| match access.may(&principal("a", floor), Standing::Asserted, Action::Publish(topic)) {
            Verdict::Allowed(grounds) => {
                let name = |grounds: &Grounds| match &grounds.source {
                    Source::Binding { name, group } => format!("{name} {group} {}", grounds.template),
                    source @ Source::Role(_) => panic!("{source:?}"),
                };
                grounds.iter().map(name).collect()
            }
            Verdict::Denied(denial) => vec![denial.to_string()],
        };
    let own = "contosopublisherbinding $all contosotopics/topic1";
    assert_eq!(names(1, "contosotopics/topic1"), [own]);
    let all = [own, "up-again upstairs contosotopics/topic1", "up-wide upstairs contosotopics/#"];
    assert_eq!(names(4, "contosotopics/topic1"), all);
    assert_eq!(names(4, "x"), ["no topic template matches in the topic spaces ContosoTopicSpace, wide"]);
    let group = |floor| access.groups().of(&principal("a", floor), Standing::Resource).len();
    assert_eq!((group(1), group(4)), (1, 2));
}

#[test]
fn roles_are_the_grounds_of_an_identity_of_entra_id() {
    let mut directory = contoso();
    let id = ObjectId::parse("00000000-0000-0000-0000-000000000001").unwrap();
    let identity = Principal { name: AuthenticationName::from(&id), attributes: Attributes::default() };
    let publish = Action::Publish("contosotopics/topic1");
    let access = Access::new(&directory);
    let denied = Verdict::Denied(Denial::NoRole(Permission::Publisher));
    assert_eq!(access.may(&identity, Standing::Roles, publish), denied);
    let (role, scope) = (Permission::Publisher, RoleScope::Namespace);
    directory.put_role(RoleAssignment { object_id: id, role, scope }).unwrap();
    let access = Access::new(&directory);
    assert!(matches!(access.may(&identity, Standing::Roles, publish),
        Verdict::Allowed(grounds) if grounds[0].source == Source::Role(Permission::Publisher)));
    let subscribe = Action::Subscribe("contosotopics/topic1");
    let denied = Verdict::Denied(Denial::NoRole(Permission::Subscriber));
    assert_eq!(access.may(&identity, Standing::Roles, subscribe), denied);
    assert!(access.groups().of(&identity, Standing::Roles).is_empty() && access.has_roles(&identity.name));
}

#[test]
fn what_is_no_topic_is_denied() {
    let access = Access::new(&contoso());
    let client = principal("client1", 1);
    for (action, error) in [
        (Action::Publish(&"a/".repeat(20)), InvalidTopic::TooDeep),
        (Action::Subscribe(&"a".repeat(300)), InvalidTopic::TooLong),
        (Action::Subscribe("a/#/b"), InvalidTopic::Malformed),
    ] {
        let denied = Verdict::Denied(Denial::Invalid(error));
        assert_eq!(access.may(&client, Standing::Resource, action), denied);
    }
    let verdict = access.may(&client, Standing::Resource, Action::Publish("contosotopics/+"));
    assert_eq!(verdict, Verdict::Denied(Denial::Wildcard));
}

#[test]
fn rights_are_the_union_of_all_groups() {
    let mut directory = contoso();
    space(&mut directory, "own", &["own/${client.authenticationName}/#"]);
    space(&mut directory, "high", &["floors/${client.attributes.floor}/+", "alarm"]);
    group(&mut directory, "upstairs", "attributes.floor > 3");
    group(&mut directory, "main", "authenticationName = 'main'");
    bind(&mut directory, "all-own", "$all", "own", Permission::Publisher);
    bind(&mut directory, "up-high", "upstairs", "high", Permission::Publisher);
    bind(&mut directory, "main-high", "main", "high", Permission::Publisher);
    bind(&mut directory, "main-sub", "main", "own", Permission::Subscriber);
    let mut access = Access::new(&directory);
    let cases = [
        (principal("low", 1), [true, true, false, false]),
        (principal("high", 4), [true, true, true, true]),
        (principal("main", 1), [true, true, false, true]),
    ];
    for (client, expected) in &cases {
        let own = format!("own/{}/x", client.name);
        let topics = ["contosotopics/topic1", &own, "floors/4/x", "alarm"];
        let rights = access.rights(client);
        for (topic, expected) in topics.into_iter().zip(expected) {
            let verdict = access.may(client, Standing::Resource, Action::Publish(topic));
            assert_eq!(matches!(verdict, Verdict::Allowed(_)), *expected, "{} {topic}", client.name);
            assert_eq!(rights.may_publish(client, &Levels::of(topic).unwrap()), *expected);
        }
        let filter = Levels::of_filter(&own).unwrap();
        assert_eq!(rights.may_subscribe(client, &filter), client.name.as_str() == "main");
    }
    let [low, _, _] = &cases;
    assert!(Arc::ptr_eq(&access.rights(&low.0), &access.rights(&principal("another", 2))));
}

#[test]
fn the_cache_gives_the_verdict_of_its_topic_and_does_not_grow() {
    let mut cache = TopicCache::default();
    for round in 0..3 {
        for index in 0..1000 {
            let topic = format!("t/{index}");
            assert_eq!(cache.get_or(&topic, || index % 3 == 0), index % 3 == 0, "round {round}");
        }
    }
    assert!(cache.get_or("x", || true));
    assert!(cache.get_or("x", || panic!("it is remembered")));
    cache.clear();
    assert!(!cache.get_or("x", || false));
}
