//! The whole way on another runtime: a message out, its signed webhooks back, on smol, with a clock, a spawner, an HTTP
//! client and an HTTP server of this test's own. Nothing here needs tokio but the emulator, which brings its own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

use std::{
    io,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use serde_json::json;
use smol::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use zengine_connector::{
    Event, HandlerContext, HandlerError, HttpClient, Identity, InboundEvent, Orchestrator, OutboundMessage, Outcome, Reach, SecretRef,
    SendOptions, StrategyName, StrategyRegistry, TenantId, async_trait,
    http::{CallOptions, HttpCause, HttpError},
    ids::RouteKey,
    message::State,
    runtime::{BoxFuture, Clock, Spawner},
    store::{Memory, SecretScope, TenantRow},
};
use zengine_strategies::{
    sandbox::{
        Fault,
        meta_cloud::{MetaCloud, Number, Settings},
    },
    whatsapp_meta_cloud::{MetaApp, WhatsAppMetaCloud},
};

const STRATEGY: &str = "whatsapp-meta-cloud";

#[derive(Debug)]
struct SmolClock(Instant);

#[async_trait]
impl Clock for SmolClock {
    #[allow(clippy::disallowed_methods, reason = "this is the port")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, time: Duration) {
        smol::Timer::after(time).await;
    }
}

#[derive(Debug)]
struct SmolSpawner;

impl Spawner for SmolSpawner {
    fn spawn(&self, future: BoxFuture<'static, ()>) -> bool {
        smol::spawn(future).detach();
        true
    }
}

/// One request per connection, plain HTTP, answers with a content length.
#[derive(Debug)]
struct SmallClient;

#[async_trait]
impl HttpClient for SmallClient {
    async fn call(&self, request: http::Request<Bytes>, options: CallOptions) -> Result<http::Response<Bytes>, HttpError> {
        let exchange = async {
            let authority = request.uri().authority().ok_or_else(|| HttpError::new(HttpCause::Request, Reach::NotSent))?;
            let mut stream = TcpStream::connect(authority.as_str())
                .await
                .map_err(|error| HttpError::new(HttpCause::Connect, Reach::NotSent).with_source(error))?;
            let broken = |error: io::Error| HttpError::new(HttpCause::Broken, Reach::Maybe).with_source(error);
            let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
            let length = request.body().len();
            let first =
                format!("{} {target} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncontent-length: {length}\r\n", request.method());
            let mut lines = vec![first];
            for (name, value) in request.headers() {
                lines.push(format!("{name}: {}\r\n", value.to_str().expect("visible ASCII")));
            }
            lines.push("\r\n".to_owned());
            stream.write_all(lines.concat().as_bytes()).await.map_err(broken)?;
            stream.write_all(request.body()).await.map_err(broken)?;
            let (head, body) = read_message(&mut stream).await.map_err(broken)?;
            let status = head.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok()).unwrap_or(599);
            Ok(http::Response::builder().status(status).body(body).expect("a response"))
        };
        let limit = async {
            smol::Timer::after(options.timeout).await;
            Err(HttpError::new(HttpCause::Timeout, Reach::Maybe))
        };
        smol::future::or(exchange, limit).await
    }
}

/// The head as text, and the body by its content length.
async fn read_message(stream: &mut TcpStream) -> io::Result<(String, Bytes)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = header(&head, "content-length").and_then(|value| value.parse::<usize>().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                return Ok((head, Bytes::copy_from_slice(&bytes[end + 4..end + 4 + length])));
            }
        }
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&chunk[..read]);
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// Serves the orchestrator's webhooks; gives the address.
async fn serve(orchestrator: Orchestrator) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    smol::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let orchestrator = orchestrator.clone();
            smol::spawn(async move {
                let (head, body) = read_message(&mut stream).await?;
                let mut words = head.split(' ');
                let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or("/"));
                let mut request = http::Request::builder().method(method).uri(target);
                if let Some(signature) = header(&head, "x-hub-signature-256") {
                    request = request.header("x-hub-signature-256", signature);
                }
                let answer = orchestrator.serve(STRATEGY, request.body(body).expect("a request")).await;
                let head = format!("HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", answer.status(), answer.body().len());
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(answer.body()).await
            })
            .detach();
        }
    })
    .detach();
    Ok(address)
}

#[test]
fn a_message_goes_out_and_its_webhooks_come_back_on_smol() {
    smol::block_on(async {
        let emulator = MetaCloud::start(Settings::new().with_number(Number::new("100200300", "900100"))).unwrap();
        let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new(STRATEGY).unwrap());
        let stores = Memory::new();
        let config = json!({
            "phone_number_id": "100200300",
            "waba_id": "900100",
            "access_token": { "secret": "token" },
        });
        let row = TenantRow::new(config).with_routes([RouteKey::new("phone_number_id", "100200300")]);
        stores.put_tenant(&tenant, &strategy, row);
        let token = Number::new("100200300", "900100").token().to_owned();
        stores.put_secret(&SecretScope::tenant(strategy.clone(), tenant.clone()), "token", token);
        let application = SecretScope::application(strategy);
        stores.put_secret(&application, "app-secret", emulator.app_secret());
        stores.put_secret(&application, "verify-token", emulator.verify_token());

        let app =
            MetaApp::new(SecretRef::named("app-secret"), SecretRef::named("verify-token")).with_base_url(emulator.base_url()).unwrap();
        let registry = StrategyRegistry::builder().register(WhatsAppMetaCloud::new(Arc::new(SmallClient), app)).build().unwrap();
        let states = Arc::new(Mutex::new(vec![]));
        let seen = Arc::clone(&states);
        #[allow(clippy::disallowed_methods, reason = "this is the port")]
        let clock = SmolClock(Instant::now());
        let orchestrator = Orchestrator::builder()
            .registry(&registry)
            .stores(stores)
            .clock(Arc::new(clock))
            .spawner(Arc::new(SmolSpawner))
            .on_inbound(move |event: InboundEvent, _: HandlerContext| {
                let seen = Arc::clone(&seen);
                async move {
                    if let Event::Status(status) = event.event {
                        seen.lock().unwrap().push((status.client_message_id.map(|id| id.to_string()), status.state));
                    }
                    Ok::<_, HandlerError>(())
                }
            })
            .build()
            .unwrap();
        let address = serve(orchestrator.clone()).await.unwrap();
        emulator.set_callback(format!("http://{address}/webhook"));
        emulator.verify_callback().await.unwrap();

        emulator.fail_next(Fault::throttle());
        let message = OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "hello from smol");
        let options = || SendOptions::new();
        let first = orchestrator.send_with(&tenant, STRATEGY, "smol-1", &message, options()).await.unwrap();
        assert!(matches!(&first, Outcome::Delivered(end) if end.attempts == 2 && !end.replayed), "{first:?}");
        let again = orchestrator.send_with(&tenant, STRATEGY, "smol-1", &message, options()).await.unwrap();
        assert!(again.is_replayed());
        assert_eq!(emulator.journal().accepted_count(), 1);

        emulator.settle().await;
        let states = states.lock().unwrap().clone();
        let expected = [State::Sent, State::Delivered, State::Read].map(|state| (Some("smol-1".to_owned()), state));
        assert_eq!(states, expected);
        orchestrator.shutdown(Duration::from_secs(1)).await;
    });
}
