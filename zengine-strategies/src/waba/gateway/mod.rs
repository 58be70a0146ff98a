//! How one provider is reached for one number, and calls over the injected client.

mod credentials;
mod hidden;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, Uri, header};
use serde_json::Value;
use zengine_connector::http::{CallOptions, HttpError, Multipart, RequestBuilder};
use zengine_connector::{ErrorKind, HttpClient, Reach, Secret, SendError};

use super::errors::Dialect;
use super::files::Files;
pub(crate) use credentials::Credentials;
pub(crate) use hidden::Hidden;
pub(crate) use zengine_connector::http::encode as encoded;

/// Maximum size of the answer to a send or a look-up, in bytes.
pub(crate) const MAX_ANSWER: usize = 1 << 20;

/// How one provider is reached for one number.
pub(crate) struct Gateway<'a> {
    http: &'a dyn HttpClient,
    pub(super) root: &'a str,
    access: Access,
    agent: Option<&'a HeaderValue>,
    pub(super) paths: &'a Paths,
}

/// The paths of the calls that the providers share, for one number.
pub(crate) struct Paths {
    /// `/{phone_number_id}/messages`, or `/messages`.
    pub(crate) messages: String,
    /// `/{phone_number_id}/media`, or `/media`.
    pub(crate) media: String,
    /// The query behind the path of a file: `?phone_number_id=…`, or nothing.
    pub(crate) file_query: String,
    /// `/{phone_number_id}?fields=…`, or `/health_status`.
    pub(crate) health: String,
    /// The addresses of files.
    pub(crate) files: Files,
}

redacted!(Paths { messages });

/// No number: calls with paths of their own.
static NO_NUMBER: Paths =
    Paths { messages: String::new(), media: String::new(), file_query: String::new(), health: String::new(), files: Files::Direct(&[]) };

/// Limits of the calls that the providers share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Maximum time of a send, its upload left out.
    pub(crate) send: Duration,
    /// Maximum time of storing or fetching a file.
    pub(crate) media: Duration,
    /// Maximum time of a health check.
    pub(crate) health: Duration,
    /// Maximum size of a fetched file, in bytes.
    pub(crate) file_bytes: u64,
}

impl Limits {
    /// Limits by times in milliseconds and a size in bytes.
    pub(crate) const fn of_ms(send: u64, media: u64, health: u64, file_bytes: u64) -> Self {
        Self { send: Duration::from_millis(send), media: Duration::from_millis(media), health: Duration::from_millis(health), file_bytes }
    }
}

/// The proof of a call. One call uses one snapshot of it: a token that changes meanwhile is never combined with another
/// token's proof.
#[derive(Clone)]
pub(crate) enum Access {
    /// The body of the call must prove it.
    Nothing,
    /// `Authorization: Bearer`, and `appsecret_proof` in the query if there is an app secret.
    Bearer(Arc<Credentials>),
    /// A header of the provider's own.
    Key(HeaderName, HeaderValue),
}

redacted!(Access {});

impl Access {
    /// A token, with its proof if there is an app secret.
    pub(crate) fn bearer(token: Secret<String>, app_secret: Option<&Secret<String>>) -> Self {
        Self::Bearer(Arc::new(Credentials::new(token, app_secret)))
    }

    /// A key in a header of the provider's own, marked so that no client prints it. `None` if it is not a header value.
    pub(crate) fn key(name: HeaderName, key: &Secret<String>) -> Option<Self> {
        let mut value = HeaderValue::from_str(key.expose()).ok()?;
        value.set_sensitive(true);
        Some(Self::Key(name, value))
    }

    /// The header, if the access needs one; an error if its value cannot be a header.
    fn header(&self) -> Result<Option<(HeaderName, HeaderValue)>, SendError> {
        match self {
            Self::Nothing => Ok(None),
            Self::Bearer(credentials) => match credentials.bearer() {
                Some(bearer) => Ok(Some((header::AUTHORIZATION, bearer))),
                None => Err(SendError::of(ErrorKind::MessageInvalid, "the request cannot be built").not_sent()),
            },
            Self::Key(name, value) => Ok(Some((name.clone(), value.clone()))),
        }
    }
}

/// The body of a call.
pub(crate) enum Payload<'p> {
    Nothing,
    Json(&'p Value),
    /// Fields of a form; secrets are sent here, because addresses end up in logs.
    Form(&'p [(&'p str, &'p str)]),
    Multipart(Multipart<'p>),
}

/// The reason there is no answer.
pub(crate) enum CallFailure {
    /// The request cannot be built.
    Request(SendError),
    Http(HttpError),
}

impl From<CallFailure> for SendError {
    fn from(lost: CallFailure) -> Self {
        match lost {
            CallFailure::Request(error) => error,
            CallFailure::Http(error) => error.into(),
        }
    }
}

impl<'a> Gateway<'a> {
    /// `root`: the address that paths follow, `https://graph.facebook.com/v26.0`.
    pub(crate) fn new(http: &'a dyn HttpClient, root: &'a str, access: Access) -> Self {
        Self { http, root, access, agent: None, paths: &NO_NUMBER }
    }

    /// The same for a number.
    pub(crate) fn with_paths(self, paths: &'a Paths) -> Self {
        Self { paths, ..self }
    }

    /// The same with a `User-Agent` of its own.
    pub(crate) fn with_agent(self, agent: Option<&'a HeaderValue>) -> Self {
        Self { agent, ..self }
    }

    /// The sentence for a proof that the provider refuses.
    pub(super) fn refused(&self) -> &'static str {
        if matches!(self.access, Access::Key(..)) { "the key is refused" } else { "the access token is refused" }
    }

    /// The address of a path, `/{id}/…` with or without a query, with the proof if there is one.
    pub(crate) fn url(&self, path: &str) -> String {
        let proof = match &self.access {
            Access::Bearer(credentials) => credentials.proof(),
            Access::Nothing | Access::Key(..) => None,
        };
        let Some(proof) = proof else { return format!("{}{path}", self.root) };
        let joint = if path.contains('?') { '&' } else { '?' };
        format!("{}{path}{joint}appsecret_proof={}", self.root, proof.expose())
    }

    /// Calls a path of the API.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        payload: Payload<'_>,
        timeout: Duration,
    ) -> Result<Response<Bytes>, SendError> {
        if timeout.is_zero() {
            return Err(no_time());
        }
        Ok(self.exchange(method, &self.url(path), payload, timeout, MAX_ANSWER).await?)
    }

    /// Gets an address that the caller trusts with the proof, which need not be the API's own. No message is sent, so every
    /// error is safe to repeat.
    pub(crate) async fn fetch(&self, address: &Uri, timeout: Duration, most: usize) -> Result<Response<Bytes>, CallFailure> {
        if timeout.is_zero() {
            return Err(CallFailure::Request(no_time()));
        }
        self.exchange(Method::GET, &address.to_string(), Payload::Nothing, timeout, most).await.map_err(|lost| match lost {
            CallFailure::Http(mut error) => {
                error.reach = Reach::NotSent;
                CallFailure::Http(error)
            }
            lost @ CallFailure::Request(_) => lost,
        })
    }

    /// Makes one call, whatever the status of the answer.
    pub(crate) async fn exchange(
        &self,
        method: Method,
        url: &str,
        payload: Payload<'_>,
        timeout: Duration,
        most: usize,
    ) -> Result<Response<Bytes>, CallFailure> {
        let hidden = Hidden::of(&self.access, url, &payload);
        let mut request = RequestBuilder::new(method, url);
        if let Some((name, value)) = self.access.header().map_err(CallFailure::Request)? {
            request = request.header(name, value);
        }
        if let Some(agent) = self.agent {
            request = request.header(header::USER_AGENT, agent.clone());
        }
        let request = match payload {
            Payload::Nothing => request,
            Payload::Json(value) => request.json(value),
            Payload::Form(fields) => request.form(fields.iter().copied()),
            Payload::Multipart(form) => request.multipart(form),
        };
        let request = request.build().map_err(CallFailure::Request)?;
        let options = CallOptions::DEFAULT.with_timeout(timeout).with_max_response_bytes(most);
        let mut response = self.http.call(request, options).await.map_err(CallFailure::Http)?;
        response.extensions_mut().insert(hidden);
        response.extensions_mut().insert(if matches!(self.access, Access::Key(..)) { Dialect::Partner } else { Dialect::Meta });
        Ok(response)
    }
}

/// Whether a text is an id that is safe in a path: of a number, an account, a file.
pub(crate) fn is_id(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !text.is_empty() && text.len() <= 256 && text.bytes().all(word) && !text.starts_with('.')
}

pub(crate) fn no_time() -> SendError {
    SendError::of(ErrorKind::Timeout, "no time is left for the call").not_sent()
}
