//! A web service that is asked whether a client may connect (`webhookAuthentication`).

mod address;
mod answer;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, StatusCode};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::admitted::{Admitted, FOREVER};
use super::shown::Shown;
use crate::broker::{Identity, Refusal};
use crate::principal::{Principal, Standing};
use azmqtt_mqtt::ReasonCode;
use azmqtt_net::certificate::pem;
use azmqtt_net::http::{Https, Request};
use azmqtt_net::tls::{TrustError, checked_pem};
use azmqtt_net::{ConnectDeadlines, Endpoint, Trust};

use address::Address;
pub use address::InvalidWebhook;
pub use answer::{InvalidAnswer, WebhookAnswer};

/// How long a webhook may take, from the connection to the end of its answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Requests at once.
const MOST_REQUESTS: usize = 100;
/// A longer answer is none, in bytes.
const MAX_ANSWER: usize = 64 << 10;

/// A webhook.
#[derive(Clone)]
pub struct Webhook {
    address: Address,
    application: String,
    /// The roots of its certificate, and their text in PEM; otherwise those of the namespace.
    roots: Option<(Trust, Arc<str>)>,
    /// Requests that may run at once; others wait, and their time runs.
    room: Arc<Semaphore>,
}

impl Webhook {
    /// The webhook at `address` (`endpointUrl`), `http` or `https`. It is shown a token of the local issuer that is for
    /// `application` (`azureActiveDirectoryApplicationIdOrUri`). Its certificate must lead to `roots`, which are
    /// certificates in PEM or DER; without any, to those that the namespace trusts for webhooks.
    ///
    /// # Errors
    /// The address is none, or not of this machine without `allow_remote`; or `roots` cannot be read.
    pub fn new(
        address: &str,
        application: &str,
        roots: Option<&[u8]>,
        allow_remote: bool,
    ) -> Result<Self, InvalidWebhook> {
        let address = Address::parse(address)?;
        if !allow_remote && !address.is_loopback() {
            return Err(InvalidWebhook::Remote);
        }
        let read = |roots| -> Result<(Trust, Arc<str>), TrustError> {
            let text = checked_pem(roots)?;
            Ok((Trust::from_pem(text.as_bytes())?, text.into()))
        };
        let roots = roots.map(read).transpose().map_err(InvalidWebhook::Roots)?;
        let room = Arc::new(Semaphore::new(MOST_REQUESTS));
        Ok(Self { address, application: application.to_owned(), roots, room })
    }

    /// The roots of its certificate in PEM, if it has some of its own.
    pub fn roots(&self) -> Option<&str> {
        self.roots.as_ref().map(|(_, text)| &**text)
    }

    /// Where it is (`endpointUrl`). Its query may hold a key.
    pub fn address(&self) -> &str {
        self.address.as_str()
    }

    /// `azureActiveDirectoryApplicationIdOrUri`.
    pub fn application(&self) -> &str {
        &self.application
    }

    /// Whom the token is for that it is shown: the application, without the scope that may stand behind it.
    pub fn audience(&self) -> &str {
        self.application.strip_suffix("/.default").unwrap_or(&self.application)
    }

    /// Asks it about a client. `bearer` is the token that it is shown, and `trust` are the namespace's roots for webhooks.
    ///
    /// # Errors
    /// It denies the client, does not answer in time, or answers something else.
    pub(crate) async fn ask(
        &self,
        shown: &Shown,
        bearer: &str,
        trust: &Trust,
        now: SystemTime,
    ) -> Result<Admitted, Refusal> {
        let body = match timeout(TIMEOUT, self.answer(shown, bearer, trust)).await {
            Ok(answered) => answered.map_err(|reason| unavailable(&reason))?,
            Err(_) => return Err(unavailable(&"it took longer than 5 s")),
        };
        let (name, attributes, expires) = match WebhookAnswer::parse(&body) {
            Ok(WebhookAnswer::Allow { name, attributes, expires }) => (name, attributes, expires),
            Ok(WebhookAnswer::Deny(reason)) => {
                let reason = format!("the webhook denies the client: {reason}");
                return Err(Refusal::new(ReasonCode::NotAuthorized, reason));
            }
            Err(error) => return Err(unavailable(&format_args!("its answer: {error}"))),
        };
        let valid_for = match expires {
            None => FOREVER,
            Some(expires) => {
                let left = expires.checked_sub(now.duration_since(UNIX_EPOCH).unwrap_or_default());
                let over = || Refusal::new(ReasonCode::NotAuthorized, "the webhook's expiration is over");
                left.filter(|left| !left.is_zero()).ok_or_else(over)?
            }
        };
        let principal = Arc::new(Principal { name, attributes });
        Ok(Admitted { identity: Identity { principal, standing: Standing::Asserted }, valid_for })
    }

    async fn answer(&self, shown: &Shown, bearer: &str, trust: &Trust) -> Result<Vec<u8>, String> {
        let _room = self.room.acquire().await.map_err(|error| error.to_string())?;
        let mut endpoint = Endpoint::new(&self.address.host, self.address.port);
        endpoint.trust = self.roots.as_ref().map_or(trust, |(own, _)| own).clone();
        let mut https = Https::new(endpoint, ConnectDeadlines::default(), TIMEOUT);
        if !self.address.is_encrypted {
            https = https.without_tls();
        }
        let request = Request {
            method: Method::POST,
            target: self.address.target.clone(),
            headers: vec![
                (AUTHORIZATION, format!("Bearer {bearer}")),
                (CONTENT_TYPE, "application/json".to_owned()),
                (ACCEPT, "application/json".to_owned()),
            ],
            body: Bytes::from(question(shown)),
            max_answer: MAX_ANSWER,
        };
        let response = https.send("the webhook", request).await.map_err(|error| error.to_string())?;
        if response.status == StatusCode::OK {
            Ok(response.body)
        } else {
            Err(format!("it answers with status {}", response.status.as_u16()))
        }
    }
}

impl PartialEq for Webhook {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
            && self.application == other.application
            && self.roots() == other.roots()
    }
}

impl Eq for Webhook {}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("address", &self.address)
            .field("application", &self.application)
            .finish_non_exhaustive()
    }
}

fn unavailable(reason: &dyn fmt::Display) -> Refusal {
    Refusal::new(ReasonCode::ServerUnavailable, format!("the webhook: {reason}"))
}

/// The body of the request: what the client has shown, whatever of it there is.
fn question(shown: &Shown) -> String {
    let certificate = |der: &[u8]| pem::write("CERTIFICATE", der);
    let encoded = |data: &Bytes| STANDARD.encode(data);
    let chain = shown.chain.split_first();
    let issuers = chain.map(|(_, issuers)| issuers.iter().map(|der| certificate(der)).collect::<String>());
    let members = [
        ("clientId", Some(shown.client_id.clone())),
        ("userName", shown.username.clone()),
        ("password", shown.password.as_ref().map(encoded)),
        ("authenticationMethod", shown.method.clone()),
        ("authenticationData", shown.data.as_ref().map(encoded)),
        ("clientCertificate", chain.map(|(own, _)| certificate(own))),
        ("clientCertificateChain", issuers.filter(|issuers| !issuers.is_empty())),
    ];
    let members =
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))));
    Value::Object(members.collect::<Map<_, _>>()).to_string()
}
