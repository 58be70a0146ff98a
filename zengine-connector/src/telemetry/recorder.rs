//! Metrics through the crate `metrics`.

use std::sync::Arc;

use ::metrics::{Key, Label, Level, Metadata, SharedString, with_recorder};

use super::{Dimensions, Metric, MetricName, Observer, Unit};

/// An observer that records through the facade of the crate [`metrics`](::metrics), for whatever exporter the host installed:
/// Prometheus, `StatsD`, OTLP and others.
///
/// | what | form |
/// |---|---|
/// | a count | a counter `zengine_<name>_total`, as `zengine_sends_total` |
/// | the duration of sends | a histogram `zengine_send_duration_seconds` |
/// | labels | `strategy`, `outcome`, `fault`, each where it is known; `tenant` only [if asked for](Self::with_tenants) |
///
/// The labels are bounded: registered strategies or `unknown`, and words of this crate. Install the recorder before
/// you create the observer, which describes its metrics.
///
/// ```
/// # #[cfg(all(feature = "testing", feature = "tokio"))] {
/// use std::sync::Arc;
/// use metrics_exporter_prometheus::PrometheusBuilder;
/// use zengine_connector::{Memory, Orchestrator, telemetry::MetricsObserver};
///
/// // A server renders the handle at /metrics; the exporter can also listen by itself.
/// let prometheus = PrometheusBuilder::new().install_recorder().unwrap();
/// let orchestrator = Orchestrator::builder().stores(Memory::new()).observer(Arc::new(MetricsObserver::new())).build()?;
/// # drop(orchestrator);
/// assert_eq!(prometheus.render(), ""); // nothing was sent
/// # }
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MetricsObserver {
    tenants: bool,
}

impl MetricsObserver {
    /// An observer for the installed recorder. Describes all metrics to it.
    #[allow(clippy::new_without_default, reason = "it has an effect")]
    pub fn new() -> Self {
        with_recorder(|recorder| {
            for &name in MetricName::ALL {
                let (key, text) = (key_name(name).into(), name.description().into());
                match name.unit() {
                    Unit::Count => recorder.describe_counter(key, Some(::metrics::Unit::Count), text),
                    Unit::Milliseconds => recorder.describe_histogram(key, Some(::metrics::Unit::Seconds), text),
                }
            }
        });
        Self { tenants: false }
    }

    /// Adds the label `tenant`: each metric then has as many series as there are tenants that send or receive.
    #[must_use = "returns the observer with the setting"]
    pub fn with_tenants(mut self) -> Self {
        self.tenants = true;
        self
    }

    fn labels(self, dimensions: &Dimensions<'_>) -> Vec<Label> {
        let known = dimensions.iter().filter(|(name, _)| self.tenants || *name != "tenant");
        // Shared, because the metrics of one send have the same labels.
        known.map(|(name, value)| Label::new(name, SharedString::from(Arc::<str>::from(value)))).collect()
    }
}

impl Observer for MetricsObserver {
    fn record(&self, metric: &Metric<'_>) {
        self.record_all(std::slice::from_ref(metric));
    }

    fn record_all(&self, metrics: &[Metric<'_>]) {
        with_recorder(|recorder| {
            for same in metrics.chunk_by(|one, next| one.dimensions == next.dimensions) {
                let labels = same.first().map(|metric| self.labels(&metric.dimensions)).unwrap_or_default();
                for metric in same {
                    let key = Key::from_parts(key_name(metric.name), labels.clone());
                    match metric.name.unit() {
                        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
                        Unit::Count => recorder.register_counter(&key, &METADATA).increment(metric.value as u64),
                        Unit::Milliseconds => recorder.register_histogram(&key, &METADATA).record(metric.value / 1000.0),
                    }
                }
            }
        });
    }
}

const METADATA: Metadata<'static> = Metadata::new("zengine_connector", Level::INFO, Some(module_path!()));

fn key_name(name: MetricName) -> String {
    match name.unit() {
        Unit::Count => format!("zengine_{}_total", name.as_str()),
        Unit::Milliseconds => format!("zengine_send_{}_seconds", name.as_str()),
    }
}
