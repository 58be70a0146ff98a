//! Single-flight within one process: callers that ask for the same send share one run (rule 24).

use futures_channel::oneshot;
use futures_util::{
    FutureExt,
    future::{Either, Shared, select},
};
use hashbrown::{HashTable, hash_table::Entry};

use super::ended::Ended;
use crate::{
    store::{ClaimKey, Fingerprint, OwnerToken},
    sync::Mutex,
};

/// Sends under way in this process. Spread over shards, so that sends of different ids do not wait for each other.
#[derive(Debug, Default)]
pub(crate) struct SingleFlight([Shard; SHARDS]);

/// A power of two: the shard is cut out of the hash.
const SHARDS: usize = 16;

/// On a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard(Mutex<HashTable<Flight>>);

/// A send under way. Nothing is allocated for it until a follower joins.
struct Flight {
    /// Stands for the key.
    hash: u128,
    fingerprint: Fingerprint,
    /// The leader's claim.
    owner: OwnerToken,
    followers: Option<(oneshot::Sender<Completion>, Shared<oneshot::Receiver<Completion>>)>,
}

/// The end of the leader's send, or the claim of a leader that went away.
type Completion = Result<Ended, OwnerToken>;

/// The part of a caller that joined.
pub(crate) enum Joined<'a> {
    /// It makes the send.
    Leader(Leader<'a>),
    /// It waits for the leader's result.
    Follower(Follower),
    /// Another message is under way under the same id.
    Mismatch,
}

/// The caller that makes the send. Dropped without completing, it lets its followers settle the record.
pub(crate) struct Leader<'a> {
    shard: &'a Mutex<HashTable<Flight>>,
    hash: u128,
    completed: bool,
}

/// A caller that waits for the leader.
pub(crate) struct Follower(Shared<oneshot::Receiver<Completion>>);

/// The hash is one already: its halves are as good as any.
#[allow(clippy::cast_possible_truncation)]
fn short(hash: u128) -> u64 {
    hash as u64
}

impl SingleFlight {
    /// `owner` is the claim that the caller makes if it leads.
    pub(crate) fn join(&self, key: &ClaimKey, fingerprint: &Fingerprint, owner: OwnerToken) -> Joined<'_> {
        let hash = key.hash();
        #[allow(clippy::cast_possible_truncation)] // the table uses the lower half
        let shard = &self.0[(hash >> 64) as usize % SHARDS].0;
        let mut flights = shard.lock();
        match flights.entry(short(hash), |flight| flight.hash == hash, |flight| short(flight.hash)) {
            Entry::Occupied(mut flight) => {
                let flight = flight.get_mut();
                if flight.fingerprint.differs(fingerprint) {
                    return Joined::Mismatch;
                }
                let (_, completion) = flight.followers.get_or_insert_with(|| {
                    let (complete, completion) = oneshot::channel();
                    (complete, completion.shared())
                });
                Joined::Follower(Follower(completion.clone()))
            }
            Entry::Vacant(vacant) => {
                vacant.insert(Flight { hash, fingerprint: fingerprint.clone(), owner, followers: None });
                Joined::Leader(Leader { shard, hash, completed: false })
            }
        }
    }
}

impl Leader<'_> {
    /// Names the claim that followers settle if this leader is dropped.
    pub(crate) fn set_owner(&self, owner: OwnerToken) {
        if let Some(flight) = self.shard.lock().find_mut(short(self.hash), |flight| flight.hash == self.hash) {
            flight.owner = owner;
        }
    }

    /// Hands the result to all followers.
    pub(crate) fn complete(mut self, ended: &Ended) {
        self.end(|_| Ok(ended.clone()));
    }

    /// Removes the flight before any follower wakes up, so that one of them can lead.
    fn end(&mut self, completion: impl FnOnce(OwnerToken) -> Completion) {
        self.completed = true;
        let flight = {
            let mut flights = self.shard.lock();
            let entry = flights.find_entry(short(self.hash), |flight| flight.hash == self.hash);
            entry.ok().map(|entry| entry.remove().0)
        };
        if let Some(Flight { owner, followers: Some((complete, _)), .. }) = flight {
            // Followers that are gone are no error.
            let _ = complete.send(completion(owner));
        }
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        if !self.completed {
            self.end(Err);
        }
    }
}

/// What a follower waited for.
pub(crate) enum Followed {
    /// The leader's result.
    Ended(Ended),
    /// The leader went away; the claim it held or was about to make.
    LeaderGone(OwnerToken),
    /// The time is over.
    TimedOut,
}

impl Follower {
    /// Waits for the result, until the limit is over.
    pub(crate) async fn wait(self, limit: impl Future<Output = ()> + Unpin) -> Followed {
        match select(self.0, limit).await {
            Either::Left((Ok(Ok(ended)), _)) => Followed::Ended(ended),
            Either::Left((Ok(Err(owner)), _)) => Followed::LeaderGone(owner),
            Either::Left((Err(oneshot::Canceled), _)) | Either::Right(_) => Followed::TimedOut,
        }
    }
}

impl std::fmt::Debug for Flight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flight").field("owner", &self.owner).finish_non_exhaustive()
    }
}
