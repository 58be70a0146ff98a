//! Webhooks of the WhatsApp family: one body becomes the events of many numbers, in order.
//!
//! | file | purpose |
//! |---|---|
//! | `envelope` | `entry[]` × `changes[]`, and the arrays of one change |
//! | `relayed` | forms that only a partner of Meta sends: a bare `value`, and events of its own |
//! | `scope` | the context of a change: routes, contacts, time |
//! | `sink` | collects events and unreadable elements, with their exact bytes |
//! | `messages`, `content`, `interactive`, `media`, `contacts` | messages, also echoes and older conversations |
//! | `statuses`, `calls`, `preferences`, `groups`, `handovers`, `history` | the other arrays |
//! | `account`, `templates` | changes that are one event as a whole |
//! | `reason` | the reason of a change |
//!
//! Every element of every known array gives exactly one event or one error, as does every member beside them that no reader takes,
//! and a change without any gives one event.
//! An element is unreadable only if it is not an object, or if the word that decides its kind is not a string; whatever
//! else is missing or new gives an event, `Unknown` if nothing more is known.

mod account;
mod calls;
mod contacts;
mod content;
mod envelope;
mod groups;
mod handovers;
mod history;
mod interactive;
mod media;
mod messages;
mod preferences;
mod reason;
mod relayed;
mod scope;
mod sink;
mod statuses;
mod templates;

pub(crate) use envelope::normalize;
pub(crate) use relayed::normalize_relayed;
