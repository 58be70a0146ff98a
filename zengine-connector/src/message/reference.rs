//! A message handed to the pipeline: JSON, or typed.

use std::any::{Any, TypeId, type_name};

use serde_json::value::RawValue;

use super::Message;
use crate::error::{Error, ErrorKind};

/// The message to send: a reference to a typed message, or JSON that the strategy's message type reads.
#[derive(Clone, Copy)]
pub struct MessageRef<'a>(Repr<'a>);

#[derive(Clone, Copy)]
enum Repr<'a> {
    /// JSON that a host wrote.
    Json(&'a RawValue),
    /// JSON that this crate wrote, perhaps a newer build of it.
    Stored(&'a RawValue),
    Typed {
        message: &'a (dyn Any + Send + Sync),
        name: &'static str,
    },
}

masked!(MessageRef<'_>, Prepared<'_>);

impl<'a, M: Message> From<&'a M> for MessageRef<'a> {
    fn from(message: &'a M) -> Self {
        Self(Repr::Typed { message, name: type_name::<M>() })
    }
}

impl<'a> From<&'a RawValue> for MessageRef<'a> {
    fn from(json: &'a RawValue) -> Self {
        Self(Repr::Json(json))
    }
}

impl<'a> From<&'a Box<RawValue>> for MessageRef<'a> {
    fn from(json: &'a Box<RawValue>) -> Self {
        Self(Repr::Json(json))
    }
}

impl<'a> MessageRef<'a> {
    /// A message that this crate stored. Members that this build does not know are ignored.
    pub(crate) fn stored(json: &'a RawValue) -> Self {
        Self(Repr::Stored(json))
    }

    /// The text of a message that a host wrote as JSON, which is read strictly.
    pub(crate) fn handed_in(self) -> Option<&'a str> {
        match self.0 {
            Repr::Json(json) => Some(json.get()),
            Repr::Stored(_) | Repr::Typed { .. } => None,
        }
    }

    /// Reads the message once, for every attempt of a send.
    pub(crate) fn prepare<M: Message>(self) -> Result<Prepared<'a>, Error> {
        match self.0 {
            Repr::Typed { message, .. } if message.type_id() == TypeId::of::<M>() => Ok(Prepared::Borrowed(message)),
            Repr::Typed { name, .. } => Err(Error::new(ErrorKind::MessageInvalid, "the strategy takes another type of message")
                .with_context("expected", type_name::<M>())
                .with_context("actual", name)),
            Repr::Json(json) => Ok(Prepared::Owned(Box::new(read::<M>(json)?))),
            Repr::Stored(json) => Ok(Prepared::Stored(Box::new(read::<M>(json)?), json)),
        }
    }
}

fn read<M: Message>(json: &RawValue) -> Result<M, Error> {
    serde_json::from_str(json.get()).map_err(|error| Error::from_json(ErrorKind::MessageInvalid, "the message does not parse", &error))
}

/// A message of the strategy's own type, behind a type-erased pointer.
pub(crate) enum Prepared<'a> {
    Borrowed(&'a (dyn Any + Send + Sync)),
    Owned(Box<dyn Any + Send + Sync>),
    /// A message that this crate stored, with its text.
    Stored(Box<dyn Any + Send + Sync>, &'a RawValue),
}

impl Prepared<'_> {
    /// The message as its own type; `None` only if a strategy's message went to another strategy.
    pub(crate) fn get<M: 'static>(&self) -> Option<&M> {
        match self {
            Self::Borrowed(message) => message.downcast_ref(),
            Self::Owned(message) | Self::Stored(message, _) => message.downcast_ref(),
        }
    }

    /// The text of a stored message, which may hold members that this build does not know.
    pub(crate) fn stored(&self) -> Option<&RawValue> {
        match self {
            Self::Stored(_, json) => Some(json),
            Self::Borrowed(_) | Self::Owned(_) => None,
        }
    }
}
