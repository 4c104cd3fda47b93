//! Faults on demand: what goes wrong between a device and its hub, made to happen.
//!
//! A [`Rule`] says what happens ([`Fault`]), whose traffic it happens to ([`Target`]) and when ([`When`]). A device sees
//! every fault across its socket only: packets that come late, twice, in half or never, connections that end, requests that
//! are refused.
//!
//! | module | subject |
//! |---|---|
//! | `fault` | the faults, by the moment that they belong to: no other pairs can be written |
//! | `rule` | whose and when; when a rule fires, decided alike in every run with the same seed |
//! | `document` | rules as JSON, the one form that Python, REST and the command line send |
//! | `engine` | the rules of a hub, and what has fired |
//! | `connection_faults` | what faults do to one connection; `filter` to the packets that it is sent |
//! | `schedule` | faults that wait for no packet; the clock of those that are due later |
//! | `plan` | seeded schedules: the same seed, the same faults |
//! | `sdk` | the fault properties that the tests of Microsoft's SDKs send |

mod connection_faults;
mod document;
mod engine;
mod fault;
mod filter;
mod plan;
mod rule;
mod schedule;
pub(super) mod sdk;
#[cfg(test)]
mod tests;

pub use azmqtt_local::faults::FaultError;
pub use engine::{Fired, RuleStatus};
pub use fault::{
    AcceptFault, Answer, Change, ConnectFault, Fault, NowFault, Received, ReceivedFault, RequestFault,
    RequestMatch, Sent, SentFault, TwinRequest,
};
pub use plan::{Planned, Schedule};
pub use rule::{Chance, Rule, Target, When};

pub(super) use connection_faults::{ConnectionFaults, refusal};
pub(super) use engine::Faults;
pub(super) use schedule::{inject, run, start};
