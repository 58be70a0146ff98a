//! A message goes out where all is well.

use super::prelude::*;
use crate::pipeline::Outcome;

/// Through the pipeline: Delivered in one attempt, with the id that the provider gave.
pub(crate) async fn sends_a_message_and_returns_the_provider_id(kit: &Shared) -> Done {
    let world = World::new(kit);
    let outcome = world.send(0, 0, "happy-1").await.expect("the sample message is sent");
    let Outcome::Delivered(delivered) = outcome else { panic!("the sample message is not delivered: {outcome:?}") };
    assert_eq!((delivered.attempts, delivered.replayed), (1, false));
    let sends = world.wire.effects();
    assert_eq!(sends.len(), 1, "one message is one call that sends");
    if let Some(id) = delivered.provider_id() {
        let answer = sends[0].accepted.as_ref().expect("the provider accepted");
        let body = String::from_utf8_lossy(answer.body());
        let headers = format!("{:?}", answer.headers());
        assert!(body.contains(id.as_str()) || headers.contains(id.as_str()), "the receipt's id is not one that the provider gave");
    }
    Ok(())
}

/// The strategy's own attempt, for every sample tenant.
pub(crate) async fn an_attempt_succeeds_for_every_tenant(kit: &Shared) -> Done {
    for tenant in 0..TENANTS {
        let world = World::new(kit);
        if let Err(error) = world.attempt(tenant, tenant).await {
            panic!("the sample message of tenant {tenant} is not accepted: {error}");
        }
        assert_eq!(world.wire.effects().len(), 1, "one message is one call that sends");
    }
    Ok(())
}
