//! The metrics of a received request.

use super::answer::Received;
use crate::telemetry::{Dimensions, MetricName, Observers};

/// Counts a request and its events by what became of them. Events of an earlier delivery are duplicates and nothing else.
pub(super) fn count(observers: &Observers, strategy: &str, received: &Received) {
    let outcome = Some(received.ack.as_str());
    let dimensions = Dimensions { tenant: received.tenant.as_ref(), strategy: Some(strategy), outcome, fault: None };
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).into();
    let values = [
        (MetricName::InboundRequests, 1.0),
        (MetricName::InboundEvents, number(received.accepted.saturating_sub(received.counts.accepted_before))),
        (MetricName::InboundDuplicates, number(received.duplicates)),
        (MetricName::InboundPoisoned, number(received.poisoned.saturating_sub(received.counts.poisoned_before))),
        (MetricName::InboundUnstored, number(received.unstored)),
    ];
    observers.record_together(values, dimensions);
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::StatusCode;

    use super::*;
    use crate::{
        orchestrator::{Ack, receive::progress::Counts},
        telemetry::{Metric, Observer},
    };

    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<(&'static str, f64)>>);

    impl Observer for Kept {
        fn record(&self, metric: &Metric<'_>) {
            self.0.lock().unwrap().push((metric.name.as_str(), metric.value));
        }
    }

    #[test]
    fn inbound_events_are_counted_by_what_became_of_them() {
        let kept = Arc::new(Kept::default());
        let counts = Counts { accepted: 5, poisoned: 2, accepted_before: 2, poisoned_before: 1, ..Counts::default() };
        let received = Received { accepted: 5, poisoned: 2, ..Received::plain(Ack::Done, StatusCode::OK, "ok") }.with(counts);
        count(&Observers::new([Arc::clone(&kept) as Arc<dyn Observer>]), "demo", &received);
        let kept = kept.0.lock().unwrap();
        assert_eq!(*kept, [("inbound_requests", 1.0), ("inbound_events", 3.0), ("inbound_duplicates", 3.0), ("inbound_poisoned", 1.0)]);
    }
}
