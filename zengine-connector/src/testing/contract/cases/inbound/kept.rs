//! Sessions that `admit` keeps.

use super::prelude::*;
use crate::{
    orchestrator::Ack,
    strategy::InboundRequest,
    testing::{
        Faults, StoreFault,
        contract::sessions::{calls, faulty},
    },
};

/// An event whose session cannot be read or written is redelivered, and then handled.
pub(crate) async fn an_event_without_its_session_is_redelivered(kit: &SharedKit) -> CaseResult {
    let inbox = |faults: &Faults| Inbox::with(kit, |builder| faulty(builder, faults));
    let sample = |inbox: &Inbox| InboundRequest::http(inbox.host.sample(0, 1));
    let faults = Faults::new();
    let first = inbox(&faults);
    first.open_for(&sample(&first)).await;
    let before = calls(&faults);
    assert_accepted(&first.sample(0, 1).await, "a signed message");
    let calls = calls(&faults) - before;
    if calls == 0 {
        return Err(Skipped::needs("sessions in admit"));
    }
    for n in 1..=calls {
        let faults = Faults::new();
        let inbox = inbox(&faults);
        inbox.open_for(&sample(&inbox)).await;
        faults.nth(n, StoreFault::Refused);
        let received = inbox.sample(0, 1).await;
        faults.heal();
        if received.ack != Ack::Redeliver {
            assert_eq!(inbox.seen().len(), 1, "call {n} to the session store failed, and the event was acknowledged and lost");
            continue;
        }
        assert_accepted(&inbox.sample(0, 1).await, "a redelivery after the session store failed");
        assert!(!inbox.seen().is_empty(), "call {n} to the session store failed, and the redelivered event reaches no handler");
    }
    Ok(())
}
