//! The proxies in front of a collector: whom their headers are believed.
//!
//! `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host` can be written by anybody. They count only in a request whose
//! peer is a proxy that the operator has named.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use headcount_access::Arrival;
use http::HeaderMap;

use crate::listener::Peer;

/// Addresses of proxies: one, or those that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyAddresses {
    address: IpAddr,
    /// How many bits of it count.
    bits: u8,
}

impl ProxyAddresses {
    fn contains(&self, other: IpAddr) -> bool {
        match (self.address, other.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.bits);
                let [own, other] =
                    [own, other].map(|address| u64::from(address.to_bits()) >> shift);
                own == other
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.bits);
                let [own, other] = [own, other].map(|address| address.to_bits());
                own.checked_shr(shift) == other.checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl FromStr for ProxyAddresses {
    type Err = String;

    /// Reads `ADDRESS` or `ADDRESS/BITS` (CIDR, RFC 4632), as in `10.0.0.0/8`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is neither an address nor a network; write it like 127.0.0.1 or 10.0.0.0/8"
            )
        };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let address = address.to_canonical();
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_| wrong())?,
            None => most,
        };
        match bits <= most {
            true => Ok(Self { address, bits }),
            false => Err(wrong()),
        }
    }
}

impl fmt::Display for ProxyAddresses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.bits)
    }
}

/// The sender of a request, as far as can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sender {
    /// Its address: the peer's, or what a trusted proxy says.
    pub(crate) address: IpAddr,
    /// Whether a trusted proxy named it.
    pub(crate) is_forwarded: bool,
    pub(crate) arrival: Arrival,
}

/// The sender of a request from `peer`, where these proxies are trusted.
pub(crate) fn sender(trusted: &[ProxyAddresses], peer: Peer, headers: &HeaderMap) -> Sender {
    let is_trusted = |address| trusted.iter().any(|proxy| proxy.contains(address));
    let direct = peer.address.ip().to_canonical();
    let mut sender = Sender {
        address: direct,
        is_forwarded: false,
        arrival: Arrival {
            is_tls: peer.is_tls,
            host: None,
        },
    };
    if !is_trusted(direct) {
        return sender;
    }
    // Each proxy appends whom it got the request from: the last one that no trusted proxy is, is the sender. What is before
    // it may be made up.
    for hop in forwarded_for(headers).into_iter().rev() {
        let Some(address) = parse_hop(hop) else {
            break;
        };
        sender.address = address;
        sender.is_forwarded = true;
        if !is_trusted(address) {
            break;
        }
    }
    if let Some(scheme) = first(headers, "x-forwarded-proto") {
        sender.arrival.is_tls = scheme.eq_ignore_ascii_case("https");
    }
    sender.arrival.host = first(headers, "x-forwarded-host").map(str::to_owned);
    sender
}

fn forwarded_for(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all("x-forwarded-for").iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .collect()
}

/// The address of one hop, which may have a port: `192.0.2.7`, `192.0.2.7:5000`, `2001:db8::7`, `[2001:db8::7]:5000`.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let with_port = || Some(hop.parse::<std::net::SocketAddr>().ok()?.ip());
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok().or_else(with_port)?;
    Some(IpAddr::to_canonical(&address))
}

/// The first value of a header, which the client's side of the proxies sets.
fn first<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let text = headers.get(name)?.to_str().ok()?;
    text.split(',')
        .next()
        .map(str::trim)
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn ask(trusted: &[&str], peer: &str, headers: &[(&'static str, &'static str)]) -> Sender {
        let trusted: Vec<ProxyAddresses> =
            trusted.iter().map(|text| text.parse().unwrap()).collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let peer = Peer {
            address: peer.parse().unwrap(),
            is_crowded: false,
            is_tls: false,
        };
        sender(&trusted, peer, &map)
    }

    fn address_of(trusted: &[&str], peer: &str, forwarded: &'static str) -> String {
        let sender = ask(trusted, peer, &[("x-forwarded-for", forwarded)]);
        sender.address.to_string()
    }

    #[test]
    fn networks_are_read_as_everybody_writes_them() {
        let contains = |network: &str, address: &str| {
            let network: ProxyAddresses = network.parse().unwrap();
            network.contains(address.parse().unwrap())
        };
        assert!(contains("10.0.0.0/8", "10.255.0.1"));
        assert!(!contains("10.0.0.0/8", "11.0.0.1"));
        assert!(
            contains("10.1.2.3/8", "10.9.9.9"),
            "bits beyond do not count"
        );
        assert!(contains("127.0.0.1", "127.0.0.1"));
        assert!(contains("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(!contains("127.0.0.1", "127.0.0.2"));
        assert!(contains("0.0.0.0/0", "203.0.113.9"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("::/0", "2001:db8::1"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!contains("2001:db8::/32", "2001:db9::1"));
        assert!(contains("fd00::/8", "fdff::1"));
        for wrong in [
            "",
            "proxy.example",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "/8",
            "1.2.3",
            "1.2.3.4/-1",
        ] {
            assert!(wrong.parse::<ProxyAddresses>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_sender_is_the_last_hop_that_is_no_trusted_proxy() {
        let proxies = ["127.0.0.1", "10.0.0.0/8"];
        let of = |forwarded| address_of(&proxies, "127.0.0.1:1", forwarded);
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(
            of("203.0.113.66, 192.0.2.7"),
            "192.0.2.7",
            "the first is made up"
        );
        assert_eq!(of("203.0.113.66, 192.0.2.7, 10.1.1.1"), "192.0.2.7");
        assert_eq!(of("10.2.2.2, 10.1.1.1"), "10.2.2.2", "within the network");
        assert_eq!(of("192.0.2.7:5000"), "192.0.2.7");
        assert_eq!(of("[2001:db8::7]:5000, 10.0.0.1"), "2001:db8::7");
        assert_eq!(of("2001:db8::7"), "2001:db8::7");
        assert_eq!(of("192.0.2.7, unknown"), "127.0.0.1");
        assert_eq!(of("unknown, 10.1.1.1"), "10.1.1.1");
        assert_eq!(of(""), "127.0.0.1");
        assert_eq!(
            address_of(&proxies, "[::ffff:10.3.3.3]:1", "192.0.2.7"),
            "192.0.2.7"
        );
        // Several headers are one list (RFC 9110 §5.3).
        let lists = [
            ("x-forwarded-for", "203.0.113.66"),
            ("x-forwarded-for", "192.0.2.7"),
        ];
        assert_eq!(
            ask(&proxies, "127.0.0.1:1", &lists).address.to_string(),
            "192.0.2.7"
        );
    }

    #[test]
    fn headers_of_whoever_is_not_trusted_count_for_nothing() {
        let headers = [
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "telemetry.example"),
        ];
        for trusted in [&[][..], &["10.0.0.0/8"]] {
            let sender = ask(trusted, "192.0.2.1:1", &headers);
            assert_eq!(sender.address.to_string(), "192.0.2.1");
            assert!(!sender.is_forwarded);
            assert_eq!(sender.arrival, Arrival::default());
        }
        let sender = ask(&["192.0.2.1"], "192.0.2.1:1", &headers);
        assert!(sender.is_forwarded && sender.arrival.is_tls);
        assert_eq!(sender.arrival.host.as_deref(), Some("telemetry.example"));
    }
}
