//! The endpoint as a service of `tower`: called directly, and behind hyper over loopback.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tower_service::Service;
use zengine_connector::{
    Configure, ConfigureContext, Error, InboundContext, InboundStrategy, Memory, Orchestrator, Strategy,
    http::{OriginalUri, Peer},
    message::ElementError,
    orchestrator::{InboundService, InboundSettings},
    schemars,
    strategy::{FinalResponse, InboundRequest, Origin, RawPayload, RequestHead, RoutedEvent, Verified, VerifyError},
    telemetry::{Metric, MetricName, Observer},
    testing::Recording,
};

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

/// Answers with what it was given.
#[derive(Debug, Strategy)]
#[strategy(name = "probe", channel = Webchat, config = Nothing, inbound)]
struct Probe;

impl Configure<Nothing> for Probe {
    type Tenant = ();

    async fn configure(&self, _: Nothing, _: &ConfigureContext) -> Result<(), Error> {
        Ok(())
    }
}

impl InboundStrategy<Nothing> for Probe {
    async fn verify(&self, request: &InboundRequest, _: &InboundContext<()>) -> Result<Verified, VerifyError> {
        let Origin::Http { parts, .. } = request.origin() else { return Err(VerifyError::NotFound) };
        let seen = json!({
            "method": parts.method.as_str(),
            "uri": parts.uri.to_string(),
            "original": request.original_uri().map(ToString::to_string),
            "peer": request.peer(),
            "body": request.body().iter().copied().map(char::from).collect::<String>(),
        });
        Ok(Verified::reply(http::Response::new(seen.to_string().into())))
    }

    fn normalize(&self, _: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        vec![]
    }

    async fn finish(&self, request: &RequestHead, _: &InboundContext<()>, response: &mut FinalResponse<'_>) {
        if request.query("finish").is_some() {
            response.add_header(http::header::VARY, http::HeaderValue::from_static("origin"));
        }
    }
}

/// Requests that were counted, by strategy and outcome.
#[derive(Debug, Default)]
struct Counted(Mutex<Vec<String>>);

impl Observer for Counted {
    fn record(&self, metric: &Metric<'_>) {
        if metric.name == MetricName::InboundRequests {
            let (strategy, outcome) = (metric.dimensions.strategy.unwrap(), metric.dimensions.outcome.unwrap());
            self.0.lock().unwrap().push(format!("{strategy} {outcome}"));
        }
    }
}

fn host(settings: InboundSettings) -> (InboundService, Arc<Counted>) {
    let counted = Arc::new(Counted::default());
    let builder = Orchestrator::builder()
        .strategy(Probe)
        .strategy(Recording::new())
        .stores(Memory::new())
        .inbound(settings)
        .observer(Arc::clone(&counted) as _);
    (builder.build().unwrap().service(), counted)
}

fn service() -> InboundService {
    host(InboundSettings::default()).0
}

/// A body of these frames; it never ends after `None`.
struct Frames {
    left: VecDeque<Option<Result<Bytes, &'static str>>>,
    announced: u64,
    polls: Arc<AtomicUsize>,
}

fn body(frames: impl IntoIterator<Item = Option<Result<&'static [u8], &'static str>>>) -> Frames {
    let frames = frames.into_iter().map(|frame| frame.map(|frame| frame.map(Bytes::from_static))).collect();
    Frames { left: frames, announced: 0, polls: Arc::default() }
}

fn chunks(chunks: &[&'static [u8]]) -> Frames {
    body(chunks.iter().map(|chunk| Some(Ok(*chunk))))
}

impl Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.polls.fetch_add(1, SeqCst);
        if let Some(None) = self.left.front() {
            return Poll::Pending;
        }
        Poll::Ready(self.left.pop_front().flatten().map(|frame| frame.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.announced);
        hint
    }
}

async fn call<B>(service: &InboundService, request: Request<B>) -> (StatusCode, Bytes)
where
    InboundService: Service<Request<B>, Response = http::Response<zengine_connector::orchestrator::ResponseBody>, Error = Infallible>,
{
    let Ok(response) = service.clone().call(request).await;
    (response.status(), response.into_body().into())
}

async fn seen(service: &InboundService, method: Method, uri: &str) -> Option<Value> {
    let request = Request::builder().method(method).uri(uri).body(chunks(&[])).unwrap();
    let (status, body) = call(service, request).await;
    assert!(status == 200 || (status == 404 && body == "not found"), "{uri}: {status}");
    (status == 200).then(|| serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn the_strategy_sees_the_path_behind_its_name() {
    let bare = service();
    let below = service().with_prefix("/in/bound/");
    for (path, rest) in [
        ("/probe", "/"),
        ("/probe/", "/"),
        ("/probe//", "//"),
        ("/probe/a/b/", "/a/b/"),
        ("/probe/a%2Fb/%C3%A4?x=%26&y=a+b", "/a%2Fb/%C3%A4?x=%26&y=a+b"),
        ("/probe?x=/probe", "/?x=/probe"),
        ("/probe?", "/?"),
        ("/%70robe/x", "/x"),
        ("http://host.example:8080/probe/x?y", "http://host.example:8080/x?y"),
    ] {
        let saw = seen(&bare, Method::POST, path).await.unwrap_or_else(|| panic!("{path} is not found"));
        assert_eq!((saw["uri"].as_str().unwrap(), saw["original"].as_str().unwrap()), (rest, path), "{path}");
    }
    let saw = seen(&below, Method::POST, "/in/bound/probe/x?y").await.unwrap();
    assert_eq!((&saw["uri"], &saw["original"]), (&json!("/x?y"), &json!("/in/bound/probe/x?y")));
}

#[tokio::test]
async fn other_paths_are_not_found_and_their_bodies_unread() {
    let (service, counted) = host(InboundSettings::default());
    for path in ["/", "//", "//probe", "/prob", "/probes", "/PROBE", "/x/probe", "/recording", "/probe%2Fx", "/probe%", "/%ff", "*"] {
        let unread = chunks(&[b"canary"]);
        let polls = Arc::clone(&unread.polls);
        let (status, answer) = call(&service, Request::post(path).body(unread).unwrap()).await;
        assert_eq!((status.as_u16(), &answer[..], polls.load(SeqCst)), (404, &b"not found"[..], 0), "{path}");
    }
    let below = service.with_prefix("in");
    for path in ["/in", "/in/", "/inprobe", "/probe", "/in/in/probe", "/x/in/probe"] {
        assert!(seen(&below, Method::GET, path).await.is_none(), "{path}");
    }
    assert!(seen(&below, Method::GET, "/in/probe").await.is_some());
    let counted = counted.0.lock().unwrap();
    let of = |name: &str| counted.iter().filter(|known| *known == name).count();
    assert_eq!([of("unknown refused"), of("recording refused"), of("probe done"), counted.len()], [17, 1, 1, 19], "{counted:?}");
}

#[tokio::test]
async fn every_method_goes_to_the_strategy() {
    let service = service();
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "X-OWN"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(seen(&service, method.clone(), "/probe").await.unwrap()["method"], method.as_str());
    }
}

#[tokio::test]
async fn the_bytes_are_those_that_were_sent() {
    let service = service();
    for (frames, whole) in [
        (&[][..], &b""[..]),
        (&[&b"\xff\x00{\r\n"[..]][..], &b"\xff\x00{\r\n"[..]),
        (&[&b""[..], b"a", b"", b"bc", b"\xc3", b"\xa4"][..], b"abc\xc3\xa4"),
    ] {
        let (_, answer) = call(&service, Request::post("/probe").body(chunks(frames)).unwrap()).await;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["body"], whole.iter().copied().map(char::from).collect::<String>());
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_as_soon_as_that_is_known() {
    let (service, counted) = host(InboundSettings { max_body_bytes: 4, ..InboundSettings::default() });
    assert_eq!(call(&service, Request::post("/probe").body(chunks(&[b"ab", b"cd"])).unwrap()).await.0, 200);
    for (frames, announced, polled) in
        [(&[&b"ab"[..], b"cde", b"f"][..], 0, 2), (&[b"abcde"], 0, 1), (&[b"abcde"], 5, 0), (&[], u64::MAX, 0)]
    {
        let body = Frames { announced, ..chunks(frames) };
        let polls = Arc::clone(&body.polls);
        let (status, answer) = call(&service, Request::post("/probe").body(body).unwrap()).await;
        assert_eq!((status.as_u16(), &answer[..], polls.load(SeqCst)), (413, &b"too large"[..], polled));
    }
    assert_eq!(*counted.0.lock().unwrap(), ["probe done", "probe refused", "probe refused", "probe refused", "probe refused"]);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up() {
    let (service, counted) = host(InboundSettings { body_timeout: Duration::from_secs(7), ..InboundSettings::default() });
    let began = tokio::time::Instant::now();
    let (status, _) = call(&service, Request::post("/probe").body(body([Some(Ok(&b"a"[..])), None])).unwrap()).await;
    assert_eq!((status.as_u16(), began.elapsed().as_secs()), (408, 7));
    assert_eq!(*counted.0.lock().unwrap(), ["probe refused"]);
}

/// A body of empty frames and trailers, each of which is there at once.
struct Endless(u32);

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0 += 1;
        assert!(self.0 < 1_000_000, "it is read for ever");
        let trailers = || Frame::trailers(http::HeaderMap::new());
        Poll::Ready(Some(Ok(if self.0.is_multiple_of(2) { trailers() } else { Frame::data(Bytes::new()) })))
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_of_empty_frames_is_given_up_in_time_and_keeps_nothing_from_running() {
    let service = host(InboundSettings { body_timeout: Duration::from_secs(7), ..InboundSettings::default() }).0;
    let began = tokio::time::Instant::now();
    let upload = call(&service, Request::post("/probe").body(Endless(0)).unwrap());
    let ((status, _), ()) = tokio::join!(upload, tokio::time::advance(Duration::from_secs(7)));
    assert_eq!((status.as_u16(), began.elapsed().as_secs()), (408, 7));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused_and_its_error_not_repeated() {
    let broken = body([Some(Ok(&b"a"[..])), Some(Err("canary"))]);
    let (status, answer) = call(&service(), Request::post("/probe").body(broken).unwrap()).await;
    assert_eq!((status.as_u16(), &answer[..]), (400, &b"the body broke off"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_body_was_never_read_is_shown_to_the_strategy_too() {
    let settings = InboundSettings { max_body_bytes: 4, body_timeout: Duration::from_secs(7), ..InboundSettings::default() };
    let service = host(settings).0;
    for (status, body) in
        [(200, chunks(&[b"abcd"])), (400, body([Some(Err("broken"))])), (408, body([None])), (413, Frames { announced: 5, ..chunks(&[]) })]
    {
        let Ok(response) = service.clone().call(Request::post("/probe/x?finish=1").body(body).unwrap()).await;
        assert_eq!((response.status().as_u16(), response.headers()["vary"].to_str().unwrap()), (status, "origin"));
    }
    // No strategy of the host: nobody to ask.
    let Ok(stranger) = service.clone().call(Request::post("/nobody?finish=1").body(chunks(&[])).unwrap()).await;
    assert_eq!((stranger.status().as_u16(), stranger.headers().get("vary")), (404, None));
}

#[tokio::test]
async fn the_hosts_extensions_reach_the_strategy() {
    let mut request = Request::post("/probe/x").body(chunks(&[])).unwrap();
    request.extensions_mut().insert(Peer(IpAddr::from([192, 0, 2, 7])));
    request.extensions_mut().insert(OriginalUri("https://example.com/hooks/probe/x".parse().unwrap()));
    let (_, answer) = call(&service(), request).await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((&answer["peer"], &answer["original"]), (&json!("192.0.2.7"), &json!("https://example.com/hooks/probe/x")));
}

#[test]
fn nothing_printed_holds_an_address_or_a_body() {
    fn clone_send_sync<T: Clone + Send + Sync + 'static>(_: &T) {}
    let service = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async { service() });
    clone_send_sync(&service);
    let printed = format!("{service:?} {:?}", OriginalUri("/canary?canary".parse().unwrap()));
    assert!(!printed.contains("canary"), "{printed}");
}

/// Serves the service with hyper; gives an address.
async fn hyper(settings: InboundSettings) -> std::net::SocketAddr {
    let service = host(settings).0.with_prefix("/webhooks");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

/// Sends these pieces and reads until the server closes or `end` has come.
async fn exchange(address: std::net::SocketAddr, pieces: &[&str], end: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    for piece in pieces {
        stream.write_all(piece.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
    }
    let (mut text, mut buffer) = (String::new(), [0; 1024]);
    while !text.contains(end) {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(n) => text.push_str(std::str::from_utf8(&buffer[..n]).unwrap()),
        }
    }
    text
}

#[tokio::test]
async fn behind_hyper_it_answers_the_world() {
    let address =
        hyper(InboundSettings { max_body_bytes: 16, body_timeout: Duration::from_millis(200), ..InboundSettings::default() }).await;
    let post = "POST /webhooks/probe/x?y=1 HTTP/1.1\r\nhost: a\r\n";

    let chunked = exchange(address, &[post, "transfer-encoding: chunked\r\n\r\n3\r\nab", "c\r\n1\r\nd\r\n0\r\n\r\n"], "}").await;
    assert!(
        chunked.starts_with("HTTP/1.1 200") && chunked.contains("\"body\":\"abcd\"") && chunked.contains("\"uri\":\"/x?y=1\""),
        "{chunked}"
    );

    // Whoever asks before sending is spared the sending.
    let asked = exchange(address, &[post, "content-length: 17\r\nexpect: 100-continue\r\n\r\n"], "too large").await;
    assert!(asked.starts_with("HTTP/1.1 413"), "{asked}");
    let counted = exchange(address, &[post, "transfer-encoding: chunked\r\n\r\n11\r\n", "12345678901234567\r\n"], "too large").await;
    assert!(counted.starts_with("HTTP/1.1 413"), "{counted}");
    let slow = exchange(address, &[post, "content-length: 16\r\n\r\nabc"], "in time").await;
    assert!(slow.starts_with("HTTP/1.1 408"), "{slow}");

    let head = exchange(address, &["HEAD /webhooks/probe HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"], "never").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    let options = exchange(address, &["OPTIONS /webhooks/probe HTTP/1.1\r\nhost: a\r\n\r\n"], "}").await;
    assert!(options.starts_with("HTTP/1.1 200") && options.contains("OPTIONS"), "{options}");
    let stranger = exchange(address, &["GET /probe HTTP/1.1\r\nhost: a\r\n\r\n"], "not found").await;
    assert!(stranger.starts_with("HTTP/1.1 404"), "{stranger}");
}
