//! A token that is signed elsewhere.

use std::sync::Arc;
use std::time::Duration;

use super::unix_now;
use super::{Purpose, RENEW_AFTER, TokenSource, bounded};
use azmqtt_dialect::SasToken;
use azmqtt_net::sync::Mutex;

/// The newest token, and perhaps a way to get the next.
pub(super) struct ReadyToken {
    source: Option<Arc<dyn TokenSource>>,
    held: Mutex<Held>,
    /// Held while the source is asked, so that two who need a token ask once.
    asking: tokio::sync::Mutex<()>,
}

struct Held {
    token: SasToken,
    /// When the next one should be asked for, in Unix seconds.
    renew_at: u64,
    /// The hub did not take it.
    refused: bool,
}

impl Held {
    fn new(token: SasToken, now: u64) -> Self {
        let life = Duration::from_secs(token.expiry().saturating_sub(now));
        let renew_at = now.saturating_add(life.mul_f64(RENEW_AFTER).as_secs());
        Self { token, renew_at, refused: false }
    }

    /// Whether it is of use at all: to reconnect with the same token would change nothing. An upload may have got
    /// another meanwhile.
    fn is_news(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Connect => true,
            Purpose::Renew { expiry } => self.token.expiry() > expiry,
        }
    }
}

impl ReadyToken {
    pub(super) fn new(token: SasToken, source: Option<Arc<dyn TokenSource>>, now: u64) -> Self {
        Self { source, held: Mutex::new(Held::new(token, now)), asking: tokio::sync::Mutex::default() }
    }

    /// A token that covers `resource`, and when to come again for the next.
    pub(super) async fn get(
        &self,
        resource: &str,
        purpose: Purpose,
        limit: Duration,
    ) -> Result<(SasToken, Option<Duration>), String> {
        if let Some(source) = &self.source {
            let before = self.held.lock().token.clone();
            if self.needs_another(purpose) {
                let asked = async {
                    let _turn = self.asking.lock().await;
                    // Somebody else may have been quicker.
                    if self.held.lock().token == before {
                        self.take(source.token().await?, resource)?;
                    }
                    Ok(())
                };
                // The wait for one's turn counts.
                let taken = bounded(source.name(), "no token", limit, Box::pin(asked)).await;
                // A token that is still good will do, if there is nothing better.
                if taken.is_err() && !self.is_good(purpose) {
                    taken?;
                }
            }
        }
        let held = self.held.lock();
        if !held.token.covers(resource) {
            return Err(format!("the SAS token is for another resource than {resource}"));
        }
        let left = Duration::from_secs(held.renew_at.saturating_sub(unix_now()));
        Ok((held.token.clone(), self.source.is_some().then_some(left)))
    }

    /// The hub refused it; whether another can be asked for.
    pub(super) fn refused(&self) -> bool {
        self.held.lock().refused = true;
        self.source.is_some()
    }

    pub(super) fn explain_refusal(&self, now: u64) -> String {
        let expiry = self.held.lock().token.expiry();
        if expiry <= now {
            format!("the SAS token has expired, {} s ago by this machine's clock", now - expiry)
        } else {
            "is the SAS token signed for this device and hub, with a key that is still in use?".to_owned()
        }
    }

    fn needs_another(&self, purpose: Purpose) -> bool {
        let held = self.held.lock();
        held.refused || held.renew_at <= unix_now() || !held.is_news(purpose)
    }

    fn is_good(&self, purpose: Purpose) -> bool {
        let held = self.held.lock();
        !held.refused && held.token.expiry() > unix_now() && held.is_news(purpose)
    }

    /// Puts a new token in the place of the old one, if it is better than that.
    fn take(&self, token: SasToken, resource: &str) -> Result<(), String> {
        let now = unix_now();
        let mut held = self.held.lock();
        if !token.covers(resource) {
            return Err("the token is for another resource".to_owned());
        }
        if token.expiry() <= now {
            return Err("the token has expired already, by this machine's clock".to_owned());
        }
        if held.refused && token == held.token {
            return Err("it is the token that the hub refused".to_owned());
        }
        // Coming again for the same token ever more often as it expires would help nobody.
        if !held.refused && token.expiry() <= held.token.expiry() {
            return Err("the token expires no later than the one in use".to_owned());
        }
        *held = Held::new(token, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::super::BoxFuture;
    use super::*;
    use azmqtt_dialect::SymmetricKey;

    struct OutOfOrder;

    impl TokenSource for OutOfOrder {
        fn token(&self) -> BoxFuture<'_, Result<SasToken, String>> {
            Box::pin(ready(Err("HTTP 503".to_owned())))
        }

        fn name(&self) -> &'static str {
            "the source"
        }
    }

    #[tokio::test]
    async fn a_good_token_does_while_its_source_is_out_of_order() {
        let key = SymmetricKey::from_base64("AAEC").unwrap();
        // Past 85 % of its life, a minute before its end.
        let now = unix_now();
        let token = SasToken::sign("h", &key, now + 60, None);
        let held = ReadyToken::new(token.clone(), Some(Arc::new(OutOfOrder)), now - 6000);
        let limit = Duration::from_secs(1);
        assert_eq!(held.get("h", Purpose::Connect, limit).await, Ok((token.clone(), Some(Duration::ZERO))));
        let failed = Err("the source: HTTP 503".to_owned());
        // To reconnect with the same token would change nothing.
        assert_eq!(held.get("h", Purpose::Renew { expiry: token.expiry() }, limit).await, failed);
        assert!(held.refused());
        assert_eq!(held.get("h", Purpose::Connect, limit).await, failed);
    }

    /// Gives one token, after a while or never.
    struct Slow(SasToken, Duration);

    impl TokenSource for Slow {
        fn token(&self) -> BoxFuture<'_, Result<SasToken, String>> {
            Box::pin(async {
                tokio::time::sleep(self.1).await;
                Ok(self.0.clone())
            })
        }

        fn name(&self) -> &'static str {
            "the source"
        }
    }

    #[tokio::test]
    async fn a_token_that_somebody_else_got_meanwhile_is_good_for_a_renewal() {
        let key = SymmetricKey::from_base64("AAEC").unwrap();
        let now = unix_now();
        let [old, new] = [60, 3600].map(|life| SasToken::sign("h", &key, now + life, None));
        // It gives the same token for an hour.
        let source = Arc::new(Slow(new.clone(), Duration::ZERO));
        let held = ReadyToken::new(old.clone(), Some(source), now - 6000);
        let limit = Duration::from_secs(1);
        // An upload was the first to need it.
        assert_eq!(held.get("h", Purpose::Connect, limit).await.unwrap().0, new);
        assert_eq!(held.get("h", Purpose::Renew { expiry: old.expiry() }, limit).await.unwrap().0, new);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_for_his_turn_to_ask_than_for_an_answer() {
        let key = SymmetricKey::from_base64("AAEC").unwrap();
        let now = unix_now();
        let expired = SasToken::sign("h", &key, now - 1, None);
        let source = Arc::new(Slow(expired.clone(), Duration::from_secs(1_000_000)));
        let held = ReadyToken::new(expired, Some(source), now - 6000);
        let (limit, began) = (Duration::from_secs(20), tokio::time::Instant::now());
        let asked = (0..5).map(|_| held.get("h", Purpose::Connect, limit));
        for outcome in futures_util::future::join_all(asked).await {
            assert_eq!(outcome.unwrap_err(), "the source: no token within 20 s");
        }
        assert_eq!(began.elapsed().as_secs(), 20);
    }
}
