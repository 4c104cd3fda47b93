//! A promise to answer: called once with the outcome, at the latest when it is dropped.

use std::cell::RefCell;

use crate::managed::error::Error;

type Callback<T, E> = Box<dyn FnOnce(Result<T, E>) + Send>;

/// An error that can say that nobody is left who could answer.
pub trait Closed {
    /// The client is closed.
    fn closed() -> Self;
}

/// There is no more to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Over;

impl Closed for Over {
    fn closed() -> Self {
        Self
    }
}

/// Where the outcome of one operation goes. It is called on the runtime's thread and must not block.
///
/// Dropping it unanswered reports [`Closed::closed`], so that no caller waits for ever.
pub struct Reply<T, E: Closed = Error>(Option<Callback<T, E>>);

impl<T, E: Closed> Reply<T, E> {
    /// A reply that ends in `callback`.
    pub fn new(callback: impl FnOnce(Result<T, E>) + Send + 'static) -> Self {
        Self(Some(Box::new(callback)))
    }

    /// A reply that nobody waits for.
    pub fn ignore() -> Self {
        Self(None)
    }

    /// Hands the outcome over.
    pub fn send(mut self, outcome: Result<T, E>) {
        if let Some(callback) = self.0.take() {
            callback(outcome);
        }
    }
}

impl<T: Send + 'static, E: Closed + Send + 'static> Reply<T, E> {
    /// A reply to be awaited, for callers that live on a runtime of their own.
    pub fn channel() -> (Self, tokio::sync::oneshot::Receiver<Result<T, E>>) {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // A receiver that went away is a caller that no longer wants to know.
        (Self::new(move |outcome| drop(sender.send(outcome))), receiver)
    }
}

impl<E: Closed + 'static> Reply<(), E> {
    /// The same for those who wait for one event, whatever their errors are.
    pub(crate) fn untyped(self) -> Reply<(), Over> {
        Reply::new(move |outcome| self.send(outcome.map_err(|Over| E::closed())))
    }
}

impl<T, E: Closed> Drop for Reply<T, E> {
    fn drop(&mut self) {
        if let Some(callback) = self.0.take() {
            callback(Err(E::closed()));
        }
    }
}

impl<T, E: Closed> std::fmt::Debug for Reply<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reply")
    }
}

type Action = Box<dyn FnOnce()>;

thread_local! {
    /// What is to be done when this thread has handed over the outcomes that it is at; `None` outside of that.
    static AFTERWARDS: RefCell<Option<Vec<Action>>> = const { RefCell::new(None) };
}

/// Does `action` once the outcomes that this thread is handing over are all handed over, or at once if it is
/// at none. For a [`Reply`] that wakes somebody: a burst of outcomes needs one wake-up, at its end.
pub fn afterwards(action: impl FnOnce() + 'static) {
    let at_once = AFTERWARDS.with_borrow_mut(|pending| match pending {
        Some(pending) => {
            pending.push(Box::new(action));
            None
        }
        None => Some(action),
    });
    if let Some(action) = at_once {
        action();
    }
}

/// While this lives, its thread hands over outcomes; not to be held across an `await`.
#[derive(Debug)]
pub struct Burst(());

impl Burst {
    /// Begins to hand over.
    #[must_use]
    pub fn begin() -> Self {
        AFTERWARDS.with_borrow_mut(|pending| {
            pending.get_or_insert_default();
        });
        Self(())
    }
}

impl Drop for Burst {
    fn drop(&mut self) {
        let actions = AFTERWARDS.with_borrow_mut(Option::take);
        for action in actions.unwrap_or_default() {
            action();
        }
    }
}
