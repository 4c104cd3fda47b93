//! A device's own keys, of which the hub takes either one while they are being replaced.

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{BoxFuture, Refusals, Signer};
use azmqtt_dialect::SymmetricKey;

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

    /// After one more refusal: the same key once more, then the other one, then no more.
    pub(super) fn try_next(&self, refusals: &mut Refusals) -> bool {
        if refusals.count == 1 {
            refusals.first = self.on_secondary.load(Ordering::Relaxed);
        }
        if refusals.count < CHANCES {
            return true;
        }
        if self.secondary.is_none() {
            return false;
        }
        // The other key's turn; or it failed too, and the next attempt begins where this one did. Others may find out
        // the same at the same time.
        let other_is_left = refusals.count == CHANCES;
        self.on_secondary.store(refusals.first != other_is_left, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_that_are_refused_at_a_time_all_come_to_the_other_key() {
        let [primary, secondary] = ["AAEC", "AwQF"].map(|key| SymmetricKey::from_base64(key).unwrap());
        let keys = Keys::new(primary, Some(secondary));
        let mut uploads = [Refusals::default(), Refusals::default()];
        for _ in 0..CHANCES {
            assert!(uploads.iter_mut().all(|refusals| {
                refusals.count += 1;
                keys.try_next(refusals)
            }));
        }
        assert!(keys.on_secondary.load(Ordering::Relaxed));
        // It is wrong, too.
        for refusals in &mut uploads {
            refusals.count += 1;
            assert!(!keys.try_next(refusals));
        }
        assert!(!keys.on_secondary.load(Ordering::Relaxed));
    }
}
