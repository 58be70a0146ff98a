//! Requests to a provider, built part by part.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri,
    header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING},
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Multipart, encode};
use crate::{
    error::{ErrorKind, NeedsReach, SendError},
    secret::Secret,
};

/// Builds a request to a provider. A part that cannot be sent, such as a line break in a header, is an error of
/// [`build`](Self::build), which keeps the first one.
///
/// ```
/// use zengine_connector::{Secret, http::RequestBuilder};
///
/// let password = Secret::new("s3cret".to_owned());
/// let request = RequestBuilder::post("https://api.example.com/v1")
///     .segments(["accounts", "a/b", "messages"])
///     .query("dry run", "yes & no")
///     .basic("a/b", &password)
///     .form([("To", "+15551230001"), ("Body", "Grüße")])
///     .build()?;
/// assert_eq!(request.uri(), "https://api.example.com/v1/accounts/a%2Fb/messages?dry%20run=yes%20%26%20no");
/// assert_eq!(request.body(), "To=%2B15551230001&Body=Gr%C3%BC%C3%9Fe");
/// # Ok::<(), zengine_connector::SendError>(())
/// ```
#[must_use = "finish it with build()"]
pub struct RequestBuilder {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
    error: Option<NeedsReach>,
}

debug_fields!(RequestBuilder { method });

impl RequestBuilder {
    /// A request to an address, which may have a path and a query. One without scheme and host is a path, for a request that is received
    /// in a test. A user in an address is an error: credentials belong into a header.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        let (url, headers, body) = (url.into(), HeaderMap::new(), Bytes::new());
        // The `http` crate drops fragments: an address of the tenant's could lose its path.
        let error = url.contains('#').then(|| unbuildable("url"));
        Self { method, url, headers, body, error }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::GET, url)
    }

    /// A POST request.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new(Method::POST, url)
    }

    /// Adds segments to the path, encoded: a slash in one of them is `%2F`. An empty one, `.` and `..` are errors, because clients
    /// resolve them; so are segments after a query.
    pub fn segments(mut self, segments: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        if self.url.contains('?') {
            return self.or_error(Err(unbuildable("path")));
        }
        for segment in segments {
            let segment = segment.as_ref();
            if matches!(segment, "" | "." | "..") {
                return self.or_error(Err(unbuildable("path")));
            }
            self.url.truncate(self.url.trim_end_matches('/').len());
            self.url.push('/');
            self.url.push_str(&encode(segment));
        }
        self
    }

    /// Adds a pair to the query, encoded. Addresses end up in logs: send secrets in a header or the body.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        self.url.push_str(&encode(name));
        self.url.push('=');
        self.url.push_str(&encode(value));
        self
    }

    /// Sets a header. One of credentials is marked sensitive, so that nothing prints it; `host`, `content-length`, `transfer-encoding` and
    /// `connection` are errors, because the client sets them.
    pub fn header(self, name: impl TryInto<HeaderName>, value: impl TryInto<HeaderValue>) -> Self {
        let (Ok(name), Ok(value)) = (name.try_into(), value.try_into()) else { return self.or_error(Err(unbuildable("header"))) };
        self.insert(name, value)
    }

    /// Sets a header with a secret value, such as an API key.
    pub fn secret_header(self, name: impl TryInto<HeaderName>, value: &Secret<String>) -> Self {
        let (Ok(name), Ok(mut value)) = (name.try_into(), HeaderValue::from_str(value.expose())) else {
            return self.or_error(Err(SendError::of(ErrorKind::ConfigInvalid, "the credentials cannot be sent in a header")));
        };
        value.set_sensitive(true);
        self.insert(name, value)
    }

    fn insert(mut self, name: HeaderName, mut value: HeaderValue) -> Self {
        if [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(&name) {
            return self.or_error(Err(unbuildable("header")));
        }
        if [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].contains(&name) {
            value.set_sensitive(true);
        }
        self.headers.insert(name, value);
        self
    }

    /// Authenticates with a bearer token (RFC 6750).
    pub fn bearer(self, token: &Secret<String>) -> Self {
        self.secret_header(AUTHORIZATION, &Secret::new(format!("Bearer {}", token.expose())))
    }

    /// Authenticates with a user and a password (RFC 7617). Either may be empty, as some providers want it; a colon in the user and
    /// control characters are errors.
    pub fn basic(self, user: &str, password: &Secret<String>) -> Self {
        let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
        if user.contains(':') || pair.chars().any(char::is_control) {
            return self.or_error(Err(SendError::of(ErrorKind::ConfigInvalid, "the credentials cannot be sent as basic authentication")));
        }
        self.secret_header(AUTHORIZATION, &Secret::new(format!("Basic {}", STANDARD.encode(pair.as_bytes()))))
    }

    /// Sets the body and its type.
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header(CONTENT_TYPE, content_type)
    }

    /// Sets a JSON body.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(json) => self.body("application/json", json),
            Err(_) => self.or_error(Err(unbuildable("body"))),
        }
    }

    /// Sets a body of pairs, `application/x-www-form-urlencoded`.
    pub fn form(self, pairs: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>) -> Self {
        let pairs: Vec<_> =
            pairs.into_iter().map(|(name, value)| format!("{}={}", encode(name.as_ref()), encode(value.as_ref()))).collect();
        self.body("application/x-www-form-urlencoded", pairs.join("&"))
    }

    /// Sets a body of several parts, `multipart/form-data`.
    pub fn multipart(self, form: Multipart<'_>) -> Self {
        let (content_type, body) = form.encode();
        self.body(&content_type, body)
    }

    fn or_error(mut self, part: Result<(), NeedsReach>) -> Self {
        self.error = self.error.or(part.err());
        self
    }

    /// Builds the request.
    ///
    /// # Errors
    /// `MessageInvalid`, not sent, if a part cannot be sent, with its name in the context `field`; `ConfigInvalid`, not sent, for
    /// credentials. Neither holds the part's content.
    pub fn build(self) -> Result<Request<Bytes>, SendError> {
        if let Some(error) = self.error {
            return Err(error.not_sent());
        }
        let mut request = Request::new(self.body);
        let uri: Uri = self.url.parse().map_err(|_| unbuildable("url").not_sent())?;
        if uri
            .authority()
            .is_some_and(|authority| uri.scheme().is_none() || authority.host().is_empty() || authority.as_str().contains('@'))
        {
            return Err(unbuildable("url").not_sent());
        }
        *request.uri_mut() = uri;
        (*request.method_mut(), *request.headers_mut()) = (self.method, self.headers);
        Ok(request)
    }
}

fn unbuildable(part: &'static str) -> NeedsReach {
    SendError::of(ErrorKind::MessageInvalid, "the request cannot be built").context("field", part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Reach;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn forms_are_escaped() {
        let form = |pairs: &[(&str, &str)]| RequestBuilder::post("http://a").form(pairs.iter().copied()).build().unwrap().into_body();
        assert_eq!(form(&[("a", "1|2 &=ä"), ("b_c", "x-._~y")]), "a=1%7C2%20%26%3D%C3%A4&b_c=x-._~y");
        assert_eq!(form(&[]), "");
    }

    #[test]
    fn no_segment_leaves_its_place() {
        let uri =
            |base: &str, segment: &str| RequestBuilder::get(base).segments([segment, "z"]).build().map(|request| request.uri().to_string());
        for (base, segment, expected) in [
            ("http://a", "b", "http://a/b/z"),
            ("http://a/", "b", "http://a/b/z"),
            ("http://a/v1/", "../c?d#e%2f", "http://a/v1/..%2Fc%3Fd%23e%252f/z"),
            ("http://a", "...", "http://a/.../z"),
        ] {
            assert_eq!(uri(base, segment).unwrap(), expected);
        }
        for (base, segment) in
            [("http://a", ""), ("http://a", "."), ("http://a", ".."), ("http://a?b", "c"), ("http://a#b", "c"), ("http://a b", "c")]
        {
            let error = uri(base, segment).unwrap_err();
            assert_eq!((error.kind(), error.reach()), (ErrorKind::MessageInvalid, Reach::NotSent), "{base} {segment}");
        }
    }

    #[test]
    fn credentials_are_sensitive_and_what_cannot_be_sent_is_the_set_ups_fault() {
        let request =
            RequestBuilder::get("http://a").basic("Aladdin", &secret("open sesame")).secret_header("x-key", &secret("k")).build().unwrap();
        assert_eq!(request.headers()["authorization"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(request.headers().values().all(HeaderValue::is_sensitive));
        assert_eq!(RequestBuilder::get("http://a").basic("key", &secret("")).build().unwrap().headers()["authorization"], "Basic a2V5Og==");
        for odd in [
            RequestBuilder::get("http://a").basic("a:b", &secret("canary")),
            RequestBuilder::get("http://a").basic("a", &secret("canary\n")),
            RequestBuilder::get("http://a").bearer(&secret("canary\r\nx: y")),
        ] {
            let printed = format!("{odd:?}");
            let error = odd.build().unwrap_err();
            assert_eq!((error.kind(), error.reach()), (ErrorKind::ConfigInvalid, Reach::NotSent));
            assert!(!format!("{printed} {error} {error:?}").contains("canary"));
        }
    }

    #[test]
    fn addresses_with_a_user_and_headers_of_the_clients_are_refused() {
        let of = |builder: RequestBuilder| builder.build().unwrap_err().error().context("field").map(str::to_owned);
        for url in ["http://user:canary@a/b", "http://user@a", "a.example", "a.example:80"] {
            assert_eq!(of(RequestBuilder::get(url)).as_deref(), Some("url"), "{url}");
        }
        for name in ["Host", "content-length", "Transfer-Encoding", "connection"] {
            assert_eq!(of(RequestBuilder::get("http://a").header(name, "1")).as_deref(), Some("header"), "{name}");
            assert_eq!(of(RequestBuilder::get("http://a").secret_header(name, &secret("1"))).as_deref(), Some("header"), "{name}");
        }
        for name in ["authorization", "proxy-authorization", "cookie"] {
            let request = RequestBuilder::get("/path").header(name, "canary").build().unwrap();
            assert!(!format!("{request:?}").contains("canary"), "{name}");
        }
    }

    #[test]
    fn the_first_part_that_cannot_be_sent_is_named() {
        let of = |builder: RequestBuilder| builder.build().unwrap_err().error().context("field").map(str::to_owned);
        let new = || RequestBuilder::post("http://a");
        assert_eq!(of(new().header("x", "a\nb").segments([".."])).as_deref(), Some("header"));
        assert_eq!(of(new().header("a b", "c")).as_deref(), Some("header"));
        assert_eq!(of(new().body("a\nb", "c")).as_deref(), Some("header"));
        assert_eq!(of(new().json(&std::collections::BTreeMap::from([((1, 2), 3)]))).as_deref(), Some("body"));
        assert_eq!(of(RequestBuilder::get("")).as_deref(), Some("url"));
    }
}
