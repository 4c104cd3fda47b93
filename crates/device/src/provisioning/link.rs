//! One connection to the service.

use std::time::{Duration, Instant};

use super::ProvisioningConfig;
use super::session::{Answer, OpenError, Outcome, Session};
use crate::attempt::{in_order, open_for_mqtt};
use crate::error::{Error, Step};
use azmqtt_client::connection::Connection;
use azmqtt_dialect::provisioning::ProvisioningRequest;
use azmqtt_dialect::provisioning::registrant::SAS_POLICY;
use azmqtt_mqtt::Properties;
use azmqtt_net::deadlines::later;
use azmqtt_net::{Stream, connect, connect_step};

pub(super) struct Link<'a> {
    connection: Connection<Stream>,
    session: Session<'a>,
}

impl<'a> Link<'a> {
    /// Connects and subscribes to the answers.
    pub(super) async fn open(config: &'a ProvisioningConfig) -> Result<Self, OpenError> {
        let (opened, password) = Box::pin(dial(config)).await.map_err(OpenError::Failed)?;
        connect_step::begins(Step::Mqtt);
        let session = Session::connect(config, password, opened.clock, Instant::now());
        let mut link = Self { connection: Connection::new(opened.stream), session };
        if let Outcome::Refused(code) = link.outcome().await.map_err(OpenError::Failed)? {
            return Err(link.session.refusal(code));
        }
        link.session.subscribe(Instant::now());
        if let Outcome::Subscribed { granted: false } = link.outcome().await.map_err(OpenError::Failed)? {
            return Err(OpenError::Failed(link.session.failed("it refused the subscription")));
        }
        connect_step::is_over();
        Ok(link)
    }

    /// Makes one request and waits for the answer to it.
    pub(super) async fn ask(
        &mut self,
        make: impl FnOnce(String) -> ProvisioningRequest,
        body: Vec<u8>,
    ) -> Result<Answer, Error> {
        self.session.ask(make, body, Instant::now())?;
        loop {
            if let Outcome::Answered(answer) = self.outcome().await? {
                return Ok(answer);
            }
        }
    }

    /// Keeps the connection alive for a while.
    pub(super) async fn idle(&mut self, wait: Duration) -> Result<(), Error> {
        let until = later(Instant::now(), wait);
        self.session.idle(until);
        self.connection.until(&mut self.session, |_| (Instant::now() >= until).then_some(())).await
    }

    /// Sends DISCONNECT, and leaves the end of the stream to a task of its own.
    pub(super) fn close(mut self) {
        self.connection.send_disconnect(&mut self.session, Properties::default());
        tokio::spawn(self.connection.shut_down());
    }

    async fn outcome(&mut self) -> Result<Outcome, Error> {
        self.connection.until(&mut self.session, Session::take_outcome).await
    }
}

/// Opens a stream and makes the password.
async fn dial(config: &ProvisioningConfig) -> Result<(connect::Opened, String), Error> {
    let resource = config.registrant.sas_resource();
    let limit = config.deadlines.credentials;
    let password = async {
        let token =
            config.credentials.sign_resource(&resource, config.sas_ttl, Some(SAS_POLICY), limit).await?;
        // With a client certificate there is none.
        Ok(token.map(|token| token.to_token()).unwrap_or_default())
    };
    // A handshake takes kilobytes that the run does not need for the rest of its time.
    let opening = Box::pin(open_for_mqtt(&config.endpoint, config.deadlines.stream));
    in_order(&config.credentials, opening, password).await
}
