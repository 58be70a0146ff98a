//! Room for the files of a send or of an event.

use std::time::Duration;

use super::{Engine, file_bytes::Room};
use crate::ids::TenantId;

/// Pause between two looks for room.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl Engine {
    /// Room for this number of bytes of a tenant. More than a limit passes alone. `None` if there is none.
    pub(super) fn room_for(&self, tenant: &TenantId, bytes: u64) -> Option<Room> {
        let weight = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.file_bytes.take(tenant, weight)
    }

    /// The same, if there is some within this time.
    pub(crate) async fn await_room_for(&self, tenant: &TenantId, bytes: u64, time: Duration) -> Option<Room> {
        let by = self.clock.monotonic() + time;
        loop {
            let room = self.room_for(tenant, bytes);
            if room.is_some() || self.clock.monotonic() >= by {
                return room;
            }
            self.clock.sleep(LOOK_AGAIN).await;
        }
    }
}
