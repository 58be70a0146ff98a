//! The spans around lines, across await points and tasks.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use tracing::{
    Event, Instrument as _, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    layer::Context,
    registry::{LookupSpan, SpanRef},
};
use zengine_connector::testing::ProviderAnswer;

use super::*;

type Fields = BTreeMap<&'static str, String>;

/// A layer that keeps every line with the spans that it is in, and every span that ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    lines: Vec<Line>,
    ended: Vec<(String, Fields)>,
}

/// A line's fields, and its spans from the outermost one.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) fields: Fields,
    pub(crate) spans: Vec<(&'static str, Fields)>,
}

impl Line {
    pub(crate) fn path(&self) -> String {
        self.spans.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" > ")
    }
}

struct Read<'a>(&'a mut Fields);

impl Visit for Read<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, span: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let mut fields = Fields::new();
        span.record(&mut Read(&mut fields));
        cx.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        values.record(&mut Read(cx.span(id).unwrap().extensions_mut().get_mut().unwrap()));
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let mut fields = Fields::new();
        event.record(&mut Read(&mut fields));
        let spans = cx
            .event_scope(event)
            .into_iter()
            .flat_map(tracing_subscriber::registry::Scope::from_root)
            .map(|span| (span.name(), fields_of(&span)))
            .collect();
        self.0.lock().unwrap().lines.push(Line { fields, spans });
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        let span = cx.span(&id).unwrap();
        self.0.lock().unwrap().ended.push((span.name().to_owned(), fields_of(&span)));
    }
}

fn fields_of<'a, S: LookupSpan<'a>>(span: &SpanRef<'a, S>) -> Fields {
    span.extensions().get::<Fields>().cloned().unwrap_or_default()
}

impl Spans {
    /// The lines with this message.
    pub(crate) fn lines(&self, message: &str) -> Vec<Line> {
        self.0.lock().unwrap().lines.iter().filter(|line| line.fields["message"] == message).cloned().collect()
    }

    /// The keys of all lines and of all spans that ended.
    pub(crate) fn keys(&self) -> std::collections::BTreeSet<&'static str> {
        let kept = self.0.lock().unwrap();
        kept.lines
            .iter()
            .map(|line| &line.fields)
            .chain(kept.ended.iter().map(|(_, fields)| fields))
            .flat_map(BTreeMap::keys)
            .copied()
            .collect()
    }

    /// The fields of the spans with this name that ended.
    pub(crate) fn ended(&self, name: &str) -> Vec<Fields> {
        let kept = self.0.lock().unwrap();
        kept.ended.iter().filter(|(known, _)| known == name).map(|(_, fields)| fields.clone()).collect()
    }
}

/// The span of a host around its sends.
fn request() -> tracing::Span {
    tracing::info_span!("request")
}

#[tokio::test(start_paused = true)]
async fn the_lines_of_a_send_are_in_its_spans_under_the_callers_one() {
    let host = Host::new();
    host.provider.answer(ProviderAnswer::broken());
    let outcome = host.send("order-17").instrument(request()).await;
    assert_eq!(outcome.as_str(), "unknown");
    let (attempt, completed) = (host.spans.lines("send.attempt").remove(0), host.spans.lines("send.completed").remove(0));
    assert_eq!(attempt.path(), "request > zengine.send > zengine.attempt");
    assert_eq!(completed.path(), "request > zengine.send");

    let (send, attempted) = (host.spans.ended("zengine.send").remove(0), host.spans.ended("zengine.attempt").remove(0));
    for key in ["tenant_id", "strategy", "client_message_id"] {
        assert!(send[key] == completed.fields[key] && attempted[key] == attempt.fields[key] && send[key] == attempted[key], "{key}");
    }
    for key in ["correlation_id", "trace", "outcome"] {
        assert_eq!(send[key], completed.fields[key], "{key}");
    }
    assert_eq!((&*attempted["attempt"], &attempted["outcome"]), ("1", &attempt.fields["outcome"]));
    assert_eq!(host.spans.ended("request").len(), 1, "nothing holds the caller's span after the send");
}

/// Two sends that wait in turns within one task, and one that waits for the other's outcome.
#[tokio::test(start_paused = true)]
async fn sends_of_one_task_do_not_meet_in_each_others_spans() {
    let host = Host::new();
    (0..2).for_each(|_| host.provider.answer(ProviderAnswer::unreachable()));
    let both = Box::pin(futures_util::future::join3(host.send("a"), host.send("b"), host.send("a"))).await;
    assert!([&both.0, &both.1, &both.2].iter().all(|outcome| outcome.as_str() == "delivered"), "{both:?}");
    let lines = [host.spans.lines("send.attempt"), host.spans.lines("send.completed")].concat();
    assert_eq!(lines.len(), 4 + 3);
    for line in lines {
        for (name, span) in &line.spans {
            assert_eq!(span["client_message_id"], line.fields["client_message_id"], "{name}");
        }
        assert!(line.path().starts_with("zengine.send"), "{}", line.path());
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_in_a_task_of_its_own_stays_under_the_callers_span() {
    let host = Host::new();
    let message = OutboundMessage::text(Identity::phone(PHONE).unwrap(), "canary-body");
    let send = || host.orchestrator.send_detached("acme", "recording", "detached", &message, SendOptions::new());
    let handle = request().in_scope(send).unwrap();
    assert_eq!(handle.await.unwrap().as_str(), "delivered");
    assert_eq!(host.spans.lines("send.completed")[0].path(), "request > zengine.send");
    assert_eq!(host.spans.lines("send.attempt")[0].path(), "request > zengine.send > zengine.attempt");
}

#[tokio::test(start_paused = true)]
async fn the_line_of_a_send_whose_caller_went_away_is_in_its_span() {
    let host = Host::new();
    host.provider.answer(ProviderAnswer::Hang);
    let send = host.send("dropped").instrument(request());
    assert!(tokio::time::timeout(Duration::from_millis(50), send).await.is_err());
    host.clock.advance(Duration::from_secs(1)).await;
    let completed = host.spans.lines("send.completed").remove(0);
    assert_eq!((&*completed.fields["outcome"], &*completed.path()), ("unknown", "request > zengine.send"));
    assert_eq!(host.spans.ended("zengine.send")[0]["outcome"], "unknown");
    let attempt = host.spans.lines("send.attempt").remove(0);
    assert_eq!((&*attempt.fields["outcome"], &*attempt.path()), ("cancelled", "request > zengine.send > zengine.attempt"));
    assert_eq!(host.spans.ended("zengine.attempt")[0]["outcome"], "cancelled");
}

#[tokio::test(start_paused = true)]
async fn waited_ms_is_the_time_of_waiting_for_another_call() {
    let host = Host::new();
    host.provider.answer(ProviderAnswer::unreachable());
    let (_, _) = futures_util::future::join(host.send("a"), host.send("a")).await;
    let lines = host.printed.lines("send.completed");
    let waited = |replayed: bool| lines.iter().find(|line| line["replayed"] == replayed).unwrap()["waited_ms"].as_u64().unwrap();
    let took = lines[0]["duration_ms"].as_u64().unwrap();
    assert!(took > 0 && waited(true) == took, "{lines:?}");
    assert_eq!(waited(false), 0, "it made the send");
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_of_warnings_gets_full_lines_and_no_spans() {
    let host = Host::new();
    let spans = Spans::default();
    let warnings = tracing_subscriber::registry().with(spans.clone().with_filter(tracing_subscriber::filter::LevelFilter::WARN));
    let _only = tracing::subscriber::set_default(warnings);
    host.provider.answer(ProviderAnswer::broken());
    let _ = host.send("1").await;
    assert_eq!(host.send("2").await.as_str(), "delivered");
    let completed = spans.lines("send.completed");
    assert_eq!(completed.len(), 1, "a delivery is no warning");
    assert!(completed[0].spans.is_empty() && completed[0].fields.contains_key("lease_owner"), "{completed:?}");
    assert!(spans.ended("zengine.send").is_empty());
}
