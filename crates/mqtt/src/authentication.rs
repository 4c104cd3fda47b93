//! Enhanced authentication (MQTT 5 §4.12): AUTH goes to and fro until the server is content, before CONNACK and whenever
//! the client begins anew.

use crate::codec::ProtocolError;
use crate::errors::AuthenticateError;
use crate::packets::{Auth, Properties, ReasonCode};

/// The authentication of one connection, as one side of it sees it.
#[derive(Debug, Default)]
pub struct Authentication {
    /// What CONNECT named, and every AUTH repeats.
    method: Option<String>,
    turn: Turn,
}

/// Who is to send the next AUTH.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Nobody: the client may begin.
    #[default]
    Nobody,
    Ours,
    Theirs,
}

impl Authentication {
    /// This side sends CONNECT with these properties.
    pub fn ask(&mut self, connect: &Properties) {
        self.method = connect.authentication_method().map(str::to_owned);
        self.turn = if self.method.is_some() { Turn::Theirs } else { Turn::Nobody };
    }

    /// CONNECT came with these properties.
    pub fn asked(&mut self, connect: &Properties) {
        self.method = connect.authentication_method().map(str::to_owned);
        self.turn = if self.method.is_some() { Turn::Ours } else { Turn::Nobody };
    }

    /// What CONNECT named.
    pub fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// CONNACK came with these properties: the authentication is over.
    ///
    /// # Errors
    /// Another method than CONNECT's [MQTT-4.12.0-5], or one where CONNECT named none [MQTT-4.12.0-6].
    pub fn accepted(&mut self, connack: &Properties) -> Result<(), ProtocolError> {
        self.finished();
        self.check_method("CONNACK", connack)
    }

    /// The server accepts or is content.
    pub fn finished(&mut self) {
        self.turn = Turn::Nobody;
    }

    /// AUTH came, and continues what is going on.
    ///
    /// # Errors
    /// It is not the peer's turn, or it has another method.
    pub fn received(&mut self, auth: &Auth) -> Result<(), ProtocolError> {
        if self.turn != Turn::Theirs {
            return Err(ProtocolError::Unexpected { packet: "AUTH" });
        }
        self.turn = Turn::Ours;
        self.check_method("AUTH", &auth.properties)
    }

    /// The client's AUTH came, and begins anew.
    ///
    /// # Errors
    /// Without a method, or with another one.
    pub fn received_anew(&mut self, auth: &Auth) -> Result<(), ProtocolError> {
        if self.method.is_none() {
            return Err(ProtocolError::Unexpected { packet: "AUTH" });
        }
        self.turn = Turn::Ours;
        self.check_method("AUTH", &auth.properties)
    }

    /// This side may send AUTH and go on: the method that it repeats.
    pub fn proceed(&self) -> Result<&str, AuthenticateError> {
        let method = self.method.as_deref().ok_or(AuthenticateError::NoMethod)?;
        if self.turn == Turn::Ours { Ok(method) } else { Err(AuthenticateError::NotAsked) }
    }

    /// This client may send AUTH and begin anew: the method that it repeats.
    pub fn begin(&self) -> Result<&str, AuthenticateError> {
        self.method.as_deref().ok_or(AuthenticateError::NoMethod)
    }

    /// AUTH was sent, and wants an answer.
    pub fn sent(&mut self) {
        self.turn = Turn::Theirs;
    }

    fn check_method(&self, packet: &'static str, properties: &Properties) -> Result<(), ProtocolError> {
        let Some(method) = properties.authentication_method() else { return Ok(()) };
        let (rule, reason) = match self.method.as_deref() {
            Some(ours) if ours == method => return Ok(()),
            Some(_) => ("another authentication method [MQTT-4.12.0-5]", ReasonCode::BadAuthenticationMethod),
            None => (
                "an authentication method without a request for it [MQTT-4.12.0-6]",
                ReasonCode::ProtocolError,
            ),
        };
        Err(ProtocolError::Forbidden { packet, rule, reason })
    }
}
