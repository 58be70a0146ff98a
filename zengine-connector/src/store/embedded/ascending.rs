//! Checks that keys ascend. In a damaged file they may not, and paging would never end.

use std::borrow::Borrow;

use super::fault::{Fault, damaged};

/// The last key that was read, which every further key must exceed.
pub(super) struct AscendingKeys<K: ?Sized + ToOwned> {
    last: Option<K::Owned>,
}

impl<K: ?Sized + ToOwned + Ord> AscendingKeys<K> {
    /// Starts after a key, or at the first one.
    pub(super) fn after(key: Option<&K>) -> Self {
        Self { last: key.map(ToOwned::to_owned) }
    }

    /// Checks that a key exceeds the one before it.
    ///
    /// # Errors
    /// `Corrupt` if it does not.
    pub(super) fn check(&mut self, key: &K) -> Result<(), Fault> {
        match &mut self.last {
            Some(last) if key <= (*last).borrow() => return Err(damaged()),
            Some(last) => key.clone_into(last),
            none => *none = Some(key.to_owned()),
        }
        Ok(())
    }
}
