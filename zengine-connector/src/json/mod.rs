//! Untrusted JSON: bounds that are checked before anything is built, and a reader that works in place.
//!
//! [`Limits`] bounds a body in one pass over its bytes; the core does that before a strategy reads one. [`Document`] then checks a text
//! and splits it once into its values. Everything else looks into that list: [`ValueRef`] is one value, [`Object`] looks up members, and
//! nothing there fails, because a provider may leave out any member and may write a number as a string: what does not fit is `None`.
//!
//! A value knows its place, so an event keeps the exact bytes it was made from, and an element that cannot be read is reported beside
//! the others:
//!
//! ```
//! use zengine_connector::{
//!     Content, Event,
//!     json::{self, Document, Object},
//!     message::ElementError,
//!     strategy::{RawPayload, RoutedEvent},
//! };
//!
//! fn normalize(payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
//!     let text = json::text_of(payload.body());
//!     let Ok(document) = Document::read(&text) else {
//!         return vec![Err(ElementError::new("", "not JSON", payload.body().clone()))];
//!     };
//!     let messages = document.root().object().unwrap_or_default().elements("messages");
//!     let read = |(n, value): (usize, json::ValueRef<'_>)| {
//!         let raw = payload.slice(value.range());
//!         let event = value.object().ok_or("not an object").and_then(|message| event(&message, raw.clone()));
//!         event.map_err(|reason| ElementError::new(format!("/messages/{n}"), reason, raw))
//!     };
//!     messages.take(payload.max_elements().saturating_add(1)).enumerate().map(read).collect()
//! }
//!
//! fn event(message: &Object<'_>, raw: bytes::Bytes) -> Result<RoutedEvent, &'static str> {
//!     let (id, body) = (message.text("id").ok_or("no id")?, message.string("body").ok_or("no text")?);
//!     let mut event = RoutedEvent::new(Event::message(Content::text(body)), format!("message {id}"), raw);
//!     event.occurred_at_ms = message.time_ms("sent");
//!     Ok(event)
//! }
//!
//! let body = r#"{"messages": [{"id":1,"body":"Hi","sent":"1760000000"}, {"id": 2 }]}"#;
//! let events = normalize(&RawPayload::unverified(body));
//! assert_eq!(events[0].as_ref().unwrap().occurred_at_ms, Some(1_760_000_000_000));
//! let unread = events[1].as_ref().unwrap_err();
//! assert_eq!((unread.path.as_str(), unread.reason, &unread.raw[..]), ("/messages/1", "no text", &br#"{"id": 2 }"#[..]));
//! ```
//!
//! A fuzz target holds the reader to `serde_json`: what one takes for JSON, the other does, with the same values. Beyond it, this
//! reader takes half surrogate pairs (as replacement characters) and numbers of any size, because real bodies have both.

mod document;
mod embeddable;
mod limits;
mod object;
mod split;
pub(crate) mod steps;

use std::borrow::Cow;

pub use document::{Document, Elements, ValueRef};
pub(crate) use embeddable::is_embeddable;
pub use limits::{Limits, Unread, check_depth};
pub use object::Object;

/// A body as text. Bytes that are not UTF-8 become `?`, one for one, so that every place stays the same: only the elements that hold
/// them are lost.
///
/// ```
/// use zengine_connector::json::text_of;
///
/// assert_eq!(text_of(b"[\"a\", \"\xff\"]"), "[\"a\", \"?\"]");
/// ```
pub fn text_of(body: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(body) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Cow::Owned(text)
}
