//! Twins, over MQTT and REST.

mod digital_twins;
mod json_text;
mod limits;
mod requests;
mod service;
