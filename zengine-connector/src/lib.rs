// Its examples need these features.
#![cfg_attr(all(feature = "derive", feature = "embedded", feature = "testing", feature = "tokio"), doc = include_str!("../README.md"))]
#![cfg_attr(
    not(all(feature = "derive", feature = "embedded", feature = "testing", feature = "tokio")),
    doc = "One send, one receive, any messaging channel. The README is this page when all features are on."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

// The derive names the crate by its public name, in our own tests too.
#[allow(unused_extern_crates)]
extern crate self as zengine_connector;

#[macro_use]
mod macros;

pub mod error;
#[cfg(any(doc, doctest))]
pub mod guide;
mod hex;
pub mod http;
pub mod ids;
pub mod json;
pub mod keyring;
pub mod message;
pub mod orchestrator;
pub mod pipeline;
pub mod prelude;
#[doc(hidden)]
pub mod private;
pub mod registry;
pub mod runtime;
pub mod schema;
pub mod secret;
pub mod stage;
pub mod store;
pub mod strategy;
mod sync;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod verify;

/// The contract's tests: needs the features `testing` and `tokio`.
#[cfg(not(all(feature = "testing", feature = "tokio")))]
#[macro_export]
macro_rules! contract_tests {
    ($($any:tt)*) => {
        ::core::compile_error! {
            "add features = [\"testing\", \"tokio\"] to zengine-connector in [dev-dependencies]: the contract's tests need them"
        }
    };
}

pub use async_trait::async_trait;
pub use schemars;

#[cfg(feature = "embedded")]
#[doc(inline)]
pub use crate::store::Embedded;
#[doc(inline)]
pub use crate::{
    error::{BoxError, Error, ErrorKind, Fault, Reach, SendError},
    http::HttpClient,
    ids::{ClientMessageId, ConversationId, FailureId, ProviderMessageId, RouteKey, StrategyName, TenantId},
    message::{Content, Event, Identity, InboundEvent, OutboundMessage, Receipt},
    orchestrator::{HandlerContext, HandlerError, Orchestrator, OrchestratorBuilder},
    pipeline::{Deferred, Delivered, Failed, Outcome, SendOptions, Unknown},
    registry::StrategyRegistry,
    secret::{Secret, SecretRef},
    store::{Memory, SecretScope, Stores},
    strategy::{
        Configure, ConfigureContext, EventContext, HealthContext, InboundContext, InboundStrategy, OutboundStrategy, SendContext, Strategy,
    },
};
#[cfg(feature = "derive")]
pub use zengine_connector_derive::Strategy;
