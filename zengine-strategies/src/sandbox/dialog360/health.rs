//! The health of a number.

use serde_json::{Map, Value, json};

use super::errors::Failure;
use crate::sandbox::waba::Number;
use crate::sandbox::waba::query::select;

const BUSINESS: &str = "700100";
const APP: &str = "800100";

/// The fields of a healthy number.
pub(super) fn node(number: &Number) -> Map<String, Value> {
    let entity = |kind: &str, id: &str| json!({"entity_type": kind, "id": id, "can_send_message": "AVAILABLE"});
    let entities = [entity("PHONE_NUMBER", &number.id), entity("WABA", &number.waba_id), entity("BUSINESS", BUSINESS), entity("APP", APP)];
    Map::from_iter([
        ("id".to_owned(), number.id.as_str().into()),
        ("display_phone_number".to_owned(), format!("+{}", number.display).into()),
        ("verified_name".to_owned(), number.name.as_str().into()),
        ("name_status".to_owned(), "APPROVED".into()),
        ("quality_rating".to_owned(), "GREEN".into()),
        ("health_status".to_owned(), json!({"can_send_message": "AVAILABLE", "entities": entities})),
    ])
}

/// `GET /health_status`. `fields` must include `health_status`, or be `id` alone, by which clients learn the number's id.
pub(super) fn status(node: &Map<String, Value>, fields: Option<&str>) -> Result<Value, Failure> {
    let fields = fields.unwrap_or("health_status");
    if fields != "id" && !fields.split(',').any(|field| field.trim() == "health_status") {
        return Err(Failure::Handler(400, "The parameter fields must include health_status.".to_owned()));
    }
    select(node, fields).map_err(|error| Failure::told(&error))
}
