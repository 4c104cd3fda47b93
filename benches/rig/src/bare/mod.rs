//! The limit: each task with as little as possible between the bytes and the socket.
//!
//! Blocking standard-library sockets and rustls, no runtime, packets encoded before the clock starts.

mod connections;
mod receiving;
mod requests;
mod sending;
mod twin;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use crate::error::{Error, Result};
use crate::link::Link;
use crate::measure::{footprint, percentile_us};
use crate::tls;
use crate::wire::Level;

/// The device that the bare client plays.
const DEVICE: &str = "bench-bare";
/// Bytes of a telemetry payload.
const PAYLOAD: usize = 256;
/// QoS 1 messages on their way at once.
const WINDOW: usize = 1000;

/// What to run.
pub struct Job {
    /// Name of the task, see [`run`].
    pub task: String,
    /// Port of the sink on 127.0.0.1.
    pub port: u16,
    /// The sink's authority.
    pub ca: PathBuf,
    /// Messages, round trips, connects or clients, as the task has it.
    pub n: usize,
}

impl Job {
    fn link(&self, config: &Arc<ClientConfig>) -> Result<Link> {
        Link::connect(self.port, config, self.level(), DEVICE)
    }

    /// The tasks named `v5_…` speak MQTT 5, all others MQTT 3.1.1.
    fn level(&self) -> Level {
        if self.task.starts_with("v5_") { Level::Five } else { Level::Four }
    }
}

/// What came out; figures that a task does not have stay `None`.
#[derive(Default)]
pub struct Outcome {
    elapsed: Duration,
    cpu: Duration,
    msgs: usize,
    percentiles: Option<(f64, f64)>,
    rss_before_kib: Option<u64>,
}

impl Outcome {
    fn rate((elapsed, cpu): (Duration, Duration), msgs: usize) -> Self {
        Self { elapsed, cpu, msgs, ..Self::default() }
    }

    fn latency(clocks: (Duration, Duration), mut samples: Vec<Duration>) -> Self {
        let msgs = samples.len();
        let percentiles = (percentile_us(&mut samples, 0.5), percentile_us(&mut samples, 0.99));
        Self { percentiles: Some(percentiles), ..Self::rate(clocks, msgs) }
    }

    /// The result as one JSON object, in the same words as the Python clients.
    pub fn to_json(&self, task: &str) -> String {
        let (rss, threads) = footprint();
        let percentiles = self
            .percentiles
            .map_or(String::new(), |(p50, p99)| format!(",\"p50_us\":{p50:.2},\"p99_us\":{p99:.2}"));
        let clients = self.rss_before_kib.map_or(String::new(), |before| {
            let each = rss.saturating_sub(before) as f64 / self.msgs.max(1) as f64;
            format!(",\"clients\":{},\"rss_per_client_kib\":{each:.1}", self.msgs)
        });
        format!(
            "{{\"task\":\"{task}\",\"elapsed_s\":{:.6},\"cpu_s\":{:.6},\"msgs\":{},\"rss_kib\":{rss},\"threads\":{threads}{percentiles}{clients}}}",
            self.elapsed.as_secs_f64(),
            self.cpu.as_secs_f64(),
            self.msgs,
        )
    }
}

/// Runs one task.
pub fn run(job: &Job) -> Result<Outcome> {
    let config = tls::client(&job.ca)?;
    match job.task.as_str() {
        "qos1_pipelined" | "qos1_pipelined_late20ms" | "v5_qos1_pipelined" => {
            sending::pipelined(job, &config)
        }
        "qos1_one_at_a_time" | "v5_qos1_one" => sending::one_at_a_time(job, &config),
        "twin_patch_rtt" => twin::rtt(job, &config),
        "twin_patch_100" => twin::concurrent(job, &config, 100),
        "receive_qos0" => receiving::flood(job, &config, 0),
        "receive_qos1" | "v5_receive" => receiving::flood(job, &config, 1),
        "v5_request" => requests::rtt(job, &config),
        "connect" => connections::connect(job, &config),
        name if name.starts_with("footprint_") => connections::footprint(job, &config),
        other => Err(Error::Usage(format!("no task {other:?}"))),
    }
}
