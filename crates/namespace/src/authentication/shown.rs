//! What a client shows.

use bytes::Bytes;

use azmqtt_local::client_certificates::ClientChain;
use azmqtt_mqtt::{Auth, Connect, Version};

/// What a client shows in its TLS handshake and in CONNECT, or in an AUTH that begins anew. `Debug` is not derived: it holds
/// passwords and tokens.
#[derive(Clone)]
pub struct Shown {
    /// Of MQTT.
    pub version: Version,
    /// From CONNECT.
    pub client_id: String,
    /// Likewise.
    pub username: Option<String>,
    /// Likewise.
    pub password: Option<Bytes>,
    /// The authentication method.
    pub method: Option<String>,
    /// The authentication data.
    pub data: Option<Bytes>,
    /// From the TLS handshake.
    pub chain: ClientChain,
}

impl Shown {
    /// What this CONNECT shows beside this chain.
    pub fn in_connect(connect: &Connect, chain: ClientChain) -> Self {
        let properties = &connect.properties;
        Self {
            version: connect.level.version(),
            client_id: connect.client_id.clone(),
            username: connect.username.clone(),
            password: connect.password.clone(),
            method: properties.authentication_method().map(str::to_owned),
            data: properties.authentication_data().map(Bytes::copy_from_slice),
            chain,
        }
    }

    /// The same without what is secret in it.
    #[must_use]
    pub fn without_secrets(self) -> Self {
        Self { password: None, data: None, ..self }
    }

    /// The same with the data of an AUTH, whose method is known to be that of CONNECT.
    #[must_use]
    pub fn in_auth(&self, auth: &Auth) -> Self {
        Self { data: auth.properties.authentication_data().map(Bytes::copy_from_slice), ..self.clone() }
    }
}
