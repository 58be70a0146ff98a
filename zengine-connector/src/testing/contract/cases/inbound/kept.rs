//! Sessions that `admit` keeps.

use super::prelude::*;
use crate::{
    orchestrator::Ack,
    testing::contract::sessions::{FaultySessionStore, SessionFault},
};

/// An event whose session cannot be read or written is redelivered, and then handled.
pub(crate) async fn an_event_without_its_session_is_redelivered(kit: &SharedKit) -> CaseResult {
    let inbox = |store: &FaultySessionStore, memory: &crate::store::Memory| {
        let (store, keys) = (std::sync::Arc::new(store.clone()) as std::sync::Arc<dyn crate::store::SessionStore>, memory.keys());
        Inbox::with(kit, |builder| builder.sessions(store).keys(keys))
    };
    let (store, memory) = FaultySessionStore::new();
    assert_accepted(&inbox(&store, &memory).sample(0, 1).await, "a signed message");
    let calls = store.calls();
    if calls == 0 {
        return Err(Skipped::needs("sessions in admit"));
    }
    for n in 0..calls {
        let (store, memory) = FaultySessionStore::new();
        let inbox = inbox(&store, &memory);
        store.fail(n, SessionFault::Unavailable);
        let received = inbox.sample(0, 1).await;
        store.heal();
        if received.ack != Ack::Redeliver {
            assert_eq!(inbox.seen().len(), 1, "call {n} to the session store failed, and the event was acknowledged and lost");
            continue;
        }
        assert_accepted(&inbox.sample(0, 1).await, "a redelivery after the session store failed");
        assert!(!inbox.seen().is_empty(), "call {n} to the session store failed, and the redelivered event reaches no handler");
    }
    Ok(())
}
