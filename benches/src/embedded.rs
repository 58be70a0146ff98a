//! Durable writes of the embedded store, alone and in groups, beside a bare append and `fdatasync`.

use std::{fs::File, io::Write as _, sync::Arc, time::Duration};

use bytes::Bytes;
use zengine_connector::{
    BoxError, Stores,
    store::{Embedded, SessionStore},
};

use crate::harness::{Bound, Row, Run, now};

/// Writers that wait at the same time.
const GROUP: u64 = 256;

pub(crate) fn rows(run: &Run) -> Result<Vec<Row>, BoxError> {
    let folder = tempfile::tempdir()?;
    let (alone, groups) = if run.quick { (50, 10) } else { (1_000, 200) };
    let mut file = File::create(folder.path().join("appended"))?;
    let store = Embedded::open(folder.path().join("store.db"))?;
    let sessions: Arc<dyn SessionStore> = Stores::from(&store).sessions;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;

    let (mut ours, mut bare) = (vec![], vec![]);
    for n in 0..alone {
        let before = now();
        runtime.block_on(put(&*sessions, "alone", n))?;
        ours.push(now() - before);
        let before = now();
        file.write_all(&[7; 160])?;
        file.sync_data()?;
        bare.push(now() - before);
    }
    let (ours, bare) = (median(ours), median(bare));

    let before = now();
    for group in 0..groups {
        runtime.block_on(async {
            let writers = (0..GROUP).map(|n| {
                let sessions = Arc::clone(&sessions);
                tokio::spawn(async move { put(&*sessions, "group", group * GROUP + n).await.map_err(|error| error.to_string()) })
            });
            for writer in writers.collect::<Vec<_>>() {
                writer.await??;
            }
            Ok::<_, BoxError>(())
        })?;
    }
    #[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
    let rate = (groups * GROUP) as f64 / (now() - before).as_secs_f64();
    Ok(vec![
        Row::new("embedded/write-alone-p50", ours, "us").peer("append + fdatasync", bare).must(Bound::RatioAtMost(2.0)),
        Row::new("embedded/writes-in-groups-of-256", rate, "writes/s")
            .peer("append + fdatasync", 1e6 / bare)
            .must(Bound::AtLeast(60e3))
            .stretch(Bound::AtLeast(150e3)),
    ])
}

async fn put(sessions: &dyn SessionStore, scope: &str, n: u64) -> Result<(), BoxError> {
    let value = Bytes::from_static(&[7; 120]);
    sessions.put(scope, &format!("key-{n:012}"), value, None, Duration::from_secs(3_600), 1_760_000_000_000).await?;
    Ok(())
}

/// In microseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}
