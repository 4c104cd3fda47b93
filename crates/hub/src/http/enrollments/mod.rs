//! The provisioning service's REST API, for holders of its policy (DPS docs, REST: "Individual Enrollment", "Enrollment Group",
//! "Device Registration State").
//!
//! | module | subject |
//! |---|---|
//! | `one` | `/enrollments/{id}` and `/enrollmentGroups/{id}`, and `POST …/attestationmechanism` of both |
//! | `many` | `POST /enrollments` in bulk; `POST …/query` |
//! | `registrations` | `/registrations/{id}` |
//! | `forms` | what their requests and answers have in common |

mod forms;
mod many;
mod one;
mod registrations;

use std::sync::Arc;

use super::route::Routes;
use crate::shared::Shared;

pub(super) fn routes(routes: Routes, shared: &Arc<Shared>) -> Routes {
    registrations::routes(many::routes(one::routes(routes, shared)))
}
