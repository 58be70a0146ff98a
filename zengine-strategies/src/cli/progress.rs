//! A sign of life while somebody else takes their time.

use std::{future::Future, pin::pin, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shorter work shows nothing.
const QUIET_TIME: Duration = Duration::from_millis(400);

/// Waits for work. Where it takes long, a terminal on standard error shows that it goes on; nothing else is ever written.
pub(super) async fn during<T>(what: &'static str, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if let Ok(done) = tokio::time::timeout(QUIET_TIME, &mut work).await {
        return done;
    }
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.set_draw_target(ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    let done = work.await;
    bar.finish_and_clear();
    done
}
