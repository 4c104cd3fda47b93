//! One client's connection to the provisioning service: CONNECT, the subscription, requests and their answers.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_blocking;
use tokio::time::{sleep_until, timeout};

use super::connect::{LINGER, ReceivedConnect, read_connect, send_refusal};
use crate::events::Cause;
use crate::provisioning::enrollment::{Proof, key_of};
use crate::provisioning::service::Outcome;
use crate::registry::identities::add_edge_modules;
use crate::shared::Shared;
use crate::storage::state_dir::Kind;
use azmqtt_dialect::provisioning::{ProvisioningRequest, ProvisioningResponse, RESPONSES, Username};
use azmqtt_dialect::sas::SasToken;
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_local::transport::Transport;
use azmqtt_local::unauthenticated::Unauthenticated;
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{Connect, MAX_PACKET_SIZE, Properties, ProtocolError, Publish, QoS, ReasonCode, Server};

/// Answers without their PUBACK; a client that lets more of them wait is closed.
const MAX_IN_FLIGHT: u16 = 64;

/// Serves a client whose TLS handshake is done. `unauthenticated` is kept until it has shown an enrolment, for which it
/// has a limited time: anybody can connect with any token.
pub(crate) async fn serve<S>(
    stream: S,
    chain: ClientChain,
    shared: Arc<Shared>,
    unauthenticated: Unauthenticated,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(received) = read_connect::<S, ()>(stream, MAX_IN_FLIGHT, &shared).await {
        authenticate(received, chain, shared, unauthenticated).await;
    }
}

/// Whether the client that connects means this service, and not the hub of that name. (A user name may be read as either
/// when a module's device is called "registrations".)
pub(crate) fn is_meant<S, T>(received: &ReceivedConnect<S, T>, hostname: &str) -> bool {
    let username = received.connect.as_ref().ok().and_then(|connect| connect.username.as_deref());
    let username = username.and_then(|username| Username::parse(username).ok());
    username.is_some_and(|username| !username.registrant.id_scope.eq_ignore_ascii_case(hostname))
}

/// [`serve`] from the CONNECT on, whatever else the server counts PUBACKs by.
pub(crate) async fn authenticate<S, T>(
    received: ReceivedConnect<S, T>,
    chain: ClientChain,
    shared: Arc<Shared>,
    unauthenticated: Unauthenticated,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    T: Default,
{
    let ReceivedConnect { mut transport, mut server, connect, .. } = received;
    let refused = match connect {
        Err(error @ ProtocolError::UnsupportedLevel(_)) => {
            shared.note_refusal(Cause::Provisioning, &format!("provisioning: {error}"));
            ReasonCode::UnsupportedProtocolVersion
        }
        Err(_) => return,
        Ok(connect) => match judge(&shared, &connect, chain) {
            Ok((username, proof)) => {
                server.accept(None, Properties::default(), Instant::now());
                let until = Instant::now() + shared.config.limits.registration_timeout;
                let stranger = Some(Stranger { _place: unauthenticated, until });
                let session = Session { shared, username, proof, transport, server, granted: None, stranger };
                // However it ends, the socket is closed, which is all the service ever says.
                let _: Result<(), Closed> = session.run().await;
                return;
            }
            Err(reason) => {
                shared.note_refusal(Cause::Provisioning, &format!("provisioning: {reason}"));
                ReasonCode::NotAuthorized
            }
        },
    };
    server.refuse(refused, Properties::default());
    let _ = timeout(LINGER, send_refusal(&mut transport, &mut server)).await;
    drop(unauthenticated);
}

/// Whether the CONNECT is one of this service's. Whether the credentials are those of an enrolment shows when the
/// client asks to be registered.
fn judge(shared: &Shared, connect: &Connect, chain: ClientChain) -> Result<(Username, Proof), String> {
    let username = connect.username.as_deref().ok_or("no user name")?;
    let password = connect.password_text().ok_or("the password is not text")?;
    let username = Username::parse(username).map_err(|error| error.to_string())?;
    let registrant = &username.registrant;
    if !registrant.registration_id.eq_ignore_ascii_case(&connect.client_id) {
        return Err("the client id is not the registration id of the user name".to_owned());
    }
    if registrant.id_scope != shared.provisioning.id_scope {
        return Err(format!("the id scope is {}, not this", shared.provisioning.id_scope));
    }
    let proof = if password.is_empty() {
        Proof::Certificate(chain)
    } else {
        Proof::Token(SasToken::parse(password).map_err(|error| error.to_string())?)
    };
    Ok((username, proof))
}

/// The connection is over.
struct Closed;

struct Session<S, T> {
    shared: Arc<Shared>,
    username: Username,
    proof: Proof,
    transport: Transport<S>,
    server: Server<T>,
    /// How answers are delivered, once the client has subscribed to them.
    granted: Option<QoS>,
    /// Until the client has shown an enrolment.
    stranger: Option<Stranger>,
}

struct Stranger {
    _place: Unauthenticated,
    /// Closed then.
    until: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin, T: Default> Session<S, T> {
    async fn run(mut self) -> Result<(), Closed> {
        loop {
            // What came with CONNECT is looked at first.
            while let Some(event) =
                self.server.poll(self.transport.input(), Instant::now()).map_err(|_| Closed)?
            {
                self.handle(event).await?;
            }
            if self.server.output().len() > self.shared.config.limits.pause_reading_at {
                return Err(Closed);
            }
            self.wait().await?;
        }
    }

    /// Writes what is pending, until something comes in.
    async fn wait(&mut self) -> Result<(), Closed> {
        let write = self.transport.write_deadline(self.shared.config.limits.write_timeout);
        let until = self.stranger.as_ref().map(|stranger| stranger.until);
        let deadline = [write, until].into_iter().flatten().fold(self.server.deadline(), Instant::min);
        if deadline <= Instant::now() {
            return Err(Closed);
        }
        let mut timer = pin!(sleep_until(deadline.into()));
        poll_fn(|cx| {
            if let Poll::Ready(Err(_)) = self.transport.poll_write(cx, self.server.output(), Instant::now()) {
                return Poll::Ready(Err(Closed));
            }
            if let Poll::Ready(read) = self.transport.poll_read(cx) {
                return Poll::Ready(if let Ok(1..) = read { Ok(()) } else { Err(Closed) });
            }
            timer.as_mut().poll(cx).map(|()| Err(Closed))
        })
        .await
        .or_else(|closed| {
            // A part of something larger is life, too; the next wait has its deadline.
            let part = self.transport.take_part().ok_or(closed)?;
            self.server.received_part(part);
            if self.server.deadline() > Instant::now() { Ok(()) } else { Err(Closed) }
        })
    }

    async fn handle(&mut self, event: Event<T>) -> Result<(), Closed> {
        match event {
            Event::Subscribe(subscribe) => {
                let [filter] = subscribe.filters.as_slice() else { return Err(Closed) };
                if filter.filter != RESPONSES {
                    return Err(Closed);
                }
                let qos = if filter.qos == QoS::AtMostOnce { filter.qos } else { QoS::AtLeastOnce };
                self.granted = Some(qos);
                self.server.suback(subscribe.packet_id, vec![ReasonCode::granted(qos)]);
                Ok(())
            }
            Event::Unsubscribe(unsubscribe) => {
                self.granted = None;
                self.server.unsuback(unsubscribe.packet_id, Vec::new());
                Ok(())
            }
            Event::Publish(publish) => self.answer(publish).await,
            Event::Acknowledged { .. } => Ok(()),
            Event::Connect(_) | Event::Auth(_) | Event::NotSentAgain { .. } | Event::Disconnect(_) => {
                Err(Closed)
            }
        }
    }

    async fn answer(&mut self, publish: Publish) -> Result<(), Closed> {
        let request = ProvisioningRequest::parse(&publish.topic).map_err(|_| Closed)?;
        match publish.qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.server.acknowledge(publish.packet_id, ReasonCode::Success),
            QoS::ExactlyOnce => return Err(Closed),
        }
        let now = SystemTime::now();
        let body = &publish.payload;
        let outcome =
            self.shared.provisioning_service().serve(&self.username, &self.proof, &request, body, now);
        let answer = match outcome {
            Outcome::Answer(answer) => answer,
            Outcome::Silence => return Ok(()),
            Outcome::Close => return Err(Closed),
        };
        if answer.proven {
            self.stranger = None;
        } else if let (Some(stranger), Some(wait)) = (&mut self.stranger, answer.retry_after) {
            // Only somebody who plays the service's troubles asks a stranger to wait.
            stranger.until += Duration::from_secs(wait.min(3600));
        }
        if let Some(changed) = answer.changed {
            let device = changed.device().clone();
            // A device that is told of its hub finds it there after a crash, too.
            changed.save_async().await.map_err(|_| Closed)?;
            if device.state().record.traits.iot_edge {
                let registry = self.shared.registry.clone();
                let made = spawn_blocking(move || add_edge_modules(&registry, &device));
                made.await.map_err(|_| Closed)?.map_err(|_| Closed)?;
            }
        }
        if answer.assigned {
            let key = key_of(&self.username.registrant.registration_id);
            self.shared.provisioning.save_async(Kind::Registration, key).await.map_err(|_| Closed)?;
        }
        let Some(qos) = self.granted else { return Ok(()) };
        let topic = ProvisioningResponse {
            status: answer.status,
            request_id: request.request_id().to_owned(),
            retry_after: answer.retry_after,
        };
        let message = Publish::new(topic.to_string(), qos, answer.body);
        if !message.fits(MAX_PACKET_SIZE) {
            let reason = "provisioning: a request id that fits into no answer";
            self.shared.note_refusal(Cause::Provisioning, reason);
            return Err(Closed);
        }
        let now = Instant::now();
        if qos == QoS::AtMostOnce {
            return self.server.publish_qos0(&message, now, now).map_err(|_| Closed);
        }
        self.server.publish(message, T::default(), now, now).map_err(|_| Closed)
    }
}
