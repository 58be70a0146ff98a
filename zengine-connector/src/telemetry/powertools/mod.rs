//! Log lines in the format of AWS Lambda Powertools' logger: one JSON object per line, with the same keys.
//!
//! ```
//! use std::sync::Arc;
//! use tracing_subscriber::{Layer as _, filter::LevelFilter, layer::SubscriberExt as _};
//! use zengine_connector::{runtime::TokioClock, telemetry::{Invocation, Powertools}};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # let _guard = runtime.enter();
//! let layer = Powertools::builder("connectors-social", Arc::new(TokioClock::new())).build(std::io::stdout());
//! let handle = layer.handle();
//! // Without a filter, the debug lines of every crate are printed too.
//! let _subscriber = tracing_subscriber::registry().with(layer.with_filter(LevelFilter::INFO));   // then `.init()`
//!
//! // At the start of each call of the function:
//! handle.begin(Invocation { function_request_id: Some("req-1"), ..Invocation::default() });
//! # Ok::<(), std::io::Error>(())
//! ```

mod context;
mod stamp;
mod visitor;

use std::{cell::RefCell, fmt::Write as _, io, sync::Arc};

use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context as SubscriberContext, Layer};

pub use self::context::{Invocation, PowertoolsHandle};
use self::{
    context::{Context, Shared},
    stamp::Stamp,
    visitor::FieldWriter,
};
use super::json;
use crate::{
    runtime::Clock,
    sync::{Mutex, Snapshot},
};

/// A `tracing` layer that writes every event as one JSON line.
///
/// The line has `level`, `location`, `message`, `timestamp` (RFC 3339, milliseconds, UTC) and `service`, then the keys of
/// the invocation and the persistent ones, then the event's own fields. A field replaces an invocation key of the same
/// name; a field with the name of one of the first five gets a `_` appended. Spans are ignored. Buffers are reused, so a
/// line costs no allocation once they have grown.
///
/// ```
/// use std::sync::Arc;
/// use tracing_subscriber::{Layer as _, filter::LevelFilter, layer::SubscriberExt as _};
/// use zengine_connector::{runtime::Clock, telemetry::Powertools};
///
/// fn log_json(clock: Arc<dyn Clock>) {
///     let layer = Powertools::builder("messaging", clock).function_name("webhook").build(std::io::stdout());
///     let _subscriber = tracing_subscriber::registry().with(layer.with_filter(LevelFilter::INFO)); // then `.init()`
/// }
/// # let _ = log_json;
/// ```
pub struct Powertools<W> {
    service: String,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    writer: Mutex<W>,
}

/// Settings of a [`Powertools`] layer.
#[derive(Debug)]
#[must_use = "finish it with build()"]
pub struct PowertoolsBuilder {
    service: String,
    clock: Arc<dyn Clock>,
    fixed: Vec<(String, String)>,
}

impl Powertools<io::Stdout> {
    /// A builder of a layer for a service.
    pub fn builder(service: impl Into<String>, clock: Arc<dyn Clock>) -> PowertoolsBuilder {
        PowertoolsBuilder { service: service.into(), clock, fixed: vec![] }
    }
}

impl PowertoolsBuilder {
    /// Sets the function's name, a key in every line.
    pub fn function_name(self, name: impl Into<String>) -> Self {
        self.key("function_name", name.into())
    }

    /// Adds a persistent key to every line. The value must not hold secrets or personal data.
    pub fn key(mut self, name: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        self.fixed.push((name.into(), value.into().to_string()));
        self
    }

    /// Builds the layer. Each line is one `write_all` call on the writer.
    pub fn build<W: io::Write + Send + 'static>(self, writer: W) -> Powertools<W> {
        let context = Snapshot::new(Context::fixed(&self.fixed));
        let shared = Arc::new(Shared { fixed: self.fixed, warm: false.into(), context });
        Powertools { service: self.service, clock: self.clock, shared, writer: Mutex::new(writer) }
    }
}

impl<W> Powertools<W> {
    /// The handle that sets the keys of each invocation.
    pub fn handle(&self) -> PowertoolsHandle {
        PowertoolsHandle(Arc::clone(&self.shared))
    }

    /// Writes the whole line, from the event's fields.
    fn line(&self, line: &mut String, stamp: &mut Stamp, fields: &mut FieldWriter<'_>, event: &Event<'_>, context: &Context) {
        event.record(fields);
        let metadata = event.metadata();
        line.push_str("{\"level\":\"");
        line.push_str(metadata.level().as_str());
        line.push_str("\",\"location\":\"");
        let place = metadata.module_path().unwrap_or_else(|| metadata.target());
        let _ = json::Escape(line).write_str(place);
        if let Some(number) = metadata.line() {
            let _ = write!(line, ":{number}");
        }
        line.push_str("\",\"message\":");
        line.push_str(if fields.message.is_empty() { "\"\"" } else { fields.message });
        line.push_str(",\"timestamp\":\"");
        stamp.print(self.clock.now(), line);
        line.push_str("\",\"service\":");
        json::string(line, &self.service);
        for (n, (name, value)) in context.keys.iter().enumerate() {
            if !fields.overrides(n) {
                line.push(',');
                json::string(line, name);
                line.push(':');
                line.push_str(value);
            }
        }
        line.push_str(fields.text);
        line.push_str("}\n");
    }
}

/// The buffers of one thread: the line, the event's fields, its message, the last timestamp.
#[derive(Default)]
struct Buffers {
    line: String,
    fields: String,
    message: String,
    stamp: Stamp,
}

impl Buffers {
    /// Maximum size of a kept buffer in bytes, so that one huge line does not hold its memory forever.
    const KEEP: usize = 64 << 10;

    fn clear(&mut self) {
        for buffer in [&mut self.line, &mut self.fields, &mut self.message] {
            buffer.clear();
            if buffer.capacity() > Self::KEEP {
                *buffer = String::new();
            }
        }
    }
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

impl<S: Subscriber, W: io::Write + Send + 'static> Layer<S> for Powertools<W> {
    fn on_event(&self, event: &Event<'_>, _: SubscriberContext<'_, S>) {
        let context = self.shared.context.load();
        let print = |buffers: &mut Buffers| {
            buffers.clear();
            let mut fields = FieldWriter { text: &mut buffers.fields, message: &mut buffers.message, context: &context, overridden: 0 };
            self.line(&mut buffers.line, &mut buffers.stamp, &mut fields, event, &context);
            // A log line that cannot be written is lost: nothing waits or fails because of it.
            let _ = self.writer.lock().write_all(buffers.line.as_bytes());
        };
        // A value that logs during its own formatting finds the buffers in use, and an ending thread has none.
        let reused = BUFFERS.try_with(|buffers| buffers.try_borrow_mut().map(|mut buffers| print(&mut buffers)).is_ok());
        if !matches!(reused, Ok(true)) {
            print(&mut Buffers::default());
        }
    }
}

debug_fields!([W] Powertools<W> { service });

#[cfg(test)]
mod tests;
