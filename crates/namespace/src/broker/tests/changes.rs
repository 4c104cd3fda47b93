//! What a change of the resources does to those who are connected.

use super::*;

fn resource(client: &str) -> Client {
    Client::new(ClientName::parse(client).unwrap())
}

#[test]
fn who_loses_the_right_to_a_subscription_is_disconnected() {
    let mut world = World::new();
    let (mut publisher, _) = world.connect(lasting("p", 60));
    let (mut subscriber, _) = world.connect(lasting("s", 60));
    let (mut idle, _) = world.connect(v3("i"));
    world.subscribe(&mut subscriber, Subscribe::of(vec![filter("t/a"), filter("$dollar/a")]));
    world.change(|directory| grant(directory, Permission::Subscriber, &["$dollar/#"]));
    let unauthorized = (End::Unauthorized, Some(ReasonCode::NotAuthorized));
    assert_eq!(world.farewell(&mut subscriber), Some(unauthorized));
    assert!(world.is_alive(&publisher) && world.is_alive(&idle));
    // The session is kept with the other subscription.
    assert_eq!(world.broker.subscriptions(), 1);
    let (mut subscriber, connack) = world.connect(lasting("s", 60));
    assert!(connack.session_present);
    for topic in ["t/a", "$dollar/a"] {
        assert_eq!(world.publish(&mut publisher, message(topic, QOS1, topic)), Some(ReasonCode::Success));
    }
    assert_eq!(world.payloads(&mut subscriber), ["$dollar/a"]);
    // Publishing is judged at the next message.
    world.change(|directory| directory.delete_binding(&name("binding-Publisher")));
    assert!(world.is_alive(&publisher));
    let refused = Some(ReasonCode::NotAuthorized);
    assert_eq!(world.publish(&mut publisher, message("t/a", QOS1, "x")), refused);
    world.change(|directory| grant(directory, Permission::Publisher, &["t/#"]));
    assert_eq!(world.publish(&mut publisher, message("t/a", QOS1, "x")), Some(ReasonCode::Success));
    world.publish(&mut idle, message("t/a", QOS0, "x"));
    assert!(world.is_alive(&idle));
}

#[test]
fn a_session_loses_its_rights_while_nobody_is_connected() {
    let mut world = World::new();
    let (mut publisher, _) = world.connect(v5("p"));
    let (mut peer, _) = world.connect(lasting("s", 60));
    world.subscribe(&mut peer, Subscribe::new("t/a", QOS1));
    world.broker.end(peer.connection, End::Lost, world.now);
    world.change(|directory| directory.delete_binding(&name("binding-Subscriber")));
    world.publish(&mut publisher, message("t/a", QOS1, "x"));
    let (mut peer, connack) = world.connect(lasting("s", 60));
    assert!(connack.session_present);
    assert_eq!(world.payloads(&mut peer), [""; 0]);
    assert_eq!(world.broker.subscriptions(), 0);
}

#[test]
fn a_client_that_is_disabled_or_deleted_is_disconnected() {
    let mut world = World::new();
    for client in ["a", "b", "c"] {
        world.broker.put_client(resource(client), world.now).unwrap();
    }
    let [mut first, mut second, third] = ["a", "b", "c"].map(|client| world.connect(lasting(client, 60)).0);
    let disabled = Client { is_enabled: false, ..resource("a") };
    assert_eq!(world.broker.put_client(disabled, world.now), Ok(false));
    let gone = (End::Unauthenticated, Some(ReasonCode::NotAuthorized));
    assert_eq!(world.farewell(&mut first), Some(gone.clone()));
    assert!(world.broker.delete_client(&ClientName::parse("b").unwrap(), world.now));
    assert_eq!(world.farewell(&mut second), Some(gone));
    assert!(world.is_alive(&third));
    // The session is still its owner's alone.
    let refused = world.connect_as("c2", v5("b")).err().unwrap();
    assert_eq!(refused.reason, ReasonCode::NotAuthorized);
}

#[test]
fn attributes_that_change_move_a_client_to_other_groups() {
    use crate::attributes::AttributeValue;
    use crate::query::Query;
    use crate::resources::ClientGroup;

    let mut world = World::new();
    let on_floor = |floor| {
        let attributes = [("floor".to_owned(), AttributeValue::Integer(floor))];
        resource("s").with_attributes(Attributes::new(attributes).unwrap())
    };
    world.broker.put_client(on_floor(1), world.now).unwrap();
    world.change(|directory| {
        let query = Query::parse("attributes.floor = 1").unwrap();
        directory.put_group(ClientGroup { name: name("ground"), description: String::new(), query }).unwrap();
        let binding = directory.binding(&name("binding-Subscriber")).unwrap().clone();
        let group = GroupRef::Named(name("ground"));
        directory.put_binding(PermissionBinding { group, ..binding }).unwrap();
    });
    let principal = world.broker.directory().clients().next().unwrap().principal.clone();
    assert_eq!(principal.name.as_str(), "s");
    // The test's identities have no attributes; a change of the client gives them theirs.
    let (mut peer, _) = world.connect(lasting("s", 60));
    world.broker.put_client(on_floor(1), world.now).unwrap();
    assert_eq!(world.subscribe(&mut peer, Subscribe::new("t/a", QOS1)), [ReasonCode::GrantedQoS1]);
    world.broker.put_client(on_floor(1), world.now).unwrap();
    assert!(world.is_alive(&peer));
    world.broker.put_client(on_floor(2), world.now).unwrap();
    assert_eq!(world.farewell(&mut peer).unwrap().0, End::Unauthorized);
}

#[test]
fn a_change_takes_its_time_if_it_should() {
    let mut world = World::new();
    world.broker = Broker::new(Limits::default(), Behaviours::default()).with_propagation(5 * SECOND);
    world.change(|directory| grant(directory, Permission::Subscriber, &["t/#"]));
    let (mut peer, _) = world.connect(v5("c"));
    assert_eq!(world.subscribe(&mut peer, Subscribe::new("t/a", QOS1)), [ReasonCode::NotAuthorized]);
    assert_eq!(world.broker.deadline(), Some(world.now + 5 * SECOND));
    world.pass(5 * SECOND);
    assert_eq!(world.subscribe(&mut peer, Subscribe::new("t/a", QOS1)), [ReasonCode::GrantedQoS1]);
    world.change(|directory| directory.delete_binding(&name("binding-Subscriber")));
    world.pass(4 * SECOND);
    assert!(world.is_alive(&peer));
    world.pass(SECOND);
    assert!(!world.is_alive(&peer));
}
