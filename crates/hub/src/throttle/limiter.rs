//! All rates and the quota of one hub.

use std::time::{Duration, Instant};

use super::bucket::{Bucket, Rate, Verdict};
use super::quota::Quota;
use super::tier::{KINDS, Operation, Throttling};
use crate::events::Events;
use azmqtt_dialect::ServiceError;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_net::sync::Mutex;

/// How long the service keeps an HTTPS request that is over its rate.
const HTTPS_PATIENCE: Duration = Duration::from_secs(10);

/// What becomes of an HTTPS request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shaping {
    /// It is carried out after that time.
    CarryOut(Duration),
    /// It is refused after that time.
    GiveUp(Duration),
}

impl Shaping {
    /// The refusal of a request that waited for `time`.
    pub fn refusal(operation: Operation, is_read: bool, time: Duration) -> ServiceError {
        let (name, seconds) = (operation.name(is_read), time.as_secs_f64());
        let message = format!("The request waited {seconds} s for the rate of its operation type, {name}.");
        ServiceError::new(ErrorCode::THROTTLING_BACKLOG_TIMEOUT, message)
    }
}

/// What a hub has taken lately.
pub struct Limiter {
    events: Events,
    throttling: Throttling,
    buckets: Mutex<[Bucket; KINDS]>,
    quota: Mutex<Quota>,
}

impl Limiter {
    pub fn new(throttling: Throttling, events: Events) -> Self {
        Self { events, throttling, buckets: Mutex::default(), quota: Mutex::default() }
    }

    /// Whether there are limits at all.
    pub fn is_on(&self) -> bool {
        self.throttling.enabled || self.throttling.tier.is_basic()
    }

    /// How long something may wait.
    pub fn patience(&self) -> Duration {
        self.throttling.patience
    }

    /// Counts an operation that may wait for up to [`Self::patience`].
    pub fn take(&self, operation: Operation, now: Instant) -> Verdict {
        self.count(operation, self.throttling.patience, now)
    }

    /// Counts an operation that does not wait: a twin request over MQTT.
    ///
    /// # Errors
    /// 403010 where the tier has no such thing, 429001 with `retryAfter` over the rate.
    pub fn take_now(&self, operation: Operation, now: Instant) -> Result<(), ServiceError> {
        self.check_tier(operation)?;
        match self.count(operation, Duration::ZERO, now) {
            Verdict::Go => Ok(()),
            Verdict::Wait(time) | Verdict::Refuse(time) => {
                let mut error = ServiceError::new(ErrorCode::THROTTLING, "Too many requests for the tier.");
                error.retry_after = Some(time.as_secs() + 1);
                Err(error)
            }
        }
    }

    /// Counts an HTTPS request. It waits for its turn; the service gives up on it after [`HTTPS_PATIENCE`].
    ///
    /// # Errors
    /// 403010 where the tier has no such thing.
    pub fn take_over_https(&self, operation: Operation, now: Instant) -> Result<Shaping, ServiceError> {
        self.check_tier(operation)?;
        let patience = self.throttling.patience.min(HTTPS_PATIENCE);
        Ok(match self.count(operation, patience, now) {
            Verdict::Go => Shaping::CarryOut(Duration::ZERO),
            Verdict::Wait(time) => Shaping::CarryOut(time),
            Verdict::Refuse(_) => Shaping::GiveUp(patience),
        })
    }

    /// How many jobs may be active; `None` where no limits hold.
    pub fn active_jobs(&self) -> Option<usize> {
        self.throttling.enabled.then(|| self.throttling.tier.active_jobs())
    }

    fn check_tier(&self, operation: Operation) -> Result<(), ServiceError> {
        let tier = self.throttling.tier;
        if tier.is_basic() && !operation.is_basic() {
            let message = format!("The tier {tier:?} does not have this operation.");
            return Err(ServiceError::new(ErrorCode::NOT_AVAILABLE_IN_TIER, message));
        }
        Ok(())
    }

    /// Gives back what was counted for an operation that nobody was allowed to ask for.
    pub fn give_back(&self, operation: Operation) {
        self.buckets()[operation.index()].give_back(operation.cost());
    }

    /// Counts a device-to-cloud message against the day's quota; false when it is used up. `now` in Unix seconds.
    pub fn take_message(&self, size: usize, now: u64) -> bool {
        let Throttling { tier, units, enabled, .. } = self.throttling;
        let (messages, meter) = tier.daily();
        let limit = messages.saturating_mul(u64::from(units.max(1)));
        let mut quota = self.quota.lock();
        !enabled || quota.take(size, meter, limit, now)
    }

    /// Gives back what was counted of the day's quota for a message that nobody was allowed to send.
    pub fn give_back_message(&self, size: usize) {
        let (_, meter) = self.throttling.tier.daily();
        self.quota.lock().give_back(size, meter);
    }

    fn count(&self, operation: Operation, patience: Duration, now: Instant) -> Verdict {
        let Throttling { tier, units, enabled, burst, .. } = self.throttling;
        if !enabled {
            return Verdict::Go;
        }
        let per_second = tier.rate(operation, units);
        let rate = Rate { per_second, burst: per_second * burst.as_secs_f64() };
        let verdict = self.buckets()[operation.index()].take(operation.cost(), rate, patience, now);
        if verdict != Verdict::Go {
            self.events.over_rate(operation.name(false), now);
        }
        verdict
    }

    fn buckets(&self) -> std::sync::MutexGuard<'_, [Bucket; KINDS]> {
        // Nothing that runs under this lock can leave it half-changed.
        self.buckets.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::throttle::Tier;

    fn limiter(tier: Tier, enabled: bool) -> Limiter {
        let throttling = Throttling { tier, enabled, burst: Duration::from_secs(1), ..Throttling::default() };
        Limiter::new(throttling, Events::default())
    }

    #[test]
    fn each_operation_has_a_rate_of_its_own() {
        let (limiter, now) = (limiter(Tier::S1, true), Instant::now());
        let taken = |operation| (0..1000).take_while(|_| limiter.take_now(operation, now).is_ok()).count();
        assert_eq!(taken(Operation::DeviceToCloud), 100);
        assert_eq!(taken(Operation::TwinUpdate), 50);
        assert_eq!(taken(Operation::Identity), 1);
        assert_eq!(taken(Operation::Method(5000)), 20);
        assert_eq!(limiter.take(Operation::Connect, now), Verdict::Go);
        let refused = limiter.take_now(Operation::Query, now + Duration::from_secs(1));
        assert_eq!(refused, Ok(()));
        let refused = limiter.take_now(Operation::Query, now + Duration::from_secs(1)).unwrap_err();
        assert_eq!((refused.error_code, refused.retry_after), (Some(ErrorCode::THROTTLING), Some(4)));
    }

    #[test]
    fn a_request_over_https_waits_and_is_refused_then() {
        let (limiter, now) = (limiter(Tier::S1, true), Instant::now());
        let shaped: Vec<_> =
            (0..620).map(|_| limiter.take_over_https(Operation::TwinUpdate, now).unwrap()).collect();
        assert_eq!(shaped[49], Shaping::CarryOut(Duration::ZERO));
        assert_eq!(shaped[50], Shaping::CarryOut(Duration::from_millis(20)));
        assert_eq!(shaped[549], Shaping::CarryOut(HTTPS_PATIENCE));
        assert_eq!(shaped[550], Shaping::GiveUp(HTTPS_PATIENCE));
        let refusal = Shaping::refusal(Operation::Configuration, false, HTTPS_PATIENCE);
        assert_eq!((refusal.error_code, refusal.retry_after), (Some(429_003), None));
        assert!(refusal.message.contains("10 s") && refusal.message.contains("ConfigurationWrite"));
    }

    #[test]
    fn a_basic_hub_lacks_some_and_one_that_is_not_throttled_takes_all() {
        let basic = limiter(Tier::B2, false);
        assert!(basic.is_on());
        for operation in [Operation::TwinRead, Operation::Method(0), Operation::CloudToDevice] {
            let refused = basic.take_now(operation, Instant::now()).unwrap_err();
            assert_eq!(refused.error_code, Some(ErrorCode::NOT_AVAILABLE_IN_TIER));
        }
        for operation in [Operation::Query, Operation::Job, Operation::Configuration] {
            let refused = basic.take_over_https(operation, Instant::now()).unwrap_err();
            assert_eq!(refused.error_code, Some(ErrorCode::NOT_AVAILABLE_IN_TIER));
        }
        assert_eq!((basic.active_jobs(), limiter(Tier::S2, true).active_jobs()), (None, Some(5)));
        let free = limiter(Tier::F1, false);
        assert!(!free.is_on());
        for _ in 0..10_000 {
            assert_eq!(basic.take(Operation::DeviceToCloud, Instant::now()), Verdict::Go);
            assert_eq!(free.take_now(Operation::Query, Instant::now()), Ok(()));
            assert!(free.take_message(0, 1));
        }
        let free = limiter(Tier::F1, true);
        assert_eq!((0..10_000).filter(|_| free.take_message(512, 1)).count(), 8000);
        assert!(free.take_message(0, 86_400));
    }
}
