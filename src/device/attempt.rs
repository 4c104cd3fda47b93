//! One attempt to connect, up to where MQTT begins: an open stream, and a password that was made for it.

use std::future::Future;
use std::pin::Pin;

use super::config::DeviceConfig;
use super::credentials::Password;
use super::error::Error;
use super::task::unix_now;
use super::transport::{self, Stream};

/// What CONNECT needs.
pub(super) struct Opened {
    pub(super) stream: Stream,
    pub(super) password: Password,
}

/// A connection that is being opened.
pub(super) type Opening = Pin<Box<dyn Future<Output = Result<Opened, Error>> + Send>>;

/// Opens a stream to the hub and then makes the password, so that it is as fresh as can be. The future owns what it
/// needs, so that it can run beside the task that asked for it. It is boxed, because its handshake takes kilobytes
/// that a connected task should not keep.
pub(super) fn open(config: &DeviceConfig) -> Opening {
    let (endpoint, deadlines) = (config.endpoint.clone(), config.deadlines);
    let (identity, credentials, ttl) = (config.identity.clone(), config.credentials.clone(), config.sas_ttl);
    Box::pin(async move {
        let stream = transport::open(&endpoint, deadlines).await?;
        let password = credentials.password(&identity, ttl, unix_now());
        Ok(Opened { stream, password })
    })
}
