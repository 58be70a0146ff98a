//! Sweeps over stores that never answer.

use zengine_connector::{
    ErrorKind,
    testing::{ProviderAnswer, Recording, StoreCall, StoreFault},
};

use crate::host::{TestHost, secs, send, takes};

/// One call to a store takes at most 5 s, and a send that cannot be completed holds up no other.
#[tokio::test(start_paused = true)]
async fn a_sweep_goes_on_with_the_next_send_when_a_store_hangs() {
    use StoreCall::{ClearEffects, GetClaim, GiveUp, Publish};
    // A write that ends a send is tried twice, and then the time of the page is over.
    for (call, seconds, ended) in [(GetClaim, 10, 0), (GiveUp, 10, 0), (Publish, 10, 2), (ClearEffects, 10, 2)] {
        let (host, provider) = (TestHost::new(), Recording::new());
        let killed = host.killed(&provider);
        for id in ["1", "2"] {
            provider.answer(ProviderAnswer::AcceptThenHang);
            tokio::time::timeout(secs(1), send(&killed, id)).await.unwrap_err();
        }
        host.clock.jump_ms(15 * 86_400_000);
        host.faults.always(call, StoreFault::Hang);
        let process = host.process_of(&provider);
        let swept = takes(secs(seconds), process.sweep(None, 10)).await.unwrap();
        assert_eq!((swept.failed, swept.ended, swept.next), (2, ended, None), "{call:?}");
        host.faults.heal();
        host.pass(61).await;
        let swept = process.sweep(None, 10).await.unwrap();
        assert_eq!((swept.failed, swept.ended, swept.waiting_for_letter), (0, 2 - ended, 2), "{call:?}");
        let twice = if call == ClearEffects { 4 } else { 2 };
        assert_eq!(host.events(), vec!["Outbound.Failed"; twice], "{call:?}");
        assert_eq!(provider.calls().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_whose_store_lists_nothing_in_time_is_an_error() {
    let (host, provider) = (TestHost::new(), Recording::new());
    host.hang([StoreCall::Due]);
    let error = takes(secs(5), host.process_of(&provider).sweep(None, 10)).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Store, true));
}
