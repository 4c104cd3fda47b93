//! A check of a client of any broker; it knows the ways of Event Grid namespaces and of IoT Operations.
//!
//! The last step is a connection as [`Client`] makes it. A client that is connected with the same client identifier loses
//! its connection to it, as the standard has it [MQTT-3.1.4-3]. What the session holds stays there: the check acknowledges
//! no message, and it ends a session that was not there before.

mod certificate;
mod connack;
mod host;
mod token;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use self::certificate::Fields;
pub use self::token::Token;
use super::report::CheckReport;
use super::run;
use super::steps::{CONNACK, FOREVER, GLANCE, Over, Steps, Validity};
use crate::claims::Claims;
use crate::limits::RetryPolicy;
use crate::managed::{Accepted, Client, Config, EndSession, Error};
use crate::reply::Reply;
use azmqtt_mqtt::Level;
use azmqtt_net::{ConnectError, Step};

/// Checks a client's connection on `runtime`, within `limit`: a client of this configuration, which shows `token` in place
/// of what its authenticator makes. Aborting the handle ends it.
pub fn check_broker(
    config: Config,
    token: Option<Token>,
    limit: Duration,
    runtime: fn() -> Handle,
    reply: Reply<CheckReport, Error>,
) -> AbortHandle {
    run::start(Check::new(config, token, runtime), limit, runtime, reply)
}

struct Check {
    config: Config,
    token: Option<Token>,
    runtime: fn() -> Handle,
    steps: Steps,
    /// What may be wrong with the credentials: only the broker knows.
    doubts: Vec<String>,
}

impl run::Check for Check {
    fn steps(&mut self) -> &mut Steps {
        &mut self.steps
    }

    async fn run(&mut self) -> Result<(), Over> {
        self.steps.reach(self.config.broker.is_encrypted()).await?;
        self.certificate()?;
        self.shown_token()?;
        self.connect().await
    }
}

impl Check {
    fn new(mut config: Config, token: Option<Token>, runtime: fn() -> Handle) -> Self {
        config.retry = RetryPolicy { first_connect: false, ..config.retry };
        config.deadlines.connack = config.deadlines.connack.min(CONNACK);
        config.end_session = EndSession::IfBegun;
        if let Some(token) = &token {
            config.authenticator = Some(Arc::new(token.clone()));
        }
        let broker = &config.broker;
        let endpoint = broker.endpoint().clone();
        let wrong_host = host::wrong_host(&endpoint.host);
        let mut steps = Steps::new(endpoint, broker.is_websocket(), config.deadlines.stream);
        steps.seen.wrong_host = wrong_host;
        Self { config, token, runtime, steps, doubts: Vec::new() }
    }

    /// The certificate beside the name that the client is to have.
    fn certificate(&mut self) -> Result<(), Over> {
        let began = Instant::now();
        let Some(certificate) = &self.config.broker.endpoint().client_certificate else { return Ok(()) };
        let validity = Validity { from: Some(certificate.not_before()), to: Some(certificate.not_after()) };
        let fields = Fields::read(certificate);
        let name = self.config.username.as_deref();
        self.doubts.extend(fields.doubts(name));
        self.steps.credentials("client certificate", validity, fields.facts(name), None, began)
    }

    /// The token, as far as it can be judged here.
    fn shown_token(&mut self) -> Result<(), Over> {
        let began = Instant::now();
        let Some(token) = &self.token else { return Ok(()) };
        let mut facts = vec![("method", token.method.clone())];
        let mut validity = Validity::default();
        let mut doubts: Vec<_> = token::too_long(token).into_iter().collect();
        match Claims::read(&token.text) {
            Ok(claims) => {
                let (host, name) = (&self.config.broker.endpoint().host, self.config.username.as_deref());
                doubts.extend(claims.doubts(&token.method, host, name));
                facts.extend(claims.facts());
                let (from, to) = claims.times();
                validity = Validity { from, to };
            }
            Err(why) => doubts.push(format!("the token is not a JSON Web Token: {why}")),
        }
        let advice = (!doubts.is_empty()).then(|| doubts.join("; "));
        self.doubts.extend(doubts);
        self.steps.credentials("token", validity, facts, advice, began)
    }

    /// Connects as a client would, once, and disconnects.
    async fn connect(&mut self) -> Result<(), Over> {
        let began = Instant::now();
        let outcome = self.try_client().await;
        match outcome {
            Ok(accepted) => {
                let facts = connack::announced(&accepted, &self.config);
                let host = &self.config.broker.endpoint().host;
                let detail = match self.config.client_id.as_str() {
                    "" => format!("{host} accepted the client"),
                    id => format!("{host} accepted {id:?}"),
                };
                self.steps.add(Step::Mqtt, detail, facts, began);
                Ok(())
            }
            Err(error) => {
                self.refused(error, began);
                Err(Over)
            }
        }
    }

    fn refused(&mut self, error: Error, began: Instant) {
        let code = connack::code_of(&error);
        let failure = match error {
            Error::ConnectionFailed { step, reason, .. } => ConnectError::new(step, reason),
            other => ConnectError::new(Step::Mqtt, other.to_string()),
        };
        let advice = match code {
            Some(code) => connack::advise(code, &self.config, &self.doubts),
            None if failure.step == Step::Mqtt => connack::advise_on_silence(&failure.reason, &self.config),
            None => None,
        };
        match advice.filter(|_| self.steps.seen.wrong_host.is_none()) {
            None => self.steps.fail(&failure, Vec::new(), began),
            advice => self.steps.fail_with(&failure, Vec::new(), advice, began),
        }
    }

    /// A client's first connection, up to its end.
    async fn try_client(&mut self) -> Result<Accepted, Error> {
        let client = Client::new(self.config.clone(), self.runtime);
        self.steps.follow(client.connect_progress());
        // It takes the session's messages, and acknowledges none: the broker keeps them.
        let _messages = client.receiver(None)?;
        let (reply, connected) = Reply::channel();
        client.connect(FOREVER, reply);
        let connected = connected.await.unwrap_or(Err(Error::Closed));
        let accepted = client.accepted();
        close(&client).await;
        connected?;
        let accepted = accepted.ok_or(Error::Closed)?;
        if self.config.level != Level::Mqtt5 && !self.config.clean_start && !accepted.session_present {
            self.forget_session().await;
        }
        Ok(accepted)
    }

    /// DISCONNECT of MQTT 3.1.1 ends no session: another one, which begins anew and leaves nothing, does.
    async fn forget_session(&self) {
        let config = Config { clean_start: true, session_expiry: 0, ..self.config.clone() };
        let client = Client::new(config, self.runtime);
        let (reply, connected) = Reply::channel();
        client.connect(GLANCE, reply);
        // Whatever becomes of it, the connection was good.
        let _ = connected.await;
        close(&client).await;
    }
}

async fn close(client: &Client) {
    let (reply, closed) = Reply::channel();
    client.close(GLANCE, reply);
    // However that went, the connection is over.
    let _ = closed.await;
}
