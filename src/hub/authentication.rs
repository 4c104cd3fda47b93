//! Who may connect (IoT Hub docs, MQTT support: CONNECT fields; SAS).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::client_certificates::{self, Authentication, ClientChain};
use super::device::{Credentials, Device};
use super::shared::Shared;
use super::telemetry::unix_seconds;
use crate::dialect::{Identity, SasToken, Username};
use crate::mqtt::{Connect, ConnectReturnCode};

/// A client that may connect as `device`.
pub struct Admitted {
    pub device: Arc<Device>,
    /// The model id it announced.
    pub model_id: Option<Arc<str>>,
    /// Without an api-version the service takes telemetry but refuses twin patches.
    pub has_api_version: bool,
    /// How long its credentials are good for.
    pub valid_for: Duration,
}

/// The answer to a client that may not.
#[derive(Debug)]
pub struct Refusal {
    pub code: ConnectReturnCode,
    pub reason: String,
}

/// Judges a CONNECT. Whatever is wrong with the credentials, the client is told 5; only with good ones does it learn
/// that its device is disabled (3).
pub fn judge(
    shared: &Shared,
    connect: &Connect,
    chain: &ClientChain,
    now: SystemTime,
) -> Result<Admitted, Refusal> {
    let refuse = |reason: String| Refusal { code: ConnectReturnCode::NotAuthorized, reason };
    let login = connect.login.as_ref().ok_or_else(|| refuse("no user name".to_owned()))?;
    let username = Username::parse(&login.username).map_err(|error| refuse(error.to_string()))?;
    let identity = username.identity();
    if connect.client_id != identity.client_id() {
        return Err(refuse("the client id is not the device of the user name".to_owned()));
    }
    let hostname = &shared.config.hostname;
    if !identity.host_name.eq_ignore_ascii_case(hostname) {
        return Err(refuse(format!(
            "the user name is for the hub {}, this is {hostname}",
            identity.host_name
        )));
    }
    let device = find(shared, &identity).ok_or_else(|| refuse("there is no such device".to_owned()))?;
    let valid_for = prove(shared, &device, &identity, &login.password, chain, now).map_err(refuse)?;
    if !device.may_connect() {
        let reason = "the device is disabled".to_owned();
        return Err(Refusal { code: ConnectReturnCode::ServiceUnavailable, reason });
    }
    Ok(Admitted {
        device,
        model_id: username.model_id.map(Arc::from),
        has_api_version: username.api_version.is_some(),
        valid_for,
    })
}

/// How long the credentials of `device`, which is `identity`, are good for from now on; the reason if they are not. An
/// empty `password` means a client certificate: `chain` is what the handshake showed.
pub fn prove(
    shared: &Shared,
    device: &Device,
    identity: &Identity,
    password: &str,
    chain: &ClientChain,
    now: SystemTime,
) -> Result<Duration, String> {
    let Credentials { keys, authentication } = device.state().credentials.clone();
    if password.is_empty() {
        client_certificates::judge(
            &authentication,
            chain,
            &shared.client_authorities,
            &identity.client_id(),
            now,
        )
        .map_err(|error| error.to_string())?;
        // A connection outlasts its certificate; only the next one is refused.
        return Ok(Duration::MAX);
    }
    if authentication != Authentication::Sas {
        return Err("the device authenticates with X.509, and there is a password".to_owned());
    }
    let token = SasToken::parse(password).map_err(|error| error.to_string())?;
    if token.policy().is_some() {
        // The service would look for the policy's key, not for the device's.
        return Err("the SAS token names a policy (skn), and this hub has none".to_owned());
    }
    token
        .verify(&identity.sas_resource(), &keys.each_ref(), shared.config.sas_time(now))
        .map_err(|error| error.to_string())?;
    let taken_until = token.expiry().saturating_add(shared.config.sas_skew.as_secs());
    Ok(Duration::from_secs(taken_until.saturating_sub(unix_seconds(now))))
}

fn find(shared: &Shared, identity: &Identity) -> Option<Arc<Device>> {
    shared.registry.find((identity.device_id.as_str(), identity.module_id.as_deref()))
}
