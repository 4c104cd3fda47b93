//! The head of an HTTP/1.1 answer, from whoever may send it (RFC 9112).

use std::fmt;
use std::io;
use std::time::SystemTime;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::clock::ClockOffset;

/// The longest head, in bytes.
const MAX_HEAD: usize = 16 << 10;

/// The most header fields in one.
const MAX_FIELDS: usize = 64;

/// An answer up to its body.
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Names in small letters, values as they came.
    fields: Vec<(String, Vec<u8>)>,
    /// What came after the head.
    pub(crate) rest: Vec<u8>,
}

/// Why there is no answer, or none that counts.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The stream failed.
    Broken(io::Error),
    /// What is wrong with it, in words that hold nothing of it.
    Wrong(String),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // TLS says so in words for developers, with an address.
            Self::Broken(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the connection was closed without an answer: does this port speak HTTP?")
            }
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
            Self::Wrong(words) => f.write_str(words),
        }
    }
}

impl From<io::Error> for NoAnswer {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl From<String> for NoAnswer {
    fn from(words: String) -> Self {
        Self::Wrong(words)
    }
}

impl Head {
    /// Writes a request and reads the head of its answer.
    pub(crate) async fn ask<S>(stream: &mut S, request: &str) -> Result<Self, NoAnswer>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        Self::read(stream).await
    }

    async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Self, NoAnswer> {
        let mut bytes = Vec::new();
        loop {
            if let Some(head) = Self::parse(&bytes)? {
                return Ok(head);
            }
            if bytes.len() >= MAX_HEAD {
                return Err(format!("the answer's head is longer than {MAX_HEAD} bytes").into());
            }
            let room = (MAX_HEAD - bytes.len()) as u64;
            if (&mut *stream).take(room).read_buf(&mut bytes).await? == 0 {
                let when = if bytes.is_empty() { "without an answer" } else { "in the middle of the answer" };
                return Err(format!("the connection was closed {when}").into());
            }
        }
    }

    /// `None` if there is more to come.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, String> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        match response.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => Ok(Some(Self {
                status: response.code.unwrap_or_default(),
                fields: response
                    .headers
                    .iter()
                    .map(|field| (field.name.to_ascii_lowercase(), field.value.to_owned()))
                    .collect(),
                rest: bytes[length..].to_owned(),
            })),
            Ok(httparse::Status::Partial) => Ok(None),
            Err(httparse::Error::TooManyHeaders) => {
                Err(format!("the answer has more than {MAX_FIELDS} header fields"))
            }
            Err(_) => Err("the answer is not HTTP".to_owned()),
        }
    }

    /// The values of a field; its name in small letters.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// The value of a field that must be there once.
    pub(crate) fn one<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        let mut values = self.all(name);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// What the answer, which has just come, says about this machine's clock.
    pub(crate) fn clock(&self) -> Option<ClockOffset> {
        ClockOffset::from_date(self.one("date")?, SystemTime::now())
    }
}
