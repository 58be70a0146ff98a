//! The address of a request's sender.

use std::net::{IpAddr, SocketAddr};

/// The address of the other end of a connection, as an extension of an inbound request.
///
/// You must insert it yourself, because only your server knows it: the address of the connection, or the one that a proxy you trust
/// names. Headers such as `X-Forwarded-For` are not read for it, because any sender can write them.
///
/// ```
/// use std::net::SocketAddr;
/// use bytes::Bytes;
/// use zengine_connector::{http::Peer, strategy::InboundRequest};
///
/// let mut request = http::Request::post("/hook").body(Bytes::new())?;
/// request.extensions_mut().insert(Peer::from(SocketAddr::from(([192, 0, 2, 7], 51324))));
/// assert_eq!(InboundRequest::http(request).peer(), Some([192, 0, 2, 7].into()));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        Self(address)
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self(address.ip())
    }
}
