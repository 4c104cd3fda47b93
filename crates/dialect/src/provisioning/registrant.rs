//! Who registers, and the MQTT fields made from that.

use std::fmt;

use super::API_VERSION;
use crate::encoding::{decode, push_encoded};
use crate::identity::IdentityError;

/// The longest registration id, in characters (DPS docs, "Terms: registration ID"). Id scopes are shorter, about 11.
pub const MAX_REGISTRATION_ID: usize = 128;

/// The policy name in a device's SAS token (DPS docs, "MQTT support": `skn`).
pub const SAS_POLICY: &str = "registration";

/// A device that asks to be provisioned. The fields are checked by [`Registrant::new`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Registrant {
    /// Names the instance of the service, such as `0ne0012ABCD`.
    pub id_scope: String,
    /// Names the device to the service, without regard to case.
    pub registration_id: String,
}

impl Registrant {
    /// Checks both parts.
    pub fn new(id_scope: &str, registration_id: &str) -> Result<Self, IdentityError> {
        check_id_scope(id_scope)?;
        check_registration_id(registration_id)?;
        Ok(Self { id_scope: id_scope.to_owned(), registration_id: registration_id.to_owned() })
    }

    /// The MQTT user name: `{scope}/registrations/{id}/api-version=…[&ClientVersion=…]`.
    pub fn username(&self, client_version: Option<&str>) -> String {
        let mut username =
            format!("{}/registrations/{}/api-version={API_VERSION}", self.id_scope, self.registration_id);
        if let Some(client_version) = client_version {
            username.push_str("&ClientVersion=");
            push_encoded(&mut username, client_version);
        }
        username
    }

    /// The resource that a SAS token is signed over, before the encoding of the whole: `{scope}/registrations/{id}`.
    pub fn sas_resource(&self) -> String {
        format!("{}/registrations/{}", self.id_scope, self.registration_id)
    }
}

/// A user name as the service reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username {
    /// Who registers.
    pub registrant: Registrant,
    /// The version of the service's interface that the client speaks, such as `2019-03-31`.
    pub api_version: String,
}

impl Username {
    /// Reads `{scope}/registrations/{id}/api-version=…`. What else is in the query is ignored.
    pub fn parse(text: &str) -> Result<Self, UsernameError> {
        let (id_scope, rest) = text.split_once('/').ok_or(UsernameError::Form)?;
        let rest = rest.strip_prefix("registrations/").ok_or(UsernameError::Form)?;
        let (registration_id, query) = rest.split_once('/').ok_or(UsernameError::Form)?;
        let registration_id = decode(registration_id).ok_or(UsernameError::Form)?;
        let query = query.strip_prefix('?').unwrap_or(query);
        let version = query.split('&').find_map(|pair| pair.strip_prefix("api-version="));
        let api_version = version.filter(|version| !version.is_empty()).ok_or(UsernameError::ApiVersion)?;
        let registrant = Registrant::new(id_scope, &registration_id).map_err(UsernameError::Part)?;
        Ok(Self { registrant, api_version: api_version.to_owned() })
    }
}

/// Checks an id scope: ASCII letters, digits, `-` and `_`.
fn check_id_scope(text: &str) -> Result<(), IdentityError> {
    check("id scope", text, b"-_", "may contain only ASCII letters, digits, '-' and '_'")
}

/// Checks a registration id: at most 128 ASCII letters, digits and `- . _ :` (DPS docs, "Terms: registration ID").
pub fn check_registration_id(text: &str) -> Result<(), IdentityError> {
    check("registration id", text, b"-._:", "may contain only ASCII letters, digits and - . _ :")
}

fn check(
    field: &'static str,
    text: &str,
    extra: &[u8],
    characters: &'static str,
) -> Result<(), IdentityError> {
    let refuse = |rule| Err(IdentityError::new(field, rule));
    if text.is_empty() {
        refuse("must not be empty")
    } else if !text.bytes().all(|b| b.is_ascii_alphanumeric() || extra.contains(&b)) {
        refuse(characters)
    } else if text.len() > MAX_REGISTRATION_ID {
        refuse("must have at most 128 characters")
    } else {
        Ok(())
    }
}

/// Why the service cannot read a user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsernameError {
    /// Not `{scope}/registrations/{id}/…`.
    Form,
    /// There is no `api-version`.
    ApiVersion,
    /// The id scope or the registration id breaks a rule.
    Part(IdentityError),
}

impl fmt::Display for UsernameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => {
                f.write_str("user name: expected {idScope}/registrations/{registrationId}/api-version=…")
            }
            Self::ApiVersion => f.write_str("user name has no api-version"),
            Self::Part(error) => write!(f, "user name: {error}"),
        }
    }
}

impl std::error::Error for UsernameError {}
