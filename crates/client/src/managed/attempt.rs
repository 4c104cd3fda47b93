//! One attempt to connect, up to where MQTT begins: an open stream, and a credential that was made for it.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::time::timeout;

use super::authenticator::{Authenticator, Credential, Purpose};
use super::config::Config;
use super::error::Error;
use super::session::Question;
use crate::claims;
use azmqtt_net::BoxFuture;
use azmqtt_net::connect;
use azmqtt_net::connect_step::{Step, begins};

/// What CONNECT needs.
pub(crate) struct Opened {
    pub(super) link: connect::Opened,
    pub(super) credential: Option<Credential>,
}

/// Opens a stream to the broker, and has the credential made first: whoever makes it may take longer than a broker waits
/// for CONNECT.
pub(super) fn open(config: &Config) -> BoxFuture<'static, Result<Opened, Error>> {
    let (broker, authenticator, limit) =
        (config.broker.clone(), config.authenticator.clone(), config.deadlines.credentials);
    let username = config.username.clone();
    Box::pin(async move {
        let credential = match authenticator {
            None => None,
            Some(authenticator) => {
                begins(Step::Credentials);
                let name = authenticator.name().to_owned();
                let made = within(limit, authenticator.begin(Purpose::Connect)).await;
                let made = made.map_err(|reason| Error::AuthenticationFailed {
                    reason: format!("{name}: {reason}"),
                    code: None,
                })?;
                Some(judged(
                    made,
                    authenticator.method(),
                    broker.endpoint().host.as_str(),
                    username.as_deref(),
                ))
            }
        };
        Ok(Opened { link: broker.open_for_mqtt().await?, credential })
    })
}

/// What the authenticator says on a connection that stands or is being made.
pub(crate) enum Answer {
    Credential(Result<Credential, String>),
    Challenge(Result<Bytes, String>),
}

/// An authenticator that was asked.
pub(super) type Asked = BoxFuture<'static, Answer>;

/// Asks the authenticator, and waits no longer than it may take.
pub(super) fn ask(config: &Config, authenticator: &Arc<dyn Authenticator>, question: Question) -> Asked {
    let (authenticator, limit) = (Arc::clone(authenticator), config.deadlines.credentials);
    let (host, username) = (config.broker.endpoint().host.clone(), config.username.clone());
    Box::pin(async move {
        match question {
            Question::Begin(purpose) => {
                let made = within(limit, authenticator.begin(purpose)).await;
                let judged = |made| judged(made, authenticator.method(), &host, username.as_deref());
                Answer::Credential(made.map(judged))
            }
            Question::Challenge(data) => {
                Answer::Challenge(within(limit, authenticator.challenge(data)).await)
            }
        }
    })
}

/// The credential with what can be told of it here, if it is a token.
fn judged(made: Credential, method: &str, host: &str, username: Option<&str>) -> Credential {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let doubts = made.doubts.or_else(|| claims::doubts(method, &made.data, host, username, now));
    Credential { doubts, ..made }
}

async fn within<T>(limit: Duration, made: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = |_| format!("no answer within {} s", limit.as_secs_f64());
    timeout(limit, made).await.map_err(late)?
}
