//! Verify and normalize a webhook, beside an HMAC and a parse into borrowed structs.

mod bodies;
mod borrowed;
mod subject;

use std::hint::black_box;

use zengine_connector::BoxError;

use crate::harness::{Bound, Case, Counted, Row, Run, side_by_side};
use borrowed::Webhook;
pub(crate) use subject::strategy;
use subject::{Delivery, peer_mac};

/// Verifies and normalizes one text message; says how many events came of it.
pub(crate) fn one_event() -> usize {
    Delivery::new(bodies::text()).receive()
}

/// The argument that makes this program print a body, for the peers in other languages.
pub(crate) const PRINT_BODY: &str = "print-body";

/// Prints a body of the rows.
pub(crate) fn print_body(name: Option<&str>) -> Result<(), BoxError> {
    let body = match name {
        Some("text") => bodies::text(),
        Some("batch") => bodies::batch_of_changes(100),
        _ => return Err("print-body takes text or batch".into()),
    };
    print!("{body}");
    Ok(())
}

/// Operations whose allocations and instructions are counted.
pub(crate) const COUNTED: &[Counted] = &[
    counted("inbound/0.5-kb", || ours(bodies::text()), 26.0),
    counted("inbound/0.5-kb-normalize", || normalize(bodies::text()), 23.0),
    counted("inbound/0.5-kb-hmac", || mac(bodies::text()), 0.0),
    counted("inbound/0.5-kb-borrowed", || borrowed(bodies::text()), 4.0),
    counted("inbound/1.3-kb", || ours(bodies::referral()), 34.0),
    counted("inbound/1.3-kb-normalize", || normalize(bodies::referral()), 31.0),
    counted("inbound/1.3-kb-borrowed", || borrowed(bodies::referral()), 10.0),
    counted("inbound/65-kb-normalize", || normalize(bodies::batch_of_changes(100)), 1_211.0),
    counted("inbound/50-kb-normalize", || normalize(bodies::batch_of_messages(100)), 1_124.0),
];

const fn counted(name: &'static str, make: fn() -> Case<'static>, allocations: f64) -> Counted {
    Counted { name, make, allocations: Some(allocations), ceiling: None, stretch: None }
}

fn ours(body: String) -> Case<'static> {
    let delivery = Delivery::new(body);
    Case::new(move || delivery.receive())
}

fn normalize(body: String) -> Case<'static> {
    let delivery = Delivery::new(body);
    Case::new(move || delivery.normalize())
}

fn borrowed(body: String) -> Case<'static> {
    Case::new(move || serde_json::from_str::<Webhook<'_>>(&body).map(|webhook| drop(black_box(webhook))).is_ok())
}

fn mac_and_borrowed(body: String) -> Case<'static> {
    Case::new(move || {
        black_box(peer_mac(body.as_bytes()));
        serde_json::from_str::<Webhook<'_>>(&body).map(|webhook| drop(black_box(webhook))).is_ok()
    })
}

fn mac(body: String) -> Case<'static> {
    Case::new(move || peer_mac(body.as_bytes()))
}

/// Rates.
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
        let row = Row::new(name, rate(ours.ns), "events/s").peer("HMAC + borrowed serde", rate(peer.ns)).peer("HMAC", rate(mac.ns));
        rows.push(match name {
            "inbound/0.5-kb" => row.must(Bound::AtLeast(250e3)).stretch(Bound::AtLeast(340e3)),
            "inbound/65-kb-100-changes" => row.must(Bound::AtLeast(500e3)).stretch(Bound::AtLeast(700e3)),
            _ => row,
        });
    }
    Ok(rows)
}
