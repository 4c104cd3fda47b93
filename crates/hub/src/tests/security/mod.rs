//! Who is let in, with which credentials; and clients that mean harm.

mod hostile;
mod isolation;
mod policies;
mod version1;
pub mod x509;
