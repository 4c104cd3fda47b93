//! Connections of devices: `connection` moves the bytes, `device_session` decides what each packet means.

pub mod connection;
pub mod device_session;
