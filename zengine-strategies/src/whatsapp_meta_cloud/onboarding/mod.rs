//! Onboarding of a number: from the code of a signup to a registered, subscribed number, and the lifetime of its token.
//!
//! ```no_run
//! use std::sync::Arc;
//! use zengine_connector::{HttpClient, Secret, SendError, runtime::Clock};
//! use zengine_strategies::whatsapp_meta_cloud::{AppCredentials, MetaApp, Onboarding};
//!
//! # async fn f(http: Arc<dyn HttpClient>, clock: Arc<dyn Clock>, app: MetaApp, secret: Secret<String>, code: Secret<String>)
//! # -> Result<(), SendError> {
//! let onboarding = Onboarding::new(http, clock, &app, AppCredentials::new("600700800", secret));
//!
//! // The code lives 30 seconds and works once: exchange it first, then look at what came.
//! let issued = onboarding.exchange_code(&code, None).await?;
//! let info = onboarding.inspect(&issued.token).await?;
//! for waba in info.wabas().unwrap_or_default() {
//!     let numbers = onboarding.phone_numbers(&issued.token, waba, None).await?;
//!     onboarding.subscribe(&issued.token, waba).await?;
//!     // Store the token as a secret, write one configuration and the two routes for each number, then `register` it
//!     // through `Orchestrator::bound`.
//!     println!("{} numbers", numbers.items.len());
//! }
//! # Ok(())
//! # }
//! ```

mod app;
mod calls;
mod coexistence;
mod numbers;
mod registration;
mod signup;
mod subscriptions;
mod token_info;

pub use app::{AppCredentials, IssuedToken, Onboarding};
pub use coexistence::PhoneAppData;
pub use numbers::{Page, PhoneNumber};
pub use registration::{CodeMethod, Pin};
pub use signup::{Signup, SignupEvent};
pub use subscriptions::{SubscribedApp, WebhookOverride, WebhookOverrides};
pub use token_info::{GrantedScope, TokenInfo};

pub(super) use calls::AppCalls;
pub(super) use numbers::next;
pub(super) use subscriptions::read as subscribed;

use super::manage::list;
use crate::waba::wire::{items, text};
