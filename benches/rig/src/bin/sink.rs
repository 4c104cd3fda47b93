//! `sink [--port 0] [--dir DIR] [--ack-delay-ms 0] [--tls12 false] [--until-stdin-closes false]`
//!
//! Prints `{"port":…,"ca_file":…}` when ready.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use azmqtt_rig::args::Args;
use azmqtt_rig::error::Result;
use azmqtt_rig::measure;
use azmqtt_rig::sink::serve::{Options, Sink};

fn options() -> Result<Options> {
    let known = ["port", "dir", "ack-delay-ms", "tls12", "until-stdin-closes"];
    let args = Args::parse(std::env::args().skip(1), &known)?;
    Ok(Options {
        port: args.get("port", 0)?,
        dir: args.get("dir", PathBuf::from("."))?,
        delay: Duration::from_millis(args.get::<u16>("ack-delay-ms", 0)?.into()),
        tls12: args.get("tls12", false)?,
        until_stdin_closes: args.get("until-stdin-closes", false)?,
    })
}

fn main() -> ExitCode {
    measure::raise_file_limit();
    match options().and_then(|o| Sink::start(&o)).and_then(Sink::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("sink: {e}");
            ExitCode::FAILURE
        }
    }
}
