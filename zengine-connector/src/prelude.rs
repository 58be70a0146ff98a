//! The names that most hosts use.
//!
//! ```
//! use zengine_connector::prelude::*;
//!
//! let message = OutboundMessage::text(Identity::phone("+15551230001")?, "Your order is on its way");
//! let options = SendOptions::new().within(std::time::Duration::from_secs(20));
//! # let _ = (message, options);
//! # Ok::<(), zengine_connector::Error>(())
//! ```

#[doc(inline)]
pub use crate::{
    error::Disposition,
    ids::{ClientMessageId, StrategyName, TenantId},
    message::{Content, Event, Identity, InboundEvent, OutboundMessage},
    orchestrator::{HandlerContext, HandlerError, Orchestrator},
    pipeline::{Outcome, SendOptions},
    registry::{StrategyRegistry, TenantSetup},
    secret::SecretRef,
    store::{Memory, SecretScope},
};
