//! Which step of a connection fails, and what to do about it.
//!
//! | module | subject |
//! |---|---|
//! | [`report`] | what a check found |
//! | [`steps`] | the steps that any connection has: DNS, TCP, TLS; how long credentials are valid |
//! | [`run`] | a check under way, whatever it is of |
//! | `chain`, `advice` | what the server's certificates say; what to do about a step that failed |
//! | [`broker`] | a whole check of a client of any broker |

mod advice;
pub mod broker;
mod chain;
pub mod report;
pub mod run;
pub mod steps;

#[cfg(test)]
mod tests;

pub use broker::{Token, check_broker};
pub use report::{CheckReport, CheckedStep, Fact};
pub use steps::{Over, Steps, Validity};
