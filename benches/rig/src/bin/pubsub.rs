//! `pubsub --port PORT --ca FILE --cert FILE --key FILE --publishers N --subscribers N --qos 0|1 --messages COUNT
//! [--window 100] [--payload 256] [--interval 0]` connects clients `client-0`, `client-1`, … to a broker, prints `ready`, waits for a line,
//! has each publisher send COUNT messages at QoS 1, and prints `{"elapsed_s":…}` when every subscriber has all of them. An
//! interval in ms passes before each window.
//!
//! With `--idle COUNT` it connects so many, prints `ready`, and keeps them until its standard input closes.

use std::io::{BufRead, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use azmqtt_rig::args::Args;
use azmqtt_rig::error::Result;
use azmqtt_rig::measure::{Stopwatch, raise_file_limit};
use azmqtt_rig::pubsub::{Broker, Load, run};
use azmqtt_rig::tls;

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

fn measure() -> Result<()> {
    let known = [
        "port",
        "ca",
        "cert",
        "key",
        "publishers",
        "subscribers",
        "qos",
        "messages",
        "window",
        "payload",
        "interval",
        "idle",
    ];
    let args = Args::parse(std::env::args().skip(1), &known)?;
    let (ca, cert, key): (PathBuf, PathBuf, PathBuf) =
        (args.need("ca")?, args.need("cert")?, args.need("key")?);
    let broker = Broker { port: args.need("port")?, config: tls::client_with(&ca, &cert, &key)? };
    raise_file_limit();
    let idle = args.get("idle", 0)?;
    let name = |index: usize| format!("client-{index}");
    if idle > 0 {
        let links = (0..idle).map(|index| broker.connect(&name(index))).collect::<Result<Vec<_>>>()?;
        say("ready")?;
        std::io::stdin().read_to_end(&mut Vec::new())?;
        std::mem::forget(links);
        return Ok(());
    }
    let (publishers, subscribers) = (args.need::<usize>("publishers")?, args.need::<usize>("subscribers")?);
    let load = Load {
        messages: args.need("messages")?,
        window: args.get("window", 100)?,
        payload: args.get("payload", 256)?,
        interval: Duration::from_millis(args.get("interval", 0)?),
    };
    let writers = (0..publishers).map(|index| broker.connect(&name(index))).collect::<Result<Vec<_>>>()?;
    let mut readers = Vec::new();
    for index in publishers..publishers + subscribers {
        let mut link = broker.connect(&name(index))?;
        link.subscribe_at("t/#", args.get("qos", 1)?)?;
        readers.push(link);
    }
    say("ready")?;
    std::io::stdin().lock().read_line(&mut String::new())?;
    let clock = Stopwatch::start();
    run(writers, readers, load)?;
    say(&format!("{{\"elapsed_s\":{:.6}}}", clock.stop().0.as_secs_f64()))?;
    // The caller reads its figures before anybody disconnects.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pubsub: {error}");
            ExitCode::FAILURE
        }
    }
}
