//! The shapes of a refusal. Meta's own is `{"error": {…}}`; a provider before Meta wraps it, or writes something of its own.
//! They cannot be taken for each other, so one reader serves all providers.

use serde_json::Value;

use super::GraphError;

/// Maximum length that is kept of a body of no known shape, in bytes.
const LONGEST: usize = 2 << 10;

/// The error in a JSON body. `refused`: the status says so; only an explicit error counts otherwise.
pub(crate) fn find(body: &Value, refused: bool) -> Option<GraphError> {
    let member = |name| body.get(name).filter(|value| !value.is_null());
    let error = member("error").or_else(|| body.pointer("/detail/error")).or_else(|| member("errors").filter(|_| refused)?.get(0));
    let mut found = match (error, member("meta")) {
        (Some(Value::String(text)), _) => plain(text),
        (Some(error), _) => GraphError::read(error),
        (None, Some(meta)) if refused || meta["success"] == false => of_meta(meta),
        (None, _) if refused => {
            [Some(body), member("message"), member("detail")].into_iter().flatten().find_map(Value::as_str).map_or_else(
                || {
                    if body.as_object().is_some_and(|members| !members.is_empty()) {
                        plain(&body.to_string())
                    } else {
                        GraphError::default()
                    }
                },
                plain,
            )
        }
        (None, _) => return None,
    };
    let trace = || ["/360dialog_trace_id", "/meta/360dialog_trace_id"].iter().find_map(|at| body.pointer(at)?.as_str());
    found.trace_id = found.trace_id.or_else(|| trace().map(str::to_owned));
    Some(found)
}

/// The error of a body that is no JSON; markup says nothing to anybody.
pub(crate) fn of_text(body: &[u8]) -> GraphError {
    let text = String::from_utf8_lossy(&body[..body.len().min(LONGEST)]);
    let text = text.trim();
    if text.is_empty() || text.starts_with('<') { GraphError::default() } else { plain(text) }
}

/// `{"meta": {…}}`, in either spelling. Meta's error may stand in it as a text.
fn of_meta(meta: &Value) -> GraphError {
    let texts = ["error", "developer_message", "developerMessage"].iter().filter_map(|name| meta.get(name)?.as_str());
    let mut texts = texts.map(plain);
    let mut first = texts.next().unwrap_or_default();
    if first.code.is_none() {
        first = texts.find(|other| other.code.is_some()).unwrap_or(first);
    }
    let status = ["http_code", "httpCode"].iter().find_map(|name| meta.get(name)?.as_u64());
    GraphError { status: status.and_then(|status| u16::try_from(status).ok()), ..first }
}

/// A provider's own words: Meta's error if they hold it as JSON, as in `Invalid payload ({…})`.
fn plain(text: &str) -> GraphError {
    let inside = || {
        let json: Value = serde_json::from_str(text.get(text.find('{')?..=text.rfind('}')?)?).ok()?;
        let error = GraphError::read(json.get("error").unwrap_or(&json));
        error.code.is_some().then_some(error)
    };
    inside().unwrap_or_else(|| {
        let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        GraphError { title: Some(text[..end].to_owned()), is_plain: true, ..GraphError::default() }
    })
}
