//! `bare --task NAME --port PORT --ca FILE --n COUNT`
//!
//! Prints one JSON line.

use std::process::ExitCode;

use azmqtt_rig::args::Args;
use azmqtt_rig::bare::{Job, run};
use azmqtt_rig::error::Result;

fn job() -> Result<Job> {
    let args = Args::parse(std::env::args().skip(1), &["task", "port", "ca", "n"])?;
    Ok(Job { task: args.need("task")?, port: args.need("port")?, ca: args.need("ca")?, n: args.need("n")? })
}

fn main() -> ExitCode {
    match job().and_then(|job| run(&job).map(|outcome| outcome.to_json(&job.task))) {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("bare: {e}");
            ExitCode::FAILURE
        }
    }
}
