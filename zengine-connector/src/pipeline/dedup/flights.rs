//! Callers of one process that ask for the same send (rule 24).

use std::sync::Arc;

use crate::sync::Mutex;
use futures_channel::oneshot;
use futures_util::{
    FutureExt,
    future::{Either, Shared, select},
};
use hashbrown::HashMap;

use super::super::ended::Ended;
use crate::store::{ClaimKey, Fingerprint};

/// Sends under way in this process.
#[derive(Debug, Default)]
pub(crate) struct Flights(Arc<Mutex<HashMap<ClaimKey, Arc<Flight>>>>);

#[derive(Debug)]
struct Flight {
    fingerprint: Fingerprint,
    /// The claim of whoever leads, once it has one.
    owner: Mutex<Option<String>>,
    landed: Shared<oneshot::Receiver<Ended>>,
}

/// What a caller is.
pub(crate) enum Boarding {
    /// It makes the send.
    Lead(Lead),
    /// Somebody else makes it.
    Attach(Attached),
    /// Somebody else sends another message under the same id.
    Mismatch,
}

/// Makes the send. Dropped without landing, it lets the attached ones settle the record.
pub(crate) struct Lead {
    flights: Arc<Mutex<HashMap<ClaimKey, Arc<Flight>>>>,
    key: ClaimKey,
    flight: Arc<Flight>,
    landing: Option<oneshot::Sender<Ended>>,
}

/// Waits for somebody else's send.
pub(crate) struct Attached(Arc<Flight>);

impl Flights {
    pub(crate) fn board(&self, key: &ClaimKey, fingerprint: &Fingerprint) -> Boarding {
        let mut flights = self.0.lock();
        if let Some(flight) = flights.get(key) {
            let same = !flight.fingerprint.differs(fingerprint);
            return if same { Boarding::Attach(Attached(Arc::clone(flight))) } else { Boarding::Mismatch };
        }
        let (landing, landed) = oneshot::channel();
        let flight = Arc::new(Flight { fingerprint: fingerprint.clone(), owner: Mutex::new(None), landed: landed.shared() });
        flights.insert(key.clone(), Arc::clone(&flight));
        Boarding::Lead(Lead { flights: Arc::clone(&self.0), key: key.clone(), flight, landing: Some(landing) })
    }
}

impl Lead {
    /// Tells the attached ones which claim to settle should this one be dropped.
    pub(crate) fn owns(&self, owner: &str) {
        *self.flight.owner.lock() = Some(owner.to_owned());
    }

    /// Hands the result to all who wait for it.
    pub(crate) fn land(mut self, ended: &Ended) {
        if let Some(landing) = self.landing.take() {
            // Nobody waiting is no error.
            let _ = landing.send(ended.clone());
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        // Out of the table before the channel closes, so that whoever wakes up can lead.
        let mut flights = self.flights.lock();
        if flights.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            flights.remove(&self.key);
        }
    }
}

/// What became of somebody else's send.
pub(crate) enum Landed {
    Ended(Ended),
    /// Its caller went away; the claim it held, if it had one.
    Gone(Option<String>),
    /// Time is over.
    TimeOver,
}

impl Attached {
    /// Waits for the result, until the limit is over.
    pub(crate) async fn wait(self, limit: impl Future<Output = ()> + Unpin) -> Landed {
        match select(self.0.landed.clone(), limit).await {
            Either::Left((Ok(ended), _)) => Landed::Ended(ended),
            Either::Left((Err(oneshot::Canceled), _)) => Landed::Gone(self.0.owner.lock().clone()),
            Either::Right(_) => Landed::TimeOver,
        }
    }
}
