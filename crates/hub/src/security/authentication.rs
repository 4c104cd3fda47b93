//! Who may connect (IoT Hub docs, MQTT support: CONNECT fields; SAS).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use percent_encoding::percent_decode_str;

use super::client_certificates::{self, Authorities};
use super::policies::{Policies, Policy, Right};
use crate::config::{DisabledAnswer, HubConfig};
use crate::events::Cause;
use crate::registry::Registry;
use crate::registry::credentials::{Authentication, Credentials};
use crate::registry::device::Device;
use crate::unix_time::unix_seconds;
use azmqtt_dialect::{Identity, SasToken, Username};
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_mqtt::{Connect, ReasonCode};

/// A client that may connect as `device`.
pub struct Admitted {
    pub device: Arc<Device>,
    /// The model id it announced.
    pub model_id: Option<Arc<str>>,
    /// Without an api-version the service takes telemetry but refuses twin patches.
    pub has_api_version: bool,
    pub proof: Proof,
}

/// What a client showed, once it was taken.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// How long it is good for.
    pub valid_for: Duration,
    /// It is a token of one of the hub's policies, not of the device's own.
    pub of_hub: bool,
    /// It is a client certificate.
    pub x509: bool,
}

/// The answer to a client that may not.
#[derive(Debug)]
pub struct Refusal {
    pub code: ReasonCode,
    pub cause: Cause,
    pub reason: String,
}

/// Judges clients: what it goes by.
#[derive(Clone, Copy)]
pub struct Judge<'a> {
    pub config: &'a HubConfig,
    pub registry: &'a Registry,
    pub policies: &'a Policies,
    /// Whose signatures on client certificates are taken.
    pub authorities: &'a Authorities,
}

impl<'a> Judge<'a> {
    /// Judges a CONNECT. Whatever is wrong with the credentials, the client is told 5; only with good ones does it learn
    /// that its device is disabled (3, unless the hub is set up otherwise).
    pub fn admit(self, connect: &Connect, chain: &ClientChain, now: SystemTime) -> Result<Admitted, Refusal> {
        let refuse = |cause, reason: String| Refusal { code: ReasonCode::NotAuthorized, cause, reason };
        let of_user = |reason: &str| refuse(Cause::UserName, reason.to_owned());
        let username = connect.username.as_deref().ok_or_else(|| of_user("no user name"))?;
        let password = connect
            .password_text()
            .ok_or_else(|| refuse(Cause::Credentials, "the password is not text".to_owned()))?;
        let username = Username::parse(username).map_err(|error| of_user(&error.to_string()))?;
        let identity = username.identity();
        if connect.client_id != identity.client_id() {
            let reason = "the client id is not the device of the user name";
            return Err(refuse(Cause::ClientId, reason.to_owned()));
        }
        let hostname = &self.config.hostname;
        if !identity.host_name.eq_ignore_ascii_case(hostname) {
            let reason = format!("the user name is for the hub {}, this is {hostname}", identity.host_name);
            return Err(refuse(Cause::HostName, reason));
        }
        let device =
            self.find(&identity).ok_or_else(|| refuse(Cause::UnknownDevice, "unknown device".to_owned()))?;
        let proof = self.prove(&device, &identity, password, chain, now);
        let proof = proof.map_err(|reason| refuse(Cause::Credentials, reason))?;
        if !device.may_connect() {
            let code = match self.config.disabled_answer {
                DisabledAnswer::ServiceUnavailable => ReasonCode::ServerUnavailable,
                DisabledAnswer::NotAuthorized => ReasonCode::NotAuthorized,
            };
            return Err(Refusal {
                code,
                cause: Cause::Disabled,
                reason: "the device is disabled".to_owned(),
            });
        }
        Ok(Admitted {
            device,
            model_id: username.model_id.map(Arc::from),
            has_api_version: username.api_version.is_some(),
            proof,
        })
    }

    /// What the credentials of `device`, which is `identity`, are worth; the reason if nothing. An empty `password` means a client certificate: `chain` is what the handshake showed.
    pub fn prove(
        self,
        device: &Device,
        identity: &Identity,
        password: &str,
        chain: &ClientChain,
        now: SystemTime,
    ) -> Result<Proof, String> {
        let Credentials { keys, authentication } = device.state().credentials.clone();
        if password.is_empty() {
            client_certificates::judge(&authentication, chain, self.authorities, &identity.client_id(), now)
                .map_err(|error| error.to_string())?;
            // A connection outlasts its certificate; only the next one is refused.
            return Ok(Proof { valid_for: Duration::MAX, of_hub: false, x509: true });
        }
        match authentication {
            Authentication::Sas => {}
            Authentication::Absent => return Err(client_certificates::CertificateRefusal::Absent.to_string()),
            Authentication::SelfSigned { .. } | Authentication::CertificateAuthority => {
                return Err("the device authenticates with X.509, but sent a password".to_owned());
            }
        }
        let token = SasToken::parse(password).map_err(|error| error.to_string())?;
        let policy = token.policy().map(|name| self.policy(name)).transpose()?;
        let keys = policy.map_or(&keys, |policy| &policy.keys);
        let resource = identity.sas_resource();
        let path = resource.strip_prefix(&identity.host_name).unwrap_or_default();
        let resource = format!("{}{path}", host_as_in(&token, &identity.host_name));
        token
            .verify(&resource, &keys.each_ref(), self.config.sas_time(now))
            .map_err(|error| error.to_string())?;
        let taken_until = token.expiry().saturating_add(self.config.sas_skew.as_secs());
        let valid_for = Duration::from_secs(taken_until.saturating_sub(unix_seconds(now)));
        Ok(Proof { valid_for, of_hub: policy.is_some(), x509: false })
    }

    /// The policy that a token names, if its holders may do what devices do, in the name of any of them.
    fn policy(self, name: &str) -> Result<&'a Policy, String> {
        let policy = self.policies.find(name).ok_or("the SAS token names an unknown policy (skn)")?;
        if policy.may(Right::DeviceConnect) {
            Ok(policy)
        } else {
            Err(format!("the policy {name} lacks the permission DeviceConnect"))
        }
    }

    fn find(self, identity: &Identity) -> Option<Arc<Device>> {
        self.registry.find((identity.device_id.as_str(), identity.module_id.as_deref()))
    }
}

/// The host name, with the port if the token's resource has one: clients that were given a port write it there.
pub fn host_as_in(token: &SasToken, host: &str) -> String {
    let resource = percent_decode_str(token.resource()).decode_utf8_lossy();
    let authority = resource.split('/').next().unwrap_or_default();
    match authority.split_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => format!("{host}:{port}"),
        _ => host.to_owned(),
    }
}
