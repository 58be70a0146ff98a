//! Messages that only ask.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use zengine_connector::{
    Configure, ConfigureContext, Error, ErrorKind, Orchestrator, OrchestratorBuilder, OutboundStrategy, Receipt, SendContext, SendError,
    Strategy, StrategyName, StrategyRegistry,
    error::Disposition,
    message::{Capabilities, Channel, Effect, Idempotency, Message},
    runtime::Clock,
    schema::schema_of,
    schemars,
    stage::{Breaker, Retry},
    strategy::{Descriptor, Direction, Reply},
    testing::Recording,
};

use super::new_world;
use crate::support::{World, id, ms, secs, tenant, text};

/// The query.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
struct Question {
    page: u32,
}

impl Message for Question {
    fn effect(&self) -> Effect {
        Effect::Read
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Nothing {}

/// An error to answer with, where it is to be one.
type ScriptedResult = Option<fn() -> SendError>;

/// Gives the scripted results, then the number of the page.
#[derive(Clone, Default)]
struct Library(Arc<Mutex<(VecDeque<ScriptedResult>, u32)>>);

impl Library {
    fn answer(&self, answers: impl IntoIterator<Item = ScriptedResult>) {
        self.0.lock().unwrap().0.extend(answers);
    }

    fn calls(&self) -> u32 {
        self.0.lock().unwrap().1
    }
}

impl Configure<Nothing> for Library {
    type Tenant = ();

    async fn configure(&self, _: Nothing, _: &ConfigureContext) -> Result<(), Error> {
        Ok(())
    }
}

impl OutboundStrategy<Nothing, Question> for Library {
    async fn send(&self, (): &(), question: &Question, _: &SendContext) -> Result<Receipt, SendError> {
        let answer = {
            let mut book = self.0.lock().unwrap();
            book.1 += 1;
            book.0.pop_front().flatten().map_or(Ok(question.page), Err)
        };
        match answer {
            Ok(page) => Ok(Receipt::unnumbered().with_data(&page).expect("a number is JSON").with_next(Some((page + 1).to_string()))),
            Err(error) => Err(error()),
        }
    }
}

impl Strategy for Library {
    type Config = Nothing;
    type Message = Question;
    const DESCRIPTOR: &'static Descriptor = &Descriptor {
        name: "library",
        summary: "Answers questions.",
        channel: Channel::Messenger,
        capabilities: &Capabilities::NONE,
        idempotency: Idempotency::None,
        direction: Direction { outbound: true, inbound: false },
        reply: Reply::Acknowledge { within_ms: None },
        config_schema: schema_of::<Nothing>,
        message_schema: schema_of::<Question>,
    };

    fn halves() -> zengine_connector::private::Halves<Self> {
        zengine_connector::private::Halves::new().outbound()
    }
}

fn library(world: &World, settings: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder) -> (Library, Orchestrator) {
    let library = Library::default();
    world.memory.put_tenant(&tenant(), &StrategyName::new("library").unwrap(), serde_json::json!({}));
    let process = world.host(StrategyRegistry::builder().register(library.clone()).register(Recording::new()), settings);
    (library, process)
}

const MAYBE: ScriptedResult = Some(|| SendError::provider("the connection broke").maybe());
const REFUSED: ScriptedResult = Some(|| SendError::domain("there is no such page").processed());
const SLOW_DOWN: ScriptedResult = Some(|| SendError::throttled("slow down").retry_after(Duration::from_secs(2)).not_sent());

/// Rule 83: no claim, no letter, no event; repeated after Maybe.
#[tokio::test(start_paused = true)]
async fn rule_83_a_question_leaves_nothing_behind_and_may_be_repeated() {
    let world = new_world();
    let (library, process) = library(&world, |it| it);
    library.answer([MAYBE, SLOW_DOWN]);
    let before = world.clock.monotonic();
    let receipt = process.query(tenant(), "library", &Question { page: 7 }).await.unwrap();
    assert_eq!((receipt.data::<u32>().unwrap().unwrap(), receipt.next.as_deref(), library.calls()), (7, Some("8"), 3));
    assert!(world.clock.monotonic() - before >= secs(2));

    library.answer([REFUSED]);
    let error = process.query(tenant(), "library", &Question { page: 8 }).await.unwrap_err();
    assert_eq!((error.kind(), error.context("attempts"), library.calls()), (ErrorKind::InvalidContent, Some("1"), 4));

    library.answer([MAYBE, MAYBE, MAYBE]);
    let error = process.query(tenant(), "library", &Question { page: 9 }).await.unwrap_err();
    assert_eq!((error.kind(), error.context("attempts")), (ErrorKind::Unavailable, Some("3")));
    assert!(world.faults.calls().is_empty() && world.memory.published().is_empty());
}

/// Rule 83: it passes the breaker.
#[tokio::test(start_paused = true)]
async fn rule_83_a_question_passes_the_breaker() {
    let world = new_world();
    let (library, process) =
        library(&world, |it| it.retry(Retry::none()).breaker(Breaker { consecutive_failures: 1, ..Breaker::default() }));
    library.answer([MAYBE]);
    process.query(tenant(), "library", &Question { page: 1 }).await.unwrap_err();
    let error = process.query(tenant(), "library", &Question { page: 1 }).await.unwrap_err();
    assert_eq!((error.kind(), library.calls()), (ErrorKind::Busy, 1));
    assert!(matches!(error.disposition(), Disposition::RetryAfter(wait) if wait > secs(20)));
}

#[tokio::test(start_paused = true)]
async fn rule_38_a_question_says_that_the_budget_ended_it() {
    for (budget, calls, reason) in [(Some(5), 2, Some("retry_budget")), (None, 3, None)] {
        let world = new_world();
        let (library, process) = library(&world, |it| it.retry(Retry { budget, ..Retry::default() }));
        library.answer([MAYBE, MAYBE, MAYBE]);
        let error = process.query(tenant(), "library", &Question { page: 1 }).await.unwrap_err();
        assert_eq!((error.context("reason"), library.calls()), (reason, calls));
    }
}

/// Rule 83: a message with an effect goes through send, one without through query.
#[tokio::test(start_paused = true)]
async fn rule_83_questions_are_not_sent_and_sends_are_not_asked() {
    let world = new_world();
    let (library, process) = library(&world, |it| it);
    let error = process.send(tenant(), "library", id("1"), &Question { page: 1 }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let error = process.query(tenant(), "recording", &text("hello")).await.unwrap_err();
    assert_eq!((error.kind(), library.calls()), (ErrorKind::Unsupported, 0));
}

/// Rule 41: a host that shuts down asks nothing more.
#[tokio::test(start_paused = true)]
async fn rule_41_no_question_after_shutdown() {
    let world = new_world();
    let (library, process) = library(&world, |it| it);
    process.shutdown(ms(100)).await;
    let error = process.query(tenant(), "library", &Question { page: 1 }).await.unwrap_err();
    assert!(matches!(error.disposition(), Disposition::RetryAfter(_)));
    assert_eq!(library.calls(), 0);
}
