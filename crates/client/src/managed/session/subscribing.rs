//! The subscriptions' part of a session: what the broker is asked for, and what it answers.

use std::time::{Duration, Instant};

use super::reasons;
use super::state::Session;
use super::subscriptions::{Ask, Caller, What};
use crate::managed::error::Error;
use crate::managed::subscription::Subscription;
use azmqtt_mqtt::{Properties, ReasonCode, SubscribeError, Unsubscribe};
use azmqtt_net::deadlines::later;

/// After a refused filter that was granted before the session was lost.
const AGAIN: Duration = Duration::from_secs(10);

impl Session {
    /// Sends the SUBSCRIBE and UNSUBSCRIBE packets that wait.
    pub(super) fn ask_broker(&mut self, now: Instant) {
        while let Some(ask) = self.subscriptions.next() {
            let asked = match &ask.what {
                What::Subscribe(wanted) => self.mqtt.subscribe(wanted.packet(), now),
                What::Unsubscribe(filters) => self.mqtt.unsubscribe(Unsubscribe::of(filters.clone()), now),
            };
            match asked {
                Ok(packet_id) => self.subscriptions.asked(packet_id, ask, now),
                Err(SubscribeError::NotConnected | SubscribeError::NoIdentifier) => {
                    return self.subscriptions.put_back(ask);
                }
                Err(why) => {
                    let error = reasons::unasked(&why);
                    if let (Caller::Again, What::Subscribe(wanted)) = (&ask.caller, &ask.what) {
                        // The broker does not even know them any more.
                        for filter in &wanted.filters {
                            self.subscriptions.forget(&filter.filter);
                        }
                        self.shared.monitor.set_last_error(Some(error.to_string()));
                    }
                    self.tell_asker(ask.caller, Err(error));
                }
            }
        }
    }

    /// SUBACK or UNSUBACK came.
    pub(super) fn answered(
        &mut self,
        packet_id: u16,
        codes: Vec<ReasonCode>,
        properties: &Properties,
        now: Instant,
    ) {
        let Some(Ask { what, caller, .. }) = self.subscriptions.answered(packet_id) else { return };
        let refused = codes.iter().any(|code| code.is_error());
        let mut codes = codes;
        match what {
            What::Subscribe(Subscription { filters, identifier }) => {
                let again = matches!(caller, Caller::Again);
                let (granted, not) =
                    filters.into_iter().zip(&codes).partition::<Vec<_>, _>(|(_, code)| !code.is_error());
                if again && refused {
                    let filters: Vec<_> = not.into_iter().map(|(filter, _)| filter).collect();
                    let names: Vec<_> = filters.iter().map(|filter| filter.filter.as_str()).collect();
                    let names = names.join(", ");
                    let reason = format!("after the session was lost, the broker refused {names}");
                    self.shared.monitor.set_last_error(Some(reason));
                    self.refused = Some((later(now, AGAIN), Subscription { filters, identifier }));
                } else if !matches!(caller, Caller::Nobody) {
                    for (filter, _) in granted {
                        self.subscriptions.stands(filter, identifier);
                    }
                }
            }
            What::Unsubscribe(filters) => {
                // MQTT 3.1.1 has no codes here.
                codes.resize(filters.len(), ReasonCode::Success);
                for (filter, _) in filters.iter().zip(&codes).filter(|(_, code)| !code.is_error()) {
                    self.subscriptions.forget(filter);
                    self.requests.forget_topic(filter);
                }
            }
        }
        let reason = properties.reason_string().map(str::to_owned);
        let outcome = if refused { Err(Error::SubscribeRefused { codes, reason }) } else { Ok(codes) };
        self.tell_asker(caller, outcome);
    }

    /// Time has passed since a refusal.
    pub(super) fn ask_refused_again(&mut self, now: Instant) {
        if self.refused.as_ref().is_some_and(|(at, _)| *at <= now)
            && let Some((_, wanted)) = self.refused.take()
        {
            self.subscriptions.ask_for(wanted);
        }
    }

    pub(super) fn tell_asker(&mut self, caller: Caller, outcome: Result<Vec<ReasonCode>, Error>) {
        match caller {
            Caller::Application(reply) => {
                if outcome.is_err() {
                    self.goal.count_failures(1);
                }
                reply.send(outcome);
            }
            Caller::Requests(topic) => match outcome {
                Ok(_) => self.response_topic_granted(&topic),
                Err(error) => self.response_topic_refused(&topic, &error),
            },
            Caller::Nobody | Caller::Again => {}
        }
    }
}
