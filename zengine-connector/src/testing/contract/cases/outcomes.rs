//! What the pipeline makes of the strategy's errors: retried, put off, failed, or in doubt (rule 34).

use std::time::Duration;

use super::{super::answer, prelude::*};
use crate::{
    error::{ErrorKind, Fault, Reach},
    message::Idempotency,
    orchestrator::{DeferredReason, Outcome, SendOptions},
    stage::Breaker,
};

fn status(code: u16) -> WireFault {
    WireFault::Answer(answer::json(code, &serde_json::json!({})))
}

fn asked_to_wait(seconds: u64) -> WireFault {
    let mut answer = answer::json(429, &serde_json::json!({}));
    answer.headers_mut().insert("retry-after", seconds.into());
    WireFault::Answer(answer)
}

/// Nothing left the first time: the second attempt delivers.
pub(crate) async fn what_was_not_sent_is_tried_again(kit: &Shared) -> Done {
    for fault in [WireFault::Refused, WireFault::ConnectTimeout, asked_to_wait(2)] {
        let (world, name) = (World::new(kit), fault.name());
        world.wire.next([fault]);
        let outcome = world.send(0, 0, "again-1").await.expect("a send");
        let Outcome::Delivered(delivered) = outcome else { panic!("{name}: not delivered by a second attempt: {outcome:?}") };
        assert_eq!(delivered.attempts, 2, "{name}");
        assert_eq!(world.wire.effects().len(), 1, "{name}: the message went out more than once");
    }
    Ok(())
}

/// Nobody knows whether it was sent: it is not sent again, unless the provider can tell doubles.
pub(crate) async fn what_may_have_been_sent_is_in_doubt(kit: &Shared) -> Done {
    for fault in [WireFault::ResetAfterAccepting, WireFault::HangAfterAccepting, WireFault::CutBody, status(500)] {
        let (world, name) = (World::new(kit), fault.name());
        world.wire.next([fault]);
        let outcome = world.send(0, 0, "doubt-1").await.expect("a send");
        assert!(matches!(outcome, Outcome::Unknown(_)), "{name}: must be Unknown: {outcome:?}");
        assert_eq!(world.wire.sends().len(), 1, "{name}: it was sent again");
        // The caller's redelivery changes nothing.
        let again = world.send(0, 0, "doubt-1").await.expect("a send");
        assert!(matches!(&again, Outcome::Unknown(end) if end.replayed), "{name}: {again:?}");
        assert_eq!(world.wire.sends().len(), 1, "{name}: a redelivery sent it again");
    }
    Ok(())
}

/// A provider that recognises our key gets the same key again, and delivers once.
pub(crate) async fn what_may_have_been_sent_is_sent_again_under_its_key(kit: &Shared) -> Done {
    for fault in [WireFault::ResetAfterAccepting, WireFault::CutBody, status(500)] {
        let (world, name) = (World::new(kit), fault.name());
        world.wire.next([fault]);
        let outcome = world.send(0, 0, "keyed-1").await.expect("a send");
        assert!(matches!(outcome, Outcome::Delivered(_)), "{name}: {outcome:?}");
        assert_eq!(world.wire.sends().len(), 2, "{name}");
    }
    Ok(())
}

/// A refusal is an end: one call, a dead letter, no retry.
pub(crate) async fn a_refusal_fails_at_once(kit: &Shared) -> Done {
    for code in [400, 403, 404] {
        let world = World::new(kit);
        world.wire.always(status(code));
        let outcome = world.send(0, 0, "refused-1").await.expect("a send");
        assert!(matches!(outcome, Outcome::Failed(_)), "{code}: must be Failed: {outcome:?}");
        assert_eq!(world.wire.sends().len(), 1, "{code}: a refusal is not tried again");
        assert_eq!(world.stores.dead_letters().len(), 1, "{code}: a failed message is kept");
    }
    Ok(())
}

/// A long wait is the caller's: the message is put off, not slept on.
pub(crate) async fn a_long_wait_is_put_off(kit: &Shared) -> Done {
    let world = World::new(kit);
    let before = world.now_ms();
    world.wire.always(asked_to_wait(3600));
    let outcome = world.send(0, 0, "later-1").await.expect("a send");
    let Outcome::Deferred(deferred) = outcome else { panic!("must be Deferred: {outcome:?}") };
    assert_eq!(deferred.reason, DeferredReason::Throttled);
    assert!(deferred.retry_after >= Duration::from_secs(3600), "the provider's hour is cut to {:?}", deferred.retry_after);
    assert!(world.now_ms() - before < 30_000, "somebody slept");
    assert_eq!(world.wire.sends().len(), 1);
    Ok(())
}

/// The provider never answers: Failed where nothing left, after as many attempts as are allowed.
pub(crate) async fn attempts_end(kit: &Shared) -> Done {
    let world = World::new(kit);
    world.wire.always(WireFault::Refused);
    let outcome = world.send(0, 0, "ends-1").await.expect("a send");
    let Outcome::Failed(failed) = outcome else { panic!("must be Failed: {outcome:?}") };
    assert_eq!(failed.attempts, 3, "three attempts, each one call");
    assert_eq!(world.wire.made().iter().filter(|made| made.sends).count(), 0);
    Ok(())
}

/// Bad messages say nothing about the provider: its breaker stays closed.
pub(crate) async fn bad_messages_do_not_stop_good_ones(kit: &Shared) -> Done {
    let world = World::with(kit, |builder| builder.breaker(Breaker::standard()));
    for code in [400, 404] {
        world.wire.always(status(code));
        for n in 0..12 {
            let outcome = world.send(0, n, &format!("bad-{code}-{n}")).await.expect("a send");
            assert!(matches!(outcome, Outcome::Failed(_)), "{code}: {outcome:?}");
        }
    }
    world.wire.heal();
    let outcome = world.send(0, 0, "good-1").await.expect("a send");
    assert!(matches!(outcome, Outcome::Delivered(_)), "a healthy provider counts as dead: {outcome:?}");
    Ok(())
}

/// Each row of the table ends a send as rule 34 says.
pub(crate) async fn every_row_of_the_error_table_ends_as_it_must(kit: &Shared) -> Done {
    for row in &kit.outbound().answers {
        let world = World::new(kit);
        world.wire.always(WireFault::Answer(row.response.clone()));
        let outcome = world.send(0, 0, "row-1").await.expect("a send");
        let expected = match (row.kind.fault(), row.reach) {
            (_, Reach::Maybe) => &["unknown", "deferred"][..],
            (Fault::Throttled, Reach::NotSent) => &["deferred"],
            (Fault::Provider, Reach::NotSent) => &["failed", "deferred"],
            (Fault::Local | Fault::Cancelled, Reach::NotSent) if row.kind.is_temporary() => &["deferred"],
            _ => &["failed"],
        };
        assert!(expected.contains(&outcome.as_str()), "{row:?}: must end in {expected:?}: {outcome:?}");
        if row.reach == Reach::Maybe && kit.descriptor.idempotency == Idempotency::None {
            assert_eq!((outcome.as_str(), world.wire.sends().len()), ("unknown", 1), "{row:?}");
        }
    }
    Ok(())
}

/// Kinds that only a local check may give are never the provider's answer.
pub(crate) async fn a_dead_provider_is_nobody_elses_fault(kit: &Shared) -> Done {
    for fault in [WireFault::Refused, WireFault::Hang, status(500), status(503)] {
        let (world, name) = (World::new(kit), fault.name());
        world.wire.always(fault);
        let sent = world.send_json(0, &kit.message(0), "dead-1", |options: SendOptions| options.within(Duration::from_secs(20))).await;
        let error = match sent.expect("a send") {
            Outcome::Failed(end) => end.error,
            Outcome::Unknown(end) => end.error,
            Outcome::Deferred(end) => end.error.unwrap_or_else(|| panic!("{name}: put off without a word")),
            Outcome::Delivered(_) => panic!("{name}: delivered"),
        };
        assert_eq!(error.fault(), Fault::Provider, "{name}: {error}");
        assert_ne!(error.kind(), ErrorKind::MessageInvalid, "{name}: {error}");
    }
    Ok(())
}
