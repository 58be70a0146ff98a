//! The result of a webhook POST.

use bytes::Bytes;

/// The result of one webhook POST.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// When the last attempt ended, in milliseconds since 1970 by the emulator's clock.
    pub at_ms: u64,
    /// Number of attempts, copies not counted. 0 if it has no callback address, if the number does not exist, or if a fault
    /// delays it.
    pub attempts: u32,
    /// The status of the last response; absent if there was none.
    pub status: Option<u16>,
    /// The exact bytes of the body.
    pub body: Bytes,
    /// The id of the inbound message, if the POST carries one.
    pub message_id: Option<String>,
}

impl Delivery {
    /// Returns whether the callback accepted it with 200.
    pub fn is_delivered(&self) -> bool {
        self.status == Some(200)
    }

    /// A POST that was not made, or not yet.
    pub(in crate::sandbox) fn held(at_ms: u64, message_id: Option<String>) -> Self {
        Self { at_ms, attempts: 0, status: None, body: Bytes::new(), message_id }
    }
}

redacted!(Delivery { at_ms, attempts, status, body_bytes: |it| it.body.len() });
