//! Callers of one process that ask for the same send (rule 24).

use futures_channel::oneshot;
use futures_util::{
    FutureExt,
    future::{Either, Shared, select},
};
use hashbrown::{HashTable, hash_table::Entry};

use super::super::ended::Ended;
use crate::{
    store::{ClaimKey, Fingerprint, OwnerToken},
    sync::Mutex,
};

/// Sends under way in this process. Spread over shards, so that sends of different ids do not wait for each other.
#[derive(Debug, Default)]
pub(crate) struct Flights([Shard; SHARDS]);

/// A power of two: the shard is cut out of the hash.
const SHARDS: usize = 16;

/// On a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard(Mutex<HashTable<Flight>>);

/// A send under way. Nothing is allocated for it until somebody attaches.
struct Flight {
    /// Stands for the key.
    hash: u128,
    fingerprint: Fingerprint,
    /// The claim of whoever leads.
    owner: OwnerToken,
    attached: Option<(oneshot::Sender<Landing>, Shared<oneshot::Receiver<Landing>>)>,
}

/// How a flight ended: the send's end, or the claim of a caller that went away.
type Landing = Result<Ended, OwnerToken>;

/// What a caller is.
pub(crate) enum Boarding<'a> {
    /// It makes the send.
    Lead(Lead<'a>),
    /// Somebody else makes it.
    Attach(Attached),
    /// Somebody else sends another message under the same id.
    Mismatch,
}

/// Makes the send. Dropped without landing, it lets the attached ones settle the record.
pub(crate) struct Lead<'a> {
    shard: &'a Mutex<HashTable<Flight>>,
    hash: u128,
    landed: bool,
}

/// Waits for somebody else's send.
pub(crate) struct Attached(Shared<oneshot::Receiver<Landing>>);

/// The hash is one already: its halves are as good as any.
#[allow(clippy::cast_possible_truncation)]
fn short(hash: u128) -> u64 {
    hash as u64
}

impl Flights {
    /// `owner` is the claim that the caller will make, should it lead.
    pub(crate) fn board(&self, key: &ClaimKey, fingerprint: &Fingerprint, owner: OwnerToken) -> Boarding<'_> {
        let hash = key.hash();
        #[allow(clippy::cast_possible_truncation)] // the table uses the lower half
        let shard = &self.0[(hash >> 64) as usize % SHARDS].0;
        let mut flights = shard.lock();
        match flights.entry(short(hash), |flight| flight.hash == hash, |flight| short(flight.hash)) {
            Entry::Occupied(mut flight) => {
                let flight = flight.get_mut();
                if flight.fingerprint.differs(fingerprint) {
                    return Boarding::Mismatch;
                }
                let (_, landed) = flight.attached.get_or_insert_with(|| {
                    let (landing, landed) = oneshot::channel();
                    (landing, landed.shared())
                });
                Boarding::Attach(Attached(landed.clone()))
            }
            Entry::Vacant(place) => {
                place.insert(Flight { hash, fingerprint: fingerprint.clone(), owner, attached: None });
                Boarding::Lead(Lead { shard, hash, landed: false })
            }
        }
    }
}

impl Lead<'_> {
    /// Tells the attached ones which claim to settle should this one be dropped.
    pub(crate) fn owns(&self, owner: OwnerToken) {
        if let Some(flight) = self.shard.lock().find_mut(short(self.hash), |flight| flight.hash == self.hash) {
            flight.owner = owner;
        }
    }

    /// Hands the result to all who wait for it.
    pub(crate) fn land(mut self, ended: &Ended) {
        self.end(|_| Ok(ended.clone()));
    }

    /// Out of the table before anybody wakes up, so that whoever does can lead.
    fn end(&mut self, landing: impl FnOnce(OwnerToken) -> Landing) {
        self.landed = true;
        let flight = {
            let mut flights = self.shard.lock();
            let entry = flights.find_entry(short(self.hash), |flight| flight.hash == self.hash);
            entry.ok().map(|entry| entry.remove().0)
        };
        if let Some(Flight { owner, attached: Some((attached, _)), .. }) = flight {
            // Nobody waiting any more is no error.
            let _ = attached.send(landing(owner));
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        if !self.landed {
            self.end(Err);
        }
    }
}

/// What became of somebody else's send.
pub(crate) enum Landed {
    Ended(Ended),
    /// Its caller went away; the claim it held or was about to make.
    Gone(OwnerToken),
    /// Time is over.
    TimeOver,
}

impl Attached {
    /// Waits for the result, until the limit is over.
    pub(crate) async fn wait(self, limit: impl Future<Output = ()> + Unpin) -> Landed {
        match select(self.0, limit).await {
            Either::Left((Ok(Ok(ended)), _)) => Landed::Ended(ended),
            Either::Left((Ok(Err(owner)), _)) => Landed::Gone(owner),
            Either::Left((Err(oneshot::Canceled), _)) | Either::Right(_) => Landed::TimeOver,
        }
    }
}

impl std::fmt::Debug for Flight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flight").field("owner", &self.owner).finish_non_exhaustive()
    }
}
