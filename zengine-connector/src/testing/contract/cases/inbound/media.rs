//! Media that an event names.

use super::{super::tenants::belongs, prelude::*};
use crate::message::InboundEvent;

/// An event of a tenant, for its media.
async fn event(inbox: &Inbox, tenant: usize) -> InboundEvent {
    assert_accepted(&inbox.sample(tenant, 1 + tenant).await, "a signed message");
    inbox.host.wire.answer_media();
    inbox.seen().pop().expect("an event")
}

/// Media arrives byte by byte, with the credentials of its own tenant.
pub(crate) async fn media_arrives_whole(kit: &SharedKit) -> CaseResult {
    let media = kit.inbound().media.as_ref().expect("the case needs media");
    let inbox = Inbox::new(kit);
    for tenant in 0..TENANTS {
        let (event, before) = (event(&inbox, tenant).await, inbox.host.wire.recorded().len());
        let got =
            inbox.host.orchestrator.media(&event, &*media.handle).await.unwrap_or_else(|error| panic!("the media of an event: {error}"));
        assert!(got.bytes == media.bytes, "media arrived changed: {} bytes instead of {}", got.bytes.len(), media.bytes.len());
        inbox.host.wire.recorded()[before..].iter().for_each(|call| belongs(kit, call, tenant));
    }
    Ok(())
}

/// A download that fails, in whichever of its calls, is an error and ends.
pub(crate) async fn media_that_cannot_be_fetched_is_an_error(kit: &SharedKit) -> CaseResult {
    let media = kit.inbound().media.as_ref().expect("the case needs media");
    let refusal = |code| WireFault::Response(crate::testing::contract::text(code, "canary-page"));
    let inbox = Inbox::new(kit);
    let good = event(&inbox, 0).await;
    let _ = inbox.host.orchestrator.media(&good, &*media.handle).await;
    for n in 0..inbox.host.wire.calls() {
        for fault in [
            WireFault::Refused,
            WireFault::Reset,
            WireFault::Hang,
            WireFault::CutBody,
            WireFault::TooLarge,
            refusal(401),
            refusal(404),
            refusal(500),
        ] {
            let (inbox, name) = (Inbox::new(kit), fault.name());
            let event = event(&inbox, 0).await;
            inbox.host.wire.nth(n, fault);
            let before_ms = inbox.host.now_ms();
            let got = inbox.host.orchestrator.media(&event, &*media.handle).await;
            assert!(inbox.host.now_ms() - before_ms <= 61_000, "{name}: the download does not end");
            let error = got.err().unwrap_or_else(|| panic!("{name}, and its page counts as the media"));
            kit.assert_clean("an error of a download", &crate::testing::contract::host::printed(&error));
        }
    }
    Ok(())
}

/// An odd handle, which an event may hold, calls no other address with the tenant's credentials.
pub(crate) async fn an_odd_media_handle_leads_nowhere_else(kit: &SharedKit) -> CaseResult {
    let media = kit.inbound().media.as_ref().expect("the case needs media");
    let inbox = Inbox::new(kit);
    let event = event(&inbox, 0).await;
    drop(inbox.host.orchestrator.media(&event, &*media.handle).await);
    let hosts: Vec<_> = inbox.host.wire.recorded().iter().filter_map(|call| call.request.uri().host().map(str::to_owned)).collect();
    let long = "a".repeat(100_000);
    let odd = [
        "https://elsewhere.invalid/x",
        "//elsewhere.invalid/x",
        "@elsewhere.invalid/x",
        "../../x",
        "",
        "a b\r\nx: 1",
        "\u{e9}",
        "%00",
        &long,
    ];
    for handle in odd {
        let before = inbox.host.wire.recorded().len();
        let got = inbox.host.orchestrator.media(&event, handle).await;
        if let Err(error) = got {
            kit.assert_clean("an error of a download", &crate::testing::contract::host::printed(&error));
        }
        for call in &inbox.host.wire.recorded()[before..] {
            let uri = call.request.uri();
            let known = uri.host().is_some_and(|host| hosts.iter().any(|known| known == host));
            assert!(known || kit.secret_in(&call.printed()).is_none(), "the handle {handle:.30?} sends a credential to {:?}", uri.host());
            assert!(!uri.path().split('/').any(|part| part == ".."), "the handle {handle:.30?} leaves its path: encode it");
        }
    }
    Ok(())
}
