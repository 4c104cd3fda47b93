//! Which step of a connection fails, and what to do about it: DNS, TCP, TLS, credentials, CONNECT.
//!
//! The last step is a connection as the device makes it, so that what a check finds is what a client will meet. A
//! device that is connected meanwhile loses its connection to it, as with any second client of one identity.

mod advice;
mod chain;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use self::advice::{Seen, advise};
use super::config::{DeviceConfig, RetryPolicy};
use super::credentials::unix_now;
use super::error::{Error, Step};
use super::handle::Device;
use super::reply::Reply;
use azmqtt_dialect::time::format_utc;
use azmqtt_net::connect::{self, probe};
use azmqtt_net::{ClockOffset, ConnectProgress};

/// How long a look at a port that is not the connection's own may take.
const GLANCE: Duration = Duration::from_secs(5);

/// How long the hub may take to answer CONNECT.
const CONNACK_TIMEOUT: Duration = Duration::from_secs(15);

/// What a check found, in the order of the steps. The first failure is the last step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CheckReport {
    /// At least one.
    pub steps: Vec<CheckedStep>,
}

/// One step of a check.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedStep {
    /// `DNS`, `TCP`, `proxy`, `TLS`, `WebSocket`, `credentials`, `MQTT CONNECT`, …
    pub name: String,
    /// Whether it was good.
    pub ok: bool,
    /// What was seen, or what failed. Never a secret.
    pub detail: String,
    /// What to do about a failure.
    pub advice: Option<String>,
    /// More of what was seen, by name.
    pub facts: Vec<(&'static str, String)>,
    /// How long it took.
    pub took: Duration,
}

/// Checks a device's connection on `runtime`, within `limit`. Aborting the handle ends it.
pub fn check(
    config: DeviceConfig,
    limit: Duration,
    runtime: fn() -> Handle,
    reply: Reply<CheckReport>,
) -> AbortHandle {
    let task = async move {
        let mut config = config;
        // The service takes a minute for a CONNECT that it throttles. Who checks wants an answer before.
        config.deadlines.connack = config.deadlines.connack.min(CONNACK_TIMEOUT);
        let mut check = Check {
            config,
            runtime,
            report: CheckReport::default(),
            seen: Seen::default(),
            at: Step::Dns,
            progress: Arc::default(),
        };
        let began = Instant::now();
        let progress = Arc::clone(&check.progress);
        if timeout(limit, progress.watch(check.run())).await.is_err() {
            let step = check.progress.step().unwrap_or(check.at);
            let reason = format!("it was not over when the check's time was, {} s", limit.as_secs_f64());
            check.fail(&Error::ConnectionFailed { step, reason }, Vec::new(), began);
        }
        reply.send(Ok(check.report));
    };
    runtime().spawn(task).abort_handle()
}

struct Check {
    config: DeviceConfig,
    runtime: fn() -> Handle,
    report: CheckReport,
    seen: Seen,
    /// What is looked at.
    at: Step,
    /// The step of it that is under way, if it has any.
    progress: Arc<ConnectProgress>,
}

/// A step failed: the check is over.
struct Over;

impl Check {
    async fn run(&mut self) {
        self.seen.websocket = self.config.endpoint.websocket;
        self.seen.now = unix_now();
        // Whatever it was, it is in the report.
        let _: Result<(), Over> = self.steps().await;
    }

    async fn steps(&mut self) -> Result<(), Over> {
        let endpoint = self.config.endpoint.clone();
        let deadlines = self.config.deadlines;
        self.seen.proxy = endpoint.proxy.for_host(&endpoint.host, endpoint.port).is_some();

        let began = Instant::now();
        let resolved = probe::resolve(&endpoint, deadlines.stream).await;
        let (host, addresses) = self.good(Step::Dns, resolved, began)?;
        let list: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
        self.add("DNS", true, format!("{host} is {}", list.join(", ")), began.elapsed());

        self.at = Step::Tcp;
        self.tcp(&addresses).await?;

        self.at = Step::Tls;

        let began = Instant::now();
        let looked = probe::look(&endpoint, deadlines.stream).await;
        let shown = self.good(Step::Tls, looked, began)?;
        self.seen.chain = chain::read(shown.chain.iter().map(AsRef::as_ref));
        let mut facts: Vec<_> =
            self.seen.chain.iter().map(|shown| ("certificate", shown.in_words())).collect();
        if let Some(last) = self.seen.chain.last() {
            facts.push(("root", last.issuer.clone()));
        }
        if self.seen.https == Some(true) && !self.seen.proxy {
            // Its steps are not those of the connection.
            let looking = Arc::<ConnectProgress>::default().watch(probe::date(&endpoint, deadlines.stream));
            let clock = timeout(GLANCE, looking).await.ok().flatten();
            facts.extend(clock.map(|clock| ("clock", clock.in_words())));
            self.seen.clock = clock.filter(|clock| clock.is_notable()).map(ClockOffset::in_words);
        }
        // What was shown is now judged.
        match connect::open_tls(&endpoint, deadlines.stream).await {
            Ok(_) => {
                let detail = format!("{}, {}", shown.version, shown.cipher);
                self.add_with("TLS", true, detail, began.elapsed(), facts);
            }
            Err(error) => {
                self.fail(&error.into(), facts, began);
                return Err(Over);
            }
        }

        self.at = Step::Credentials;
        self.credentials().await?;

        self.at = Step::Mqtt;
        let began = Instant::now();
        let connected = self.connect().await;
        self.good(Step::Mqtt, connected, began)?;
        let id = self.config.identity.client_id();
        self.add("MQTT CONNECT", true, format!("{} accepted {id}", endpoint.host), began.elapsed());
        Ok(())
    }

    /// The port of the connection, and the other one of the service's two.
    async fn tcp(&mut self, addresses: &[std::net::SocketAddr]) -> Result<(), Over> {
        let began = Instant::now();
        let port = addresses.first().map_or(self.config.endpoint.port, std::net::SocketAddr::port);
        let limit = self.config.deadlines.stream.tcp;
        let other = if port == 443 { 8883 } else { 443 };
        let glance =
            async { if self.seen.proxy { None } else { Some(probe::reach(addresses, other, GLANCE).await) } };
        let (own, other_open) = tokio::join!(probe::reach(addresses, port, limit), glance);
        let mut facts = Vec::new();
        if let Some(other_open) = other_open {
            self.seen.https = Some(if port == 443 { own.is_ok() } else { other_open.is_ok() });
            let words =
                other_open.map_or_else(|reason| format!("{other}: {reason}"), |()| format!("{other}: open"));
            facts.push(("other port", words));
        }
        match own {
            Ok(()) => {
                self.add_with("TCP", true, format!("port {port} is open"), began.elapsed(), facts);
                Ok(())
            }
            Err(reason) => {
                let reason = format!("port {port}: {reason}");
                let error = Error::ConnectionFailed { step: Step::Tcp, reason };
                self.fail(&error, facts, began);
                Err(Over)
            }
        }
    }

    /// What the device shows, as far as it can be judged here.
    async fn credentials(&mut self) -> Result<(), Over> {
        let began = Instant::now();
        let config = &self.config;
        let now = self.seen.now;
        let resource = config.identity.sas_resource();
        let limit = config.deadlines.credentials;
        let signed = config.credentials.sign_resource(&resource, config.sas_ttl, None, limit).await;
        let (kind, expiry) =
            match (self.good(Step::Credentials, signed, began)?, self.config.credentials.certificate()) {
                (Some(token), _) => ("SAS token", token.expiry()),
                (None, Some(certificate)) => ("client certificate", certificate.not_after()),
                (None, None) => ("credentials", u64::MAX),
            };
        let ok = expiry > now;
        let detail = format!("a {kind}, valid to {} by this machine's clock", format_utc(expiry));
        let step = CheckedStep {
            name: Step::Credentials.to_string(),
            ok: true,
            detail,
            advice: None,
            facts: Vec::new(),
            took: began.elapsed(),
        };
        if ok {
            self.report.steps.push(step);
            return Ok(());
        }
        let detail = format!("the {kind} expired at {} by this machine's clock", format_utc(expiry));
        let advice = self.seen.clock.clone().map(|clock| format!("{clock}; set it"));
        let advice = advice.or_else(|| Some("get a new one; is this machine's clock right?".to_owned()));
        self.report.steps.push(CheckedStep { ok: false, detail, advice, ..step });
        Err(Over)
    }

    /// Connects as a client would, once, and disconnects.
    async fn connect(&mut self) -> Result<(), Error> {
        let retry = RetryPolicy { first_connect: false, ..self.config.retry };
        let device = Device::new(DeviceConfig { retry, ..self.config.clone() }, self.runtime);
        self.progress = Arc::clone(device.connect_progress());
        // The steps have deadlines of their own, and the whole check has one.
        let forever = Duration::from_secs(24 * 3600);
        let (reply, connected) = Reply::channel();
        device.connect(forever, reply);
        let connected = connected.await.unwrap_or(Err(Error::ClientClosed));
        let (reply, closed) = Reply::channel();
        device.close(GLANCE, reply);
        // However that went, the connection is over.
        let _ = closed.await;
        connected
    }

    /// The value of a step, or its failure in the report.
    fn good<T>(
        &mut self,
        step: Step,
        outcome: Result<T, impl Into<Error>>,
        began: Instant,
    ) -> Result<T, Over> {
        outcome.map_err(|error| {
            let error = match error.into() {
                error @ Error::ConnectionFailed { .. } => error,
                other => Error::ConnectionFailed { step, reason: other.to_string() },
            };
            self.fail(&error, Vec::new(), began);
            Over
        })
    }

    fn fail(&mut self, error: &Error, facts: Vec<(&'static str, String)>, began: Instant) {
        let (step, detail) = match error {
            Error::ConnectionFailed { step, reason } => (*step, reason.clone()),
            other => (Step::Mqtt, other.to_string()),
        };
        let advice = advise(step, &detail, &self.seen);
        let took = began.elapsed();
        self.report.steps.push(CheckedStep {
            name: step.to_string(),
            ok: false,
            detail,
            advice,
            facts,
            took,
        });
    }

    fn add(&mut self, name: &str, ok: bool, detail: String, took: Duration) {
        self.add_with(name, ok, detail, took, Vec::new());
    }

    fn add_with(
        &mut self,
        name: &str,
        ok: bool,
        detail: String,
        took: Duration,
        facts: Vec<(&'static str, String)>,
    ) {
        self.report.steps.push(CheckedStep { name: name.to_owned(), ok, detail, advice: None, facts, took });
    }
}
