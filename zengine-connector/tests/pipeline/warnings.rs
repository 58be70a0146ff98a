//! What a strategy finds in a message before it is sent: errors refuse it, warnings go with it.

use std::sync::Arc;

use zengine_connector::{
    ErrorKind, Receipt, SendOptions,
    error::{Disposition, Level, Violation},
    runtime::Clock,
    testing::{ProviderAnswer, Recording},
};

use super::new_world;
use crate::support::{delivered, drop_after, failed, id, secs, send, tenant, text, unknown, world_without_traces};

fn cut_off() -> Violation {
    Violation::new("/content/body", "may be cut off").with_rule("text.shown").with_hint("write less").with_sizes(3, 5).warning()
}

#[tokio::test(start_paused = true)]
async fn a_warning_is_reported_with_the_receipt_and_the_message_is_sent() {
    let (world, provider) = (new_world(), Recording::new());
    provider.find_always([cut_off()]);
    provider.answer(ProviderAnswer::AcceptWith(Arc::new(|receipt: Receipt| {
        receipt.with_warnings([Violation::new("", "the provider frowns").with_rule("provider.frown")])
    })));
    let end = delivered(send(&world.process(&provider), "1").await);
    let rules = |receipt: &Receipt| receipt.warnings.iter().filter_map(|it| it.rule.clone()).collect::<Vec<_>>();
    assert_eq!(rules(&end.receipt), ["provider.frown", "text.shown"]);
    assert!(end.receipt.warnings.iter().all(|warning| warning.level == Level::Warning));
    assert_eq!(end.receipt.warnings[1], cut_off());
    // The record tells them to every later caller, in this process and in another.
    provider.find_always([]);
    for process in [world.process(&provider), world.process(&provider)] {
        let again = delivered(send(&process, "1").await);
        assert!(again.replayed);
        assert_eq!(again.receipt, end.receipt);
    }
    assert_eq!(provider.effects("1"), 1);
}

#[tokio::test(start_paused = true)]
async fn one_error_among_warnings_refuses_the_message_before_any_claim() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    let template = Violation::new("/content/name", "is paused").with_kind(ErrorKind::Template);
    provider.find_always([cut_off(), Violation::new("/to", "too many today").with_kind(ErrorKind::Quota), template]);
    let error = process.send(tenant(), "recording", id("1"), &text("hello")).await.unwrap_err();
    assert_eq!((error.kind(), error.disposition(), error.violations().len()), (ErrorKind::Template, Disposition::Reject, 3));
    world_without_traces(&world, "1").await;
    assert!(provider.calls().is_empty());
    // The id is still free.
    provider.find_always([]);
    delivered(send(&process, "1").await);
}

#[tokio::test(start_paused = true)]
async fn what_passes_with_time_is_refused_for_now() {
    let (world, provider) = (new_world(), Recording::new());
    provider.find_always([Violation::new("/to", "too many today").with_kind(ErrorKind::Quota)]);
    let error = world.process(&provider).send(tenant(), "recording", id("1"), &text("hello")).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Quota && matches!(error.disposition(), Disposition::RetryAfter(_)), "{error}");
    world_without_traces(&world, "1").await;
}

/// A quota that never passes ends with `max_age`, like any reason to wait: with a letter, and a send in doubt as Unknown.
#[tokio::test(start_paused = true)]
async fn rule_08_what_is_refused_for_now_again_and_again_ends_with_max_age() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(ProviderAnswer::AcceptThenHang);
    drop_after(&world, &world.killed(&provider), "in doubt", secs(1)).await;
    provider.find_always([Violation::new("/to", "too many today").with_kind(ErrorKind::Quota)]);
    let (process, born) = (world.process(&provider), world.clock.now());
    let send_born = async |what: &str| {
        let options = SendOptions::new().created_at(born);
        process.send_with(tenant(), "recording", id(what), &text("hello"), options).await
    };
    for what in ["new", "in doubt"] {
        assert_eq!(send_born(what).await.unwrap_err().kind(), ErrorKind::Quota);
    }
    assert_eq!((world.record("new").await, world.all_letters().await.len()), (None, 0));
    world.clock.jump_ms(6 * 3_600_000 + 1000);
    assert_eq!(failed(send_born("new").await.unwrap()).error.kind(), ErrorKind::Expired);
    unknown(send_born("in doubt").await.unwrap());
    assert_eq!((world.all_letters().await.len(), world.failed().len(), provider.calls().len()), (2, 2, 1));
    let unborn = process.send(tenant(), "recording", id("its age is not known"), &text("hello")).await.unwrap_err();
    assert_eq!(unborn.kind(), ErrorKind::Quota);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_long_warnings_are_a_few_short_ones() {
    let (world, provider) = (new_world(), Recording::new());
    let long = || Violation::new("/content/body".repeat(1_000), "é".repeat(10_000)).with_rule("text.shown").warning();
    provider.find_always((0..1_000).map(|_| long()));
    let first = delivered(send(&world.process(&provider), "1").await).receipt;
    assert_eq!(first.warnings.len(), Receipt::MAX_WARNINGS);
    assert!(first.warnings.iter().all(|warning| warning.pointer.len() + warning.message.len() < 1_000));
    let stored = delivered(send(&world.process(&provider), "1").await).receipt;
    assert_eq!((stored.provider_ids, stored.trimmed), (first.provider_ids, true));
    assert!(stored.warnings.is_empty() && world.record("1").await.unwrap().result.unwrap().as_sealed().len() < 8 * 1024 + 100);
}
