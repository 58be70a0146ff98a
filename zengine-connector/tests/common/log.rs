//! Everything that is logged, as text.

use std::{
    fmt::{self, Write as _},
    sync::{Arc, Mutex, OnceLock},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// A subscriber that keeps every event and span, one line each. A clone keeps the same lines.
#[derive(Clone)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

/// Beside a single subscriber, tracing asks only the thread that meets a line first, for all threads and for good. So two more stay.
impl Default for Log {
    fn default() -> Self {
        static STAYING: OnceLock<[tracing::Dispatch; 2]> = OnceLock::new();
        let _ = STAYING.get_or_init(|| [(); 2].map(|()| tracing::Dispatch::new(Self(Arc::default()))));
        Self(Arc::default())
    }
}

impl Log {
    /// The lines that hold a text, oldest first.
    pub(crate) fn lines(&self, text: &str) -> Vec<String> {
        self.0.lock().unwrap().iter().filter(|line| line.contains(text)).cloned().collect()
    }

    fn keep(&self, record: impl FnOnce(&mut Fields)) {
        let mut line = Fields(String::new());
        record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        self.keep(|line| span.record(line));
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        self.keep(|line| values.record(line));
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        self.keep(|line| event.record(line));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
