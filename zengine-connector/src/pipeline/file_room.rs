//! Room for the bytes of files in memory: one budget for the files of sends and for those of events.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::Engine;
use crate::sync::{Limit, Permit};

/// Pause between two looks for room.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Room for a number of bytes, until the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Room(Arc<Permit<Arc<Limit>>>);

/// Bytes that hold their room.
struct Held {
    bytes: Bytes,
    _room: Room,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Room {
    /// The bytes, which hold the room until their last clone is dropped, also by a strategy that passed them on.
    pub(super) fn hold(&self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Held { bytes, _room: self.clone() })
    }

    /// The same for all bytes that the room is for: what they do not fill is given back.
    pub(crate) fn hold_all(mut self, bytes: Bytes) -> Bytes {
        if let Some(permit) = Arc::get_mut(&mut self.0) {
            permit.shrink(bytes.len());
        }
        self.hold(bytes)
    }
}

impl Engine {
    /// Room for this number of bytes. More than the whole budget passes alone. `None` if there is none.
    pub(super) fn room_for(&self, bytes: u64) -> Option<Room> {
        let weight = usize::try_from(bytes).unwrap_or(usize::MAX);
        Permit::weighing(Arc::clone(&self.file_bytes), weight).map(|permit| Room(Arc::new(permit)))
    }

    /// The same, if there is some within this time.
    pub(crate) async fn await_room_for(&self, bytes: u64, time: Duration) -> Option<Room> {
        let by = self.clock.monotonic() + time;
        loop {
            let room = self.room_for(bytes);
            if room.is_some() || self.clock.monotonic() >= by {
                return room;
            }
            self.clock.sleep(LOOK_AGAIN).await;
        }
    }
}
