//! Connecting, and what a connection costs while it is open.

use std::sync::Arc;
use std::time::Instant;

use rustls::ClientConfig;

use super::{Job, Outcome};
use crate::error::Result;
use crate::link::Link;
use crate::measure::{Stopwatch, footprint as resident, raise_file_limit};

/// TCP, whole TLS handshake and CONNACK, `job.n` times, one after the other.
pub fn connect(job: &Job, config: &Arc<ClientConfig>) -> Result<Outcome> {
    let mut samples = Vec::with_capacity(job.n);
    let clock = Stopwatch::start();
    for _ in 0..job.n {
        let start = Instant::now();
        let link = job.link(config)?;
        samples.push(start.elapsed());
        drop(link);
    }
    Ok(Outcome::latency(clock.stop(), samples))
}

/// `job.n` connections open at once; the footprint is read by the caller while they still are.
pub fn footprint(job: &Job, config: &Arc<ClientConfig>) -> Result<Outcome> {
    raise_file_limit();
    let before = resident().0;
    let clock = Stopwatch::start();
    let mut links = Vec::with_capacity(job.n);
    for i in 0..job.n {
        links.push(Link::connect(job.port, config, job.level(), &format!("bench-bare-{i}"))?);
    }
    let outcome = Outcome::rate(clock.stop(), links.len());
    // Kept open until the process ends, so that the caller's reading has them.
    std::mem::forget(links);
    Ok(Outcome { rss_before_kib: Some(before), ..outcome })
}
