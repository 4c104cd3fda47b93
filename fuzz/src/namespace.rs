//! What a local Event Grid namespace is given: queries, templates, filters, rules of faults, and a client's bytes.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use azmqtt_mqtt::codec::{self, Sender};
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{LARGEST_PACKET, QoS, Version};
use azmqtt_namespace::attributes::{AttributeValue, Attributes};
use azmqtt_namespace::behaviours::Behaviours;
use azmqtt_namespace::broker::{Broker, Identity, Received, check_connect};
use azmqtt_namespace::faults::Rule;
use azmqtt_namespace::limits::Limits;
use azmqtt_namespace::names::{AuthenticationName, GroupRef, ResourceName};
use azmqtt_namespace::principal::{Principal, Standing};
use azmqtt_namespace::query::Query;
use azmqtt_namespace::resources::{Permission, PermissionBinding, TopicSpace};
use azmqtt_namespace::routing::{Group, Matches, Options, SessionKey, Subscriber, Subscriptions};
use azmqtt_namespace::template::Template;
use azmqtt_namespace::topic::{Levels, RequestedFilter, matches};
use bytes::BytesMut;

use crate::mqtt::in_pieces;
use crate::text;

fn principal() -> Principal {
    let list = AttributeValue::List(vec!["a".to_owned(), "b/c".to_owned(), "+".to_owned()]);
    let attributes = [
        ("type".to_owned(), AttributeValue::Text("pump".to_owned())),
        ("floor".to_owned(), AttributeValue::Integer(3)),
        ("tags".to_owned(), list),
    ];
    Principal {
        name: AuthenticationName::parse("client1").expect("a name"),
        attributes: Attributes::new(attributes).expect("they fit"),
    }
}

/// Queries of client groups: what is read twice is the same.
pub fn queries(data: &[u8]) -> bool {
    let text = text(data);
    match Query::parse(&text) {
        Ok(query) => {
            let again = Query::parse(query.as_str()).expect("it was read before");
            assert_eq!(query, again);
            assert_eq!(query.includes(&principal()), again.includes(&principal()));
            true
        }
        Err(error) => {
            assert!(error.at <= text.len(), "{error}");
            false
        }
    }
}

/// A topic template, and behind a line break a topic filter: who may subscribe to a filter may get any topic of it.
pub fn templates(data: &[u8]) -> bool {
    let text = text(data);
    let (template, filter) = text.split_once('\n').unwrap_or((&text, "client1/3"));
    let Ok(template) = Template::parse(template) else { return false };
    assert_eq!(Template::parse(template.as_str()).as_ref(), Ok(&template));
    let Ok(levels) = Levels::of_filter(filter) else { return true };
    let principal = principal();
    if template.covers(&principal, &levels) {
        let (one, many) = (filter.replace('+', "x"), filter.replace('+', "").replace('#', "y/z"));
        for topic in [one.replace('#', "x"), many] {
            let Ok(topic) = Levels::of(&topic) else { continue };
            if matches(levels.as_slice(), topic.as_slice()) {
                assert!(
                    template.matches(&principal, &topic),
                    "{template:?} covers {filter:?}, not {topic:?}"
                );
            }
        }
    }
    true
}

/// A filter as it is subscribed, and behind a line break a topic: the tree of subscriptions finds it as §4.7 says.
pub fn filters(data: &[u8]) -> bool {
    let text = text(data);
    let (asked, topic) = text.split_once('\n').unwrap_or((&text, "a/b"));
    let Ok(RequestedFilter { share, filter }) = RequestedFilter::parse(asked) else { return false };
    let Ok(levels) = Levels::of_filter(filter) else { return false };
    let mut subscriptions = Subscriptions::default();
    let options =
        Options { qos: QoS::AtLeastOnce, no_local: false, retain_as_published: false, identifier: 0 };
    let subscriber = Subscriber { session: SessionKey(7), options };
    subscriptions.insert(levels.as_slice(), share, subscriber).expect("there is place for one");
    // A topic name has no wildcards; the codec sees to that.
    if !topic.contains(['+', '#'])
        && let Ok(topic) = Levels::of(topic)
    {
        let mut found = Found(0);
        subscriptions.find(topic.as_slice(), &mut found);
        assert_eq!(found.0 == 1, matches(levels.as_slice(), topic.as_slice()), "{asked:?} {topic:?}");
    }
    subscriptions.remove(levels.as_slice(), share, SessionKey(7));
    assert_eq!(subscriptions.len(), 0);
    true
}

struct Found(usize);

impl Matches for Found {
    fn plain(&mut self, _: &Subscriber) {
        self.0 += 1;
    }

    fn shared(&mut self, _: &Group) {
        self.0 += 1;
    }
}

/// Rules of faults.
pub fn fault_rules(data: &[u8]) -> bool {
    let Ok(document) = serde_json::from_slice(data) else { return false };
    let Ok(rule) = Rule::from_json(document) else { return false };
    assert_eq!(Rule::from_json(rule.to_json()).as_ref(), Ok(&rule), "{}", rule.to_json());
    true
}

/// What a client sends to a namespace on one connection, CONNECT first. The first byte is the size of the pieces in which it
/// comes.
pub fn session(data: &[u8]) -> bool {
    let Some((&size, stream)) = data.split_first() else { return false };
    let mut now = Instant::now();
    let mut broker = open_broker(now);
    let (mut server, mut connection) = (Some(broker.server(now)), None);
    let (mut version, mut written) = (Version::Mqtt5, 0);
    let mut output = BytesMut::new();
    let is_whole = in_pieces(size, stream, |input| {
        now += Duration::from_millis(10);
        let Some(connected) = connection else {
            let Some(waiting) = &mut server else { return Err(()) };
            let Some(event) = waiting.poll(input, now).map_err(drop)? else { return Ok(false) };
            let (Event::Connect(connect), Some(waiting)) = (event, server.take()) else { return Err(()) };
            version = connect.level.version();
            check_connect(&connect, broker.behaviours()).map_err(drop)?;
            let identity = Identity { principal: Arc::new(principal()), standing: Standing::Asserted };
            let accepted = broker.connect(waiting, *connect, identity, now).map_err(drop)?;
            connection = Some(accepted.connection);
            return Ok(true);
        };
        let received = broker.receive(connected, input, now);
        output.clear();
        if broker.output(connected, &mut output, Waker::noop(), now).is_some() {
            written += output.len();
            while codec::decode(&mut output, Sender::Server, version, LARGEST_PACKET)
                .expect("it is MQTT")
                .is_some()
            {}
        }
        broker.tick(now);
        match received {
            Received::All => Ok(false),
            Received::More => Ok(true),
            Received::Paused | Received::Waits | Received::Authenticate(_) | Received::Over => Err(()),
        }
    });
    // A message comes back once for each of fifty subscriptions at most, and here once in all.
    assert!(written < 64 * data.len() + 4096, "{written} bytes in answer to {}", data.len());
    broker.end_all(&azmqtt_namespace::broker::End::Stopped, now);
    broker.tick(now + Duration::from_secs(100_000));
    assert_eq!((broker.sessions(), broker.connected(), broker.subscriptions()), (0, 0, 0));
    is_whole && connection.is_some()
}

/// A broker on which everybody may do everything.
pub(crate) fn open_broker(now: Instant) -> Broker {
    let mut broker = Broker::new(Limits::default(), Behaviours::default());
    let name = |text| ResourceName::parse(text).expect("a name");
    broker.change(now, |directory| {
        let templates = vec![Template::parse("#").expect("a template")];
        let space = TopicSpace { name: name("all"), description: String::new(), templates };
        directory.put_topic_space(space).expect("it fits");
        for (binding, permission) in
            [("publisher", Permission::Publisher), ("subscriber", Permission::Subscriber)]
        {
            let binding = PermissionBinding {
                name: name(binding),
                description: String::new(),
                group: GroupRef::All,
                topic_space: name("all"),
                permission,
            };
            directory.put_binding(binding).expect("it fits");
        }
    });
    broker
}
