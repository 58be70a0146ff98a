//! A client and a callback of the tests' own, over hyper.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use zengine_strategies::sandbox::meta_cloud::{MetaCloud, Number, Settings};

/// The number that most tests send from.
pub(crate) const NUMBER: &str = "100200300";
pub(crate) const TOKEN: &str = "sandbox-token-100200300";

pub(crate) fn settings() -> Settings {
    Settings::new()
        .with_number(Number::new(NUMBER, "900100").with_display_number("15550009999"))
        .with_number(Number::new("100200400", "900200"))
        .with_app_secret("app secret")
}

pub(crate) fn start() -> MetaCloud {
    MetaCloud::start(settings()).unwrap()
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn code(&self) -> i64 {
        self.json()["error"]["code"].as_i64().unwrap_or(0)
    }

    pub(crate) fn wamid(&self) -> String {
        self.json()["messages"][0]["id"].as_str().unwrap().to_owned()
    }
}

pub(crate) struct Client(legacy::Client<HttpConnector, Full<Bytes>>);

impl Client {
    pub(crate) fn new() -> Self {
        Self(legacy::Client::builder(TokioExecutor::new()).build_http())
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let response = self.0.request(request).await?;
        let (head, body) = response.into_parts();
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: body.collect().await?.to_bytes() })
    }

    /// Posts to `/messages` of the usual number.
    pub(crate) async fn message(&self, meta: &MetaCloud, body: &Value) -> Answer {
        self.try_message(meta, body).await.unwrap()
    }

    pub(crate) async fn try_message(&self, meta: &MetaCloud, body: &Value) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        self.send(post(&format!("{}/v26.0/{NUMBER}/messages", meta.base_url()), TOKEN, body)).await
    }

    pub(crate) async fn get(&self, url: &str, token: &str) -> Answer {
        self.send(bearer(Method::GET, url, token).body(Full::default()).unwrap()).await.unwrap()
    }
}

pub(crate) fn bearer(method: Method, url: &str, token: &str) -> http::request::Builder {
    Request::builder().method(method).uri(url).header("authorization", format!("Bearer {token}"))
}

pub(crate) fn post(url: &str, token: &str, body: &Value) -> Request<Full<Bytes>> {
    bearer(Method::POST, url, token).header("content-type", "application/json").body(Full::from(body.to_string())).unwrap()
}

/// A valid message of this type.
pub(crate) fn message(kind: &str, content: impl Into<Value>) -> Value {
    let mut body = json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": "+1 (555) 123-0001", "type": kind});
    body[kind] = content.into();
    body
}

pub(crate) fn text() -> Value {
    message("text", json!({"body": "Hello"}))
}

/// The requests that the callback got.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn value(&self) -> Value {
        self.json()["entry"][0]["changes"][0]["value"].clone()
    }

    pub(crate) fn signature(&self) -> Option<&str> {
        self.headers.get("x-hub-signature-256").map(|value| value.to_str().unwrap())
    }
}

/// A callback that answers what it was told, else 200; on GET it returns the challenge for the token `verify me & more`.
pub(crate) struct Callback {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Arc<Mutex<VecDeque<u16>>>,
}

impl Callback {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (seen, script) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::<Mutex<VecDeque<u16>>>::default());
        let (seen_there, script_there) = (Arc::clone(&seen), Arc::clone(&script));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (seen, script) = (Arc::clone(&seen_there), Arc::clone(&script_there));
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                    async move { Ok::<_, Infallible>(answer(request, &seen, &script).await) }
                });
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, seen, script }
    }

    pub(crate) fn answer_next(&self, statuses: &[u16]) {
        self.script.lock().unwrap().extend(statuses);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The statuses of all messages in the order of their arrival.
    pub(crate) fn statuses(&self) -> Vec<Value> {
        let mut found = Vec::new();
        for seen in self.seen() {
            for entry in seen.json()["entry"].as_array().unwrap() {
                for change in entry["changes"].as_array().unwrap() {
                    found.extend(change["value"]["statuses"].as_array().cloned().unwrap_or_default());
                }
            }
        }
        found
    }
}

async fn answer(request: Request<hyper::body::Incoming>, seen: &Mutex<Vec<Seen>>, script: &Mutex<VecDeque<u16>>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut response = Response::new(Full::default());
    if head.method == Method::GET {
        let query = head.uri.query().unwrap().to_owned();
        let challenge = query.split('&').find_map(|pair| pair.strip_prefix("hub.challenge=")).unwrap().to_owned();
        if query.contains("hub.mode=subscribe") && query.contains("hub.verify_token=verify%20me%20%26%20more") {
            *response.body_mut() = Full::from(challenge);
        } else {
            *response.status_mut() = StatusCode::FORBIDDEN;
        }
    }
    if let Some(status) = script.lock().unwrap().pop_front() {
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        *response.body_mut() = Full::default();
    }
    seen.lock().unwrap().push(Seen { method: head.method, uri: head.uri, headers: head.headers, body });
    response
}
