//! The bytes of files in memory: one budget for the files of sends and for those of events.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;

use crate::{
    ids::TenantId,
    sync::{Limit, Mutex, Permit},
};

/// The bytes of files in memory, of the process and of each tenant.
pub(crate) struct FileBytes {
    all: Arc<Limit>,
    /// Of one tenant while others have some: half, so that one with many files leaves room for them.
    most_of_one: usize,
    by_tenant: Mutex<HashMap<TenantId, usize>>,
}

/// A part of them.
struct Taken {
    bytes: Arc<FileBytes>,
    tenant: TenantId,
    weight: usize,
    permit: Permit<Arc<Limit>>,
}

impl FileBytes {
    pub(crate) fn new(most: usize) -> Self {
        Self { all: Arc::new(Limit::new(most)), most_of_one: most.div_ceil(2), by_tenant: Mutex::default() }
    }

    /// Takes a part. What exceeds a limit passes alone. `None` if too much is taken.
    pub(super) fn take(self: &Arc<Self>, tenant: &TenantId, weight: usize) -> Option<Room> {
        let mut by_tenant = self.by_tenant.lock();
        let of_tenant = by_tenant.get(tenant).copied().unwrap_or(0);
        let with_it = of_tenant.saturating_add(weight);
        if of_tenant > 0 && with_it > self.most_of_one && self.all.in_use() > of_tenant {
            return None;
        }
        let permit = Permit::weighing(Arc::clone(&self.all), weight)?;
        by_tenant.insert(tenant.clone(), with_it);
        Some(Room(Arc::new(Taken { bytes: Arc::clone(self), tenant: tenant.clone(), weight, permit })))
    }
}

impl Taken {
    /// Counts what exceeds its weight: the bytes are in memory already.
    fn grow(&mut self, weight: usize) {
        let over = weight.saturating_sub(self.weight);
        self.weight += over;
        self.permit.grow(weight);
        *self.bytes.by_tenant.lock().entry(self.tenant.clone()).or_default() += over;
    }

    /// Gives back what exceeds this weight.
    fn shrink(&mut self, weight: usize) {
        let over = self.weight.saturating_sub(weight);
        self.weight -= over;
        self.permit.shrink(weight);
        let mut by_tenant = self.bytes.by_tenant.lock();
        match by_tenant.get_mut(&self.tenant) {
            Some(of_tenant) if *of_tenant > over => *of_tenant -= over,
            _ => drop(by_tenant.remove(&self.tenant)),
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

/// Room for a number of bytes, until the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Room(Arc<Taken>);

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

    /// The same for all bytes that the room is for: what they do not fill is given back, and what exceeds it is counted too.
    pub(crate) fn hold_all(mut self, bytes: Bytes) -> Bytes {
        if let Some(taken) = Arc::get_mut(&mut self.0) {
            taken.shrink(bytes.len());
            taken.grow(bytes.len());
        }
        self.hold(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_that_is_alone_takes_all_and_no_more() {
        let bytes = Arc::new(FileBytes::new(10));
        let [a, b] = ["a", "b"].map(|id| TenantId::new(id).unwrap());
        let held = [4, 4, 2].map(|weight| bytes.take(&a, weight).unwrap());
        assert!(bytes.take(&a, 1).is_none() && bytes.take(&b, 1).is_none());
        let [first, ..] = held;
        drop(first);
        let _other = bytes.take(&b, 1).unwrap();
        assert!(bytes.take(&a, 1).is_none(), "it has its share while another has some");
    }

    #[test]
    fn a_file_that_is_larger_than_its_event_said_counts_with_its_size() {
        let (bytes, a) = (Arc::new(FileBytes::new(10)), TenantId::new("a").unwrap());
        let file = bytes.take(&a, 2).unwrap().hold_all(Bytes::from_static(b"12345678"));
        assert_eq!((bytes.all.in_use(), bytes.by_tenant.lock()[&a]), (8, 8));
        assert!(bytes.take(&a, 3).is_none());
        drop(file);
        assert!(bytes.by_tenant.lock().is_empty() && bytes.all.in_use() == 0);
    }

    #[test]
    fn one_tenant_takes_half_while_others_have_some_and_what_it_gives_back_is_free() {
        let bytes = Arc::new(FileBytes::new(10));
        let [a, b] = ["a", "b"].map(|id| TenantId::new(id).unwrap());
        let (first, other) = (bytes.take(&a, 3), bytes.take(&b, 2));
        assert!(bytes.take(&a, 3).is_none() && bytes.take(&b, 3).is_some());
        drop(first);
        // What exceeds the share passes alone.
        let mut large = bytes.take(&a, 8).unwrap().0;
        assert!(bytes.take(&a, 0).is_none() && bytes.take(&b, 1).is_none());
        Arc::get_mut(&mut large).unwrap().shrink(4);
        assert!(bytes.take(&a, 1).is_some() && bytes.take(&b, 3).is_some());
        drop((large, other));
        assert!(bytes.by_tenant.lock().is_empty() && bytes.all.in_use() == 0);
    }
}
