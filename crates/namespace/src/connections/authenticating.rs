//! Whether what a client shows is enough, and if need be the webhook's word on it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::authentication::{Admitted, FOREVER, Judge, Judged, Shown, Webhook};
use crate::broker::Refusal;
use crate::shared::Shared;
use azmqtt_mqtt::ReasonCode;

/// How long the token is valid that a webhook is shown.
const BEARER_LIFE: Duration = Duration::from_secs(3600);

/// Judges what a client shows.
///
/// # Errors
/// It is not enough.
pub async fn authenticate(shared: Arc<Shared>, shown: Shown) -> Result<Admitted, Refusal> {
    match judge(&shared, &shown)? {
        Judged::Admitted(admitted) => Ok(admitted),
        Judged::Ask(webhook) => {
            let bearer = bearer(&shared, &webhook).await?;
            let admitted = webhook.ask(&shown, &bearer, &shared.webhook_trust, SystemTime::now()).await?;
            Ok(Judge::limit(admitted, &shared.config.behaviours))
        }
    }
}

/// When what a client has shown does not hold any more.
pub fn valid_until(admitted: &Admitted) -> Instant {
    let now = Instant::now();
    now.checked_add(admitted.valid_for.min(FOREVER)).unwrap_or(now + FOREVER)
}

fn judge(shared: &Shared, shown: &Shown) -> Result<Judged, Refusal> {
    let broker = shared.broker.lock();
    let judge = Judge {
        directory: broker.directory(),
        authorities: &shared.authorities.lock(),
        settings: &shared.client_authentication.lock(),
        issuer: &shared.issuer,
        hostname: &shared.config.hostname,
        behaviours: broker.behaviours(),
    };
    judge.judge(shown, SystemTime::now())
}

/// The token that the webhook is shown. On a thread that may take its time: there may be no key yet.
async fn bearer(shared: &Arc<Shared>, webhook: &Webhook) -> Result<String, Refusal> {
    let (shared, audience) = (shared.clone(), webhook.audience().to_owned());
    let minted = tokio::task::spawn_blocking(move || shared.issuer.mint_own(&audience, BEARER_LIFE)).await;
    let reason = match minted {
        Ok(Ok(token)) => return Ok(token),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    Err(Refusal::new(ReasonCode::ServerUnavailable, format!("no token for the webhook: {reason}")))
}
