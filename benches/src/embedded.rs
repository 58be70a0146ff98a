//! Durable writes of the embedded store, alone and in groups, beside a bare append and `fdatasync`.

use std::{
    fs::File,
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use zengine_connector::{
    BoxError, Stores,
    store::{Embedded, SessionStore, StoreError},
};

use crate::harness::{Bound, Row, Run, median, now};

/// Writers that wait at the same time.
pub(crate) const GROUP: u32 = 256;

pub(crate) fn rows(run: &Run) -> Result<Vec<Row>, BoxError> {
    let folder = tempfile::tempdir()?;
    let (alone, groups) = if run.quick { (50, 10) } else { (1_000, 200) };
    let mut file = File::create(folder.path().join("appended"))?;
    let store = Embedded::open(folder.path().join("store.db"))?;
    let puts = Arc::new(Puts::into(&store));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;

    let (mut ours, mut bare) = (vec![], vec![]);
    for _ in 0..alone {
        ours.push(runtime.block_on(puts.alone_us(1))?);
        let before = now();
        file.write_all(&[7; 160])?;
        file.sync_data()?;
        bare.push((now() - before).as_secs_f64() * 1e6);
    }
    let (ours, bare) = (median(ours), median(bare));
    let rate = runtime.block_on(puts.per_second_in_groups(groups))?;
    Ok(vec![
        Row::new("embedded/write-alone-p50", ours, "us")
            .peer("append + fdatasync", bare)
            .must(Bound::RatioAtMost(3.5))
            .stretch(Bound::RatioAtMost(2.0)),
        Row::new("embedded/writes-in-groups-of-256", rate, "writes/s")
            .peer("append + fdatasync", 1e6 / bare)
            .must(Bound::AtLeast(60e3))
            .stretch(Bound::AtLeast(150e3)),
    ])
}

/// Durable writes of new keys.
pub(crate) struct Puts {
    sessions: Arc<dyn SessionStore>,
    next: AtomicU64,
}

impl Puts {
    pub(crate) fn into(store: &Embedded) -> Self {
        Self { sessions: Stores::from(store).sessions, next: AtomicU64::new(0) }
    }

    /// Microseconds of a write, one after the other.
    pub(crate) async fn alone_us(&self, writes: u32) -> Result<f64, BoxError> {
        let before = now();
        for _ in 0..writes {
            self.put().await?;
        }
        Ok((now() - before).as_secs_f64() * 1e6 / f64::from(writes))
    }

    /// Writes per second, in groups of [`GROUP`] that wait at the same time.
    pub(crate) async fn per_second_in_groups(self: &Arc<Self>, groups: u32) -> Result<f64, BoxError> {
        let before = now();
        for _ in 0..groups {
            let writers = (0..GROUP).map(|_| {
                let puts = Arc::clone(self);
                tokio::spawn(async move { puts.put().await })
            });
            for writer in writers.collect::<Vec<_>>() {
                writer.await??;
            }
        }
        Ok(f64::from(groups * GROUP) / (now() - before).as_secs_f64())
    }

    async fn put(&self) -> Result<(), StoreError> {
        let key = format!("key-{:012}", self.next.fetch_add(1, Ordering::Relaxed));
        let value = Bytes::from_static(&[7; 120]);
        self.sessions.put("bench", &key, value, None, Duration::from_secs(3_600), 1_760_000_000_000).await.map(drop)
    }
}
