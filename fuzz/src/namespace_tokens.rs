//! What shows who a client of a local Event Grid namespace is: tokens, and the word of a webhook.

use azmqtt_namespace::authentication::{InvalidToken, PublicKey, Unverified, Webhook, WebhookAnswer};

use crate::text;

/// Tokens: what is read is signed by nobody, and errors hold no part of it.
pub fn tokens(data: &[u8]) -> bool {
    match Unverified::parse(data) {
        Ok(token) => {
            assert!(!token.is_of(""));
            let nobody: [&PublicKey; 0] = [];
            assert_eq!(token.verify(nobody).err(), Some(InvalidToken::Signature));
            true
        }
        Err(error) => {
            assert!(error.to_string().len() < 100);
            false
        }
    }
}

/// Answers of a webhook, and its address: only this machine's is taken.
pub fn webhooks(data: &[u8]) -> bool {
    let address = text(data);
    if let Ok(webhook) = Webhook::new(&address, "api://app", None, false) {
        assert_eq!(webhook.address(), address);
        let text = address.to_ascii_lowercase();
        assert!(text.contains("localhost") || text.contains("127.") || text.contains("::"), "{text}");
    }
    match WebhookAnswer::parse(data) {
        Ok(WebhookAnswer::Allow { name, .. }) => {
            assert!(!name.as_str().is_empty());
            true
        }
        Ok(WebhookAnswer::Deny(reason)) => {
            assert!(reason.chars().count() <= 201);
            true
        }
        Err(_) => false,
    }
}
