//! Faults on demand: what goes wrong between a device and its hub, made to happen.
//!
//! A [`Rule`] says what happens ([`Fault`]), whose traffic it happens to ([`Target`]) and when ([`When`]). A device sees
//! every fault across its socket only: packets that come late, twice, in half or never, connections that end, requests that
//! are refused.
//!
//! | module | subject |
//! |---|---|
//! | `fault` | the faults, by the moment that they belong to: no other pairs can be written |
//! | `rule` | whose traffic |
//! | `document` | faults as JSON, the one form that Python, REST and the command line send |
//! | `engine` | what the rules do at each moment |
//! | `plan` | seeded schedules |
//! | `sdk` | the fault properties that the tests of Microsoft's SDKs send |
//!
//! When a rule fires, the clock of those that are due later, and all that any service's faults have in common is in
//! [`azmqtt_local::faults`].
//!
//! What they do to a connection is in `sessions`, to a request in `http`. Nothing here knows of either.

mod document;
pub(crate) mod engine;
pub(crate) mod fault;
mod plan;
pub(crate) mod rule;
pub(super) mod sdk;
#[cfg(test)]
mod tests;

pub use azmqtt_local::faults::{FaultError, Fired, ServiceFault};
pub use engine::RuleStatus;
pub use fault::{
    AcceptFault, Answer, Change, ConnectFault, Fault, NowFault, Received, ReceivedFault, RequestFault,
    RequestMatch, Sent, SentFault, TwinRequest,
};
pub use plan::{Planned, Schedule};
pub use rule::{Chance, Rule, Target, When};

pub(super) use engine::Faults;
