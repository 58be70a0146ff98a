//! The metadata trait that the derive writes.

use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;

use super::{
    Configure, Descriptor,
    twins::{DynInbound, DynOutbound},
};
use crate::message::Message;

/// A strategy. Written by `#[derive(Strategy)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a strategy",
    label = "not a strategy",
    note = "add `#[derive(Strategy)]` and `#[strategy(name = \"..\", channel = .., config = .., outbound = ..)]`"
)]
pub trait Strategy: Configure<Self::Config> + Sized {
    /// A tenant's configuration.
    type Config: DeserializeOwned + Send + 'static;
    /// The messages it sends; [`Never`](crate::message::Never) if it only receives.
    type Message: Message;
    /// The description of the strategy.
    const DESCRIPTOR: &'static Descriptor;

    /// The halves it has.
    #[doc(hidden)]
    fn halves() -> Halves<Self>;
}

type Half<S, D> = Option<fn(Arc<S>) -> Arc<D>>;

/// The halves that a strategy has; only the derive writes it.
#[doc(hidden)]
pub struct Halves<S> {
    pub(crate) outbound: Half<S, dyn DynOutbound>,
    pub(crate) inbound: Half<S, dyn DynInbound>,
}

impl<S> fmt::Debug for Halves<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Halves").field("outbound", &self.outbound.is_some()).field("inbound", &self.inbound.is_some()).finish()
    }
}

impl<S> Default for Halves<S> {
    fn default() -> Self {
        Self { outbound: None, inbound: None }
    }
}
