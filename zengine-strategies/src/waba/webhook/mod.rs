//! Webhooks of the WhatsApp family: one body becomes the events of many numbers, in order.
//!
//! | file | what |
//! |---|---|
//! | `envelope` | `entry[]` × `changes[]`, and the arrays of one change |
//! | `scope` | whose a change is: routes, contacts, time |
//! | `sink` | where events and unreadable elements go, with their exact bytes |
//! | `messages`, `content`, `interactive`, `media`, `contacts` | what somebody wrote, also echoes and older conversations |
//! | `statuses`, `calls`, `preferences`, `groups`, `handovers`, `history` | the other arrays |
//! | `account`, `templates` | changes that are one event as a whole |
//!
//! Every element of every known array gives exactly one event or one error, and a change without any gives one event.
//! An element is unreadable only where it is no object, or where the word that decides its kind is no string; whatever
//! else is missing or new gives an event, `Unknown` where nothing better can be said.

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
mod scope;
mod sink;
mod statuses;
mod templates;

pub(crate) use envelope::normalize;
