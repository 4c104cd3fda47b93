//! The driver alone, with the smallest session there can be.

use std::future::pending;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::support::Peer;
use crate::connection::{Connection, Dispatch, Foreign, Loss, Progress};
use azmqtt_mqtt::client::Event;
use azmqtt_mqtt::{Client, Dead, Properties};

/// Notes what happens.
struct Notes {
    mqtt: Client<()>,
    events: Vec<Event<()>>,
    progress: Vec<Progress>,
    listens: bool,
    due: Option<Instant>,
}

impl Dispatch for Notes {
    type Token = ();
    type End = Loss;

    fn mqtt(&mut self) -> &mut Client<()> {
        &mut self.mqtt
    }

    fn handle_event(&mut self, event: Event<()>, _: Instant) -> Result<(), Loss> {
        self.events.push(event);
        Ok(())
    }

    fn lost(&mut self, loss: Loss) -> Loss {
        loss
    }

    fn poll(&mut self, _: Instant) -> Result<(), Loss> {
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        self.due
    }

    fn wants_input(&mut self) -> bool {
        self.listens
    }

    fn transferred(&mut self, progress: Progress) {
        self.progress.push(progress);
    }
}

/// A session that has begun with CONNECT, its connection and the other end of it.
fn begin() -> (Notes, Connection<DuplexStream>, DuplexStream) {
    let now = Instant::now();
    let mut mqtt = Client::new(10, now);
    mqtt.connect(&Peer::connect_packet(), Duration::from_millis(50), now);
    let session = Notes { mqtt, events: Vec::new(), progress: Vec::new(), listens: true, due: None };
    let (near, far) = duplex(1024);
    (session, Connection::new(near), far)
}

const ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];

#[tokio::test]
async fn what_came_before_the_end_is_handed_over_first() {
    let (mut session, mut connection, mut far) = begin();
    far.write_all(&ACCEPTED).await.unwrap();
    drop(far);
    let end = connection.until(&mut session, |_| None::<()>).await.unwrap_err();
    assert!(matches!(end, Loss::Stream(_)), "{end:?}");
    assert_eq!(
        session.events,
        [Event::Connected { session_present: false, properties: Properties::default() }]
    );
}

#[tokio::test]
async fn an_answer_in_http_is_known() {
    let (mut session, mut connection, mut far) = begin();
    far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let end = connection.until(&mut session, |_| None::<()>).await.unwrap_err();
    assert!(matches!(end, Loss::Protocol { speaks: Some(Foreign::Http), .. }), "{end:?}");
}

#[tokio::test]
async fn a_session_that_does_not_listen_is_written_for_and_told_nothing() {
    let (mut session, mut connection, mut far) = begin();
    session.listens = false;
    far.write_all(&ACCEPTED).await.unwrap();
    session.due = Some(Instant::now() + Duration::from_millis(20));
    for _ in 0..2 {
        assert!(connection.wait(&mut session, pin!(pending::<()>())).await.is_none());
        connection.receive(&mut session, Instant::now()).unwrap();
    }
    assert_eq!(session.events, []);
    let [Progress { received: 0, sent, written, flushed }] = session.progress[..] else {
        panic!("not one turn")
    };
    assert!(sent > 0 && sent == written && written == flushed);
    assert_eq!(far.read(&mut [0; 1024]).await.unwrap() as u64, sent);
}

#[tokio::test]
async fn what_wakes_a_wait_is_handed_back() {
    let (mut session, mut connection, _far) = begin();
    // The first wait writes CONNECT.
    assert_eq!(connection.wait(&mut session, pin!(pending::<u8>())).await, None);
    assert_eq!(connection.wait(&mut session, pin!(async { 7 })).await, Some(7));
}

#[tokio::test]
async fn a_server_that_does_not_answer_a_ping_is_dead() {
    let (mut session, mut connection, mut far) = begin();
    far.write_all(&ACCEPTED).await.unwrap();
    connection.until(&mut session, |session| session.events.pop()).await.unwrap();
    // As after the keep-alive interval, and the time for an answer.
    let mut now = Instant::now();
    for _ in 0..2 {
        now = session.mqtt.deadline().unwrap().max(now);
        if let Err(end) = connection.advance(&mut session, now) {
            assert!(matches!(end, Loss::Dead(Dead::Silent(_))), "{end:?}");
            return;
        }
    }
    panic!("it waits on");
}

#[tokio::test]
async fn disconnect_leaves_before_the_stream_is_closed() {
    let (mut session, mut connection, mut far) = begin();
    connection.send_disconnect(&mut session, Properties::default());
    tokio::spawn(connection.shut_down());
    let mut all = Vec::new();
    far.read_to_end(&mut all).await.unwrap();
    assert!(all.ends_with(&[0xE0, 0]), "{all:?}");
}
