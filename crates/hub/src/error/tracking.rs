//! Numbers to find a request by, and the time of it, as the service's parts write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::random;
use azmqtt_dialect::ServiceError;
use azmqtt_dialect::time::{Timestamp, format_utc};

/// One request's.
pub struct Tracking {
    id: u128,
    at: Duration,
}

impl Tracking {
    /// Of a request that comes now.
    pub fn new() -> Self {
        // Without randomness the id says nothing, which harms nobody.
        let random = random::bytes().unwrap_or_default();
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // A random GUID says so in two places (RFC 9562 §5.4).
        let id = u128::from_ne_bytes(random) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        Self { id, at }
    }

    /// The header `x-ms-request-id`: a GUID with the digits of the tracking id.
    pub fn request_id(&self) -> String {
        let hex = format!("{:032x}", self.id);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// Marks an error that is told in words under `Message`: `{hex}-G:0`, without the gateway where `of_twins`; the body adds
    /// the time.
    pub fn mark_named(&self, error: &mut ServiceError, of_twins: bool) {
        error.tracking_id = Some(format!("{:032x}{}", self.id, if of_twins { "" } else { "-G:0" }));
        error.timestamp = Some(format_utc(self.at.as_secs()));
    }

    /// Marks an error for a device over MQTT: `{hex}-G:0-TimeStamp:11/22/2026 10:18:09`.
    pub fn mark_for_device(&self, error: &mut ServiceError) {
        self.mark_named(error, false);
        error.tracking_id = Some(error.tracking());
    }

    /// Marks an error of the provisioning service: a GUID, the time to 100 ns.
    pub fn mark_of_provisioning(&self, error: &mut ServiceError) {
        error.tracking_id = Some(self.request_id());
        error.timestamp = Some(Timestamp::of(UNIX_EPOCH + self.at).to_string());
    }

    /// Marks an error of the newer gateway: `{HEX}-G2:-TimeStamp:2026-08-15T09:07:36.757669697Z`.
    pub fn mark_newer(&self, error: &mut ServiceError) {
        let seconds = format_utc(self.at.as_secs());
        let time = format!("{}.{:09}Z", seconds.trim_end_matches('Z'), self.at.subsec_nanos());
        error.tracking_id = Some(format!("{:032X}-G2:-TimeStamp:{time}", self.id));
        error.timestamp = Some(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let at = Duration::new(1_786_784_856, 757_669_697);
        let tracking = Tracking { id: 0x28F7_C9FD_8821_474C_AC76_FDD9_FC6A_FE77, at };
        assert_eq!(tracking.request_id(), "28f7c9fd-8821-474c-ac76-fdd9fc6afe77");
        let mut error = ServiceError::new(404_001, "d");
        tracking.mark_named(&mut error, false);
        assert_eq!(error.tracking(), "28f7c9fd8821474cac76fdd9fc6afe77-G:0-TimeStamp:08/15/2026 09:07:36");
        tracking.mark_named(&mut error, true);
        assert_eq!(error.tracking(), "28f7c9fd8821474cac76fdd9fc6afe77-TimeStamp:08/15/2026 09:07:36");
        tracking.mark_for_device(&mut error);
        let expected = "28f7c9fd8821474cac76fdd9fc6afe77-G:0-TimeStamp:08/15/2026 09:07:36";
        assert_eq!(error.tracking_id.as_deref(), Some(expected));
        assert_eq!(error.timestamp.as_deref(), Some("2026-08-15T09:07:36Z"));
        tracking.mark_newer(&mut error);
        let expected = "28F7C9FD8821474CAC76FDD9FC6AFE77-G2:-TimeStamp:2026-08-15T09:07:36.757669697Z";
        assert_eq!(error.tracking_id.as_deref(), Some(expected));
        assert_eq!(error.timestamp.as_deref(), Some("2026-08-15T09:07:36.757669697Z"));
    }
}
