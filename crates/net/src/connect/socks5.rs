//! Past a SOCKS5 proxy (RFC 1928), with a login by user name and password (RFC 1929). The proxy looks names up.

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::endpoint::Endpoint;
use crate::proxy::Login;

/// The protocol's version.
const VERSION: u8 = 5;
/// The version of the login's own small protocol.
const LOGIN_VERSION: u8 = 1;

// Ways to log in.
const NO_LOGIN: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xFF;

const CONNECT: u8 = 1;

// Kinds of addresses.
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Has the proxy at the other end of `stream` connect to the endpoint. An error says what happened and what to do
/// about it.
pub(super) async fn pass<S>(stream: &mut S, endpoint: &Endpoint, login: Option<&Login>) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let methods: &[u8] = if login.is_some() { &[NO_LOGIN, USER_AND_PASSWORD] } else { &[NO_LOGIN] };
    let mut greeting = vec![VERSION, methods.len() as u8];
    greeting.extend_from_slice(methods);
    send(stream, &greeting).await?;
    let [version, method] = receive(stream).await?;
    if version != VERSION {
        return Err("the answer is not SOCKS5".to_owned());
    }
    match (method, login) {
        (NO_LOGIN, _) => {}
        (USER_AND_PASSWORD, Some(login)) => log_in(stream, login).await?,
        (NONE_ACCEPTABLE, None) => {
            return Err(
                "the proxy wants a user name and a password: socks5://user:password@host:port".to_owned()
            );
        }
        (NONE_ACCEPTABLE, Some(_)) => {
            return Err("the proxy does not support user names and passwords".to_owned());
        }
        _ => return Err("the proxy chose a way to log in that it was not offered".to_owned()),
    }
    send(stream, &request(endpoint)?).await?;
    let [version, reply, _, kind] = receive(stream).await?;
    if version != VERSION {
        return Err("the answer is not SOCKS5".to_owned());
    }
    if reply != 0 {
        // The address that follows says nothing then, and some proxies leave it out.
        return Err(format!("{} (SOCKS reply {reply})", refusal(reply, endpoint)));
    }
    // The address and port that the proxy connects from: no use for them.
    match kind {
        IPV4 => receive::<_, 6>(stream).await.map(drop),
        IPV6 => receive::<_, 18>(stream).await.map(drop),
        NAME => {
            let [length] = receive(stream).await?;
            let mut rest = vec![0; usize::from(length) + 2];
            stream.read_exact(&mut rest).await.map(drop).map_err(|error| broken(&error))
        }
        _ => Err("the answer is not SOCKS5".to_owned()),
    }
}

async fn log_in<S>(stream: &mut S, Login { user, password }: &Login) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut message = vec![LOGIN_VERSION];
    for part in [user, password] {
        let length = u8::try_from(part.len()).map_err(|_| "user name or password is too long".to_owned())?;
        message.push(length);
        message.extend_from_slice(part.as_bytes());
    }
    send(stream, &message).await?;
    match receive(stream).await? {
        [_, 0] => Ok(()),
        [_, _] => Err(
            "the proxy does not accept this user name and password; check them in the proxy's URL, where \
                       special characters are percent-encoded"
                .to_owned(),
        ),
    }
}

fn request(endpoint: &Endpoint) -> Result<Vec<u8>, String> {
    let mut request = vec![VERSION, CONNECT, 0];
    match endpoint.host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend_from_slice(&address.octets());
        }
        Err(_) => {
            let length =
                u8::try_from(endpoint.host.len()).map_err(|_| "the host name is too long".to_owned())?;
            request.extend_from_slice(&[NAME, length]);
            request.extend_from_slice(endpoint.host.as_bytes());
        }
    }
    request.extend_from_slice(&endpoint.port.to_be_bytes());
    Ok(request)
}

/// What a reply means (RFC 1928 §6).
fn refusal(reply: u8, endpoint: &Endpoint) -> String {
    match reply {
        1 => "the proxy failed".to_owned(),
        2 if endpoint.port != 443 => format!(
            "the proxy does not allow connections to port {}; if it allows 443, try {}",
            endpoint.port,
            endpoint.trust.hints().websocket
        ),
        2 => "the proxy does not allow connections to this host; ask its operator".to_owned(),
        3 => "the host's network cannot be reached from the proxy".to_owned(),
        4 => "the proxy cannot reach the host, or cannot resolve its name".to_owned(),
        5 => "the host refused the proxy's connection".to_owned(),
        6 => "the host did not answer the proxy in time".to_owned(),
        7 => "the proxy does not support CONNECT".to_owned(),
        8 => "the proxy does not support host names, or this kind of address".to_owned(),
        _ => "the proxy refused".to_owned(),
    }
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Result<(), String> {
    let sent = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    sent.await.map_err(|error| broken(&error))
}

async fn receive<S: AsyncRead + Unpin, const N: usize>(stream: &mut S) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.map_err(|error| broken(&error))?;
    Ok(bytes)
}

fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the proxy closed the connection; does it speak SOCKS5?".to_owned(),
        _ => format!("the connection broke: {error}"),
    }
}
