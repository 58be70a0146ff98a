//! A message is delivered by a provider without faults.

use super::prelude::*;
use crate::pipeline::Outcome;

/// A send through the pipeline ends Delivered after one attempt, with the id from the provider.
pub(crate) async fn sends_a_message_and_returns_the_provider_id(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let outcome = host.send(0, 0, "delivery-1").await.expect("the sample message is sent");
    let Outcome::Delivered(delivered) = outcome else { panic!("the sample message is not delivered: {outcome:?}") };
    assert_eq!((delivered.attempts, delivered.replayed), (1, false));
    let sends = host.wire.effects();
    assert_eq!(sends.len(), 1, "one message is one call that sends");
    if let Some(id) = delivered.provider_id() {
        let answer = sends[0].accepted.as_ref().expect("the provider accepted");
        let body = String::from_utf8_lossy(answer.body());
        let headers = format!("{:?}", answer.headers());
        assert!(body.contains(id.as_str()) || headers.contains(id.as_str()), "the receipt's id is not one that the provider gave");
    }
    Ok(())
}

/// An attempt without the pipeline succeeds for every sample tenant.
pub(crate) async fn an_attempt_succeeds_for_every_tenant(kit: &SharedKit) -> CaseResult {
    for tenant in 0..TENANTS {
        let host = TestHost::new(kit);
        if let Err(error) = host.attempt(tenant, tenant).await {
            panic!("the sample message of tenant {tenant} is not accepted: {error}");
        }
        assert_eq!(host.wire.effects().len(), 1, "one message is one call that sends");
    }
    Ok(())
}
