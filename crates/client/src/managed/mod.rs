//! A client of any broker that keeps its connection and its promises by itself.

pub mod error;
