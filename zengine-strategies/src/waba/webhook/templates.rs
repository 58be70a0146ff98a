//! Changes of templates.

use zengine_connector::{Event, message::TemplateUpdate, strategy::RoutedEvent};

use super::{reason, scope::Scope};
use crate::waba::json::{Object, ValueRef};

/// A language in the spelling of the management calls: webhooks also write `en-US`.
pub(super) fn language(spelled: &str) -> String {
    spelled.replace('-', "_")
}

/// The change of a template. The provider's documentation prints one field under the name of another, so the members
/// decide if they can.
pub(super) fn update(scope: &Scope<'_>, value: &Object<'_>, raw_value: Option<ValueRef<'_>>, raw: ValueRef<'_>) -> RoutedEvent {
    let mut update = TemplateUpdate::default();
    let (aspect, previous, current) = if value.get("new_quality_score").is_some() {
        ("quality", value.owned_text("previous_quality_score"), value.owned_text("new_quality_score"))
    } else if scope.field.contains("category") || value.get("new_category").is_some() {
        // Announced, not done: then `new_category` is the present one, and `data` has what it will be.
        let present = value.first_text(&["new_category", "category"]).map(Into::into);
        ("category", value.owned_text("previous_category"), present)
    } else if scope.field.contains("components") {
        ("components", None, None)
    } else if scope.field == "message_template_status_update" {
        ("status", None, value.owned_text("event"))
    } else {
        (
            scope.field.trim_start_matches("message_").trim_start_matches("template_").trim_end_matches("_update"),
            None,
            value.owned_text("event"),
        )
    };
    aspect.clone_into(&mut update.aspect);
    (update.previous, update.current) = (previous, current);
    update.template_id = value.owned_text("message_template_id");
    update.name = value.owned_text("message_template_name");
    update.language = value.text("message_template_language").map(|spelled| language(&spelled));
    update.waba_id = scope.account().map(str::to_owned);
    update.recommendation = value.object("rejection_info").and_then(|info| info.owned_text("recommendation"));
    update.reason = reason::of(value, &["reason"]).or_else(|| reason::of_parts(value));
    update.data = raw_value.map(Into::into);
    scope.event(Event::Template(update), scope.by_bytes(raw))
}
