//! No whole answer came.

use std::time::Duration;

use super::{expect_kind, meets, prelude::*};
use crate::error::{ErrorKind, Fault, Reach};

const PROVIDER: &[Fault] = &[Fault::Provider];

/// No connection: nothing left, the provider is at fault.
pub(crate) async fn a_refused_connection_was_not_sent(kit: &Shared) -> Done {
    let error = meets(kit, WireFault::Refused, PROVIDER, &[Reach::NotSent]).await;
    expect_kind("a refused connection", &error, &[ErrorKind::Unavailable]);
    Ok(())
}

/// Connecting takes too long: nothing left.
pub(crate) async fn a_slow_connection_was_not_sent(kit: &Shared) -> Done {
    let error = meets(kit, WireFault::ConnectTimeout, PROVIDER, &[Reach::NotSent]).await;
    expect_kind("a slow connection", &error, &[ErrorKind::Timeout, ErrorKind::Unavailable]);
    Ok(())
}

/// The connection breaks: nobody knows.
pub(crate) async fn a_reset_may_have_been_sent(kit: &Shared) -> Done {
    for fault in [WireFault::Reset, WireFault::ResetAfterAccepting] {
        meets(kit, fault, PROVIDER, &[Reach::Maybe]).await;
    }
    Ok(())
}

/// No answer: nobody knows.
pub(crate) async fn a_hang_may_have_been_sent(kit: &Shared) -> Done {
    let error = meets(kit, WireFault::Hang, PROVIDER, &[Reach::Maybe]).await;
    expect_kind("a hang", &error, &[ErrorKind::Timeout]);
    Ok(())
}

/// The provider took the message and says nothing.
pub(crate) async fn a_hang_after_accepting_may_have_been_sent(kit: &Shared) -> Done {
    let error = meets(kit, WireFault::HangAfterAccepting, PROVIDER, &[Reach::Maybe]).await;
    expect_kind("a hang after accepting", &error, &[ErrorKind::Timeout]);
    Ok(())
}

/// A status of 200, and the body breaks off.
pub(crate) async fn a_cut_body_may_have_been_sent(kit: &Shared) -> Done {
    meets(kit, WireFault::CutBody, PROVIDER, &[Reach::Maybe]).await;
    Ok(())
}

/// More of an answer than anybody reads.
pub(crate) async fn an_answer_too_large_may_have_been_sent(kit: &Shared) -> Done {
    meets(kit, WireFault::TooLarge, PROVIDER, &[Reach::Maybe]).await;
    Ok(())
}

/// Two seconds are an answer, not an error.
pub(crate) async fn a_slow_answer_is_an_answer(kit: &Shared) -> Done {
    let world = World::new(kit);
    world.wire.always(WireFault::Slow(Duration::from_secs(2)));
    if let Err(error) = world.attempt(0, 0).await {
        panic!("an answer after 2 s is taken for an error: {error}");
    }
    Ok(())
}

/// What fails before the call that sends, a sign-in or an upload, sent nothing.
pub(crate) async fn trouble_before_the_send_was_not_sent(kit: &Shared) -> Done {
    for (message, n) in preparing_calls(kit).await {
        for fault in [WireFault::Refused, WireFault::Reset, WireFault::Hang, WireFault::CutBody, WireFault::garbage(), status(500)] {
            let (world, name) = (World::new(kit), format!("call {n} of an attempt: {}", fault.name()));
            world.wire.nth(n, fault);
            // A strategy may do without what failed, or repeat it: then the message went out.
            let Err(error) = world.attempt_json(0, &message, "prepares", 1, super::super::super::bare::TIME).await else { continue };
            assert_eq!(error.reach(), Reach::NotSent, "{name}: {error}");
            assert_eq!(world.wire.effects().len(), 0, "{name}: and yet it was sent");
        }
    }
    Ok(())
}

/// Each sample message with each call that its attempt makes before the one that sends.
pub(crate) async fn preparing_calls(kit: &Shared) -> Vec<(serde_json::Value, usize)> {
    let mut found = vec![];
    for message in [kit.message(0)].iter().chain(&kit.outbound().more) {
        let world = World::new(kit);
        if world.attempt_json(0, message, "prepares", 1, super::super::super::bare::TIME).await.is_ok() {
            let before = world.wire.made().iter().take_while(|made| !made.sends).count();
            // A message whose call that sends is not recognised says nothing.
            found.extend((0..before).filter(|_| before < world.wire.calls()).map(|n| (message.clone(), n)));
        }
    }
    found
}

fn status(code: u16) -> WireFault {
    WireFault::Answer(super::super::super::json(code, &serde_json::json!({})))
}

/// Nothing that may have been sent is sent again inside one attempt.
pub(crate) async fn an_attempt_sends_at_most_once(kit: &Shared) -> Done {
    let unclear = [
        WireFault::Reset,
        WireFault::ResetAfterAccepting,
        WireFault::Hang,
        WireFault::HangAfterAccepting,
        WireFault::CutBody,
        WireFault::TooLarge,
        WireFault::garbage(),
        status(500),
        status(502),
        status(504),
    ];
    for fault in unclear {
        let (world, name) = (World::new(kit), fault.name());
        // The second call would succeed.
        world.wire.next([fault]);
        let _ = world.attempt(0, 0).await;
        assert_eq!(world.wire.sends().len(), 1, "{name}: the attempt sent again what may have been sent");
    }
    Ok(())
}
