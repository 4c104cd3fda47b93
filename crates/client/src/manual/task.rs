//! The task of a client: its session, and the connection that the session has now.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use crate::connection::Connection;
use crate::manual::client::{Command, Shared};
use crate::manual::events::End;
use crate::manual::session::{Ended, Session};
use azmqtt_net::Stream;

pub(super) struct Task {
    shared: Arc<Shared>,
    session: Session,
    connection: Option<Connection<Stream>>,
}

impl Task {
    pub(super) fn new(shared: Arc<Shared>, max_in_flight: u16) -> Self {
        let session = Session::new(Arc::clone(&shared.events), max_in_flight, Instant::now());
        Self { shared, session, connection: None }
    }

    pub(super) async fn run(mut self) {
        loop {
            let now = Instant::now();
            let (commands, closed) = self.shared.take();
            for command in commands {
                self.handle(command, now);
            }
            self.advance(now);
            if closed && !self.session.owes_disconnect() {
                return;
            }
            self.wait().await;
        }
    }

    fn handle(&mut self, command: Command, now: Instant) {
        match command {
            Command::Adopt { stream, connect, connection } => {
                self.session.connect(&connect, connection, now);
                self.connection = Some(Connection::new(stream));
            }
            Command::Drop => {
                self.session.disconnected();
                self.connection = None;
            }
            Command::Request(request) => self.session.handle(request, now),
        }
    }

    /// Takes in what came and puts out what is ready, without waiting.
    fn advance(&mut self, now: Instant) {
        let Some(connection) = &mut self.connection else { return };
        let session = &mut self.session;
        let Err(how) = connection.receive(session, now).and_then(|()| connection.advance(session, now))
        else {
            return;
        };
        let in_order = matches!(how, Ended::Other(End::Disconnected));
        session.ended(how);
        if let Some(connection) = self.connection.take()
            && in_order
        {
            tokio::spawn(connection.shut_down());
        }
    }

    /// Waits for whatever moves next.
    async fn wait(&mut self) {
        let Self { shared, session, connection } = self;
        let Some(connection) = connection else { return shared.called.notified().await };
        let full = session.is_full();
        let wake = pin!(async {
            tokio::select! {
                biased;
                () = shared.called.notified() => {}
                () = shared.events.room(), if full => {}
            }
        });
        connection.wait(session, wake).await;
    }
}
