//! Strategies that keep sessions.

use super::{super::attempt::ATTEMPT_TIME, prelude::*};
use crate::{error::Reach, testing::StoreFault};

/// Whichever call to the session store fails, loses its race or finds something unreadable: an attempt that sent nothing is no
/// success, and one that sent is never said to have sent nothing.
pub(crate) async fn a_failing_session_hides_no_send(kit: &SharedKit) -> CaseResult {
    for n in 1..=kit.session_calls() {
        for fault in [StoreFault::Refused, StoreFault::Conflict, StoreFault::Corrupt] {
            let (host, sessions) = TestHost::with_sessions(kit);
            sessions.nth(n, fault);
            let sent = host.attempt_json(0, &kit.message(0), "session-1", 1, ATTEMPT_TIME).await;
            let effects = host.wire.effects().len();
            let what = format!("call {n} to the session store: {fault:?}");
            assert!(effects <= 1, "{what}: the message was sent {effects} times");
            match sent {
                Ok(_) => assert_eq!(effects, 1, "{what}: a success, and nothing was sent"),
                Err(error) => {
                    let hidden = effects == 1 && error.reach() == Reach::NotSent;
                    assert!(!hidden, "{what}: the message was sent, and the attempt says it was not: the retry duplicates: {error}");
                }
            }
        }
    }
    Ok(())
}

/// After a fault of the session store the next message is sent.
pub(crate) async fn a_session_survives_a_fault(kit: &SharedKit) -> CaseResult {
    for n in 1..=kit.session_calls() {
        for fault in [StoreFault::Refused, StoreFault::Conflict] {
            let (host, sessions) = TestHost::with_sessions(kit);
            sessions.nth(n, fault);
            let _ = host.attempt_json(0, &kit.message(0), "session-1", 1, ATTEMPT_TIME).await;
            sessions.heal();
            let again = host.attempt_json(0, &kit.message(1), "session-2", 1, ATTEMPT_TIME).await;
            assert!(again.is_ok(), "after call {n} to the session store failed ({fault:?}) nothing is sent any more: {:?}", again.err());
        }
    }
    Ok(())
}
