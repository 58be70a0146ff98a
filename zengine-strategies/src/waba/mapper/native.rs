//! Native content: the provider's own keys beside the envelope's.

use serde_json::{Map, Value};
use zengine_connector::message::RawJson;

use super::cx::Cx;

/// Keys that belong to the envelope: native content must not change the recipient and the reference of a send.
const RESERVED: &[&str] = &["messaging_product", "recipient_type", "to", "recipient", "biz_opaque_callback_data"];

pub(super) fn members(cx: &mut Cx, at: &str, value: &RawJson, quotes: bool) -> Map<String, Value> {
    let at = format!("{at}/value");
    let members = cx.object(&at, value);
    for key in RESERVED {
        cx.require("native.envelope", !members.contains_key(*key), format!("{at}/{key}"), "belongs to the envelope and cannot be set here");
    }
    let once = !quotes || !members.contains_key("context");
    cx.require("native.quote", once, format!("{at}/context"), "the message names a quoted message already");
    members
}

/// Whether the JSON declares that the message carries a one-time code.
pub(super) fn is_authentication(value: &RawJson) -> bool {
    value.parse::<Value>().is_ok_and(|value| value.get("category").and_then(Value::as_str) == Some("authentication"))
}
