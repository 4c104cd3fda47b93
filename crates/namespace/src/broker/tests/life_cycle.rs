//! Life-cycle events, in the words of the service.

use super::*;
use crate::life_cycle::Happened;

/// The events since, in short: the kind, whose, and why.
fn told(world: &World) -> Vec<String> {
    let events = world.broker.life_cycle().events(0);
    let short = |happened: &Happened| match happened {
        Happened::Connected(session) => format!("connected {} {}", session.session, session.number),
        Happened::Disconnected(session, reason) => format!("{reason} {} {}", session.session, session.number),
        Happened::ClientCreatedOrUpdated { client, is_enabled, .. } => {
            format!("client {} {is_enabled}", client.as_str())
        }
        Happened::ClientDeleted { client, .. } => format!("deleted {}", client.as_str()),
    };
    events.iter().map(|event| short(&event.happened)).collect()
}

#[test]
fn a_disconnect_carries_the_number_of_its_connect() {
    let mut world = World::new();
    world.connect(Connect::new("a"));
    world.connect(Connect::new("b"));
    // Takes over.
    let (again, _) = world.connect(Connect::new("a"));
    world.broker.end(again.connection, End::Lost, world.now);
    // Nothing is told twice.
    world.broker.end(again.connection, End::KeepAlive, world.now);
    assert_eq!(
        told(&world),
        ["connected a 1", "connected b 2", "SessionTakenOver a 1", "connected a 3", "ConnectionLost a 3"]
    );
}

#[test]
fn clients_that_come_and_go_are_told_of() {
    let mut world = World::new();
    let client = Client::new(ClientName::parse("a").unwrap());
    world.broker.put_client(client.clone(), world.now).unwrap();
    world.connect(Connect::new("a"));
    world.broker.put_client(Client { is_enabled: false, ..client.clone() }, world.now).unwrap();
    assert!(world.broker.delete_client(&client.name, world.now));
    assert!(!world.broker.delete_client(&client.name, world.now));
    let events =
        ["client a true", "connected a 1", "client a false", "ClientAuthenticationError a 1", "deleted a"];
    assert_eq!(told(&world), events);
}
