//! The WhatsApp Cloud API by Meta.
//!
//! | part | behaviour |
//! |---|---|
//! | `POST /{version}/{phone_number_id}/messages` | checks every documented limit of text, media, location, contacts, reaction, template and interactive messages, of read receipts and typing indicators; never deduplicates |
//! | `POST …/media`, `GET`/`DELETE /{version}/{media_id}`, download | multipart upload (kept 30 days; inbound media 7 days), a download address valid for five minutes and only with the token |
//! | `GET`/`POST /{version}/{phone_number_id}` | the node with quality, status, health and callbacks; every field can be set; changes of PIN and callback |
//! | `GET …/message_history`, `GET /{waba_id}/phone_numbers` | statuses by message id; numbers of an account, in pages |
//! | `/{waba_id}/message_templates`, `/{template_id}` | create, edit, delete, list with filters and pages; review ([`Review`]); status, quality and category with their webhooks; messages are checked against header, body and buttons |
//! | `oauth/access_token`, `debug_token`, `oauth/revoke`, `access_tokens`, `system_user_access_tokens` | codes (once, 30 seconds), renewal before expiry, client credentials, inspection, revocation; tokens expire by the emulator's clock |
//! | `/{waba_id}/subscribed_apps`, `/{app_id}/subscriptions` | callbacks: the number's before the account's before the app's |
//! | `request_code`, `verify_code`, `register`, `deregister`, `settings`, `smb_app_data` | onboarding of a number, with its limits |
//! | webhooks | signed over the exact bytes, non-ASCII as `\uXXXX` and `/` as `\/`; statuses after each accepted message; redelivery after any response but 200 |
//! | handshake | [`MetaCloud::verify_callback`](super::Emulator::verify_callback) |
//! | optional rules | known templates or media only, `appsecret_proof` (also with a time), 24-hour window, messages per second, management calls per hour, pair limit |
//! | errors | Meta's error body with the code, subcode and HTTP status of its error page |
//!
//! ```
//! use zengine_strategies::sandbox::Fault;
//! use zengine_strategies::sandbox::meta_cloud::{Inbound, MetaCloud, Number, Settings};
//!
//! # fn main() -> std::io::Result<()> {
//! let meta = MetaCloud::start(
//!     Settings::new()
//!         .with_number(Number::new("100200300", "900100").with_token("tenant-a-token"))
//!         .with_number(Number::new("100200400", "900200").with_token("tenant-b-token"))
//!         .with_app_secret("app-secret")
//!         .with_callback("http://127.0.0.1:8080/webhooks/whatsapp"),
//! )?;
//! meta.fail_next(Fault::throttle().times(2));
//! // Point the strategy at meta.base_url(), send, then look at meta.journal().
//! # let _ = async {
//! meta.send_inbound("100200300", Inbound::text("15551230001", "Hi!")).await;
//! meta.settle().await;
//! # };
//! # Ok(())
//! # }
//! ```

mod accounts;
mod control;
mod handle;
mod media;
mod node;
mod oauth;
mod onboarding;
mod route;
mod settings;
mod signature;
mod state;
mod subscriptions;
mod tokens;

pub use super::Delivery;
pub use super::waba::Update;
pub use super::waba::{Inbound, Number, Review, Template};
pub use super::webhooks::Webhooks;
pub use handle::{HandshakeError, MetaCloud};
pub use route::Meta;
pub use settings::Settings;
pub use tokens::Signup;
