//! The canonical line of a send, formatted as JSON, beside the JSON formatter of `tracing-subscriber`.

use std::{io, sync::Arc};

use tracing_subscriber::layer::SubscriberExt as _;
use zengine_connector::{
    BoxError, ClientMessageId, Secret, TenantId,
    ids::CorrelationId,
    keyring::Key,
    runtime::TokioClock,
    telemetry::{Powertools, RecipientHmac, TraceParent},
};

use crate::harness::{Bound, Case, Counted, Row, Run, side_by_side};

/// Operations whose allocations and instructions are counted.
pub(crate) const COUNTED: &[Counted] = &[
    Counted { name: "log/canonical-line", make: ours, allocations: Some(4.0), ceiling: None, stretch: Some(1.0) },
    Counted { name: "log/tracing-subscriber-json", make: theirs, allocations: None, ceiling: None, stretch: None },
    Counted { name: "log/no-subscriber", make: without_subscriber, allocations: Some(0.0), ceiling: None, stretch: None },
];

pub(crate) fn rows(run: &Run) -> Result<Vec<Row>, BoxError> {
    let [ours, theirs, without_subscriber] = side_by_side(run, [ours(), theirs(), without_subscriber()]);
    Ok(vec![
        Row::new("log/canonical-line", ours.ns, "ns")
            .peer("tracing-subscriber JSON", theirs.ns)
            .must(Bound::AtMost(1_500.0))
            .stretch(Bound::AtMost(800.0)),
        Row::new("log/no-subscriber", without_subscriber.ns, "ns"),
    ])
}

/// The line of a delivered send, with the fields of `zengine-connector/guide/logging.md`.
#[allow(clippy::expect_used, reason = "made of constants")]
fn line() -> impl Fn() {
    let (tenant, id) = (TenantId::new("tenant-000117").expect("an id"), ClientMessageId::new("order-2025-000123").expect("an id"));
    let correlation = CorrelationId::new("8f14e45f-ceea-467f-a8b8-6d2a4c7f7d11").expect("an id");
    let recipient = RecipientHmac::new(&Key::new("k1", &Secret::new([7; 32])), "tenant-000117", "phone:+15551230001");
    let trace = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    move || {
        tracing::info!(
            target: "zengine_connector",
            tenant_id = tenant.as_str(),
            strategy = "whatsapp-meta-cloud",
            client_message_id = id.as_str(),
            outcome = "delivered",
            attempts = 1,
            replayed = false,
            dedup_recorded = true,
            waited_ms = 0,
            lease_owner = "01998f7e5b2c4a6f8d3e1b0a9c7d5e4f",
            breaker_state = "closed",
            breaker_epoch = 3,
            recipient_hmac = recipient.as_str(),
            correlation_id = correlation.as_str(),
            trace = trace.map(tracing::field::display),
            duration_ms = 83,
            "send.completed"
        );
    }
}

fn under<S: tracing::Subscriber + Send + Sync + 'static>(subscriber: S) -> Case<'static> {
    let (dispatch, emit) = (tracing::Dispatch::new(subscriber), line());
    Case::many(move |n| {
        tracing::dispatcher::with_default(&dispatch, || {
            crate::harness::measured(|| {
                for _ in 0..n {
                    emit();
                }
            })
        })
    })
}

fn ours() -> Case<'static> {
    let layer = Powertools::builder("connectors-social", Arc::new(TokioClock::new())).function_name("connectors-send").build(io::sink());
    under(tracing_subscriber::registry().with(layer))
}

fn theirs() -> Case<'static> {
    under(tracing_subscriber::registry().with(tracing_subscriber::fmt::layer().json().with_writer(io::sink)))
}

fn without_subscriber() -> Case<'static> {
    let emit = line();
    Case::new(emit)
}
