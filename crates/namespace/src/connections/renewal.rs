//! A re-authentication (MQTT 5 §4.12.1): while the client's AUTH is judged, everything else goes on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::authenticating::authenticate;
use crate::authentication::{Admitted, Shown, check_auth};
use crate::broker::Refusal;
use crate::shared::Shared;
use azmqtt_mqtt::{Auth, ReasonCode};

/// What becomes of an AUTH.
type Outcome = Result<Admitted, Refusal>;

/// What a client showed in CONNECT, and the AUTH that is judged.
pub struct Renewal {
    /// `None` without an authentication method: then it cannot authenticate anew.
    shown: Option<Box<Shown>>,
    judging: Option<Pin<Box<dyn Future<Output = Outcome> + Send>>>,
}

impl Renewal {
    /// For a client that showed this and was let in.
    pub fn new(shown: Shown) -> Self {
        let shown = shown.method.is_some().then(|| Box::new(shown.without_secrets()));
        Self { shown, judging: None }
    }

    /// Has the client's AUTH judged.
    ///
    /// # Errors
    /// It is refused at once.
    pub fn begin(&mut self, auth: &Auth, shared: &Arc<Shared>) -> Result<(), Refusal> {
        check_auth(auth, &shared.config.behaviours)?;
        let Some(shown) = &self.shown else {
            let reason = "AUTH without an authentication method";
            return Err(Refusal::new(ReasonCode::BadAuthenticationMethod, reason));
        };
        if self.judging.is_some() {
            let reason = "AUTH while another is not answered";
            return Err(Refusal::new(ReasonCode::ProtocolError, reason));
        }
        self.judging = Some(Box::pin(authenticate(shared.clone(), shown.in_auth(auth))));
        Ok(())
    }

    /// What became of the AUTH, if it is judged.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Some(judging) = &mut self.judging else { return Poll::Pending };
        let outcome = std::task::ready!(judging.as_mut().poll(cx));
        self.judging = None;
        Poll::Ready(outcome)
    }
}
