//! Faults on demand, whichever service they belong to: what goes wrong between a client and a service, made to happen.
//!
//! A [`Rule`] says what happens, whose traffic it happens to and when. What there is of faults and targets is the service's
//! own ([`ServiceFault`], [`ServiceTarget`]); what they have in common is here.
//!
//! | file | subject |
//! |---|---|
//! | `fault` | what can go wrong with any connection |
//! | `rule` | a fault with whom and when; when it fires, decided alike in every run with the same seed |
//! | `book` | the rules of a service, and what has fired |
//! | `schedule` | faults that wait for no packet; the clock of those that are due later, which are in the `agenda` |
//! | `plan` | seeded schedules: the same seed, the same faults |
//! | `filter` | packets that are sent late, twice, in half or never |
//! | `silence` | a connection that is not read, or not written either |
//! | `stalling` | clients that wait before they are let in |
//! | `shown` | what REST shows of faults |
//! | `json_fields` | rules read from JSON within bounds |
//! | `random` | chance by a seed |

mod agenda;
mod book;
mod fault;
mod filter;
mod json_fields;
mod plan;
mod random;
mod rule;
mod schedule;
mod shown;
mod silence;
mod stalling;

pub use book::{Fired, MAX_RULES, RuleBook, RuleStatus, STRUCK};
pub use fault::{AcceptFault, ConnectFault, NowFault, SentFault, ServiceFault, ServiceTarget, span};
pub use filter::{Filter, corrupt};
pub use json_fields::{FaultError, JsonFields, error};
pub use plan::{Entry, Planned, Schedule};
pub use random::Random;
pub use rule::{Active, Chance, Rule, When};
pub use schedule::{Connections, inject, run, start};
pub use silence::Silence;
pub use stalling::{SILENCE, stays};
