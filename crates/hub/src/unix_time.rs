//! Times as the service writes many of them: in seconds since 1970.

use std::time::SystemTime;

/// A time in Unix seconds; 0 for one before 1970.
pub fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Now, in Unix seconds.
pub fn unix_now() -> u64 {
    unix_seconds(SystemTime::now())
}
