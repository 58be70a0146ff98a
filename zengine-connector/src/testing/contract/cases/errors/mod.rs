//! Errors of the strategy for every fault of a call: the right kind, fault, reach and hint, and never a panic.

pub(crate) mod answers;
pub(crate) mod hints;
pub(crate) mod success;
pub(crate) mod transport;

use super::prelude::{self, *};
use crate::error::{ErrorKind, Fault, Reach, SendError};

/// The error of an attempt with a fault in every call that sends.
async fn error_of(kit: &SharedKit, fault: WireFault) -> SendError {
    let host = TestHost::new(kit);
    let name = fault.name();
    host.wire.always(fault);
    match host.attempt(0, 0).await {
        Ok(_) => panic!("{name}: treated as success"),
        Err(error) => error,
    }
}

/// Checks the fault and reach of one error.
fn expect(name: &str, error: &SendError, faults: &[Fault], reaches: &[Reach]) {
    assert!(faults.contains(&error.fault()), "{name}: the fault must be one of {faults:?}, and is {:?}: {error}", error.fault());
    assert!(reaches.contains(&error.reach()), "{name}: the reach must be one of {reaches:?}, and is {:?}: {error}", error.reach());
}

/// Checks the error of one fault.
async fn meets(kit: &SharedKit, fault: WireFault, faults: &[Fault], reaches: &[Reach]) -> SendError {
    let (name, error) = (fault.name(), error_of(kit, fault).await);
    expect(&name, &error, faults, reaches);
    error
}

/// Checks the kind of one error.
fn expect_kind(name: &str, error: &SendError, kinds: &[ErrorKind]) {
    assert!(kinds.contains(&error.kind()), "{name}: the kind must be one of {kinds:?}, and is {:?}: {error}", error.kind());
}
