//! Metrics, through a port.

use std::{
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use serde::Serialize;

use crate::{error::Fault, ids::TenantId};

/// A port for metrics. An implementation must not block. A panic in it is caught.
pub trait Observer: Send + Sync + Debug + 'static {
    /// Records one value.
    fn record(&self, metric: &Metric<'_>);

    /// Records the values of one send or one request: each name once, all with the same dimensions. By default calls
    /// [`record`](Self::record) for each.
    fn record_all(&self, metrics: &[Metric<'_>]) {
        for metric in metrics {
            self.record(metric);
        }
    }

    /// Writes buffered metrics. Called at shutdown, and by hosts that are about to be frozen.
    fn flush(&self) {}
}

/// One value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric<'a> {
    /// The metric's name, which determines the unit.
    pub name: MetricName,
    /// The count, or the duration.
    pub value: f64,
    /// The dimensions.
    pub dimensions: Dimensions<'a>,
}

/// The dimensions of a metric: few, because each combination is a series of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dimensions<'a> {
    /// The tenant; `unknown` if it is not known to have the strategy.
    pub tenant: Option<&'a TenantId>,
    /// The registered name of the strategy; `unknown` if it is not registered.
    pub strategy: Option<&'a str>,
    /// The outcome.
    pub outcome: Option<&'a str>,
    /// The party at fault.
    pub fault: Option<Fault>,
}

/// The tenant or strategy of a line or metric that has none that is registered: a caller's text would be a series for each value.
pub(crate) const UNKNOWN: &str = "unknown";

impl<'a> Dimensions<'a> {
    /// The dimensions that are set, by name, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'a str)> + use<'a> {
        let all = [
            ("tenant", self.tenant.map(TenantId::as_str)),
            ("strategy", self.strategy),
            ("outcome", self.outcome),
            ("fault", self.fault.map(Fault::as_str)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

words! {
    /// The unit of a metric, named as CloudWatch spells it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
    #[non_exhaustive]
    pub enum Unit {
        /// A count.
        Count = "Count",
        /// A duration in milliseconds.
        Milliseconds = "Milliseconds",
    }
}

words! {
    /// The name of a metric.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
    #[non_exhaustive]
    pub enum MetricName {
        /// Sends and redrives that ended, replays included.
        Sends = "sends",
        /// Provider calls made by sends.
        Attempts = "attempts",
        /// Sends that the first call delivered (rule 82).
        FirstTrySuccess = "first_try_success",
        /// Sends that only a later call delivered: a sign of an unhealthy provider (rule 82).
        RetriedSuccess = "retried_success",
        /// Duration of sends.
        Duration = "duration",
        /// Sends that were deferred.
        Deferred = "deferred",
        /// Sends that may have been delivered.
        Unknown = "unknown",
        /// Dead letters written.
        DeadLetters = "dead_letters",
        /// Dead letters that could not be stored (rule 68).
        DeadLettersFailed = "dead_letters_failed",
        /// Delivered sends whose record could not be stored. You should alarm on it (rule 26).
        DedupNotRecorded = "dedup_not_recorded",
        /// Sends in doubt that a sweep ended. `outcome` is their end (rule 29).
        Swept = "swept",
        /// Sends in doubt whose owner is gone for 15 minutes, at each sweep. You should alarm on it (rule 19).
        Overdue = "overdue",
        /// Dead letters that only a duplicate can store, at each sweep. You should alarm on it (rule 68).
        DeadLettersOwed = "dead_letters_owed",
        /// Dead letters that a sweep gave up. You should alarm on it.
        DeadLettersGivenUp = "dead_letters_given_up",
        /// Provider calls that were not made because the tenant's calls fill the bulkhead.
        BulkheadFull = "bulkhead_full",
        /// Provider calls that were not made because of a rate or a pause.
        RateLimited = "rate_limited",
        /// State changes of breakers.
        BreakerTransitions = "breaker_transitions",
        /// Received requests and records.
        InboundRequests = "inbound_requests",
        /// Requests that were refused because too many are under work.
        InboundBusy = "inbound_busy",
        /// Requests that were answered 503 because their events were not handled in time. The events are handled all the same.
        InboundLate = "inbound_late",
        /// Events that handlers stored now. Those of an earlier delivery are duplicates.
        InboundEvents = "inbound_events",
        /// Events and elements that an earlier delivery settled.
        InboundDuplicates = "inbound_duplicates",
        /// Events and elements that can never be handled, and became dead letters now.
        InboundPoisoned = "inbound_poisoned",
        /// Events that must be delivered again.
        InboundUnstored = "inbound_unstored",
    }
}

impl MetricName {
    /// One sentence about what it counts, for the help text of an exporter.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Sends => "Sends and redrives that ended, replays included.",
            Self::Attempts => "Calls to providers that settled sends took.",
            Self::FirstTrySuccess => "Sends that the first call delivered.",
            Self::RetriedSuccess => "Sends that only a later call delivered: growing, a provider is getting sick.",
            Self::Duration => "Duration of sends that are no replays.",
            Self::Deferred => "Sends that were deferred and must come again.",
            Self::Unknown => "Sends that may have been delivered.",
            Self::DeadLetters => "Dead letters of sends that were stored.",
            Self::DeadLettersFailed => "Dead letters of sends that could not be stored; a duplicate stores them.",
            Self::DedupNotRecorded => "Delivered sends without a stored record, which a duplicate may deliver again.",
            Self::Swept => "Sends in doubt that a sweep ended.",
            Self::Overdue => "Sends in doubt whose owner is gone for 15 minutes, counted by each sweep.",
            Self::DeadLettersOwed => "Dead letters that only a duplicate can store, counted by each sweep.",
            Self::DeadLettersGivenUp => "Dead letters that a sweep gave up, because no duplicate can come any more.",
            Self::BulkheadFull => "Calls to providers that were not made because too many of the tenant run.",
            Self::RateLimited => "Calls to providers that were not made because of a rate or a pause.",
            Self::BreakerTransitions => "State changes of circuit breakers; the outcome is the new state.",
            Self::InboundRequests => "Received requests and queue records, refused ones included.",
            Self::InboundBusy => "Received requests that were refused because too many are under work.",
            Self::InboundLate => "Received requests that were answered 503 in time while their handlers went on.",
            Self::InboundEvents => "Received events that handlers stored.",
            Self::InboundDuplicates => "Received events and elements that an earlier delivery settled.",
            Self::InboundPoisoned => "Received events and elements that can never be handled and became dead letters.",
            Self::InboundUnstored => "Received events that must be delivered again.",
        }
    }

    /// The unit of its values.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Duration => Unit::Milliseconds,
            _ => Unit::Count,
        }
    }
}

/// A list of observers, called in order. A panic in one affects neither the others nor the caller.
#[derive(Clone, Debug, Default)]
pub struct Observers(Arc<[Arc<dyn Observer>]>);

impl Observers {
    /// A list of these observers.
    pub fn new(observers: impl IntoIterator<Item = Arc<dyn Observer>>) -> Self {
        Self(observers.into_iter().collect())
    }

    /// Returns `true` if there are no observers, so that no metric needs to be computed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Passes a value to every observer.
    pub fn record(&self, metric: &Metric<'_>) {
        self.each(|observer| observer.record(metric));
    }

    /// Passes the values of one event together, without the counts that are zero.
    pub(crate) fn record_together<const N: usize>(&self, values: [(MetricName, f64); N], dimensions: Dimensions<'_>) {
        if self.is_empty() {
            return;
        }
        let mut metrics = values.map(|(name, value)| Metric { name, value, dimensions });
        let mut kept = 0;
        for n in 0..N {
            if metrics[n].value > 0.0 || metrics[n].name.unit() != Unit::Count {
                metrics.swap(kept, n);
                kept += 1;
            }
        }
        self.each(|observer| observer.record_all(&metrics[..kept]));
    }

    /// Passes a count, unless it is zero.
    pub(crate) fn count(&self, name: MetricName, n: u32, dimensions: Dimensions<'_>) {
        if n > 0 {
            self.record(&Metric { name, value: n.into(), dimensions });
        }
    }

    /// Flushes every observer.
    pub fn flush(&self) {
        self.each(Observer::flush);
    }

    fn each(&self, tell: impl Fn(&dyn Observer)) {
        for observer in &*self.0 {
            // The core does not read the observer's state, so it is unwind safe here.
            if catch_unwind(AssertUnwindSafe(|| tell(&**observer))).is_err() {
                tracing::warn!("metrics.observer_panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<MetricName>>);

    impl Observer for Kept {
        fn record(&self, metric: &Metric<'_>) {
            self.0.lock().unwrap().push(metric.name);
        }
    }

    #[derive(Debug)]
    struct Panicking;

    impl Observer for Panicking {
        fn record(&self, _: &Metric<'_>) {
            panic!("an observer of this test panics");
        }

        fn flush(&self) {
            panic!("an observer of this test panics");
        }
    }

    #[test]
    fn an_observer_that_panics_harms_neither_the_others_nor_the_caller() {
        let kept = Arc::new(Kept::default());
        let observers = Observers::new([Arc::new(Panicking) as Arc<dyn Observer>, Arc::clone(&kept) as Arc<dyn Observer>]);
        let metric = Metric { name: MetricName::Sends, value: 1.0, dimensions: Dimensions::default() };
        observers.record(&metric);
        observers.flush();
        observers.record(&metric);
        assert_eq!(kept.0.lock().unwrap().len(), 2);
    }

    #[test]
    fn names_are_unique_and_in_snake_case() {
        let mut names: Vec<_> = MetricName::ALL.iter().map(|name| name.as_str()).collect();
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), MetricName::ALL.len());
    }

    #[test]
    fn every_metric_is_described_in_a_sentence_of_its_own() {
        let mut texts: Vec<_> = MetricName::ALL.iter().map(|name| name.description()).collect();
        assert!(texts.iter().all(|text| text.split(' ').count() > 3 && text.ends_with('.')), "{texts:?}");
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), MetricName::ALL.len());
    }
}
