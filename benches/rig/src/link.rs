//! The bare client's connection: a blocking socket, TLS, and the scanner on top.

use std::io::{BufRead, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::error::{Error, Result};
use crate::wire::{self, Level, Packet, kind};

/// Nothing on loopback takes longer than this unless it hangs.
const TIMEOUT: Duration = Duration::from_secs(30);

/// One connection to the sink.
pub struct Link {
    socket: TcpStream,
    tls: ClientConnection,
    level: Level,
    partial: Vec<u8>,
}

impl Link {
    /// TCP, TLS, CONNECT and CONNACK, with a login that the sink takes.
    pub fn connect(port: u16, config: &Arc<ClientConfig>, level: Level, client_id: &str) -> Result<Self> {
        let user = format!("localhost/{client_id}/?api-version=2021-04-12");
        Self::log_in_to(port, config, level, client_id, &user, "any")
    }

    /// [`Self::connect`] with a login that a hub takes, which speaks MQTT 3.1.1.
    pub fn log_in(
        port: u16,
        config: &Arc<ClientConfig>,
        client_id: &str,
        user: &str,
        password: &str,
    ) -> Result<Self> {
        Self::log_in_to(port, config, Level::Four, client_id, user, password)
    }

    /// [`Self::connect`] with a login of one's own, in any version of MQTT.
    pub fn log_in_to(
        port: u16,
        config: &Arc<ClientConfig>,
        level: Level,
        client_id: &str,
        user: &str,
        password: &str,
    ) -> Result<Self> {
        let socket = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(TIMEOUT))?;
        socket.set_write_timeout(Some(TIMEOUT))?;
        let name = ServerName::try_from("localhost").map_err(|e| Error::Tls(e.to_string()))?;
        let mut tls = ClientConnection::new(Arc::clone(config), name)?;
        tls.set_buffer_limit(None);
        let mut link = Self { socket, tls, level, partial: Vec::new() };
        let mut hello = Vec::new();
        wire::put_connect(&mut hello, level, client_id.as_bytes(), user.as_bytes(), password.as_bytes());
        link.send(&hello)?;
        link.until(|packet| Ok(packet.kind() == kind::CONNACK && packet.body.starts_with(&[0, 0])))?;
        Ok(link)
    }

    /// Encrypts and writes `bytes`, blocking until the kernel has them.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.tls.writer().write_all(bytes)?;
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.socket)?;
        }
        Ok(())
    }

    /// Blocks for one read and hands over the packets that are whole then, perhaps none.
    pub fn receive(&mut self, mut each: impl FnMut(&Packet<'_>) -> Result<()>) -> Result<()> {
        if self.tls.read_tls(&mut self.socket)? == 0 {
            return Err(Error::Io(ErrorKind::UnexpectedEof.into()));
        }
        self.tls.process_new_packets()?;
        if self.tls.wants_write() {
            self.flush()?;
        }
        loop {
            let mut reader = self.tls.reader();
            let chunk = match reader.fill_buf() {
                Ok([]) => return Err(Error::Io(ErrorKind::UnexpectedEof.into())),
                Ok(chunk) => chunk,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e.into()),
            };
            let len = chunk.len();
            let mut rest = chunk;
            if !self.partial.is_empty() {
                self.partial.extend_from_slice(chunk);
                rest = &self.partial;
            }
            while let Some(packet) = wire::scan(rest)? {
                rest = &rest[packet.len..];
                each(&packet)?;
            }
            let left = rest.to_vec();
            self.partial = left;
            reader.consume(len);
        }
    }

    /// Receives until `wanted` says yes to a packet.
    pub fn until(&mut self, mut wanted: impl FnMut(&Packet<'_>) -> Result<bool>) -> Result<()> {
        let mut found = false;
        while !found {
            self.receive(|packet| {
                found |= wanted(packet)?;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Subscribes to `filter` at QoS 1 and waits for the SUBACK.
    pub fn subscribe(&mut self, filter: &str) -> Result<()> {
        self.subscribe_at(filter, 1)
    }

    /// The same at another QoS.
    pub fn subscribe_at(&mut self, filter: &str, qos: u8) -> Result<()> {
        let mut out = Vec::new();
        wire::put_subscribe(&mut out, self.level, NonZeroU16::MIN, filter.as_bytes());
        // The options of the filter come last.
        if let Some(options) = out.last_mut() {
            *options = qos;
        }
        self.send(&out)?;
        self.until(|packet| Ok(packet.kind() == kind::SUBACK))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Only a courtesy to the sink's log.
        let _ = self.send(&wire::DISCONNECT);
    }
}
