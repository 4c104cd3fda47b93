//! The head of an HTTP/1.1 answer, from whoever may send it (RFC 9112).

use std::time::SystemTime;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::clock::ClockOffset;

/// The longest head, in bytes.
const MAX_HEAD: usize = 16 << 10;

/// The most header fields in one.
const MAX_FIELDS: usize = 64;

/// An answer up to its body.
pub(super) struct Head {
    pub(super) status: u16,
    /// Names in small letters, values as they came.
    fields: Vec<(String, Vec<u8>)>,
    /// What came after the head.
    pub(super) rest: Vec<u8>,
}

impl Head {
    /// Reads one; says what is wrong with it in words that hold nothing of it.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Self, String> {
        let mut bytes = Vec::new();
        loop {
            if let Some(head) = Self::parse(&bytes)? {
                return Ok(head);
            }
            if bytes.len() >= MAX_HEAD {
                return Err(format!("the answer's head is longer than {MAX_HEAD} bytes"));
            }
            let room = (MAX_HEAD - bytes.len()) as u64;
            match (&mut *stream).take(room).read_buf(&mut bytes).await {
                Ok(0) if bytes.is_empty() => {
                    return Err("the connection was closed without an answer".to_owned());
                }
                Ok(0) => return Err("the connection was closed in the middle of the answer".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(format!("the connection broke: {error}")),
            }
        }
    }

    /// `None` if there is more to come.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, String> {
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
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// The value of a field that must be there once.
    pub(super) fn one<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        let mut values = self.all(name);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// What the answer, which has just come, says about this machine's clock.
    pub(super) fn clock(&self) -> Option<ClockOffset> {
        ClockOffset::from_date(self.one("date")?, SystemTime::now())
    }
}
