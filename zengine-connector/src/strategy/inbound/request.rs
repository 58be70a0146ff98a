//! Inbound requests.

use std::{borrow::Cow, fmt, net::IpAddr};

use bytes::Bytes;

use crate::hex::parse;

/// An inbound request: an HTTP request, or a record of a queue or function whose sender the platform has authenticated.
pub struct InboundRequest {
    origin: Origin,
    body: Bytes,
}

/// The origin of a request.
#[non_exhaustive]
pub enum Origin {
    /// Over HTTP.
    Http {
        /// The request without its body.
        parts: Box<http::request::Parts>,
        /// The address of the other end of the connection.
        peer: Option<IpAddr>,
    },
    /// From a queue, topic or function that the platform's own access control vouches for.
    Trusted {
        /// Its name (an ARN).
        source: String,
        /// Attributes of the record.
        attributes: Vec<(String, String)>,
        /// The record's id.
        id: String,
    },
}

impl InboundRequest {
    /// An HTTP request. The peer's address is read from an [`IpAddr`] or [`SocketAddr`](std::net::SocketAddr) in the
    /// request's extensions, if the host puts one there.
    pub fn http(request: http::Request<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        let peer = parts
            .extensions
            .get::<IpAddr>()
            .copied()
            .or_else(|| parts.extensions.get::<std::net::SocketAddr>().map(std::net::SocketAddr::ip));
        Self { origin: Origin::Http { parts: Box::new(parts), peer }, body }
    }

    /// A record that the platform's access control vouches for.
    pub fn trusted(source: impl Into<String>, id: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { origin: Origin::Trusted { source: source.into(), attributes: vec![], id: id.into() }, body: body.into() }
    }

    /// Sets the address of the other end of the connection.
    #[must_use = "returns the request with the peer"]
    pub fn with_peer(mut self, address: IpAddr) -> Self {
        if let Origin::Http { peer, .. } = &mut self.origin {
            *peer = Some(address);
        }
        self
    }

    /// Adds an attribute of a trusted record.
    #[must_use = "returns the request with the attribute"]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Origin::Trusted { attributes, .. } = &mut self.origin {
            attributes.push((name.into(), value.into()));
        }
        self
    }

    /// The origin.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The exact bytes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The HTTP method.
    pub fn method(&self) -> Option<&http::Method> {
        self.parts().map(|parts| &parts.method)
    }

    /// The path; empty for a trusted record.
    pub fn path(&self) -> &str {
        self.parts().map_or("", |parts| parts.uri.path())
    }

    /// A parameter of the query, decoded; the first if there are several.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use zengine_connector::strategy::InboundRequest;
    ///
    /// let request = http::Request::get("/hook?hub.challenge=a%2Bb+c").body(Bytes::new()).unwrap();
    /// assert_eq!(InboundRequest::http(request).query("hub.challenge").as_deref(), Some("a+b c"));
    /// ```
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        let query = self.parts()?.uri.query()?;
        query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key)? == name).then(|| decode(value)).flatten()
        })
    }

    /// A header, if it is visible ASCII; the first if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.parts()?.headers.get(name)?.to_str().ok()
    }

    /// The address of the other end of the connection.
    pub fn peer(&self) -> Option<IpAddr> {
        match &self.origin {
            Origin::Http { peer, .. } => *peer,
            Origin::Trusted { .. } => None,
        }
    }

    fn parts(&self) -> Option<&http::request::Parts> {
        match &self.origin {
            Origin::Http { parts, .. } => Some(parts),
            Origin::Trusted { .. } => None,
        }
    }
}

/// Decodes `+` to a space and `%xx` to a byte. `None` if the result is not UTF-8 or an escape is broken.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['+', '%']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex = [rest.next()?, rest.next()?];
                parse::<1>(std::str::from_utf8(&hex).ok()?, false)?[0]
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

debug_fields!(InboundRequest { origin, body_bytes: |it| it.body.len() });

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Paths and headers carry tokens; neither is shown.
        match self {
            Self::Http { parts, .. } => f.debug_struct("Http").field("method", &parts.method).finish_non_exhaustive(),
            Self::Trusted { source, .. } => f.debug_struct("Trusted").field("source", source).finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_not_percent_encoded_utf8_is_none() {
        let query = |text: &str| {
            let request = http::Request::get(format!("/hook?a={text}")).body(Bytes::new()).unwrap();
            InboundRequest::http(request).query("a").map(Cow::into_owned)
        };
        assert_eq!(query("%C3%a9+%2B").as_deref(), Some("é +"));
        for odd in ["%", "%4", "%+4", "%-1", "%zz", "%ff", "%c3", "%ed%a0%80"] {
            assert_eq!(query(odd), None, "{odd}");
        }
    }
}
