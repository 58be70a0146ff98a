//! The attempts at one webhook POST.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Callback, Delivery, LOG_LENGTH, WebhookPost, WebhookSender};
use crate::sandbox::faults::{WebhookFault, WebhookFaultKind};
use crate::sandbox::journal::{EntryKind, Journal, JournalEntry, body_value};
use crate::sandbox::lock;
use crate::sandbox::text::head_on_the_wire;

/// Maximum length of a callback's response, in bytes.
const ANSWER_BYTES: usize = 64 * 1024;

/// The end of an attempt and its time, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct AttemptResult {
    pub(super) end: AttemptEnd,
    at_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttemptEnd {
    /// This status, or no response in time.
    Answered(Option<u16>),
    /// A response that a fault ignores.
    Ignored(Option<u16>),
    /// Lost without an attempt; no redelivery follows.
    Lost,
}

impl AttemptEnd {
    /// Whether no redelivery follows.
    pub(super) fn is_settled(self) -> bool {
        matches!(self, Self::Answered(Some(200)) | Self::Lost)
    }

    fn status(self) -> Option<u16> {
        match self {
            Self::Answered(status) | Self::Ignored(status) => status,
            Self::Lost => None,
        }
    }
}

/// An HTTP client with the journal of its requests.
pub(super) struct HttpPoster {
    client: Client<HttpConnector, Full<Bytes>>,
    journal: Arc<Journal>,
}

impl HttpPoster {
    pub(super) fn new(journal: Arc<Journal>) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build(HttpConnector::new()), journal }
    }

    pub(super) async fn get(&self, url: String, timeout: Duration) -> Option<(u16, Bytes)> {
        self.answer(Request::builder().uri(url).body(Full::default()).ok()?, timeout).await
    }

    async fn answer(&self, request: Request<Full<Bytes>>, timeout: Duration) -> Option<(u16, Bytes)> {
        let exchange = async {
            let response = self.client.request(request).await.ok()?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await.ok()?.to_bytes();
            Some((status, body))
        };
        tokio::time::timeout(timeout, exchange).await.ok().flatten()
    }

    /// Sends the head and half of the body over a new connection, then closes it.
    async fn cut(&self, url: &str, headers: &HeaderMap, body: &[u8]) -> Option<()> {
        let uri: Uri = url.parse().ok()?;
        let (host, port) = (uri.host()?, uri.port_u16().unwrap_or(80));
        let mut stream = TcpStream::connect((host, port)).await.ok()?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let start = format!("POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-length: {}\r\n", body.len());
        let mut wire = head_on_the_wire(start, headers);
        wire.extend_from_slice(&body[..body.len() / 2]);
        stream.write_all(&wire).await.ok()?;
        stream.shutdown().await.ok()
    }
}

impl WebhookSender {
    /// Makes the first attempt, with its fault; records the fault's name.
    pub(super) async fn first_attempt(&self, post: &WebhookPost, fault: Option<&WebhookFault>) -> AttemptResult {
        let label = fault.map(WebhookFault::name);
        let label = label.as_deref();
        if post.callback.is_none() {
            return AttemptResult { end: AttemptEnd::Lost, at_ms: self.clock.now_ms() };
        }
        match fault.map(|fault| fault.kind) {
            Some(WebhookFaultKind::DropOnce {}) => self.write(post, 1, label, None),
            Some(WebhookFaultKind::Lose {}) => AttemptResult { end: AttemptEnd::Lost, ..self.write(post, 1, label, None) },
            Some(WebhookFaultKind::Cut {}) => {
                if let Some(callback) = &post.callback {
                    let headers = self.headers(callback, post);
                    let cut = self.http.cut(&callback.url, &headers, &post.body);
                    // With or without a connection, the attempt has failed.
                    let _ = tokio::time::timeout(self.timeout(), cut).await;
                }
                self.write(post, 1, label, None)
            }
            Some(WebhookFaultKind::IgnoreAnswer {}) => {
                let result = self.attempt(post, 1, label).await;
                AttemptResult { end: AttemptEnd::Ignored(result.end.status()), ..result }
            }
            Some(WebhookFaultKind::Corrupt {}) => self.attempt_with(post, corrupted(&post.body), 1, label).await,
            _ => self.attempt(post, 1, label).await,
        }
    }

    /// Makes the redeliveries and copies after the first attempt.
    pub(super) async fn remaining_attempts(&self, post: WebhookPost, fault: Option<WebhookFault>, first: AttemptResult) -> Delivery {
        let (mut attempts, mut last) = (u32::from(post.callback.is_some()), first);
        let after = |result: AttemptResult, pause: u64| result.at_ms.saturating_add(pause);
        if !last.end.is_settled() {
            for pause in self.settings().redelivery_ms {
                if !self.pause_until(after(last, pause), post.generation).await {
                    break;
                }
                attempts += 1;
                last = self.attempt(&post, attempts, None).await;
                if last.end.is_settled() {
                    break;
                }
            }
        }
        if last.end == AttemptEnd::Answered(Some(200)) {
            for _ in 1..self.settings().copies {
                self.attempt(&post, attempts, Some("copy")).await;
            }
            if let Some(WebhookFaultKind::Duplicate { copies, ms }) = fault.map(|fault| fault.kind) {
                let mut copy = last;
                for _ in 0..copies {
                    if !self.pause_until(after(copy, ms), post.generation).await {
                        break;
                    }
                    copy = self.attempt(&post, attempts, Some("duplicate")).await;
                }
            }
        }
        self.note(attempts, last.end.status(), post)
    }

    pub(super) async fn attempt(&self, post: &WebhookPost, number: u32, label: Option<&str>) -> AttemptResult {
        self.attempt_with(post, post.body.clone(), number, label).await
    }

    /// Posts `body` with the signature of the post's original body.
    async fn attempt_with(&self, post: &WebhookPost, body: Bytes, number: u32, label: Option<&str>) -> AttemptResult {
        let request = post.callback.as_ref().and_then(|callback| {
            // `None` for what is no valid address.
            let mut request = Request::builder().method(Method::POST).uri(&callback.url).body(Full::new(body)).ok()?;
            *request.headers_mut() = self.headers(callback, post);
            Some(request)
        });
        let answer = match request {
            Some(request) => self.http.answer(request, self.timeout()).await,
            None => None,
        };
        self.write(post, number, label, answer)
    }

    fn headers(&self, callback: &Callback, post: &WebhookPost) -> HeaderMap {
        let mut headers = self.format.headers(callback, &post.body, post.signature);
        headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        headers
    }

    /// Records an attempt in the journal.
    fn write(&self, post: &WebhookPost, number: u32, label: Option<&str>, answer: Option<(u16, Bytes)>) -> AttemptResult {
        let at_ms = self.clock.now_ms();
        let status = answer.as_ref().map(|(status, _)| *status);
        let entry = JournalEntry {
            at_ms,
            kind: EntryKind::Webhook,
            method: "POST".to_owned(),
            path: self.http.journal.mask().address(post.callback.as_ref().map_or("", |callback| &callback.url)),
            status: status.unwrap_or(0),
            sender: post.sender.clone(),
            fault: label.map(str::to_owned),
            attempt: Some((post.id, number)),
            body: body_value(&post.body),
            answer: answer.map_or(Value::Null, |(_, body)| body_value(&body)),
            ..JournalEntry::default()
        };
        // A failing journal must not stop webhooks; requests report the failure.
        let _ = self.http.journal.append(entry);
        AttemptResult { end: AttemptEnd::Answered(status), at_ms }
    }

    fn note(&self, attempts: u32, status: Option<u16>, post: WebhookPost) -> Delivery {
        let delivery = Delivery { at_ms: self.clock.now_ms(), attempts, status, body: post.body, message_id: post.message_id };
        let mut log = lock(&self.log);
        log.push_back(delivery.clone());
        if log.len() > LOG_LENGTH {
            log.pop_front();
        }
        delivery
    }
}

/// Changes one byte of the body: a digit or letter inside it, so that it usually stays JSON.
fn corrupted(body: &Bytes) -> Bytes {
    let mut bytes = body.to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.iter_mut().skip(middle).find(|byte| byte.is_ascii_alphanumeric()) {
        *byte = if *byte == b'1' { b'2' } else { b'1' };
    }
    Bytes::from(bytes)
}
