//! Changes with their reasons, and errors beside the element that they explain.

use serde_json::{Value, json};
use zengine_connector::{ErrorKind, Event};

use crate::support::{body, ids, message, normalize, only, shown, value};

fn reason(field: &str, value: Value) -> Option<Value> {
    shown(&only(&body(field, value)).event).get("reason").cloned()
}

#[test]
fn the_word_none_and_null_and_nothing_are_no_reason() {
    for none in [json!("NONE"), json!("none"), Value::Null, json!(""), json!([])] {
        assert_eq!(reason("message_template_status_update", json!({"event": "APPROVED", "reason": none})), None, "{none}");
        assert_eq!(reason("phone_number_name_update", json!({"decision": "APPROVED", "rejection_reason": none})), None, "{none}");
    }
    let rejected = json!({"event": "REJECTED", "reason": "NONE", "rejection_info": {"reason": "INVALID_FORMAT"}});
    assert_eq!(reason("message_template_status_update", rejected), Some(json!("INVALID_FORMAT")));
    let paused = json!({"event": "PAUSED", "reason": "NONE", "other_info": {"title": "FIRST_PAUSE", "description": "for 3 hours"}});
    assert_eq!(reason("message_template_status_update", paused), Some(json!("FIRST_PAUSE")));
}

#[test]
fn the_reason_of_an_account_is_in_any_of_its_parts() {
    let part = |name: &str, part: Value| reason("account_update", json!({"event": "X", "waba_info": {"waba_id": "1"}, name: part}));
    for (name, info, expected) in [
        ("disconnection_info", json!({"reason": "PRIMARY_INACTIVITY", "initiated_by": "SYSTEM"}), "PRIMARY_INACTIVITY"),
        ("partner_client_certification_info", json!({"status": "FAILED", "rejection_reasons": ["NONE", "LEGAL_NAME"]}), "LEGAL_NAME"),
        ("some_later_info", json!([{"reason": "LATER"}]), "LATER"),
        ("violation_info", json!({"violation_type": "SPAM"}), "SPAM"),
        ("ban_info", json!({"waba_ban_state": "DISABLE"}), "DISABLE"),
        ("restriction_info", json!([{"restriction_type": "RESTRICTED_BIZ"}]), "RESTRICTED_BIZ"),
    ] {
        assert_eq!(part(name, info), Some(json!(expected)), "{name}");
    }
    assert_eq!(part("waba_info", json!({"waba_id": "2"})), None);
}

#[test]
fn errors_beside_a_call_that_ended_belong_to_it() {
    let calls = |calls: Value| {
        let mut value = value("calls", calls);
        value["errors"] = json!([{"code": 138_021, "title": "t"}]);
        normalize(body("calls", value).to_string()).into_iter().map(Result::unwrap).collect::<Vec<_>>()
    };
    let end =
        |id: &str| json!({"id": id, "from": "15550009999", "to": "15551230001", "event": "terminate", "direction": "BUSINESS_INITIATED"});
    let start = json!({"id": "wacid.2", "from": "15551230001", "event": "connect"});
    let ended = calls(json!([end("wacid.1"), start]));
    let errors = |at: usize| ended[at].context.errors.iter().map(|error| error.code.as_deref()).collect::<Vec<_>>();
    assert_eq!((ended.len(), errors(0), errors(1)), (2, vec![Some("138021")], vec![]));
    assert_eq!(ended[0].context.errors[0].kind, ErrorKind::InvalidContent);
    // A call may fail without an end.
    let failed = calls(json!([{"id": "wacid.4", "from": "15551230001", "event": "connect", "status": ["Failed"]}]));
    assert_eq!((failed.len(), failed[0].context.errors.len()), (1, 1));
    // Where it cannot be told whose they are, they are the number's.
    for several in [calls(json!([end("wacid.1"), end("wacid.3")])), calls(json!([start]))] {
        assert!(matches!(several.last().unwrap().event, Event::Account(_)));
        assert!(several.iter().all(|event| event.context.errors.is_empty()));
    }
}

#[test]
fn errors_beside_one_unread_message_belong_to_it_and_beside_several_to_none() {
    let unread = json!({"id": "1", "from": "15551230001", "type": "interactive"});
    let kinds = |messages: Value| {
        let mut value = value("messages", messages);
        value["errors"] = json!([{"code": 131_000}]);
        let results = normalize(body("messages", value).to_string());
        results.into_iter().map(|result| shown(&result.unwrap().event)).collect::<Vec<_>>()
    };
    let one = kinds(json!([unread]));
    assert_eq!((one.len(), &one[0]["content"]["errors"][0]["code"]), (1, &json!("131000")));
    let two = kinds(json!([unread, unread]));
    assert_eq!([&two[0]["type"], &two[1]["type"], &two[2]["type"]], ["unknown", "unknown", "account"]);
}

#[test]
fn a_part_of_a_piece_is_no_quantity() {
    for (quantity, read) in [(json!(1.5), 0), (json!("1.5"), 0), (json!(2.0), 2), (json!("3"), 3), (json!(-1), 0), (json!(1e30), 0)] {
        let order = json!({"catalog_id": "C", "product_items": [{"product_retailer_id": "a", "quantity": quantity}]});
        let order = shown(&only(&message(json!({"type": "order", "order": order}))).event);
        assert_eq!(order["content"]["items"][0]["quantity"], read, "{quantity}");
    }
}

#[test]
fn repeated_members_lose_nothing() {
    let text = |n: u32| format!(r#"{{"id":"wamid.{n}","from":"1555123000{n}","type":"text","text":{{"body":"x"}}}}"#);
    let value = |n: u32| format!(r#"{{"metadata":{{"phone_number_id":"100200300"}},"messages":[{}]}}"#, text(n));
    let change = |n: u32| format!(r#"{{"field":"messages","value":{}}}"#, value(n));
    let entry = |n: u32| format!(r#"{{"id":"900100","changes":[{}]}}"#, change(n));
    let bodies = [
        format!(r#"{{"entry":[{}],"entry":[{}]}}"#, entry(1), entry(2)),
        format!(r#"{{"entry":[{{"changes":[{}],"changes":[{}]}}]}}"#, change(1), change(2)),
        format!(r#"{{"entry":[{{"changes":[{{"field":"messages","value":{},"value":{}}}]}}]}}"#, value(1), value(2)),
        format!(r#"{{"entry":[{{"changes":[{{"field":"messages","value":{{"messages":[{}],"messages":[{}]}}}}]}}]}}"#, text(1), text(2)),
        format!(
            r#"{{"entry":[{{"changes":[{{"field":"standby","value":{{"standby":{{"messages":[{}]}},"standby":{{"messages":[{}]}}}}}}]}}]}}"#,
            text(1),
            text(2)
        ),
        format!(
            r#"{{"entry":[{{"changes":[{{"field":"history","value":{{"history":[{{"threads":[{{"messages":[{}],"messages":[{}]}}]}}]}}}}]}}]}}"#,
            text(1),
            text(2)
        ),
    ];
    for body in bodies {
        let ids: Vec<_> = normalize(body.clone()).into_iter().map(|event| event.unwrap().provider_ids[0].to_string()).collect();
        assert_eq!(ids, ["wamid.1", "wamid.2"], "{body}");
    }
    // Two changes that are one event as a whole have keys of their own.
    let twice = r#"{"entry":[{"id":"1","changes":[{"field":"security","value":{"event":"A"},"value":{"event":"B"}}]}]}"#;
    let keys: Vec<_> = normalize(twice).into_iter().map(|event| event.unwrap().dedup).collect();
    assert!(keys.len() == 2 && keys[0] != keys[1], "{keys:?}");
    assert!(normalize(r#"{"entry":[],"entry":7,"entry":[]}"#)[0].is_err());
}

#[test]
fn the_present_category_of_a_template_has_two_names() {
    for present in ["category", "new_category"] {
        let update = json!({"message_template_id": 7, present: "UTILITY", "correct_category": "MARKETING"});
        let update = shown(&only(&body("template_correct_category_detection", update)).event);
        assert_eq!((&update["aspect"], &update["current"]), (&json!("category"), &json!("UTILITY")), "{present}");
    }
}

#[test]
fn a_preference_counts_in_any_case() {
    for (word, kind) in [("stop", "opt_out"), ("STOP", "opt_out"), ("Resume", "opt_in"), ("ACCEPT", "opt_in"), ("LATER", "unknown")] {
        let event = only(&body("user_preferences", value("user_preferences", json!([{"wa_id": "15551230001", "value": word}]))));
        assert_eq!(event.event.kind(), kind, "{word}");
        assert!(shown(&event.event).to_string().contains(word), "as it came");
    }
}

#[test]
fn the_counts_of_a_flow_are_no_errors() {
    let counts = json!([{"error_type": "timeout", "error_rate": 66.6, "error_count": 2}]);
    let update = shown(&only(&body("flows", json!({"event": "ENDPOINT_ERROR_RATE", "flow_id": "F", "errors": counts}))).event);
    assert_eq!((update.get("errors"), &update["data"]["errors"]), (None, &counts));
}

#[test]
fn a_group_names_its_people_and_all_that_failed() {
    let group = |more: Value| {
        let mut group = json!({"group_id": "G", "type": "group_participants_remove"});
        group.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        only(&body("group_participants_update", value("groups", json!([group]))))
    };
    let (ana, bo) = (json!({"input": "+15551230001", "wa_id": "15551230001"}), json!({"input": "+15551230002"}));
    let business = "opaque:phone_number_id:100200300";
    let removed = group(json!({"initiated_by": "business", "removed_participants": [ana, bo]}));
    assert_eq!((ids(&removed.from)[0].as_str(), removed.to.len()), (business, 2));
    assert_eq!((ids(&removed.to[0])[0].as_str(), removed.to[0].name.as_deref()), ("phone:+15551230001", Some("Ana")));
    assert_eq!((ids(&removed.to[1]), shown(&removed.event).get("reason")), (vec!["phone:+15551230002".to_owned()], None));
    let left = group(json!({"initiated_by": "participant", "removed_participants": [ana]}));
    assert_eq!((ids(&left.from)[0].as_str(), ids(&left.to[0])[0].as_str()), ("phone:+15551230001", business));
    let added = group(json!({"reason": "invite_link", "added_participants": [bo]}));
    assert_eq!((ids(&added.to[0])[0].as_str(), ids(&added.to[1])[0].as_str()), (business, "phone:+15551230002"));

    let fault = |code: u32| json!({"errors": [{"code": code, "title": "t"}]});
    let failed = group(json!({
        "errors": [{"code": 1}], "group_subject": fault(2), "group_description": fault(3), "profile_picture": fault(4),
        "failed_participants": [fault(5), fault(6)],
    }));
    let Event::Account(update) = failed.event else { panic!("an account event") };
    let mut codes: Vec<_> = update.errors.iter().filter_map(|error| error.code.as_deref()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["1", "2", "3", "4", "5", "6"]);
}
