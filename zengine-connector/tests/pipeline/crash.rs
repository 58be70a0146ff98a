//! Killed at random moments twenty times, a sender makes no message twice and forgets none.
//!
//! The test runs this program again as the process that is killed. Its provider keeps a journal of what it took, written
//! before it answers.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;
use zengine_connector::{
    Configure, ConfigureContext, Error, Memory, Orchestrator, OutboundMessage, OutboundStrategy, Outcome, Receipt, SendContext, SendError,
    Strategy, StrategyName,
    message::{Capabilities, Channel, Idempotency, Length},
    runtime::{Clock, Rng, SystemRng, TokioClock},
    schema::schema_of,
    schemars,
    store::Embedded,
    strategy::{Descriptor, Direction, Reply},
};

use crate::support::{id, ms, tenant, text};

const FOLDER: &str = "ZENGINE_CRASH_FOLDER";
const NAME: &str = "crash::rule_19_a_sender_killed_twenty_times_doubles_and_loses_nothing";
const MESSAGES: usize = 300;
const KILLS: usize = 20;

/// Takes every message, writes it down, and answers a little later.
struct Journal(PathBuf);

#[derive(Deserialize, schemars::JsonSchema)]
struct Nothing {}

impl Configure<Nothing> for Journal {
    type Tenant = ();

    async fn configure(&self, _: Nothing, _: &ConfigureContext) -> Result<(), Error> {
        Ok(())
    }
}

impl OutboundStrategy<Nothing, OutboundMessage> for Journal {
    async fn send(&self, (): &(), _: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
        say("call", cx.client_message_id().as_str());
        let mut journal = OpenOptions::new().append(true).create(true).open(&self.0).unwrap();
        journal.write_all(format!("{}\n", cx.client_message_id()).as_bytes()).unwrap();
        TokioClock::new().sleep(ms(3)).await;
        say("taken", cx.client_message_id().as_str());
        Ok(Receipt::unnumbered())
    }
}

impl Strategy for Journal {
    type Config = Nothing;
    type Message = OutboundMessage;
    const DESCRIPTOR: &'static Descriptor = &Descriptor {
        name: "journal",
        summary: "Writes down what it is given.",
        channel: Channel::Messenger,
        capabilities: &Capabilities::NONE.with_text(Length::bytes(1000)),
        idempotency: Idempotency::None,
        direction: Direction { outbound: true, inbound: false },
        reply: Reply::Acknowledge { within_ms: None },
        config_schema: schema_of::<Nothing>,
        message_schema: schema_of::<OutboundMessage>,
    };

    fn halves() -> zengine_connector::private::Halves<Self> {
        zengine_connector::private::Halves::new().outbound()
    }
}

fn say(what: &str, id: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("worker {what} {id}\n").as_bytes()).and_then(|()| out.flush()).unwrap();
}

/// Delivers all messages, eight at a time, each until it is settled; says how each ended.
async fn work(folder: &Path) {
    let embedded = Embedded::open(folder.join("store")).unwrap();
    embedded.tenant_writer().put(&tenant(), &StrategyName::new("journal").unwrap(), serde_json::json!({}).into()).await.unwrap();
    let process = Orchestrator::builder()
        .strategy(Journal(folder.join("journal")))
        .stores(&embedded)
        .secrets(Memory::new().secrets())
        .build()
        .unwrap();
    let workers = (0..8).map(|worker| {
        let process = &process;
        async move {
            for n in (worker..MESSAGES).step_by(8) {
                let what = n.to_string();
                let end = loop {
                    match process.send(tenant(), "journal", id(&what), &text("hello")).await.unwrap() {
                        Outcome::Deferred(_) => TokioClock::new().sleep(ms(10)).await,
                        end => break end,
                    }
                };
                say(end.as_str(), &what);
            }
        }
    });
    futures_util::future::join_all(workers).await;
}

/// Runs the worker until it ends or has said so many lines; what it said.
fn run(folder: &Path, lines: usize) -> Vec<(String, String)> {
    let mut worker = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    for line in BufReader::new(worker.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some((what, id)) = line.strip_prefix("worker ").and_then(|line| line.split_once(' ')) {
            said.push((what.to_owned(), id.to_owned()));
        }
        if said.len() == lines {
            worker.kill().unwrap();
        }
    }
    worker.wait().unwrap();
    said
}

#[test]
fn rule_19_a_sender_killed_twenty_times_doubles_and_loses_nothing() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        return runtime.block_on(work(Path::new(&folder)));
    }
    let disk = tempfile::tempdir().unwrap();
    let mut told = BTreeMap::<String, String>::new();
    let mut tell = |said: Vec<(String, String)>| {
        for (what, id) in said.into_iter().filter(|(what, _)| ["delivered", "failed", "unknown"].contains(&what.as_str())) {
            // Who was told the end is never told another.
            let before = told.insert(id.clone(), what.clone());
            assert!(before.is_none_or(|before| before == what), "{id}");
        }
        told.len()
    };
    for kill in 0..KILLS {
        // What was settled before is only replayed: the worker gets this much further in every round.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let further = 1 + (SystemRng.unit() * 30.0) as usize;
        let settled = tell(Vec::new());
        let lines = settled + further;
        let said = run(disk.path(), lines);
        assert!(said.len() >= lines, "kill {kill}: the worker ended by itself");
        tell(said);
    }
    tell(run(disk.path(), usize::MAX));

    let journal = std::fs::read_to_string(disk.path().join("journal")).unwrap();
    let taken = |id: &str| journal.lines().filter(|line| *line == id).count();
    let embedded = Embedded::open(disk.path().join("store")).unwrap();
    let letters = zengine_connector::testing::block_on(embedded.dead_letters().list(None, MESSAGES)).unwrap().letters;
    for n in 0..MESSAGES {
        let what = n.to_string();
        let kept = letters.iter().filter(|letter| letter.client_message_id == Some(id(&what))).count();
        match told.get(&what).map(String::as_str) {
            Some("delivered") => assert_eq!((taken(&what), kept), (1, 0), "{what}"),
            Some("unknown") => assert!(taken(&what) <= 1 && kept == 1, "{what}"),
            other => panic!("{what} ended as {other:?}"),
        }
    }
}
