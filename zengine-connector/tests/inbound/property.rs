//! Whatever fails and however often a batch comes again: nothing is lost, nothing is stored twice, order is kept.

use std::{collections::HashMap, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};
use zengine_connector::orchestrator::{Ack, InboundSettings};

use crate::host::{Do, Host, message, payload};

/// The errors during one delivery, at a background error rate.
#[derive(Clone, Debug)]
struct BackgroundErrors {
    /// Which events their handler refuses, and which it panics on.
    refused: u32,
    panicking: u32,
    claims_down: bool,
    dead_letters_down: bool,
    routes_down: bool,
    lost_answers: usize,
}

fn background_errors() -> impl Strategy<Value = BackgroundErrors> {
    (any::<u32>(), any::<u32>(), prop::bool::weighted(0.1), prop::bool::weighted(0.3), prop::bool::weighted(0.1), 0..3_usize).prop_map(
        |(refused, panicking, claims_down, dead_letters_down, routes_down, lost_answers)| BackgroundErrors {
            refused: refused & 0x1111_1111,
            panicking: panicking & 0x2222_2222 & refused,
            claims_down,
            dead_letters_down,
            routes_down,
            lost_answers,
        },
    )
}

/// A batch: for each element its conversation, and whether it is an event, poison for its handler, or no element at all.
fn batch() -> impl Strategy<Value = Vec<(u8, u8)>> {
    prop::collection::vec((0..4_u8, 0..8_u8), 1..24)
}

fn element(n: usize, (conversation, kind): (u8, u8)) -> Value {
    match kind {
        6 => json!(n),
        7 => message(&n.to_string(), &conversation.to_string(), &format!("poison {n}")),
        _ => message(&n.to_string(), &conversation.to_string(), &n.to_string()),
    }
}

fn check(batch: &[(u8, u8)], error_sets: &[BackgroundErrors], max_events: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let host = Arc::new(Host::with(InboundSettings { max_events, ..InboundSettings::default() }, true));
        let body = payload(&batch.iter().enumerate().map(|(n, kind)| element(n, *kind)).collect::<Vec<_>>());
        let texts: Vec<_> =
            batch.iter().enumerate().map(|(n, (_, kind))| if *kind == 7 { format!("poison {n}") } else { n.to_string() }).collect();
        let mut delivered = vec![];
        for errors in error_sets {
            host.heal();
            for (n, text) in texts.iter().enumerate() {
                match () {
                    () if errors.panicking >> (n % 32) & 1 == 1 => host.on(text, Do::Panic),
                    () if errors.refused >> (n % 32) & 1 == 1 => host.on(text, Do::NotStored),
                    () if text.starts_with("poison") => host.on(text, Do::Poison),
                    () => {}
                }
            }
            Host::fault(&host.faults.claims_down, errors.claims_down);
            Host::fault(&host.faults.dead_letters_down, errors.dead_letters_down);
            Host::fault(&host.faults.routes_down, errors.routes_down);
            host.faults.lose_claim_answers.store(errors.lost_answers, std::sync::atomic::Ordering::SeqCst);
            delivered.push(host.shared(body.clone()).await);
        }
        // Without errors the batch gets through in as many deliveries as its limit demands.
        host.heal();
        for text in texts.iter().filter(|text| text.starts_with("poison")) {
            host.on(text, Do::Poison);
        }
        for flag in [&host.faults.claims_down, &host.faults.dead_letters_down, &host.faults.routes_down] {
            Host::fault(flag, false);
        }
        host.faults.lose_claim_answers.store(0, std::sync::atomic::Ordering::SeqCst);
        let mut last = host.shared(body.clone()).await;
        for _ in 0..batch.len() {
            if last.ack == Ack::Done {
                break;
            }
            last = host.shared(body.clone()).await;
        }

        for received in delivered.iter().chain([&last]) {
            assert_eq!(received.accepted + received.poisoned + received.unstored, batch.len());
            assert_eq!(received.ack == Ack::Done, received.unstored == 0);
            assert_eq!(received.response.status().is_success(), received.unstored == 0);
        }
        let poison = batch.iter().filter(|(_, kind)| *kind >= 6).count();
        assert_eq!((last.ack, last.accepted, last.poisoned), (Ack::Done, batch.len() - poison, poison));
        // Everything that cannot be handled is kept, once.
        assert_eq!(host.letters().await.len(), poison);
        // The last time an event was handled is the time it was stored; until then nothing after it was begun.
        let seen = host.seen.texts();
        let mut order: HashMap<u8, Vec<usize>> = HashMap::new();
        for (at, text) in seen.iter().enumerate() {
            let n = texts.iter().position(|known| known == text).unwrap();
            if seen[at + 1..].contains(text) {
                continue;
            }
            order.entry(batch[n].0).or_default().push(n);
        }
        for (conversation, stored) in order {
            assert!(stored.is_sorted(), "conversation {conversation}: {stored:?} of {seen:?}");
        }
        // And it stays so.
        let handled = host.seen.count();
        assert_eq!(host.shared(body).await.ack, Ack::Done);
        assert_eq!(host.seen.count(), handled);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn rule_84_every_batch_gets_through_whatever_fails_on_the_way(
        batch in batch(),
        error_sets in prop::collection::vec(background_errors(), 0..5),
        max_events in 1..30_usize,
    ) {
        check(&batch, &error_sets, max_events);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rule_84_deliveries_that_race_on_threads_store_each_event_once() {
    let host = Arc::new(Host::new());
    let body = payload(&(0..60).map(|n| message(&n.to_string(), &(n % 6).to_string(), &n.to_string())).collect::<Vec<_>>());
    let deliveries: Vec<_> = (0..16)
        .map(|_| {
            let (host, body) = (Arc::clone(&host), body.clone());
            tokio::spawn(async move { while host.shared(body.clone()).await.ack != Ack::Done {} })
        })
        .collect();
    for delivery in deliveries {
        delivery.await.unwrap();
    }
    let seen = host.seen.texts();
    assert_eq!(seen.len(), 60);
    for conversation in 0..6 {
        let of_it: Vec<usize> = seen.iter().map(|text| text.parse().unwrap()).filter(|n| n % 6 == conversation).collect();
        assert_eq!(of_it, (0..60).filter(|n| n % 6 == conversation).collect::<Vec<_>>());
    }
}
