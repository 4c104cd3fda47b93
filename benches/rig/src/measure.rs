//! Clocks and figures.

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit};
use rustix::time::{ClockId, clock_gettime};

/// CPU time of the whole process so far.
pub fn cpu() -> Duration {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(t.tv_sec).unwrap_or(0), u32::try_from(t.tv_nsec).unwrap_or(0))
}

/// Wall and CPU clocks, both started at once.
pub struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        Self { cpu: cpu(), wall: Instant::now() }
    }

    /// Wall and CPU time since the start.
    pub fn stop(&self) -> (Duration, Duration) {
        (self.wall.elapsed(), cpu().saturating_sub(self.cpu))
    }
}

/// The value below which `p` (0..=1) of the samples lie, in microseconds. Sorts the samples.
pub fn percentile_us(samples: &mut [Duration], p: f64) -> f64 {
    samples.sort_unstable();
    #[expect(clippy::cast_sign_loss, reason = "the product of two non-negative numbers")]
    let at = (p * samples.len().saturating_sub(1) as f64).round() as usize;
    samples.get(at).map_or(0.0, |d| d.as_secs_f64() * 1e6)
}

/// Raises the soft limit of open files to the hard one: a thousand connections need more than the usual 1,024.
pub fn raise_file_limit() {
    let Rlimit { maximum, .. } = rustix::process::getrlimit(Resource::Nofile);
    // A refusal shows later as "too many open files", with the connection's number.
    let _ = rustix::process::setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// Resident memory in KiB and the number of threads, from `/proc/self/status`; zeros where there is none.
pub fn footprint() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    (field("VmRSS:").unwrap_or(0), field("Threads:").unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_samples() {
        let mut samples: Vec<_> = (1..=101).rev().map(Duration::from_micros).collect();
        assert!((percentile_us(&mut samples, 0.5) - 51.0).abs() < 1e-6);
        assert!((percentile_us(&mut samples, 1.0) - 101.0).abs() < 1e-6);
        assert!(percentile_us(&mut [], 0.5).abs() < 1e-6);
    }
}
