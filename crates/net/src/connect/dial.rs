//! The addresses of a name, and a TCP connection to the first that answers (RFC 8305, "happy eyeballs").

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::blocking::Merged;

/// How long an address has for itself before the next is tried beside it (RFC 8305 §5: the recommended value).
const STAGGER: Duration = Duration::from_millis(250);

/// Addresses tried for one name: a resolver's answer is outside our hands.
const MAX_ADDRESSES: usize = 8;

/// Addresses looked at, to find some of each family.
const MAX_ANSWERS: usize = 64;

/// What the system's resolver says of a name. An error of the system cannot be copied.
type Found = Result<Arc<[SocketAddr]>, (io::ErrorKind, String)>;

thread_local! {
    /// Look-ups by this thread, which is the one of the runtime: a lock for the whole process could be held by another
    /// thread at the moment of a fork.
    static NAMES: Arc<Merged<String, Found>> = Merged::new("azmqtt-dns", |host: &String| look_up(host));
}

/// Asks the system, as every other program does: with its hosts file, its search domains, multicast DNS, and what a VPN
/// sets up (docs/decisions.md).
fn look_up(host: &str) -> Found {
    let found = (host, 0).to_socket_addrs().map_err(|error| (error.kind(), error.to_string()))?;
    Ok(found.take(MAX_ANSWERS).collect())
}

/// The addresses of a host, in the order in which they should be tried.
pub async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if host.eq_ignore_ascii_case("localhost") {
        // RFC 6761 §6.3: always loopback, no need to ask.
        let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return Ok(loopback.map(|address| SocketAddr::new(address, port)).to_vec());
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = NAMES.with(Arc::clone).call(&host.to_ascii_lowercase()).await?;
    let found = found.map_err(|(kind, reason)| io::Error::new(kind, reason))?;
    let addresses = interleave(found.iter().map(|address| {
        let mut address = *address;
        address.set_port(port);
        address
    }));
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addresses)
}

/// Takes turns between the families, beginning with that of the first address; the system has sorted each by what it
/// can reach best (RFC 8305 §4, RFC 6724).
fn interleave(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses.peekable();
    let begins_with_v6 = addresses.peek().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.partition(|address| address.is_ipv6() == begins_with_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = Vec::new();
    while turns.len() < MAX_ADDRESSES {
        let turn: Vec<_> = first.next().into_iter().chain(second.next()).collect();
        if turn.is_empty() {
            break;
        }
        turns.extend(turn);
    }
    turns.truncate(MAX_ADDRESSES);
    turns
}

/// Connects to whichever address answers first. Each has `limit` to do so.
pub async fn connect(addresses: Vec<SocketAddr>, limit: Duration) -> io::Result<TcpStream> {
    race(addresses, |address| async move {
        timeout(limit, TcpStream::connect(address))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    })
    .await
}

/// Begins with one address and goes on to the next when it fails, or after a while beside it. The first success counts
/// and the rest is dropped; if there is none, the failure that says most.
async fn race<T, F>(addresses: Vec<SocketAddr>, connect: impl Fn(SocketAddr) -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut waiting = addresses.into_iter();
    let mut running = FuturesUnordered::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        match waiting.next() {
            Some(address) => running.push(connect(address)),
            None if running.is_empty() => return Err(failure),
            None => {}
        }
        tokio::select! {
            biased;
            Some(outcome) = running.next() => match outcome {
                Ok(connected) => return Ok(connected),
                Err(error) if says_little(&error) && failure.kind() != io::ErrorKind::NotFound => {}
                Err(error) => failure = error,
            },
            () = sleep(STAGGER), if waiting.len() > 0 => {}
        }
    }
}

/// Whether a failure is about this machine's network, as for IPv6 where there is none, and not about the server.
fn says_little(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), NetworkUnreachable | HostUnreachable | AddrNotAvailable)
}

/// The failure of [`connect`] in words.
pub(super) fn explain(error: &io::Error, limit: Duration) -> String {
    if error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none() {
        return format!("no answer within {} s", limit.as_secs_f64());
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::Instant;

    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 1)).collect()
    }

    #[test]
    fn families_take_turns() {
        let order = |list: &[&str]| interleave(addresses(list).into_iter());
        assert_eq!(
            order(&["::1", "::2", "1.1.1.1", "1.1.1.2"]),
            addresses(&["::1", "1.1.1.1", "::2", "1.1.1.2"])
        );
        assert_eq!(order(&["1.1.1.1", "::1", "::2", "::3"]), addresses(&["1.1.1.1", "::1", "::2", "::3"]));
        assert_eq!(order(&[]), []);
        let mut many: Vec<_> = (0..20).map(|n| format!("::{n}")).collect();
        many.push("1.1.1.1".to_owned());
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let order = order(&many);
        assert_eq!((order.len(), order[1]), (8, addresses(&["1.1.1.1"])[0]));
    }

    /// Runs a race; `play` says after how many milliseconds each address ends, and how.
    async fn run(
        list: &[&str],
        play: impl Fn(usize) -> (u64, io::Result<usize>),
    ) -> (io::Result<usize>, Vec<u128>, u128) {
        let (begun, starts) = (Instant::now(), RefCell::new(Vec::new()));
        let outcome = race(addresses(list), |_| {
            let number = starts.borrow().len();
            starts.borrow_mut().push(begun.elapsed().as_millis());
            let (after, outcome) = play(number);
            async move {
                sleep(Duration::from_millis(after)).await;
                outcome
            }
        })
        .await;
        (outcome, starts.into_inner(), begun.elapsed().as_millis())
    }

    fn refused() -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionRefused.into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_holds_up_the_next_for_a_moment_only() {
        let (outcome, starts, end) = run(&["::1", "1.1.1.1", "::2"], |n| ([60_000, 100, 0][n], Ok(n))).await;
        assert_eq!((outcome.unwrap(), starts, end), (1, vec![0, 250], 350));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_may_still_win() {
        let (outcome, starts, end) = run(&["::1", "1.1.1.1"], |n| ([300, 200][n], Ok(n))).await;
        assert_eq!((outcome.unwrap(), starts, end), (0, vec![0, 250], 300));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_calls_the_next_at_once() {
        let (outcome, starts, end) =
            run(&["::1", "1.1.1.1"], |n| (10, if n == 0 { refused() } else { Ok(n) })).await;
        assert_eq!((outcome.unwrap(), starts, end), (1, vec![0, 10], 20));
    }

    #[tokio::test(start_paused = true)]
    async fn the_failure_that_says_most_is_told() {
        let unreachable = || Err(io::ErrorKind::NetworkUnreachable.into());
        for plays in [[refused, unreachable], [unreachable, refused]] {
            let (outcome, ..) = run(&["1.1.1.1", "::1"], |n| (1, plays[n]())).await;
            assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        }
        let (outcome, ..) = run(&["::1"], |_| (1, unreachable())).await;
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::NetworkUnreachable);
        assert!(run(&[], |_| (1, Ok(0))).await.0.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn all_silent_ends_with_the_last() {
        let (outcome, starts, end) =
            run(&["::1", "1.1.1.1", "::2"], |_| (15_000, Err(io::ErrorKind::TimedOut.into()))).await;
        assert_eq!((starts, end), (vec![0, 250, 500], 15_500));
        assert_eq!(explain(&outcome.unwrap_err(), Duration::from_secs(15)), "no answer within 15 s");
    }
}
