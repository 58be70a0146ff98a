//! A conversation that is open, and the turn of a send in it.

use std::{ops::Deref, sync::Arc, time::Duration};

use crate::{message::Identity, strategy::wakeups::WakeUps};

/// An open conversation.
#[non_exhaustive]
pub struct Live<T> {
    /// The customer.
    pub customer: Identity,
    /// The number of its life: higher than that of every earlier one.
    pub generation: u64,
    /// The provider's id. It may authenticate its holder: print it nowhere.
    pub id: String,
    /// Our own key of this life; see [`OpenRequest::key`](super::OpenRequest::key).
    pub key: String,
    /// The strategy's data.
    pub data: Arc<T>,
}

debug_fields!([T] Live<T> { generation });

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self {
            customer: self.customer.clone(),
            generation: self.generation,
            id: self.id.clone(),
            key: self.key.clone(),
            data: Arc::clone(&self.data),
        }
    }
}

/// The turn of a send in an open conversation, from [`Conversations::join`](super::Conversations::join): the sends that wait go on
/// after [`leave`](super::Conversations::leave). A turn that is dropped holds them up only until its attempt would have ended, and in
/// this process not at all.
#[must_use = "leave the conversation after the send"]
pub struct Turn<T> {
    pub(super) live: Live<T>,
    pub(super) reopened: bool,
    /// The time that its attempt needs to open a conversation.
    pub(super) opening: Duration,
    pub(super) ticket: Option<Drawn>,
}

debug_fields!([T] Turn<T> { live, reopened });

impl<T> Deref for Turn<T> {
    type Target = Live<T>;

    fn deref(&self) -> &Live<T> {
        &self.live
    }
}

/// A ticket that was drawn. Dropping it tells the others of this process.
pub(super) struct Drawn {
    pub(super) wakeups: WakeUps,
    /// The key of the session, as wake-ups know it.
    pub(super) key: String,
    pub(super) owner: String,
    /// The end of its attempt by the monotonic clock.
    pub(super) end: Duration,
    /// The ticket is no longer stored.
    pub(super) returned: bool,
}

impl Drop for Drawn {
    fn drop(&mut self) {
        if !self.returned {
            self.wakeups.left(&self.key, &self.owner);
        }
    }
}
