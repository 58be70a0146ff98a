//! Look-ups: from an event to its customer, and from a customer to the conversation.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::to_raw_value;

use super::{
    Conversations, Live,
    entries::{Change, Reverse, reverse_key},
    join::read_live,
    record::ConversationState,
};
use crate::{
    message::Identity,
    strategy::{SessionError, SessionErrorKind, Versioned},
};

/// A conversation that an event belongs to.
#[derive(Clone)]
#[non_exhaustive]
pub struct FoundConversation {
    /// The customer.
    pub customer: Identity,
    /// The number of the life.
    pub generation: u64,
    /// Our own key of the life; see [`OpenRequest::key`](super::OpenRequest::key).
    pub key: String,
}

debug_fields!(FoundConversation { generation });

impl Conversations {
    /// The customer of a provider's id, or of our own [key](super::OpenRequest::key), also of a conversation that ended a while ago. `None`:
    /// the conversation is not ours. Costs one read.
    ///
    /// # Errors
    /// If the store does not answer, or what is stored cannot be read.
    pub async fn find(&self, id: &str) -> Result<Option<FoundConversation>, SessionError> {
        let found = self.sessions.get_any::<Reverse>(&reverse_key(id)).await?;
        Ok(found.map(|Versioned { value: Reverse { customer, generation, key, .. }, .. }| FoundConversation { customer, generation, key }))
    }

    /// The customer's conversation, if it is open, or about to end and takes messages until then.
    ///
    /// # Errors
    /// If the store does not answer, or what is stored cannot be read.
    pub async fn get<T: DeserializeOwned>(&self, customer: &Identity) -> Result<Option<Live<T>>, SessionError> {
        let (record, _) = self.read(customer).await?;
        if record.is_open(self.now_ms()) { read_live(&record).map(Some) } else { Ok(None) }
    }

    /// The state of the customer's conversation, and the number of its life; 0 and `Ended` before the first.
    ///
    /// # Errors
    /// If the store does not answer, or what is stored cannot be read.
    pub async fn state(&self, customer: &Identity) -> Result<(ConversationState, u64), SessionError> {
        let (record, _) = self.read(customer).await?;
        Ok((record.state, record.generation))
    }

    /// Writes down that an event came, so that the conversation is not idle. Most calls cost one read.
    ///
    /// # Errors
    /// If the store does not answer, or what is stored cannot be read.
    pub async fn seen(&self, found: &FoundConversation) -> Result<(), SessionError> {
        let (record, _) = self.read(&found.customer).await?;
        if record.is_open(self.now_ms()) && record.is_life(found.generation, &found.key) {
            self.touch(&record).await;
        }
        Ok(())
    }

    /// Changes the strategy's data of a conversation, such as a renewed token, with compare-and-set. `change` may be called several
    /// times. Returns what is stored now.
    ///
    /// # Errors
    /// `Conflict` if this life is over or others changed it every time; `Unavailable`, `Corrupt`.
    pub async fn update<T>(&self, live: &Live<T>, change: impl Fn(&mut T)) -> Result<Live<T>, SessionError>
    where
        T: Serialize + DeserializeOwned,
    {
        let changed = self.change(&live.customer, |record, _| {
            if record.generation != live.generation || record.id.as_deref() != Some(&*live.id) {
                return Change::Keep(Err(SessionErrorKind::Conflict));
            }
            let read = record.data.as_ref().and_then(|data| serde_json::from_str::<T>(data.get()).ok());
            let written = read.and_then(|mut data| {
                change(&mut data);
                to_raw_value(&data).ok()
            });
            let Some(data) = written else { return Change::Keep(Err(SessionErrorKind::Corrupt)) };
            record.data = Some(data);
            Change::Write(Ok(()))
        });
        let (record, changed) = changed.await?;
        changed?;
        read_live(&record)
    }
}
