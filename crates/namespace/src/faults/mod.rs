//! Faults on demand: what goes wrong between a client and its namespace, made to happen, in the words of the local hub.
//!
//! | file | subject |
//! |---|---|
//! | `fault` | the faults, by the moment that they belong to: no other pairs can be written |
//! | `document` | faults as JSON, the one form that Python and the command line send |
//! | `engine` | what the rules do at each moment |
//!
//! What any service's faults have in common is in [`azmqtt_local::faults`]; what they do to a connection is in
//! `connections`.

mod document;
mod engine;
mod fault;
#[cfg(test)]
mod tests;

pub use azmqtt_local::faults::{Chance, FaultError, Fired, ServiceFault, When};
pub use engine::Faults;
pub use fault::{
    AcceptFault, ConnectFault, Fault, NowFault, Received, ReceivedFault, Sent, SentFault, Target,
};

/// A fault, and to whom and when it happens.
pub type Rule = azmqtt_local::faults::Rule<Fault, Target>;

/// A rule and its counts.
pub type RuleStatus = azmqtt_local::faults::RuleStatus<Fault, Target>;

/// A schedule: which faults, how often, for how long.
pub type Schedule = azmqtt_local::faults::Schedule<Fault, Target>;

/// A fault of a plan.
pub type Planned = azmqtt_local::faults::Planned<Fault, Target>;
