//! The reqwest adapter against servers that misbehave, on loopback: what happened, how far the request got, and that
//! nothing is sent twice.
#![cfg(feature = "reqwest")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    error::Error as _,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
};
use zengine_connector::{
    HttpClient as _, Reach,
    http::{CallOptions, HttpCause, HttpError, ReqwestClient},
};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What every server of a test has read, one entry per request.
type Journal = Arc<Mutex<Vec<String>>>;

/// A server that does `behave` with every connection.
async fn serve<F>(behave: impl Fn(TcpStream, Journal) -> F + Send + 'static) -> (SocketAddr, Journal)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, journal) = (listener.local_addr().unwrap(), Journal::default());
    let shared = Arc::clone(&journal);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(behave(stream, Arc::clone(&shared)));
        }
    });
    (address, journal)
}

/// A server that answers every request with the same bytes and keeps connections open.
async fn answering(answer: impl Into<Vec<u8>>) -> (SocketAddr, Journal) {
    let answer = answer.into();
    serve(move |mut stream, journal| {
        let answer = answer.clone();
        async move {
            while read_request(&mut stream, &journal).await {
                stream.write_all(&answer).await.unwrap();
            }
        }
    })
    .await
}

/// Reads one request whole and writes it into the journal; false where the connection ended before.
async fn read_request(stream: &mut TcpStream, journal: &Journal) -> bool {
    let mut text = Vec::new();
    loop {
        if let Some(head) = text.windows(4).position(|w| w == b"\r\n\r\n") {
            let lower = String::from_utf8_lossy(&text[..head]).to_lowercase();
            let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok()).unwrap_or(0);
            if text.len() >= head + 4 + length {
                journal.lock().unwrap().push(String::from_utf8(text).unwrap());
                return true;
            }
        }
        match stream.read_buf(&mut text).await {
            Ok(n) if n > 0 => {}
            _ => return false,
        }
    }
}

fn client() -> ReqwestClient {
    ReqwestClient::builder().no_proxy().build().unwrap()
}

fn post(address: SocketAddr, path: &str) -> http::Request<Bytes> {
    http::Request::post(format!("http://{address}{path}?canary=canary-query")).body("canary-message".into()).unwrap()
}

fn get(address: SocketAddr, path: &str) -> http::Request<Bytes> {
    http::Request::get(format!("http://{address}{path}?canary=canary-query")).body(Bytes::new()).unwrap()
}

async fn fail(mut request: http::Request<Bytes>, options: CallOptions) -> HttpError {
    request.headers_mut().insert("authorization", "Bearer canary-token".parse().unwrap());
    let error = client().call(request, options).await.unwrap_err();
    assert_silent(&error);
    error
}

#[track_caller]
fn assert_is(error: &HttpError, cause: HttpCause, reach: Reach) {
    assert_eq!((error.cause, error.reach), (cause, reach), "{error:?}");
}

/// Resets the connection instead of closing it in order.
#[allow(deprecated)] // a linger time of zero never blocks
fn reset(stream: TcpStream) {
    stream.set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// From here on only a timer can go on: time jumps to it.
async fn hang() {
    tokio::time::pause();
    std::future::pending::<()>().await;
}

/// Every error that [`fail`] gave is looked through for what stood in the request.
#[track_caller]
fn assert_silent(error: &HttpError) {
    let mut printed = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(cause) = source {
        printed = format!("{printed} {cause} {cause:?}");
        source = cause.source();
    }
    assert!(!printed.contains("canary") && !printed.contains("http://") && !printed.contains("https://"), "{printed}");
}

#[tokio::test]
async fn a_refused_connection_sent_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert_is(&fail(post(address, "/"), CallOptions::DEFAULT).await, HttpCause::Connect, Reach::NotSent);
    assert_is(&fail(get(address, "/"), CallOptions::DEFAULT).await, HttpCause::Connect, Reach::NotSent);
}

#[tokio::test]
async fn a_failed_tls_handshake_sent_nothing() {
    let (address, _) = serve(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    for body in ["canary-message", ""] {
        let request = http::Request::post(format!("https://{address}/canary")).body(body.into()).unwrap();
        assert_is(&fail(request, CallOptions::DEFAULT).await, HttpCause::Connect, Reach::NotSent);
    }
}

#[tokio::test]
async fn a_tls_handshake_that_hangs_ends_at_the_connect_timeout_and_sent_nothing() {
    let (address, _) = serve(|mut stream, _| async move {
        stream.read_u8().await.unwrap();
        hang().await;
    })
    .await;
    let request = http::Request::post(format!("https://{address}/canary")).body("canary-message".into()).unwrap();
    let error = fail(request, CallOptions::DEFAULT.with_timeout(Duration::from_secs(60))).await;
    assert_is(&error, HttpCause::Connect, Reach::NotSent);
}

#[tokio::test]
async fn the_whole_timeout_while_still_connecting_sent_nothing() {
    for body in ["canary-message", ""] {
        let (address, _) = serve(|mut stream, _| async move {
            stream.read_u8().await.unwrap();
            hang().await;
        })
        .await;
        let request = http::Request::post(format!("https://{address}/canary")).body(body.into()).unwrap();
        let error = fail(request, CallOptions::DEFAULT.with_timeout(Duration::from_secs(1))).await;
        assert_is(&error, HttpCause::Connect, Reach::NotSent);
        tokio::time::resume();
    }
}

#[tokio::test]
async fn what_was_given_up_while_connecting_is_never_sent_later() {
    // Nobody accepts and the queue is full: the next connection hangs.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = vec![];
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
    }
    let client = client();
    let error = client.call(post(address, "/"), CallOptions::DEFAULT.with_timeout(Duration::from_millis(50))).await.unwrap_err();
    assert_is(&error, HttpCause::Connect, Reach::NotSent);
    // Now there is room again; the connection that was begun may still come about, but nothing comes over it.
    drop(waiting);
    let read = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = Vec::new();
            stream.read_to_end(&mut text).await.unwrap();
            assert!(text.is_empty());
        }
    };
    let second = tokio::time::timeout(Duration::from_millis(1500), read).await;
    assert!(second.is_err(), "ends by time, not by an assertion");
}

#[tokio::test]
async fn silence_after_the_request_may_have_sent_it() {
    for request in [post, get] {
        let (address, journal) = serve(|mut stream, journal| async move {
            read_request(&mut stream, &journal).await;
            hang().await;
        })
        .await;
        assert_is(&fail(request(address, "/"), CallOptions::DEFAULT).await, HttpCause::Timeout, Reach::Maybe);
        assert_eq!(journal.lock().unwrap().len(), 1);
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_slow_drip_ends_at_the_timeout() {
    let (address, _) = serve(|mut stream, journal| async move {
        read_request(&mut stream, &journal).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n").await.unwrap();
        tokio::time::pause();
        loop {
            tokio::time::advance(Duration::from_secs(3)).await;
            if stream.write_all(b"x").await.is_err() {
                return;
            }
        }
    })
    .await;
    assert_is(&fail(post(address, "/"), CallOptions::DEFAULT).await, HttpCause::Timeout, Reach::Maybe);
}

#[tokio::test]
async fn a_reset_before_reading_is_never_a_success_and_never_repeated() {
    let connections = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&connections);
    let (address, _) = serve(move |stream, _| {
        *counted.lock().unwrap() += 1;
        reset(stream);
        async {}
    })
    .await;
    // Whether the client had begun to write by then is a race; what it says must fit, which the next test pins down.
    let error = fail(post(address, "/"), CallOptions::DEFAULT).await;
    assert!(matches!(error.cause, HttpCause::Broken | HttpCause::Connect) && error.reach != Reach::Processed, "{error:?}");
    assert_eq!(*connections.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_reset_after_reading_may_have_sent_it() {
    let (address, journal) = serve(|mut stream, journal| async move {
        read_request(&mut stream, &journal).await;
        reset(stream);
    })
    .await;
    assert_is(&fail(post(address, "/"), CallOptions::DEFAULT).await, HttpCause::Broken, Reach::Maybe);
    assert_is(&fail(get(address, "/"), CallOptions::DEFAULT).await, HttpCause::Broken, Reach::Maybe);
    assert_eq!(journal.lock().unwrap().len(), 2, "one request each");
}

#[tokio::test]
async fn an_end_in_order_without_an_answer_may_have_sent_it() {
    let (address, journal) = serve(|mut stream, journal| async move {
        read_request(&mut stream, &journal).await;
    })
    .await;
    assert_is(&fail(post(address, "/"), CallOptions::DEFAULT).await, HttpCause::Broken, Reach::Maybe);
    assert_eq!(journal.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_cut_answer_is_an_error_and_not_a_short_answer() {
    for cut in ["content-length: 100\r\n\r\nhalf", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n", "content-le"] {
        let (address, journal) = serve(move |mut stream, journal| async move {
            read_request(&mut stream, &journal).await;
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{cut}").as_bytes()).await.unwrap();
        })
        .await;
        assert_is(&fail(post(address, "/"), CallOptions::DEFAULT).await, HttpCause::Broken, Reach::Maybe);
        assert_eq!(journal.lock().unwrap().len(), 1, "{cut}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_an_error() {
    let (address, _) = answering("canary SMTP ready\r\n\r\n").await;
    assert_is(&fail(post(address, "/"), CallOptions::DEFAULT).await, HttpCause::Broken, Reach::Maybe);
}

#[tokio::test]
async fn an_answer_announced_as_too_large_is_refused_unread() {
    let (address, _) = answering("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n").await; // and the body never comes
    let error = fail(post(address, "/"), CallOptions::DEFAULT.with_max_response_bytes(10)).await;
    assert_is(&error, HttpCause::TooLarge, Reach::Maybe);
}

#[tokio::test]
async fn an_answer_that_turns_out_too_large_is_refused() {
    let (address, _) = answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n123456\r\n5\r\n78901\r\n").await; // and never ends
    let error = fail(post(address, "/"), CallOptions::DEFAULT.with_max_response_bytes(10)).await;
    assert_is(&error, HttpCause::TooLarge, Reach::Maybe);
    let (address, _) = answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n123456\r\n4\r\n7890\r\n0\r\n\r\n").await;
    let answer = client().call(post(address, "/"), CallOptions::DEFAULT.with_max_response_bytes(10)).await.unwrap();
    assert_eq!(answer.body(), "1234567890");
}

#[tokio::test]
async fn a_large_answer_arrives_whole() {
    let body = "0123456789".repeat(60_000);
    let (address, _) = answering(format!("HTTP/1.1 201 Created\r\nx-id: 7\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await;
    let answer = client().call(post(address, "/"), CallOptions::DEFAULT.with_max_response_bytes(body.len())).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["x-id"]), (201, &http::HeaderValue::from_static("7")));
    assert!(answer.body() == &body);
}

#[tokio::test]
async fn no_time_overflows() {
    let (address, journal) = answering(OK).await;
    let client = ReqwestClient::builder().no_proxy().connect_timeout(Duration::MAX).idle_timeout(Duration::MAX).build().unwrap();
    let options = CallOptions::DEFAULT.with_timeout(Duration::MAX);
    for _ in 0..2 {
        assert_eq!(client.call(post(address, "/"), options).await.unwrap().status(), 200);
    }
    assert_eq!(journal.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn an_error_status_is_an_answer() {
    let (address, _) = answering("HTTP/1.1 503 Service Unavailable\r\nretry-after: 3\r\ncontent-length: 0\r\n\r\n").await;
    let answer = client().call(post(address, "/"), CallOptions::DEFAULT).await.unwrap();
    assert_eq!(answer.status(), 503);
    let wait = zengine_connector::http::retry_after(answer.headers(), std::time::UNIX_EPOCH);
    assert_eq!(wait, Some(Duration::from_secs(3)));
}

#[tokio::test]
async fn the_request_arrives_as_it_was_built() {
    let (address, journal) = answering(OK).await;
    let mut request = post(address, "/v1/send");
    // What the caller says about the length does not count.
    request.headers_mut().insert("content-length", "3".parse().unwrap());
    request.headers_mut().insert("transfer-encoding", "chunked".parse().unwrap());
    client().call(request, CallOptions::DEFAULT).await.unwrap();
    client().call(http::Request::post(format!("http://{address}/")).body(Bytes::new()).unwrap(), CallOptions::DEFAULT).await.unwrap();
    let mut read = get(address, "/read");
    read.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    client().call(read, CallOptions::DEFAULT).await.unwrap();
    let journal = journal.lock().unwrap();
    assert!(journal[0].starts_with("POST /v1/send?canary=canary-query HTTP/1.1\r\n"));
    assert!(journal[0].contains("content-length: 14\r\n") && !journal[0].contains("transfer-encoding"));
    assert!(journal[0].contains(concat!("user-agent: zengine-connector/", env!("CARGO_PKG_VERSION"))));
    assert!(journal[0].ends_with("\r\n\r\ncanary-message"));
    assert!(journal[1].contains("content-length: 0\r\n"));
    // Answers are not decompressed, except by a caller who asks for it.
    assert!(journal[1].contains("accept-encoding: identity\r\n") && journal[2].contains("accept-encoding: gzip\r\n"));
    assert!(!journal[2].contains("content-length"));
}

#[tokio::test]
async fn a_request_that_cannot_be_built_sent_nothing() {
    for url in ["/canary", "ftp://127.0.0.1/canary"] {
        let request = http::Request::post(url).body(Bytes::new()).unwrap();
        assert_is(&fail(request, CallOptions::DEFAULT).await, HttpCause::Request, Reach::NotSent);
    }
}

/// A panic of the client would say nothing about what was sent.
#[test]
fn without_a_tokio_runtime_that_has_timer_and_sockets_nothing_is_sent() {
    let call = || {
        let request = http::Request::post("http://127.0.0.1:9/canary").body(Bytes::new()).unwrap();
        async { client().call(request, CallOptions::DEFAULT).await.unwrap_err() }
    };
    let bare = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let timer_alone = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for error in [smol::block_on(call()), bare.block_on(call()), timer_alone.block_on(call())] {
        assert_is(&error, HttpCause::NoRuntime, Reach::NotSent);
        let error = error.into_send_error();
        assert!(error.is_safe_to_resend() && error.error().message().starts_with("no tokio runtime"), "{error:?}");
    }
}

#[test]
fn line_breaks_cannot_reach_a_header_or_the_request_line() {
    for text in ["a\r\nx: y", "a\nb", "a\rb", "a\0b"] {
        assert!(http::HeaderValue::from_str(text).is_err());
        assert!(http::HeaderName::try_from(text).is_err());
        assert!(format!("http://127.0.0.1/{text}").parse::<http::Uri>().is_err());
        assert!(ReqwestClient::builder().user_agent(text).build().is_err());
    }
}

#[tokio::test]
async fn redirects_are_answers_unless_asked_for() {
    let (address, journal) = answering("HTTP/1.1 302 Found\r\nlocation: /next\r\ncontent-length: 0\r\n\r\n").await;
    let answer = client().call(get(address, "/"), CallOptions::DEFAULT).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()), (302, "/next"));
    assert_eq!(journal.lock().unwrap().len(), 1);
    // As many hops as were asked for, then the redirect is the answer.
    let answer = client().call(get(address, "/"), CallOptions::DEFAULT.with_redirects(3)).await.unwrap();
    assert_eq!((answer.status().as_u16(), journal.lock().unwrap().len()), (302, 5));
    // What may have had an effect is never repeated at another place.
    let answer = client().call(post(address, "/"), CallOptions::DEFAULT.with_redirects(3)).await.unwrap();
    assert_eq!((answer.status().as_u16(), journal.lock().unwrap().len()), (302, 6));
}

#[tokio::test]
async fn a_redirect_within_the_origin_keeps_the_credentials_and_no_other_is_followed() {
    let (elsewhere, strangers) = answering(OK).await;
    let targets = [
        format!("http://{elsewhere}/"),
        format!("//{elsewhere}/"),
        "http://user:pass@HOST/".to_owned(),
        "ftp://HOST/".to_owned(),
        "http://".to_owned(),
    ];
    for target in targets {
        let (address, journal) = serve(move |mut stream, journal| {
            let target = target.clone();
            async move {
                let host = stream.local_addr().unwrap().to_string();
                let locations = ["/second".to_owned(), format!("http://{host}/third"), target.replace("HOST", &host)];
                for location in locations {
                    read_request(&mut stream, &journal).await;
                    let answer = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        })
        .await;
        let mut request = get(address, "/first");
        request.headers_mut().insert("authorization", "Bearer token".parse().unwrap());
        let answer = client().call(request, CallOptions::DEFAULT.with_redirects(9)).await.unwrap();
        assert_eq!(answer.status(), 307);
        let journal = journal.lock().unwrap();
        let lines: Vec<_> = journal.iter().map(|text| text.lines().next().unwrap()).collect();
        assert_eq!(lines, ["GET /first?canary=canary-query HTTP/1.1", "GET /second HTTP/1.1", "GET /third HTTP/1.1"]);
        assert!(journal.iter().all(|text| text.contains("authorization: Bearer token\r\n")));
    }
    assert!(strangers.lock().unwrap().is_empty());
}

#[tokio::test]
async fn one_connection_serves_one_request_after_the_other() {
    let connections = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&connections);
    let (address, journal) = serve(move |mut stream, journal| {
        *counted.lock().unwrap() += 1;
        async move {
            while read_request(&mut stream, &journal).await {
                stream.write_all(OK).await.unwrap();
            }
        }
    })
    .await;
    let client = client();
    for _ in 0..20 {
        client.clone().call(post(address, "/"), CallOptions::DEFAULT).await.unwrap();
    }
    assert_eq!((journal.lock().unwrap().len(), *connections.lock().unwrap()), (20, 1));
}

#[tokio::test]
async fn an_idle_connection_that_the_server_closed_never_makes_a_second_message() {
    // One answer per connection, closed without a word right after it.
    let (address, journal) = serve(|mut stream, journal| async move {
        read_request(&mut stream, &journal).await;
        stream.write_all(OK).await.unwrap();
    })
    .await;
    let client = client();
    let (mut answered, mut lost) = (0, 0);
    for n in 0..200 {
        let sent = client.call(post(address, &format!("/{n}")), CallOptions::DEFAULT).await;
        let seen = journal.lock().unwrap().iter().filter(|text| text.starts_with(&format!("POST /{n}?"))).count();
        match sent {
            Ok(_) => {
                answered += 1;
                assert_eq!(seen, 1);
            }
            // The close may cross the request on its way; then it is not sent again, though the server did not see it.
            Err(error) => {
                lost += 1;
                assert_eq!(seen, 0);
                assert!(error.reach == Reach::Maybe && error.cause == HttpCause::Broken, "{error:?}");
            }
        }
    }
    assert!(answered > 100, "{answered} answered, {lost} lost");
}

#[tokio::test]
async fn a_request_is_never_repeated_once_the_server_has_read_of_it() {
    // The second request of a connection is read and then dropped: just what a client may mistake for a stale connection.
    let (address, journal) = serve(|mut stream, journal| async move {
        read_request(&mut stream, &journal).await;
        stream.write_all(OK).await.unwrap();
        read_request(&mut stream, &journal).await;
    })
    .await;
    for request in [post, get] {
        let client = client();
        client.call(request(address, "/first"), CallOptions::DEFAULT).await.unwrap();
        let before = journal.lock().unwrap().len();
        let error = client.call(request(address, "/second"), CallOptions::DEFAULT).await.unwrap_err();
        assert_is(&error, HttpCause::Broken, Reach::Maybe);
        assert_eq!(journal.lock().unwrap().len(), before + 1);
    }
}

/// The environment's proxy, in a process of its own: it gets what is for others, and nothing that stays on this machine.
#[test]
fn a_call_to_this_machine_never_goes_to_a_proxy() {
    const TARGET: &str = "ZENGINE_PROXY_TARGET";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let Ok(target) = std::env::var(TARGET) {
        return runtime.block_on(async {
            let client = ReqwestClient::new().unwrap();
            let port = target.parse::<SocketAddr>().unwrap().port();
            for url in
                [format!("http://{target}/direct"), format!("http://localhost:{port}/direct"), "http://far.invalid/proxied".to_owned()]
            {
                let request = http::Request::get(url).header("authorization", "Bearer token").body(Bytes::new()).unwrap();
                assert_eq!(client.call(request, CallOptions::DEFAULT).await.unwrap().status(), 200);
            }
        });
    }
    runtime.block_on(async {
        let ((target, direct), (proxy, proxied)) = (answering(OK).await, answering(OK).await);
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "a_call_to_this_machine_never_goes_to_a_proxy"]);
        for name in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
            child.env_remove(name);
        }
        for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            child.env(name, format!("http://{proxy}"));
        }
        child.env(TARGET, target.to_string());
        let ended = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
        assert_eq!(direct.lock().unwrap().len(), 2);
        let proxied = proxied.lock().unwrap().join("");
        assert!(proxied.contains("/proxied") && !proxied.contains("/direct"), "{proxied}");
    });
}
