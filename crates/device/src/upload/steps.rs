//! The steps of an upload, each a request that is tried again while that makes sense.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use hyper::{Method, StatusCode};
use tokio::time::sleep;

use super::super::config::DeviceConfig;
use super::super::config::RetryPolicy;
use super::super::credentials::Refusals;
use super::super::error::Error;
use super::UploadStep;
use azmqtt_client::backoff::{Backoff, random};
use azmqtt_dialect::encoding::encode;
use azmqtt_dialect::storage::{
    MAX_BLOCKS, STORAGE_VERSION, StorageError, block_id, block_list_body, listed_blocks,
};
use azmqtt_dialect::upload::{UploadNotification, UploadTarget};
use azmqtt_dialect::{API_VERSION, ServiceError};
use azmqtt_net::Endpoint;
use azmqtt_net::http::{Https, Request, Response};

/// How often one request is tried.
const ATTEMPTS: u32 = 6;

/// The longest wait before another try, whatever a server asks for.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Of ordinary answers, in bytes.
const MAX_ANSWER: usize = 64 << 10;

/// Of a list of blocks: 50,000 of them, 100 bytes each, twice.
const MAX_LIST: usize = 10 << 20;

const MS_VERSION: HeaderName = HeaderName::from_static("x-ms-version");
const MS_BLOB_TYPE: HeaderName = HeaderName::from_static("x-ms-blob-type");
const MS_BLOB_CONTENT_TYPE: HeaderName = HeaderName::from_static("x-ms-blob-content-type");

pub(super) struct Steps {
    config: DeviceConfig,
    blob_name: String,
    idle_timeout: Duration,
    hub: Https,
    storage: Option<Https>,
    target: Option<UploadTarget>,
    /// A server has answered: from then on failures to connect are worth another try.
    contacted: bool,
    /// Something was put since the last place was asked for.
    put_since_start: bool,
    /// The ids of the file's blocks, in order.
    blocks: Vec<String>,
    /// What an earlier upload left.
    found: HashSet<String>,
}

impl Steps {
    pub(super) fn new(config: &DeviceConfig, blob_name: String, idle_timeout: Duration) -> Self {
        let endpoint = Endpoint { port: config.https_port, ..config.endpoint.clone() };
        Self {
            hub: Https::new(endpoint, config.deadlines.stream, idle_timeout),
            config: config.clone(),
            blob_name,
            idle_timeout,
            storage: None,
            target: None,
            contacted: false,
            put_since_start: false,
            blocks: Vec::new(),
            found: HashSet::new(),
        }
    }

    /// Takes a step; how many bytes of the file were sent.
    pub(super) async fn take(&mut self, step: UploadStep) -> Result<usize, Error> {
        match step {
            UploadStep::Start => self.start().await.map(|()| 0),
            UploadStep::PutBlob { content, content_type } => {
                let size = content.len();
                self.put_blob(content, content_type).await.map(|()| size)
            }
            UploadStep::LookForBlocks => self.look_for_blocks().await.map(|()| 0),
            UploadStep::PutBlock(content) => self.put_block(content).await,
            UploadStep::Commit { content_type } => self.commit(content_type).await.map(|()| 0),
            UploadStep::Notify { is_success, status_code, description } => {
                self.notify(is_success, status_code, description).await.map(|()| 0)
            }
        }
    }

    async fn start(&mut self) -> Result<(), Error> {
        let body = serde_json::json!({ "blobName": self.blob_name }).to_string();
        let response = self.ask_hub("POST files", "/files", body.into_bytes()).await?;
        let target = UploadTarget::parse(&response.body)
            .map_err(|reason| Error::BadAnswer { reason: format!("POST files: {reason}") })?;
        // `parse` has seen that there is one.
        let (host, port) = target.host_and_port().unwrap_or_default();
        // The device's certificate is for the hub alone.
        let endpoint = Endpoint {
            host: host.to_owned(),
            port,
            client_certificate: None,
            ..self.config.endpoint.clone()
        };
        self.storage = Some(Https::new(endpoint, self.config.deadlines.stream, self.idle_timeout));
        self.target = Some(target);
        self.put_since_start = false;
        Ok(())
    }

    async fn put_blob(&mut self, content: Bytes, content_type: Option<String>) -> Result<(), Error> {
        let mut headers = vec![(MS_BLOB_TYPE, "BlockBlob".to_owned())];
        headers.extend(content_type.map(|content_type| (MS_BLOB_CONTENT_TYPE, content_type)));
        self.ask_storage("Put Blob", Method::PUT, "", headers, content).await.map(drop)
    }

    async fn look_for_blocks(&mut self) -> Result<(), Error> {
        let query = "comp=blocklist&blocklisttype=uncommitted";
        match self.ask_storage("Get Block List", Method::GET, query, Vec::new(), Bytes::new()).await {
            Ok(response) => {
                self.found = listed_blocks(&String::from_utf8_lossy(&response.body)).into_iter().collect();
                Ok(())
            }
            // There is no such blob, or the signature allows writing alone: nothing to save.
            Err(Error::UploadFailed { status: Some(403 | 404), .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn put_block(&mut self, content: Bytes) -> Result<usize, Error> {
        if self.blocks.len() >= MAX_BLOCKS {
            let reason = format!("the file has more than {MAX_BLOCKS} blocks; use a larger block_size");
            return Err(Error::UploadFailed { step: "Put Block", status: None, code: None, reason });
        }
        let (index, bytes) = (self.blocks.len(), content.clone());
        // Milliseconds that the runtime's thread has not got.
        let id = tokio::task::spawn_blocking(move || block_id(index, &bytes)).await;
        let id = id.map_err(|_| Error::ClientClosed)?;
        let mut sent = 0;
        if !self.found.contains(&id) {
            sent = content.len();
            let query = format!("comp=block&blockid={}", encode(&id));
            self.ask_storage("Put Block", Method::PUT, &query, Vec::new(), content).await?;
        }
        self.blocks.push(id);
        Ok(sent)
    }

    async fn commit(&mut self, content_type: Option<String>) -> Result<(), Error> {
        let body = block_list_body(&self.blocks).into_bytes();
        let mut headers = vec![(CONTENT_TYPE, "application/xml".to_owned())];
        headers.extend(content_type.map(|content_type| (MS_BLOB_CONTENT_TYPE, content_type)));
        self.ask_storage("Put Block List", Method::PUT, "comp=blocklist", headers, body.into())
            .await
            .map(drop)
    }

    async fn notify(
        &mut self,
        is_success: bool,
        status_code: i32,
        status_description: String,
    ) -> Result<(), Error> {
        let Some(target) = &self.target else { return Ok(()) };
        let correlation_id = target.correlation_id.clone();
        let body =
            UploadNotification { correlation_id, is_success, status_code, status_description }.to_body();
        self.ask_hub("POST files/notifications", "/files/notifications", body).await?;
        self.target = None;
        Ok(())
    }

    async fn ask_hub(&mut self, what: &'static str, path: &str, body: Vec<u8>) -> Result<Response, Error> {
        let device_id = encode(&self.config.identity.device_id);
        let target = format!("/devices/{device_id}{path}?api-version={API_VERSION}");
        let mut tries = Tries::new(self.config.retry);
        let mut refusals = Refusals::default();
        loop {
            let resource = self.config.identity.sas_resource();
            let (ttl, limit) = (self.config.sas_ttl, self.config.deadlines.credentials);
            let token = self.config.credentials.sign_resource(&resource, ttl, None, limit).await?;
            let mut headers = vec![(CONTENT_TYPE, "application/json; charset=utf-8".to_owned())];
            headers.extend(token.map(|token| (AUTHORIZATION, token.to_token())));
            let request = Request {
                method: Method::POST,
                target: target.clone(),
                headers,
                body: Bytes::from(body.clone()),
                max_answer: MAX_ANSWER,
            };
            let answered = self.hub.send(what, request).await;
            self.contacted |= answered.is_ok();
            match answered {
                Ok(response) if response.status.is_success() => return Ok(response),
                Ok(response) if response.status == StatusCode::UNAUTHORIZED => {
                    if self.config.credentials.try_next(&mut refusals) {
                        continue;
                    }
                    let error = ServiceError::parse(401, &response.body);
                    let hint = self.config.credentials.explain_refusal();
                    let reason = format!("{what}: the hub answered 401: {}; {hint}", error.message);
                    return Err(Error::AuthenticationFailed { reason });
                }
                answered => {
                    tries
                        .again(self.contacted, answered.map_err(Error::from), |response| {
                            hub_error(what, response)
                        })
                        .await?;
                }
            }
        }
    }

    async fn ask_storage(
        &mut self,
        what: &'static str,
        method: Method,
        query: &str,
        mut headers: Vec<(HeaderName, String)>,
        body: Bytes,
    ) -> Result<Response, Error> {
        headers.push((MS_VERSION, STORAGE_VERSION.to_owned()));
        let max_answer = if method == Method::GET { MAX_LIST } else { MAX_ANSWER };
        let mut tries = Tries::new(self.config.retry);
        loop {
            let (Some(storage), Some(target)) = (&mut self.storage, &self.target) else {
                let reason = "the upload was not started".to_owned();
                return Err(Error::UploadFailed { step: what, status: None, code: None, reason });
            };
            let target = target.path_and_query(query);
            let (method, headers, body) = (method.clone(), headers.clone(), body.clone());
            let is_put = method == Method::PUT;
            let answered = storage.send(what, Request { method, target, headers, body, max_answer }).await;
            self.contacted |= answered.is_ok();
            match answered {
                Ok(response) if response.status.is_success() => {
                    self.put_since_start |= is_put;
                    return Ok(response);
                }
                // The place is open for an hour or so. Blocks outlive it.
                Ok(response) if response.status == StatusCode::FORBIDDEN && self.put_since_start => {
                    let description = "its signature has expired".to_owned();
                    // The hub gives another place all the same.
                    let _ = Box::pin(self.notify(false, 403, description)).await;
                    Box::pin(self.start()).await?;
                }
                answered => {
                    tries
                        .again(self.contacted, answered.map_err(Error::from), |response| {
                            storage_error(what, response)
                        })
                        .await?;
                }
            }
        }
    }
}

/// What is left of the tries of one request.
struct Tries {
    backoff: Backoff,
    left: u32,
}

impl Tries {
    fn new(policy: RetryPolicy) -> Self {
        let max = policy.max.min(MAX_WAIT);
        Self { backoff: Backoff::new(RetryPolicy { max, ..policy }), left: ATTEMPTS }
    }

    /// Waits before another try, or says why there is none.
    async fn again(
        &mut self,
        contacted: bool,
        answered: Result<Response, Error>,
        explain: impl FnOnce(&Response) -> Error,
    ) -> Result<(), Error> {
        self.left = self.left.saturating_sub(1);
        let wait = self.backoff.next(random());
        let (worth_it, wait, error) = match answered {
            Ok(response) => {
                let asked = response.header("retry-after").and_then(|seconds| seconds.trim().parse().ok());
                let wait = asked.map_or(wait, Duration::from_secs).min(MAX_WAIT);
                (is_passing(response.status), wait, explain(&response))
            }
            // A wrong host or certificate is told at once.
            Err(error @ Error::ConnectionFailed { .. }) => (contacted, wait, error),
            Err(error) => (true, wait, error),
        };
        if !worth_it || self.left == 0 {
            return Err(error);
        }
        sleep(wait).await;
        Ok(())
    }
}

/// Statuses that may be others soon.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

fn hub_error(what: &'static str, response: &Response) -> Error {
    let status = response.status.as_u16();
    let mut error = ServiceError::parse(status, &response.body);
    error.message = format!("{what}: {}", error.message);
    let asked = response.header("retry-after").and_then(|seconds| seconds.trim().parse().ok());
    error.retry_after = error.retry_after.or(asked);
    Error::RequestFailed { status, error: Box::new(error) }
}

fn storage_error(what: &'static str, response: &Response) -> Error {
    let StorageError { code, message } =
        StorageError::parse(response.header("x-ms-error-code"), &response.body);
    let status = Some(response.status.as_u16());
    Error::UploadFailed { step: what, status, code, reason: message }
}
