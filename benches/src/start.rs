//! From the start of a small program to its first normalized event, as a function that wakes up cold needs it.

use std::process::{Command, Stdio};

use zengine_connector::BoxError;

use crate::{
    harness::{Bound, Row, Run, now},
    inbound,
};

/// The argument that makes this program receive one event and end.
pub(crate) const FIRST_EVENT: &str = "first-event";

/// Verifies and normalizes one webhook.
pub(crate) fn first_event() -> Result<(), BoxError> {
    if inbound::one_event() == 1 { Ok(()) } else { Err("no event".into()) }
}

pub(crate) fn rows(run: &Run) -> Result<Vec<Row>, BoxError> {
    let this = std::env::current_exe()?;
    let (mut ours, mut bare) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..if run.quick { 5 } else { 40 } {
        ours = ours.min(milliseconds(Command::new(&this).arg(FIRST_EVENT))?);
        bare = bare.min(milliseconds(&mut Command::new("true"))?);
    }
    let row = Row::new("start/first-event", ours, "ms").peer("a program that does nothing", bare);
    Ok(vec![row.must(Bound::AtMost(15.0)).stretch(Bound::AtMost(5.0))])
}

fn milliseconds(command: &mut Command) -> Result<f64, BoxError> {
    let before = now();
    let status = command.stdin(Stdio::null()).status()?;
    let time = (now() - before).as_secs_f64() * 1e3;
    if status.success() { Ok(time) } else { Err(format!("a child ended with {status}").into()) }
}
