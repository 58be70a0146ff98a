//! Success responses that are unusable.

use super::{expect, expect_kind, meets, prelude::*};
use crate::error::{ErrorKind, Fault, Reach};

/// Checks responses that are unusable although the provider may have accepted the message.
async fn useless(kit: &SharedKit, answers: impl IntoIterator<Item = WireFault>) -> CaseResult {
    for answer in answers {
        let name = answer.name();
        let error = meets(kit, answer, &[Fault::Provider], &[Reach::Maybe]).await;
        expect_kind(&name, &error, &[ErrorKind::Protocol, ErrorKind::Unexpected]);
    }
    Ok(())
}

/// A body that is not text or is truncated JSON may have been sent.
pub(crate) async fn garbage_may_have_been_sent(kit: &SharedKit) -> CaseResult {
    useless(kit, [WireFault::garbage(), WireFault::half_json()]).await
}

/// An HTML page with status 200, as from a proxy or a captive portal, may have been sent.
pub(crate) async fn an_html_page_may_have_been_sent(kit: &SharedKit) -> CaseResult {
    useless(kit, [WireFault::html()]).await
}

/// A status of 200 without a body may have been sent.
pub(crate) async fn an_empty_answer_may_have_been_sent(kit: &SharedKit) -> CaseResult {
    useless(kit, [WireFault::empty()]).await
}

/// JSON without the message's id may have been sent.
pub(crate) async fn success_without_an_id_may_have_been_sent(kit: &SharedKit) -> CaseResult {
    let odd = ["[]", "17", "\"canary-word\"", "{\"canary-key\":{\"id\":null}}", "[[[[{}]]]]", "true"];
    let odd = odd.map(|body| WireFault::Scrambled("application/json", body.into()));
    useless(kit, [WireFault::empty_object(), WireFault::null()].into_iter().chain(odd)).await
}

/// The right JSON with a wrong content type is a success, or may have been sent; it is never a refusal.
pub(crate) async fn a_wrong_content_type_is_no_refusal(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    drop(host.attempt(0, 0).await.expect("the sample message is accepted"));
    let answer = host.wire.effects().remove(0).accepted.expect("the provider acted");
    let host = TestHost::new(kit);
    host.wire.always(WireFault::Scrambled("text/plain; charset=iso-8859-1", answer.into_body()));
    if let Err(error) = host.attempt(0, 0).await {
        expect("a wrong content type", &error, &[Fault::Provider], &[Reach::Maybe]);
    }
    Ok(())
}
