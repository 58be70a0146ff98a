//! Single-flight within one process: concurrent callers with the same id share one run (rule 24).

use std::{fmt, hash::BuildHasher as _, sync::Arc};

use futures_channel::oneshot;
use futures_util::{
    FutureExt,
    future::{Either, Shared, select},
};
use hashbrown::{DefaultHashBuilder, HashMap, hash_map::Entry};

use super::ended::Ended;
use crate::{
    store::{ClaimKey, Fingerprint, OwnerToken},
    sync::Mutex,
};

/// Sends in progress in this process. Sharded, so that sends of different ids rarely wait for each other.
#[derive(Default)]
pub(crate) struct SingleFlight {
    hasher: DefaultHashBuilder,
    shards: Arc<[Shard; SHARDS]>,
}

/// The number of shards: a power of two, because the shard is taken from the hash.
const SHARDS: usize = 16;

/// Maximum number of dropped leaders that a flight remembers.
const MAX_GONE: usize = 16;

/// One shard, on its own cache line.
#[derive(Default)]
#[repr(align(64))]
struct Shard(Mutex<HashMap<ClaimKey, Flight>>);

/// A send in progress. Allocates nothing until a follower joins.
struct Flight {
    fingerprint: Fingerprint,
    /// Owner token of the leader's claim.
    owner: OwnerToken,
    /// Those of earlier leaders that were dropped.
    gone: Vec<OwnerToken>,
    followers: Option<(oneshot::Sender<Completion>, Shared<oneshot::Receiver<Completion>>)>,
}

/// The end of the leader's send, or the owner tokens of this leader and of those before it, which were dropped.
pub(crate) type Completion = Result<Ended, Vec<OwnerToken>>;

/// The role of a caller.
pub(crate) enum Seat {
    /// The caller makes the send.
    Leader(Leader),
    /// The caller waits for the leader's result.
    Follower(Follower),
}

/// The caller that makes the send, or the task that ends it after the caller went away. If it is dropped before it completes, its
/// followers settle the record.
pub(crate) struct Leader {
    shards: Arc<[Shard; SHARDS]>,
    shard: usize,
    key: ClaimKey,
    owner: OwnerToken,
    completed: bool,
}

/// A caller that waits for the leader.
pub(crate) struct Follower {
    /// Fingerprint of the leader's message. It may be another message under the same id.
    pub(crate) fingerprint: Fingerprint,
    completion: Shared<oneshot::Receiver<Completion>>,
}

impl SingleFlight {
    /// Joins the send of this key. A leader draws the owner token of its claim. `gone` holds those of dropped leaders that the caller
    /// followed; they are added to the flight.
    pub(crate) fn join(&self, key: &ClaimKey, fingerprint: &Fingerprint, gone: &[OwnerToken], draw: impl FnOnce() -> OwnerToken) -> Seat {
        #[allow(clippy::cast_possible_truncation)] // any bits do
        let shard = (self.hasher.hash_one(key) >> 32) as usize % SHARDS;
        match self.shards[shard].0.lock().entry(key.clone()) {
            Entry::Occupied(mut flight) => {
                let flight = flight.get_mut();
                flight.add_gone(gone);
                let (_, completion) = flight.followers.get_or_insert_with(|| {
                    let (complete, completion) = oneshot::channel();
                    (complete, completion.shared())
                });
                Seat::Follower(Follower { fingerprint: flight.fingerprint.clone(), completion: completion.clone() })
            }
            Entry::Vacant(vacant) => {
                let owner = draw();
                vacant.insert(Flight { fingerprint: fingerprint.clone(), owner, gone: gone.to_vec(), followers: None });
                Seat::Leader(Leader { shards: Arc::clone(&self.shards), shard, key: key.clone(), owner, completed: false })
            }
        }
    }
}

/// Prints the number of sends in progress.
impl fmt::Debug for SingleFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flights: usize = self.shards.iter().map(|shard| shard.0.lock().len()).sum();
        write!(f, "{flights}")
    }
}

impl Flight {
    /// Remembers dropped leaders, the latest few.
    fn add_gone(&mut self, gone: &[OwnerToken]) {
        for owner in gone {
            if !self.gone.contains(owner) {
                self.gone.push(*owner);
            }
        }
        self.gone.drain(..self.gone.len().saturating_sub(MAX_GONE));
    }
}

impl Leader {
    fn flights(&self) -> &Mutex<HashMap<ClaimKey, Flight>> {
        &self.shards[self.shard].0
    }

    /// Returns `true` if the claim of this owner was made by a leader before this one, which was dropped.
    pub(crate) fn is_gone(&self, owner: OwnerToken) -> bool {
        self.flights().lock().get(&self.key).is_some_and(|flight| flight.gone.contains(&owner))
    }

    /// The owner token of the leader's next claim.
    pub(crate) const fn owner(&self) -> OwnerToken {
        self.owner
    }

    /// Sets the token of another claim, which followers settle if this leader is dropped.
    pub(crate) fn set_owner(&mut self, owner: OwnerToken) {
        self.owner = owner;
        if let Some(flight) = self.flights().lock().get_mut(&self.key) {
            flight.owner = owner;
        }
    }

    /// Hands the result to all followers.
    pub(crate) fn complete(mut self, ended: &Ended) {
        self.end(|_| Ok(ended.clone()));
    }

    /// Removes the flight before any follower wakes up, so that one of them can lead.
    fn end(&mut self, completion: impl FnOnce(Vec<OwnerToken>) -> Completion) {
        self.completed = true;
        let flight = self.flights().lock().remove(&self.key);
        if let Some(mut flight) = flight
            && let Some((complete, _)) = flight.followers.take()
        {
            flight.add_gone(&[flight.owner]);
            // Fails only if all followers are gone.
            let _ = complete.send(completion(flight.gone));
        }
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if !self.completed {
            self.end(Err);
        }
    }
}

impl Follower {
    /// Waits for the leader's completion. `None` if `limit` completes first.
    pub(crate) async fn wait(self, limit: impl Future<Output = ()> + Unpin) -> Option<Completion> {
        match select(self.completion, limit).await {
            Either::Left((completion, _)) => completion.ok(),
            Either::Right(_) => None,
        }
    }
}
