//! The scopes of one call, as its strategy declares them.

use std::{
    hash::{BuildHasher, RandomState},
    sync::OnceLock,
};

use super::rate::Rate;
use crate::error::Scope;

/// The key of this process's hash. A key of the limiter may be a recipient: memory holds only its keyed hash.
static HASHER: OnceLock<RandomState> = OnceLock::new();

/// One scope of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    pub(super) scope: Scope,
    /// Hash of scope and key.
    pub(super) key: u64,
    pub(super) rate: Option<Rate>,
    /// Whether it is the first of its key. Later ones are further rates of the same scope.
    pub(super) first: bool,
}

/// The scopes that a call to the provider belongs to, with their rates. Filled by
/// [`OutboundStrategy::scopes`](crate::OutboundStrategy::scopes).
///
/// A call waits until all its scopes have a token, and takes them together. A scope without a rate (`None`) takes part in
/// pauses only. The same scope and key twice are two rates, and both hold.
///
/// ```
/// use std::time::Duration;
/// use zengine_connector::strategy::{Rate, Scopes};
///
/// fn declare(phone_number: &str, recipient: &str, scopes: &mut Scopes) {
///     scopes.sender(phone_number, Rate::per_second(80));
///     scopes.recipient(recipient, Rate::per(1, Duration::from_secs(6)).burst(45));
/// }
/// # let _ = declare;
/// ```
#[derive(Debug, Default)]
pub struct Scopes {
    list: [Option<Demand>; Self::MAX],
    /// Whether more were declared than there is room for.
    overflow: bool,
}

impl Scopes {
    /// Maximum scopes of one call. A strategy that declares more has its calls refused.
    pub const MAX: usize = 8;

    /// The tenant's account at the provider: every call of this tenant and strategy.
    pub fn account(&mut self, rate: impl Into<Option<Rate>>) -> &mut Self {
        self.add(Scope::Account, "", rate.into())
    }

    /// A sender of the tenant, such as a phone number.
    pub fn sender(&mut self, key: &str, rate: impl Into<Option<Rate>>) -> &mut Self {
        self.add(Scope::Sender, key, rate.into())
    }

    /// A recipient, as seen by one tenant. Of the key only a hash is kept.
    pub fn recipient(&mut self, key: &str, rate: impl Into<Option<Rate>>) -> &mut Self {
        self.add(Scope::Recipient, key, rate.into())
    }

    /// A key that tenants of this strategy share, such as an account and region.
    ///
    /// A tenant whose configuration names the key of another takes from that one's rate, and is held back by its pauses; it sees nothing of
    /// it. Build the key of something that the provider attests, such as the account that the credentials belong to, or let only the host
    /// write it.
    pub fn shared(&mut self, key: &str, rate: impl Into<Option<Rate>>) -> &mut Self {
        self.add(Scope::Shared, key, rate.into())
    }

    fn add(&mut self, scope: Scope, key: &str, rate: Option<Rate>) -> &mut Self {
        let hash = HASHER.get_or_init(RandomState::new).hash_one((scope, key));
        let same = self.iter().filter(|known| known.scope == scope && known.key.wrapping_sub(hash) < Self::MAX as u64).count();
        match self.list.iter_mut().find(|place| place.is_none()) {
            // A further rate has a key of its own beside the first.
            Some(place) => *place = Some(Demand { scope, key: hash.wrapping_add(same as u64), rate, first: same == 0 }),
            None => self.overflow = true,
        }
        self
    }

    /// Adds the scopes that every call has for pauses, where they are not declared: the account, its only sender, the recipient.
    pub(crate) fn complete(&mut self, recipient: Option<&str>) {
        // Beyond the declared ones, room for these is made by leaving them out: a strategy may use all.
        let overflow = self.overflow;
        for (scope, key) in [(Scope::Account, Some("")), (Scope::Sender, Some("")), (Scope::Recipient, recipient)] {
            if let Some(key) = key.filter(|_| !self.has(scope)) {
                self.add(scope, key, None);
            }
        }
        self.overflow = overflow;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list[0].is_none()
    }

    /// Whether more scopes were declared than a call may have.
    pub(crate) fn overflows(&self) -> bool {
        self.overflow
    }

    pub(super) fn has(&self, scope: Scope) -> bool {
        self.iter().any(|demand| demand.scope == scope)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Demand> {
        self.list.iter().map_while(Option::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_of_two_scopes_or_two_rates_is_two_buckets() {
        let mut scopes = Scopes::default();
        scopes.sender("a", Rate::per_second(1)).recipient("a", Rate::per_second(1)).sender("a", Rate::per_day(9)).sender("b", None);
        let keys: std::collections::HashSet<_> = scopes.iter().map(|demand| demand.key).collect();
        assert_eq!(keys.len(), 4);
        assert_eq!(scopes.iter().map(|demand| demand.first).collect::<Vec<_>>(), [true, true, false, true]);
    }

    #[test]
    fn what_is_not_declared_is_added_for_pauses_and_never_refused() {
        let mut scopes = Scopes::default();
        scopes.complete(Some("+15551230001"));
        assert_eq!(scopes.iter().map(|demand| demand.scope).collect::<Vec<_>>(), [Scope::Account, Scope::Sender, Scope::Recipient]);
        let mut full = Scopes::default();
        for n in 0..Scopes::MAX {
            full.shared(&n.to_string(), None);
        }
        full.complete(None);
        assert!(!full.overflows());
        full.account(None);
        assert!(full.overflows());
        assert!(!format!("{scopes:?}").contains("5551230001"));
    }
}
