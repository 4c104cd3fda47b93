//! Tokens: signing, parsing, verifying.

use std::borrow::Cow;
use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::Mac;

use super::super::encoding::{decode, push_encoded};
use super::super::pasted::{self, PastedError};
use super::key::SymmetricKey;
use super::unsigned::UnsignedToken;

/// The service accepts a token for this many seconds after its expiry (IoT Hub docs, SAS: clock skew).
pub const CLOCK_SKEW: u64 = 300;

const SCHEME: &str = "SharedAccessSignature ";

/// An MQTT password holds no more than this.
const MAX_LENGTH: usize = 65_535;

/// A shared access signature. A secret: `Debug` hides the signature and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct SasToken {
    resource: String,
    signature: Vec<u8>,
    expiry: u64,
    policy: Option<String>,
    /// As signed or received: what goes on the wire.
    text: String,
}

impl SasToken {
    /// Signs a token.
    ///
    /// `resource` is not yet encoded as a whole (see [`Identity::sas_resource`](crate::Identity)), `expiry` is
    /// in Unix seconds, `policy` names the hub policy whose key this is and is absent for a device's own key.
    pub fn sign(resource: &str, key: &SymmetricKey, expiry: u64, policy: Option<&str>) -> Self {
        let unsigned = UnsignedToken::new(resource, expiry, policy);
        let signature = key.sign(unsigned.data());
        Self::assemble(unsigned, signature)
    }

    /// Puts a signature to what it is of.
    pub(super) fn assemble(unsigned: UnsignedToken, signature: Vec<u8>) -> Self {
        let UnsignedToken { resource, expiry, policy, .. } = unsigned;
        let mut text = format!("{SCHEME}sr={resource}&sig=");
        push_encoded(&mut text, &STANDARD.encode(&signature));
        text.push_str("&se=");
        text.push_str(&expiry.to_string());
        if let Some(policy) = &policy {
            text.push_str("&skn=");
            push_encoded(&mut text, policy);
        }
        Self { resource, signature, expiry, policy, text }
    }

    /// Parses a token that a person or a program of theirs passes on: quotes, `NAME=`, or the JSON of `az` around it are
    /// taken off.
    pub fn from_pasted(text: &str) -> Result<Self, SasError> {
        const KIND: pasted::Kind = pasted::Kind { starts: &[("SharedAccessSignature", ' ')], member: "sas" };
        Self::parse(&pasted::unwrap(text, &KIND).map_err(SasError::Pasted)?)
    }

    /// Parses a token, its fields in any order. Unknown fields are ignored; the token is kept as it was written.
    pub fn parse(text: &str) -> Result<Self, SasError> {
        let text = text.trim();
        if text.len() > MAX_LENGTH {
            return Err(SasError::TooLong);
        }
        let scheme = text.get(..SCHEME.len()).filter(|scheme| scheme.eq_ignore_ascii_case(SCHEME));
        let fields = scheme.and_then(|scheme| text.get(scheme.len()..)).ok_or(SasError::Scheme)?;
        let [mut resource, mut signature, mut expiry, mut policy] = [None; 4];
        for field in fields.trim_start().split('&') {
            let Some((name, value)) = field.split_once('=') else { continue };
            let (name, slot) = match name {
                "sr" => ("sr", &mut resource),
                "sig" => ("sig", &mut signature),
                "se" => ("se", &mut expiry),
                "skn" => ("skn", &mut policy),
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(SasError::Doubled(name));
            }
        }
        let resource = required("sr", resource)?;
        decode(resource).ok_or(SasError::Malformed("sr"))?;
        let signature = decode(required("sig", signature)?)
            .and_then(|base64| STANDARD.decode(base64.as_bytes()).ok())
            .ok_or(SasError::Malformed("sig"))?;
        let expiry = required("se", expiry)?;
        let expiry = parse_seconds(expiry).ok_or(SasError::Malformed("se"))?;
        // An empty policy is what some tools write for "none".
        let policy = policy
            .filter(|policy| !policy.is_empty())
            .map(|policy| decode(policy).map(String::from).ok_or(SasError::Malformed("skn")))
            .transpose()?;
        Ok(Self { resource: resource.to_owned(), signature, expiry, policy, text: text.to_owned() })
    }

    /// The token as it goes into an MQTT password or an `Authorization` header.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// [`as_str`](Self::as_str), owned.
    pub fn to_token(&self) -> String {
        self.text.clone()
    }

    /// The resource as transmitted, percent-encoded.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// When it expires, in Unix seconds, without the service's [`CLOCK_SKEW`].
    pub fn expiry(&self) -> u64 {
        self.expiry
    }

    /// The hub policy whose key signed it; absent for a device's or module's own key.
    pub fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }

    /// The service's judgement on this token for `expected_resource` (`{host}/devices/{device}…`, ids encoded as
    /// [`Identity::sas_resource`](crate::Identity::sas_resource) does).
    ///
    /// Any one of `keys` may have signed it. The token's resource must be a prefix of the expected one by whole path
    /// segments, without regard to ASCII case because the docs tell clients to lower-case it. A device's token is
    /// signed with that device's own key, so ids that differ in case alone stay apart.
    pub fn verify(
        &self,
        expected_resource: &str,
        keys: &[&SymmetricKey],
        now: u64,
    ) -> Result<(), SasRejection> {
        let expiry = self.expiry_as_transmitted();
        // Every key is tried, so that the time taken does not tell which one fits.
        let signed = keys.iter().fold(false, |signed, key| {
            signed | key.mac(&[&self.resource, "\n", expiry]).verify_slice(&self.signature).is_ok()
        });
        if !signed {
            return Err(SasRejection::Signature);
        }
        if !self.covers(expected_resource) {
            return Err(SasRejection::Audience);
        }
        if self.expiry.saturating_add(CLOCK_SKEW) < now {
            return Err(SasRejection::Expired);
        }
        Ok(())
    }

    /// Whether the token's resource is `expected` or a whole-segment prefix of it.
    pub fn covers(&self, expected: &str) -> bool {
        let Some(resource) = decode(&self.resource) else { return false };
        let mut expected = expected.split('/');
        // Some tools sign `host/` for the whole hub.
        let resource = resource.strip_suffix('/').unwrap_or(&resource);
        !resource.is_empty()
            && resource
                .split('/')
                .all(|segment| expected.next().is_some_and(|other| same_segment(segment, other)))
    }

    /// `se` as it stands in the text: the signature is over these characters, leading zeros included.
    fn expiry_as_transmitted(&self) -> &str {
        let fields = self.text.get(SCHEME.len()..).unwrap_or_default().trim_start();
        fields.split('&').find_map(|field| field.strip_prefix("se=")).unwrap_or_default()
    }
}

/// An id may have been encoded on its own before the whole was encoded, or not: both are seen in the field.
fn same_segment(segment: &str, expected: &str) -> bool {
    let id = decode(expected).unwrap_or(Cow::Borrowed(expected));
    segment.eq_ignore_ascii_case(&id)
        || decode(segment).is_some_and(|segment| segment.eq_ignore_ascii_case(&id))
}

fn required<'a>(name: &'static str, value: Option<&'a str>) -> Result<&'a str, SasError> {
    value.filter(|value| !value.is_empty()).ok_or(SasError::Missing(name))
}

fn parse_seconds(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Debug for SasToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SasToken")
            .field("resource", &self.resource)
            .field("expiry", &self.expiry)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Why text is not a token. Never shows the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SasError {
    /// It cannot be told from what surrounds it.
    Pasted(PastedError),
    /// It does not start with `SharedAccessSignature `.
    Scheme,
    /// A needed field (`sr`, `sig` or `se`) is absent or empty.
    Missing(&'static str),
    /// A field stands there twice.
    Doubled(&'static str),
    /// A field cannot be read.
    Malformed(&'static str),
    /// Longer than an MQTT password can be.
    TooLong,
}

impl fmt::Display for SasError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pasted(error) => write!(f, "the SAS token: {error}"),
            Self::Scheme => f.write_str("the SAS token does not start with 'SharedAccessSignature '"),
            Self::Missing(field) => write!(f, "the SAS token has no {field} field"),
            Self::Doubled(field) => write!(f, "the SAS token has more than one {field} field"),
            Self::Malformed("se") => f.write_str("the SAS token's se field is not a time in Unix seconds"),
            Self::Malformed("sig") => f.write_str("the SAS token's sig field is not percent-encoded base64"),
            Self::Malformed(field) => write!(f, "the SAS token's {field} field is not percent-encoded UTF-8"),
            Self::TooLong => write!(f, "the SAS token is longer than {MAX_LENGTH} bytes"),
        }
    }
}

impl std::error::Error for SasError {}

/// Why a hub refuses a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SasRejection {
    /// None of the keys made this signature.
    Signature,
    /// It was signed for something else.
    Audience,
    /// It expired more than [`CLOCK_SKEW`] ago.
    Expired,
}

impl fmt::Display for SasRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signature => "the SAS token's signature fits none of the keys",
            Self::Audience => "the SAS token is for another resource",
            Self::Expired => "the SAS token has expired",
        })
    }
}

impl std::error::Error for SasRejection {}
