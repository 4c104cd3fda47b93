//! The text format of Prometheus (Prometheus docs, "Exposition formats": text-based format, version 0.0.4).

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The media type of the format.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics, written as text one after the other.
#[derive(Debug, Default)]
pub struct Metrics(String);

impl Metrics {
    /// A counter, whose name ends in `_total`, and its value.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "counter");
        self.sample(name, "", value);
    }

    /// A counter with a value for each value of a label.
    pub fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'a str, u64)>,
    ) {
        self.head(name, help, "counter");
        for (of, value) in values {
            self.sample(name, &format!("{{{label}=\"{}\"}}", escaped(of)), value);
        }
    }

    /// A value that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, "gauge");
        self.sample(name, "", value);
    }

    /// How long things took, in seconds.
    pub fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, help, "histogram");
        let mut count = 0;
        for (bound, bucket) in BOUNDS.iter().zip(&histogram.buckets) {
            count += bucket.load(Ordering::Relaxed);
            self.sample(&format!("{name}_bucket"), &format!("{{le=\"{bound}\"}}"), count);
        }
        count += histogram.longer.load(Ordering::Relaxed);
        self.sample(&format!("{name}_bucket"), "{le=\"+Inf\"}", count);
        let micros = histogram.micros.load(Ordering::Relaxed);
        self.sample(&format!("{name}_sum"), "", Duration::from_micros(micros).as_secs_f64());
        self.sample(&format!("{name}_count"), "", count);
    }

    /// The whole text.
    pub fn into_text(self) -> String {
        self.0
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

/// The value of a label.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The upper bounds of the buckets, in seconds.
const BOUNDS: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0];

/// How long things took.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    longer: AtomicU64,
    micros: AtomicU64,
}

impl Histogram {
    /// Counts one.
    pub fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let at = BOUNDS.iter().position(|bound| seconds <= *bound);
        at.map_or(&self.longer, |at| &self.buckets[at]).fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// What this process holds of memory, in bytes; `None` where the system does not say (proc(5), `status`).
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_with_their_help_and_type() {
        let mut metrics = Metrics::default();
        metrics.counters("a_total", "Counts.", "reason", [("x", 1), ("\"y\\", 2)]);
        metrics.gauge("b", "Changes.", 0.5);
        let expected = "# HELP a_total Counts.\n# TYPE a_total counter\na_total{reason=\"x\"} 1\n\
                        a_total{reason=\"\\\"y\\\\\"} 2\n# HELP b Changes.\n# TYPE b gauge\nb 0.5\n";
        assert_eq!(metrics.into_text(), expected);
    }

    #[test]
    fn buckets_count_what_is_in_those_below() {
        let histogram = Histogram::default();
        for millis in [1, 7, 7, 400_000] {
            histogram.observe(Duration::from_millis(millis));
        }
        let mut metrics = Metrics::default();
        metrics.histogram("h", "Times.", &histogram);
        let text = metrics.into_text();
        for line in [
            "h_bucket{le=\"0.001\"} 1",
            "h_bucket{le=\"0.005\"} 1",
            "h_bucket{le=\"0.01\"} 3",
            "h_bucket{le=\"300\"} 3",
            "h_bucket{le=\"+Inf\"} 4",
            "h_sum 400.015",
            "h_count 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
