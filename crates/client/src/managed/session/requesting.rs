//! The requests' part of a session.

use std::time::Instant;

use super::requests::Open;
use super::state::Session;
use super::subscriptions::{Ask, Caller, What};
use crate::lasting::times::Time;
use crate::managed::commands::Request;
use crate::managed::error::Error;
use crate::managed::message::{Correlation, Owner, Published, Received, Ticket};
use azmqtt_mqtt::{PropertiesBuilder, Property, Publish, QoS, ReasonCode, SubscribeFilter};

impl Session {
    /// Publishes a request, once its response topic is granted.
    pub(super) fn request(&mut self, request: Request, now: Instant) {
        let Request { mut publish, response_topic, size, time, reply } = request;
        let topic = response_topic.unwrap_or_else(|| format!("clients/{}/{}", self.client_id, publish.topic));
        let mut correlation = Correlation::default();
        let prepared = getrandom::fill(&mut correlation)
            .map_err(|error| Error::Invalid { reason: format!("no random numbers: {error}") })
            .and_then(|()| {
                PropertiesBuilder::from(&publish.properties)
                    .without(Property::ResponseTopic)
                    .without(Property::CorrelationData)
                    .response_topic(&topic)
                    .correlation_data(&correlation)
                    .build()
                    .map_err(|error| Error::Invalid { reason: format!("the request: {error}") })
            });
        match prepared {
            Ok(properties) => publish.properties = properties,
            Err(error) => {
                self.shared.budget.give_back(size as usize);
                return reply.send(Err(error));
            }
        }
        self.times.note(time);
        let granted = self.requests.is_granted(&topic);
        let request = Open {
            response_topic: topic.clone(),
            time,
            started: now,
            reply,
            unsent: Some((publish, size)),
            unmatched: false,
            sequence: 0,
        };
        self.requests.insert(correlation, request);
        match granted {
            Some(true) => self.response_topic_granted(&topic),
            Some(false) => {}
            None => {
                self.requests.set_granted(&topic, false);
                let filter = SubscribeFilter::new(topic.as_str(), QoS::AtLeastOnce);
                let what = What::Subscribe(vec![filter].into());
                self.subscriptions.queue(Ask { what, time: None, caller: Caller::Requests(topic) });
            }
        }
    }

    pub(super) fn response_topic_granted(&mut self, topic: &str) {
        self.requests.set_granted(topic, true);
        for (correlation, Time { deadline, timeout }, publish, size) in self.requests.release(topic) {
            let owner = Owner::Request(correlation);
            self.outbox.queued.push_back((publish, Ticket { deadline, timeout, size, sent: 0, owner }));
        }
    }

    pub(super) fn response_topic_refused(&mut self, topic: &str, error: &Error) {
        self.requests.forget_topic(topic);
        for request in self.requests.refused(topic) {
            self.fail_request(request, error.clone());
        }
    }

    /// The broker has a request, or it could not be published.
    pub(super) fn request_published(&mut self, correlation: &Correlation, outcome: Result<Published, Error>) {
        match outcome {
            Ok(Published { code: ReasonCode::NoMatchingSubscribers }) => {
                if let Some(request) = self.requests.get_mut(correlation) {
                    request.unmatched = true;
                }
            }
            Ok(_) => {}
            Err(error) => {
                if let Some(request) = self.requests.remove(correlation) {
                    request.reply.send(Err(error));
                }
            }
        }
    }

    /// Takes a message if it answers a request: its packet identifier. Otherwise the message comes back.
    pub(super) fn take_answer(&mut self, publish: Publish, now: Instant) -> Result<u16, Publish> {
        if !self.requests.listens_to(&publish.topic) {
            return Err(publish);
        }
        let answered = self.requests.answered(&publish.topic, publish.properties.correlation_data());
        let Some(request) = answered else {
            self.shared.monitor.counters.replies_unmatched.add(1);
            return Err(publish);
        };
        self.give_back(&request);
        self.shared.monitor.counters.requests_answered.add(1);
        self.shared.monitor.request_times.record(now.saturating_duration_since(request.started));
        let packet_id = publish.packet_id;
        let publish = self.compact(publish);
        request.reply.send(Ok(Received { publish, received: now, delivery: None }));
        Ok(packet_id)
    }

    pub(super) fn fail_request(&mut self, request: Open, error: Error) {
        self.goal.count_failures(1);
        self.give_back(&request);
        request.reply.send(Err(error));
    }

    /// What was not published takes room of the outbox still.
    fn give_back(&self, request: &Open) {
        if let Some((_, size)) = &request.unsent {
            self.shared.budget.give_back(*size as usize);
        }
    }
}
