//! A promise to answer: called once with the outcome, at the latest when it is dropped.

use super::error::Error;

type Callback<T> = Box<dyn FnOnce(Result<T, Error>) + Send>;

/// Where the outcome of one operation goes. It is called on the runtime's thread and must not block.
///
/// Dropping it unanswered reports [`Error::ClientClosed`], so that no caller waits for ever.
pub struct Reply<T>(Option<Callback<T>>);

impl<T> Reply<T> {
    /// A reply that ends in `callback`.
    pub fn new(callback: impl FnOnce(Result<T, Error>) + Send + 'static) -> Self {
        Self(Some(Box::new(callback)))
    }

    /// A reply that nobody waits for.
    pub fn ignore() -> Self {
        Self(None)
    }

    /// Hands the outcome over.
    pub fn send(mut self, outcome: Result<T, Error>) {
        if let Some(callback) = self.0.take() {
            callback(outcome);
        }
    }
}

impl<T: Send + 'static> Reply<T> {
    /// A reply to be awaited, for callers that live on a runtime of their own.
    pub fn channel() -> (Self, tokio::sync::oneshot::Receiver<Result<T, Error>>) {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // A receiver that went away is a caller that no longer wants to know.
        (Self::new(move |outcome| drop(sender.send(outcome))), receiver)
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(callback) = self.0.take() {
            callback(Err(Error::ClientClosed));
        }
    }
}

impl<T> std::fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reply")
    }
}
