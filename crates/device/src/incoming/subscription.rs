//! A receiver's subscription: started once, waited for by anybody, started anew after it failed.

use std::sync::Arc;

use crate::error::Error;
use crate::reply::Reply;
use azmqtt_net::sync::Mutex;

/// One subscription.
#[derive(Debug, Default)]
pub(super) struct Subscription(Arc<Mutex<State>>);

#[derive(Debug, Default)]
enum State {
    /// Not asked for, or the last attempt failed and its caller was told.
    #[default]
    Idle,
    /// Asked for; these wait for the answer.
    Asked(Vec<Reply<()>>),
    /// Refused while nobody waited: whoever asks next is told.
    Failed(Error),
    Granted,
}

impl Subscription {
    /// Starts the first attempt; its outcome is for whoever asks.
    pub(super) fn begin(&self, start: impl FnOnce(Reply<()>)) {
        *self.0.lock() = State::Asked(Vec::new());
        start(self.settler());
    }

    /// Whatever failed was on an earlier connection, or before there was one: the next to ask starts anew.
    pub(super) fn forget_failure(&self) {
        let mut state = self.0.lock();
        if matches!(*state, State::Failed(_)) {
            *state = State::Idle;
        }
    }

    /// Answers `reply` with the outcome. `start` is called if there is no attempt yet.
    pub(super) fn then(&self, start: impl FnOnce(Reply<()>), reply: Reply<()>) {
        let mut state = self.0.lock();
        let outcome = match &mut *state {
            State::Asked(waiting) => return waiting.push(reply),
            State::Granted => Ok(()),
            State::Failed(error) => {
                let error = error.clone();
                *state = State::Idle;
                Err(error)
            }
            State::Idle => {
                *state = State::Asked(vec![reply]);
                drop(state);
                return start(self.settler());
            }
        };
        drop(state);
        reply.send(outcome);
    }

    fn settler(&self) -> Reply<()> {
        let shared = Arc::clone(&self.0);
        Reply::new(move |outcome| settle(&shared, &outcome))
    }
}

fn settle(shared: &Mutex<State>, outcome: &Result<(), Error>) {
    let mut state = shared.lock();
    let waiting = match &mut *state {
        State::Asked(waiting) => std::mem::take(waiting),
        _ => Vec::new(),
    };
    *state = match outcome {
        Ok(()) => State::Granted,
        Err(error) if waiting.is_empty() => State::Failed(error.clone()),
        Err(_) => State::Idle,
    };
    drop(state);
    for reply in waiting {
        reply.send(outcome.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcomes = Arc<Mutex<Vec<Result<(), Error>>>>;

    fn collect(outcomes: &Outcomes) -> Reply<()> {
        let outcomes = Arc::clone(outcomes);
        Reply::new(move |outcome| outcomes.lock().push(outcome))
    }

    fn start(started: &mut Vec<Reply<()>>) -> impl FnOnce(Reply<()>) {
        |reply| started.push(reply)
    }

    #[test]
    fn one_attempt_answers_everybody() {
        let (subscription, outcomes, mut started) =
            (Subscription::default(), Outcomes::default(), Vec::new());
        subscription.begin(start(&mut started));
        subscription.then(|_| panic!("a second attempt"), collect(&outcomes));
        subscription.then(|_| panic!("a second attempt"), collect(&outcomes));
        assert!(outcomes.lock().is_empty());
        started.remove(0).send(Ok(()));
        subscription.then(|_| panic!("a second attempt"), collect(&outcomes));
        assert_eq!(*outcomes.lock(), [Ok(()), Ok(()), Ok(())]);
    }

    #[test]
    fn an_unseen_failure_is_told_once_then_tried_again() {
        let (subscription, outcomes, mut started) =
            (Subscription::default(), Outcomes::default(), Vec::new());
        subscription.begin(start(&mut started));
        started.remove(0).send(Err(Error::ClientClosed));
        subscription.then(|_| panic!("the failure was not told"), collect(&outcomes));
        subscription.then(start(&mut started), collect(&outcomes));
        started.remove(0).send(Ok(()));
        assert_eq!(*outcomes.lock(), [Err(Error::ClientClosed), Ok(())]);
    }

    #[test]
    fn a_failure_of_an_earlier_connection_is_not_told() {
        let (subscription, outcomes, mut started) =
            (Subscription::default(), Outcomes::default(), Vec::new());
        subscription.begin(start(&mut started));
        started.remove(0).send(Err(Error::ClientClosed));
        subscription.forget_failure();
        subscription.then(start(&mut started), collect(&outcomes));
        started.remove(0).send(Ok(()));
        subscription.forget_failure();
        subscription.then(|_| panic!("a second attempt"), collect(&outcomes));
        assert_eq!(*outcomes.lock(), [Ok(()), Ok(())]);
    }

    #[test]
    fn a_failure_that_somebody_heard_is_not_told_again() {
        let (subscription, outcomes, mut started) =
            (Subscription::default(), Outcomes::default(), Vec::new());
        subscription.then(start(&mut started), collect(&outcomes));
        drop(started.remove(0));
        subscription.then(start(&mut started), collect(&outcomes));
        assert_eq!((outcomes.lock().len(), started.len()), (1, 1));
        started.remove(0).send(Ok(()));
    }
}
