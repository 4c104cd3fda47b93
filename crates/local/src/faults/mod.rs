//! What faults on demand are made of, whichever service they belong to: rules read from JSON within bounds, and chance
//! that falls alike in every run with the same seed.

mod json_fields;
mod random;

pub use json_fields::{FaultError, JsonFields, error};
pub use random::Random;
