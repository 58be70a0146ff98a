//! What a strategy's author supplies.

use super::{Inbound, Outbound, SampleTenant, Wire};
use crate::strategy::Strategy;

/// What the cases need to know of a strategy. Two methods are required; each half the strategy declares needs its own.
///
/// Everything in it is made up: no real account, number or key. Sample words that must never be printed come from
/// [`Sample`](super::Sample).
pub trait Fixture: 'static {
    /// What is tested.
    type Strategy: Strategy;

    /// The strategy over the kit's pretended provider: `MyStrategy::new(wire.http())`. A strategy over a provider's own
    /// SDK hands [`Wire::http`] to that SDK as its transport. Called once per simulated process.
    fn strategy(wire: &Wire) -> Self::Strategy;

    /// The n-th sample tenant, from 0: its configuration, its secrets, its routes. Two tenants must differ in everything
    /// that names or authenticates them.
    fn tenant(n: usize) -> SampleTenant;

    /// Secrets of the application that all tenants share, as name and value. None by default.
    fn application_secrets() -> Vec<(String, String)> {
        vec![]
    }

    /// What it sends, and what the provider answers. Needed where the strategy declares the outbound half.
    fn outbound() -> Option<Outbound> {
        None
    }

    /// What it receives. Needed where the strategy declares the inbound half.
    fn inbound() -> Option<Inbound> {
        None
    }

    /// Cases that do not fit this provider, each with the reason, which is printed. Think twice: each one is a promise
    /// that hosts rely on elsewhere.
    fn exceptions() -> &'static [(&'static str, &'static str)] {
        &[]
    }
}
