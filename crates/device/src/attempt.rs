//! One attempt to connect, up to where MQTT begins: an open stream, and a password that was made for it.

use std::future::Future;

use crate::config::DeviceConfig;
use crate::credentials::{Credentials, Password, Purpose};
use crate::error::Error;
use azmqtt_dialect::WEBSOCKET_PATH;
use azmqtt_net::connect::{self, Upgrade};
use azmqtt_net::{BoxFuture, ConnectDeadlines, Endpoint};

/// What CONNECT needs.
pub(crate) struct Opened {
    pub(super) link: connect::Opened,
    pub(super) password: Password,
}

/// Opens a stream to the hub, and makes the password: afterwards, so that it is as fresh as can be, or before where
/// that is not in our hands. The future owns what it needs, so that it can run beside the task that asked for it,
/// however long a signer takes.
pub(super) fn open(config: &DeviceConfig, purpose: Purpose) -> BoxFuture<'static, Result<Opened, Error>> {
    let (endpoint, deadlines) = (config.endpoint.clone(), config.deadlines);
    let (identity, credentials, ttl) = (config.identity.clone(), config.credentials.clone(), config.sas_ttl);
    Box::pin(async move {
        let password = credentials.password(&identity, ttl, purpose, deadlines.credentials);
        let opening = Box::pin(open_for_mqtt(&endpoint, deadlines.stream));
        let (link, password) = in_order(&credentials, opening, password).await?;
        Ok(Opened { link, password })
    })
}

/// Opens a stream that is ready for CONNECT, to a hub or the provisioning service: the encrypted one, or a WebSocket on it.
pub(super) async fn open_for_mqtt(
    endpoint: &Endpoint,
    deadlines: ConnectDeadlines,
) -> Result<connect::Opened, Error> {
    Ok(connect::open(endpoint, &Upgrade::to_service(WEBSOCKET_PATH, "IoT Hub"), deadlines).await?)
}

/// A stream, and a password that is as fresh as can be; or first the password, where whoever makes it may take longer
/// than a server waits for CONNECT.
pub(super) async fn in_order<P>(
    credentials: &Credentials,
    opening: impl Future<Output = Result<connect::Opened, Error>>,
    password: impl Future<Output = Result<P, Error>>,
) -> Result<(connect::Opened, P), Error> {
    if credentials.come_first() {
        let password = password.await?;
        Ok((opening.await?, password))
    } else {
        let link = opening.await?;
        Ok((link, password.await?))
    }
}
