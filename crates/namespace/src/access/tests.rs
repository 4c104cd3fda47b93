use super::*;
use crate::attributes::{AttributeValue, Attributes};
use crate::names::AuthenticationName;
use crate::resources::{ClientGroup, PermissionBinding};
use crate::template::Template;

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
    let allowed = Verdict::Allowed {
        topic_space: name("ContosoTopicSpace"),
        template: "contosotopics/topic1".to_owned(),
    };
    assert_eq!(access.may(&client, Action::Publish("contosotopics/topic1")), allowed);
    assert_eq!(access.may(&client, Action::Subscribe("contosotopics/topic1")), allowed);
    let denied = Verdict::Denied(Denial::NoTemplate(vec![name("ContosoTopicSpace")]));
    assert_eq!(access.may(&client, Action::Publish("contosotopics/topic2")), denied);
    assert_eq!(access.may(&client, Action::Subscribe("contosotopics/#")), denied);

    directory.delete_binding(&name("contosopublisherbinding"));
    let access = Access::new(&directory);
    let denied = Verdict::Denied(Denial::NoBinding(Permission::Publisher));
    assert_eq!(access.may(&client, Action::Publish("contosotopics/topic1")), denied);
    assert_eq!(access.may(&client, Action::Subscribe("contosotopics/topic1")), allowed);
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
        assert_eq!(access.may(&client, action), Verdict::Denied(Denial::Invalid(error)));
    }
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
            let verdict = access.may(client, Action::Publish(topic));
            assert_eq!(matches!(verdict, Verdict::Allowed { .. }), *expected, "{} {topic}", client.name);
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
