//! An error as Meta writes it: in a refused call, in a status, in a message. Any member may be absent.

use serde_json::Value;
use zengine_connector::error::ProviderDetails;

use crate::waba::wire::id;

/// The members of an error that decide its class, read leniently: the code as a number or text, `error_data` as an object,
/// text or nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct GraphError {
    pub(crate) code: Option<i64>,
    pub(crate) subcode: Option<i64>,
    pub(crate) is_transient: bool,
    /// Whether the title is all there is: a provider's own words, not Meta's.
    pub(crate) is_plain: bool,
    /// Whether Meta's error was found inside of a text that quotes it.
    pub(crate) is_quoted: bool,
    /// The status that the body names. That of the answer counts before it.
    pub(crate) status: Option<u16>,
    /// Meta's reference of the failed call.
    pub(crate) trace_id: Option<String>,
    /// The reference that a gateway before Meta gave the call.
    pub(crate) gateway_trace: Option<String>,
    /// The parameter that is to blame, as a JSON pointer.
    pub(crate) field: Option<String>,
    /// May name a recipient or quote the message: never printed.
    pub(crate) title: Option<String>,
    /// May name a recipient or quote the message: never printed.
    pub(crate) details: Option<String>,
    /// The title for people; never printed.
    pub(crate) user_title: Option<String>,
    /// The sentence for people; never printed.
    pub(crate) user_message: Option<String>,
}

impl GraphError {
    /// Reads the value of `error`, or one element of `errors`. Absent members stay empty; a text alone is the title.
    pub(crate) fn read(error: &Value) -> Self {
        let text = |key: &str| error.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let data = error.get("error_data");
        Self {
            code: error.get("code").and_then(number),
            subcode: error.get("error_subcode").and_then(number),
            is_transient: matches!(error.get("is_transient"), Some(Value::Bool(true))),
            is_plain: false,
            is_quoted: false,
            status: None,
            trace_id: text("fbtrace_id"),
            gateway_trace: None,
            field: data.and_then(|data| blamed(data.pointer("/blame_field_specs/0")?)),
            title: text("title")
                .or_else(|| text("message"))
                .or_else(|| text("error_user_title"))
                .or_else(|| error.as_str().map(str::to_owned)),
            user_title: text("error_user_title"),
            user_message: text("error_user_msg"),
            details: data
                .and_then(|data| data.as_str().or_else(|| data.get("details")?.as_str()))
                .map(str::to_owned)
                .or_else(|| text("details")),
        }
    }

    /// The provider's own words, for people who ask. The first words stand where those for people leave room.
    pub(crate) fn to_details(&self) -> ProviderDetails {
        let mut first = self.title.clone().filter(|title| Some(title) != self.user_title.as_ref());
        let mut details = ProviderDetails::default();
        details.subcode = self.subcode.map(|code| code.to_string());
        details.title = self.user_title.clone().or_else(|| first.take());
        details.message = self.user_message.clone().or_else(|| first.take());
        details.details = self.details.clone().or_else(|| first.take());
        details.trace_id = self.trace_id.clone().or_else(|| self.gateway_trace.clone());
        details
    }

    /// Every text of the provider's.
    pub(crate) fn texts_mut(&mut self) -> [&mut Option<String>; 7] {
        let Self { trace_id, gateway_trace, field, title, details, user_title, user_message, .. } = self;
        [trace_id, gateway_trace, field, title, details, user_title, user_message]
    }

    /// Whether the provider's own words name a parameter.
    pub(super) fn mentions(&self, word: &str) -> bool {
        [&self.title, &self.details].into_iter().flatten().any(|text| text.contains(word))
    }
}

redacted!(GraphError { code, subcode });

/// The path of a parameter as a pointer. Only names and indices are kept, because a field is printed.
fn blamed(path: &Value) -> Option<String> {
    let is_name = |part: &String| part.len() <= 64 && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let parts = path.as_array()?.iter().take(8).map(|part| id(part).filter(is_name));
    let parts: Option<Vec<_>> = parts.collect();
    parts.filter(|parts| !parts.is_empty()).map(|parts| format!("/{}", parts.join("/")))
}

/// A whole number, also if it is written as text or with a fraction of zero.
fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.to_string().strip_suffix(".0")?.parse().ok()),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
