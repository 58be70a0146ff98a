//! Access control by address.

use std::net::{IpAddr, SocketAddr};

use ipnet::{IpNet, Ipv4Net};

use crate::{
    error::{Error, ErrorKind},
    strategy::{InboundRequest, Origin, VerifyError},
};

/// Allowed networks, and the proxies whose `X-Forwarded-For` is trusted.
///
/// The header is read only if the connection itself comes from a trusted proxy, and from its right end: every proxy appends
/// the address it saw, so the first address from the right that is not a trusted proxy is the client. Entries further left
/// were written by the client and prove nothing. IPv4 addresses in IPv6 form count as IPv4.
///
/// ```
/// use zengine_connector::verify::IpAllowlist;
///
/// let list = IpAllowlist::new(["198.51.100.0/24"])?.with_trusted_proxies(["10.0.0.0/8"])?;
/// let proxy = Some([10, 0, 0, 1].into());
/// assert!(list.check_address(proxy, ["203.0.113.9, 198.51.100.7"]).is_ok());
/// assert!(list.check_address(proxy, ["198.51.100.7, 203.0.113.9"]).is_err());
/// assert!(list.check_address(Some([203, 0, 113, 9].into()), ["198.51.100.7"]).is_err());
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct IpAllowlist {
    allowed: Vec<IpNet>,
    proxies: Vec<IpNet>,
}

impl IpAllowlist {
    /// A list of networks (`198.51.100.0/24`) and addresses (`2001:db8::1`). An empty list allows no address.
    ///
    /// # Errors
    /// `Settings` with the position of the first entry that is neither.
    pub fn new<S: AsRef<str>>(allowed: impl IntoIterator<Item = S>) -> Result<Self, Error> {
        Ok(Self { allowed: networks("allowed", allowed)?, proxies: vec![] })
    }

    /// Adds the proxies in front of this host whose `X-Forwarded-For` is trusted.
    ///
    /// # Errors
    /// `Settings` as [`new`](Self::new), and if an entry covers every address: that would trust every client.
    pub fn with_trusted_proxies<S: AsRef<str>>(mut self, proxies: impl IntoIterator<Item = S>) -> Result<Self, Error> {
        self.proxies = networks("trusted_proxies", proxies)?;
        if self.proxies.iter().any(|network| network.prefix_len() == 0) {
            return Err(
                Error::new(ErrorKind::Settings, "a trusted proxy must not be every address").with_context("field", "trusted_proxies")
            );
        }
        Ok(self)
    }

    /// Checks the address of a request's client.
    ///
    /// # Errors
    /// [`VerifyError::Forbidden`] if the client is not on the list, or is unknown.
    pub fn check(&self, request: &InboundRequest) -> Result<(), VerifyError> {
        let forwarded: Vec<&str> = match request.origin() {
            Origin::Http { parts, .. } => {
                let values = parts.headers.get_all("x-forwarded-for").iter();
                values.map(|value| value.to_str()).collect::<Result<_, _>>().map_err(|_| VerifyError::Forbidden)?
            }
            Origin::Trusted { .. } => vec![],
        };
        self.check_address(request.peer(), forwarded)
    }

    /// The same from the connection's address and the values of its `X-Forwarded-For` headers, in their order.
    ///
    /// # Errors
    /// [`VerifyError::Forbidden`] if the client is not on the list, or is unknown.
    pub fn check_address<'a, I>(&self, peer: Option<IpAddr>, forwarded: I) -> Result<(), VerifyError>
    where
        I: IntoIterator<Item = &'a str, IntoIter: DoubleEndedIterator>,
    {
        match self.client(peer, forwarded) {
            Some(client) if contains(&self.allowed, client) => Ok(()),
            _ => Err(VerifyError::Forbidden),
        }
    }

    /// The client's address; `None` without a peer, and if a proxy's entry is malformed.
    pub fn client<'a, I>(&self, peer: Option<IpAddr>, forwarded: I) -> Option<IpAddr>
    where
        I: IntoIterator<Item = &'a str, IntoIter: DoubleEndedIterator>,
    {
        let mut client = peer?.to_canonical();
        for entry in forwarded.into_iter().rev().flat_map(|value| value.rsplit(',')) {
            if !contains(&self.proxies, client) {
                break;
            }
            client = address(entry.trim_matches([' ', '\t']))?;
        }
        Some(client)
    }
}

fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// An address, also with a port or in brackets, as some proxies write it.
fn address(text: &str) -> Option<IpAddr> {
    let plain = || text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text).parse::<IpAddr>();
    plain().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip())).ok().map(|address| address.to_canonical())
}

fn networks<S: AsRef<str>>(field: &str, entries: impl IntoIterator<Item = S>) -> Result<Vec<IpNet>, Error> {
    let parse = |(n, entry): (usize, S)| {
        network(entry.as_ref().trim()).ok_or_else(|| {
            Error::new(ErrorKind::Settings, "an entry is neither a network nor an address").with_context("field", format!("{field}/{n}"))
        })
    };
    entries.into_iter().enumerate().map(parse).collect()
}

fn network(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse::<IpNet>()).ok()?;
    match (network.addr().to_canonical(), network.prefix_len()) {
        // `::ffff:198.51.100.0/120` is 198.51.100.0/24.
        (IpAddr::V4(v4), prefix) if network.addr().is_ipv6() => Ipv4Net::new(v4, prefix.checked_sub(96)?).ok().map(IpNet::V4),
        _ => Some(network),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn list() -> IpAllowlist {
        let list = IpAllowlist::new(["198.51.100.0/24", "2001:db8::/32"]).unwrap();
        list.with_trusted_proxies(["10.0.0.0/8", "fd00::/8"]).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_peer_itself_is_checked_where_no_proxy_is_between() {
        assert!(list().check_address(Some(ip("198.51.100.7")), []).is_ok());
        assert!(list().check_address(Some(ip("2001:db8::7")), []).is_ok());
        assert!(list().check_address(Some(ip("198.51.101.7")), []).is_err());
        assert!(list().check_address(Some(ip("2001:db9::7")), []).is_err());
    }

    #[test]
    fn a_forwarded_address_is_believed_from_a_trusted_proxy_only() {
        assert!(list().check_address(Some(ip("10.1.1.1")), ["198.51.100.7"]).is_ok());
        assert!(list().check_address(Some(ip("203.0.113.9")), ["198.51.100.7"]).is_err());
        assert!(list().check_address(Some(ip("198.51.100.7")), ["203.0.113.9"]).is_ok(), "the header of a stranger is not read");
    }

    #[test]
    fn forwarded_addresses_are_walked_from_the_right_past_trusted_proxies() {
        let proxy = Some(ip("10.1.1.1"));
        assert!(list().check_address(proxy, ["203.0.113.9, 198.51.100.7, 10.2.2.2"]).is_ok());
        assert!(list().check_address(proxy, ["198.51.100.7, 203.0.113.9, 10.2.2.2"]).is_err(), "spoofed on the left");
        assert!(list().check_address(proxy, ["203.0.113.9", "198.51.100.7", "10.2.2.2,fd00::1"]).is_ok(), "several headers");
        assert!(list().check_address(proxy, ["198.51.100.7", "203.0.113.9"]).is_err());
        assert!(list().check_address(proxy, ["garbage, 198.51.100.7"]).is_ok(), "what the client wrote is not read");
    }

    #[test]
    fn where_the_client_cannot_be_told_nobody_comes_in() {
        assert!(list().check_address(None, ["198.51.100.7"]).is_err());
        for header in ["garbage", "", "198.51.100.7,", "198.51.100.7, garbage", "198.51.100.007", "198.51.100.7%eth0", "unknown", "_hidden"]
        {
            assert!(list().check_address(Some(ip("10.1.1.1")), [header]).is_err(), "{header:?}");
        }
        assert!(list().check_address(Some(ip("10.1.1.1")), []).is_err(), "the proxy itself is not on the list");
        assert!(list().check_address(Some(ip("10.1.1.1")), ["10.2.2.2"]).is_err(), "nothing but proxies");
    }

    #[test]
    fn ipv4_in_ipv6_form_is_ipv4() {
        assert!(list().check_address(Some(ip("::ffff:198.51.100.7")), []).is_ok());
        assert!(list().check_address(Some(ip("::ffff:10.1.1.1")), ["::ffff:198.51.100.7"]).is_ok());
        let mapped = IpAllowlist::new(["::ffff:198.51.100.0/120"]).unwrap();
        assert!(mapped.check_address(Some(ip("198.51.100.7")), []).is_ok());
        assert!(mapped.check_address(Some(ip("198.51.101.7")), []).is_err());
    }

    #[test]
    fn ports_and_brackets_are_read() {
        for header in ["198.51.100.7:4711", "[2001:db8::7]:443", "[2001:db8::7]", "\t2001:db8::7 "] {
            assert!(list().check_address(Some(ip("10.1.1.1")), [header]).is_ok(), "{header}");
        }
    }

    #[test]
    fn settings_that_are_wrong_say_where() {
        let error = IpAllowlist::new(["198.51.100.7", "nonsense"]).unwrap_err();
        assert_eq!((error.kind(), error.context("field")), (ErrorKind::Settings, Some("allowed/1")));
        assert!(IpAllowlist::new(["198.51.100.0/33"]).is_err());
        assert!(IpAllowlist::new(["::ffff:0.0.0.0/90"]).is_err());
        assert!(list().with_trusted_proxies(["0.0.0.0/0"]).is_err());
        assert!(IpAllowlist::new(Vec::<String>::new()).unwrap().check_address(Some(ip("198.51.100.7")), []).is_err());
    }

    #[test]
    fn a_request_brings_its_peer_and_all_its_headers() {
        let request = |values: &[&[u8]]| {
            let mut request = http::Request::post("/hook");
            for value in values {
                request = request.header("X-Forwarded-For", http::HeaderValue::from_bytes(value).unwrap());
            }
            InboundRequest::http(request.body(Bytes::new()).unwrap())
        };
        let proxy: IpAddr = [10, 1, 1, 1].into();
        assert!(list().check(&request(&[b"203.0.113.9", b"198.51.100.7"]).with_peer(proxy)).is_ok());
        assert!(list().check(&request(&[b"198.51.100.7", b"203.0.113.9"]).with_peer(proxy)).is_err());
        assert!(list().check(&request(&[b"198.51.100.7"])).is_err(), "no peer");
        assert!(list().check(&request(&[b"198.51.100.7", b"\xff"]).with_peer(proxy)).is_err());
        assert!(list().check(&InboundRequest::trusted("arn", "1", "")).is_err());
    }

    proptest! {
        #[test]
        fn nothing_a_stranger_writes_lets_it_in(header in any::<String>(), peer in any::<[u8; 4]>()) {
            let peer = IpAddr::from(peer);
            prop_assume!(!contains(&list().allowed, peer) && !contains(&list().proxies, peer));
            prop_assert!(list().check_address(Some(peer), [&*header, "198.51.100.7"]).is_err());
        }

        #[test]
        fn what_stands_left_of_the_client_changes_nothing(left in "[ -~]{0,40}", client in any::<[u8; 4]>(), hops in 0..4_usize) {
            let client = IpAddr::from(client);
            prop_assume!(!contains(&list().proxies, client));
            let header = format!("{left},{client}{}", ", 10.9.9.9".repeat(hops));
            prop_assert_eq!(list().client(Some(ip("10.1.1.1")), [&*header]), Some(client));
        }
    }
}
