//! A namespace on which `client-0`, `client-1`, … may do everything, for measurements:
//! `cargo run --release --package azmqtt-namespace --example serve COUNT DIRECTORY` writes the clients' certificate and key to the
//! directory, prints a line with the port and the authority's file, and runs until its standard input closes.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use azmqtt_local::certificate_authority::client_certificate;
use azmqtt_namespace::limits::Limits;
use azmqtt_namespace::names::ClientName;
use azmqtt_namespace::resources::{CertificateRule, Client, Permission, Thumbprint};
use azmqtt_namespace::{Namespace, NamespaceConfig};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().ok_or("how many clients?")?.parse()?;
    let directory = arguments.next().ok_or("which directory?")?;
    let limits = Limits::of_units(40);
    let config = NamespaceConfig { port: 0, https_port: 0, limits, ..NamespaceConfig::default() };
    let start = Instant::now();
    let namespace = Namespace::start(config)?;
    let started = start.elapsed();
    let (certificate, key, der) = client_certificate(None, "client", DAY, 2 * DAY)?;
    std::fs::write(Path::new(&directory).join("client.pem"), certificate)?;
    std::fs::write(Path::new(&directory).join("client-key.pem"), key)?;
    for index in 0..count {
        let rule = CertificateRule::Thumbprint(vec![Thumbprint::sha256(&der)]);
        let client = Client::new(ClientName::parse(&format!("client-{index}"))?).with_certificate(rule);
        namespace.put_client(client)?;
    }
    namespace.put_topic_space("all", &["t/#"])?;
    for (name, permission) in [("publisher", Permission::Publisher), ("subscriber", Permission::Subscriber)] {
        namespace.put_permission_binding(name, "$all", "all", permission)?;
    }
    let ca = namespace.ca_file().display();
    println!(
        "{{\"port\":{},\"ca\":\"{ca}\",\"start_ms\":{:.1}}}",
        namespace.port(),
        started.as_secs_f64() * 1e3
    );
    std::io::stdin().read_to_end(&mut Vec::new())?;
    namespace.stop();
    Ok(())
}
