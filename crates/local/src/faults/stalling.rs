//! Clients that a fault has wait before they are let in.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, copy, sink};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::fault::AcceptFault;
use crate::transport::Transport;

/// How long a fault leaves a client without an answer; every honest one has gone by then.
pub const SILENCE: Duration = Duration::from_secs(600);

/// So much of what a client sends behind its CONNECT is read while it waits for the answer, in bytes.
const WAITING_INPUT: usize = 4 << 10;

impl AcceptFault {
    /// Happens to a connection: whether that goes on.
    pub async fn outlasts(self, stream: &mut TcpStream) -> bool {
        match self {
            Self::Drop => {}
            // A socket that cannot be told closes like others.
            Self::Reset => drop(stream.set_zero_linger()),
            Self::Silence => {
                // A client that goes leaves its place to others at once.
                let mut sink = sink();
                let leaves = copy(stream, &mut sink);
                drop(timeout(SILENCE, leaves).await);
            }
            Self::Delay(time) => {
                sleep(time).await;
                return true;
            }
        }
        false
    }
}

/// Lets a client wait for that time: whether it is still there then. One that goes leaves its place to others at once.
pub async fn stays<S>(transport: &mut Transport<S>, time: Duration) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let leaves = poll_fn(|cx| {
        // What it sends meanwhile is read up to a bound, behind which its end is not seen.
        while transport.input().len() < WAITING_INPUT {
            match transport.poll_read(cx) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Pending
    });
    timeout(time, leaves).await.is_err()
}
