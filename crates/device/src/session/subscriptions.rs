//! What the device listens to, and how far the hub has agreed on this connection.

use std::time::Instant;

use azmqtt_dialect::{Identity, Subscription};

/// A topic filter that the device may want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feed {
    TwinAnswers,
    DesiredChanges,
    CloudMessages,
    Methods,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nobody asked for it.
    Unwanted,
    /// To be asked for on this connection.
    Wanted,
    /// SUBSCRIBE is out with this packet identifier.
    Asked(u16),
    /// The hub agreed on this connection.
    Granted,
    /// The hub agreed once, and refused on this connection.
    Refused,
}

/// The wanted feeds. They come back after every reconnect, whatever the hub remembers of the session.
#[derive(Debug)]
pub(super) struct Subscriptions {
    twin_answers: Standing,
    desired_changes: Standing,
    cloud_messages: Standing,
    methods: Standing,
    /// What the hub agreed to on any connection: the application counts on it.
    established: Vec<Feed>,
    /// Since when an answer is outstanding.
    asked_since: Option<Instant>,
    /// The last connection ended before every SUBSCRIBE had its answer.
    cut_off: bool,
}

impl Subscriptions {
    pub(super) fn new() -> Self {
        Self {
            twin_answers: Standing::Unwanted,
            desired_changes: Standing::Unwanted,
            cloud_messages: Standing::Unwanted,
            methods: Standing::Unwanted,
            established: Vec::new(),
            asked_since: None,
            cut_off: false,
        }
    }

    pub(super) fn want(&mut self, feed: Feed) {
        let standing = self.standing(feed);
        if matches!(standing, Standing::Unwanted | Standing::Refused) {
            *standing = Standing::Wanted;
        }
    }

    /// Whether anybody asked for it, and the hub did not say no to that.
    pub(super) fn is_wanted(&mut self, feed: Feed) -> bool {
        *self.standing(feed) != Standing::Unwanted
    }

    pub(super) fn is_granted(&mut self, feed: Feed) -> bool {
        *self.standing(feed) == Standing::Granted
    }

    /// The next feed to ask for on this connection.
    pub(super) fn next_to_ask(&mut self) -> Option<Feed> {
        Feed::ALL.into_iter().find(|feed| *self.standing(*feed) == Standing::Wanted)
    }

    pub(super) fn asked(&mut self, feed: Feed, packet_id: u16, now: Instant) {
        *self.standing(feed) = Standing::Asked(packet_id);
        self.asked_since.get_or_insert(now);
    }

    /// Whether requests and messages wait until the hub has answered: who has an answer to one of them can count on
    /// whatever was registered before it. Not after a connection that ended with a SUBSCRIBE, which may be the hub's
    /// way to refuse it: that must not stop everything else.
    pub(super) fn hold_others(&self) -> bool {
        let registered = [self.desired_changes, self.cloud_messages, self.methods];
        !self.cut_off && registered.iter().any(|standing| matches!(standing, Standing::Asked(_)))
    }

    /// Since when the hub owes an answer.
    pub(super) fn asked_since(&self) -> Option<Instant> {
        self.asked_since
    }

    /// SUBACK came: the feed it answers.
    pub(super) fn answered(&mut self, packet_id: u16, granted: bool) -> Option<Feed> {
        let feed = Feed::ALL.into_iter().find(|feed| *self.standing(*feed) == Standing::Asked(packet_id))?;
        let established = self.established.contains(&feed);
        if granted && !established {
            self.established.push(feed);
        }
        *self.standing(feed) = match granted {
            true => Standing::Granted,
            false if established => Standing::Refused,
            false => Standing::Unwanted,
        };
        if !Feed::ALL.into_iter().any(|feed| matches!(self.standing(feed), Standing::Asked(_))) {
            self.asked_since = None;
            self.cut_off = false;
        }
        Some(feed)
    }

    /// Whether the application was promised to be told of what the hub sends.
    pub(super) fn any_listening(&self) -> bool {
        self.established.iter().any(|feed| *feed != Feed::TwinAnswers)
    }

    /// Whether a feed that the application counts on is missing on this connection.
    pub(super) fn any_refused(&mut self) -> bool {
        Feed::ALL.into_iter().any(|feed| *self.standing(feed) == Standing::Refused)
    }

    /// Time has passed since a refusal.
    pub(super) fn ask_again(&mut self) {
        for feed in Feed::ALL {
            if *self.standing(feed) == Standing::Refused {
                *self.standing(feed) = Standing::Wanted;
            }
        }
    }

    /// The connection ended: everything is to be asked for again.
    pub(super) fn disconnected(&mut self) {
        self.cut_off |= self.asked_since.take().is_some();
        for feed in Feed::ALL {
            let standing = self.standing(feed);
            if *standing != Standing::Unwanted {
                *standing = Standing::Wanted;
            }
        }
    }

    fn standing(&mut self, feed: Feed) -> &mut Standing {
        match feed {
            Feed::TwinAnswers => &mut self.twin_answers,
            Feed::DesiredChanges => &mut self.desired_changes,
            Feed::CloudMessages => &mut self.cloud_messages,
            Feed::Methods => &mut self.methods,
        }
    }
}

impl Feed {
    pub(super) const ALL: [Self; 4] =
        [Self::TwinAnswers, Self::DesiredChanges, Self::CloudMessages, Self::Methods];

    /// What errors call it.
    pub(super) fn subscription(self) -> &'static str {
        match self {
            Self::TwinAnswers => "the subscription to the twin's answers",
            Self::DesiredChanges => "the subscription to desired properties",
            Self::CloudMessages => "the subscription to messages",
            Self::Methods => "the subscription to direct methods",
        }
    }

    pub(super) fn filter(self, identity: &Identity) -> String {
        let device_id = identity.device_id.clone();
        match self {
            Self::TwinAnswers => Subscription::TwinResponses,
            Self::DesiredChanges => Subscription::DesiredPatches,
            // Modules get messages to their inputs in place of messages from the cloud.
            Self::CloudMessages => match identity.module_id.clone() {
                None => Subscription::CloudToDevice { device_id },
                Some(module_id) => Subscription::ModuleInputs { device_id, module_id },
            },
            Self::Methods => Subscription::Methods,
        }
        .filter()
    }
}
