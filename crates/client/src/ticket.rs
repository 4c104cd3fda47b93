//! What travels with a message until its outcome is known.

use std::time::{Duration, Instant};

use crate::lasting::times::Time;

/// What travels with a message; `O` is who is told.
///
/// Size and time are small because thousands of tickets are in flight, and each is moved for every message.
#[derive(Debug)]
pub struct Ticket<O> {
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// How long the caller was ready to wait.
    pub timeout: Duration,
    /// What the message takes of the outbox, in bytes.
    pub size: u32,
    /// When it was last encoded, by the task's [`Ticks`](crate::histogram::Ticks); 0 before.
    pub sent: u32,
    /// Who is told.
    pub owner: O,
}

impl<O> Ticket<O> {
    /// How long the caller waits.
    pub fn time(&self) -> Time {
        Time { deadline: self.deadline, timeout: self.timeout }
    }
}
