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
    /// Hash of scope and key, for pauses.
    pub(super) key: u64,
    /// Hash of scope, key and rate: each rate of a key is counted by itself.
    pub(super) counted: u64,
    pub(super) rate: Option<Rate>,
    /// Whether it is the first of its key. Later ones are further rates of the same scope.
    pub(super) first: bool,
}

/// The scopes that a call to the provider belongs to, with their rates. Filled by
/// [`OutboundStrategy::scopes`](crate::OutboundStrategy::scopes).
///
/// A call waits until all its scopes have a token, and takes them together. A scope without a rate (`None`) takes part in
/// pauses only. The same scope and key with two rates are two limits, and both hold.
///
/// Each rate of a key is counted by itself: by the calls that declare it. One that is changed begins afresh, with its whole burst, and
/// a tenant that declares a slower rate for a shared key slows down no other tenant. Declare the same rate for all calls that
/// the provider counts together.
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
    /// The declared ones, and room for the three that every call has.
    list: [Option<Demand>; Self::MAX + 3],
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
    /// A tenant whose configuration names the key and rate of another takes from that one's rate, and each is held back by the other's
    /// pauses, for at most an hour; it sees nothing of the other. Take the key from the credentials, such as the account that they belong
    /// to, and include the endpoint: a tenant that may name its own endpoint may answer there with a throttle. Or let only the host
    /// write both.
    pub fn shared(&mut self, key: &str, rate: impl Into<Option<Rate>>) -> &mut Self {
        self.add(Scope::Shared, key, rate.into())
    }

    fn add(&mut self, scope: Scope, key: &str, rate: Option<Rate>) -> &mut Self {
        match self.demand(scope, key, rate) {
            Some(demand) if self.list[Self::MAX - 1].is_none() => self.push(demand),
            Some(_) => self.overflow = true,
            None => {}
        }
        self
    }

    /// The demand, unless the same was declared before.
    fn demand(&self, scope: Scope, key: &str, rate: Option<Rate>) -> Option<Demand> {
        let hasher = HASHER.get_or_init(RandomState::new);
        let key = hasher.hash_one((scope, key));
        let counted = rate.map_or(key, |rate| hasher.hash_one((key, rate.interval(), rate.tolerance())));
        let same = || self.iter().filter(|known| known.scope == scope && known.key == key);
        let known = same().any(|known| known.counted == counted);
        (!known).then(|| Demand { scope, key, counted, rate, first: same().next().is_none() })
    }

    fn push(&mut self, demand: Demand) {
        if let Some(place) = self.list.iter_mut().find(|place| place.is_none()) {
            *place = Some(demand);
        }
    }

    /// Adds the scopes that every call has for pauses, where they are not declared: the account, its only sender, the recipient.
    pub(crate) fn complete(&mut self, recipient: Option<&str>) {
        for (scope, key) in [(Scope::Account, Some("")), (Scope::Sender, Some("")), (Scope::Recipient, recipient)] {
            if let Some(demand) = key.filter(|_| !self.has(scope)).and_then(|key| self.demand(scope, key, None)) {
                self.push(demand);
            }
        }
    }

    /// Takes the rates away, for a call that has its turn already: it takes part in pauses only.
    pub(crate) fn without_rates(&mut self) {
        self.list.iter_mut().flatten().for_each(|demand| demand.rate = None);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list[0].is_none()
    }

    /// Whether more scopes were declared than a call may have.
    pub(crate) fn overflows(&self) -> bool {
        self.overflow
    }

    /// Scope, key and rate of each, as hashes.
    #[cfg(all(feature = "testing", feature = "tokio"))]
    pub(crate) fn declared(&self) -> Vec<(Scope, u64, u64)> {
        self.iter().map(|demand| (demand.scope, demand.key, demand.counted)).collect()
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
        scopes.sender("a", Rate::per_day(9)).sender("b", None);
        let counted: std::collections::HashSet<_> = scopes.iter().map(|demand| demand.counted).collect();
        let keys: std::collections::HashSet<_> = scopes.iter().map(|demand| demand.key).collect();
        assert_eq!((counted.len(), keys.len()), (4, 3), "the same rate twice is one");
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
        full.complete(Some("+15551230001"));
        assert!(!full.overflows());
        assert!([Scope::Account, Scope::Sender, Scope::Recipient].into_iter().all(|scope| full.has(scope)), "they have room of their own");
        full.account(None);
        assert!(!full.overflows(), "it is there");
        full.shared("another", None);
        assert!(full.overflows());
        assert!(!format!("{scopes:?}").contains("5551230001"));
    }
}
