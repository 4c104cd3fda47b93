//! A device's own keys, of which the hub takes either one while they are being replaced.

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{BoxFuture, Signer};
use crate::dialect::SymmetricKey;

/// Refusals after which a key has had its chance: a token signed anew is the second.
const CHANCES: u32 = 2;

/// The primary key and perhaps the secondary.
pub(super) struct Keys {
    primary: SymmetricKey,
    secondary: Option<SymmetricKey>,
    /// The secondary is in use; it stays so once the hub took it.
    on_secondary: AtomicBool,
}

impl Keys {
    pub(super) fn new(primary: SymmetricKey, secondary: Option<SymmetricKey>) -> Self {
        Self { primary, secondary, on_secondary: AtomicBool::new(false) }
    }

    /// After the n-th refusal in a row, from 0: the same key once more, then the other one, then no more.
    pub(super) fn try_next(&self, refusals: u32) -> bool {
        if refusals + 1 < CHANCES {
            return true;
        }
        if self.secondary.is_none() {
            return false;
        }
        let other_is_left = refusals + 1 == CHANCES;
        if other_is_left || refusals == CHANCES {
            // The other key's turn; or it failed too, and the next attempt begins where this one did.
            self.on_secondary.fetch_xor(true, Ordering::Relaxed);
        }
        other_is_left
    }

    /// What to ask the reader after a refusal.
    pub(super) fn question(&self) -> &'static str {
        match self.secondary {
            None => "is the key this device's",
            Some(_) => "both keys were tried: are they this device's",
        }
    }
}

impl Signer for Keys {
    fn sign<'a>(&'a self, data: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, String>> {
        let secondary = self.secondary.as_ref().filter(|_| self.on_secondary.load(Ordering::Relaxed));
        Box::pin(ready(Ok(secondary.unwrap_or(&self.primary).sign(data))))
    }

    fn name(&self) -> &'static str {
        "the key"
    }
}
