//! Metrics as log lines in CloudWatch's embedded metric format.

use std::{fmt::Write as _, io::Write, sync::Arc};

use super::{Metric, Observer, json};
use crate::{
    runtime::{Clock, to_ms},
    sync::Mutex,
};

/// An observer that writes CloudWatch's embedded metric format to a writer: one JSON line per send, per received request, and per other
/// metric.
///
/// Each metric has two sets of dimensions: all that are known, and the strategy alone, which an alarm can name. CloudWatch bills every
/// combination of dimensions as a series. With many tenants, make the tenant a [property](Self::with_tenant_as_property), which log queries still
/// find.
///
/// ```
/// # #[cfg(feature = "tokio")] {
/// use std::sync::Arc;
/// use zengine_connector::{runtime::TokioClock, telemetry::{EmfObserver, Dimensions, Metric, MetricName, Observer}};
///
/// let metrics = EmfObserver::new("messaging", Arc::new(TokioClock::new()), std::io::stdout()).with_tenant_as_property();
/// // A host gives it to the orchestrator's builder: .observer(Arc::new(metrics))
/// metrics.record(&Metric { name: MetricName::Sends, value: 1.0, dimensions: Dimensions::default() });
/// # }
/// ```
pub struct EmfObserver<W> {
    namespace: String,
    clock: Arc<dyn Clock>,
    tenant_is_property: bool,
    batch_bytes: usize,
    state: Mutex<State<W>>,
}

struct State<W> {
    writer: W,
    lines: String,
}

impl<W: Write + Send + 'static> EmfObserver<W> {
    /// An observer for a namespace. Writes each metric at once.
    pub fn new(namespace: impl Into<String>, clock: Arc<dyn Clock>, writer: W) -> Self {
        let state = Mutex::new(State { writer, lines: String::new() });
        Self { namespace: namespace.into(), clock, tenant_is_property: false, batch_bytes: 0, state }
    }

    /// Buffers lines up to this many bytes. You must call `flush` before the process may be frozen.
    #[must_use = "returns the observer with the batch"]
    pub fn with_batch(mut self, bytes: usize) -> Self {
        self.batch_bytes = bytes;
        self
    }

    /// Writes the tenant as a property instead of a dimension.
    #[must_use = "returns the observer with the setting"]
    pub fn with_tenant_as_property(mut self) -> Self {
        self.tenant_is_property = true;
        self
    }

    /// Writes one record of metrics with the same dimensions.
    fn line(&self, into: &mut String, metrics: &[Metric<'_>]) {
        // CloudWatch rejects a value that is not a finite number.
        let metrics = || metrics.iter().filter(|metric| metric.value.is_finite());
        let Some(first) = metrics().next() else { return };
        let _ = write!(into, "{{\"_aws\":{{\"Timestamp\":{},\"CloudWatchMetrics\":[{{\"Namespace\":", to_ms(self.clock.now()));
        json::string(into, &self.namespace);
        into.push_str(",\"Dimensions\":[[");
        let dimensions = first.dimensions.iter().filter(|(name, _)| !(self.tenant_is_property && *name == "tenant"));
        let mut others = false;
        for (n, (name, _)) in dimensions.enumerate() {
            into.push_str(if n == 0 { "" } else { "," });
            json::string(into, name);
            others |= name != "strategy";
        }
        into.push(']');
        if others && first.dimensions.strategy.is_some() {
            into.push_str(",[\"strategy\"]");
        }
        into.push_str("],\"Metrics\":[");
        for (n, metric) in metrics().enumerate() {
            let (comma, name, unit) = (if n == 0 { "" } else { "," }, metric.name.as_str(), metric.name.unit().as_str());
            let _ = write!(into, "{comma}{{\"Name\":\"{name}\",\"Unit\":\"{unit}\"}}");
        }
        into.push_str("]}]}");
        for (name, value) in first.dimensions.iter() {
            let _ = write!(into, ",\"{name}\":");
            json::string(into, value);
        }
        for metric in metrics() {
            let _ = write!(into, ",\"{}\":", metric.name.as_str());
            json::float(into, metric.value);
        }
        into.push_str("}\n");
    }
}

impl<W: Write> State<W> {
    fn write_out(&mut self) {
        // A metric that cannot be written is lost: no send waits or fails because of it.
        let _ = self.writer.write_all(self.lines.as_bytes()).and_then(|()| self.writer.flush());
        self.lines.clear();
    }
}

impl<W: Write + Send + 'static> Observer for EmfObserver<W> {
    fn record(&self, metric: &Metric<'_>) {
        self.record_all(std::slice::from_ref(metric));
    }

    fn record_all(&self, metrics: &[Metric<'_>]) {
        let mut state = self.state.lock();
        for same in metrics.chunk_by(|one, next| one.dimensions == next.dimensions) {
            self.line(&mut state.lines, same);
        }
        if state.lines.len() >= self.batch_bytes {
            state.write_out();
        }
    }

    fn flush(&self) {
        self.state.lock().write_out();
    }
}

debug_fields!([W] EmfObserver<W> { namespace });

#[cfg(test)]
pub(super) mod tests {
    use std::time::{Duration, SystemTime};

    use serde_json::json;

    use super::*;
    use crate::telemetry::{Dimensions, MetricName};
    use crate::{error::Fault, ids::TenantId};

    /// Stands still.
    #[derive(Debug)]
    pub(in crate::telemetry) struct Still;

    #[async_trait::async_trait]
    impl Clock for Still {
        fn now(&self) -> SystemTime {
            crate::runtime::from_ms(1_760_000_000_123)
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        async fn sleep(&self, _: Duration) {}
    }

    /// A writer whose bytes can be read.
    #[derive(Clone, Debug, Default)]
    pub(in crate::telemetry) struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        pub(in crate::telemetry) fn text(&self) -> String {
            String::from_utf8(self.0.lock().clone()).unwrap()
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn metric(tenant: &TenantId) -> Metric<'_> {
        let dimensions = Dimensions { tenant: Some(tenant), strategy: Some("demo"), outcome: None, fault: Some(Fault::Provider) };
        Metric { name: MetricName::Duration, value: 12.5, dimensions }
    }

    #[test]
    fn a_line_says_what_cloudwatch_needs() {
        let (kept, tenant) = (Kept::default(), TenantId::new("a \"b\" ü").unwrap());
        EmfObserver::new("zengine", Arc::new(Still), kept.clone()).record(&metric(&tenant));
        let text = kept.text();
        assert!(text.ends_with('\n') && text.lines().count() == 1);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            json!({
                "_aws": {
                    "Timestamp": 1_760_000_000_123_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "zengine",
                        "Dimensions": [["tenant", "strategy", "fault"], ["strategy"]],
                        "Metrics": [{"Name": "duration", "Unit": "Milliseconds"}],
                    }],
                },
                "tenant": "a \"b\" ü", "strategy": "demo", "fault": "provider", "duration": 12.5,
            })
        );
    }

    #[test]
    fn what_is_recorded_together_is_one_line_for_each_set_of_dimensions() {
        let (kept, tenant) = (Kept::default(), TenantId::new("acme").unwrap());
        let (duration, sends) = (metric(&tenant), Metric { name: MetricName::Sends, value: 1.0, ..metric(&tenant) });
        let other = Metric { dimensions: Dimensions::default(), ..sends };
        let wrong = Metric { value: f64::NAN, name: MetricName::Unknown, ..sends };
        EmfObserver::new("zengine", Arc::new(Still), kept.clone()).record_all(&[duration, wrong, sends, other]);
        let lines: Vec<serde_json::Value> = kept.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            lines[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"],
            json!([{"Name": "duration", "Unit": "Milliseconds"}, {"Name": "sends", "Unit": "Count"}])
        );
        assert_eq!((&lines[0]["duration"], &lines[0]["sends"], &lines[0]["unknown"]), (&json!(12.5), &json!(1), &json!(null)));
        assert_eq!((&lines[1]["tenant"], &lines[1]["sends"]), (&json!(null), &json!(1)));
    }

    #[test]
    fn the_tenant_can_be_a_property() {
        let (kept, tenant) = (Kept::default(), TenantId::new("acme").unwrap());
        EmfObserver::new("zengine", Arc::new(Still), kept.clone()).with_tenant_as_property().record(&metric(&tenant));
        let line: serde_json::Value = serde_json::from_str(&kept.text()).unwrap();
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["strategy", "fault"], ["strategy"]]));
        assert_eq!(line["tenant"], "acme");
        // The strategy alone is one set, not two.
        let (kept, metric) = (Kept::default(), metric(&tenant));
        let metric = Metric { dimensions: Dimensions { fault: None, ..metric.dimensions }, ..metric };
        EmfObserver::new("zengine", Arc::new(Still), kept.clone()).with_tenant_as_property().record(&metric);
        let line: serde_json::Value = serde_json::from_str(&kept.text()).unwrap();
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["strategy"]]));
    }

    #[test]
    fn a_batch_is_written_when_it_is_full_or_flushed() {
        let (kept, tenant) = (Kept::default(), TenantId::new("acme").unwrap());
        let observer = EmfObserver::new("zengine", Arc::new(Still), kept.clone()).with_batch(600);
        observer.record(&metric(&tenant));
        assert_eq!(kept.text(), "");
        observer.record(&metric(&tenant));
        observer.record(&metric(&tenant));
        assert_eq!(kept.text().lines().count(), 3);
        observer.record(&metric(&tenant));
        observer.flush();
        assert_eq!(kept.text().lines().count(), 4);
    }

    #[test]
    fn what_is_no_number_is_not_written() {
        let (kept, tenant) = (Kept::default(), TenantId::new("acme").unwrap());
        let observer = EmfObserver::new("zengine", Arc::new(Still), kept.clone());
        for value in [f64::NAN, f64::INFINITY] {
            observer.record(&Metric { value, ..metric(&tenant) });
        }
        assert_eq!(kept.text(), "");
    }
}
