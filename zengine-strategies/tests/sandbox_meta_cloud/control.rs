//! Control calls over HTTP, the journal as lines and as a stream.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use zengine_strategies::sandbox::meta_cloud::MetaCloud;
use zengine_strategies::sandbox::{EntryKind, Fault};

use crate::support::{Answer, Callback, Client, NUMBER, TOKEN, message, settings, start, text};

async fn call(meta: &MetaCloud, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
    let request = Request::builder().method(method).uri(format!("{}/_sandbox{path}", meta.base_url()));
    Client::new().send(request.body(Full::new(body.into())).unwrap()).await.unwrap()
}

async fn ask(meta: &MetaCloud, path: &str) -> Value {
    let answer = call(meta, Method::GET, path, "").await;
    assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
    answer.json()
}

async fn tell(meta: &MetaCloud, path: &str, body: Value) -> Value {
    let answer = call(meta, Method::POST, path, body.to_string()).await;
    assert_eq!(answer.status, 200, "{path} {body}: {:?}", answer.body);
    answer.json()
}

fn lines(answer: &Answer) -> Vec<Value> {
    std::str::from_utf8(&answer.body).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_thousand_faults_wait_at_most() {
    let meta = start();
    let many = |n| Value::Array(vec![json!({"fault": "hang"}); n]).to_string();
    for path in ["/faults", "/webhook-faults"] {
        let refused = call(&meta, Method::POST, path, many(1_001)).await;
        assert_eq!(refused.status, 400, "{}", refused.json());
        assert!(refused.json().to_string().contains("at most 1000 faults wait; 0 do, and these are 1001 more"), "{}", refused.json());
    }
    assert_eq!(call(&meta, Method::POST, "/faults", many(1_000)).await.json(), json!({"waiting": 1_000}));
    let refused = call(&meta, Method::POST, "/faults", json!({"fault": "hang"}).to_string()).await;
    assert_eq!((refused.status, &ask(&meta, "/state").await["waiting_faults"]), (400, &json!(1_000)), "{}", refused.json());
}

#[tokio::test]
async fn faults_are_queued_shown_and_cleared() {
    let (meta, client) = (start(), Client::new());
    let script = json!([
        {"fault": "throttle", "times": 2, "headers": {"retry-after": "1"}},
        {"fault": "error", "code": 131_047, "when": {"/type": "image"}},
        {"fault": "pass"},
        {"fault": "error", "code": 80_008, "edge": "node"}
    ]);
    assert_eq!(tell(&meta, "/faults", script).await, json!({"waiting": 4}));
    let waiting = ask(&meta, "/faults").await["waiting"].clone();
    assert_eq!(waiting[0], json!({"fault": "throttle", "times": 2, "headers": {"retry-after": "1"}}));
    assert_eq!(waiting[3]["edge"], "node");
    for code in [130_429, 130_429, 0] {
        assert_eq!(client.message(&meta, &text()).await.code(), code);
    }
    assert_eq!(client.message(&meta, &message("image", json!({"id": "1"}))).await.code(), 131_047);
    assert_eq!(client.get(&format!("{}/v26.0/{NUMBER}", meta.base_url()), TOKEN).await.code(), 80_008);
    assert_eq!(meta.waiting_faults(), 0);

    meta.fail_always(Fault::hang().when(|_| true));
    assert_eq!(ask(&meta, "/faults").await["waiting"][0], json!({"fault": "hang", "forever": true, "conditional": true}));
    assert_eq!(call(&meta, Method::DELETE, "/faults", "").await.json(), json!({"waiting": 0}));
    assert_eq!(client.message(&meta, &text()).await.code(), 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_call_is_said() {
    let meta = start();
    for (method, path, body, status, expected) in [
        (Method::POST, "/faults", "{", 400, "the body: no JSON"),
        (Method::POST, "/faults", "[{\"fault\":\"hang\",\"times\":1,\"times\":2}]", 400, "the body: /0/*: is there twice"),
        (
            Method::POST,
            "/faults",
            "[{\"fault\":\"throttle\"},{\"fault\":\"x\"}]",
            400,
            "element 1: `fault`: unknown variant `x`, expected one of `pass`",
        ),
        (Method::POST, "/webhook-faults", "{\"fault\":\"delay\"}", 400, "needs `ms`"),
        (Method::POST, "/faults", "{\"fault\":\"throttle\",\"ms\":1}", 400, "a fault of kind `throttle` takes no `ms`"),
        (Method::POST, "/faults", "{\"fault\":\"error\",\"code\":\"Throttling\"}", 400, "not a code of this provider"),
        (Method::GET, "/nothing", "", 404, "no control call `/_sandbox/nothing`; there are GET /_sandbox, GET /_sandbox/state"),
        (Method::PUT, "/faults", "", 405, "takes GET /_sandbox/faults, POST /_sandbox/faults"),
        (Method::POST, "/clock", "{\"advance\":\"soon\"}", 400, "as in \"60d\""),
        (Method::POST, "/clock", "{}", 400, "either `advance` or"),
        (Method::POST, "/clock", "{\"advance_ms\":-1}", 400, "u64"),
        (Method::POST, "/connections", "{\"refuse_ms\":0}", 400, "1 to 600000"),
        (Method::GET, "/journal?after=x", "", 400, "whole number"),
        (Method::GET, "/journal?kind=x", "", 400, "request or webhook"),
        (Method::POST, "/updates", "{\"number\":\"1\",\"text\":\"x\",\"from\":\"1\"}", 400, "there is no number `1`"),
        (Method::POST, "/updates", "{\"number\":\"100200300\",\"text\":\"x\"}", 400, "needs `from`"),
        (Method::POST, "/updates", "{\"number\":\"100200300\"}", 400, "give one of"),
        (Method::POST, "/updates", "[]", 400, "no update"),
        (Method::POST, "/updates", "3", 400, "invalid type"),
        (Method::PUT, "/webhooks", "{\"callback\":\"https://example.org\"}", 400, "http://"),
        (Method::PUT, "/rules", "{\"gravity\":true}", 400, "unknown field"),
        (Method::PUT, "/rules", "{\"throughput\":80,\"pair_limit\":1}", 400, "`pair_limit`: invalid type"),
        (Method::POST, "/node", "{\"number\":\"1\",\"field\":\"a\",\"value\":1}", 404, "no number"),
        (Method::POST, "/tokens", "{\"token\":\"nobody\"}", 404, "unknown"),
        (Method::POST, "/media?number=100200300", "x", 400, "type="),
        (Method::POST, "/handshake", "", 400, "no callback"),
    ] {
        let answer = call(&meta, method.clone(), path, body).await;
        let said = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(answer.status == status && said.contains(expected), "{method} {path} {body}: {} {said}", answer.status);
    }
    assert_eq!(meta.waiting_faults(), 0, "a script with a mistake queues nothing");
    assert_eq!(meta.journal().request_count(), 0, "control calls are not in the journal");
}

#[tokio::test]
async fn only_this_machine_makes_control_calls() {
    let meta = start();
    let port = meta.base_url().rsplit_once(':').unwrap().1.to_owned();
    let with = |name: &'static str, value: String| {
        let request = Request::get(format!("{}/_sandbox/state", meta.base_url())).header(name, value);
        let meta = &meta;
        async move { Client::new().send(request.body(Full::default()).unwrap()).await.map(|answer| (meta.base_url(), answer)).unwrap().1 }
    };
    assert_eq!(with("host", format!("rebound.example:{port}")).await.status, 403);
    assert_eq!(with("origin", "https://evil.example".to_owned()).await.status, 403);
    assert_eq!(with("sec-fetch-site", "cross-site".to_owned()).await.status, 403);
    let local = with("origin", "http://localhost:5173".to_owned()).await;
    assert_eq!((local.status, &local.headers["access-control-allow-origin"]), (200, &"http://localhost:5173".parse().unwrap()));
    let plain = with("x-nothing", String::new()).await;
    assert!(plain.status == 200 && !plain.headers.contains_key("access-control-allow-origin"));
    let preflight = Request::builder().method(Method::OPTIONS).uri(format!("{}/_sandbox/faults", meta.base_url()));
    let preflight = Client::new().send(preflight.header("origin", "http://127.0.0.1:1").body(Full::default()).unwrap()).await.unwrap();
    assert_eq!(preflight.status, 204);
    assert!(preflight.headers["access-control-allow-methods"].to_str().unwrap().contains("POST"));
}

#[tokio::test]
async fn a_program_without_rust_can_drive_a_whole_test() {
    let callback = Callback::start().await;
    let meta = start();
    let index = ask(&meta, "").await;
    assert_eq!((&index["emulator"], &index["base_url"]), (&json!("whatsapp-meta-cloud"), &json!(meta.base_url())));
    for listed in index["calls"].as_array().unwrap() {
        let (method, path) = listed["call"].as_str().unwrap().split_once(' ').unwrap();
        if method == "GET" && !path.ends_with("stream") && !path.ends_with("verification-code") {
            assert_eq!(call(&meta, Method::GET, path.strip_prefix("/_sandbox").unwrap(), "").await.status, 200, "{path}");
        }
    }

    let set = json!({"callback": callback.url, "statuses": [{"status": "sent"}], "redelivery_ms": [0], "copies": 1, "batch": null});
    let set = call(&meta, Method::PUT, "/webhooks", set.to_string()).await.json();
    assert_eq!((&set["callback"], &set["redelivery_ms"]), (&json!(callback.url), &json!([0])));
    assert_eq!(tell(&meta, "/handshake", json!({"verify_token": "verify me & more"})).await, json!({"verified": true}));

    let sent = tell(&meta, "/updates", json!({"number": NUMBER, "from": "15551230001", "text": "Hi", "name": "Ana"})).await;
    assert_eq!((&sent["delivered"], &sent["attempts"]), (&json!(true), &json!(1)));
    let mixed = json!([
        {"number": NUMBER, "message": {"from": "15551230001", "type": "image", "image": {"id": "1"}}},
        {"number": "100200400", "status": {"id": "wamid.A", "status": "read", "recipient_id": "15551230002"}},
        {"number": NUMBER, "field": "account_update", "value": {"event": "PARTNER_REMOVED"}}
    ]);
    assert_eq!(tell(&meta, "/updates", mixed).await["delivered"], true);
    let entries = callback.seen().last().unwrap().json()["entry"].clone();
    assert_eq!(entries.as_array().unwrap().iter().map(|entry| entry["changes"].as_array().unwrap().len()).collect::<Vec<_>>(), [2, 1]);
    call(&meta, Method::POST, "/webhooks/raw?signature=none", "{\"raw\":1}").await;
    assert_eq!((callback.seen().last().unwrap().signature(), &callback.seen().last().unwrap().body[..]), (None, &b"{\"raw\":1}"[..]));

    meta.disturb_next(zengine_strategies::sandbox::WebhookFault::drop_once());
    let update = json!({"number": NUMBER, "field": "account_update", "value": {}});
    assert_eq!(tell(&meta, "/updates?wait=false", update).await, json!({"queued": true}));
    meta.settle().await;
    assert_eq!(callback.seen().last().unwrap().value(), json!({}));

    tell(&meta, "/webhook-faults", json!({"fault": "duplicate"})).await;
    let before = callback.seen().len();
    tell(&meta, "/updates", json!({"number": NUMBER, "from": "15551230001", "text": "twice"})).await;
    assert_eq!(tell(&meta, "/settle", json!({})).await["settled"], true);
    assert_eq!(callback.seen().len(), before + 2);

    let added = tell(&meta, "/numbers", json!({"id": "100200500", "account": "900300", "token": "t-5"})).await;
    assert_eq!(added, json!({"id": "100200500", "token": "t-5"}));
    let node = format!("{}/v26.0/100200500", meta.base_url());
    tell(&meta, "/node", json!({"number": "100200500", "field": "quality_rating", "value": "RED"})).await;
    assert_eq!(Client::new().get(&node, "t-5").await.json()["quality_rating"], "RED");
    tell(&meta, "/tokens", json!({"number": "100200500", "expire_in_ms": 1000})).await;
    let ahead = tell(&meta, "/clock", json!({"advance": "2s"})).await;
    assert_eq!(ahead["ahead_ms"], 2_000);
    let expired = Client::new().get(&node, "t-5").await;
    assert_eq!((expired.status, &expired.json()["error"]["error_subcode"]), (401, &json!(463)));

    let media = call(&meta, Method::POST, &format!("/media?number={NUMBER}&type=image/png"), "png").await.json();
    assert!(Client::new().get(&format!("{}/v26.0/{}", meta.base_url(), media["id"].as_str().unwrap()), TOKEN).await.status == 200);
    call(&meta, Method::PUT, "/rules", "{\"throughput\":1,\"known_media_only\":true}").await;
    assert_eq!(ask(&meta, "/rules").await["throughput"], 1);

    tell(&meta, "/reset", json!({})).await;
    let state = ask(&meta, "/state").await;
    assert_eq!((&state["clock"]["ahead_ms"], &state["media"], &state["callback"]), (&json!(0), &json!(0), &Value::Null));
    assert_eq!(state["numbers"].as_array().unwrap().len(), 2);
    assert_eq!(ask(&meta, "/rules").await["throughput"], Value::Null);
    assert!(lines(&call(&meta, Method::GET, "/journal", "").await).is_empty());
}

#[tokio::test]
async fn connections_can_be_refused_for_a_while_by_a_call() {
    let meta = start();
    tell(&meta, "/connections", json!({"refuse_ms": 100})).await;
    let address = meta.base_url().replace("http://", "");
    let connect = || std::net::TcpStream::connect(&address).map(drop).map_err(|error| error.kind());
    assert_eq!(connect(), Err(std::io::ErrorKind::ConnectionRefused));
    while connect().is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(Client::new().message(&meta, &text()).await.status, 200);
}

#[tokio::test]
async fn the_journal_holds_requests_answers_faults_and_webhooks_without_secrets() {
    let callback = Callback::start().await;
    let meta = MetaCloud::start(settings().with_callback(&callback.url).with_verify_token("canary-verify")).unwrap();
    let client = Client::new();
    let wamid = client.message(&meta, &text()).await.wamid();
    meta.fail_next(Fault::throttle());
    client.message(&meta, &text()).await;
    let url = format!(
        "{}/v26.0/oauth/access_token?client_id={}&client_secret=app%20secret&grant_type=client_credentials",
        meta.base_url(),
        meta.app_id()
    );
    client.get(&url, TOKEN).await;
    client.get(&format!("{}/v26.0/{NUMBER}?access_token={TOKEN}&fields=status", meta.base_url()), "other").await;
    meta.settle().await;

    let all = lines(&call(&meta, Method::GET, "/journal", "").await);
    assert_eq!(all.iter().map(|entry| entry["number"].as_u64().unwrap()).collect::<Vec<_>>(), (1..=all.len() as u64).collect::<Vec<_>>());
    let requests: Vec<_> = all.iter().filter(|entry| entry["kind"] == "request").collect();
    assert_eq!(requests[0]["answer"]["messages"][0]["id"], wamid);
    assert_eq!((&requests[0]["edge"], &requests[0]["body"]), (&json!("messages"), &text()));
    assert_eq!((&requests[1]["fault"], &requests[1]["answer"]["error"]["code"]), (&json!("throttle"), &json!(130_429)));
    assert_eq!(requests[2]["answer"]["access_token"], "***");
    assert!(requests[2]["query"].as_str().unwrap().contains("client_secret=***&grant_type"));
    assert!(requests[3]["query"].as_str().unwrap().starts_with("access_token=***"));
    let webhooks: Vec<_> = all.iter().filter(|entry| entry["kind"] == "webhook").collect();
    assert_eq!(webhooks.len(), 3);
    assert_eq!((&webhooks[0]["path"], &webhooks[0]["status"]), (&json!(callback.url), &json!(200)));
    assert_eq!(webhooks[0]["body"]["entry"][0]["changes"][0]["value"]["statuses"][0]["id"], wamid);
    let raw = serde_json::to_string(&all).unwrap();
    for secret in [TOKEN, "app secret", "app%20secret", "canary-verify"] {
        assert!(!raw.contains(secret), "{secret}");
    }

    let after = lines(&call(&meta, Method::GET, "/journal?after=2&limit=2", "").await);
    assert_eq!(after.iter().map(|entry| entry["number"].clone()).collect::<Vec<_>>(), [3, 4]);
    let webhooks = lines(&call(&meta, Method::GET, "/journal?kind=webhook&limit=2", "").await);
    assert!(webhooks.len() == 2 && webhooks.iter().all(|entry| entry["kind"] == "webhook"));
    assert_eq!(meta.journal().webhooks().len(), 3);
    assert!(meta.journal().entries().iter().all(|entry| entry.kind == EntryKind::Request));
}

/// Server-sent events, read as far as wanted.
struct Events {
    body: hyper::body::Incoming,
    text: String,
}

impl Events {
    async fn open(meta: &MetaCloud, query: &str, last: Option<&str>) -> Self {
        let client = legacy::Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let mut request = Request::get(format!("{}/_sandbox/journal/stream{query}", meta.base_url()));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = client.request(request.body(Full::default()).unwrap()).await.unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()["content-type"]), (200, &"text/event-stream".parse().unwrap()));
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next block, without the empty line behind it.
    async fn next(&mut self) -> String {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return block;
            }
            let frame = self.body.frame().await.unwrap().unwrap();
            self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }

    /// The next entry: its id, kind and JSON.
    async fn entry(&mut self) -> (u64, String, Value) {
        loop {
            let block = self.next().await;
            if block.starts_with("id: ") {
                let part = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
                return (part("id: ").parse().unwrap(), part("event: "), serde_json::from_str(&part("data: ")).unwrap());
            }
        }
    }
}

#[tokio::test]
async fn the_journal_is_a_stream_that_resumes() {
    let (meta, client) = (start(), Client::new());
    client.message(&meta, &text()).await;
    let mut stream = Events::open(&meta, "", None).await;
    assert_eq!(stream.next().await, "retry: 1000");
    let (id, kind, entry) = stream.entry().await;
    assert_eq!((id, kind.as_str(), &entry["body"], &entry["number"]), (1, "request", &text(), &json!(1)));
    client.message(&meta, &message("text", json!({"body": "line\nbreak"}))).await;
    let (id, _, entry) = stream.entry().await;
    assert_eq!((id, &entry["body"]["text"]["body"]), (2, &json!("line\nbreak")));
    drop(stream);

    for _ in 0..3 {
        client.message(&meta, &text()).await;
    }
    let mut again = Events::open(&meta, "?after=0", Some("2")).await;
    for expected in 3..=5 {
        assert_eq!(again.entry().await.0, expected, "Last-Event-ID goes before ?after=");
    }
    let mut late = Events::open(&meta, "?after=4&heartbeat_ms=50", None).await;
    assert_eq!(late.entry().await.0, 5);
    assert_eq!(late.next().await, ": heartbeat");
    assert_eq!(call(&meta, Method::GET, "/journal/stream?after=x", "").await.status, 400);
    let many = meta.journal().request_count();
    let mut burst = Events::open(&meta, &format!("?after={many}"), None).await;
    for _ in 0..600 {
        client.message(&meta, &text()).await;
    }
    for expected in many + 1..=many + 600 {
        assert_eq!(burst.entry().await.0, expected, "none is lost, none is doubled");
    }
}

#[tokio::test]
async fn a_stopped_emulator_ends_its_streams() {
    let meta = start();
    let mut stream = Events::open(&meta, "", None).await;
    stream.next().await;
    meta.shutdown();
    assert!(!matches!(stream.body.frame().await, Some(Ok(_))));
}
