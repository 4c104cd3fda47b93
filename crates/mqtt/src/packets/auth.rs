//! AUTH (MQTT 5 §3.15).

use crate::packets::properties::Properties;
use crate::packets::reason::ReasonCode;

/// A step of enhanced authentication (MQTT 5 §4.12). Its properties hold the method and the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// [`ReasonCode::Success`] from a server alone, [`ReasonCode::ReAuthenticate`] from a client alone, and
    /// [`ReasonCode::ContinueAuthentication`] from both.
    pub reason: ReasonCode,
    /// With an authentication method, unless the whole packet is empty.
    pub properties: Properties,
}
