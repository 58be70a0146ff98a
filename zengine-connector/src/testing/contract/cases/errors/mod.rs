//! What the strategy makes of every kind of trouble: the right kind, fault, reach and hint, and never a panic.

pub(crate) mod answers;
pub(crate) mod hints;
pub(crate) mod success;
pub(crate) mod transport;

use super::prelude::{self, *};
use crate::error::{ErrorKind, Fault, Reach, SendError};

/// The error of an attempt whose call that sends meets a trouble each time.
async fn error_of(kit: &Shared, fault: WireFault) -> SendError {
    let world = World::new(kit);
    let name = fault.name();
    world.wire.always(fault);
    match world.attempt(0, 0).await {
        Ok(_) => panic!("{name}: taken for success"),
        Err(error) => error,
    }
}

/// Checks one error, with the trouble's name in what it says.
fn expect(name: &str, error: &SendError, faults: &[Fault], reaches: &[Reach]) {
    assert!(faults.contains(&error.fault()), "{name}: the fault must be one of {faults:?}, and is {:?}: {error}", error.fault());
    assert!(reaches.contains(&error.reach()), "{name}: the reach must be one of {reaches:?}, and is {:?}: {error}", error.reach());
}

/// Checks the error of one trouble.
async fn meets(kit: &Shared, fault: WireFault, faults: &[Fault], reaches: &[Reach]) -> SendError {
    let (name, error) = (fault.name(), error_of(kit, fault).await);
    expect(&name, &error, faults, reaches);
    error
}

/// Checks the kind, where one is meant.
fn expect_kind(name: &str, error: &SendError, kinds: &[ErrorKind]) {
    assert!(kinds.contains(&error.kind()), "{name}: the kind must be one of {kinds:?}, and is {:?}: {error}", error.kind());
}
