//! MQTT sessions of devices.

mod connect;
mod life;
mod wills;
