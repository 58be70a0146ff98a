//! Code of a strategy or a message that panics: an error before anything is claimed, sent or stored.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::json;
use zengine_connector::{
    Configure, ConfigureContext, Error, ErrorKind, Orchestrator, OutboundStrategy, Outcome, ProviderMessageId, Receipt, SendContext,
    SendError, Strategy, StrategyName,
    error::Violation,
    message::{Capabilities, Degrade, Effect, Idempotency, LossReport, Message},
    schemars,
    store::TenantRow,
};

use crate::{
    host::{TestHost, tenant},
    log::Log,
};

/// A message that panics in the stage that it names.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
struct Shaky {
    stage: String,
}

impl Shaky {
    fn pass(&self, stage: &str) {
        assert!(self.stage != stage, "canary");
    }
}

impl Message for Shaky {
    fn validate(&self, _: &Capabilities) -> Result<(), Vec<Violation>> {
        self.pass("validate");
        Ok(())
    }

    fn degrade(&self, _: &Capabilities, _: Degrade) -> Option<(Self, LossReport)> {
        self.pass("degrade");
        None
    }

    fn effect(&self) -> Effect {
        self.pass("effect");
        Effect::Write
    }

    fn idempotency(&self) -> Option<Idempotency> {
        self.pass("idempotency");
        None
    }

    fn encode(&self, into: &mut dyn std::io::Write) -> serde_json::Result<()> {
        self.pass("encode");
        serde_json::to_writer(into, &self.stage)
    }

    fn recipient(&self) -> Option<Cow<'_, str>> {
        self.pass("recipient");
        None
    }
}

#[derive(Strategy)]
#[strategy(name = "shaky", channel = Sms, config = serde_json::Value, outbound = Shaky)]
struct ShakyStrategy;

impl Configure<serde_json::Value> for ShakyStrategy {
    type Tenant = bool;

    async fn configure(&self, config: serde_json::Value, _: &ConfigureContext) -> Result<bool, Error> {
        Ok(config["without_capabilities"] == true)
    }
}

impl OutboundStrategy<serde_json::Value, Shaky> for ShakyStrategy {
    async fn send(&self, _: &bool, _: &Shaky, _: &SendContext) -> Result<Receipt, SendError> {
        Ok(Receipt::accepted(ProviderMessageId::new("p1").unwrap()))
    }

    fn check(&self, _: &bool, message: &Shaky) -> Result<(), Vec<Violation>> {
        message.pass("check");
        Ok(())
    }

    fn capabilities<'t>(&self, without: &'t bool) -> Option<&'t Capabilities> {
        assert!(!*without, "canary");
        None
    }
}

fn process(host: &TestHost, config: serde_json::Value) -> Orchestrator {
    host.memory.put_tenant(&tenant(), &StrategyName::new("shaky").unwrap(), TenantRow::new(config));
    Orchestrator::builder().strategy(ShakyStrategy).stores(host.memory.clone()).clock(Arc::clone(&host.clock) as _).build().unwrap()
}

async fn send(process: &Orchestrator, stage: &str) -> Result<Outcome, Error> {
    process.send(tenant(), "shaky", stage, &Shaky { stage: stage.to_owned() }).await
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_panics_before_the_claim_is_an_error_that_names_it() {
    let (host, log) = (TestHost::new(), Log::default());
    let _guard = tracing::subscriber::set_default(log.clone());
    let sound = process(&host, json!({}));
    for stage in ["validate", "degrade", "effect", "idempotency", "encode", "recipient", "check"] {
        let error = send(&sound, stage).await.unwrap_err();
        assert_eq!((error.kind(), error.context("stage")), (ErrorKind::Unexpected, Some(stage)));
        assert!(!format!("{error} {error:?}").contains("canary"));
        assert_eq!(log.lines(&format!("stage=\"{stage}\"")).len(), 1, "{stage}");
    }
    let shaken = process(&host, json!({ "without_capabilities": true }));
    let error = send(&shaken, "none").await.unwrap_err();
    assert_eq!((error.kind(), error.context("stage")), (ErrorKind::Unexpected, Some("capabilities")));
    assert_eq!((host.memory.claim_count(), host.letters().await), (0, 0), "nothing is claimed or stored");
    assert!(log.lines("canary").is_empty());
    // The strategy and its tenant are as before.
    host.memory.put_tenant(&tenant(), &StrategyName::new("shaky").unwrap(), TenantRow::new(json!({})));
    assert!(matches!(send(&sound, "none").await.unwrap(), Outcome::Delivered(_)));
}
