//! The telemetry of a host: lines, spans, metrics in two forms, and the status of a tenant.
//!
//! ```sh
//! cargo run -p zengine-examples --example telemetry
//! ```
//!
//! Standard output gets JSON lines with the keys of AWS Lambda Powertools and CloudWatch's embedded metric format, as from a function;
//! then the text that Prometheus would scrape, and the answer of a health endpoint. The provider is a script.
use std::{
    error::Error as StdError,
    io::{Write, stdout},
    sync::Arc,
};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tracing::Instrument as _;
use tracing_subscriber::{Layer as _, filter::LevelFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};
use zengine_connector::{
    ErrorKind, Identity, Memory, Orchestrator, OutboundMessage, Reach, StrategyName, TenantId,
    runtime::TokioClock,
    telemetry::{EmfObserver, MetricsObserver, Powertools},
    testing::{ProviderAnswer, Recording},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    run(stdout).await
}

/// Runs the host. Everything is written to what `out` opens.
pub(crate) async fn run<W: Write + Send + 'static>(out: impl Fn() -> W) -> Result<(), Box<dyn StdError>> {
    // Lines: any subscriber takes them. This layer prints one JSON object per line.
    let clock = Arc::new(TokioClock::new());
    let lines = Powertools::builder("messaging", Arc::clone(&clock) as _).build(out());
    tracing_subscriber::registry().with(lines.with_filter(LevelFilter::INFO)).init();

    // Metrics: the recorder first, because the observer describes its metrics to it. Without buckets it would give summaries.
    let seconds = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
    let prometheus = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &seconds)?.install_recorder()?;
    let emf = EmfObserver::new("messaging", clock, out()).with_tenant_as_property();

    let (provider, memory) = (Recording::new(), Memory::new());
    memory.put_tenant(&TenantId::new("acme")?, &StrategyName::new("recording")?, serde_json::json!({}));
    let orchestrator = Orchestrator::builder()
        .strategy(provider.clone())
        .stores(memory)
        .observer(Arc::new(emf))
        .observer(Arc::new(MetricsObserver::new()))
        .build()?;

    // One send is delivered, its duplicate replays that, and one is refused for the tenant's credentials.
    let message = OutboundMessage::text(Identity::phone("+15551230001")?, "Your parcel has arrived.");
    for id in ["order-17", "order-17", "order-18"] {
        if id == "order-18" {
            provider.answer(ProviderAnswer::error(ErrorKind::Unauthorized, Reach::Processed));
        }
        // The spans of a send are children of this one.
        let request = tracing::info_span!("request", path = "/orders");
        let _outcome = orchestrator.send("acme", "recording", id, &message).instrument(request).await?;
    }

    writeln!(out(), "{}", prometheus.render())?;
    writeln!(out(), "{}", serde_json::to_string(&orchestrator.status("acme", "recording").await?)?)?;
    Ok(())
}
