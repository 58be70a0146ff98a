//! What became of a webhook.

use std::fmt;

use bytes::Bytes;

/// What became of one webhook POST.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// When the last attempt ended, in milliseconds since 1970 by the emulator's clock.
    pub at_ms: u64,
    /// How often it was posted; 0 where nobody wants it, where the number does not exist, and where a fault holds it back for
    /// later. Copies are not counted.
    pub attempts: u32,
    /// The status of the last answer; absent where there was none.
    pub status: Option<u16>,
    /// The exact bytes of the body.
    pub body: Bytes,
    /// The id of the inbound message, where the POST carries one.
    pub message_id: Option<String>,
}

impl Delivery {
    /// Returns whether the callback took it.
    pub fn is_delivered(&self) -> bool {
        self.status == Some(200)
    }

    /// Not posted, or not yet.
    pub(in crate::sandbox) fn held(at_ms: u64, message_id: Option<String>) -> Self {
        Self { at_ms, attempts: 0, status: None, body: Bytes::new(), message_id }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Delivery")
            .field("at_ms", &self.at_ms)
            .field("attempts", &self.attempts)
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
