//! What a hub of a tier takes in a time: rates, quotas, and what a Basic hub does not have (IoT Hub docs, "quotas and
//! throttling").
//!
//! | module | subject |
//! |---|---|
//! | `tier` | the figures |
//! | `bucket` | one rate: bursts, then waiting, then refusal; the time is passed in |
//! | `quota` | the messages of a day; the time is passed in |
//! | `limiter` | all of them for one hub |

pub(crate) mod bucket;
pub(crate) mod limiter;
mod quota;
pub(crate) mod tier;

pub use tier::{Operation, Throttling, Tier};

pub(super) use limiter::{Limiter, Shaping};
