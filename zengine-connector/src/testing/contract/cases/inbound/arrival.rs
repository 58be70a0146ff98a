//! What arrives reaches the host.

use super::prelude::*;

/// A signed request with one element: acknowledged, and the handler has the person's text.
pub(crate) async fn a_signed_message_reaches_the_handler(kit: &Shared) -> Done {
    let world = World::new(kit);
    let answer = world.deliver(0, [1]).await;
    assert!(answer.status().is_success(), "a signed message is answered with {}", answer.status());
    let received = world.received();
    assert_eq!(received.len(), 1, "one element is one event");
    assert_eq!(received[0].tenant, Kit::tenant_id(0), "the event is another tenant's");
    let event = serde_json::to_string(&received[0]).unwrap();
    assert!(Sample::new(1).is_in(&event), "the event holds nothing of the message");
    Ok(())
}
