//! One connection of the sink: socket, TLS, scanner.

use std::io::{BufRead, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};

use crate::error::{Error, Result};
use crate::sink::answer::{Session, Then};
use crate::wire;

/// Plain bytes that go into one burst of flooding.
const BURST: usize = 64 * 1024;
/// Encrypted bytes that may wait for a client that does not read.
const MAX_BACKLOG: usize = 8 * 1024 * 1024;

/// One client.
pub struct Conn {
    /// The socket, for the poller.
    pub socket: TcpStream,
    tls: ServerConnection,
    session: Session,
    /// Decrypted bytes of a packet that is not whole yet.
    partial: Vec<u8>,
    /// The client has said DISCONNECT: what it still sends is read and thrown away until it closes, because
    /// closing over unread bytes would reset the connection.
    parting: bool,
}

/// What a turn left behind.
pub struct Turn {
    /// Answers that the caller has to delay; empty when there is no delay.
    pub late: Vec<u8>,
    /// Whether there is more to send at once.
    pub again: bool,
}

impl Conn {
    /// Wraps an accepted socket.
    pub fn new(socket: TcpStream, config: Arc<ServerConfig>) -> Result<Self> {
        let mut tls = ServerConnection::new(config)?;
        tls.set_buffer_limit(Some(MAX_BACKLOG));
        Ok(Self { socket, tls, session: Session::default(), partial: Vec::new(), parting: false })
    }

    /// Reads all there is and answers it, one write for each read. `None` when the connection has ended.
    pub fn readable(&mut self, scratch: &mut [u8], drain: bool, delay: bool) -> Result<Option<Turn>> {
        let mut late_all = Vec::new();
        let (mut now, mut late) = (Vec::new(), Vec::new());
        loop {
            let n = match self.socket.read(scratch) {
                Ok(0) => return Ok(None),
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(e.into()),
            };
            if self.parting {
                continue;
            }
            let mut input = &scratch[..n];
            while !input.is_empty() {
                self.tls.read_tls(&mut input)?;
                if let Err(e) = self.tls.process_new_packets() {
                    // The alert says why; whether it still arrives does not matter.
                    let _ = self.flush();
                    return Err(e.into());
                }
                if self.scan(&mut now, &mut late)? == Then::Close {
                    self.part()?;
                    break;
                }
            }
            if self.parting {
                continue;
            }
            if delay {
                late_all.append(&mut late);
            } else {
                now.append(&mut late);
            }
            self.send(&now)?;
            now.clear();
            // A short read has emptied the socket, unless its end is still to be read.
            if n < scratch.len() && !drain {
                break;
            }
        }
        let again = !self.parting && self.pump()?;
        Ok(Some(Turn { late: late_all, again }))
    }

    /// Goes on sending after the socket has room again. Returns whether there is more to send at once.
    pub fn writable(&mut self) -> Result<bool> {
        if self.parting {
            return Ok(false);
        }
        self.flush()?;
        self.pump()
    }

    /// Encrypts and sends `bytes`, with whatever the TLS layer has to say itself.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        if self.parting {
            return Ok(());
        }
        if !bytes.is_empty() {
            self.tls.writer().write_all(bytes)?;
        }
        self.flush()
    }

    fn scan(&mut self, now: &mut Vec<u8>, late: &mut Vec<u8>) -> Result<Then> {
        loop {
            let mut reader = self.tls.reader();
            let chunk = match reader.fill_buf() {
                Ok([]) => return Ok(Then::Close),
                Ok(chunk) => chunk,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(Then::Continue),
                Err(e) => return Err(e.into()),
            };
            let len = chunk.len();
            // Packets are read where they lie; only one that is cut by the end of a record is copied.
            let mut rest = chunk;
            if !self.partial.is_empty() {
                self.partial.extend_from_slice(chunk);
                rest = &self.partial;
            }
            while let Some(packet) = wire::scan(rest)? {
                rest = &rest[packet.len..];
                if self.session.answer(&packet, now, late)? == Then::Close {
                    return Ok(Then::Close);
                }
            }
            let left = rest.to_vec();
            self.partial = left;
            reader.consume(len);
        }
    }

    fn part(&mut self) -> Result<()> {
        self.parting = true;
        self.session.flood = None;
        self.tls.send_close_notify();
        self.flush()?;
        Ok(self.socket.shutdown(Shutdown::Write)?)
    }

    fn flush(&mut self) -> Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(0) => return Err(Error::Io(ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    /// Sends one burst of the flood, if one is on and the socket has taken everything before it.
    fn pump(&mut self) -> Result<bool> {
        if self.tls.wants_write() {
            return Ok(false);
        }
        let Some(flood) = &mut self.session.flood else { return Ok(false) };
        let mut out = Vec::with_capacity(BURST + 1024);
        let more = flood.fill(&mut out, &self.session.client_id, BURST);
        let done = flood.done();
        self.send(&out)?;
        if done {
            self.session.flood = None;
        }
        Ok(more && !done && !self.tls.wants_write())
    }
}
