//! A response before it leaves.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

/// Maximum bytes of a body that `finish` sets.
const MAX_BODY: usize = 64 << 10;

/// Maximum headers that `finish` adds, and maximum bytes of their names and values.
const MAX_HEADERS: (usize, usize) = (32, 8 << 10);

/// A response before it leaves, for [`InboundStrategy::finish`](super::InboundStrategy::finish). Headers can be added, and a body where there
/// is none or only the core's own words. Anything else is ignored, and told by an error in the log. The additions take effect when `finish`
/// returns.
///
/// ```
/// use bytes::Bytes;
/// use http::{HeaderValue, Response, header};
/// use zengine_connector::strategy::FinalResponse;
///
/// let response = Response::new(Bytes::new());
/// let mut last = FinalResponse::of(&response);
/// last.add_header(header::VARY, HeaderValue::from_static("origin"));
/// assert_eq!(last.into_additions().headers[header::VARY], "origin");
/// ```
pub struct FinalResponse<'a> {
    present: &'a Response<Bytes>,
    reason: Option<&'static str>,
    added: HeaderMap,
    added_bytes: usize,
    body: Option<(HeaderValue, Bytes)>,
    refused: Option<&'static str>,
}

debug_fields!(['a] FinalResponse<'a> { status: |it| it.present.status(), reason, refused });

impl<'a> FinalResponse<'a> {
    /// A response of a strategy. For tests of `finish`; the core makes its own.
    pub fn of(present: &'a Response<Bytes>) -> Self {
        Self { present, reason: None, added: HeaderMap::new(), added_bytes: 0, body: None, refused: None }
    }

    /// A response that the core wrote, with its reason as the body.
    pub fn of_core(present: &'a Response<Bytes>, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::of(present) }
    }

    /// The status, which stays.
    pub fn status(&self) -> StatusCode {
        self.present.status()
    }

    /// The headers so far, without those that were added.
    pub fn headers(&self) -> &HeaderMap {
        self.present.headers()
    }

    /// The core's words for a refusal, such as `not authenticated`, which are its body too. `None` for a response of the strategy.
    pub fn reason(&self) -> Option<&'static str> {
        self.reason
    }

    /// Whether a body may be set: there is none, or only the core's words, and a response of this status can have one.
    pub fn takes_body(&self) -> bool {
        let status = self.status();
        let bodiless = status.is_informational() || [204, 205, 304].contains(&status.as_u16());
        !bodiless && (self.reason.is_some() || self.present.body().is_empty())
    }

    /// Adds a header beside those that are there. Not one that belongs to the connection or to the body: those are ignored. At most 32
    /// headers, 8 KiB together.
    pub fn add_header(&mut self, name: HeaderName, value: HeaderValue) {
        let bytes = self.added_bytes + name.as_str().len() + value.len();
        if is_reserved(&name) {
            self.refuse("a header that belongs to the connection or to the body");
        } else if self.added.len() >= MAX_HEADERS.0 || bytes > MAX_HEADERS.1 {
            self.refuse("more headers than allowed");
        } else {
            self.added.append(name, value);
            self.added_bytes = bytes;
        }
    }

    /// Sets the body and its content type, at most 64 KiB, where the response [takes one](Self::takes_body).
    pub fn set_body(&mut self, content_type: HeaderValue, body: impl Into<Bytes>) {
        let body = body.into();
        if !self.takes_body() {
            self.refuse("a body in place of another, or where there can be none");
        } else if body.len() > MAX_BODY {
            self.refuse("a larger body than allowed");
        } else {
            self.body = Some((content_type, body));
        }
    }

    fn refuse(&mut self, what: &'static str) {
        self.refused.get_or_insert(what);
    }

    /// The additions.
    pub fn into_additions(self) -> Additions {
        Additions { headers: self.added, body: self.body, refused: self.refused }
    }
}

/// The additions of `finish` to a response.
#[derive(Default)]
#[non_exhaustive]
pub struct Additions {
    /// Headers, beside those that are there.
    pub headers: HeaderMap,
    /// Content type and body.
    pub body: Option<(HeaderValue, Bytes)>,
    /// The first thing that was ignored, if any.
    pub refused: Option<&'static str>,
}

debug_fields!(Additions { headers: |it| it.headers.len(), body_bytes: |it| it.body.as_ref().map(|(_, body)| body.len()), refused });

impl Additions {
    /// Adds them to the response.
    pub(crate) fn apply(self, response: &mut Response<Bytes>) {
        for (name, value) in &self.headers {
            response.headers_mut().append(name, value.clone());
        }
        if let Some((content_type, body)) = self.body {
            response.headers_mut().insert(header::CONTENT_TYPE, content_type);
            *response.body_mut() = body;
        }
    }
}

/// Headers of one connection (RFC 9110, 7.6.1), and those that follow from the body.
fn is_reserved(name: &HeaderName) -> bool {
    const CONNECTION: [&str; 3] = ["keep-alive", "proxy-connection", "content-encoding"];
    [
        header::CONNECTION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::PROXY_AUTHENTICATE,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
    ]
    .contains(name)
        || CONNECTION.contains(&name.as_str())
}

/// The future of a `finish` that does nothing. It has no size, so that it costs no box.
pub(super) struct NothingToFinish;

impl Future for NothingToFinish {
    type Output = ();

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        std::task::Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn response(status: u16, body: &'static str) -> Response<Bytes> {
        Response::builder().status(status).header("x-there", "1").body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[test]
    fn a_header_stands_beside_those_that_are_there() {
        let mut response = response(200, "chat");
        let mut last = FinalResponse::of(&response);
        last.add_header(HeaderName::from_static("x-there"), HeaderValue::from_static("2"));
        last.into_additions().apply(&mut response);
        assert_eq!(response.headers().get_all("x-there").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((response.status().as_u16(), &response.body()[..]), (200, &b"chat"[..]));
    }

    #[test]
    fn only_an_empty_body_and_the_cores_words_are_replaced() {
        let takes = |status, body, reason: Option<&'static str>| {
            let mut response = response(status, body);
            let mut last = FinalResponse { reason, ..FinalResponse::of(&response) };
            last.set_body(HeaderValue::from_static("application/problem+json"), "{}");
            let additions = last.into_additions();
            let refused = additions.refused.is_some();
            additions.apply(&mut response);
            assert_ne!(refused, response.body() == "{}" && response.headers()["content-type"] == "application/problem+json");
            !refused
        };
        assert!(takes(401, "not authenticated", Some("not authenticated")));
        assert!(takes(503, "", None));
        assert!(!takes(400, "the strategy's own", None));
        assert!(!takes(204, "", None) && !takes(304, "", None));
    }

    #[test]
    fn what_belongs_to_connection_or_body_is_ignored() {
        let response = response(401, "");
        for name in ["connection", "content-length", "transfer-encoding", "upgrade", "content-type", "keep-alive"] {
            let mut last = FinalResponse::of(&response);
            last.add_header(HeaderName::from_static(name), HeaderValue::from_static("1"));
            let additions = last.into_additions();
            assert!(additions.headers.is_empty() && additions.refused.is_some(), "{name}");
        }
    }

    #[test]
    fn rule_81_debug_of_additions_holds_no_header_and_no_body() {
        let response = response(401, "");
        let mut last = FinalResponse::of(&response);
        last.add_header(header::SET_COOKIE, HeaderValue::from_static("canary"));
        last.set_body(HeaderValue::from_static("text/plain"), "canary");
        let mut shown = format!("{last:?}");
        write!(shown, "{:?}", last.into_additions()).unwrap();
        assert!(shown.contains("headers: 1, body_bytes: Some(6)") && !shown.contains("canary"), "{shown}");
    }

    #[test]
    fn additions_are_bounded() {
        let response = response(401, "");
        let mut last = FinalResponse::of(&response);
        for _ in 0..100 {
            last.add_header(header::VARY, HeaderValue::from_static("origin"));
        }
        last.set_body(HeaderValue::from_static("text/plain"), vec![b'x'; MAX_BODY + 1]);
        let additions = last.into_additions();
        assert_eq!((additions.headers.len(), additions.body.is_some(), additions.refused.is_some()), (MAX_HEADERS.0, false, true));
    }
}
