//! A check under way.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::report::CheckReport;
use super::steps::{Over, Steps};
use crate::reply::{Closed, Reply};

/// A check of one kind of connection.
pub trait Check: Send + 'static {
    /// What is found.
    fn steps(&mut self) -> &mut Steps;

    /// Takes the steps, up to the one that fails.
    fn run(&mut self) -> impl Future<Output = Result<(), Over>> + Send;
}

/// Runs a check on `runtime`, within `limit`. Aborting the handle ends it.
pub fn start<E: Closed + Send + 'static>(
    mut check: impl Check,
    limit: Duration,
    runtime: fn() -> Handle,
    reply: Reply<CheckReport, E>,
) -> AbortHandle {
    let task = async move {
        let began = Instant::now();
        let progress = check.steps().progress();
        // Whatever failed, it is in the report.
        if timeout(limit, progress.watch(check.run())).await.is_err() {
            check.steps().late(limit, began);
        }
        reply.send(Ok(check.steps().take_report()));
    };
    runtime().spawn(task).abort_handle()
}
