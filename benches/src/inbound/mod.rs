//! Verify and normalize a webhook, beside an HMAC and a parse into borrowed structs.

mod bodies;
mod borrowed;
mod subject;

use std::hint::black_box;

use zengine_connector::BoxError;

use crate::harness::{Bound, Case, Counted, Row, Run, side_by_side};
use borrowed::Webhook;
use subject::{Delivery, peer_mac};

/// Operations whose allocations and instructions are counted.
pub(crate) const COUNTED: &[Counted] = &[
    Counted { name: "inbound/0.5-kb", make: || ours(bodies::text()), allocations: Some(20.0), instructions: None },
    Counted { name: "inbound/0.5-kb-normalize", make: || normalize(bodies::text()), allocations: Some(20.0), instructions: None },
    Counted { name: "inbound/0.5-kb-borrowed", make: || borrowed(bodies::text()), allocations: None, instructions: None },
    Counted { name: "inbound/1.3-kb", make: || ours(bodies::referral()), allocations: None, instructions: None },
    Counted { name: "inbound/1.3-kb-normalize", make: || normalize(bodies::referral()), allocations: None, instructions: None },
    Counted { name: "inbound/1.3-kb-borrowed", make: || borrowed(bodies::referral()), allocations: None, instructions: None },
    Counted { name: "inbound/65-kb-normalize", make: || normalize(bodies::batch_of_changes(100)), allocations: None, instructions: None },
    Counted { name: "inbound/50-kb-normalize", make: || normalize(bodies::batch_of_messages(100)), allocations: None, instructions: None },
];

fn ours(body: String) -> Case<'static> {
    let delivery = Delivery::new(body);
    Case::new("ours", move || delivery.receive())
}

fn normalize(body: String) -> Case<'static> {
    let delivery = Delivery::new(body);
    Case::new("normalize", move || delivery.normalize())
}

fn borrowed(body: String) -> Case<'static> {
    Case::new("borrowed", move || serde_json::from_str::<Webhook<'_>>(&body).map(|webhook| drop(black_box(webhook))).is_ok())
}

fn mac_and_borrowed(body: String) -> Case<'static> {
    Case::new("HMAC + borrowed serde", move || {
        black_box(peer_mac(body.as_bytes()));
        serde_json::from_str::<Webhook<'_>>(&body).map(|webhook| drop(black_box(webhook))).is_ok()
    })
}

fn mac(body: String) -> Case<'static> {
    Case::new("HMAC", move || peer_mac(body.as_bytes()))
}

/// Rates, and for the 1.3 KB body the ratio of times.
pub(crate) fn rows(run: &Run) -> Result<Vec<Row>, BoxError> {
    let sizes: [(&str, fn() -> String, f64); 5] = [
        ("inbound/0.5-kb", bodies::text, 1.0),
        ("inbound/1.3-kb", bodies::referral, 1.0),
        ("inbound/65-kb-100-changes", || bodies::batch_of_changes(100), 100.0),
        ("inbound/50-kb-100-messages", || bodies::batch_of_messages(100), 100.0),
        ("inbound/1-mb-2100-messages", || bodies::batch_of_messages(2_100), 2_100.0),
    ];
    let mut rows = vec![];
    for (name, body, events) in sizes.into_iter().filter(|(name, ..)| run.wants(name)) {
        let body = body();
        let [ours, peer, mac] = side_by_side(run, [ours(body.clone()), mac_and_borrowed(body.clone()), mac(body)]);
        let rate = |ns: f64| events * 1e9 / ns;
        let row = if name == "inbound/1.3-kb" {
            Row::new(name, ours.ns / 1e3, "us").peer("HMAC + borrowed serde", peer.ns / 1e3).peer("HMAC", mac.ns / 1e3)
        } else {
            Row::new(name, rate(ours.ns), "events/s").peer("HMAC + borrowed serde", rate(peer.ns)).peer("HMAC", rate(mac.ns))
        };
        rows.push(match name {
            "inbound/0.5-kb" => row.must(Bound::AtLeast(250e3)),
            "inbound/1.3-kb" => row.must(Bound::RatioAtMost(1.35)).stretch(Bound::RatioAtMost(1.15)),
            "inbound/65-kb-100-changes" => row.must(Bound::AtLeast(570e3)).stretch(Bound::AtLeast(700e3)),
            _ => row,
        });
    }
    Ok(rows)
}
