//! Enhanced authentication (MQTT 5 §4.12): challenges, and new credentials on a connection that stands.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::link::{Exchange, Lease, Phase, Renewal, Shown};
use super::reasons;
use super::state::{End, Session};
use crate::managed::authenticator::{Credential, Purpose};
use azmqtt_mqtt::{Auth, ReasonCode};
use azmqtt_net::deadlines::later;

/// Challenges in one authentication. SCRAM takes one, Kerberos up to three.
const MAX_ROUNDS: u8 = 8;
/// Between one re-authentication and the next that an authenticator may have with its changes.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);
/// After an answer of "later", or an authenticator that had nothing.
const LATER: Duration = Duration::from_secs(10);

/// What the authenticator is to say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Begin(Purpose),
    Challenge(Bytes),
}

impl Session {
    /// What the authenticator is to be asked now. Each is told once.
    pub(crate) fn question(&mut self) -> Option<Question> {
        self.challenge.take().map(Question::Challenge).or_else(|| {
            let is_asked = std::mem::take(&mut self.asks_for_credential);
            is_asked.then_some(Question::Begin(Purpose::Renew))
        })
    }

    /// Whether the authenticator's changes are listened to: not while a re-authentication is under way.
    pub(crate) fn listens_to_changes(&self) -> bool {
        matches!(self.link.renewal(), Some(Renewal::Due(_))) && self.deaf_until.is_none()
    }

    /// The authenticator has something new.
    pub(crate) fn renew_now(&mut self, now: Instant) {
        if matches!(self.link.renewal(), Some(Renewal::Due(_))) {
            self.link.set_renewal(Renewal::Due(Some(now)));
        }
    }

    /// Begins a re-authentication when it is due, and ends a connection whose broker does not answer AUTH.
    pub(super) fn keep_authenticated(&mut self, now: Instant) -> Result<(), End> {
        self.deaf_until = self.deaf_until.filter(|until| *until > now);
        match self.link.renewal() {
            Some(Renewal::Due(Some(at))) if at <= now => {
                self.link.set_renewal(Renewal::Asking);
                self.asks_for_credential = true;
                Ok(())
            }
            Some(Renewal::Sent(exchange)) if exchange.until <= now => {
                let limit = self.shared.config.deadlines.connack.as_secs_f64();
                Err(self.not_renewed(&format!("the broker did not answer AUTH within {limit} s"), None))
            }
            Some(Renewal::Challenged(exchange)) if exchange.until <= now => {
                Err(self.not_renewed("the challenge was not answered in time", None))
            }
            _ => Ok(()),
        }
    }

    /// The authenticator has made a credential for a re-authentication, or could not.
    pub(crate) fn credential_made(
        &mut self,
        made: Result<Credential, String>,
        now: Instant,
    ) -> Result<(), End> {
        if self.link.renewal() != Some(Renewal::Asking) {
            // Of a connection that is gone.
            return Ok(());
        }
        let credential = match made {
            Ok(credential) => credential,
            Err(reason) => {
                // The one in use is good until the broker says otherwise.
                self.shared.monitor.set_last_error(Some(format!("no new credential: {reason}")));
                self.link.set_renewal(Renewal::Due(Some(later(now, LATER))));
                return Ok(());
            }
        };
        self.doubts.clone_from(&credential.doubts);
        match self.mqtt.authenticate(ReasonCode::ReAuthenticate, &credential.data, now) {
            Ok(()) => {
                let until = later(now, self.shared.config.deadlines.connack);
                self.said_with_challenge.clear();
                let exchange = Exchange { until, rounds: 0, lease: Lease::of(&credential, now) };
                self.link.set_renewal(Renewal::Sent(exchange));
                Ok(())
            }
            Err(error) => Err(self.not_renewed(&error.to_string(), None)),
        }
    }

    /// The authenticator has answered a challenge, or could not.
    pub(crate) fn challenge_answered(
        &mut self,
        answer: Result<Bytes, String>,
        now: Instant,
    ) -> Result<(), End> {
        let exchange = match (&self.link.phase, self.link.renewal()) {
            (Phase::Connecting { .. }, _) => None,
            (_, Some(Renewal::Challenged(exchange))) => Some(exchange),
            // Of a connection that is gone.
            _ => return Ok(()),
        };
        let written = answer.and_then(|data| {
            let sent = self.mqtt.authenticate(ReasonCode::ContinueAuthentication, &data, now);
            sent.map_err(|error| error.to_string())
        });
        match (written, exchange) {
            (Ok(()), Some(exchange)) => self.link.set_renewal(Renewal::Sent(exchange)),
            (Ok(()), None) => {}
            (Err(reason), Some(_)) => return Err(self.not_renewed(&reason, None)),
            (Err(reason), None) => return Err(self.not_authenticated(&reason)),
        }
        Ok(())
    }

    /// AUTH came. The MQTT session has seen to it that it is its time, and its method.
    pub(super) fn auth_came(&mut self, auth: &Auth, now: Instant) -> Result<(), End> {
        let data = Bytes::copy_from_slice(auth.properties.authentication_data().unwrap_or_default());
        self.said_with_challenge = reasons::said(&auth.properties);
        let challenged = auth.reason == ReasonCode::ContinueAuthentication;
        if let Phase::Connecting { shown: Shown { rounds, .. }, .. } = &mut self.link.phase {
            *rounds += 1;
            if *rounds > MAX_ROUNDS {
                return Err(self.not_authenticated(&format!("more than {MAX_ROUNDS} challenges")));
            }
            self.challenge = Some(data);
            return Ok(());
        }
        let Some(Renewal::Sent(mut exchange)) = self.link.renewal() else { return Ok(()) };
        if !challenged {
            self.deaf_until = Some(now + AT_MOST_EVERY);
            self.link.set_renewal(Renewal::Due(exchange.lease.renew_at));
            self.shared.monitor.counters.tokens_renewed.add(1);
            self.shared.monitor.set_token_expiry(exchange.lease.expiry);
            self.shared.monitor.set_last_error(None);
            self.shared.monitor.watchers.tell(|watched| watched.then_some(crate::watch::Event::Renewed));
            return Ok(());
        }
        let waits = self.shared.config.authenticator.as_ref().is_some_and(|known| known.wait_allowed());
        if waits {
            let said = reasons::said(&auth.properties);
            self.shared
                .monitor
                .set_last_error(Some(format!("the broker will accept the new token later{said}")));
            self.link.set_renewal(Renewal::Due(Some(later(now, LATER))));
            return Ok(());
        }
        exchange.rounds += 1;
        if exchange.rounds > MAX_ROUNDS {
            return Err(self.not_renewed(&format!("more than {MAX_ROUNDS} challenges"), None));
        }
        self.link.set_renewal(Renewal::Challenged(exchange));
        self.challenge = Some(data);
        Ok(())
    }

    /// Whether a re-authentication is under way that the broker has heard of.
    pub(super) fn is_renewing(&self) -> bool {
        matches!(self.link.renewal(), Some(Renewal::Sent(_) | Renewal::Challenged(_)))
    }

    /// The exchange before CONNACK has failed on this side.
    fn not_authenticated(&self, reason: &str) -> End {
        let reason = format!("{reason}{}", self.said_with_challenge);
        End::Refused(reasons::unauthenticated(&reason, None))
    }

    /// A re-authentication has failed, and the connection with it.
    pub(super) fn not_renewed(&self, reason: &str, code: Option<ReasonCode>) -> End {
        let said = &self.said_with_challenge;
        let reason = format!("the re-authentication failed: {reason}{said}{}", self.doubted());
        let error = reasons::unauthenticated(&reason, code);
        self.link
            .accepted_at()
            .map_or_else(|| End::Failed(error.clone()), |since| End::Lost { since, error: error.clone() })
    }
}
