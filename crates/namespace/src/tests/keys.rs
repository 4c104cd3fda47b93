//! Issuers of tokens for tests. Their keys are made once: that takes a moment.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{CertificateParams, DnType, PKCS_RSA_SHA256};
use ring::rsa::KeyPair;
use rsa::pkcs8::EncodePrivateKey;
use serde_json::Value;

use crate::authentication::sign;

/// An issuer with an RSA key and a certificate of its own.
pub struct TestIssuer(&'static [u8]);

impl TestIssuer {
    /// The one.
    pub fn new() -> Self {
        static KEY: OnceLock<Vec<u8>> = OnceLock::new();
        Self(KEY.get_or_init(make))
    }

    /// Another.
    pub fn other() -> Self {
        static KEY: OnceLock<Vec<u8>> = OnceLock::new();
        Self(KEY.get_or_init(make))
    }

    /// Its certificate, in PEM.
    pub fn certificate(&self) -> String {
        let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&self.0.into(), &PKCS_RSA_SHA256).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "issuer of tokens");
        params.self_signed(&key).unwrap().pem()
    }

    /// A token with this `kid` and these claims.
    pub fn sign(&self, key_id: &str, claims: &Value) -> String {
        sign(&KeyPair::from_pkcs8(self.0).unwrap(), key_id, claims).unwrap()
    }

    /// A part of a token.
    pub fn encode(part: &Value) -> String {
        URL_SAFE_NO_PAD.encode(part.to_string())
    }
}

fn make() -> Vec<u8> {
    let key = rsa::PrivateKey::new(&mut getrandom::SysRng, 2048).unwrap();
    key.to_pkcs8_der().unwrap().as_bytes().to_vec()
}
