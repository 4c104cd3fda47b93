//! Readers of what proxies and servers answer, for the fuzz targets of the repository.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::answer_head::Head;
use super::socks5;
use crate::endpoint::Endpoint;
use crate::proxy::Login;

/// The status of an HTTP answer, and how many bytes its head has; `None` if there is more to come.
///
/// # Errors
/// What is wrong with it.
pub fn answer_head(bytes: &[u8]) -> Result<Option<(u16, usize)>, String> {
    Ok(Head::parse(bytes)?.map(|head| (head.status, bytes.len() - head.rest.len())))
}

/// Goes past a SOCKS5 proxy that answers with these bytes, then closes. Yields those that it did not read.
///
/// # Errors
/// Why the proxy lets nobody through.
pub fn pass_socks5<'a>(answers: &'a [u8], login: Option<(&str, &str)>) -> Result<&'a [u8], String> {
    let login = login.map(|(user, password)| Login { user: user.to_owned(), password: password.to_owned() });
    let mut stream = tokio::io::join(answers, tokio::io::sink());
    let endpoint = Endpoint::new("broker.example.net", 8883);
    let passed = pin!(socks5::pass(&mut stream, &endpoint, login.as_ref()))
        .poll(&mut Context::from_waker(Waker::noop()));
    match passed {
        Poll::Ready(passed) => passed.map(|()| stream.into_inner().0),
        Poll::Pending => unreachable!("memory keeps nobody waiting"),
    }
}
