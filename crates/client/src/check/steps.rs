//! The steps that any connection has, one by one, and the report of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::time::timeout;

use super::advice::{Seen, advise};
use super::chain;
use super::report::{CheckReport, CheckedStep, Fact};
use azmqtt_net::certificate::in_utc;
use azmqtt_net::connect::{self, probe};
use azmqtt_net::{ClockOffset, ConnectDeadlines, ConnectError, ConnectProgress, Endpoint, Step};

/// How long a look at something that is not the connection's own may take.
pub const GLANCE: Duration = Duration::from_secs(5);

/// How long a server may take to answer CONNECT: a service takes a minute for one that it throttles, and who checks wants an
/// answer before.
pub const CONNACK: Duration = Duration::from_secs(15);
/// For a connection whose steps have deadlines of their own, within a check that has one.
pub const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// A step failed: the check is over.
#[derive(Debug)]
pub struct Over;

/// A check under way: what it has seen, and its report.
#[derive(Debug)]
pub struct Steps {
    endpoint: Endpoint,
    deadlines: ConnectDeadlines,
    report: CheckReport,
    pub(super) seen: Seen,
    /// What is looked at.
    at: Step,
    /// The step of it that is under way, if it has any.
    progress: Arc<ConnectProgress>,
}

/// When credentials are valid, in Unix seconds; `None` where there is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Validity {
    /// From when on.
    pub from: Option<u64>,
    /// Up to when.
    pub to: Option<u64>,
}

impl Steps {
    /// A check of a connection to `endpoint`; over a WebSocket or not, whatever the endpoint says of that.
    pub fn new(endpoint: Endpoint, websocket: bool, deadlines: ConnectDeadlines) -> Self {
        let seen = Seen {
            websocket,
            proxy: endpoint.proxy.for_host(&endpoint.host, endpoint.port).is_some(),
            port: endpoint.port,
            now: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            ..Seen::default()
        };
        Self {
            endpoint,
            deadlines,
            report: CheckReport::default(),
            seen,
            at: Step::Dns,
            progress: Arc::default(),
        }
    }

    /// Where the attempt of a check writes its steps: it is to be run under [`ConnectProgress::watch`].
    pub fn progress(&self) -> Arc<ConnectProgress> {
        Arc::clone(&self.progress)
    }

    /// A step begins whose time counts as its own.
    pub fn begin(&mut self, step: Step) {
        self.at = step;
    }

    /// From now on a client connects, and writes its steps here.
    pub fn follow(&mut self, progress: &Arc<ConnectProgress>) {
        self.at = Step::Mqtt;
        self.progress = Arc::clone(progress);
    }

    /// The time of the whole check, which began at `began`, is over.
    pub fn late(&mut self, limit: Duration, began: Instant) {
        let step = self.progress.step().unwrap_or(self.at);
        let reason = format!("it was not over when the check's time was, {} s", limit.as_secs_f64());
        self.fail(&ConnectError::new(step, reason), Vec::new(), began);
    }

    /// The report.
    pub fn take_report(&mut self) -> CheckReport {
        std::mem::take(&mut self.report)
    }

    /// The steps up to where the protocol begins.
    pub async fn reach(&mut self, encrypted: bool) -> Result<(), Over> {
        let addresses = self.dns().await?;
        self.tcp(&addresses).await?;
        if encrypted { self.tls().await } else { Ok(()) }
    }

    async fn dns(&mut self) -> Result<Vec<SocketAddr>, Over> {
        self.at = Step::Dns;
        let began = Instant::now();
        let resolved = probe::resolve(&self.endpoint, self.deadlines).await;
        let (host, addresses) = self.good(resolved, began)?;
        let list: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
        self.add(Step::Dns, format!("{host} is {}", list.join(", ")), Vec::new(), began);
        Ok(addresses)
    }

    /// The port of the connection, and the other one of the two that services have.
    async fn tcp(&mut self, addresses: &[SocketAddr]) -> Result<(), Over> {
        self.at = Step::Tcp;
        let began = Instant::now();
        let port = addresses.first().map_or(self.endpoint.port, SocketAddr::port);
        let other = if port == 443 { 8883 } else { 443 };
        let glance =
            async { if self.seen.proxy { None } else { Some(probe::reach(addresses, other, GLANCE).await) } };
        let (own, other_open) = tokio::join!(probe::reach(addresses, port, self.deadlines.tcp), glance);
        let mut facts = Vec::new();
        if let Some(other_open) = other_open {
            self.seen.https = Some(if port == 443 { own.is_ok() } else { other_open.is_ok() });
            let words =
                other_open.map_or_else(|reason| format!("{other}: {reason}"), |()| format!("{other}: open"));
            facts.push(("other port", words));
        }
        match own {
            Ok(()) => {
                self.add(Step::Tcp, format!("port {port} is open"), facts, began);
                Ok(())
            }
            Err(reason) => {
                self.fail(&ConnectError::new(Step::Tcp, format!("port {port}: {reason}")), facts, began);
                Err(Over)
            }
        }
    }

    async fn tls(&mut self) -> Result<(), Over> {
        self.at = Step::Tls;
        let began = Instant::now();
        let looked = probe::look(&self.endpoint, self.deadlines).await;
        let shown = self.good(looked, began)?;
        self.seen.chain = chain::read(shown.chain.iter().map(AsRef::as_ref));
        let mut facts: Vec<_> =
            self.seen.chain.iter().map(|shown| ("certificate", shown.in_words())).collect();
        if let Some(own) = self.seen.chain.first() {
            facts.extend(own.hosts_in_words().map(|hosts| ("hosts", hosts)));
        }
        if let Some(last) = self.seen.chain.last() {
            facts.push(("root", last.issuer.clone()));
        }
        if self.seen.https == Some(true) && !self.seen.proxy {
            // Its steps are not those of the connection.
            let looking =
                Arc::<ConnectProgress>::default().watch(probe::date(&self.endpoint, self.deadlines));
            let clock = timeout(GLANCE, looking).await.ok().flatten();
            facts.extend(clock.map(|clock| ("clock", clock.in_words())));
            self.seen.clock = clock.filter(|clock| clock.is_notable()).map(ClockOffset::in_words);
        }
        // What was shown is now judged.
        match connect::open_tls(&self.endpoint, self.deadlines).await {
            Ok(_) => {
                self.add(Step::Tls, format!("{}, {}", shown.version, shown.cipher), facts, began);
                Ok(())
            }
            Err(error) => {
                self.fail(&error, facts, began);
                Err(Over)
            }
        }
    }

    /// Credentials that are valid for a time, by this machine's clock. `advice` is about anything else.
    pub fn credentials(
        &mut self,
        kind: &str,
        validity: Validity,
        facts: Vec<Fact>,
        advice: Option<String>,
        began: Instant,
    ) -> Result<(), Over> {
        let wrong = match validity {
            Validity { to: Some(to), .. } if to <= self.seen.now => {
                Some((format!("expired at {}", in_utc(to)), "get a new one; is this machine's clock right?"))
            }
            Validity { from: Some(from), .. } if from > self.seen.now => {
                let advice = "it is not valid yet, or this machine's clock is slow";
                Some((format!("is valid only from {} on,", in_utc(from)), advice))
            }
            Validity { .. } => None,
        };
        let until = validity.to.map(|to| format!(", valid to {} by this machine's clock", in_utc(to)));
        let mut step = CheckedStep {
            name: Step::Credentials.to_string(),
            ok: wrong.is_none(),
            detail: format!("a {kind}{}", until.unwrap_or_default()),
            advice,
            facts,
            took: began.elapsed(),
        };
        let ok = step.ok;
        if let Some((what, advice)) = wrong {
            step.detail = format!("the {kind} {what} by this machine's clock");
            let clock = self.seen.clock.as_ref().map(|clock| format!("{clock}; set it"));
            step.advice = Some(clock.unwrap_or_else(|| advice.to_owned()));
        }
        self.report.steps.push(step);
        if ok { Ok(()) } else { Err(Over) }
    }

    /// The value of a step, or its failure in the report.
    pub fn good<T>(&mut self, outcome: Result<T, ConnectError>, began: Instant) -> Result<T, Over> {
        outcome.map_err(|error| {
            self.fail(&error, Vec::new(), began);
            Over
        })
    }

    /// A step was good.
    pub fn add(&mut self, step: Step, detail: String, facts: Vec<Fact>, began: Instant) {
        let took = began.elapsed();
        self.report.steps.push(CheckedStep {
            name: step.to_string(),
            ok: true,
            detail,
            advice: None,
            facts,
            took,
        });
    }

    /// A step failed.
    pub fn fail(&mut self, error: &ConnectError, facts: Vec<Fact>, began: Instant) {
        let advice = advise(error.step, &error.reason, &self.seen);
        self.fail_with(error, facts, advice, began);
    }

    /// A step failed, and what to do about it is known.
    pub(super) fn fail_with(
        &mut self,
        error: &ConnectError,
        facts: Vec<Fact>,
        advice: Option<String>,
        began: Instant,
    ) {
        self.report.steps.push(CheckedStep {
            name: error.step.to_string(),
            ok: false,
            detail: error.reason.clone(),
            advice,
            facts,
            took: began.elapsed(),
        });
    }
}
