//! Answers of the provider, in every form that has been seen.

use serde_json::{Value, json};
use zengine_connector::ErrorKind;
use zengine_strategies::whatsapp_meta_cloud::templates::{
    ArchiveReport, ListWarning, TemplateDefinition, TemplateListing, TemplatePage, TemplateRecord,
};

use super::support::{cases, contains};

const CASES: &str = include_str!("records.json");

/// A record as the cases write it: its JSON, and what its methods say.
fn shown(record: &TemplateRecord) -> Value {
    let mut shown = serde_json::to_value(record).unwrap();
    shown["sendable"] = record.is_sendable().into();
    shown["body_samples"] = record.body_samples().into();
    if let Some(url) = record.header_sample_url() {
        shown["header"] = json!({"format": "IMAGE", "sample_url": url});
        shown["reusable_handle"] = false.into();
    }
    if let Some(code) = record.one_time_code() {
        shown["otp"] = json!({"type": code.kind, "expiration_minutes": code.expiration_minutes, "security_recommendation": code.security_recommendation});
    }
    shown
}

fn place(query: &Value) -> Option<&str> {
    ["after", "offset"].iter().find_map(|member| query[member].as_str()).filter(|place| *place != "0")
}

#[test]
fn every_list_is_read_page_by_page() {
    let cases: Vec<_> = cases(CASES).into_iter().filter(|case| case.get("pages").is_some()).collect();
    assert_eq!(cases.len(), 26);
    for case in cases {
        let (name, expect, pages) = (&case["case"], &case["expect"], case["pages"].as_array().unwrap());
        let (mut listing, mut next, mut requests, mut unread) = (TemplateListing::new(), None, 0, vec![]);
        let mut failed = None;
        for page in pages {
            assert_eq!(next.as_deref(), place(&page["query"]), "{name}: the place of the page");
            let limit = page["query"]["limit"].as_str().map_or(1_000, |limit| limit.parse().unwrap());
            requests += 1;
            match TemplatePage::read(page["body"].to_string().as_bytes(), next.as_deref(), limit) {
                Ok(page) => {
                    unread.extend(page.unread.iter().map(|unread| unread.pointer.rsplit('/').next().unwrap().parse::<u64>().unwrap()));
                    next = listing.add(page);
                }
                Err(error) => failed = Some(error),
            }
        }
        assert_eq!(next, None, "{name}: no further page is asked for");
        if expect["error"] == "protocol" {
            assert_eq!(failed.map(|error| error.kind()), Some(ErrorKind::Protocol), "{name}");
            continue;
        }
        let records: Vec<_> = listing.records().iter().map(shown).collect();
        if let Some(names) = expect["names"].as_array() {
            assert!(records.iter().map(|record| &record["name"]).eq(names), "{name}: {records:#?}");
        }
        for (n, expected) in expect["records"].as_array().into_iter().flatten().enumerate() {
            assert!(contains(&records[n], expected), "{name}: {:#} is not\n{expected:#}", records[n]);
        }
        let asked = |member: &str, value: Value| expect.get(member).is_none_or(|expected| *expected == value);
        assert!(asked("complete", listing.is_complete().into()), "{name}: complete");
        assert!(asked("requests", requests.into()), "{name}: requests");
        assert!(asked("element_errors", unread.into()), "{name}: elements");
        assert_eq!(listing.warning().map(|warning| json!(warning)), expect.get("warning").cloned(), "{name}");
        for record in listing.records() {
            let again: TemplateRecord = serde_json::from_value(serde_json::to_value(record).unwrap()).unwrap();
            assert_eq!(&again, record, "{name}: a record survives a store");
        }
    }
}

#[test]
fn answers_to_creations_and_to_archiving_are_read() {
    let cases = cases(CASES);
    let of = |member: &str| cases.iter().find(|case| case.get(member).is_some()).unwrap().clone();
    let created = of("create_answers");
    let mut asked = TemplateDefinition::new("shelf_note", "en_US", "utility");
    asked.message_send_ttl_seconds = Some(60);
    for (answer, expected) in created["create_answers"].as_array().unwrap().iter().zip(created["expect"]["results"].as_array().unwrap()) {
        let record = TemplateRecord::created(answer.to_string().as_bytes(), &asked).unwrap();
        assert!(contains(&shown(&record), expected), "{record:?}");
        assert!(record.is_of("shelf_note", "en-us"), "{record:?}");
        assert_eq!(record.lacks_reason(), expected["status"] == "rejected");
    }
    let archived = of("archive_answers");
    for (answer, expected) in archived["archive_answers"].as_array().unwrap().iter().zip(archived["expect"]["results"].as_array().unwrap())
    {
        let report = ArchiveReport::read(answer.to_string().as_bytes()).unwrap();
        assert_eq!(&serde_json::to_value(report).unwrap(), expected);
    }
}

#[test]
fn an_answer_of_another_form_is_an_error_and_no_empty_list() {
    for body in ["", "<html>", "[]", "7", "{}", r#"{"data":null}"#, r#"{"data":{}}"#, r#"{"error":{"code":100}}"#] {
        assert_eq!(TemplatePage::read(body.as_bytes(), None, 10).unwrap_err().kind(), ErrorKind::Protocol, "{body}");
        assert_eq!(TemplateRecord::read(body.as_bytes()).unwrap_err().kind(), ErrorKind::Protocol, "{body}");
        assert_eq!(ArchiveReport::read(body.as_bytes()).unwrap_err().kind(), ErrorKind::Protocol, "{body}");
    }
}

#[test]
fn an_element_that_cannot_be_built_costs_only_its_components() {
    let body =
        br#"{"data": [{"name": "a", "language": "en-US", "status": "approved", "components": [{"type": "BODY", "text": "cut \ud83d"}]},
        {"name": "b", "language": "en", "components": []}, {"name": ""}, null]}"#;
    let page = TemplatePage::read(body, None, 10).unwrap();
    assert_eq!((page.records[0].language.as_deref(), &page.records[0].components), (Some("en_US"), &None));
    assert!(page.records[0].raw.as_ref().unwrap().as_str().contains("ud83d"));
    assert_eq!(page.records[1].components, Some(vec![]));
    let unread: Vec<_> = page.unread.iter().map(|unread| unread.pointer.as_str()).collect();
    assert_eq!(unread, ["/data/2", "/data/3"]);
}

#[test]
fn a_list_ends_however_the_provider_counts() {
    let page = |next: u64| {
        let body = json!({"data": [{"name": format!("t{next}"), "language": "en"}], "paging": {"next": "n", "cursors": {"after": next.to_string()}}});
        TemplatePage::read(body.to_string().as_bytes(), None, 1).unwrap()
    };
    let mut listing = TemplateListing::new();
    let pages = (1..2_000).take_while(|n| listing.add(page(*n)).is_some()).count();
    assert_eq!((pages + 1, listing.warning()), (TemplateListing::MAX_PAGES, Some(ListWarning::TooManyPages)));
    assert!(!listing.is_complete());
    let read = |body: &str, after, limit| {
        let page = TemplatePage::read(body.as_bytes(), after, limit).unwrap();
        (page.warning, page.next, page.complete)
    };
    let again = r#"{"data": [], "paging": {"next": "n", "cursors": {"after": "c1"}}}"#;
    assert_eq!(read(again, Some("c1"), 1), (Some(ListWarning::CursorRepeats), None, false));
    assert_eq!(read(r#"{"waba_templates": [], "total": 7}"#, Some("3"), 1), (Some(ListWarning::TotalMismatch), None, false));
    assert_eq!(read(r#"{"waba_templates": []}"#, Some("3"), 0), (None, None, true), "an empty page ends it");
    assert_eq!(read(r#"{"waba_templates": [1]}"#, Some("3"), 1), (None, Some("4".into()), false));
    let promised = br#"{"data": [], "paging": {"next": "https://elsewhere.example/?after=1"}}"#;
    let page = TemplatePage::read(promised, None, 1).unwrap();
    assert_eq!((page.warning, page.next, page.complete), (Some(ListWarning::CursorMissing), None, false));
}

#[test]
fn a_list_that_moved_between_two_pages_is_not_complete() {
    let page = |names: &[&str], offset: u64, total: u64| {
        let templates: Vec<_> = names.iter().map(|name| json!({"id": format!("Hub{name}"), "name": name, "language": "en"})).collect();
        let body = json!({"waba_templates": templates, "offset": offset, "limit": 2, "total": total});
        TemplatePage::read(body.to_string().as_bytes(), None, 2).unwrap()
    };
    let mut listing = TemplateListing::new();
    assert_eq!(listing.add(page(&["b", "c"], 0, 3)).as_deref(), Some("2"));
    // Meanwhile `a` was created: it is on a page that is over.
    assert_eq!(listing.add(page(&["c", "d"], 2, 4)), None);
    assert_eq!((listing.records().len(), listing.is_complete(), listing.warning()), (3, false, Some(ListWarning::TotalMismatch)));
}

#[test]
fn ids_and_rejections_are_read_wherever_they_stand() {
    let read = |json: Value| TemplateRecord::read(json.to_string().as_bytes()).unwrap();
    let record = read(
        json!({"name": "a", "id": "17", "external_id": "Zy9XwVu8TsRq", "rejection_info": {"reason": "SCAM", "recommendation": "less"}}),
    );
    assert_eq!(serde_json::to_value(&record.id).unwrap(), json!({"meta": "17", "hub": "Zy9XwVu8TsRq"}));
    assert_eq!((record.rejected_reason.as_deref(), record.recommendation.as_deref()), (Some("SCAM"), Some("less")));
    assert_eq!(read(json!({"name": "a", "rejected_reason": "none"})).rejected_reason, None);
    let in_the_address = json!({"name": "a", "components": [{"type": "BUTTONS", "buttons": [
        {"type": "URL", "url": "https://www.whatsapp.com/otp/code/?otp_type=copy_code&code_expiration_minutes=7&code=otp{{1}}"},
    ]}]});
    let code = read(in_the_address).one_time_code().unwrap();
    assert_eq!((code.kind.as_deref(), code.expiration_minutes, code.security_recommendation), (Some("COPY_CODE"), Some(7), None));
    let older = json!({"name": "a", "components": [{"type": "BUTTONS", "buttons": [
        {"type": "OTP", "otp_type": "one_tap", "package_name": "com.example.library", "signature_hash": "Q3z+KlMnOp9"},
    ]}]});
    let code = read(older).one_time_code().unwrap();
    assert_eq!((code.kind.as_deref(), code.apps), (Some("ONE_TAP"), vec![("com.example.library".into(), "Q3z+KlMnOp9".into())]));
}
