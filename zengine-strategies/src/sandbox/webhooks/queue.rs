//! The queued webhook faults of an emulator.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::Item;
use super::fault::{WebhookAction, WebhookFault};
use crate::sandbox::lock;
use crate::sandbox::random::Random;

#[derive(Debug)]
pub(super) struct WebhookFaults {
    seed: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<(WebhookFault, Random)>,
    count: u64,
}

impl WebhookFaults {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, inner: Mutex::default() }
    }

    pub(super) fn push(&self, fault: WebhookFault) {
        if fault.times == Some(0) {
            return;
        }
        let inner = &mut *lock(&self.inner);
        // Draws differ from those of the request faults with the same seed.
        let random = Random::stream(!self.seed, inner.count);
        inner.count += 1;
        inner.waiting.push_back((fault, random));
    }

    pub(super) fn clear(&self) {
        lock(&self.inner).waiting.clear();
    }

    pub(super) fn reset(&self) {
        *lock(&self.inner) = Inner::default();
    }

    pub(super) fn waiting(&self) -> Vec<WebhookFault> {
        lock(&self.inner).waiting.iter().map(|(fault, _)| fault.clone()).collect()
    }

    /// Takes the first matching fault; for updates that are batched already, no `Together` fault.
    pub(super) fn take(&self, items: &[Item], together: bool) -> Option<WebhookFault> {
        let queue = &mut lock(&self.inner).waiting;
        let at = queue.iter_mut().position(|(fault, random)| {
            (!together || !matches!(fault.action, WebhookAction::Together(_))) && fault.fits(items) && random.fraction() < fault.probability
        })?;
        let fault = queue[at].0.clone();
        match queue[at].0.times.as_mut() {
            Some(left) if *left <= 1 => drop(queue.remove(at)),
            Some(left) => *left -= 1,
            None => {}
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(number: &str) -> Item {
        Item { account: "1".to_owned(), number: Some(number.to_owned()), field: "messages".to_owned(), value: json!({"a": 1}) }
    }

    #[test]
    fn faults_match_and_end_as_configured() {
        let faults = WebhookFaults::new(1);
        faults.push(WebhookFault::lose().for_number("2").for_field("messages").when_member("/a", 1).times(2));
        assert!(faults.take(&[item("1")], false).is_none());
        assert!(faults.take(&[item("1"), item("2")], true).is_some(), "one of several is enough");
        assert!(faults.take(&[item("2")], false).is_some());
        assert!(faults.take(&[item("2")], false).is_none());
        faults.push(WebhookFault::together(2));
        assert!(faults.take(&[item("1")], true).is_none(), "they are together already");
        assert!(faults.take(&[], false).is_some(), "bytes of a test's own have no updates");
        faults.push(WebhookFault::lose().forever().with_probability(0.5));
        let draws = |faults: &WebhookFaults| (0..64).map(|_| faults.take(&[item("1")], false).is_some()).collect::<Vec<_>>();
        let again = WebhookFaults::new(1);
        again.push(WebhookFault::lose().times(0));
        again.push(WebhookFault::cut());
        again.push(WebhookFault::cut());
        again.clear();
        again.push(WebhookFault::lose().forever().with_probability(0.5));
        assert_eq!(draws(&faults), draws(&again), "the same seed and place in the script");
    }
}
