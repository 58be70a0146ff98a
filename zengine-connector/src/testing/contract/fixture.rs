//! The author's description of a strategy and its provider.

use super::{Inbound, Outbound, SampleTenant, Wire};
use crate::strategy::Strategy;

/// The description of a strategy for the contract. Two methods are required; each half that the strategy declares needs its
/// own.
///
/// You must invent every value: no real account, number or key. Take the words that must never be printed from
/// [`Sample`](super::Sample).
pub trait Fixture: 'static {
    /// The strategy under test.
    type Strategy: Strategy;

    /// Builds the strategy over the kit's simulated provider: `MyStrategy::new(wire.http())`. For a strategy over a
    /// provider's SDK, pass [`Wire::http`] to the SDK as its transport. Called once per simulated process.
    fn strategy(wire: &Wire) -> Self::Strategy;

    /// The n-th sample tenant, from 0: its configuration, secrets and routes. Two tenants must differ in everything that
    /// names or authenticates them.
    fn tenant(n: usize) -> SampleTenant;

    /// Application secrets, shared by all tenants, as name and value. Defaults to none.
    fn application_secrets() -> Vec<(String, String)> {
        vec![]
    }

    /// The outbound half: messages and the provider's responses. Required if the strategy declares the outbound half.
    fn outbound() -> Option<Outbound> {
        None
    }

    /// The inbound half: webhooks. Required if the strategy declares the inbound half.
    fn inbound() -> Option<Inbound> {
        None
    }

    /// Cases that do not fit this provider, each with a reason, which is printed. Use sparingly: hosts rely on each case.
    fn exceptions() -> &'static [(&'static str, &'static str)] {
        &[]
    }
}
