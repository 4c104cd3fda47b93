//! The local Device Provisioning Service: it has a TLS listener of its own, and assigns devices to this hub.
//!
//! | module | subject |
//! |---|---|
//! | [`enrollment`] | who may register: individual enrolments and groups |
//! | `registry` | enrolments, registrations, operations: the state, under one lock |
//! | `service` | what a request comes to |
//! | `assign` | the device of a registration: made in the hub, or found there |
//! | [`allocation`] | the part of a custom allocation policy, played by the application |
//! | `owner` | the policy whose holders manage enrolments over the REST API |
//! | `management`, `managed`, `x509` | what they ask; enrolments, and the certificates of these, as they see them |
//! | `bulk`, `pages`, `registrations` | many enrolments at once, or page by page; devices that were assigned |
//! | `file` | what the state directory keeps of it |
//!
//! Its connections are in `sessions`, its REST API in `http`.

pub mod allocation;
pub(crate) mod assign;
mod bulk;
pub mod enrollment;
mod file;
mod managed;
mod management;
mod owner;
mod pages;
mod registrations;
mod registry;
pub(crate) mod service;
mod x509;

pub use allocation::{Allocation, AllocationRequest};
pub(crate) use bulk::{MAX_BULK, bulk};
pub use enrollment::{Enrollment, EnrollmentGroup};
pub(crate) use managed::Shown;
pub(crate) use management::Table;
pub(crate) use pages::{Page, Wanted};
pub(crate) use registrations::{delete_registration, get_registration, registrations_of_group};
pub(crate) use registry::Registry;
pub use registry::{Fault, Record};
