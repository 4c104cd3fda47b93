//! The stream itself: reads from, and writes to, binary frames.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::bytes::{Buf, Bytes};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// What one message, or frame, of the peer may hold. Nobody needs frames larger than MQTT packets, and IoT Hub takes
/// packets of a little more than 256 KiB; some clients put several into one frame.
pub const MAX_MESSAGE: usize = 1 << 20;

/// What goes into one frame of ours.
const MAX_FRAME_OUT: usize = 64 << 10;

/// Room for reads from the socket, held as long as the connection lives. Larger frames get more while they last.
const READ_BUFFER: usize = 4 << 10;

/// How much is gathered before it is written without a flush.
const WRITE_BUFFER: usize = 64 << 10;

/// A byte stream in the binary frames of a WebSocket over `S`.
///
/// Pings are answered while reading. A text frame is an error [MQTT-6.0.0-1], a close frame the end. Shutting down
/// sends a close frame; the peer's answer to it comes as the end of the stream.
#[derive(Debug)]
pub struct WebSocketBytes<S> {
    socket: WebSocketStream<S>,
    /// What is left of the message that was read last.
    input: Bytes,
    /// The peer has said that there is no more.
    ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketBytes<S> {
    /// Takes a stream whose upgrade is done; `already_read` are the peer's first bytes after it.
    pub async fn new(stream: S, role: Role, already_read: Vec<u8>) -> Self {
        Self::with_max_message(stream, role, already_read, MAX_MESSAGE).await
    }

    /// The same for a peer whose messages, or frames, hold up to `limit` bytes: some servers make one of each packet.
    pub async fn with_max_message(stream: S, role: Role, already_read: Vec<u8>, limit: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            // One frame beyond the mark, its header, and answers to pings; a write waits before there is more.
            .max_write_buffer_size(WRITE_BUFFER + 2 * MAX_FRAME_OUT)
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit));
        let socket = WebSocketStream::from_partially_read(stream, already_read, role, Some(config)).await;
        Self { socket, input: Bytes::new(), ended: false }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocketBytes<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.input.is_empty() && !self.ended {
            match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => self.input = bytes,
                // Pings are answered by the library with its next read.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) => {
                    self.ended = true;
                    // The answer leaves if it can. Nobody waits for a peer that sent Close to close the stream, too.
                    let _ = Pin::new(&mut self.socket).poll_flush(cx);
                }
                Some(Ok(Message::Text(_))) => {
                    let error = "a text frame on a WebSocket that carries MQTT";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
                }
                Some(Err(error)) if is_end(&error) => self.ended = true,
                Some(Err(error)) => return Poll::Ready(Err(to_io(error))),
                None => self.ended = true,
            }
        }
        let count = self.input.len().min(buffer.remaining());
        buffer.put_slice(&self.input[..count]);
        self.input.advance(count);
        if self.input.is_empty() {
            // Its memory may be a part of a larger buffer.
            self.input = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocketBytes<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(Pin::new(&mut self.socket).poll_ready(cx)).map_err(to_io)?;
        let part = &bytes[..bytes.len().min(MAX_FRAME_OUT)];
        let message = Message::Binary(Bytes::copy_from_slice(part));
        Pin::new(&mut self.socket).start_send(message).map_err(to_io)?;
        Poll::Ready(Ok(part.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(to_io)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx).map_err(to_io)
    }
}

/// Whether the peer went, politely or not: for a byte stream that is its end.
fn is_end(error: &Error) -> bool {
    use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    matches!(
        error,
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(ResetWithoutClosingHandshake)
    )
}

fn to_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => io::ErrorKind::BrokenPipe.into(),
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}
