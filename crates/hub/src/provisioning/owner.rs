//! The shared access policy of the service: its holders manage enrolments (DPS docs, "Control access": service APIs).

use serde_json::{Value, json};

use crate::error::HubError;
use crate::random;
use crate::security::authentication::host_as_in;
use azmqtt_dialect::{SasToken, SymmetricKey};

/// The policy that every new service has, with every right.
const NAME: &str = "provisioningserviceowner";

/// The policy's primary and secondary key: either one signs. No `Debug`, so that none shows them.
pub(crate) struct Owner([SymmetricKey; 2]);

impl Owner {
    pub(super) fn generate() -> Result<Self, HubError> {
        random::keys().map(Self).map_err(HubError::System)
    }

    /// `HostName=…;SharedAccessKeyName=…;SharedAccessKey=…`: a secret.
    pub fn connection_string(&self, host: &str) -> String {
        let key = self.0[0].as_base64();
        format!("HostName={host};SharedAccessKeyName={NAME};SharedAccessKey={key}")
    }

    /// Whether a token in `Authorization` is one of this policy, for the service of that name; the reason if it is not.
    pub fn check(&self, token: &str, host: &str, now: u64) -> Result<(), String> {
        let token = SasToken::parse(token).map_err(|error| error.to_string())?;
        match token.policy() {
            Some(NAME) => {}
            Some(_) => return Err("unknown policy of the provisioning service".to_owned()),
            None => return Err("the SAS token names no policy (skn)".to_owned()),
        }
        // azure-iot-provisioning-service for Node writes milliseconds into `se`, which is a time far away.
        token.verify(&host_as_in(&token, host), &self.0.each_ref(), now).map_err(|error| error.to_string())
    }

    pub(super) fn to_state(&self) -> Value {
        let [primary, secondary] = self.0.each_ref().map(SymmetricKey::as_base64);
        json!({ "keyName": NAME, "primaryKey": primary, "secondaryKey": secondary })
    }

    /// An error names the property, never a key.
    pub(super) fn from_state(state: &Value) -> Result<Self, String> {
        let key = |name: &str| {
            let text = state.get(name).and_then(Value::as_str);
            let text = text.ok_or_else(|| format!("'owner.{name}' is missing or not text"))?;
            SymmetricKey::from_base64(text).map_err(|error| format!("'owner.{name}': {error}"))
        };
        Ok(Self([key("primaryKey")?, key("secondaryKey")?]))
    }
}
