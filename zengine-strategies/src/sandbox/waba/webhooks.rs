//! The webhooks of messages.

use std::time::Duration;

use crate::sandbox::webhooks::{Plan, decreasing};

/// The webhooks of an accepted message, and the delivery of all webhooks.
///
/// ```
/// use std::time::Duration;
/// use zengine_strategies::sandbox::meta_cloud::Webhooks;
///
/// let chaotic = Webhooks::new().reversed().with_copies(2).batched(50, Duration::from_millis(20));
/// let never_read = Webhooks::new().with_statuses([("sent", Duration::ZERO), ("delivered", Duration::from_millis(10))]);
/// # drop((chaotic, never_read));
/// ```
#[derive(Debug, Clone)]
#[must_use = "it does nothing until it is given to the settings or the emulator"]
pub struct Webhooks {
    pub(in crate::sandbox) statuses: Vec<(String, Duration)>,
    pub(in crate::sandbox) plan: Plan,
}

impl Webhooks {
    /// Creates the default: `sent`, `delivered` and `read` within 50 ms, one POST each; after any response but 200 an immediate
    /// redelivery and three more with growing pauses.
    pub fn new() -> Self {
        let pause = Duration::from_millis;
        Self {
            statuses: vec![("sent".to_owned(), pause(5)), ("delivered".to_owned(), pause(15)), ("read".to_owned(), pause(25))],
            plan: Plan::new(),
        }
    }

    /// Sends no status webhooks; inbound messages are still delivered.
    pub fn off() -> Self {
        Self { statuses: Vec::new(), ..Self::new() }
    }

    /// Sets the statuses of a message in the order of sending, each with the pause before it.
    pub fn with_statuses<S: Into<String>>(mut self, statuses: impl IntoIterator<Item = (S, Duration)>) -> Self {
        self.statuses = statuses.into_iter().map(|(status, pause)| (status.into(), pause)).collect();
        self
    }

    /// Reverses the order of the statuses, so that `read` comes before `sent`.
    pub fn reversed(mut self) -> Self {
        self.statuses.reverse();
        self
    }

    setters! {
        /// Sets the number of deliveries of every POST, as Meta sometimes repeats them. Defaults to 1; at least 1.
        pub with_copies(copies: u32) => plan.copies = copies.max(1);
        /// Collects up to `most` changes of all numbers in one POST, 1 to 1,000, for at most `within`. Defaults to no batches.
        pub batched(most: usize, within: Duration) => plan.batch = Some((most.clamp(1, 1_000), within));
        /// Redelivers for seven days, as Meta documents: at once, after a minute, then with growing pauses. Advance the emulator's
        /// clock to trigger the redeliveries; until then such a webhook does not [settle](crate::sandbox::Emulator::settle).
        pub redelivered_for_a_week() => plan.redelivery = decreasing(Duration::from_secs(7 * 86_400));
        /// Sets the pauses, by the emulator's clock, before redeliveries after a response other than 200; empty for no redelivery.
        pub with_redelivery(pauses: impl IntoIterator<Item = Duration>) => plan.redelivery = pauses.into_iter().collect();
        /// Sets the maximum time for the callback to respond. Defaults to 10 seconds.
        pub with_timeout(timeout: Duration) => plan.timeout = timeout;
    }
}

impl Default for Webhooks {
    fn default() -> Self {
        Self::new()
    }
}
