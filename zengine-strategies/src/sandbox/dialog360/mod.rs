//! The Messaging API of 360dialog, with numbers in Meta's cloud.
//!
//! Messages, statuses, files and templates are checked as the emulator of [`meta_cloud`](super::meta_cloud) checks them; what 360dialog
//! adds is here.
//!
//! | part | behaviour |
//! |---|---|
//! | key | `D360-API-KEY`, one per number ([`Number::with_token`]); no bearer token counts; a new key ([`Dialog360Api::set_key`](super::Emulator::set_key)) ends the old one at once and clears the number's webhook |
//! | `POST /messages`, `POST /v1/messages` | the documented limits of Meta; 200, in the path of the sandbox 201; never deduplicates |
//! | `POST /media`, `GET`/`DELETE /{id}` | at most 25 uploads per second of a number; the address of a file is on `lookaside.fbsbx.com`, which this emulator is not |
//! | `GET /whatsapp_business/attachments/` | the file, for five minutes and only with the key of its number |
//! | penalty | 20 refused look-ups of files within an hour block look-ups and downloads of the number for half an hour |
//! | `GET`/`POST /v1/configs/webhook` | of the number: set at once; 404 while there is none |
//! | `GET`/`POST /waba_webhook` | of the account: read back after 20 seconds of the emulator's clock; `override_all` clears those of its numbers |
//! | webhooks | the registered headers, and `x-360dialog-signature` if there is a platform secret; delivered by 200 within 5 seconds |
//! | `GET /health_status` | `can_send_message` of number, account, business and app |
//! | errors | Meta's body for messages; `{error: "text"}` for files and the account's webhook; `{meta: {…}}` for the key, blocked paths and the number's webhook |
//!
//! A registered address is https and has no port, as 360dialog demands. The emulator speaks no TLS: it posts to the host of its own
//! callback instead, with path and query of the registered address. A number without a registration has the callback itself.
//!
//! ```
//! use zengine_strategies::sandbox::dialog360::{Dialog360Api, Inbound, Number, Settings};
//!
//! # fn main() -> std::io::Result<()> {
//! let provider = Dialog360Api::start(
//!     Settings::new()
//!         .with_number(Number::new("100200300", "900100").with_token("the-key"))
//!         .with_webhook_header("Authorization", "Bearer of-your-choice")
//!         .with_callback("http://127.0.0.1:8080/webhooks/whatsapp-360dialog"),
//! )?;
//! // Point the strategy at provider.base_url(), send, then look at provider.journal().
//! # let _ = async {
//! provider.send_inbound("100200300", Inbound::text("15551230001", "Hi!")).await;
//! # };
//! # Ok(())
//! # }
//! ```

mod control;
mod errors;
mod handle;
mod health;
mod media;
mod registration;
mod route;
mod settings;
mod state;

pub use super::Delivery;
pub use super::waba::{Inbound, Number, Template, Update};
pub use super::webhooks::Webhooks;
pub use handle::Dialog360Api;
pub use route::Dialog;
pub use settings::Settings;
