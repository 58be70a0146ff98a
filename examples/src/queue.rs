//! A queue in memory that behaves as SQS does: what is received comes back unless it is deleted in time, and what came back too often is
//! put aside.

#![allow(clippy::disallowed_methods, reason = "a queue has a clock of its own")]

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// Longest time for which a message can be hidden, as at SQS: 12 hours.
pub const MAX_VISIBILITY: Duration = Duration::from_secs(12 * 60 * 60);

/// The queue.
#[derive(Debug)]
pub struct Queue {
    visibility: Duration,
    max_receives: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    messages: Vec<Message>,
    dead: Vec<String>,
    receipts: u64,
}

#[derive(Debug)]
struct Message {
    body: String,
    sent_at: SystemTime,
    visible_at: Instant,
    receives: u32,
    receipt: u64,
}

/// A message that was received.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The body.
    pub body: String,
    /// The time at which it entered the queue.
    pub sent_at: SystemTime,
    /// How often it was received, this time included.
    pub receives: u32,
    /// The receipt of this delivery. One of an earlier delivery does nothing.
    pub receipt: u64,
}

impl Queue {
    /// A queue that hides a received message for `visibility`, and puts it aside instead of delivering it more than `max_receives`
    /// times.
    pub fn new(visibility: Duration, max_receives: u32) -> Self {
        Self { visibility, max_receives, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message.
    pub fn send(&self, body: impl Into<String>) {
        let message = Message { body: body.into(), sent_at: SystemTime::now(), visible_at: Instant::now(), receives: 0, receipt: 0 };
        self.state().messages.push(message);
    }

    /// Receives up to `most` visible messages and hides them.
    pub fn receive(&self, most: usize) -> Vec<Delivery> {
        let (now, mut received, mut state) = (Instant::now(), vec![], self.state());
        let State { messages, dead, receipts } = &mut *state;
        messages.retain_mut(|message| {
            if message.visible_at > now || received.len() == most {
                return true;
            }
            if message.receives == self.max_receives {
                dead.push(std::mem::take(&mut message.body));
                return false;
            }
            *receipts += 1;
            (message.receives, message.receipt, message.visible_at) = (message.receives + 1, *receipts, now + self.visibility);
            let (body, sent_at) = (message.body.clone(), message.sent_at);
            received.push(Delivery { body, sent_at, receives: message.receives, receipt: message.receipt });
            true
        });
        received
    }

    /// Deletes a message.
    pub fn delete(&self, receipt: u64) {
        self.state().messages.retain(|message| message.receipt != receipt);
    }

    /// Hides a message for so long from now on, at most [`MAX_VISIBILITY`].
    pub fn hide(&self, receipt: u64, time: Duration) {
        for message in self.state().messages.iter_mut().filter(|message| message.receipt == receipt) {
            message.visible_at = Instant::now() + time.min(MAX_VISIBILITY);
        }
    }

    /// Puts a message aside, where a person looks at it.
    pub fn put_aside(&self, receipt: u64) {
        let mut state = self.state();
        if let Some(at) = state.messages.iter().position(|message| message.receipt == receipt) {
            let message = state.messages.swap_remove(at);
            state.dead.push(message.body);
        }
    }

    /// Messages that are neither deleted nor aside.
    pub fn len(&self) -> usize {
        self.state().messages.len()
    }

    /// Whether nothing is left to do.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bodies of messages that were put aside.
    pub fn aside(&self) -> Vec<String> {
        self.state().dead.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_received_comes_back_unless_it_is_deleted() {
        let queue = Queue::new(Duration::ZERO, 3);
        queue.send("a");
        let first = queue.receive(10).remove(0);
        let second = queue.receive(10).remove(0);
        assert_eq!((first.receives, second.receives, first.sent_at), (1, 2, second.sent_at));
        queue.delete(first.receipt);
        assert_eq!(queue.len(), 1, "an old receipt does nothing");
        queue.hide(second.receipt, Duration::from_secs(60));
        assert!(queue.receive(10).is_empty());
        queue.delete(second.receipt);
        assert!(queue.is_empty() && queue.aside().is_empty());
    }

    #[test]
    fn what_comes_back_too_often_is_put_aside() {
        let queue = Queue::new(Duration::ZERO, 2);
        queue.send("a");
        queue.send("b");
        assert_eq!([queue.receive(1).len(), queue.receive(10).len(), queue.receive(10).len()], [1, 2, 1]);
        assert!(queue.receive(10).is_empty() && queue.is_empty());
        assert_eq!(queue.aside(), ["a", "b"]);
    }
}
