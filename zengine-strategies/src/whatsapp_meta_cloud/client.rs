//! Calls to the Graph API over the injected client.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Response, Uri, header};
use serde_json::Value;
use zengine_connector::error::NeedsReach;
use zengine_connector::http::{CallOptions, HttpError, Multipart, RequestBuilder};
use zengine_connector::{ErrorKind, HttpClient, Reach, SendError};

use super::token::Credentials;
pub(super) use zengine_connector::http::encode as encoded;

/// Maximum size of the answer to a send or a look-up, in bytes.
pub(super) const MAX_ANSWER: usize = 1 << 20;

/// The Graph API for one caller. One call uses one snapshot of the credentials: a token that changes meanwhile is never
/// combined with another token's proof.
pub(super) struct Graph<'a> {
    http: &'a dyn HttpClient,
    root: &'a str,
    credentials: Option<Arc<Credentials>>,
}

/// The body of a call.
pub(super) enum Payload<'p> {
    Nothing,
    Json(&'p Value),
    /// Fields of a form; secrets are sent here, because addresses end up in logs.
    Form(&'p [(&'p str, &'p str)]),
    Multipart(Multipart<'p>),
}

/// The reason there is no answer.
pub(super) enum CallFailure {
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

impl<'a> Graph<'a> {
    /// `root`: address and version, `https://graph.facebook.com/v26.0`. Without credentials, the body of the call must prove
    /// it.
    pub(super) fn new(http: &'a dyn HttpClient, root: &'a str, credentials: Option<Arc<Credentials>>) -> Self {
        Self { http, root, credentials }
    }

    /// The address of a path, `/{id}/…` with or without a query, with the proof if there is one.
    pub(super) fn url(&self, path: &str) -> String {
        match self.credentials.as_ref().and_then(|credentials| credentials.proof()) {
            Some(proof) => {
                let joint = if path.contains('?') { '&' } else { '?' };
                format!("{}{path}{joint}appsecret_proof={}", self.root, proof.expose())
            }
            None => format!("{}{path}", self.root),
        }
    }

    /// Calls a path of the API.
    pub(super) async fn call(
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

    /// Gets an address that the caller trusts with the token, which need not be the API's own. No message is sent, so every
    /// error is safe to repeat.
    pub(super) async fn fetch(&self, address: &Uri, timeout: Duration, most: usize) -> Result<Response<Bytes>, CallFailure> {
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
    pub(super) async fn exchange(
        &self,
        method: Method,
        url: &str,
        payload: Payload<'_>,
        timeout: Duration,
        most: usize,
    ) -> Result<Response<Bytes>, CallFailure> {
        let mut request = RequestBuilder::new(method, url);
        if let Some(credentials) = &self.credentials {
            let bearer = credentials.bearer().ok_or_else(|| CallFailure::Request(unbuildable().not_sent()))?;
            request = request.header(header::AUTHORIZATION, bearer);
        }
        let request = match payload {
            Payload::Nothing => request,
            Payload::Json(value) => request.json(value),
            Payload::Form(fields) => request.form(fields.iter().copied()),
            Payload::Multipart(form) => request.multipart(form),
        };
        let request = request.build().map_err(CallFailure::Request)?;
        let options = CallOptions::DEFAULT.with_timeout(timeout).with_max_response_bytes(most);
        self.http.call(request, options).await.map_err(CallFailure::Http)
    }
}

/// Whether a text is an id that is safe in a path: of a number, an account, a file.
pub(super) fn is_id(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !text.is_empty() && text.len() <= 256 && text.bytes().all(word) && !text.starts_with('.')
}

pub(super) fn no_time() -> SendError {
    SendError::of(ErrorKind::Timeout, "no time is left for the call").not_sent()
}

fn unbuildable() -> NeedsReach {
    SendError::of(ErrorKind::MessageInvalid, "the request cannot be built")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_no_path() {
        assert!(is_id("100200300") && is_id("wamid-1_A.b"));
        for odd in ["", ".", "..", "a/b", "a?b", "a#b", "a b", "é", "a%2f"] {
            assert!(!is_id(odd), "{odd}");
        }
    }
}
