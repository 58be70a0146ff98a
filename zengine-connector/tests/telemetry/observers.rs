//! The metrics of sends by the observers that come with the crate.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusBuilder;
use zengine_connector::{
    runtime::TokioClock,
    telemetry::{Dimensions, EmfObserver, MetricsObserver},
    testing::ProviderAnswer,
};

use super::*;

/// Sends the same through an orchestrator with this observer: a delivery, its replay, and an unknown outcome.
async fn send_with(observer: Arc<dyn Observer>) {
    let (provider, memory) = (Recording::new(), Memory::new());
    memory.put_tenant(&acme(), &StrategyName::new("recording").unwrap(), json!({}));
    let orchestrator = Orchestrator::builder()
        .strategy(provider.clone())
        .stores(memory)
        .clock(Arc::new(SimClock::new()))
        .observer(observer)
        .build()
        .unwrap();
    let message = OutboundMessage::text(Identity::phone(PHONE).unwrap(), "canary-body");
    for id in ["a", "a", "b"] {
        if id == "b" {
            provider.answer(ProviderAnswer::broken());
        }
        let _ = orchestrator.send("acme", "recording", id, &message).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn emf_is_one_record_for_each_send() {
    let printed = Printed::default();
    send_with(Arc::new(EmfObserver::new("messaging", Arc::new(TokioClock::new()), printed.clone()))).await;
    let records: Vec<Value> = printed.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 3, "{records:?}");
    let names = |n: usize| -> Vec<&str> {
        let metrics = records[n]["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        metrics.iter().map(|metric| metric["Name"].as_str().unwrap()).collect()
    };
    assert_eq!(names(0), ["sends", "duration", "attempts", "first_try_success"]);
    assert_eq!(names(1), ["sends"]);
    assert_eq!(names(2), ["sends", "duration", "attempts", "unknown", "dead_letters"]);
    assert_eq!(
        (&records[0]["outcome"], &records[2]["outcome"], &records[2]["dead_letters"]),
        (&json!("delivered"), &json!("unknown"), &json!(1))
    );
}

/// The text that Prometheus scrapes, after the work.
fn scraped(observer: impl FnOnce() -> MetricsObserver, work: impl FnOnce(Arc<MetricsObserver>)) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || work(Arc::new(observer())));
    recorder.handle().render()
}

/// Runs on this thread, where the local recorder is.
fn sends(observer: Arc<MetricsObserver>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(send_with(observer));
}

#[test]
fn prometheus_scrapes_counters_and_a_histogram_with_bounded_labels() {
    let text = scraped(MetricsObserver::new, sends);
    for line in [
        "# TYPE zengine_sends_total counter",
        "# HELP zengine_sends_total Sends and redrives that ended, replays included.",
        "zengine_sends_total{strategy=\"recording\",outcome=\"delivered\"} 2",
        "zengine_sends_total{strategy=\"recording\",outcome=\"unknown\",fault=\"provider\"} 1",
        "zengine_first_try_success_total{strategy=\"recording\",outcome=\"delivered\"} 1",
        "zengine_send_duration_seconds_count{strategy=\"recording\",outcome=\"delivered\"} 1",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
    for canary in ["tenant", "acme", "canary", PHONE.trim_start_matches('+')] {
        assert!(!text.contains(canary), "{canary}: {text}");
    }
}

#[test]
fn a_tenant_is_a_label_only_if_asked_for_and_durations_are_seconds() {
    let text = scraped(
        || MetricsObserver::new().with_tenants(),
        |observer| {
            let tenant = acme();
            let dimensions = Dimensions { tenant: Some(&tenant), ..Dimensions::default() };
            observer.record(&Metric { name: MetricName::Duration, value: 1_500.0, dimensions });
        },
    );
    assert!(text.contains("zengine_send_duration_seconds_sum{tenant=\"acme\"} 1.5"), "{text}");
}

/// Dashboards and alarms look for the name: the documentation has each, and no name that is not there.
#[test]
fn every_metric_has_its_row_in_the_documentation() {
    let documented = documentation();
    for name in MetricName::ALL {
        let rows = documented.lines().filter(|line| line.starts_with('|') && line.contains(&format!("`{}`", name.as_str())));
        assert!(rows.count() >= 1, "{name:?} is missing in guide/logging.md");
    }
}
