//! The queued request faults of an emulator.

use std::collections::VecDeque;
use std::sync::Mutex;

use http::Method;
use serde_json::Value;

use super::Fault;
use crate::sandbox::lock;
use crate::sandbox::random::Random;

/// The properties of a request before its body is read.
#[derive(Debug, Clone, Copy)]
pub(in crate::sandbox) struct Target<'a> {
    pub(in crate::sandbox) method: &'a Method,
    pub(in crate::sandbox) path: &'a str,
    /// The sending number or account.
    pub(in crate::sandbox) number: Option<&'a str>,
    pub(in crate::sandbox) edge: &'a str,
    /// Whether requests of this kind send messages.
    pub(in crate::sandbox) sends: bool,
}

/// A fault with its own random draws, independent of the other faults.
#[derive(Debug)]
struct Queued {
    fault: Fault,
    random: Random,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Queued>,
    /// Number of faults ever queued.
    count: u64,
}

#[derive(Debug)]
pub(in crate::sandbox) struct Faults {
    seed: u64,
    inner: Mutex<Inner>,
}

impl Faults {
    pub(in crate::sandbox) fn new(seed: u64) -> Self {
        Self { seed, inner: Mutex::default() }
    }

    pub(in crate::sandbox) fn push(&self, fault: Fault) {
        if fault.times == Some(0) {
            return;
        }
        let inner = &mut *lock(&self.inner);
        let random = Random::stream(self.seed, inner.count);
        inner.count += 1;
        inner.waiting.push_back(Queued { fault, random });
    }

    pub(in crate::sandbox) fn clear(&self) {
        lock(&self.inner).waiting.clear();
    }

    /// Clears all faults and restarts the random draws.
    pub(in crate::sandbox) fn reset(&self) {
        *lock(&self.inner) = Inner::default();
    }

    pub(in crate::sandbox) fn len(&self) -> usize {
        lock(&self.inner).waiting.len()
    }

    /// The queued faults, in order.
    pub(in crate::sandbox) fn waiting(&self) -> Vec<Fault> {
        lock(&self.inner).waiting.iter().map(|queued| queued.fault.clone()).collect()
    }

    /// Takes the next matching fault if it applies before the body is read.
    pub(in crate::sandbox) fn take_before_body(&self, target: Target<'_>) -> Option<Fault> {
        let queue = &mut lock(&self.inner).waiting;
        let at = queue.iter().position(|queued| queued.fault.fits(target))?;
        let queued = &mut queue[at];
        if !queued.fault.plays_before_body() || queued.random.fraction() >= queued.fault.probability {
            return None;
        }
        Some(take(queue, at))
    }

    /// Takes the first fault that matches the whole request.
    pub(in crate::sandbox) fn take(&self, target: Target<'_>, body: &Value) -> Option<Fault> {
        let queue = &mut lock(&self.inner).waiting;
        let at = queue.iter_mut().position(|Queued { fault, random }| {
            !fault.plays_before_body() && fault.fits(target) && fault.agrees(body) && random.fraction() < fault.probability
        })?;
        Some(take(queue, at))
    }
}

fn take(queue: &mut VecDeque<Queued>, at: usize) -> Fault {
    let fault = queue[at].fault.clone();
    match queue[at].fault.times.as_mut() {
        Some(left) if *left <= 1 => drop(queue.remove(at)),
        Some(left) => *left -= 1,
        None => {}
    }
    fault
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn send(number: &str) -> Target<'_> {
        Target { method: &Method::POST, path: "/v26.0/1/messages", number: Some(number), edge: "messages", sends: true }
    }

    #[test]
    fn a_fault_applies_as_often_as_configured_and_in_order() {
        let faults = Faults::new(1);
        faults.push(Fault::throttle().times(2));
        faults.push(Fault::pass());
        faults.push(Fault::hang());
        let names: Vec<_> = (0..5).map(|_| faults.take(send("1"), &Value::Null).map(|fault| fault.name())).collect();
        assert_eq!(names, [Some("throttle".into()), Some("throttle".into()), Some("pass".into()), Some("hang".into()), None]);
    }

    #[test]
    fn a_fault_waits_for_a_matching_request() {
        let faults = Faults::new(1);
        faults.push(Fault::code(2).for_number("2").when(|body| body["type"] == "text").when_member("/a", 1));
        assert!(faults.take(send("1"), &json!({"type": "text", "a": 1})).is_none());
        assert!(faults.take(send("2"), &json!({"type": "image", "a": 1})).is_none());
        assert!(faults.take(send("2"), &json!({"type": "text", "a": 2})).is_none());
        let health = Target { method: &Method::GET, path: "/v26.0/2", number: Some("2"), edge: "node", sends: false };
        assert!(faults.take(health, &json!({"type": "text", "a": 1})).is_none());
        assert!(faults.take(send("2"), &json!({"type": "text", "a": 1})).is_some());
        assert_eq!(faults.len(), 0);
        faults.push(Fault::code(2).on_edge("node"));
        assert!(faults.take(send("2"), &Value::Null).is_none());
        assert!(faults.take(health, &Value::Null).is_some());
    }

    #[test]
    fn a_random_fault_depends_on_the_seed_only() {
        let played = |seed, other: bool| {
            let faults = Faults::new(seed);
            faults.push(Fault::throttle().forever().with_probability(0.3));
            if other {
                faults.push(Fault::hang().forever().with_probability(0.5));
            }
            let taken = (0..200).map(|_| faults.take(send("1"), &Value::Null));
            taken.map(|fault| fault.is_some_and(|fault| fault.name() == "throttle")).collect::<Vec<_>>()
        };
        assert_eq!(played(5, false), played(5, true));
        assert_ne!(played(5, false), played(6, false));
        let hits = played(5, false).into_iter().filter(|hit| *hit).count();
        assert!((30..90).contains(&hits), "{hits} of 200 at 0.3");
    }

    #[test]
    fn only_an_unconditional_reset_applies_before_the_body() {
        let faults = Faults::new(1);
        faults.push(Fault::throttle());
        faults.push(Fault::reset_before_reading());
        assert!(faults.take_before_body(send("1")).is_none(), "the throttle comes first");
        assert_eq!(faults.take(send("1"), &Value::Null).map(|fault| fault.name()), Some("throttle".into()));
        assert_eq!(faults.take_before_body(send("1")).map(|fault| fault.name()), Some("reset".into()));
    }
}
