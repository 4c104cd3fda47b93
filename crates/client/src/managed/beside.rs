//! What goes on beside a client's connection: the authenticator is asked, or has something new.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use super::attempt::{self, Answer, Asked};
use super::session::{End, Session};
use super::shared::Shared;
use crate::lasting;
use azmqtt_net::BoxFuture;

/// What the authenticator does beside one connection.
pub(crate) struct Beside {
    shared: Arc<Shared>,
    asked: Option<Asked>,
    changed: Option<BoxFuture<'static, ()>>,
    /// Whether its changes are listened to.
    listens: bool,
}

pub(crate) enum Woken {
    Answered(Answer),
    /// The authenticator has something new.
    Changed,
}

impl Beside {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, asked: None, changed: None, listens: false }
    }
}

impl lasting::Beside<Session> for Beside {
    type Woken = Woken;

    fn prepare(&mut self, session: &mut Session) {
        let Some(authenticator) = &self.shared.config.authenticator else { return };
        if let Some(question) = session.question() {
            self.asked = Some(attempt::ask(&self.shared.config, authenticator, question));
        }
        self.listens = session.listens_to_changes();
        if self.listens && self.changed.is_none() {
            let authenticator = Arc::clone(authenticator);
            self.changed = Some(Box::pin(async move { authenticator.changed().await }));
        }
    }

    async fn next(&mut self) -> Woken {
        let Self { asked, changed, listens, .. } = self;
        tokio::select! {
            biased;
            answer = resolve(asked) => Woken::Answered(answer),
            () = resolve(changed), if *listens => Woken::Changed,
        }
    }

    fn woken(&mut self, woken: Woken, session: &mut Session, now: Instant) -> Result<(), End> {
        match woken {
            Woken::Answered(answer) => {
                self.asked = None;
                match answer {
                    Answer::Credential(made) => session.credential_made(made, now),
                    Answer::Challenge(answer) => session.challenge_answered(answer, now),
                }
            }
            Woken::Changed => {
                self.changed = None;
                session.renew_now(now);
                Ok(())
            }
        }
    }
}

/// Resolves with what is under way; never while there is nothing.
async fn resolve<T>(future: &mut Option<Pin<Box<dyn Future<Output = T> + Send>>>) -> T {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}
