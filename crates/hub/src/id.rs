//! How calls name an identity of the registry.

use std::fmt;

/// How many modules a device may have (IoT Hub docs, "quotas and throttling"; error 413003 beyond).
pub const MAX_MODULES: usize = 50;

/// A device, or a module of a device. Every call that takes one also takes what it is made from: `"device"` or
/// `("device", "module")`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id<'a> {
    /// The device's id, case-sensitive.
    pub device: &'a str,
    /// The module's id, case-sensitive, when a module is meant.
    pub module: Option<&'a str>,
}

/// Whose telemetry is asked for. Made from an [`Id`], or from `Option<&str>`: a device, or everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    /// Of every device and module.
    Everybody,
    /// Of one alone: a device's is without its modules'.
    One(Id<'a>),
}

/// As MQTT client ids have it: `device` or `device/module`.
impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.device)?;
        self.module.map_or(Ok(()), |module| write!(f, "/{module}"))
    }
}

impl<'a> From<&'a str> for Id<'a> {
    fn from(device: &'a str) -> Self {
        Self { device, module: None }
    }
}

impl<'a> From<&'a String> for Id<'a> {
    fn from(device: &'a String) -> Self {
        Self { device, module: None }
    }
}

impl<'a> From<(&'a str, &'a str)> for Id<'a> {
    fn from((device, module): (&'a str, &'a str)) -> Self {
        Self { device, module: Some(module) }
    }
}

impl<'a> From<(&'a str, Option<&'a str>)> for Id<'a> {
    fn from((device, module): (&'a str, Option<&'a str>)) -> Self {
        Self { device, module }
    }
}

impl<'a> From<Option<&'a str>> for Whose<'a> {
    fn from(device: Option<&'a str>) -> Self {
        device.map_or(Self::Everybody, |device| Self::One(device.into()))
    }
}

impl<'a> From<Id<'a>> for Whose<'a> {
    fn from(id: Id<'a>) -> Self {
        Self::One(id)
    }
}
