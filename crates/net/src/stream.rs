//! A byte stream, whatever it is made of.

use tokio::io::{AsyncRead, AsyncWrite};

/// What every byte stream can do.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// A byte stream of any kind; boxed, because it moves between the states of a connection.
pub type Stream = Box<dyn ByteStream>;
