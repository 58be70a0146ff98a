//! Answers of success that are none.

use super::{expect, expect_kind, meets, prelude::*};
use crate::error::{ErrorKind, Fault, Reach};

/// The provider may have taken the message, and its answer is of no use.
async fn useless(kit: &Shared, answers: impl IntoIterator<Item = WireFault>) -> Done {
    for answer in answers {
        let name = answer.name();
        let error = meets(kit, answer, &[Fault::Provider], &[Reach::Maybe]).await;
        expect_kind(&name, &error, &[ErrorKind::Protocol, ErrorKind::Unexpected]);
    }
    Ok(())
}

/// Bytes that are no text, JSON that breaks off.
pub(crate) async fn garbage_may_have_been_sent(kit: &Shared) -> Done {
    useless(kit, [WireFault::garbage(), WireFault::half_json()]).await
}

/// A page for people with status 200, as proxies and captive portals give.
pub(crate) async fn a_page_for_people_may_have_been_sent(kit: &Shared) -> Done {
    useless(kit, [WireFault::html()]).await
}

/// A status of 200 and nothing else.
pub(crate) async fn an_empty_answer_may_have_been_sent(kit: &Shared) -> Done {
    useless(kit, [WireFault::empty()]).await
}

/// JSON without the message's id.
pub(crate) async fn success_without_an_id_may_have_been_sent(kit: &Shared) -> Done {
    let odd = ["[]", "17", "\"canary-word\"", "{\"canary-key\":{\"id\":null}}", "[[[[{}]]]]", "true"];
    let odd = odd.map(|body| WireFault::Scrambled("application/json", body.into()));
    useless(kit, [WireFault::empty_object(), WireFault::null()].into_iter().chain(odd)).await
}

/// The right JSON under a wrong content type: an answer all the same, or none; never a refusal.
pub(crate) async fn a_wrong_content_type_is_no_refusal(kit: &Shared) -> Done {
    let world = World::new(kit);
    drop(world.attempt(0, 0).await.expect("the sample message is accepted"));
    let answer = world.wire.effects().remove(0).accepted.expect("the provider acted");
    let world = World::new(kit);
    world.wire.always(WireFault::Scrambled("text/plain; charset=iso-8859-1", answer.into_body()));
    if let Err(error) = world.attempt(0, 0).await {
        expect("a wrong content type", &error, &[Fault::Provider], &[Reach::Maybe]);
    }
    Ok(())
}
