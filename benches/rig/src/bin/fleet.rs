//! `fleet --port PORT --ca FILE --logins FILE [--n COUNT] [--burst BYTES]` connects COUNT devices, lets each send one message
//! of BYTES if there are any, prints `{"connected":…,"elapsed_s":…,"error":…}` and keeps them until its standard input closes.
//!
//! `fleet … --messages COUNT [--window 1000] [--payload 256] [--properties TEXT]` sends with the first one instead.

use std::io::Read;
use std::process::ExitCode;

use azmqtt_rig::args::Args;
use azmqtt_rig::error::{Error, Result};
use azmqtt_rig::fleet::{Hub, Load, Login, connect_all, send};
use azmqtt_rig::measure::{Stopwatch, raise_file_limit};
use azmqtt_rig::tls;

fn run() -> Result<()> {
    let known = ["port", "ca", "logins", "n", "messages", "window", "payload", "properties", "burst"];
    let args = Args::parse(std::env::args().skip(1), &known)?;
    let hub = Hub { port: args.need("port")?, ca: args.need("ca")? };
    let config = tls::client(&hub.ca)?;
    let mut logins = Login::read(&args.need::<std::path::PathBuf>("logins")?)?;
    let messages = args.get("messages", 0)?;
    if messages > 0 {
        let load = Load {
            messages,
            window: args.get("window", 1000)?,
            payload: args.get("payload", 256)?,
            properties: args.get("properties", String::new())?,
        };
        let first = logins.first().ok_or_else(|| Error::Usage("there is no login".to_owned()))?;
        println!("{}", send(&hub, &config, first, &load)?);
        return Ok(());
    }
    logins.truncate(args.get("n", usize::MAX)?);
    raise_file_limit();
    let clock = Stopwatch::start();
    let (mut links, error) = connect_all(&hub, &config, &logins);
    let (elapsed, _) = clock.stop();
    let burst = args.get("burst", 0)?;
    if burst > 0 {
        links.iter_mut().zip(&logins).try_for_each(|(link, login)| login.send_one(link, burst))?;
    }
    let error = error.map_or("null".to_owned(), |error| format!("{:?}", error.to_string()));
    let (connected, elapsed) = (links.len(), elapsed.as_secs_f64());
    println!("{{\"connected\":{connected},\"elapsed_s\":{elapsed:.3},\"error\":{error}}}");
    // Kept until the caller has read its figures.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    // No DISCONNECT: ten thousand of them take time that nobody measures.
    std::mem::forget(links);
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fleet: {error}");
            ExitCode::FAILURE
        }
    }
}
