//! Definitions of every kind, read back in every spelling that was seen; and JSON of any kind.

use std::fmt::Write as _;

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};
use zengine_connector::error::Violation;
use zengine_strategies::whatsapp_meta_cloud::templates::{
    Decision, Plan, PlanOptions, TemplateChanges, TemplateDefinition, TemplateFamily, TemplateHistory, TemplatePage, TemplateRecord,
};

const NOW: i64 = 1_790_000_000_000;

/// A text with this many variables, and its samples.
fn text(variables: usize, named: bool) -> (String, Value) {
    let name = |n: usize| if named { format!("field_{n}") } else { n.to_string() };
    let text = (1..=variables).fold("Some words of the house come first".to_owned(), |text, n| {
        format!("{text} and then the field {{{{{}}}}} with a few words after it", name(n))
    });
    let samples = if named {
        let samples: Vec<_> = (1..=variables).map(|n| json!({"param_name": name(n), "example": "x"})).collect();
        json!({ "body_text_named_params": samples })
    } else {
        json!({"body_text": [(1..=variables).map(|n| format!("s{n}")).collect::<Vec<_>>()]})
    };
    (text, samples)
}

fn body() -> impl Strategy<Value = Value> {
    (0..4_usize, any::<bool>()).prop_map(|(variables, named)| {
        let (text, samples) = text(variables, named);
        let body = json!({"type": "BODY", "text": text});
        if variables == 0 { body } else { with(body, "example", samples) }
    })
}

fn with(mut value: Value, member: &str, inner: Value) -> Value {
    value[member] = inner;
    value
}

fn header() -> impl Strategy<Value = Value> {
    let file = |format: &str| json!({"type": "HEADER", "format": format, "example": {"header_handle": ["4::aGFuZGxl:ARx"]}});
    select(vec![
        json!({"type": "HEADER", "format": "TEXT", "text": "A title"}),
        json!({"type": "HEADER", "format": "LOCATION"}),
        file("IMAGE"),
        file("VIDEO"),
    ])
}

fn buttons() -> impl Strategy<Value = Value> {
    let others = [
        json!({"type": "URL", "text": "Look", "url": "https://books.example/t/{{1}}", "example": ["https://books.example/t/1"]}),
        json!({"type": "PHONE_NUMBER", "text": "Ring", "phone_number": "+1 555-010-0777"}),
        json!({"type": "COPY_CODE", "example": "READ25"}),
        json!({"type": "FLOW", "text": "Begin", "flow_id": "77", "flow_action": "navigate", "navigate_screen": "S1"}),
    ];
    (0..4_usize, proptest::sample::subsequence(others.to_vec(), 0..=4)).prop_filter_map("no buttons", |(replies, others)| {
        let replies = (0..replies).map(|n| json!({"type": "QUICK_REPLY", "text": format!("Answer {n}")}));
        let buttons: Vec<_> = replies.chain(others).collect();
        (!buttons.is_empty()).then(|| json!({"type": "BUTTONS", "buttons": buttons}))
    })
}

fn plain() -> impl Strategy<Value = (&'static str, Vec<Value>)> {
    let footer = option::of(Just(json!({"type": "FOOTER", "text": "Yours"})));
    (select(vec!["UTILITY", "marketing"]), option::of(header()), body(), footer, option::of(buttons())).prop_map(
        |(category, header, body, footer, buttons)| (category, header.into_iter().chain([body]).chain(footer).chain(buttons).collect()),
    )
}

fn code() -> impl Strategy<Value = (&'static str, Vec<Value>)> {
    (select(vec!["COPY_CODE", "ONE_TAP", "ZERO_TAP"]), any::<bool>(), option::of(1..=90_u64)).prop_map(|(kind, warns, minutes)| {
        let mut button = json!({"type": "OTP", "otp_type": kind});
        if kind != "COPY_CODE" {
            button["supported_apps"] = json!([{"package_name": "com.example.library", "signature_hash": "Q3z+Kl/nOp="}]);
            button["zero_tap_terms_accepted"] = true.into();
        }
        let footer = minutes.map(|minutes| json!({"type": "FOOTER", "code_expiration_minutes": minutes}));
        let body = json!({"type": "BODY", "add_security_recommendation": warns});
        ("AUTHENTICATION", [body].into_iter().chain(footer).chain([json!({"type": "BUTTONS", "buttons": [button]})]).collect())
    })
}

fn carousel() -> impl Strategy<Value = (&'static str, Vec<Value>)> {
    (2..5_usize, body()).prop_map(|(cards, body)| {
        let header = json!({"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::aGFuZGxl:ARx"]}});
        let card = json!({"components": [header, {"type": "BODY", "text": "A card."}, {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Look"}]}]});
        ("MARKETING", vec![body, json!({"type": "CAROUSEL", "cards": vec![card; cards]})])
    })
}

/// A definition without violations.
fn definition() -> impl Strategy<Value = TemplateDefinition> {
    (prop_oneof![4 => plain(), 1 => code(), 1 => carousel()], option::of(Just(60)), any::<bool>()).prop_map(
        |((category, components), ttl, moves)| {
            let mut json = json!({"name": "shelf_note", "language": "en_US", "category": category, "components": components});
            if let Some(ttl) = ttl.filter(|_| !category.eq_ignore_ascii_case("MARKETING")) {
                json["message_send_ttl_seconds"] = ttl.into();
            }
            if moves {
                json["allow_category_change"] = true.into();
            }
            serde_json::from_value(json).unwrap()
        },
    )
}

/// Turns of the provider's spelling.
#[allow(clippy::struct_excessive_bools, reason = "each is one turn of a spelling")]
#[derive(Clone, Copy, Debug)]
struct Spelling {
    lower: bool,
    flat: bool,
    reversed: bool,
    crlf: bool,
    older: bool,
    plus: bool,
    lifetime: bool,
}

fn spelling() -> impl Strategy<Value = Spelling> {
    any::<[bool; 7]>().prop_map(|[lower, flat, reversed, crlf, older, plus, lifetime]| Spelling {
        lower,
        flat,
        reversed,
        crlf,
        older,
        plus,
        lifetime,
    })
}

/// A button as it comes back: the code's on the provider's site, a copied one with a label.
fn button_back(button: &Value, minutes: Option<&Value>, spelling: Spelling) -> Value {
    match button["type"].as_str().unwrap() {
        "OTP" => {
            let mut url = format!("https://www.whatsapp.com/otp/code/?otp_type={}", button["otp_type"].as_str().unwrap());
            if let Some(app) = button.pointer("/supported_apps/0") {
                let hash = app["signature_hash"].as_str().unwrap().replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
                write!(url, "&package_name={}&signature_hash={hash}", app["package_name"].as_str().unwrap()).unwrap();
            }
            if let Some(minutes) = minutes {
                write!(url, "&code_expiration_minutes={minutes}").unwrap();
            }
            json!({"type": "URL", "text": "Copy the code", "url": format!("{url}&code=otp{{{{1}}}}"), "example": ["https://www.whatsapp.com/otp/code/?x"]})
        }
        "COPY_CODE" => json!({"type": "COPY_CODE", "text": "Copy offer code", "example": ["OTHER"]}),
        "PHONE_NUMBER" => with(button.clone(), "phone_number", if spelling.plus { "+15550100777" } else { "15550100777" }.into()),
        _ => button.clone(),
    }
}

fn component_back(component: &Value, minutes: Option<&Value>, spelling: Spelling) -> Value {
    let mut back = component.clone();
    if back.get("add_security_recommendation").is_some() {
        back["text"] = "*{{1}}* opens the door. Keep it to yourself.".into();
    }
    if back.get("code_expiration_minutes").is_some() {
        back["text"] = "It works for some minutes.".into();
    }
    if let Some(samples) = back.pointer("/example/body_text/0").filter(|_| spelling.flat).cloned() {
        back["example"]["body_text"] = if samples.as_array().unwrap().len() == 1 { samples[0].clone() } else { samples };
    }
    if back.pointer("/example/header_handle").is_some() {
        back["example"]["header_handle"] = json!(["https://scontent.whatsapp.net/v/m9/xyz?sig=7"]);
    }
    for (list, inner) in [("buttons", None), ("cards", Some("components"))] {
        for item in back.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            match inner {
                None => *item = button_back(item, minutes, spelling),
                Some(inner) => {
                    item[inner] = item[inner].as_array().unwrap().iter().map(|part| component_back(part, None, spelling)).collect();
                }
            }
        }
    }
    if spelling.lower {
        back["type"] = back["type"].as_str().unwrap().to_lowercase().into();
    }
    if let Some(text) = back.get("text").and_then(Value::as_str).filter(|_| spelling.crlf) {
        back["text"] = format!("{}\r\n", text.replace('\n', "\r\n")).into();
    }
    back
}

/// The answer of a provider that has the template.
fn read_back(wanted: &TemplateDefinition, status: &str, spelling: Spelling) -> Vec<TemplateRecord> {
    let sent = wanted.to_wire(if spelling.older { TemplateFamily::A } else { TemplateFamily::B });
    let minutes = sent["components"].as_array().unwrap().iter().find_map(|part| part.get("code_expiration_minutes"));
    let mut components: Vec<_> =
        sent["components"].as_array().unwrap().iter().map(|part| component_back(part, minutes, spelling)).collect();
    if spelling.reversed {
        components.reverse();
    }
    let mut record = json!({
        "id": "2000000000000001", "name": sent["name"], "language": sent["language"], "category": sent["category"], "components": components,
        "status": status, "rejected_reason": "NONE", "sub_category": "CUSTOM", "cta_url_link_tracking_opted_out": false,
    });
    if spelling.lifetime
        && let Some(seconds) = sent.get("message_send_ttl_seconds")
    {
        record["message_send_ttl_seconds"] = seconds.clone();
    }
    let body = if spelling.older {
        record["external_id"] = record["id"].take();
        record["id"] = "Zy9XwVu8TsRq7PoNm6LkJi".into();
        record["status"] = status.to_lowercase().into();
        json!({"count": 1, "total": "1", "waba_templates": [record]})
    } else {
        record["language"] = record["language"].as_str().unwrap().replace('_', "-").into();
        json!({ "data": [record] })
    };
    TemplatePage::read(body.to_string().as_bytes(), None, 100).unwrap().records
}

fn plan(wanted: &TemplateDefinition, records: &[TemplateRecord], history: &TemplateHistory) -> Plan {
    Plan::of(wanted, records, true, history, PlanOptions::default(), NOW)
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = [
        "HEADER",
        "BODY",
        "footer",
        "BUTTONS",
        "CAROUSEL",
        "LIMITED_TIME_OFFER",
        "TEXT",
        "IMAGE",
        "URL",
        "OTP",
        "COPY_CODE",
        "ZERO_TAP",
        "{{1}}",
        "{{ 2 }}{{x}}",
        "é{{",
        "https://a.example/{{1}}",
        "AUTHENTICATION",
        "MARKETING",
        "",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        select(words.to_vec()).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    let names = select(vec![
        "type",
        "format",
        "text",
        "example",
        "buttons",
        "cards",
        "components",
        "body_text",
        "header_handle",
        "body_text_named_params",
        "param_name",
        "url",
        "phone_number",
        "otp_type",
        "supported_apps",
        "limited_time_offer",
        "code_expiration_minutes",
        "name",
        "language",
        "status",
        "data",
        "waba_templates",
        "paging",
        "cursors",
        "after",
        "next",
        "total",
        "offset",
        "quality_score",
        "failed_templates",
        "id",
        "category",
    ]);
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((names.clone(), inner), 0..8).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<Map<_, _>>()
                .into()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_comes_back_is_what_was_wanted(wanted in definition(), spelling in spelling(), status in select(vec!["APPROVED", "PENDING", "REJECTED", "PAUSED"])) {
        let errors: Vec<_> = wanted.check().into_iter().filter(Violation::is_error).collect();
        prop_assert_eq!(errors, vec![]);
        let records = read_back(&wanted, status, spelling);
        let planned = plan(&wanted, &records, &TemplateHistory::default());
        prop_assert_eq!(planned.decision, Decision::Nothing, "{:?} {:?}", planned, records[0].raw.as_ref().map(|raw| raw.as_str().to_owned()));
        // And a folder that was pulled plans to nothing too.
        let pulled = records[0].to_definition().unwrap();
        let planned = plan(&pulled, &records, &TemplateHistory::default());
        prop_assert_eq!(planned.decision, Decision::Nothing, "{:?}", planned);
        let once_more = plan(&pulled, &read_back(&wanted, status, spelling), &TemplateHistory::default());
        prop_assert_eq!(once_more, planned);
    }

    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_do(
        wanted in definition(),
        other in option::of(definition()),
        spelling in spelling(),
        status in select(vec!["APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED", "ARCHIVED", "PENDING_DELETION"]),
        hours in vec(0..900_i64, 0..12),
    ) {
        let edits_ms = hours.iter().map(|hours| NOW - hours * 3_600_000).collect();
        let mut history = TemplateHistory { edits_ms, ..TemplateHistory::default() };
        let mut records = other.as_ref().map(|other| read_back(other, status, spelling)).unwrap_or_default();
        let first = plan(&wanted, &records, &history);
        prop_assert_eq!(&first, &plan(&wanted, &records, &history));
        match first.decision {
            Decision::Create => records = read_back(&wanted, "PENDING", spelling),
            Decision::Edit => {
                // The provider changes what it was sent, and no more.
                let (changes, mut now) = (first.changes(&wanted), other.unwrap());
                now.category = changes.category.unwrap_or(now.category);
                now.components = changes.components.unwrap_or(now.components);
                now.message_send_ttl_seconds = changes.message_send_ttl_seconds.or(now.message_send_ttl_seconds);
                records = read_back(&now, "PENDING", spelling);
                if first.status.as_ref().is_some_and(|status| status.as_str() == "approved") {
                    history.edits_ms.push(NOW);
                }
            }
            _ => return Ok(()),
        }
        let next = plan(&wanted, &records, &history);
        prop_assert!(matches!(next.decision, Decision::Nothing | Decision::Wait), "{:?} after {:?}", next, first);
    }

    #[test]
    fn any_json_is_checked_read_and_planned_without_a_panic(json in any_json(), parts in vec(any_json(), 0..5)) {
        let mut wanted = TemplateDefinition::new("a", "en", "UTILITY");
        for category in ["UTILITY", "MARKETING", "AUTHENTICATION", "?"] {
            wanted.category = category.to_owned();
            wanted.components = serde_json::from_value(parts.clone().into()).unwrap();
            wanted.check();
            wanted.to_wire(TemplateFamily::B);
        }
        if let Ok(changes) = serde_json::from_value::<TemplateChanges>(json.clone()) {
            changes.check(None);
        }
        if let Ok(wanted) = serde_json::from_value::<TemplateDefinition>(json.clone()) {
            wanted.check();
        }
        let record = json!({"name": "a", "language": "en", "id": "1", "status": "APPROVED", "category": "UTILITY", "components": parts});
        for body in [json!({ "data": [record, json] }), json!({ "waba_templates": [json, record], "total": 7 }), json.clone()] {
            if let Ok(page) = TemplatePage::read(body.to_string().as_bytes(), Some("0"), 1) {
                for record in &page.records {
                    record.to_definition().iter().for_each(|pulled| drop(pulled.check()));
                    drop((record.body_samples(), record.header_sample_url(), record.one_time_code()));
                }
                plan(&wanted, &page.records, &TemplateHistory::default());
            }
        }
    }
}

/// Work that grew with the square of its input would not end.
#[test]
fn the_work_is_linear_in_the_size_of_a_definition() {
    const MANY: usize = 60_000;
    let texts = ["{{1}}", "{{", "}}", "{{a_b}} ", "{{1", "a "].map(|part| json!({"type": "BODY", "text": part.repeat(MANY)}));
    let odd = (0..MANY).map(|n| json!({"type": format!("KIND_{n}")}));
    let buttons = json!({"type": "BUTTONS", "buttons": vec![json!({"type": "QUICK_REPLY"}); MANY]});
    let cards = json!({"type": "CAROUSEL", "cards": vec![json!({"components": [{"type": "BODY"}]}); MANY]});
    let names: Vec<_> = (0..MANY).map(|n| json!({"param_name": format!("n{n}"), "example": "x"})).collect();
    let text = (0..MANY).fold(String::new(), |text, n| text + "{{n" + &n.to_string() + "}} ");
    let named = json!({"type": "BODY", "text": text, "example": {"body_text_named_params": names}});
    for components in [texts.into_iter().collect(), odd.collect(), vec![buttons], vec![cards], vec![named]] {
        let components: Vec<Value> = components;
        let json = json!({"name": "a", "language": "en", "category": "MARKETING", "components": components});
        let wanted: TemplateDefinition = serde_json::from_value(json.clone()).unwrap();
        assert!(wanted.check().len() <= 257);
        wanted.to_wire(TemplateFamily::B);
        let record = serde_json::from_value::<TemplateRecord>(json).unwrap();
        assert_eq!(plan(&wanted, &[record], &TemplateHistory::default()).decision, Decision::Nothing);
    }
}
