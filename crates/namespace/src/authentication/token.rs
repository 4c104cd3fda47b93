//! JSON Web Tokens (RFC 7519), in the compact form of RFC 7515 and signed with RS256: reading and making them.
//!
//! A token's claims can be read only after its signature has been checked. Errors and `Debug` show no part of a token.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use serde_json::{Map, Value, json};

use super::claims::Claims;
use crate::limits::MAX_AUTHENTICATION_DATA;
use azmqtt_net::certificate::CertificateFacts;

/// Why a token is not taken. It names the part or the claim, and never what that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidToken {
    /// It has more than 8 KB.
    TooLong,
    /// This part of it is not what RFC 7515 says.
    Malformed(&'static str),
    /// The header's `typ` is neither `JWT` nor `JWS`.
    Type,
    /// The header's `alg` is not `RS256`.
    Algorithm,
    /// The header's `kid` names no key of the issuer.
    KeyId,
    /// No key of the issuer has signed it.
    Signature,
    /// The token's `iss` is another issuer.
    Issuer,
    /// This claim is wrong, and how.
    Claim(&'static str, &'static str),
}

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the token has more than 8 KB"),
            Self::Malformed(part) => write!(f, "the token's {part} cannot be read"),
            Self::Type => f.write_str("the token's typ is neither JWT nor JWS"),
            Self::Algorithm => f.write_str("the token's alg is not RS256"),
            Self::KeyId => f.write_str("the token's kid names no key of the issuer"),
            Self::Signature => f.write_str("the token's signature is not the issuer's"),
            Self::Issuer => f.write_str("invalid issuer: the token's iss is another"),
            Self::Claim(claim, wrong) => write!(f, "the token's claim {claim} {wrong}"),
        }
    }
}

impl std::error::Error for InvalidToken {}

/// The public half of an RSA key: DER of `RSAPublicKey`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// The key of a certificate in DER; `None` if it cannot be read, or its key is not of RSA.
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        CertificateFacts::read(der)?.rsa_public_key().map(Self)
    }

    /// The public half of this pair.
    pub fn of_pair(pair: &KeyPair) -> Self {
        Self(pair.public().as_ref().to_vec())
    }

    /// DER of `RSAPublicKey`.
    pub fn der(&self) -> &[u8] {
        &self.0
    }
}

/// A token whose signature nobody has checked.
pub struct Unverified<'a> {
    /// Header and payload, as they are signed.
    signed: &'a [u8],
    signature: Vec<u8>,
    key_id: Option<String>,
    claims: Claims,
}

impl<'a> Unverified<'a> {
    /// Reads a token.
    ///
    /// # Errors
    /// It is not of this form, or not to be signed with RS256.
    pub fn parse(data: &'a [u8]) -> Result<Self, InvalidToken> {
        if data.len() > MAX_AUTHENTICATION_DATA {
            return Err(InvalidToken::TooLong);
        }
        let mut parts = data.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidToken::Malformed("form"));
        };
        let signed = &data[..=header.len() + payload.len()];
        let header = object(header).ok_or(InvalidToken::Malformed("header"))?;
        let text = |name: &str| header.get(name).and_then(Value::as_str);
        if !matches!(text("typ"), Some("JWT" | "JWS")) {
            return Err(InvalidToken::Type);
        }
        if text("alg") != Some("RS256") {
            return Err(InvalidToken::Algorithm);
        }
        // What is critical and not understood makes a token invalid (RFC 7515 §4.1.11).
        if header.contains_key("crit") {
            return Err(InvalidToken::Malformed("header crit"));
        }
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err(InvalidToken::Malformed("header kid")),
        };
        let claims = Claims::new(object(payload).ok_or(InvalidToken::Malformed("payload"))?);
        let signature =
            URL_SAFE_NO_PAD.decode(signature).map_err(|_| InvalidToken::Malformed("signature"))?;
        Ok(Self { signed, signature, key_id, claims })
    }

    /// The `kid` of the header.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Whether the token says that it is of this issuer.
    pub fn is_of(&self, issuer: &str) -> bool {
        self.claims.text("iss") == Ok(issuer)
    }

    /// The claims, if one of the keys has signed them.
    ///
    /// # Errors
    /// None has.
    pub fn verify<'k>(self, keys: impl IntoIterator<Item = &'k PublicKey>) -> Result<Claims, InvalidToken> {
        let has_signed = |key: &PublicKey| {
            let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &key.0);
            key.verify(self.signed, &self.signature).is_ok()
        };
        if keys.into_iter().any(has_signed) { Ok(self.claims) } else { Err(InvalidToken::Signature) }
    }
}

/// Signs a token with these claims; `None` if the key cannot.
pub fn sign(pair: &KeyPair, key_id: &str, claims: &Value) -> Option<String> {
    let header = json!({ "typ": "JWT", "alg": "RS256", "kid": key_id });
    let mut token = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature).ok()?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Some(token)
}

fn object(part: &[u8]) -> Option<Map<String, Value>> {
    let text = URL_SAFE_NO_PAD.decode(part).ok()?;
    match serde_json::from_slice(&text).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}
