//! The provider's side of a conversation, as a strategy implements it.

use std::{
    future::Future,
    time::{Duration, SystemTime},
};

use serde::{Serialize, de::DeserializeOwned};

use super::Live;
use crate::{
    error::{ErrorKind, SendError},
    message::{EndReason, Identity},
};

/// The calls by which a strategy opens and ends a conversation at its provider. Implement it on a value that holds what one send knows: its
/// tenant, context and message.
pub trait ConversationProvider: Send + Sync {
    /// The strategy's own data of a conversation, such as tokens. It is stored encrypted, and printed by nothing here. Members that
    /// a later release adds need a default: what is stored must still be read.
    type Data: Serialize + DeserializeOwned + Send + Sync;

    /// Opens a conversation. Where your provider takes a client token, give it [`OpenRequest::key`].
    ///
    /// # Errors
    /// With the reach of *this call*: after `NotSent` and `Processed` no conversation is open, after `Maybe` one may be, and
    /// [`resolve`](Self::resolve) is called before the next opening.
    fn open(&self, opening: &OpenRequest) -> impl Future<Output = Result<Opened<Self::Data>, SendError>> + Send;

    /// Decides about an earlier opening whose end is not known: its process crashed, or no answer came. The earlier call may still be
    /// under way at the provider, at the latest since [`OpenRequest::last_call`]: before you answer `NotOpened`, wait as long as a call may
    /// take there, or fail, and be asked again later.
    ///
    /// # Errors
    /// If it cannot be decided now. The message is then sent later, and `resolve` is called again.
    fn resolve(&self, opening: &OpenRequest) -> impl Future<Output = Result<Resolution<Self::Data>, SendError>> + Send;

    /// Ends a conversation: for [`end`](super::Conversations::end) and [`sweep`](super::Conversations::sweep), for an end that a crash
    /// cut off, and for a conversation whose opening was answered after another send had taken over. It may be called again for one
    /// that has ended: answer `Done` then. Defaults to an error, `Unsupported`: the conversation is left at the provider.
    ///
    /// # Errors
    /// After `NotSent` the conversation is open, after `Processed` it counts as ended, after `Maybe` it is ended again.
    fn close(&self, live: &Live<Self::Data>, reason: EndReason) -> impl Future<Output = Result<Ending, SendError>> + Send {
        let _ = (live, reason);
        async { Err(SendError::of(ErrorKind::Unsupported, "the strategy does not end conversations").not_sent()) }
    }

    /// Returns `true` if a send failed because the provider does not know the conversation any more. It is then opened again, once per
    /// attempt. An error of reach `Maybe` never opens one. Defaults to the kind [`SessionClosed`](ErrorKind::SessionClosed).
    fn is_gone(&self, error: &SendError) -> bool {
        error.kind() == ErrorKind::SessionClosed
    }
}

/// One opening of a conversation.
#[derive(Clone)]
#[non_exhaustive]
pub struct OpenRequest {
    /// The customer.
    pub customer: Identity,
    /// The number of this life: higher than that of every earlier one.
    pub generation: u64,
    /// Our own key of this life: 32 hexadecimal digits, random, the same when an opening is repeated, and different for every life. Use
    /// it as the provider's client token, or in the address that the provider calls back:
    /// [`find`](super::Conversations::find) knows it before the provider is called.
    pub key: String,
    /// The latest time at which an earlier call may have left that opens with this key. `None`: this is the first.
    pub last_call: Option<SystemTime>,
}

// The key may stand in an address that authenticates.
debug_fields!(OpenRequest { generation, last_call });

/// A conversation that is open at the provider.
#[derive(Clone)]
pub struct Opened<T> {
    /// The provider's id.
    pub id: String,
    /// The strategy's data.
    pub data: T,
}

debug_fields!([T] Opened<T> {});

impl<T> Opened<T> {
    /// A conversation by the provider's id, with the strategy's data.
    pub fn new(id: impl Into<String>, data: T) -> Self {
        Self { id: id.into(), data }
    }
}

/// How the provider ends a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// It has ended.
    Done,
    /// It ends later, and says so with an event, at the latest after this time. Until then a send is deferred.
    Within(Duration),
    /// As `Within`, and messages of the customer still reach it until then, such as the answer to a survey that follows the agent's good-bye.
    /// A send goes to it; if the provider refuses that as [gone](ConversationProvider::is_gone), a new one is opened.
    Reachable(Duration),
}

/// The decision about an opening whose end was not known.
#[non_exhaustive]
pub enum Resolution<T> {
    /// The provider recognises [`OpenRequest::key`] as a client token: open again with the same key.
    Repeat,
    /// It happened: this is the conversation.
    Found(Opened<T>),
    /// It surely did not happen: open a new one.
    NotOpened,
    /// It cannot be known. Open a new one; a line `conversation.abandoned` says that the provider may have two.
    Abandon,
}

debug_fields!([T] Resolution<T> {});
