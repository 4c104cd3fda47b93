//! Connections of devices.
//!
//! | module | subject |
//! |---|---|
//! | `connect` | the first packet of a client |
//! | `connection` | from there to the end: bytes and deadlines |
//! | `device_session` | what a device's packets mean, and what the hub says to it |
//! | `connection_faults` | what faults do to a connection |
//! | `gate` | what the limits of the hub's tier do to the packets of a connection |
//! | `provisioning` | a connection to the provisioning service |

pub mod connect;
pub mod connection;
mod connection_faults;
pub mod device_session;
mod gate;
pub mod provisioning;
