//! The queued faults of an emulator.

use std::collections::VecDeque;
use std::sync::Mutex;

use fastrand::Rng;
use serde_json::Value;

use super::rule::{FaultKind, FaultRule, Target};
use super::{Fault, RequestFaultKind, WebhookFault, WebhookFaultKind};
use crate::sandbox::lock;
use crate::sandbox::webhooks::Item;

/// Faults in the order in which they were queued, each with random draws that are independent of the others.
pub(in crate::sandbox) struct FaultQueue<K> {
    seed: u64,
    inner: Mutex<Inner<K>>,
}

struct Inner<K> {
    waiting: VecDeque<(FaultRule<K>, Rng)>,
    /// The source of each fault's own generator.
    random: Rng,
}

impl<K> Inner<K> {
    fn new(seed: u64) -> Self {
        Self { waiting: VecDeque::new(), random: Rng::with_seed(seed) }
    }
}

impl<K: FaultKind + Clone> FaultQueue<K> {
    pub(in crate::sandbox) fn new(seed: u64) -> Self {
        Self { seed, inner: Mutex::new(Inner::new(seed)) }
    }

    pub(in crate::sandbox) fn push(&self, fault: FaultRule<K>) {
        if fault.left() == Some(0) {
            return;
        }
        let inner = &mut *lock(&self.inner);
        let random = inner.random.fork();
        inner.waiting.push_back((fault, random));
    }

    pub(in crate::sandbox) fn clear(&self) {
        lock(&self.inner).waiting.clear();
    }

    /// Clears all faults and restarts the random draws.
    pub(in crate::sandbox) fn reset(&self) {
        *lock(&self.inner) = Inner::new(self.seed);
    }

    pub(in crate::sandbox) fn len(&self) -> usize {
        lock(&self.inner).waiting.len()
    }

    /// The queued faults, in order.
    pub(in crate::sandbox) fn waiting(&self) -> Vec<FaultRule<K>> {
        lock(&self.inner).waiting.iter().map(|(fault, _)| fault.clone()).collect()
    }

    /// Uses the first fault that matches and whose draw says so.
    fn take_if(&self, mut matches: impl FnMut(&FaultRule<K>) -> bool) -> Option<FaultRule<K>> {
        let queue = &mut lock(&self.inner).waiting;
        let at = queue.iter_mut().position(|(fault, random)| matches(fault) && random.f64() < fault.probability())?;
        let fault = queue[at].0.clone();
        match fault.left() {
            Some(left) if left <= 1 => drop(queue.remove(at)),
            left => queue[at].0.common.times = left.map(|left| left - 1),
        }
        Some(fault)
    }
}

impl FaultQueue<RequestFaultKind> {
    /// Takes the next matching fault if it applies before the body is read.
    pub(in crate::sandbox) fn take_before_body(&self, target: Target<'_>) -> Option<Fault> {
        let mut is_first = true;
        self.take_if(|fault| fault.fits(target) && std::mem::take(&mut is_first) && fault.plays_before_body())
    }

    /// Takes the first fault that matches the whole request.
    pub(in crate::sandbox) fn take(&self, target: Target<'_>, body: &Value) -> Option<Fault> {
        self.take_if(|fault| !fault.plays_before_body() && fault.fits(target) && fault.agrees(body))
    }
}

impl FaultQueue<WebhookFaultKind> {
    /// Takes the first fault that matches one of these updates; for updates that are batched already, no `Together` fault.
    pub(in crate::sandbox) fn take(&self, items: &[Item], together: bool) -> Option<WebhookFault> {
        let matches = |fault: &WebhookFault, item: &Item| {
            let target = Target { usual: true, edge: &item.edge, sender: item.sender.as_deref(), path: "" };
            fault.fits(target) && fault.agrees(&item.value)
        };
        self.take_if(|fault| {
            !(together && matches!(fault.kind, WebhookFaultKind::Together { .. }))
                && (fault.is_unconditional() || items.iter().any(|item| matches(fault, item)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn send(sender: &str) -> Target<'_> {
        Target { usual: true, edge: "messages", sender: Some(sender), path: "/1/messages" }
    }

    fn item(sender: &str) -> Item {
        Item { account: "1".to_owned(), sender: Some(sender.to_owned()), edge: "messages".to_owned(), value: json!({"a": 1}) }
    }

    #[test]
    fn a_fault_applies_as_often_as_configured_and_in_order() {
        let faults = FaultQueue::new(1);
        faults.push(Fault::throttle().times(2));
        faults.push(Fault::pass());
        faults.push(Fault::hang());
        let names: Vec<_> = (0..5).map(|_| faults.take(send("1"), &Value::Null).map(|fault| fault.name())).collect();
        assert_eq!(names, [Some("throttle".into()), Some("throttle".into()), Some("pass".into()), Some("hang".into()), None]);
    }

    #[test]
    fn a_fault_waits_for_a_matching_request() {
        let faults = FaultQueue::new(1);
        faults.push(Fault::code(2).for_sender("2").when(|body| body["type"] == "text").when_member("/a", 1));
        assert!(faults.take(send("1"), &json!({"type": "text", "a": 1})).is_none());
        assert!(faults.take(send("2"), &json!({"type": "image", "a": 1})).is_none());
        assert!(faults.take(send("2"), &json!({"type": "text", "a": 2})).is_none());
        let health = Target { usual: false, edge: "node", sender: Some("2"), path: "/2" };
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
            let faults = FaultQueue::new(seed);
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
        let faults = FaultQueue::new(1);
        faults.push(Fault::throttle());
        faults.push(Fault::reset_before_reading());
        assert!(faults.take_before_body(send("1")).is_none(), "the throttle comes first");
        assert_eq!(faults.take(send("1"), &Value::Null).map(|fault| fault.name()), Some("throttle".into()));
        assert_eq!(faults.take_before_body(send("1")).map(|fault| fault.name()), Some("reset".into()));
    }

    #[test]
    fn faults_of_webhooks_match_and_end_as_configured() {
        let faults = FaultQueue::new(1);
        faults.push(WebhookFault::lose().for_sender("2").on_edge("messages").when_member("/a", 1).times(2));
        assert!(faults.take(&[item("1")], false).is_none());
        assert!(faults.take(&[item("1"), item("2")], true).is_some(), "one of several is enough");
        assert!(faults.take(&[item("2")], false).is_some());
        assert!(faults.take(&[item("2")], false).is_none());
        faults.push(WebhookFault::together(2));
        assert!(faults.take(&[item("1")], true).is_none(), "they are together already");
        assert!(faults.take(&[], false).is_some(), "bytes of a test's own have no updates");
        faults.push(WebhookFault::lose().forever().with_probability(0.5));
        let draws = |faults: &FaultQueue<WebhookFaultKind>| (0..64).map(|_| faults.take(&[item("1")], false).is_some()).collect::<Vec<_>>();
        let again = FaultQueue::new(1);
        again.push(WebhookFault::lose().times(0));
        again.push(WebhookFault::cut());
        again.push(WebhookFault::cut());
        again.clear();
        again.push(WebhookFault::lose().forever().with_probability(0.5));
        assert_eq!(draws(&faults), draws(&again), "the same seed and place in the script");
    }
}
