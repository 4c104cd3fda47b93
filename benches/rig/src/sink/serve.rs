//! The sink's loop over all connections.

use std::collections::{HashMap, VecDeque};
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustls::ServerConfig;

use crate::error::{Error, Result};
use crate::sink::conn::Conn;
use crate::tls;

const LISTENER: Token = Token(0);
const STDIN: Token = Token(1);
const FIRST_CONN: usize = 2;

/// How the sink is started.
pub struct Options {
    /// Port on 127.0.0.1; 0 picks a free one.
    pub port: u16,
    /// Where `ca.pem` is written.
    pub dir: PathBuf,
    /// How late answers to PUBLISH are.
    pub delay: Duration,
    /// Whether TLS 1.2 is the newest version spoken.
    pub tls12: bool,
    /// Whether to end when standard input does, so that no sink outlives its runner.
    pub until_stdin_closes: bool,
}

/// Answers that wait for their time, all delayed by the same span and therefore in order.
struct Late {
    due: Instant,
    token: Token,
    bytes: Vec<u8>,
}

/// All connections and the poller over them.
pub struct Sink {
    poll: Poll,
    listener: TcpListener,
    config: Arc<ServerConfig>,
    delay: Duration,
    conns: HashMap<Token, Conn>,
    late: VecDeque<Late>,
    /// Connections that had more to send when their turn was over.
    busy: Vec<Token>,
    next: usize,
    scratch: Vec<u8>,
}

impl Sink {
    /// Listens, and prints the one line `{"port":…,"ca_file":…}` when ready.
    pub fn start(options: &Options) -> Result<Self> {
        let (config, ca_file) = tls::server(&options.dir, options.tls12)?;
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], options.port)))?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        if options.until_stdin_closes {
            let fd = std::io::stdin().as_raw_fd();
            poll.registry().register(&mut SourceFd(&fd), STDIN, Interest::READABLE)?;
        }
        let port = listener.local_addr()?.port();
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{{\"port\":{port},\"ca_file\":{:?}}}", ca_file.to_string_lossy())?;
        stdout.flush()?;
        Ok(Self {
            poll,
            listener,
            config,
            delay: options.delay,
            conns: HashMap::new(),
            late: VecDeque::new(),
            busy: Vec::new(),
            next: FIRST_CONN,
            scratch: vec![0; 64 * 1024],
        })
    }

    /// Serves until standard input closes, or for ever.
    pub fn run(mut self) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let timeout = if self.busy.is_empty() {
                self.late.front().map(|late| late.due.saturating_duration_since(Instant::now()))
            } else {
                Some(Duration::ZERO)
            };
            match self.poll.poll(&mut events, timeout) {
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    // Nothing is ever said on it, so that any event is its end.
                    STDIN => return Ok(()),
                    token => self.turn(token, Some(event)),
                }
            }
            self.send_late();
            for token in std::mem::take(&mut self.busy) {
                self.turn(token, None);
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::ConnectionAborted => continue,
                Err(e) => return Err(e.into()),
            };
            let token = Token(self.next);
            self.next += 1;
            if let Err(e) = self.adopt(socket, token) {
                eprintln!("sink: connection not taken: {e}");
            }
        }
    }

    fn adopt(&mut self, socket: mio::net::TcpStream, token: Token) -> Result<()> {
        socket.set_nodelay(true)?;
        let mut conn = Conn::new(socket, Arc::clone(&self.config))?;
        self.poll.registry().register(&mut conn.socket, token, Interest::READABLE | Interest::WRITABLE)?;
        self.conns.insert(token, conn);
        Ok(())
    }

    /// Gives one connection its turn: by an event, or because it had more to send.
    fn turn(&mut self, token: Token, event: Option<&Event>) {
        let Some(conn) = self.conns.get_mut(&token) else { return };
        let outcome = match event {
            Some(event) if event.is_readable() || event.is_read_closed() => {
                let drain = event.is_read_closed();
                match conn.readable(&mut self.scratch, drain, !self.delay.is_zero()) {
                    Ok(Some(turn)) => {
                        if !turn.late.is_empty() {
                            let due = Instant::now() + self.delay;
                            self.late.push_back(Late { due, token, bytes: turn.late });
                        }
                        let again = if event.is_writable() { conn.writable() } else { Ok(false) };
                        again.map(|again| Some(again || turn.again))
                    }
                    Ok(None) => Ok(None),
                    Err(e) => Err(e),
                }
            }
            _ => conn.writable().map(Some),
        };
        self.settle(token, outcome);
    }

    fn send_late(&mut self) {
        let now = Instant::now();
        while self.late.front().is_some_and(|late| late.due <= now) {
            let Some(late) = self.late.pop_front() else { return };
            let Some(conn) = self.conns.get_mut(&late.token) else { continue };
            let outcome = conn.send(&late.bytes).map(|()| Some(false));
            self.settle(late.token, outcome);
        }
    }

    fn settle(&mut self, token: Token, outcome: Result<Option<bool>>) {
        match outcome {
            Ok(Some(true)) => self.busy.push(token),
            Ok(Some(false)) => {}
            Ok(None) => drop(self.conns.remove(&token)),
            Err(e) => {
                // A client that simply leaves is not news.
                if !matches!(&e, Error::Io(io) if gone(io.kind())) {
                    eprintln!("sink: connection dropped: {e}");
                }
                drop(self.conns.remove(&token));
            }
        }
    }
}

fn gone(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::NotConnected
    )
}
