//! Single-flight within one process: concurrent callers with the same id share one run (rule 24).

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

/// Sends in progress in this process. Sharded, so that sends of different ids rarely wait for each other.
#[derive(Debug, Default)]
pub(crate) struct SingleFlight([Shard; SHARDS]);

/// The number of shards: a power of two, because the shard is taken from the hash.
const SHARDS: usize = 16;

/// One shard, on its own cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard(Mutex<HashTable<Flight>>);

/// A send in progress. Allocates nothing until a follower joins.
struct Flight {
    /// Hash of the key.
    hash: u128,
    fingerprint: Fingerprint,
    /// Owner token of the leader's claim.
    owner: OwnerToken,
    followers: Option<(oneshot::Sender<Completion>, Shared<oneshot::Receiver<Completion>>)>,
}

/// The end of the leader's send, or the owner token of a leader that was dropped.
type Completion = Result<Ended, OwnerToken>;

/// The role of a caller.
pub(crate) enum Joined<'a> {
    /// The caller makes the send.
    Leader(Leader<'a>),
    /// The caller waits for the leader's result.
    Follower(Follower),
    /// A different message with the same id is in progress.
    Mismatch,
}

/// The caller that makes the send. If it is dropped before it completes, its followers settle the record.
pub(crate) struct Leader<'a> {
    shard: &'a Mutex<HashTable<Flight>>,
    hash: u128,
    completed: bool,
}

/// A caller that waits for the leader.
pub(crate) struct Follower(Shared<oneshot::Receiver<Completion>>);

/// The lower half of a key's hash, for the table.
#[allow(clippy::cast_possible_truncation)]
fn short(hash: u128) -> u64 {
    hash as u64
}

impl SingleFlight {
    /// Joins the send of this key. `owner` is the token of the claim that the caller makes if it leads.
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
    /// Sets the claim that followers settle if this leader is dropped.
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
            // Fails only if all followers are gone.
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

/// The end of a follower's wait.
pub(crate) enum Followed {
    /// The leader's result.
    Ended(Ended),
    /// The leader was dropped. Holds the owner token of the claim that it held or was about to make.
    LeaderGone(OwnerToken),
    /// The time limit passed.
    TimedOut,
}

impl Follower {
    /// Waits for the result until `limit` completes.
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
