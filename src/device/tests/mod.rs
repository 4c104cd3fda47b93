//! The device against a scripted hub, and its parts without one.

mod support;

mod batch;
mod connect;
mod desired;
mod inbox;
mod limits;
mod requests;
