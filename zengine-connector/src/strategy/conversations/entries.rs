//! The stored entries of conversations: their keys, and compare-and-set on them.

use std::{ops::ControlFlow, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use super::{
    Conversations,
    record::{ConversationState, Record, VERSION, known_version},
};
use crate::{
    hex::hex,
    keyring,
    message::Identity,
    runtime::to_ms,
    strategy::{SessionError, SessionErrorKind, sessions::RACES},
};

/// The entry of a provider's id, or of our own key, which leads to the customer.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reverse {
    #[serde(deserialize_with = "known_version")]
    pub(super) v: u32,
    pub(super) customer: Identity,
    pub(super) generation: u64,
    /// Our own key of the life.
    #[serde(default)]
    pub(super) key: String,
}

/// The start of the keys of customers' conversations.
pub(super) const PREFIX: &str = "conversation/";

/// The key of a customer's conversation. A hash of the parts with their lengths: the text of two opaque identities may be the same.
pub(super) fn conversation_key(customer: &Identity) -> String {
    let parts = [customer.kind().as_str(), customer.ns().unwrap_or_default(), customer.value()];
    format!("{PREFIX}{}", hex(&Sha256::digest(keyring::framed(&parts))))
}

/// The key of a provider's id, which may authenticate its holder and therefore is hashed.
pub(super) fn reverse_key(id: &str) -> String {
    format!("conversation-id/{}", hex(&Sha256::digest(id)))
}

/// The decision about a record: written, or left as it is.
pub(super) enum Change<R> {
    /// Write the record.
    Write(R),
    /// Leave it as it is.
    Keep(R),
}

impl Conversations {
    pub(super) fn now_ms(&self) -> i64 {
        to_ms(self.sessions.ports().clock.now())
    }

    /// 128 random bits.
    pub(super) fn token(&self) -> String {
        self.random::<16>()
    }

    fn random<const N: usize>(&self) -> String {
        let mut bytes = [0; N];
        self.sessions.ports().rng.fill(&mut bytes);
        hex(&bytes)
    }

    /// The name of a session for wake-ups.
    pub(super) fn wake_key(&self, key: &str) -> String {
        format!("{}|{key}", self.sessions.scope())
    }

    pub(super) fn wake(&self, key: &str) {
        self.sessions.ports().wakeups.wake(&self.wake_key(key));
    }

    /// Reads a customer's record without the tickets that are over, and its version.
    pub(super) async fn read(&self, customer: &Identity) -> Result<(Record, Option<u64>), SessionError> {
        let stored = self.sessions.get_any::<Record>(&conversation_key(customer)).await?;
        let (mut record, version) =
            stored.map_or_else(|| (Record::new(customer.clone()), None), |stored| (stored.value, Some(stored.version)));
        let wakeups = &self.sessions.ports().wakeups;
        record.prune(self.now_ms(), |owner| wakeups.is_gone(owner));
        Ok((record, version))
    }

    /// Changes a customer's record with compare-and-set: reads, decides, writes, and again if another wrote first. A write whose answer
    /// is lost is read back and known by its id (rule 14), also where others wrote after it: so nothing is decided twice. Returns the record
    /// as it was written.
    ///
    /// # Errors
    /// `Conflict` if others wrote first every time, `Unavailable` if the store does not answer.
    pub(super) async fn change<R>(
        &self,
        customer: &Identity,
        mut decide: impl FnMut(&mut Record, i64) -> Change<R>,
    ) -> Result<(Record, R), SessionError> {
        let key = conversation_key(customer);
        let (mut record, mut version) = self.read(customer).await?;
        for _ in 0..RACES {
            let result = match decide(&mut record, self.now_ms()) {
                Change::Keep(result) => return Ok((record, result)),
                Change::Write(result) => result,
            };
            let write = self.random::<8>();
            record.wrote(write.clone());
            let Err(lost) = self.sessions.put_any(&key, &record, version, self.ttl_of(&record)).await else {
                self.wake(&key);
                return Ok((record, result));
            };
            let Ok((stored, now)) = self.read(customer).await else { return Err(lost) };
            if stored.writes.contains(&write) {
                self.wake(&key);
                return Ok((record, result));
            }
            if now == version {
                return Err(lost);
            }
            (record, version) = (stored, now);
        }
        Err(SessionErrorKind::Conflict.into())
    }

    /// Writes the entry that leads from an id to the customer. It outlives the conversation's own entry. One of a later life stays.
    pub(super) async fn put_reverse(&self, id: &str, record: &Record) -> Result<(), SessionError> {
        let entry = Reverse { v: VERSION, customer: record.customer.clone(), generation: record.generation, key: record.key.clone() };
        let is_later = |stored: &Reverse| stored.customer == entry.customer && stored.generation > entry.generation;
        self.put_over(&reverse_key(id), &entry, self.ttl_of(record).saturating_add(self.late), is_later).await
    }

    /// Writes an entry over what is stored, which may be to stay. A second time after an error, which may be that of a lost answer.
    pub(super) async fn put_over<T>(&self, key: &str, entry: &T, ttl: Duration, stays: impl Fn(&T) -> bool) -> Result<(), SessionError>
    where
        T: Serialize + DeserializeOwned + Clone + Sync,
    {
        let put = |stored: Option<T>| match stored {
            Some(stored) if stays(&stored) => ControlFlow::Break(()),
            _ => ControlFlow::Continue((entry.clone(), ())),
        };
        self.sessions.change_with(key, ttl, 1, put).await
    }

    /// The time for which this record is kept: until it has ended by itself, and late events have come, if that is later.
    fn ttl_of(&self, record: &Record) -> Duration {
        let ends_ms = if record.state == ConversationState::Ending { record.lease_until_ms } else { 0 };
        let left = Duration::from_millis(u64::try_from(ends_ms.saturating_sub(self.now_ms())).unwrap_or(0));
        self.record_ttl().max(left.saturating_add(self.late))
    }

    /// The time for which a customer's record is kept after its last write.
    pub(super) fn record_ttl(&self) -> Duration {
        self.idle.saturating_add(self.late)
    }
}
