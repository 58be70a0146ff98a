//! Disk that the embedded store takes for each entry of one kind. All other kinds are in memory.

use std::{path::Path, sync::Arc};

use serde_json::json;
use zengine_connector::{
    BoxError, Configure, ConfigureContext, Content, Error, ErrorKind, Event, Identity, InboundContext, InboundStrategy, Memory,
    Orchestrator, OutboundMessage, Reach, Strategy, StrategyName, TenantId,
    ids::RouteKey,
    message::ElementError,
    schemars,
    store::{Embedded, Stores, StoresBuilder, TenantRow},
    strategy::{InboundRequest, RawPayload, RoutedEvent, Verified, VerifyError},
    testing::{ProviderAnswer, Recording},
};

use crate::{
    embedded::GROUP,
    harness::{Row, Run},
};

/// A row for each kind: what the closed file has grown by, divided by the entries; beside it the same after `Embedded::compact`.
pub(crate) fn rows(run: &Run) -> Result<Vec<Row>, BoxError> {
    let count = if run.quick { 20 } else { 80 } * GROUP;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let kinds = [("disk/delivered-send", Kind::Send), ("disk/received-event", Kind::Event), ("disk/dead-letter", Kind::Letter)];
    let wanted = kinds.into_iter().filter(|(name, _)| run.wants(name));
    wanted.map(|(name, kind)| runtime.block_on(kind.row(name, count))).collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// The record of a delivered send.
    Send,
    /// The record of an event that a handler stored.
    Event,
    /// The letter of a failed send of a text of a hundred bytes.
    Letter,
}

impl Kind {
    async fn row(self, name: &'static str, count: u32) -> Result<Row, BoxError> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("store.db");
        drop(Embedded::open(&path)?);
        let empty = bytes(&path)?;
        let store = Embedded::open(&path)?;
        self.fill(&store, count).await?;
        drop(store);
        let each = |size: f64| (size - empty) / f64::from(count);
        let grown = each(bytes(&path)?);
        let store = Embedded::open(&path)?;
        while store.compact().await? {}
        drop(store);
        Ok(Row::new(name, grown, "bytes").peer("after compact", each(bytes(&path)?)))
    }

    /// Stores this many entries, in groups that are written at the same time.
    async fn fill(self, store: &Embedded, count: u32) -> Result<(), BoxError> {
        let (memory, provider, tenant) = (Memory::new(), Recording::new(), TenantId::new("acme")?);
        memory.put_tenant(&tenant, &StrategyName::new("recording")?, json!({}));
        let row = TenantRow::new(json!({})).with_routes([RouteKey::new("account", "acme")]);
        memory.put_tenant(&tenant, &StrategyName::new("inbox")?, row);
        if self == Self::Letter {
            provider.answer_always(ProviderAnswer::error(ErrorKind::InvalidRecipient, Reach::Processed));
        }
        let orchestrator = Orchestrator::builder()
            .strategy(provider)
            .strategy(Inbox)
            .stores(self.stores(&memory, store).build()?)
            .on_event(async |_| Ok(()))
            .build()?;
        let message = Arc::new(OutboundMessage::text(Identity::phone("+15550100")?, "Your parcel has left. ".repeat(5).trim_end()));
        for first in (0..count).step_by(GROUP as usize) {
            let tasks = (first..first + GROUP).map(|n| {
                let (orchestrator, message) = (orchestrator.clone(), Arc::clone(&message));
                tokio::spawn(async move {
                    if self == Self::Event {
                        let record = InboundRequest::trusted("queue", format!("record-{n}"), format!("wamid.{n:0>50}"));
                        return orchestrator.receive("inbox", record).await.map(|received| received.accepted == 1);
                    }
                    let outcome = orchestrator.send("acme", "recording", format!("order-{n:08}"), &*message).await?;
                    Ok::<_, Error>(outcome.as_str() == if self == Self::Send { "delivered" } else { "failed" })
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                if !task.await?? {
                    return Err("an entry was not stored".into());
                }
            }
        }
        Ok(())
    }

    fn stores(self, memory: &Memory, store: &Embedded) -> StoresBuilder {
        let stores = Stores::builder().base(memory).keys(store.keys());
        if self == Self::Letter { stores.dead_letters(store.dead_letters()) } else { stores.claims(store.claims()) }
    }
}

#[allow(clippy::cast_precision_loss, reason = "bytes below 2^53")]
fn bytes(path: &Path) -> Result<f64, BoxError> {
    Ok(std::fs::metadata(path)?.len() as f64)
}

/// Receives records, each of which is the id of a text.
#[derive(Debug, Strategy)]
#[strategy(name = "inbox", channel = WhatsApp, config = Nothing, inbound)]
struct Inbox;

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

impl Configure<Nothing> for Inbox {
    type Tenant = ();

    async fn configure(&self, _: Nothing, _: &ConfigureContext) -> Result<(), Error> {
        Ok(())
    }
}

impl InboundStrategy<Nothing> for Inbox {
    async fn verify(&self, request: &InboundRequest, _: &InboundContext<()>) -> Result<Verified, VerifyError> {
        Ok(Verified::shared(request.body().clone()))
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        let id = String::from_utf8_lossy(payload.body()).into_owned();
        let mut event = RoutedEvent::new(Event::message(Content::text("Thank you")), id, payload.body().clone());
        event.routes = vec![RouteKey::new("account", "acme")];
        vec![Ok(event)]
    }
}
