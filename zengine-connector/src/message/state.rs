//! The states of a message.

use serde::{Deserialize, Serialize};

use super::NewerWord;

open_words! {
    /// The state of a message.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
    #[non_exhaustive]
    pub enum State {
        /// The provider accepted it.
        Accepted = "accepted",
        /// It waits at the provider.
        Queued = "queued",
        /// It waits for a check by the provider.
        Held = "held",
        /// The provider tries again later.
        Deferred = "deferred",
        /// It left the provider.
        Sent = "sent",
        /// It left the provider, and the provider will not learn what became of it.
        Undetermined = "undetermined",
        /// It reached the recipient's device or mailbox.
        Delivered = "delivered",
        /// The recipient saw it.
        Read = "read",
        /// The recipient listened to it.
        Played = "played",
        /// The recipient opened it.
        Opened = "opened",
        /// The recipient followed a link in it.
        Clicked = "clicked",
        /// The recipient reported it as unwanted.
        Complained = "complained",
        /// The recipient unsubscribed.
        Unsubscribed = "unsubscribed",
        /// It will not arrive.
        Failed = "failed",
        /// The provider refused it after accepting it.
        Rejected = "rejected",
        /// It was not delivered in time.
        Expired = "expired",
        /// It was deleted.
        Deleted = "deleted",
        ..
    }
}
