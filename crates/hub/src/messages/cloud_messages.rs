//! A device's queue of cloud-to-device messages (IoT Hub docs, "Send cloud-to-device messages": message lifecycle), and
//! a module's of messages to its inputs, as an IoT Edge gateway keeps it.
//!
//! A message waits, is sent and locked, and is completed by its PUBACK. A lock that expires lets it wait again, as
//! does the end of its connection; a message ends early when its time to live is over, when too many connections ended
//! on it, or when the queue is purged. No clock is read here: `now` is passed in.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::lock_token;
use crate::error::HubError;
use crate::events;
use crate::id::Id;
use azmqtt_dialect::PropertyBag;
use azmqtt_dialect::property_bag::system;
use azmqtt_dialect::topic::HubTopic;
use azmqtt_local::watch::Members;

/// How many messages a hub keeps for one device (error 403004 beyond).
pub const MAX_PENDING: usize = 50;

/// How many messages wait for the inputs of one module. A gateway keeps as many as its disk holds.
pub const MAX_INPUTS: usize = 1024;

/// The largest message in bytes, by the service's count.
pub const MAX_SIZE: usize = 64 << 10;

/// A message on its way to a device, or to an input of a module.
#[derive(Clone, Debug)]
pub struct CloudMessage {
    pub body: Bytes,
    /// As it stands in the topic.
    pub bag: PropertyBag,
    /// When the hub took it, in Unix seconds.
    pub enqueued: u64,
    /// When it is given up.
    pub expires: Instant,
    /// The same in Unix seconds, for the state directory.
    pub expires_unix: u64,
    /// Connections that ended while it was on its way.
    pub deliveries: u32,
    /// The module's input; `None` for cloud-to-device messages.
    pub input: Option<String>,
    /// Its number in its queue, which counts from 1 at each start of the hub; 0 before it is in a queue.
    pub sequence: u64,
}

impl CloudMessage {
    /// An error if its topic for `id` is longer than MQTT has room for: it would end every connection that it is sent on.
    pub fn check_topic(&self, id: Id<'_>) -> Result<(), HubError> {
        let length = self.topic(id).to_string().len();
        if u16::try_from(length).is_ok() { Ok(()) } else { Err(HubError::TopicTooLong { length }) }
    }

    /// What events say of it.
    pub fn as_members(&self) -> Members {
        let id = self.bag.get(system::MESSAGE_ID).flatten();
        Members::default()
            .with_some("message_id", id.map(events::bounded))
            .with_some("input", self.input.as_deref())
            .with("sequence", self.sequence)
    }

    /// The topic for its device or module.
    pub fn topic<'a>(&'a self, id: Id<'a>) -> HubTopic<'a> {
        let (device_id, properties) = (id.device, self.bag.clone());
        match (id.module, &self.input) {
            (Some(module_id), Some(input)) => {
                HubTopic::ModuleInput { device_id, module_id, input, properties }
            }
            _ => HubTopic::CloudToDevice { device_id, properties },
        }
    }
}

/// One delivery of one message. A message that is sent again has another one, and the old one completes nothing
/// (error 412002, `DeviceMessageLockLost`, where a protocol has words for it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryTag {
    message: u64,
    delivery: u64,
}

impl DeliveryTag {
    /// The message's number in its queue.
    pub fn message(self) -> u64 {
        self.message
    }

    /// As text, for protocols that hand it out. `run` is of the hub's present run, since queues count anew in each.
    pub fn to_token(self, run: u64) -> String {
        lock_token::write(run, [self.message, self.delivery])
    }

    /// Reads [`Self::to_token`] back; `None` for anything else, and for tokens of earlier runs.
    pub fn parse(token: &str, run: u64) -> Option<Self> {
        let [message, delivery] = lock_token::read(token, run)?;
        Some(Self { message, delivery })
    }
}

/// A message's lock was lost before it was used (error 412002, `DeviceMessageLockLost`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockLost;

/// Messages that wait, and messages that were sent and wait for their PUBACK.
#[derive(Debug, Default)]
pub struct CloudMessages {
    waiting: BTreeMap<u64, CloudMessage>,
    sent: BTreeMap<u64, Sent>,
    messages: u64,
    deliveries: u64,
    news: News,
}

/// What has happened to a queue since somebody last asked.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by somebody else")]
pub struct News {
    /// Other messages are in it than before, or their deliveries count differently: the state directory must know.
    pub changed: bool,
    /// A message waits that may be sent.
    pub added: bool,
    /// Deliveries have lost their message: they are not to be sent again.
    pub lost: bool,
    /// [`CloudMessages::next_deadline`] may be nearer.
    pub nearer: bool,
}

#[derive(Debug)]
struct Sent {
    message: CloudMessage,
    delivery: u64,
    lock: Lock,
}

#[derive(Debug)]
enum Lock {
    /// On a live connection: waits again after this.
    Until(Instant),
    /// In the session of a device that is away: sent again by the session when the device is back.
    WithSession,
    /// By whoever fetched it over HTTPS, on no connection that counts: waits again after this.
    Fetched(Instant),
}

/// What [`CloudMessages::sweep`] found.
#[derive(Debug, Default)]
pub struct Swept {
    /// Messages whose time to live is over. They are gone.
    pub expired: Vec<CloudMessage>,
    /// Deliveries have lost their message: they need not be sent again.
    pub lost_deliveries: bool,
}

impl CloudMessages {
    /// Adds a message at the end, with its number; `None` if the queue is full.
    pub fn push(&mut self, mut message: CloudMessage) -> Option<&CloudMessage> {
        let limit = if message.input.is_some() { MAX_INPUTS } else { MAX_PENDING };
        if self.len() >= limit {
            return None;
        }
        self.messages += 1;
        message.sequence = self.messages;
        self.news = News { changed: true, added: true, nearer: true, ..self.news };
        Some(self.waiting.entry(message.sequence).or_insert(message))
    }

    /// Locks the next message to send until `lock` is over, with what completes it.
    pub fn next_to_send(&mut self, now: Instant, lock: Duration) -> Option<(DeliveryTag, CloudMessage)> {
        self.lock_next(now, Lock::Until(now + lock))
    }

    /// [`Self::next_to_send`] for a device that fetches messages over HTTPS: whether its connections last is nothing to the
    /// message.
    pub fn fetch(&mut self, now: Instant, lock: Duration) -> Option<(DeliveryTag, CloudMessage)> {
        self.lock_next(now, Lock::Fetched(now + lock))
    }

    fn lock_next(&mut self, now: Instant, lock: Lock) -> Option<(DeliveryTag, CloudMessage)> {
        // One that is over is left to the next sweep, which tells its sender.
        let number = *self.waiting.iter().find(|(_, message)| message.expires > now)?.0;
        let message = self.waiting.remove(&number)?;
        self.deliveries += 1;
        self.news.nearer = true;
        let delivery = self.deliveries;
        self.sent.insert(number, Sent { message: message.clone(), delivery, lock });
        Some((DeliveryTag { message: number, delivery }, message))
    }

    /// The device has this message; `None` if it came too late.
    pub fn complete(&mut self, tag: DeliveryTag) -> Option<CloudMessage> {
        if !self.is_live(tag) {
            return None;
        }
        self.news.changed = true;
        self.sent.remove(&tag.message).map(|sent| sent.message)
    }

    /// The device does not want this message now: it waits again in its old place, or comes back if it was given up so often
    /// that it ends. An error if it came too late.
    pub fn abandon(
        &mut self,
        tag: DeliveryTag,
        max_deliveries: u32,
    ) -> Result<Option<CloudMessage>, LockLost> {
        let mut message = self.complete(tag).ok_or(LockLost)?;
        message.deliveries += 1;
        if message.deliveries >= max_deliveries {
            return Ok(Some(message));
        }
        self.waiting.insert(tag.message, message);
        self.news.added = true;
        Ok(None)
    }

    /// Whether this delivery can still complete its message.
    pub fn is_live(&self, tag: DeliveryTag) -> bool {
        self.sent.get(&tag.message).is_some_and(|sent| sent.delivery == tag.delivery)
    }

    /// The connection ended. What was sent on it stays with the session if that is `kept`, or else waits again in its
    /// old place. Returns the messages that `max_deliveries` connections ended on; they are gone.
    pub fn connection_ended(&mut self, kept: bool, max_deliveries: u32) -> Vec<CloudMessage> {
        let mut exceeded = Vec::new();
        for (number, mut sent) in std::mem::take(&mut self.sent) {
            if matches!(sent.lock, Lock::Fetched(_)) {
                self.sent.insert(number, sent);
                continue;
            }
            self.news.changed = true;
            if matches!(sent.lock, Lock::Until(_)) {
                sent.message.deliveries += 1;
            }
            if sent.message.deliveries >= max_deliveries {
                exceeded.push(sent.message);
            } else if kept {
                sent.lock = Lock::WithSession;
                self.sent.insert(number, sent);
            } else {
                self.waiting.insert(number, sent.message);
            }
        }
        exceeded
    }

    /// The session that held the sent messages continues: they are on their way again.
    pub fn session_resumed(&mut self, now: Instant, lock: Duration) {
        self.news.nearer = true;
        for sent in self.sent.values_mut().filter(|sent| !matches!(sent.lock, Lock::Fetched(_))) {
            sent.lock = Lock::Until(now + lock);
        }
    }

    /// Takes out what has expired, and lets messages wait again whose lock has, their count of deliveries unchanged.
    pub fn sweep(&mut self, now: Instant) -> Swept {
        let mut swept = Swept::default();
        let over = |message: &CloudMessage| message.expires <= now;
        let late: Vec<u64> =
            self.waiting.iter().filter(|(_, message)| over(message)).map(|(number, _)| *number).collect();
        swept.expired.extend(late.iter().filter_map(|number| self.waiting.remove(number)));
        let unlocked = |sent: &Sent| matches!(sent.lock, Lock::Until(end) | Lock::Fetched(end) if end <= now);
        let late: Vec<u64> = self
            .sent
            .iter()
            .filter(|(_, sent)| over(&sent.message) || unlocked(sent))
            .map(|(number, _)| *number)
            .collect();
        for number in late {
            let Some(sent) = self.sent.remove(&number) else { continue };
            swept.lost_deliveries = true;
            if over(&sent.message) {
                swept.expired.push(sent.message);
            } else {
                self.waiting.insert(number, sent.message);
            }
        }
        self.news.changed |= !swept.expired.is_empty();
        self.news.lost |= swept.lost_deliveries;
        // The clock has looked: it needs to know when to look again.
        self.news.nearer = true;
        swept
    }

    /// When [`Self::sweep`] has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        let waiting = self.waiting.values().map(|message| message.expires);
        let sent = self.sent.values().map(|sent| match sent.lock {
            Lock::Until(end) | Lock::Fetched(end) => end.min(sent.message.expires),
            Lock::WithSession => sent.message.expires,
        });
        waiting.chain(sent).min()
    }

    /// Takes every message out.
    pub fn purge(&mut self) -> Vec<CloudMessage> {
        let messages: Vec<_> = self.all().cloned().collect();
        self.news.changed |= !messages.is_empty();
        self.news.lost |= !self.sent.is_empty();
        self.waiting.clear();
        self.sent.clear();
        messages
    }

    /// What has happened since the last call.
    pub fn take_news(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// Messages that are not completed, oldest first.
    pub fn all(&self) -> impl Iterator<Item = &CloudMessage> {
        let sent = self.sent.iter().map(|(number, sent)| (*number, &sent.message));
        let both: BTreeMap<_, _> =
            sent.chain(self.waiting.iter().map(|(number, waiting)| (*number, waiting))).collect();
        both.into_values()
    }

    /// How many messages are not completed.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.sent.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LOCK: Duration = Duration::from_secs(60);

    fn queue() -> CloudMessages {
        CloudMessages::default()
    }

    fn message(body: &str, expires: Instant) -> CloudMessage {
        CloudMessage {
            body: Bytes::copy_from_slice(body.as_bytes()),
            bag: PropertyBag::new(),
            enqueued: 0,
            expires,
            expires_unix: 0,
            deliveries: 0,
            input: None,
            sequence: 0,
        }
    }

    fn far(now: Instant) -> Instant {
        now + Duration::from_secs(3600)
    }

    fn sent(queue: &mut CloudMessages, now: Instant) -> (Vec<DeliveryTag>, Vec<Bytes>) {
        std::iter::from_fn(|| queue.next_to_send(now, LOCK)).map(|(tag, message)| (tag, message.body)).unzip()
    }

    fn bodies(messages: &[CloudMessage]) -> Vec<Bytes> {
        messages.iter().map(|message| message.body.clone()).collect()
    }

    #[test]
    fn what_was_not_completed_is_sent_again_in_order() {
        let (mut queue, now) = (queue(), Instant::now());
        for body in ["a", "b", "c", "d"] {
            queue.push(message(body, far(now))).unwrap();
        }
        let tags: Vec<_> =
            (0..3).filter_map(|_| queue.next_to_send(now, LOCK)).map(|(number, _)| number).collect();
        assert!(queue.complete(tags[1]).is_some());
        assert!(queue.complete(tags[1]).is_none());
        assert!(queue.connection_ended(false, 3).is_empty());
        assert_eq!(sent(&mut queue, now).1, ["a", "c", "d"]);
    }

    #[test]
    fn messages_on_their_way_count_against_the_limit() {
        let (mut queue, now) = (queue(), Instant::now());
        for _ in 0..MAX_PENDING {
            queue.push(message("x", far(now))).unwrap();
        }
        let (tag, _) = queue.next_to_send(now, LOCK).unwrap();
        assert!(queue.push(message("x", far(now))).is_none());
        queue.complete(tag);
        queue.push(message("x", far(now))).unwrap();
        assert_eq!((queue.purge().len(), queue.len()), (MAX_PENDING, 0));
    }

    #[test]
    fn an_expired_lock_sends_again_and_counts_no_delivery() {
        let (mut queue, mut now) = (queue(), Instant::now());
        queue.push(message("a", far(now))).unwrap();
        let mut first = None;
        for _ in 0..20 {
            let (tag, again) = queue.next_to_send(now, LOCK).unwrap();
            assert_eq!(again.deliveries, 0);
            first.get_or_insert(tag);
            assert_eq!(queue.next_deadline(), Some(now + LOCK));
            assert!(!queue.sweep(now + Duration::from_secs(59)).lost_deliveries);
            now += LOCK;
            let swept = queue.sweep(now);
            assert!(swept.lost_deliveries && swept.expired.is_empty());
        }
        // The lock of the first delivery is lost: it completes nothing, though the message is out again.
        let (last, _) = queue.next_to_send(now, LOCK).unwrap();
        assert!(queue.complete(first.unwrap()).is_none());
        assert_eq!(queue.len(), 1);
        assert!(queue.complete(last).is_some());
    }

    #[test]
    fn time_to_live_ends_messages_wherever_they_are() {
        let (mut queue, now) = (queue(), Instant::now());
        let soon = now + Duration::from_secs(1);
        queue.push(message("sent", soon)).unwrap();
        let (tag, _) = queue.next_to_send(now, LOCK).unwrap();
        queue.push(message("waits", soon)).unwrap();
        queue.push(message("stays", far(now))).unwrap();
        assert_eq!(queue.next_deadline(), Some(soon));
        let (_, next) = queue.next_to_send(soon, LOCK).unwrap();
        assert_eq!(next.body, "stays", "what is over is not sent");
        let swept = queue.sweep(soon);
        assert_eq!(bodies(&swept.expired), ["waits", "sent"]);
        assert!(swept.lost_deliveries && !queue.is_live(tag));
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn a_kept_session_keeps_its_messages_and_too_many_lost_connections_end_them() {
        let (mut queue, now) = (queue(), Instant::now());
        queue.push(message("a", far(now))).unwrap();
        let (tag, _) = queue.next_to_send(now, LOCK).unwrap();
        for _ in 0..2 {
            assert!(queue.connection_ended(true, 3).is_empty());
            // While the device is away no lock runs out.
            assert!(!queue.sweep(now + LOCK).lost_deliveries);
            assert!(queue.next_to_send(now, LOCK).is_none() && queue.is_live(tag));
            queue.session_resumed(now, LOCK);
        }
        assert_eq!(bodies(&queue.connection_ended(true, 3)), ["a"]);
        assert!(!queue.is_live(tag) && queue.len() == 0);
    }

    #[test]
    fn a_session_given_up_while_away_counts_no_second_delivery() {
        let (mut queue, now) = (queue(), Instant::now());
        queue.push(message("a", far(now))).unwrap();
        queue.next_to_send(now, LOCK).unwrap();
        queue.connection_ended(true, 3);
        queue.connection_ended(false, 3);
        assert_eq!(queue.next_to_send(now, LOCK).unwrap().1.deliveries, 1);
    }

    #[test]
    fn a_fetched_message_is_nothing_to_the_connections() {
        let (mut queue, now) = (queue(), Instant::now());
        queue.push(message("a", far(now))).unwrap();
        queue.push(message("b", far(now))).unwrap();
        let (tag, _) = queue.fetch(now, LOCK).unwrap();
        assert!(queue.connection_ended(false, 1).is_empty());
        assert!(queue.connection_ended(true, 1).is_empty());
        queue.session_resumed(now + LOCK / 2, LOCK);
        assert!(queue.is_live(tag));
        assert_eq!(queue.next_deadline(), Some(now + LOCK));
        assert!(queue.sweep(now + LOCK).lost_deliveries);
        assert_eq!(queue.abandon(tag, 10).unwrap_err(), LockLost);
        let (tag, again) = queue.fetch(now, LOCK).unwrap();
        assert_eq!((again.body, again.deliveries), (Bytes::from("a"), 0));
        assert!(queue.abandon(tag, 2).unwrap().is_none());
        let (tag, again) = queue.fetch(now, LOCK).unwrap();
        assert_eq!((again.body, again.deliveries), (Bytes::from("a"), 1));
        assert_eq!(bodies(&[queue.abandon(tag, 2).unwrap().unwrap()]), ["a"]);
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn tokens_are_of_one_run() {
        let (mut queue, now) = (queue(), Instant::now());
        queue.push(message("a", far(now))).unwrap();
        let (tag, _) = queue.fetch(now, LOCK).unwrap();
        let token = tag.to_token(7);
        assert_eq!(DeliveryTag::parse(&token, 7), Some(tag));
        assert_eq!(DeliveryTag::parse(&token, 8), None);
        for bad in ["", "x", "7-1", &format!("{token}-1"), &token.replace('1', "g")] {
            assert_eq!(DeliveryTag::parse(bad, 7), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn parsing_a_token_is_total(token in "[0-9a-f+-]{0,40}|.{0,40}", run in any::<u64>()) {
            let _ = DeliveryTag::parse(&token, run);
        }

        /// Whatever happens, a message is in one place: pending, completed or ended.
        #[test]
        fn no_message_is_lost_or_doubled(steps in proptest::collection::vec((0..9_u8, 0..90_u64), 1..200)) {
            let (mut queue, mut now) = (queue(), Instant::now());
            let (mut pushed, mut ended) = (0_usize, Vec::new());
            let mut tags = Vec::new();
            for (step, amount) in steps {
                match step {
                    0 | 1 => {
                        let expires = now + Duration::from_secs(amount + 1);
                        if queue.push(message(&pushed.to_string(), expires)).is_some() {
                            pushed += 1;
                        }
                    }
                    2 => tags.extend(queue.next_to_send(now, LOCK).map(|(tag, _)| tag)),
                    3 if !tags.is_empty() => {
                        let tag = tags.swap_remove(amount as usize % tags.len());
                        ended.extend(queue.complete(tag));
                    }
                    4 => {
                        now += Duration::from_secs(amount);
                        ended.extend(queue.sweep(now).expired);
                    }
                    5 => ended.extend(queue.connection_ended(amount % 2 == 0, 3)),
                    6 => tags.extend(queue.fetch(now, LOCK).map(|(tag, _)| tag)),
                    7 if !tags.is_empty() => {
                        let tag = tags.swap_remove(amount as usize % tags.len());
                        ended.extend(queue.abandon(tag, 3).ok().flatten());
                    }
                    _ => queue.session_resumed(now, LOCK),
                }
            }
            ended.extend(queue.purge());
            let mut numbers: Vec<usize> =
                ended.iter().map(|m| String::from_utf8_lossy(&m.body).parse().unwrap()).collect();
            numbers.sort_unstable();
            prop_assert_eq!(numbers, (0..pushed).collect::<Vec<_>>());
        }
    }
}
