//! Takes webhooks to the callback: signing, batches, copies, redelivery.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::sync::watch;

use super::payload::{Change, envelope};
use super::settings::Webhooks;
use super::signature::{on_the_wire, signature};
use crate::sandbox::{clock, lock};

/// How many deliveries the log keeps.
const LOGGED: usize = 10_000;
/// Longest answer of a callback that is read.
const ANSWER_BYTES: usize = 64 * 1024;

/// What became of one webhook POST.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// When the last attempt ended, in milliseconds since 1970.
    pub at_ms: u64,
    /// How often it was posted; 0 where no callback is set or the number does not exist. Copies are not counted.
    pub attempts: u32,
    /// The status of the last answer; absent where there was none.
    pub status: Option<u16>,
    /// The exact bytes of the body.
    pub body: Bytes,
    /// The id of the inbound message, where the POST carries one.
    pub message_id: Option<String>,
}

impl Delivery {
    /// Returns whether the callback took it.
    pub fn is_delivered(&self) -> bool {
        self.status == Some(200)
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Delivery")
            .field("at_ms", &self.at_ms)
            .field("attempts", &self.attempts)
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// How a POST is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    Truly,
    Wrongly,
    Not,
}

pub(super) struct Courier {
    app_secret: String,
    client: Client<HttpConnector, Full<Bytes>>,
    callback: Mutex<Option<String>>,
    plan: Mutex<Webhooks>,
    waiting: Mutex<Vec<Change>>,
    busy: watch::Sender<usize>,
    log: Mutex<VecDeque<Delivery>>,
}

/// Says that webhooks are still to come, as long as it lives.
pub(super) struct Busy(Arc<Courier>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.send_modify(|count| *count -= 1);
    }
}

impl Courier {
    pub(super) fn new(app_secret: String, callback: Option<String>, plan: Webhooks) -> Self {
        Self {
            app_secret,
            client: Client::builder(TokioExecutor::new()).build(HttpConnector::new()),
            callback: Mutex::new(callback),
            plan: Mutex::new(plan),
            waiting: Mutex::default(),
            busy: watch::Sender::new(0),
            log: Mutex::default(),
        }
    }

    pub(super) fn set_callback(&self, url: Option<String>) {
        *lock(&self.callback) = url;
    }

    pub(super) fn callback(&self) -> Option<String> {
        lock(&self.callback).clone()
    }

    pub(super) fn set_plan(&self, plan: Webhooks) {
        *lock(&self.plan) = plan;
    }

    pub(super) fn plan(&self) -> Webhooks {
        lock(&self.plan).clone()
    }

    pub(super) fn log(&self) -> Vec<Delivery> {
        lock(&self.log).iter().cloned().collect()
    }

    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.busy.send_modify(|count| *count += 1);
        Busy(Arc::clone(self))
    }

    /// Waits until nothing is left to be delivered or redelivered.
    pub(super) async fn settle(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.busy.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Sends a change, at once or in a batch. Redelivery goes on behind it, so that a failure does not hold the next one up.
    pub(super) async fn submit(self: &Arc<Self>, change: Change) {
        let Some((most, within)) = self.plan().batch else { return self.post(vec![change]).await };
        let (first, full) = {
            let mut waiting = lock(&self.waiting);
            waiting.push(change);
            self.busy.send_modify(|count| *count += 1);
            (waiting.len() == 1, waiting.len() >= most)
        };
        if full {
            self.flush().await;
        } else if first {
            let courier = Arc::clone(self);
            tokio::spawn(async move {
                clock::pause(within).await;
                courier.flush().await;
            });
        }
    }

    async fn flush(self: &Arc<Self>) {
        let batch = std::mem::take(&mut *lock(&self.waiting));
        let size = batch.len();
        if size > 0 {
            self.post(batch).await;
            self.busy.send_modify(|count| *count -= size);
        }
    }

    async fn post(self: &Arc<Self>, changes: Vec<Change>) {
        let body = Bytes::from(on_the_wire(&envelope(changes)));
        if self.callback().is_none() {
            self.note(0, None, body, None);
            return;
        }
        let status = self.attempt(&body, Signed::Truly).await;
        if status == Some(200) {
            self.copies(&body, Signed::Truly).await;
            self.note(1, status, body, None);
        } else {
            let (courier, busy) = (Arc::clone(self), self.busy());
            tokio::spawn(async move {
                courier.redeliver(body, Signed::Truly, status, None).await;
                drop(busy);
            });
        }
    }

    /// Delivers a body and waits for the end of it, redeliveries and all.
    pub(super) async fn deliver(&self, body: Bytes, signed: Signed, message_id: Option<String>) -> Delivery {
        if self.callback().is_none() {
            return self.note(0, None, body, message_id);
        }
        let status = self.attempt(&body, signed).await;
        if status == Some(200) {
            self.copies(&body, signed).await;
            return self.note(1, status, body, message_id);
        }
        self.redeliver(body, signed, status, message_id).await
    }

    async fn redeliver(&self, body: Bytes, signed: Signed, first: Option<u16>, message_id: Option<String>) -> Delivery {
        let (mut attempts, mut status) = (1, first);
        for pause in self.plan().redelivery {
            clock::pause(pause).await;
            attempts += 1;
            status = self.attempt(&body, signed).await;
            if status == Some(200) {
                self.copies(&body, signed).await;
                break;
            }
        }
        self.note(attempts, status, body, message_id)
    }

    async fn copies(&self, body: &Bytes, signed: Signed) {
        for _ in 1..self.plan().copies {
            self.attempt(body, signed).await;
        }
    }

    fn note(&self, attempts: u32, status: Option<u16>, body: Bytes, message_id: Option<String>) -> Delivery {
        let delivery = Delivery { at_ms: clock::now_ms(), attempts, status, body, message_id };
        let mut log = lock(&self.log);
        log.push_back(delivery.clone());
        if log.len() > LOGGED {
            log.pop_front();
        }
        delivery
    }

    /// One POST; the status, if there was an answer in time.
    async fn attempt(&self, body: &Bytes, signed: Signed) -> Option<u16> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.callback()?)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, "facebookexternalua");
        let secret = match signed {
            Signed::Truly => Some(self.app_secret.clone()),
            Signed::Wrongly => Some(format!("not {}", self.app_secret)),
            Signed::Not => None,
        };
        if let Some(secret) = secret {
            request = request.header("x-hub-signature-256", signature(&secret, body));
        }
        let request = request.body(Full::new(body.clone())).ok()?;
        self.answer(request).await.map(|(status, _)| status)
    }

    /// A GET to an address, for the handshake.
    pub(super) async fn get(&self, url: String) -> Option<(u16, Bytes)> {
        self.answer(Request::builder().uri(url).body(Full::default()).ok()?).await
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Option<(u16, Bytes)> {
        let timeout = self.plan().timeout;
        let exchange = async {
            let response = self.client.request(request).await.ok()?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await.ok()?.to_bytes();
            Some((status, body))
        };
        tokio::time::timeout(timeout, exchange).await.ok().flatten()
    }
}
