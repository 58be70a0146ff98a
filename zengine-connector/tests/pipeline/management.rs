//! Messages that manage what a tenant owns, beside messages to recipients, in one strategy.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use zengine_connector::{
    Configure, ConfigureContext, Error, ErrorKind, Orchestrator, OutboundStrategy, Receipt, SendContext, SendError, Strategy, StrategyName,
    StrategyRegistry,
    error::Poison,
    message::{Capabilities, Channel, Effect, Idempotency, Message, Purpose},
    orchestrator::Status,
    schema::schema_of,
    schemars,
    strategy::{Descriptor, Direction, Reply},
};

use crate::support::{World, failed, id, secs, tenant};

#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Command {
    Text,
    CreateTemplate,
    ListTemplates,
}

impl Message for Command {
    fn purpose(&self) -> Purpose {
        if matches!(self, Self::Text) { Purpose::Delivery } else { Purpose::Management }
    }

    fn effect(&self) -> Effect {
        if matches!(self, Self::ListTemplates) { Effect::Read } else { Effect::Write }
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Nothing {}

/// Records the commands, and refuses with this kind of error if there is one.
#[derive(Clone, Default)]
struct Office(Arc<Mutex<(Vec<Command>, Option<ErrorKind>)>>);

impl Configure<Nothing> for Office {
    type Tenant = ();

    async fn configure(&self, _: Nothing, _: &ConfigureContext) -> Result<(), Error> {
        Ok(())
    }
}

impl OutboundStrategy<Nothing, Command> for Office {
    async fn send(&self, (): &(), command: &Command, _: &SendContext) -> Result<Receipt, SendError> {
        let mut recorded = self.0.lock().unwrap();
        recorded.0.push(command.clone());
        match recorded.1 {
            Some(kind) => Err(SendError::of(kind, "refused").code("E1").processed()),
            None => Ok(Receipt::unnumbered()),
        }
    }
}

impl Strategy for Office {
    type Config = Nothing;
    type Message = Command;
    const DESCRIPTOR: &'static Descriptor = &Descriptor {
        name: "office",
        summary: "Sends, and manages templates.",
        channel: Channel::Messenger,
        capabilities: &Capabilities::NONE,
        idempotency: Idempotency::None,
        direction: Direction { outbound: true, inbound: false },
        reply: Reply::Acknowledge { within_ms: None },
        config_schema: schema_of::<Nothing>,
        message_schema: schema_of::<Command>,
    };

    fn halves() -> zengine_connector::private::Halves<Self> {
        zengine_connector::private::Halves::new().outbound()
    }
}

fn office() -> (World, Office, Orchestrator) {
    let (world, office) = (World::in_memory(), Office::default());
    world.memory.put_tenant(&tenant(), &StrategyName::new("office").unwrap(), serde_json::json!({}));
    let process = world.host(StrategyRegistry::builder().register(office.clone()), |it| it);
    (world, office, process)
}

async fn status(process: &Orchestrator) -> Status {
    process.status(tenant(), "office").await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_account_error_of_management_poisons_no_tenant_and_is_no_error_of_sends() {
    let (_world, office, process) = office();
    office.0.lock().unwrap().1 = Some(ErrorKind::Account);
    let send = async |command: &Command, name: &str| failed(process.send(tenant(), "office", id(name), command).await.unwrap());
    // The second is the stored outcome.
    for replayed in [false, true] {
        let end = send(&Command::CreateTemplate, "1").await;
        assert_eq!((end.replayed, end.error.kind(), end.error.poison()), (replayed, ErrorKind::Account, Poison::Message));
        assert_eq!(serde_json::to_value(&end.error).unwrap()["management"], true);
    }
    let error = process.query(tenant(), "office", &Command::ListTemplates).await.unwrap_err();
    assert_eq!((error.kind(), error.poison()), (ErrorKind::Account, Poison::Message));
    let seen = status(&process).await;
    assert!(seen.last_error.is_none() && seen.pauses.is_empty());
    assert_eq!(seen.last_management_error.unwrap().error.kind(), ErrorKind::Account);

    let end = send(&Command::Text, "2").await;
    assert_eq!((end.error.poison(), end.error.is_of_management()), (Poison::Tenant, false));
    assert!(serde_json::to_value(&end.error).unwrap().get("management").is_none());
    assert_eq!(status(&process).await.last_error.unwrap().error.kind(), ErrorKind::Account);
}

#[tokio::test(start_paused = true)]
async fn a_management_call_that_succeeds_ends_no_account_error_of_sends() {
    let (world, office, process) = office();
    let refuse = |kind| office.0.lock().unwrap().1 = kind;
    let recovered = async || status(&process).await.last_error.unwrap().recovered_at_ms.is_some();
    for (n, (kind, ends)) in [(ErrorKind::Account, false), (ErrorKind::Unavailable, true)].into_iter().enumerate() {
        refuse(Some(kind));
        failed(process.send(tenant(), "office", id(&format!("{n}")), &Command::Text).await.unwrap());
        refuse(None);
        world.pass(secs(1)).await;
        let _ = process.query(tenant(), "office", &Command::ListTemplates).await.unwrap();
        assert_eq!(recovered().await, ends, "{kind:?}");
        assert!(process.send(tenant(), "office", id(&format!("{n} again")), &Command::Text).await.unwrap().is_delivered());
        assert!(recovered().await, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_the_provider_concerns_sends_whoever_meets_it() {
    let (_world, office, process) = office();
    office.0.lock().unwrap().1 = Some(ErrorKind::Unavailable);
    let end = failed(process.send(tenant(), "office", id("1"), &Command::CreateTemplate).await.unwrap());
    assert_eq!((end.error.poison(), end.error.is_of_management()), (Poison::Provider, false));
    let seen = status(&process).await;
    assert!(seen.last_management_error.is_none() && seen.last_error.is_some());
}
