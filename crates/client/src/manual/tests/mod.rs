//! A client against peers that a test makes: what it sends, and what it makes of anything that comes.

mod connection;
mod hostile;
mod invented_time;
mod session;
mod support;
