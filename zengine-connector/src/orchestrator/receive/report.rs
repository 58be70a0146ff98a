//! The metrics of a received request.

use super::answer::Received;
use crate::telemetry::{Dimensions, MetricName, Observers};

/// Counts a request and its events by what became of them.
pub(super) fn count(observers: &Observers, strategy: &str, received: &Received) {
    let outcome = Some(received.ack.as_str());
    let dimensions = Dimensions { tenant: received.tenant.as_ref(), strategy: Some(strategy), outcome, fault: None };
    for (name, number) in [
        (MetricName::InboundRequests, 1),
        (MetricName::InboundEvents, received.accepted),
        (MetricName::InboundPoisoned, received.poisoned),
        (MetricName::InboundUnstored, received.unstored),
    ] {
        observers.count(name, number.try_into().unwrap_or(u32::MAX), dimensions);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::StatusCode;

    use super::*;
    use crate::{
        orchestrator::Ack,
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
        let received = Received { accepted: 3, poisoned: 1, ..Received::plain(Ack::Done, StatusCode::OK, "ok") };
        count(&Observers::new([Arc::clone(&kept) as Arc<dyn Observer>]), "demo", &received);
        let kept = kept.0.lock().unwrap();
        assert_eq!(*kept, [("inbound_requests", 1.0), ("inbound_events", 3.0), ("inbound_poisoned", 1.0)]);
    }
}
