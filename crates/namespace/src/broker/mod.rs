//! The broker: sessions, what they have subscribed to, and what waits for them. No I/O: bytes and the time go in, bytes and
//! deadlines come out. One owner changes it, under a lock.
//!
//! A connection's task goes round like this: [`Broker::receive`] takes what came in, [`Broker::output`] gives what is to be
//! written and parks the task, and the broker wakes it when there is more. When the connection is over, whoever ended it,
//! [`Broker::farewell`] has the last bytes.

mod configure;
mod connect;
mod connection;
mod deliver;
mod denials;
mod durability;
mod ending;
mod faults;
mod message;
mod observe;
mod orphans;
mod outcome;
mod publish;
mod rates;
mod receive;
mod rejudge;
mod session;
mod sessions;
mod state;
mod subscribe;
mod tick;
mod wakes;
mod wills;

pub use connect::{Accepted, check_connect};
pub use connection::Connection;
pub use faults::Passage;
pub use observe::{ClientView, Judgement, SessionView};
pub use outcome::{End, Refusal};
pub use receive::Received;
pub use session::{Identity, Token};
pub use state::{Broker, Farewell, Outlook};

#[cfg(test)]
mod tests;
