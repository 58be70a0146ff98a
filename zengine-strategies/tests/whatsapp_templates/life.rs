//! The record of a template through its webhooks.

use serde_json::{Value, json};
use zengine_connector::message::{RawJson, TemplateUpdate};
use zengine_strategies::whatsapp_meta_cloud::templates::{TemplateRecord, TemplateStatus, Transition};

fn stored() -> TemplateRecord {
    let json = json!({"id": "17", "name": "shelf_note", "language": "en_US", "status": "PENDING", "category": "UTILITY"});
    TemplateRecord::read(json.to_string().as_bytes()).unwrap()
}

fn update(json: Value) -> TemplateUpdate {
    serde_json::from_value(json).unwrap()
}

fn status(word: &str) -> TemplateUpdate {
    update(json!({"aspect": "status", "template_id": "17", "current": word}))
}

#[test]
fn a_status_is_taken_over_with_its_reason_and_again_is_no_news() {
    let mut record = stored();
    let mut rejected = status("REJECTED");
    (rejected.reason, rejected.recommendation) = (Some("INVALID_FORMAT".into()), Some("less".into()));
    assert_eq!(record.apply(&rejected), Transition::Changed);
    assert_eq!(record.apply(&rejected), Transition::Same);
    assert_eq!((record.rejected_reason.as_deref(), record.recommendation.as_deref()), (Some("INVALID_FORMAT"), Some("less")));
    assert_eq!(record.apply(&status("REJECTED")), Transition::Same, "a second word without the reason");
    assert_eq!(record.apply(&status("REINSTATED")), Transition::Changed);
    assert_eq!((record.is_sendable(), &record.rejected_reason, &record.recommendation), (true, &None, &None));
    let mut paused = status("PAUSED");
    paused.reason = Some("FIRST_PAUSE".into());
    record.apply(&paused);
    assert_eq!((record.is_sendable(), &record.rejected_reason), (false, &None), "a pause is no rejection");
    assert_eq!(record.apply(&status("THAWING")), Transition::Changed);
    assert_eq!(record.status, Some(TemplateStatus::Unknown("THAWING".into())));
}

#[test]
fn a_change_is_matched_by_ids_before_names_and_links_both() {
    let by_name = |id: Value| {
        update(json!({"aspect": "status", "template_id": id, "name": "shelf_note", "language": "en-US", "current": "APPROVED"}))
    };
    assert_eq!(stored().apply(&by_name(json!("18"))), Transition::Other, "another template of the name, deleted since");
    assert_eq!(stored().apply(&by_name(Value::Null)), Transition::Changed);
    let mut listed = stored();
    listed.id = serde_json::from_value(json!({"hub": "Zy9XwVu8TsRq"})).unwrap();
    let both = update(json!({"aspect": "status", "template_id": "17", "hub_id": "Zy9XwVu8TsRq", "current": "PENDING"}));
    assert_eq!(listed.apply(&both), Transition::Changed, "the id is news");
    assert_eq!(listed.id.meta.as_deref(), Some("17"));
    for other in [
        json!({"aspect": "status", "current": "APPROVED"}),
        json!({"aspect": "status", "name": "shelf_note", "language": "de", "current": "APPROVED"}),
    ] {
        assert_eq!(stored().apply(&update(other)), Transition::Other);
    }
}

#[test]
fn quality_and_category_are_taken_over_and_an_announced_category_is_pending() {
    let mut record = stored();
    assert_eq!(record.apply(&update(json!({"aspect": "quality", "template_id": "17", "current": "YELLOW"}))), Transition::Changed);
    assert_eq!(record.quality.as_ref().map(|quality| quality.score.as_str()), Some("yellow"));
    let mut announced = update(json!({"aspect": "category", "template_id": "17", "current": "UTILITY"}));
    announced.data = Some(RawJson::from_text(r#"{"correct_category": "MARKETING", "category_update_timestamp": 1790000000}"#).unwrap());
    assert_eq!(record.apply(&announced), Transition::Changed);
    assert_eq!((record.category.as_deref(), record.pending_category.as_deref()), (Some("UTILITY"), Some("MARKETING")));
    let done = update(json!({"aspect": "category", "template_id": "17", "previous": "UTILITY", "current": "marketing"}));
    assert_eq!(record.apply(&done), Transition::Changed);
    assert_eq!((record.category.as_deref(), record.previous_category.as_deref()), (Some("MARKETING"), Some("UTILITY")));
    assert_eq!((record.pending_category, record.correct_category), (None, None));
}

#[test]
fn a_change_that_does_not_say_the_present_state_makes_the_record_stale() {
    for change in [
        json!({"aspect": "components", "template_id": "17"}),
        json!({"aspect": "status", "template_id": "17", "current": "UNARCHIVED"}),
        json!({"aspect": "status", "template_id": "17"}),
        json!({"aspect": "mood", "template_id": "17", "current": "GOOD"}),
    ] {
        let mut record = stored();
        assert_eq!(record.apply(&update(change.clone())), Transition::Stale, "{change}");
        assert_eq!(record.status, Some(TemplateStatus::Pending));
    }
}
