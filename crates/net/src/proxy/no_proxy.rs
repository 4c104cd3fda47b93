//! `NO_PROXY`: the hosts that are reached directly.

use std::net::IpAddr;

/// A list of hosts. What cannot be understood matches nothing, as everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct NoProxy(Vec<(Pattern, Option<u16>)>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    /// `*`
    Everything,
    /// `10.0.0.0/8`, or a single address.
    Network(IpAddr, u8),
    /// `example.com` or `.example.com`: the domain and all below it. In small letters, without the dot.
    Domain(String),
}

impl NoProxy {
    /// Reads hosts, domains, addresses and networks, separated by commas or spaces, each also with a port.
    pub(super) fn parse(list: &str) -> Self {
        let items = list.split([',', ' ', '\t']).map(str::trim).filter(|item| !item.is_empty());
        Self(items.filter_map(parse_item).collect())
    }

    /// Whether `host` is on the list.
    pub(super) fn matches(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok();
        self.0.iter().any(|(pattern, only)| {
            let same = match pattern {
                Pattern::Everything => true,
                Pattern::Network(network, bits) => {
                    address.is_some_and(|address| within(address, *network, *bits))
                }
                Pattern::Domain(domain) => {
                    let rest = host.strip_suffix(domain.as_str());
                    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
                }
            };
            same && only.is_none_or(|only| only == port)
        })
    }
}

fn parse_item(item: &str) -> Option<(Pattern, Option<u16>)> {
    if let Some(network) = parse_network(item) {
        return Some((network, None));
    }
    let (host, port) = match item.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (item, None),
    };
    let pattern = parse_network(host).or_else(|| {
        let domain = host.strip_prefix("*.").or(host.strip_prefix('.')).unwrap_or(host);
        let domain = domain.trim_end_matches('.').to_ascii_lowercase();
        match domain.as_str() {
            "*" => Some(Pattern::Everything),
            "" => None,
            _ => Some(Pattern::Domain(domain)),
        }
    })?;
    Some((pattern, port))
}

fn parse_network(text: &str) -> Option<Pattern> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(longest);
    (bits <= longest).then_some(Pattern::Network(address, bits))
}

/// Whether the first `bits` of two addresses of one family are the same.
fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let differing = u32::from(address) ^ u32::from(network);
            differing.checked_shr(32 - u32::from(bits)).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let differing = u128::from(address) ^ u128::from(network);
            differing.checked_shr(128 - u32::from(bits)).unwrap_or(0) == 0
        }
        _ => false,
    }
}
