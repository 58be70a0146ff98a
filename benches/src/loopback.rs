//! Sends over loopback through everything, beside the bare HTTP clients; the server is a process on the other core.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http1::SendRequest, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime};
use zengine_connector::{
    BoxError, ClientMessageId, Identity, Orchestrator, OutboundMessage, Outcome, SecretRef, SendOptions, Stores, StrategyName,
    StrategyRegistry, TenantId,
    http::ReqwestClient,
    store::{Embedded, LocalSecrets, Memory, SecretScope},
};
use zengine_strategies::whatsapp_meta_cloud::{MetaApp, WhatsAppMetaCloud};

use crate::harness::{Bound, Row, Run, now};

const NAME: &str = "whatsapp-meta-cloud";
const PATH: &str = "/v26.0/106540352242922/messages";

/// The argument that makes this program the server.
pub(crate) const SERVE: &str = "serve";

/// Rates, each the median of rounds that are run in turns.
pub(crate) fn rows(run: &Run) -> Result<Vec<Row>, BoxError> {
    let server = Server::start()?;
    let _pinned = Pinned::to_first_core();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sends, rounds) = if run.quick { (200, 3) } else { (4_000, 9) };
    let folder = tempfile::tempdir()?;
    let embedded = Embedded::open(folder.path().join("bench.db"))?;
    let mut clients = runtime.block_on(async {
        let memory = Memory::new();
        let whole = Sender::new(&server.url, memory.clone().into(), &memory)?;
        let durable = Sender::new(&server.url, Stores::from(&embedded), &memory)?;
        Ok::<_, BoxError>((whole, durable, Reqwest::new(&server.url), Hyper::connect(&server.address).await?))
    })?;
    let mut rates: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds {
        runtime.block_on(async {
            rates[0].push(rate(sends, async || clients.0.send().await).await?);
            rates[1].push(rate(sends, async || clients.2.send().await).await?);
            rates[2].push(rate(sends, async || clients.3.send().await).await?);
            rates[3].push(rate(sends / 20, async || clients.1.send().await).await?);
            Ok::<_, BoxError>(())
        })?;
    }
    let [whole, reqwest, hyper, durable] = rates.map(median);
    let row = |name| Row::new(name, whole, "sends/s");
    Ok(vec![
        row("loopback/beside-reqwest").peer("reqwest json", reqwest).must(Bound::RatioAtLeast(0.85)).stretch(Bound::RatioAtLeast(0.97)),
        row("loopback/beside-hyper").peer("hyper", hyper).must(Bound::RatioAtLeast(0.47)),
        Row::new("loopback/embedded-store-one-at-a-time", durable, "sends/s").peer("memory stores", whole),
    ])
}

/// Sends per second of one after the other.
async fn rate(sends: u32, mut send: impl AsyncFnMut() -> Result<(), BoxError>) -> Result<f64, BoxError> {
    let before = now();
    for _ in 0..sends {
        send().await?;
    }
    Ok(f64::from(sends) / (now() - before).as_secs_f64())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

/// The whole pipeline with the strategy over the core's client.
struct Sender {
    orchestrator: Orchestrator,
    tenant: TenantId,
    message: OutboundMessage,
    sent: u64,
}

impl Sender {
    fn new(url: &str, stores: Stores, names: &Memory) -> Result<Self, BoxError> {
        let (tenant, name) = (TenantId::new("acme")?, StrategyName::new(NAME)?);
        names.secrets().put(&SecretScope::tenant(name.clone(), tenant.clone()), "token", "EAAG-example");
        let config = json!({"phone_number_id": "106540352242922", "waba_id": "102290129340398", "access_token": {"secret": "token"}});
        names.directory().put(&tenant, &name, config);
        let app = MetaApp::new(SecretRef::named("app-secret"), SecretRef::named("verify-token")).with_base_url(url)?;
        let client = ReqwestClient::builder().no_proxy().build()?;
        let registry = StrategyRegistry::builder().register(WhatsAppMetaCloud::new(Arc::new(client), app)).build()?;
        let orchestrator = Orchestrator::builder(registry)
            .directory(names.directory())
            .secrets(Arc::new(LocalSecrets::new(names.secrets())))
            .stores(stores)
            .build()?;
        Ok(Self { orchestrator, tenant, message: OutboundMessage::text(Identity::phone("+16505550001")?, TEXT), sent: 0 })
    }

    async fn send(&mut self) -> Result<(), BoxError> {
        self.sent += 1;
        let options = SendOptions::new(ClientMessageId::new(self.sent.to_string())?);
        match self.orchestrator.send(&self.tenant, NAME, &self.message, options).await? {
            Outcome::Delivered(_) => Ok(()),
            other => Err(format!("a send over loopback ended as {}", other.as_str()).into()),
        }
    }
}

const TEXT: &str = "Your order 4711 has left the warehouse and arrives tomorrow between nine and eleven.";

fn body() -> Value {
    json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": "16505550001", "type": "text", "text": {"body": TEXT}})
}

/// `reqwest` with JSON both ways, as an application without an SDK calls the provider.
struct Reqwest {
    client: reqwest::Client,
    url: String,
    body: Value,
}

impl Reqwest {
    fn new(url: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().http1_only().build().unwrap_or_default();
        Self { client, url: format!("{url}{PATH}"), body: body() }
    }

    async fn send(&mut self) -> Result<(), BoxError> {
        let request = self.client.post(&self.url).bearer_auth("EAAG-example").json(&self.body);
        let answer: Value = request.send().await?.error_for_status()?.json().await?;
        if answer["messages"][0]["id"].is_string() { Ok(()) } else { Err("no id".into()) }
    }
}

/// One connection of `hyper`, with the body written before.
struct Hyper {
    connection: SendRequest<Full<Bytes>>,
    host: String,
    body: Bytes,
}

impl Hyper {
    async fn connect(address: &str) -> Result<Self, BoxError> {
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        Ok(Self { connection, host: address.to_owned(), body: body().to_string().into() })
    }

    async fn send(&mut self) -> Result<(), BoxError> {
        let request = http::Request::post(PATH)
            .header("host", &self.host)
            .header("authorization", "Bearer EAAG-example")
            .header("content-type", "application/json")
            .body(Full::new(self.body.clone()))?;
        let answer = self.connection.send_request(request).await?;
        answer.into_body().collect().await?;
        self.connection.ready().await?;
        Ok(())
    }
}

/// The server's process, gone with this value.
struct Server {
    process: Child,
    address: String,
    url: String,
}

impl Server {
    fn start() -> Result<Self, BoxError> {
        let this = std::env::current_exe()?;
        // On another core than the client, where the machine has two and can be told.
        let mut command = if has_taskset() {
            let mut command = Command::new("taskset");
            command.args(["-c", "1"]).arg(this);
            command
        } else {
            Command::new(this)
        };
        let mut process = command.arg(SERVE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut address)?;
        let address = address.trim().to_owned();
        Ok(Self { url: format!("http://{address}"), process, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn has_taskset() -> bool {
    std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1)
        && Command::new("taskset").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// This thread stays on the first core until the value is gone.
struct Pinned;

impl Pinned {
    fn to_first_core() -> Option<Self> {
        (has_taskset() && Self::set("0")).then_some(Self)
    }

    fn set(cores: &str) -> bool {
        let this = std::process::id().to_string();
        Command::new("taskset").args(["-cp", cores, &this]).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        Self::set("0-1023");
    }
}

/// What the provider answers to an accepted message.
const ANSWER: &str = r#"{"messaging_product":"whatsapp","contacts":[{"input":"16505550001","wa_id":"16505550001"}],"messages":[{"id":"wamid.HBgLMTY1MDU1NTAwMDEVAgARGBI3QTkyRjY4QUVDRTg0NkM3AA=="}]}"#;

/// Accepts every message, until the other side of its input is gone.
pub(crate) fn serve() -> Result<(), BoxError> {
    // A parent that dies takes its server with it.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_line(&mut String::new());
        std::process::exit(0);
    });
    let runtime: Runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(accept)));
        }
    })
}

async fn accept(request: http::Request<Incoming>) -> Result<http::Response<Full<Bytes>>, hyper::Error> {
    request.into_body().collect().await?;
    let mut answer = http::Response::new(Full::new(Bytes::from_static(ANSWER.as_bytes())));
    answer.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    Ok(answer)
}
