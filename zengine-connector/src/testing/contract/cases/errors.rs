//! What the strategy makes of every kind of trouble.

use super::prelude::*;
use crate::error::{Fault, Reach};

/// No connection: nothing left, the provider is at fault.
pub(crate) async fn a_refused_connection_was_not_sent(kit: &Shared) -> Done {
    let world = World::new(kit);
    world.wire.always(WireFault::Refused);
    let error = world.attempt(0, 0).await.expect_err("nobody was reached");
    assert_eq!((error.fault(), error.reach()), (Fault::Provider, Reach::NotSent), "{error}");
    assert_eq!(world.wire.effects().len(), 0);
    Ok(())
}
