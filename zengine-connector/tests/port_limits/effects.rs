//! Failed sends whose dead letters or events never get an answer.

use zengine_connector::{
    ErrorKind,
    testing::{Recording, StoreCall, StoreFault},
};

use crate::host::{TestHost, ms, refusal, secs, send, send_by, takes};

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_hangs_is_an_error_and_the_next_duplicate_stores_it() {
    for fault in [StoreFault::Hang, StoreFault::DoneThenHang] {
        let (host, provider) = (TestHost::new(), Recording::new());
        let process = host.process_of(&provider);
        provider.answer(refusal());
        host.faults.always(StoreCall::PutLetter, fault);
        // Three tries, with pauses of 100 and 300 ms.
        let error = takes(secs(15) + ms(400), send_by(&process, ("recording", "hello"), "1")).await.unwrap_err();
        assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::DeadLetterFailed, true));
        assert!(host.events().is_empty(), "the letter comes first");
        host.faults.heal();
        let again = send(&process, "1").await;
        assert_eq!((again.as_str(), again.is_replayed()), ("failed", true));
        assert_eq!((provider.calls().len(), host.letters().await), (1, 1), "{fault:?}");
        assert_eq!(host.events(), ["Outbound.Failed"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_hangs_stays_pending_and_the_next_duplicate_publishes_it() {
    let (host, provider) = (TestHost::new(), Recording::new());
    let process = host.process_of(&provider);
    provider.answer(refusal());
    host.hang([StoreCall::Publish]);
    assert_eq!(takes(secs(5), send(&process, "1")).await.as_str(), "failed");
    assert_eq!((host.letters().await, host.events().len()), (1, 0));
    host.faults.heal();
    assert!(send(&process, "1").await.is_replayed());
    assert_eq!((provider.calls().len(), host.letters().await), (1, 1));
    assert_eq!(host.events(), ["Outbound.Failed"]);
}

#[tokio::test(start_paused = true)]
async fn marks_of_letter_and_event_that_hang_leave_both_stored() {
    let (host, provider) = (TestHost::new(), Recording::new());
    let process = host.process_of(&provider);
    provider.answer(refusal());
    host.hang([StoreCall::ClearEffects]);
    assert_eq!(takes(secs(5), send(&process, "1")).await.as_str(), "failed");
    assert_eq!((provider.calls().len(), host.letters().await), (1, 1));
    assert_eq!(host.events(), ["Outbound.Failed"]);
}
