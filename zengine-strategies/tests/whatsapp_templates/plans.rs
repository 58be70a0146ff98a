//! Plans: one decision for each pair of a definition and what the provider has.

use serde_json::{Value, json};
use zengine_strategies::whatsapp_meta_cloud::templates::{
    Decision, DeleteScope, Plan, PlanOptions, PlanReason, TemplateDefinition, TemplateDeletion, TemplateFamily, TemplateHistory,
    TemplatePage, TemplateRecord, TemplateStatus,
};

use super::support::cases;

const NOW: i64 = 1_790_000_000_000;
const HOUR: i64 = 3_600_000;

pub(crate) fn records(list: &Value) -> Vec<TemplateRecord> {
    let body = json!({ "data": list }).to_string();
    TemplatePage::read(body.as_bytes(), None, 100).unwrap().records
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn every_case_is_planned_as_a_careful_person_would() {
    let cases = cases(include_str!("plans.json"));
    assert_eq!(cases.len(), 32);
    for case in cases {
        let (name, expect) = (&case["case"], &case["expect"]);
        let wanted: TemplateDefinition = read(&case["local"]);
        let list = |member: &str| case[member].as_array().cloned().unwrap_or_default();
        let edits_ms = list("edits_hours_ago").iter().map(|hours| NOW - hours.as_i64().unwrap() * HOUR).collect();
        let mut history = TemplateHistory { edits_ms, ..TemplateHistory::default() };
        if let Some(days) = case["deleted_days_ago"].as_i64() {
            history.deletions.push(TemplateDeletion { name: wanted.name.clone(), language: None, at_ms: NOW - days * 24 * HOUR });
        }
        let family = case.get("family").map_or(TemplateFamily::B, read);
        let options = PlanOptions { family, intent: case.get("intent").map(read).unwrap_or_default() };
        let complete = case["complete"] != false;
        let plan = Plan::of(&wanted, &records(&case["remote"]), complete, &history, options, NOW);
        let shown = serde_json::to_value(&plan).unwrap();
        for member in ["decision", "reason", "changed"] {
            assert!(expect.get(member).is_none_or(|expected| shown[member] == *expected), "{name}: {shown:#}");
        }
        if let Some(wait) = expect["wait_s"].as_i64() {
            assert_eq!(plan.not_before_ms, Some(NOW + wait * 1_000), "{name}");
        }
        assert_eq!(plan.suggested_name.is_some(), expect["renamed"] == true || needs_name(plan.reason), "{name}: {shown:#}");
        if let Some(keys) = expect["body_keys"].as_array() {
            let wire = plan.changes(&wanted).to_wire();
            assert!(wire.as_object().unwrap().keys().eq(keys.iter().map(|key| key.as_str().unwrap())), "{name}: {wire:#}");
        }
        if plan.decision == Decision::Edit {
            assert_eq!(plan.id.meta.as_deref(), Some("2000000000000001"), "{name}: the id that the edit names");
        }
    }
}

/// Reasons that only another name gets round.
fn needs_name(reason: PlanReason) -> bool {
    use PlanReason::{BeingDeleted, CategoryLocked, FamilyCannotEdit, NameCooldown, StatusDisabled};
    [BeingDeleted, CategoryLocked, FamilyCannotEdit, NameCooldown, StatusDisabled].contains(&reason)
}

fn wanted() -> TemplateDefinition {
    read(&json!({"name": "shelf_note", "language": "en_US", "category": "UTILITY", "components": [{"type": "BODY", "text": "New words."}]}))
}

fn existing(status: &str) -> Value {
    json!({"id": "17", "name": "shelf_note", "language": "en_US", "category": "UTILITY", "status": status,
        "components": [{"type": "BODY", "text": "Old words."}]})
}

fn plan(wanted: &TemplateDefinition, remote: &Value, history: &TemplateHistory) -> Plan {
    Plan::of(wanted, &records(remote), true, history, PlanOptions::default(), NOW)
}

#[test]
fn each_status_allows_its_own_decisions() {
    use Decision::{Cannot, Edit, Wait};
    use PlanReason::{BeingDeleted, Different, StatusArchived, StatusDisabled, StatusNotEditable};
    for (status, decision, reason) in [
        ("APPROVED", Edit, Different),
        ("rejected", Edit, Different),
        ("PAUSED", Edit, Different),
        ("created", Wait, StatusNotEditable),
        ("LOCKED", Wait, StatusNotEditable),
        ("FLAGGED", Wait, StatusNotEditable),
        ("ARCHIVED", Cannot, StatusArchived),
        ("DISABLED", Cannot, StatusDisabled),
        ("DELETED", Cannot, BeingDeleted),
        ("THAWING", Cannot, StatusNotEditable),
    ] {
        let plan = plan(&wanted(), &json!([existing(status)]), &TemplateHistory::default());
        assert_eq!((plan.decision, plan.reason), (decision, reason), "{status}");
        assert_eq!(plan.status, Some(TemplateStatus::from(status)));
    }
}

#[test]
fn an_edit_waits_for_the_later_of_both_limits_and_no_longer() {
    let at = |hours: &[i64]| {
        let edits_ms = hours.iter().map(|hours| NOW - hours * HOUR).collect();
        let history = TemplateHistory { edits_ms, ..TemplateHistory::default() };
        let plan = plan(&wanted(), &json!([existing("APPROVED")]), &history);
        (plan.decision, plan.not_before_ms.map(|at| (at - NOW) / HOUR))
    };
    assert_eq!(at(&[24]), (Decision::Edit, None));
    assert_eq!(at(&[23]), (Decision::Wait, Some(1)));
    let month = [719, 600, 500, 400, 300, 200, 100, 80, 60, 10];
    assert_eq!(at(&month), (Decision::Wait, Some(14)), "the day ends later than the month");
    assert_eq!(at(&month[..9]), (Decision::Edit, None), "nine, the last of them long ago");
    let month = [700, 600, 500, 400, 300, 200, 100, 80, 60, 30];
    assert_eq!(at(&month), (Decision::Wait, Some(20)));
    assert_eq!(at(&[i64::MIN / HOUR / 2]).0, Decision::Wait, "a time far ahead is no overflow");
}

#[test]
fn a_name_is_free_thirty_days_after_its_deletion_and_in_other_languages() {
    let deleted = |language: Option<&str>, hours: i64| {
        let mut history = TemplateHistory::default();
        let deletion = TemplateDeletion { name: "shelf_note".into(), language: language.map(Into::into), at_ms: NOW - hours * HOUR };
        history.deletions.push(deletion);
        plan(&wanted(), &json!([]), &history)
    };
    assert_eq!(deleted(None, 720).decision, Decision::Create);
    assert_eq!(deleted(Some("de"), 1).decision, Decision::Create);
    let blocked = deleted(Some("en-US"), 719);
    assert_eq!(
        (blocked.reason, blocked.not_before_ms, blocked.suggested_name.as_deref()),
        (PlanReason::NameCooldown, Some(NOW + HOUR), Some("shelf_note_v2"))
    );
    let next = |name: &str| {
        let mut wanted = wanted();
        wanted.name = name.into();
        plan(&wanted, &json!([{"id": "1", "name": name, "language": "en_US", "status": "DELETED"}]), &TemplateHistory::default())
            .suggested_name
            .unwrap()
    };
    assert_eq!((next("a_v2").as_str(), next("a_vb").as_str()), ("a_v3", "a_vb_v2"));
    assert_eq!(next(&"a".repeat(512)).len(), 512);
}

#[test]
fn what_cannot_be_known_is_not_guessed() {
    let unreadable = |remote: Value| plan(&wanted(), &json!([remote]), &TemplateHistory::default());
    let mut without = existing("APPROVED");
    without["components"] = Value::Null;
    let no_language = json!({"id": "1", "name": "shelf_note"});
    for remote in [without, no_language] {
        assert_eq!((unreadable(remote.clone()).decision, unreadable(remote).reason), (Decision::Cannot, PlanReason::RecordUnreadable));
    }
    let mut wrong = wanted();
    wrong.components.clear();
    for remote in [json!([]), json!([existing("APPROVED")])] {
        let plan = plan(&wrong, &remote, &TemplateHistory::default());
        assert_eq!((plan.decision, plan.reason), (Decision::Cannot, PlanReason::Invalid), "an invalid one never leaves");
    }
}

#[test]
fn a_deleted_template_does_not_hide_its_successor() {
    let mut deleted = existing("DELETED");
    deleted["id"] = "16".into();
    let planned = plan(&wanted(), &json!([deleted, existing("REJECTED")]), &TemplateHistory::default());
    assert_eq!((planned.decision, planned.id.meta.as_deref()), (Decision::Edit, Some("17")));
}

#[test]
fn a_copy_of_the_library_is_never_edited_back() {
    let copy: TemplateDefinition =
        read(&json!({"name": "shelf_note", "language": "en_US", "category": "UTILITY", "library_template_name": "loan_update_1"}));
    assert_eq!(plan(&copy, &json!([existing("APPROVED")]), &TemplateHistory::default()).decision, Decision::Nothing);
    assert_eq!(plan(&copy, &json!([]), &TemplateHistory::default()).decision, Decision::Create);
}

#[test]
fn a_category_that_the_provider_takes_for_right_is_left_alone() {
    let mut remote = existing("REJECTED");
    (remote["category"], remote["components"]) = ("MARKETING".into(), json!([{"type": "BODY", "text": "New words."}]));
    assert_eq!(plan(&wanted(), &json!([remote]), &TemplateHistory::default()).decision, Decision::Edit);
    remote["correct_category"] = "MARKETING".into();
    let planned = plan(&wanted(), &json!([remote]), &TemplateHistory::default());
    assert_eq!((planned.decision, planned.reason), (Decision::Nothing, PlanReason::CategoryChangedByProvider));
    remote["components"][0]["text"] = "Old words.".into();
    let planned = plan(&wanted(), &json!([remote]), &TemplateHistory::default());
    assert_eq!((planned.decision, planned.changes(&wanted()).category), (Decision::Edit, None));
}

#[test]
fn the_older_family_cannot_edit_even_with_the_other_id() {
    let options = PlanOptions { family: TemplateFamily::A, ..PlanOptions::default() };
    let planned = Plan::of(&wanted(), &records(&json!([existing("REJECTED")])), true, &TemplateHistory::default(), options, NOW);
    assert_eq!((planned.decision, planned.reason), (Decision::Cannot, PlanReason::FamilyCannotEdit));
}

#[test]
fn a_deletion_is_refused_where_it_would_remove_more_or_cannot() {
    let one = DeleteScope::Language("pt_BR".into());
    assert_eq!(one.refusal(TemplateFamily::A, None), Some(PlanReason::FamilyDeletesAllLanguages));
    assert_eq!(one.refusal(TemplateFamily::B, Some(&TemplateStatus::Approved)), None);
    assert_eq!(DeleteScope::AllLanguages.refusal(TemplateFamily::A, None), None);
    assert_eq!(DeleteScope::AllLanguages.refusal(TemplateFamily::B, Some(&TemplateStatus::Disabled)), Some(PlanReason::StatusDisabled));
}

#[test]
fn a_sync_spends_its_edits_last() {
    let rank = |status: &str| plan(&wanted(), &json!([existing(status)]), &TemplateHistory::default()).rank();
    let absent = plan(&wanted(), &json!([]), &TemplateHistory::default()).rank();
    assert!(rank("REJECTED") < absent && absent < rank("APPROVED") && rank("APPROVED") < rank("PENDING"));
}

#[test]
fn each_part_that_counts_is_a_difference_on_its_own() {
    let text = |text: &str| json!({"type": "BODY", "text": text});
    let header = |format: &str| json!({"type": "HEADER", "format": format, "example": {"header_handle": ["4::aGFuZGxl:ARx"]}});
    let buttons = |buttons: Value| json!({"type": "BUTTONS", "buttons": buttons});
    let url = |url: &str| buttons(json!([{"type": "URL", "text": "Look", "url": url}]));
    let code = |kind: &str| {
        buttons(
            json!([{"type": "OTP", "otp_type": kind, "supported_apps": [{"package_name": "com.example.library", "signature_hash": "Q3z+KlMnOp9"}]}]),
        )
    };
    let card =
        |label: &str| json!({"components": [header("IMAGE"), {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": label}]}]});
    let cards = |labels: [&str; 2]| json!({"type": "CAROUSEL", "cards": labels.map(card)});
    let minutes = |minutes: u64| json!({"type": "FOOTER", "code_expiration_minutes": minutes});
    let warning = |warns: bool| json!({"type": "BODY", "add_security_recommendation": warns});
    let (some, reply) = (text("Some words."), |kind: &str| json!({"type": kind, "text": "A"}));
    let two = buttons(json!([reply("QUICK_REPLY"), {"type": "QUICK_REPLY", "text": "B"}]));
    let reply_url = json!({"type": "URL", "text": "Look"});
    for (category, own, has, changed) in [
        ("UTILITY", vec![some.clone(), header("IMAGE")], vec![some.clone()], "/components/HEADER"),
        ("UTILITY", vec![some.clone()], vec![some.clone(), json!({"type": "FOOTER", "text": "f"})], "/components/FOOTER"),
        ("UTILITY", vec![some.clone(), header("IMAGE")], vec![some.clone(), header("VIDEO")], "/components/HEADER/format"),
        ("UTILITY", vec![text("Some words")], vec![some.clone()], "/components/BODY/text"),
        ("UTILITY", vec![some.clone(), url("https://a.example/")], vec![some.clone(), url("https://b.example/")], "/components/BUTTONS"),
        (
            "UTILITY",
            vec![some.clone(), buttons(json!([reply("QUICK_REPLY")]))],
            vec![some.clone(), buttons(json!([reply("CATALOG")]))],
            "/components/BUTTONS",
        ),
        ("MARKETING", vec![some.clone(), cards(["A", "B"])], vec![some.clone(), cards(["A", "C"])], "/components/CAROUSEL"),
        ("UTILITY", vec![some.clone(), two.clone()], vec![some.clone(), buttons(json!([reply("QUICK_REPLY")]))], "/components/BUTTONS"),
        ("UTILITY", vec![some.clone(), url("https://a.example/")], vec![some.clone(), buttons(json!([reply_url]))], "/components/BUTTONS"),
        (
            "AUTHENTICATION",
            vec![json!({"type": "BODY"}), code("COPY_CODE")],
            vec![warning(true), code("COPY_CODE")],
            "/components/BODY/add_security_recommendation",
        ),
        ("AUTHENTICATION", vec![warning(true), code("ONE_TAP")], vec![warning(true), code("COPY_CODE")], "/components/BUTTONS"),
        (
            "AUTHENTICATION",
            vec![warning(true), code("COPY_CODE")],
            vec![warning(false), code("COPY_CODE")],
            "/components/BODY/add_security_recommendation",
        ),
        (
            "AUTHENTICATION",
            vec![minutes(5), warning(true), code("COPY_CODE")],
            vec![minutes(6), warning(true), code("COPY_CODE")],
            "/components/FOOTER/code_expiration_minutes",
        ),
    ] {
        let json = |components: Vec<Value>| json!({"id": "17", "name": "shelf_note", "language": "en_US", "category": category, "status": "REJECTED", "components": components});
        let wanted: TemplateDefinition = read(&json(own.clone()));
        let planned = plan(&wanted, &json!([json(has)]), &TemplateHistory::default());
        assert_eq!((planned.decision, planned.changed), (Decision::Edit, vec![changed.to_owned()]), "{own:?}");
        assert_eq!(plan(&wanted, &json!([json(own)]), &TemplateHistory::default()).decision, Decision::Nothing);
    }
    let mut longer = wanted();
    longer.message_send_ttl_seconds = Some(-1);
    let mut remote = existing("REJECTED");
    remote["components"] = json!([{"type": "BODY", "text": "New words."}]);
    remote["message_send_ttl_seconds"] = 60.into();
    let planned = plan(&longer, &json!([remote]), &TemplateHistory::default());
    assert_eq!(planned.changed, ["/message_send_ttl_seconds"]);
    assert_eq!(
        planned.changes(&longer).to_wire(),
        json!({"message_send_ttl_seconds": -1}),
        "without the components, whose samples would have to be uploaded"
    );
    remote["message_send_ttl_seconds"] = 2_592_000.into();
    assert_eq!(plan(&longer, &json!([remote]), &TemplateHistory::default()).decision, Decision::Nothing, "-1 is 30 days");
}
