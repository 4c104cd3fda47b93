//! The limits of a tier.

mod limits;
mod unauthenticated;
