//! The inbound half: authenticated bytes become events of tenants.
//!
//! Order: verify → normalize → route → dedup → admit → handler → respond → finish. A strategy implements the first two and, if it
//! needs them, `admit`, `respond`, `finish` and `media`; the core does the rest.

mod context;
mod final_response;
mod handled;
mod media;
mod request;
mod routed;
mod traits;
mod verified;
mod verify_error;

pub use context::{Candidate, InboundContext};
pub(crate) use context::{Found, TenantLookup};
pub use final_response::{Additions, FinalResponse};
pub use handled::{Handled, ReplyCursor, ReplyMessage};
pub use media::{MediaFile, MediaRequest};
pub use request::{InboundRequest, Origin, RequestHead};
pub use routed::{EventEncoding, RoutedEvent};
pub use traits::{Admit, InboundStrategy};
pub(crate) use verified::{MAX_ELEMENTS, Step};
pub use verified::{Principal, RawPayload, Verified};
pub use verify_error::{CredentialFault, VerifyError};
