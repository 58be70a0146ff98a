#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

// The derive names the crate by its public name, in our own tests too.
#[allow(unused_extern_crates)]
extern crate self as zengine_connector;

pub mod error;
mod hex;
pub mod http;
pub mod ids;
pub mod json;
pub mod keyring;
pub mod message;
pub mod orchestrator;
pub mod pipeline;
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

pub use error::{BoxError, Disposition, Error, ErrorKind, Fault, NeedsReach, Poison, Reach, Scope, SendError, Violation};
pub use http::{CallOptions, HttpCause, HttpClient, HttpError};
pub use ids::{
    ClientMessageId, ConfigVersion, ConversationId, CorrelationId, FailureId, ProviderMessageId, RouteKey, StrategyName, TenantId,
};
pub use keyring::{Key, KeyRing, StaticKeyRing};
pub use message::*;
pub use orchestrator::{
    Ack, Bound, HandlerContext, HandlerError, InboundHandler, InboundSettings, Orchestrator, OrchestratorBuilder, Preview, Received,
    ReplyTo,
};
pub use pipeline::{Deferred, DeferredReason, Delivered, Failed, Outcome, RedriveOptions, SendOptions, Unknown};
pub use registry::{Caching, RegistryBuilder, SchemaOf, StrategyRegistry};
pub use runtime::{BoxFuture, Clock, Rng, Spawner, SystemRng};
#[cfg(feature = "tokio")]
pub use runtime::{TokioClock, TokioSpawner};
pub use schema::Schema;
pub use secret::{Secret, SecretRef};
pub use stage::{Breaker, Dedup, Duplicates, Retry, StoreDown, StrategySettings};
#[cfg(feature = "embedded")]
pub use store::Embedded;
pub use store::{Memory, Stores};
pub use strategy::{
    Admit, Cached, Candidate, Configure, ConfigureContext, Descriptor, Direction, EventContext, Handled, HealthContext, HealthStatus,
    InboundContext, InboundRequest, InboundStrategy, Lookup, Origin, OutboundStrategy, ParsedKey, Principal, ProviderKey, RawPayload,
    Reply, ReplyCursor, ReplyMessage, RoutedEvent, SendContext, SessionError, SessionErrorKind, Sessions, Strategy, Verified, VerifyError,
    Versioned,
};
pub use telemetry::{Metric, MetricName, NoopObserver, Observer, Observers};
#[cfg(feature = "derive")]
pub use zengine_connector_derive::Strategy;
