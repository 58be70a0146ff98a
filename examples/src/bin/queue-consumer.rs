//! A consumer of a queue of messages to send: what it acknowledges, what it leaves in the queue and for how long, what it puts aside.
//!
//! ```sh
//! cargo run -p zengine-examples --bin queue-consumer
//! ```
//!
//! The queue is one in memory that behaves as SQS does, the provider an emulator in this process.
#![allow(clippy::print_stdout, reason = "this program talks to people")]

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use zengine_connector::{BoxError, Error, ErrorKind, Memory, Orchestrator, Outcome, SendOptions, error::Disposition, stage::Retry};
use zengine_examples::{
    provider::{Provider, STRATEGY},
    queue::{Delivery, Queue},
};
use zengine_strategies::sandbox::Fault;

/// Time for one message. The queue's visibility timeout must be longer, or a second consumer gets the message meanwhile.
const TIME: Duration = Duration::from_secs(10);

/// The visibility timeout.
const VISIBILITY: Duration = Duration::from_secs(15);

/// Deliveries after which the queue itself puts a message aside. Each deferral counts as one, so this must be far above the number of
/// deferrals in `max_age` (6 h), after which a message fails and is kept as a dead letter.
const MAX_RECEIVES: u32 = 1000;

/// A message in the queue.
#[derive(Deserialize)]
struct Job {
    tenant: String,
    strategy: String,
    /// The same for the same message, always: a message that the queue delivers twice is sent once.
    id: String,
    message: Box<RawValue>,
}

/// The decision about a message in the queue.
enum Settle {
    /// It is over: delivered, or kept as a dead letter of the orchestrator.
    Delete(&'static str),
    /// Not now.
    KeepFor(Duration, &'static str),
    /// It can never be sent as it is, and is no dead letter either.
    PutAside(String),
}

async fn send(orchestrator: &Orchestrator, delivery: &Delivery) -> Settle {
    let job: Job = match serde_json::from_str(&delivery.body) {
        Ok(job) => job,
        Err(error) => return Settle::PutAside(Error::from_json(ErrorKind::MessageInvalid, "no message to send", &error).to_string()),
    };
    let options = SendOptions::new().within(TIME).created_at(delivery.sent_at);
    match orchestrator.send_with(job.tenant, job.strategy, job.id, &job.message, options).await {
        Ok(Outcome::Deferred(later)) => Settle::KeepFor(later.retry_after, later.reason.as_str()),
        Ok(end) => Settle::Delete(end.as_str()),
        Err(error) => match error.disposition() {
            Disposition::RetryAfter(wait) => Settle::KeepFor(wait, error.kind().as_str()),
            Disposition::Reject => Settle::PutAside(error.to_string()),
        },
    }
}

/// Receives and sends until the queue is empty, as a real consumer would until it is told to stop.
async fn consume(queue: &Queue, orchestrator: &Orchestrator) {
    while !queue.is_empty() {
        let batch = queue.receive(10);
        if batch.is_empty() {
            pause().await;
        }
        // Each message by itself: one that waits for its provider holds up no other.
        stream::iter(batch)
            .for_each_concurrent(None, |delivery| async move {
                let nth = delivery.receives;
                match send(orchestrator, &delivery).await {
                    Settle::Delete(end) => {
                        println!("{end} at delivery {nth}: deleted");
                        queue.delete(delivery.receipt);
                    }
                    Settle::KeepFor(wait, reason) => {
                        println!("{reason} at delivery {nth}: comes back in {} s", wait.as_secs_f32().ceil());
                        queue.hide(delivery.receipt, wait);
                    }
                    Settle::PutAside(reason) => {
                        println!("put aside: {reason}");
                        queue.put_aside(delivery.receipt);
                    }
                }
            })
            .await;
    }
}

#[allow(clippy::disallowed_methods, reason = "a real queue is asked with a long poll")]
async fn pause() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (provider, whatsapp) = Provider::start(None)?;
    let stores = Memory::new(); // in production a store that outlives the process: see the guide on deploying
    let orchestrator = Orchestrator::builder()
        .strategy(whatsapp)
        .stores(stores.clone())
        .directory(provider.tenants.directory())
        .secrets(provider.tenants.secrets())
        .retry(Retry::none()) // so that the first refusal is seen; the default tries three times
        .build()?;

    let queue = Queue::new(VISIBILITY, MAX_RECEIVES);
    let job = |id: &str, text: &str| {
        let message =
            json!({ "to": { "ids": [{ "kind": "phone", "value": "+15551230001" }] }, "content": { "type": "text", "body": text } });
        json!({ "tenant": "acme", "strategy": STRATEGY, "id": id, "message": message }).to_string()
    };
    queue.send(job("order-1", "Your order is on its way."));
    queue.send(job("order-2", "The provider is busy when this one comes first."));
    queue.send(job("order-3", "The provider refuses this one."));
    queue.send(job("order-4", ""));
    queue.send("{}");
    if let Some(emulator) = &provider.emulator {
        let text = |of: &'static str| move |body: &serde_json::Value| body["text"]["body"].as_str().is_some_and(|text| text.contains(of));
        emulator.fail_next(Fault::throttle().with_header("retry-after", "1").when(text("busy")));
        emulator.fail_next(Fault::code(131_026).when(text("refuses")));
    }
    consume(&queue, &orchestrator).await;
    queue.send(job("order-1", "Your order is on its way.")); // queues deliver twice
    consume(&queue, &orchestrator).await;

    orchestrator.shutdown(Duration::from_secs(5)).await;
    println!("{} put aside, {} dead letters", queue.aside().len(), stores.dead_letter_count());
    if let Some(emulator) = &provider.emulator {
        println!("{} calls to the provider", emulator.journal().request_count());
    }
    Ok(())
}
