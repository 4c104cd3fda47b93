//! The figures of each tier.

use std::str::FromStr;
use std::time::Duration;

/// The edition and size of a hub's units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// Free.
    F1,
    /// Basic, the smallest.
    B1,
    /// Basic.
    B2,
    /// Basic, the largest.
    B3,
    /// Standard, the smallest.
    #[default]
    S1,
    /// Standard.
    S2,
    /// Standard, the largest.
    S3,
}

impl FromStr for Tier {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Ok(match name {
            "F1" => Self::F1,
            "B1" => Self::B1,
            "B2" => Self::B2,
            "B3" => Self::B3,
            "S1" => Self::S1,
            "S2" => Self::S2,
            "S3" => Self::S3,
            _ => return Err(()),
        })
    }
}

/// What is counted by a rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new connection of a device.
    Connect,
    /// A device-to-cloud message.
    DeviceToCloud,
    /// A read of a twin, by whomever.
    TwinRead,
    /// A write to a twin, by whomever.
    TwinUpdate,
    /// A call of a direct method, by its payload of so many bytes.
    Method(usize),
    /// A cloud-to-device message that is sent.
    CloudToDevice,
    /// A cloud-to-device message that a device asks for over HTTPS.
    CloudReceive,
    /// Whatever reads or writes the identity registry.
    Identity,
    /// The start of a file upload.
    FileUpload,
    /// A query.
    Query,
    /// Whatever reads or writes jobs.
    Job,
    /// Whatever reads or writes configurations.
    Configuration,
}

/// How many kinds of operations there are.
pub(super) const KINDS: usize = 12;

/// What methods are counted in, in bytes; a call counts for one at least.
const METHOD_METER: usize = 4096;

impl Operation {
    pub(super) fn index(self) -> usize {
        match self {
            Self::Connect => 0,
            Self::DeviceToCloud => 1,
            Self::TwinRead => 2,
            Self::TwinUpdate => 3,
            Self::Method(_) => 4,
            Self::CloudToDevice => 5,
            Self::CloudReceive => 6,
            Self::Identity => 7,
            Self::FileUpload => 8,
            Self::Query => 9,
            Self::Job => 10,
            Self::Configuration => 11,
        }
    }

    /// How much of its rate it takes.
    pub(super) fn cost(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "a payload is far below 2^53 bytes")]
            Self::Method(bytes) => (bytes.div_ceil(METHOD_METER).max(1) * METHOD_METER) as f64,
            _ => 1.0,
        }
    }

    /// Whether Basic hubs have it.
    pub(super) fn is_basic(self) -> bool {
        matches!(self, Self::Connect | Self::DeviceToCloud | Self::Identity | Self::FileUpload)
    }

    /// What the service calls it in the text of error 429003.
    pub(super) fn name(self, is_read: bool) -> &'static str {
        match (self, is_read) {
            (Self::Connect, _) => "DeviceConnect",
            (Self::DeviceToCloud, _) => "DeviceToCloudMessage",
            (Self::TwinRead, _) => "TwinRead",
            (Self::TwinUpdate, _) => "TwinUpdate",
            (Self::Method(_), _) => "DirectMethod",
            (Self::CloudToDevice, _) => "CloudToDeviceSend",
            (Self::CloudReceive, _) => "CloudToDeviceReceive",
            (Self::FileUpload, _) => "FileUpload",
            (Self::Query, _) => "Query",
            (Self::Identity, true) => "RegistryRead",
            (Self::Identity, false) => "RegistryWrite",
            (Self::Job, true) => "JobRead",
            (Self::Job, false) => "JobWrite",
            (Self::Configuration, true) => "ConfigurationRead",
            (Self::Configuration, false) => "ConfigurationWrite",
        }
    }
}

impl Tier {
    pub(super) fn is_basic(self) -> bool {
        matches!(self, Self::B1 | Self::B2 | Self::B3)
    }

    /// How much of an operation a hub takes in a second, in the unit of [`Operation::cost`].
    pub(super) fn rate(self, operation: Operation, units: u32) -> f64 {
        /// The rows of the documentation have a column for each size.
        struct Sizes(f64, f64, f64);
        let units = f64::from(units.max(1));
        let Sizes(small, medium, large) = match operation {
            Operation::Connect | Operation::DeviceToCloud => {
                Sizes((12.0 * units).max(100.0), 120.0 * units, 6000.0 * units)
            }
            Operation::Identity | Operation::FileUpload | Operation::CloudToDevice | Operation::Job => {
                Sizes(100.0 / 60.0 * units, 100.0 / 60.0 * units, 5000.0 / 60.0 * units)
            }
            Operation::Configuration => Sizes(20.0 / 60.0 * units, 20.0 / 60.0 * units, 20.0 / 60.0 * units),
            Operation::Query => Sizes(20.0 / 60.0 * units, 20.0 / 60.0 * units, 1000.0 / 60.0 * units),
            Operation::CloudReceive => {
                Sizes(1000.0 / 60.0 * units, 1000.0 / 60.0 * units, 50_000.0 / 60.0 * units)
            }
            Operation::Method(_) => {
                Sizes(163_840.0 * units, 491_520.0 * units, 24.0 * 1024.0 * 1024.0 * units)
            }
            Operation::TwinRead => Sizes(100.0, (10.0 * units).max(100.0), 500.0 * units),
            Operation::TwinUpdate => Sizes(50.0, (5.0 * units).max(50.0), 250.0 * units),
        };
        match self {
            Self::F1 | Self::B1 | Self::S1 => small,
            Self::B2 | Self::S2 => medium,
            Self::B3 | Self::S3 => large,
        }
    }

    /// How many jobs may be active at the same time.
    pub(super) fn active_jobs(self) -> usize {
        match self {
            Self::F1 | Self::B1 | Self::S1 => 1,
            Self::B2 | Self::S2 => 5,
            Self::B3 | Self::S3 => 10,
        }
    }

    /// How many messages a day a unit takes, and what size in bytes counts as one.
    pub(super) fn daily(self) -> (u64, usize) {
        match self {
            Self::F1 => (8_000, 512),
            Self::B1 | Self::S1 => (400_000, 4096),
            Self::B2 | Self::S2 => (6_000_000, 4096),
            Self::B3 | Self::S3 => (300_000_000, 4096),
        }
    }
}

/// Of which tier a hub is, and whether it keeps to its rates.
#[derive(Clone, Copy, Debug)]
pub struct Throttling {
    /// Its tier. A Basic one has no twins, methods, cloud-to-device messages, queries, jobs and configurations, throttled or
    /// not (error 403010).
    pub tier: Tier,
    /// Units of that tier, from 1.
    pub units: u32,
    /// Whether rates and the daily quota hold.
    pub enabled: bool,
    /// How long a rate may be doubled before anything waits; the service absorbs one to two minutes.
    pub burst: Duration,
    /// How long something may wait; what would wait longer ends its connection. Over HTTPS at most ten seconds; then the
    /// request is refused (error 429003).
    pub patience: Duration,
}

impl Default for Throttling {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self { tier: Tier::default(), units: 1, enabled: false, burst: minute, patience: minute }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_the_documentation() {
        use Operation::{Configuration, Connect, Identity, Job, Method, Query, TwinRead, TwinUpdate};
        for (tier, units, operation, rate) in [
            (Tier::F1, 1, Connect, 100.0),
            (Tier::S1, 9, Connect, 108.0),
            (Tier::S2, 2, Connect, 240.0),
            (Tier::S3, 1, Connect, 6000.0),
            (Tier::S1, 3, Identity, 5.0),
            (Tier::S3, 6, Query, 100.0),
            (Tier::S1, 9, TwinRead, 100.0),
            (Tier::S2, 20, TwinRead, 200.0),
            (Tier::S3, 1, TwinUpdate, 250.0),
            (Tier::S2, 1, Method(1), 491_520.0),
            (Tier::S3, 6, Configuration, 2.0),
            (Tier::S3, 3, Job, 250.0),
        ] {
            assert!((tier.rate(operation, units) - rate).abs() < 1e-6, "{tier:?} {units} {operation:?}");
        }
        for (bytes, cost) in [(0, 4096.0), (1, 4096.0), (4096, 4096.0), (4097, 8192.0)] {
            assert!((Method(bytes).cost() - cost).abs() < 1e-6, "{bytes}");
        }
    }
}
