//! Attempts, one after the other, until the service has decided or the time is over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout_at};

use super::link::Link;
use super::session::OpenError;
use super::verdict::{Verdict, judge};
use super::{ProvisioningConfig, Registered};
use crate::error::{Error, not_connected};
use azmqtt_client::backoff::{Backoff, random};
use azmqtt_dialect::provisioning::{ProvisioningRequest, Registration};
use azmqtt_net::ConnectProgress;
use azmqtt_net::deadlines::later;

/// Registers, within `timeout`.
pub(super) async fn run(config: &ProvisioningConfig, timeout: Duration) -> Result<Registered, Error> {
    let deadline = later(Instant::now(), timeout);
    let mut run = Run {
        config,
        deadline,
        backoff: Backoff::new(config.retry),
        operation: None,
        was_connected: false,
        last_error: None,
    };
    let progress = Arc::new(ConnectProgress::default());
    if let Ok(outcome) = timeout_at(deadline.into(), progress.watch(run.until_decided())).await {
        return outcome;
    }
    let last_error = run.last_error.map(|error| error.to_string());
    let known = last_error.or_else(|| progress.describe(&config.endpoint)).map(not_connected);
    Err(Error::RequestTimeout { operation: "the registration", after: timeout, known })
}

struct Run<'a> {
    config: &'a ProvisioningConfig,
    deadline: Instant,
    backoff: Backoff,
    /// The operation that is under way; it outlives connections.
    operation: Option<Operation>,
    /// The service has accepted this device before: losses are retried from then on.
    was_connected: bool,
    /// What kept the registration from going on.
    last_error: Option<Error>,
}

struct Operation {
    id: String,
    /// It was begun on an earlier connection.
    resumed: bool,
}

/// Why an attempt ended without a registration.
enum Setback {
    /// Another attempt makes no sense.
    Final(Error),
    /// It does.
    Again(Error),
}

impl Run<'_> {
    async fn until_decided(&mut self) -> Result<Registered, Error> {
        loop {
            let error = match self.attempt().await {
                Ok(registered) => return Ok(registered),
                Err(Setback::Final(error)) => return Err(error),
                Err(Setback::Again(error)) => error,
            };
            if !self.was_connected && !self.config.retry.first_connect {
                return Err(error);
            }
            if let Some(operation) = &mut self.operation {
                operation.resumed = true;
            }
            let wait = self.backoff.next(random());
            self.wait_makes_sense(wait, &error)?;
            self.last_error = Some(error);
            sleep(wait).await;
        }
    }

    /// One connection.
    async fn attempt(&mut self) -> Result<Registered, Setback> {
        let mut link = Link::open(self.config).await.map_err(|error| match error {
            OpenError::Refused(error) => Setback::Final(error),
            OpenError::Failed(error) => Setback::Again(error),
        })?;
        self.was_connected = true;
        let outcome = self.talk(&mut link).await;
        link.close();
        outcome
    }

    async fn talk(&mut self, link: &mut Link<'_>) -> Result<Registered, Setback> {
        let id = &self.config.registrant.registration_id;
        loop {
            let answer = match &self.operation {
                None => {
                    let payload = self.config.payload.clone();
                    let body = Registration { registration_id: id.clone(), payload }.to_body();
                    link.ask(|request_id| ProvisioningRequest::Register { request_id }, body).await
                }
                Some(Operation { id, .. }) => {
                    let operation_id = id.clone();
                    let poll = |request_id| ProvisioningRequest::OperationStatus { request_id, operation_id };
                    link.ask(poll, Vec::new()).await
                }
            };
            let answer = answer.map_err(Setback::Again)?;
            let asked = answer.retry_after.unwrap_or_default().max(self.config.poll.floor);
            let wait = match judge(id, answer.status, &answer.body) {
                Verdict::Registered(registered) => return Ok(*registered),
                // The service may have forgotten what was begun on an earlier connection.
                Verdict::Failed(_) if answer.status == 404 && self.forget_resumed() => continue,
                Verdict::Failed(error) => return Err(Setback::Final(error)),
                Verdict::Poll { operation_id } => {
                    self.last_error = None;
                    if let Some(id) = operation_id {
                        self.operation = Some(Operation { id, resumed: false });
                    }
                    asked.min(self.config.poll.cap.max(self.config.poll.floor))
                }
                Verdict::Busy(mut failure) => {
                    if let Some(seconds) = answer.retry_after {
                        failure.error.retry_after = Some(seconds.as_secs());
                    }
                    let said = failure.error.retry_after.map(Duration::from_secs).unwrap_or_default();
                    let wait = asked.max(said).max(self.backoff.next(random()));
                    let error = Error::ProvisioningFailed(failure);
                    self.wait_makes_sense(wait, &error).map_err(Setback::Final)?;
                    self.last_error = Some(error);
                    wait
                }
            };
            link.idle(wait).await.map_err(Setback::Again)?;
        }
    }

    fn forget_resumed(&mut self) -> bool {
        self.operation.take_if(|operation| operation.resumed).is_some()
    }

    /// The error, if the time would be over before another try.
    fn wait_makes_sense(&self, wait: Duration, error: &Error) -> Result<(), Error> {
        if later(Instant::now(), wait) < self.deadline { Ok(()) } else { Err(error.clone()) }
    }
}
