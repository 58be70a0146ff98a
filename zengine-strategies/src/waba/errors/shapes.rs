//! The shapes of a refusal. Meta's own is `{"error": {…}}`; a provider before Meta wraps it, or writes something of its own.

use serde_json::Value;

use super::GraphError;
use crate::waba::wire;

/// Maximum length that is kept of a body of no known shape, in bytes.
const LONGEST: usize = 8 << 10;

/// The writer of an answer: its gateway notes it there. An answer without a note is Meta's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Only Graph errors are read; every other body says nothing.
    #[default]
    Meta,
    /// A provider before Meta: Graph errors inside of its own shapes, and its own words.
    Partner,
}

impl Dialect {
    /// The error in a body, `None` if it reports none. `refused`: the status says so; only an explicit error counts otherwise.
    pub(crate) fn read(self, json: Option<&Value>, text: &[u8], refused: bool) -> Option<GraphError> {
        match (self, json) {
            (Self::Meta, Some(body)) => graph(body, refused).map(GraphError::read).or_else(|| refused.then(GraphError::default)),
            (Self::Partner, Some(body)) => wrapped(body, refused),
            (Self::Meta, None) => refused.then(GraphError::default),
            (Self::Partner, None) => refused.then(|| of_text(text)),
        }
    }
}

fn graph(body: &Value, refused: bool) -> Option<&Value> {
    member(body, "error").or_else(|| member(body, "errors").filter(|_| refused)?.get(0))
}

fn member<'v>(body: &'v Value, name: &str) -> Option<&'v Value> {
    body.get(name).filter(|value| !value.is_null())
}

fn wrapped(body: &Value, refused: bool) -> Option<GraphError> {
    if !refused && is_accepted(body) {
        return None;
    }
    let error = member(body, "error").or_else(|| body.pointer("/detail/error")).or_else(|| graph(body, refused));
    let mut found = match (error, member(body, "meta")) {
        (Some(Value::String(text)), _) => plain(text),
        (Some(error), _) => GraphError::read(error),
        (None, Some(meta)) if refused || meta["success"] == false => of_meta(meta),
        (None, _) if refused => own(body),
        (None, _) => return None,
    };
    let trace = || ["/360dialog_trace_id", "/meta/360dialog_trace_id"].iter().find_map(|at| body.pointer(at)?.as_str());
    found.gateway_trace = trace().map(str::to_owned);
    Some(found)
}

/// Whether a body names the message that was taken: nothing beside it makes that undone.
fn is_accepted(body: &Value) -> bool {
    body.pointer("/messages/0/id").and_then(wire::id).is_some()
}

/// A body of the provider's own. Of an unknown one the text is kept, and no member is read: a number called `code` may be anything.
fn own(body: &Value) -> GraphError {
    match [member(body, "message"), member(body, "detail")].into_iter().flatten().find_map(Value::as_str) {
        Some(text) => plain(text),
        None if let Some(text) = body.as_str() => loose(text),
        None if body.as_object().is_some_and(|members| !members.is_empty()) => kept(&body.to_string()),
        None => GraphError::default(),
    }
}

/// The error of a body that is no JSON; markup says nothing to anybody.
fn of_text(body: &[u8]) -> GraphError {
    let text = String::from_utf8_lossy(&body[..body.len().min(LONGEST)]);
    let text = text.trim();
    if text.is_empty() || text.starts_with('<') { GraphError::default() } else { loose(text) }
}

/// `{"meta": {…}}`, in either spelling. Meta's error may stand in it as a text.
fn of_meta(meta: &Value) -> GraphError {
    let texts = ["error", "developer_message", "developerMessage"].iter().filter_map(|name| meta.get(name)?.as_str());
    let mut texts = texts.map(plain);
    let mut first = texts.next().unwrap_or_default();
    if first.code.is_none() {
        first = texts.find(|other| other.code.is_some()).or_else(|| of_data(meta)).unwrap_or(first);
    }
    let status = ["http_code", "httpCode"].iter().find_map(|name| meta.get(name)?.as_u64());
    GraphError { status: status.and_then(|status| u16::try_from(status).ok()), ..first }
}

/// The error that a template API writes into `error_data`, its meaning in `real_message`.
fn of_data(meta: &Value) -> Option<GraphError> {
    let data = meta.get("error_data")?;
    let error = GraphError::read(data);
    let details = data.get("real_message").and_then(Value::as_str).map(str::to_owned);
    error.code.is_some().then(|| GraphError { details: details.or(error.details.clone()), is_quoted: true, ..error })
}

/// A text that stands in no member: a quoted error counts, words do not.
fn loose(text: &str) -> GraphError {
    quoted(text).unwrap_or_else(|| kept(text))
}

/// A provider's own words: Meta's error if they quote it as JSON, as in `Invalid payload ({…})`.
fn plain(text: &str) -> GraphError {
    quoted(text).unwrap_or_else(|| GraphError { is_plain: true, ..kept(text) })
}

/// Meta's error that a text quotes: in a member `error`, or known by its trace. Other JSON in a text may be anything.
fn quoted(text: &str) -> Option<GraphError> {
    let json: Value = serde_json::from_str(text.get(text.find('{')?..=text.rfind('}')?)?).ok()?;
    let bare = || Some(&json).filter(|json| json.get("fbtrace_id").is_some_and(Value::is_string));
    let error = GraphError::read(json.get("error").filter(|error| error.is_object()).or_else(bare)?);
    error.code.is_some().then_some(GraphError { is_quoted: true, ..error })
}

/// A text that is only kept for people who ask.
fn kept(text: &str) -> GraphError {
    let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    GraphError { title: Some(text[..end].to_owned()), ..GraphError::default() }
}
