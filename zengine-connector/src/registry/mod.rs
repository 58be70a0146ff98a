//! Which strategies there are, and each tenant's instance of them.

mod erased;

pub(crate) use erased::{DynInbound, DynOutbound, DynStrategy, ErasedTenant, InboundHalf, Inspected, OutboundHalf};
