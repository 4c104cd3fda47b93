//! File uploads.

mod hostile;
mod requests;
