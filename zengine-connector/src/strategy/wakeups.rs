//! Wake-ups of callers of one process that wait for a session to change.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use futures_channel::oneshot;

use crate::sync::Mutex;

/// Owners that are remembered as gone. Others wait for the end of their attempt.
const MAX_GONE: usize = 256;

/// The callers that wait, by the session's key. Empty while no caller waits.
#[derive(Clone, Default)]
pub(crate) struct WakeUps(Arc<Mutex<Inner>>);

debug_fields!(WakeUps { keys: |it| it.0.lock().waiters.len() });

#[derive(Default)]
struct Inner {
    waiters: HashMap<String, Waiters>,
    /// Owners that went away without a word, because their futures were dropped.
    gone: VecDeque<String>,
}

#[derive(Default)]
struct Waiters {
    places: usize,
    /// In the order of arrival.
    asleep: Vec<oneshot::Sender<()>>,
}

/// A caller that waits for a session. Dropping it leaves nothing behind.
pub(crate) struct Waiter {
    all: WakeUps,
    key: String,
}

impl WakeUps {
    /// Adds a caller. `None` if `most` wait already.
    pub(crate) fn enter(&self, key: String, most: usize) -> Option<Waiter> {
        let mut inner = self.0.lock();
        let waiters = inner.waiters.entry(key.clone()).or_default();
        if waiters.places >= most {
            return None;
        }
        waiters.places += 1;
        Some(Waiter { all: self.clone(), key })
    }

    /// Wakes all that wait for a session, in the order of their arrival.
    pub(crate) fn wake(&self, key: &str) {
        let asleep = self.0.lock().waiters.get_mut(key).map(|waiters| std::mem::take(&mut waiters.asleep));
        for sender in asleep.into_iter().flatten() {
            let _ = sender.send(());
        }
    }

    /// Remembers an owner that went away, and wakes those that wait for it.
    pub(crate) fn left(&self, key: &str, owner: &str) {
        let mut inner = self.0.lock();
        if inner.gone.len() >= MAX_GONE {
            inner.gone.pop_front();
        }
        inner.gone.push_back(owner.to_owned());
        drop(inner);
        self.wake(key);
    }

    /// Returns `true` if an owner went away.
    pub(crate) fn is_gone(&self, owner: &str) -> bool {
        self.0.lock().gone.iter().any(|gone| gone == owner)
    }

    /// Returns `true` if no caller waits.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().waiters.is_empty()
    }
}

impl Waiter {
    /// Begins to listen: a change after this call completes the receiver.
    pub(crate) fn listen(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        if let Some(waiters) = self.all.0.lock().waiters.get_mut(&self.key) {
            waiters.asleep.retain(|sender| !sender.is_canceled());
            waiters.asleep.push(sender);
        }
        receiver
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut inner = self.all.0.lock();
        if let Some(waiters) = inner.waiters.get_mut(&self.key) {
            waiters.places -= 1;
            if waiters.places == 0 {
                inner.waiters.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_wakes_those_that_listen_and_nothing_stays_behind() {
        let all = WakeUps::default();
        let (first, second) = (all.enter("k".into(), 2).unwrap(), all.enter("k".into(), 2).unwrap());
        assert!(all.enter("k".into(), 2).is_none(), "a third");
        let (one, two) = (first.listen(), second.listen());
        all.left("k", "owner");
        assert_eq!((one.await, two.await), (Ok(()), Ok(())));
        assert!(second.all.is_gone("owner"));
        drop(first);
        assert!(!all.is_empty());
        drop(second);
        assert!(all.is_empty());
        (0..MAX_GONE).for_each(|n| all.left("k", &n.to_string()));
        assert!(all.is_empty() && !all.is_gone("owner") && all.is_gone("0"), "the oldest one is forgotten");
    }
}
