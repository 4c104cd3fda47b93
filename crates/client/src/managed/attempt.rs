//! One attempt to connect, up to where MQTT begins: an open stream, and a credential that was made for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::authenticator::{Authenticator, Credential, Purpose};
use super::config::Config;
use super::error::Error;
use super::session::Question;
use azmqtt_net::connect;
use azmqtt_net::connect_step::{Step, begins};

/// What CONNECT needs.
pub(super) struct Opened {
    pub(super) link: connect::Opened,
    pub(super) credential: Option<Credential>,
}

/// A connection that is being opened. The future owns what it needs, so that it can run beside the task that asked for
/// it. It is boxed, because its handshake takes kilobytes that a connected task should not keep.
pub(super) type Opening = Pin<Box<dyn Future<Output = Result<Opened, Error>> + Send>>;

/// Opens a stream to the broker, and has the credential made first: whoever makes it may take longer than a broker waits
/// for CONNECT.
pub(super) fn open(config: &Config) -> Opening {
    let (broker, authenticator, limit) =
        (config.broker.clone(), config.authenticator.clone(), config.deadlines.credentials);
    Box::pin(async move {
        let credential = match authenticator {
            None => None,
            Some(authenticator) => {
                begins(Step::Credentials);
                let name = authenticator.name().to_owned();
                let made = within(limit, authenticator.begin(Purpose::Connect)).await;
                Some(made.map_err(|reason| Error::AuthenticationFailed {
                    reason: format!("{name}: {reason}"),
                    code: None,
                })?)
            }
        };
        Ok(Opened { link: broker.open_for_mqtt().await?, credential })
    })
}

/// What the authenticator says on a connection that stands or is being made.
pub(super) enum Answer {
    Credential(Result<Credential, String>),
    Challenge(Result<Bytes, String>),
}

/// An authenticator that was asked.
pub(super) type Asked = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Asks the authenticator, and waits no longer than `limit`.
pub(super) fn ask(authenticator: &Arc<dyn Authenticator>, question: Question, limit: Duration) -> Asked {
    let authenticator = Arc::clone(authenticator);
    Box::pin(async move {
        match question {
            Question::Begin(purpose) => Answer::Credential(within(limit, authenticator.begin(purpose)).await),
            Question::Challenge(data) => {
                Answer::Challenge(within(limit, authenticator.challenge(data)).await)
            }
        }
    })
}

async fn within<T>(limit: Duration, made: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = |_| format!("no answer within {} s", limit.as_secs_f64());
    timeout(limit, made).await.map_err(late)?
}
