//! Inbound requests.

use std::{borrow::Cow, fmt, net::IpAddr, ops::Deref, time::Duration};

use bytes::Bytes;

use super::VerifyError;
use crate::http::{OriginalUri, Pairs, Peer, decode, pairs};

/// An inbound request: an HTTP request, or a record of a queue or function whose sender the platform has authenticated. Everything but the
/// body is in its [`RequestHead`], whose methods it has.
pub struct InboundRequest {
    head: RequestHead,
    body: Bytes,
    answer_within: Option<Duration>,
}

/// An inbound request without its body.
pub struct RequestHead {
    origin: Origin,
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
    /// An HTTP request. The peer's address is the [`Peer`] in the request's extensions, if the host puts one there.
    pub fn http(request: http::Request<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        let peer = parts.extensions.get().map(|Peer(address)| *address);
        Self { head: RequestHead { origin: Origin::Http { parts: Box::new(parts), peer } }, body, answer_within: None }
    }

    /// A record that the platform's access control vouches for.
    pub fn trusted(source: impl Into<String>, id: impl Into<String>, body: impl Into<Bytes>) -> Self {
        let origin = Origin::Trusted { source: source.into(), attributes: vec![], id: id.into() };
        Self { head: RequestHead { origin }, body: body.into(), answer_within: None }
    }

    /// Sets the address of the other end of the connection.
    #[must_use = "returns the request with the peer"]
    pub fn with_peer(mut self, address: IpAddr) -> Self {
        if let Origin::Http { peer, .. } = &mut self.head.origin {
            *peer = Some(address);
        }
        self
    }

    /// Sets the time in which it must be answered, on a channel that acknowledges: for a record the rest of its visibility timeout. When
    /// it passes, the record is to be delivered again, and the work goes on. A record has no limit without it: neither the strategy's nor
    /// the host's, which are those of HTTP requests.
    #[must_use = "returns the request with the time"]
    pub fn answered_within(self, time: Duration) -> Self {
        Self { answer_within: Some(time), ..self }
    }

    /// The time in which it must be answered.
    pub(crate) fn answer_within(&self) -> Option<Duration> {
        self.answer_within
    }

    /// Sets the body, which arrives after the head.
    #[cfg(feature = "tower")]
    pub(crate) fn set_body(&mut self, body: Bytes) {
        self.body = body;
    }

    /// Adds an attribute of a trusted record.
    #[must_use = "returns the request with the attribute"]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Origin::Trusted { attributes, .. } = &mut self.head.origin {
            attributes.push((name.into(), value.into()));
        }
        self
    }

    /// The request without its body.
    pub fn head(&self) -> &RequestHead {
        &self.head
    }

    /// The exact bytes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// All fields of a form post, decoded, in order. A trusted record without a content type counts as one.
    ///
    /// # Errors
    /// `Malformed` if the content type is not `application/x-www-form-urlencoded`. A field that cannot be read is an error in its place,
    /// and `?` makes it `Malformed` too.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use zengine_connector::strategy::{InboundRequest, VerifyError};
    ///
    /// fn sender(request: &InboundRequest) -> Result<Option<String>, VerifyError> {
    ///     for field in request.form_pairs()? {
    ///         let (name, value) = field?;
    ///         if name == "From" {
    ///             return Ok(Some(value.into_owned()));
    ///         }
    ///     }
    ///     Ok(None)
    /// }
    ///
    /// let form = http::Request::post("/").header("content-type", "application/x-www-form-urlencoded");
    /// let request = InboundRequest::http(form.body(Bytes::from("From=%2B1555&Body=Hi+there")).unwrap());
    /// assert_eq!(sender(&request)?.as_deref(), Some("+1555"));
    /// # Ok::<(), VerifyError>(())
    /// ```
    pub fn form_pairs(&self) -> Result<Pairs<'_>, VerifyError> {
        let essence = |kind: &str| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_form =
            self.parts().is_none() || self.header("content-type").map(essence).as_deref() == Some("application/x-www-form-urlencoded");
        if is_form { Ok(pairs(&self.body)) } else { Err(VerifyError::Malformed("not a form")) }
    }
}

impl Deref for InboundRequest {
    type Target = RequestHead;

    fn deref(&self) -> &RequestHead {
        &self.head
    }
}

impl RequestHead {
    /// The origin.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The HTTP method.
    pub fn method(&self) -> Option<&http::Method> {
        self.parts().map(|parts| &parts.method)
    }

    /// The path below the strategy's mount, still encoded: `/` and whatever the provider's address has behind the place where the host
    /// serves the strategy. Empty for a trusted record.
    ///
    /// A strategy that is served at `/webhooks/acme` sees `/site-7` of `/webhooks/acme/site-7`, and must not expect its own name there.
    /// [`Orchestrator::service`](crate::Orchestrator::service) takes the mount off; a host that calls
    /// [`serve`](crate::Orchestrator::serve) does it. [`original_uri`](Self::original_uri) has the whole address.
    pub fn path(&self) -> &str {
        self.parts().map_or("", |parts| parts.uri.path())
    }

    /// The address as the host received it, for providers that sign it: the [`OriginalUri`] in the request's extensions, else the
    /// request's own.
    pub fn original_uri(&self) -> Option<&http::Uri> {
        self.parts().map(|parts| parts.extensions.get().map_or(&parts.uri, |OriginalUri(uri)| uri))
    }

    /// A segment of the [`path`](Self::path), decoded, from 0: the first behind the strategy's mount. `None` if there are fewer, or if it is not
    /// percent-encoded UTF-8.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use zengine_connector::strategy::InboundRequest;
    ///
    /// let request = InboundRequest::http(http::Request::get("/site/a%2Fb").body(Bytes::new())?);
    /// assert_eq!((request.segment(1).as_deref(), request.segment(2)), (Some("a/b"), None));
    /// # Ok::<(), http::Error>(())
    /// ```
    pub fn segment(&self, n: usize) -> Option<Cow<'_, str>> {
        decode(self.path().strip_prefix('/')?.split('/').nth(n)?)
    }

    /// A parameter of the query, decoded; the first readable one if there are several.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use zengine_connector::strategy::InboundRequest;
    ///
    /// let request = http::Request::get("/hook?hub.challenge=a%2Bb+c").body(Bytes::new()).unwrap();
    /// assert_eq!(InboundRequest::http(request).query("hub.challenge").as_deref(), Some("a+b c"));
    /// ```
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query_pairs().flatten().find_map(|(key, value)| (key == name).then_some(value))
    }

    /// All parameters of the query, decoded, in order.
    pub fn query_pairs(&self) -> Pairs<'_> {
        pairs(self.parts().and_then(|parts| parts.uri.query()).unwrap_or_default().as_bytes())
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

debug_fields!(InboundRequest { origin: |it| &it.head.origin, body_bytes: |it| it.body.len() });
debug_fields!(RequestHead { origin });

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
        assert_eq!(query("%&a=%41").as_deref(), Some("A"));
    }

    #[test]
    fn only_a_form_is_read_as_one() {
        let post = |kind: Option<&str>| {
            let request = kind.into_iter().fold(http::Request::post("/hook?q=1"), |request, kind| request.header("content-type", kind));
            InboundRequest::http(request.body(Bytes::from_static(b"a=1&a=%zz&b=%C3%A4")).unwrap())
        };
        for kind in ["application/x-www-form-urlencoded", "APPLICATION/X-WWW-FORM-URLENCODED ; charset=UTF-8"] {
            let request = post(Some(kind));
            let fields: Vec<_> = request.form_pairs().unwrap().flatten().collect();
            assert_eq!(fields, [("a".into(), "1".into()), ("b".into(), "ä".into())]);
            let strict: Result<Vec<_>, VerifyError> = request.form_pairs().unwrap().map(|pair| Ok(pair?)).collect();
            assert!(matches!(strict, Err(VerifyError::Malformed(reason)) if reason.contains("UTF-8")));
        }
        for kind in [None, Some("application/json"), Some("multipart/form-data; boundary=x"), Some("application/x-www-form-urlencodedx")] {
            assert!(matches!(post(kind).form_pairs(), Err(VerifyError::Malformed("not a form"))), "{kind:?}");
        }
        let record = InboundRequest::trusted("queue", "1", &b"a=1"[..]);
        assert_eq!(record.form_pairs().unwrap().flatten().count(), 1);
        assert_eq!((record.query_pairs().count(), record.segment(0)), (0, None));
    }
}
