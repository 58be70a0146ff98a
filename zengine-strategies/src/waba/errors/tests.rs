//! Every row of the documentation, and what stands around the code.

use serde_json::{Value, json};
use zengine_connector::{ErrorKind as Kind, Fault, Reach};

use super::*;

/// Code, HTTP status, kind, reach, scope, wait.
type Expected = (i64, u16, Kind, Reach, Option<Scope>, Option<Wait>);

#[rustfmt::skip]
const ROWS: &[Expected] = &[
    (0, 401, Kind::Unauthorized, Reach::Processed, None, None),
    (3, 500, Kind::Forbidden, Reach::Processed, None, None),
    (10, 403, Kind::Forbidden, Reach::Processed, None, None),
    (190, 401, Kind::Unauthorized, Reach::Processed, None, None),
    (102, 401, Kind::Unauthorized, Reach::Processed, None, None),
    (104, 400, Kind::Unauthorized, Reach::Processed, None, None),
    (192, 400, Kind::Template, Reach::Processed, None, None),
    (200, 403, Kind::Forbidden, Reach::Processed, None, None),
    (250, 403, Kind::Forbidden, Reach::Processed, None, None),
    (299, 403, Kind::Forbidden, Reach::Processed, None, None),
    (368, 403, Kind::Account, Reach::Processed, None, None),
    (130_497, 403, Kind::InvalidRecipient, Reach::Processed, None, None),
    (131_031, 403, Kind::Account, Reach::Processed, None, None),
    (4, 400, Kind::RateLimited, Reach::NotSent, Some(Scope::Account), Some(Wait::Usage)),
    (17, 400, Kind::RateLimited, Reach::Processed, Some(Scope::Account), None),
    (32, 400, Kind::RateLimited, Reach::Processed, Some(Scope::Account), None),
    (341, 400, Kind::RateLimited, Reach::Processed, Some(Scope::Account), None),
    (613, 400, Kind::RateLimited, Reach::Processed, Some(Scope::Account), None),
    (80_007, 400, Kind::RateLimited, Reach::NotSent, Some(Scope::Account), Some(Wait::Usage)),
    (80_008, 400, Kind::RateLimited, Reach::Processed, Some(Scope::Account), Some(Wait::Usage)),
    (130_429, 400, Kind::RateLimited, Reach::NotSent, Some(Scope::Sender), None),
    (130_429, 429, Kind::RateLimited, Reach::NotSent, Some(Scope::Sender), None),
    (131_048, 400, Kind::Account, Reach::Processed, None, None),
    (131_056, 400, Kind::RateLimited, Reach::NotSent, Some(Scope::Recipient), Some(Wait::Pair)),
    (131_064, 400, Kind::Account, Reach::Processed, None, None),
    (133_016, 400, Kind::Quota, Reach::Processed, None, Some(Wait::Seconds(259_200))),
    (1, 400, Kind::InvalidContent, Reach::Maybe, None, None),
    (1, 500, Kind::Unavailable, Reach::Maybe, None, None),
    (2, 503, Kind::Unavailable, Reach::Maybe, None, None),
    (2, 400, Kind::Unavailable, Reach::Maybe, None, None),
    (33, 400, Kind::Config, Reach::Processed, None, None),
    (100, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (506, 400, Kind::Conflict, Reach::Processed, None, None),
    (130_403, 400, Kind::InvalidRecipient, Reach::Processed, None, None),
    (130_472, 400, Kind::Policy, Reach::Processed, None, None),
    (130_501, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_001, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_002, 400, Kind::InvalidRecipient, Reach::Processed, None, None),
    (131_006, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_043, 400, Kind::Expired, Reach::Processed, None, None),
    (133_001, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (133_003, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_000, 500, Kind::Unavailable, Reach::Maybe, None, None),
    (131_000, 400, Kind::Unavailable, Reach::Maybe, None, None),
    (131_005, 403, Kind::Forbidden, Reach::Processed, None, None),
    (131_008, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_009, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_016, 500, Kind::Unavailable, Reach::Maybe, None, None),
    (131_020, 400, Kind::InvalidRecipient, Reach::Processed, None, None),
    (131_021, 400, Kind::InvalidRecipient, Reach::Processed, None, None),
    (131_026, 400, Kind::InvalidRecipient, Reach::Processed, None, None),
    (131_030, 400, Kind::InvalidRecipient, Reach::Processed, None, None),
    (131_041, 400, Kind::InvalidRecipient, Reach::Processed, None, None),
    (131_037, 400, Kind::Account, Reach::Processed, None, None),
    (131_042, 400, Kind::Billing, Reach::Processed, None, None),
    (131_044, 400, Kind::Billing, Reach::Processed, None, None),
    (131_045, 500, Kind::Account, Reach::Processed, None, None),
    (131_047, 400, Kind::WindowClosed, Reach::Processed, None, None),
    (131_049, 400, Kind::Policy, Reach::Processed, None, Some(Wait::Seconds(86_400))),
    (131_050, 400, Kind::OptedOut, Reach::Processed, None, None),
    (131_051, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_014, 400, Kind::Media, Reach::Processed, None, None),
    (131_052, 400, Kind::Media, Reach::Processed, None, None),
    (131_053, 400, Kind::Media, Reach::Processed, None, None),
    (131_055, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_057, 500, Kind::Unavailable, Reach::NotSent, None, Some(Wait::Seconds(60))),
    (131_059, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_060, 400, Kind::Unsupported, Reach::Processed, None, None),
    (131_062, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_063, 400, Kind::Template, Reach::Processed, None, None),
    (131_201, 206, Kind::InvalidContent, Reach::Processed, None, None),
    (131_202, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_204, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_209, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_210, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_211, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_212, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_213, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_214, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_215, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (131_207, 403, Kind::InvalidRecipient, Reach::Processed, None, None),
    (131_208, 429, Kind::RateLimited, Reach::Processed, None, None),
    (132_000, 400, Kind::Template, Reach::Processed, None, None),
    (132_001, 404, Kind::Template, Reach::Processed, None, None),
    (132_005, 400, Kind::Template, Reach::Processed, None, None),
    (132_007, 400, Kind::Template, Reach::Processed, None, None),
    (132_008, 400, Kind::Template, Reach::Processed, None, None),
    (132_012, 400, Kind::Template, Reach::Processed, None, None),
    (132_015, 400, Kind::Template, Reach::Processed, None, None),
    (132_016, 400, Kind::Template, Reach::Processed, None, None),
    (132_018, 400, Kind::Template, Reach::Processed, None, None),
    (132_068, 400, Kind::Template, Reach::Processed, None, None),
    (132_069, 400, Kind::RateLimited, Reach::NotSent, None, Some(Wait::Seconds(3600))),
    (133_000, 500, Kind::Account, Reach::Processed, None, None),
    (133_004, 503, Kind::Unavailable, Reach::Maybe, None, None),
    (133_005, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (133_008, 400, Kind::RateLimited, Reach::Processed, None, None),
    (133_009, 400, Kind::RateLimited, Reach::Processed, None, None),
    (133_006, 400, Kind::Account, Reach::Processed, None, None),
    (133_007, 400, Kind::Account, Reach::Processed, None, None),
    (133_010, 400, Kind::Account, Reach::Processed, None, None),
    (133_015, 400, Kind::Unavailable, Reach::Processed, None, Some(Wait::Seconds(300))),
    (134_011, 400, Kind::Billing, Reach::Processed, None, None),
    (135_000, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (136_025, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (136_024, 400, Kind::Account, Reach::Processed, None, None),
    (137_000, 400, Kind::InvalidRecipient, Reach::Processed, None, None),
    (138_000, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (138_001, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (138_018, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (138_021, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (138_005, 400, Kind::RateLimited, Reach::Processed, None, None),
    (138_009, 400, Kind::RateLimited, Reach::Processed, None, None),
    (138_012, 400, Kind::RateLimited, Reach::Processed, None, None),
    (139_000, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (139_004, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (139_100, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (139_101, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (139_102, 400, Kind::Unavailable, Reach::Maybe, None, None),
    (139_103, 500, Kind::Unavailable, Reach::Maybe, None, None),
    (139_200, 400, Kind::Forbidden, Reach::Processed, None, None),
    (147_001, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (147_005, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (2_388_000, 400, Kind::Template, Reach::Processed, None, None),
    (2_388_001, 400, Kind::Conflict, Reach::Processed, None, None),
    (2_388_004, 400, Kind::RateLimited, Reach::Processed, None, None),
    (2_388_019, 400, Kind::Account, Reach::Processed, None, None),
    (2_388_023, 400, Kind::Conflict, Reach::Processed, None, None),
    (2_388_024, 400, Kind::Conflict, Reach::Processed, None, None),
    (2_388_185, 400, Kind::Account, Reach::Processed, None, None),
    (2_388_012, 400, Kind::Conflict, Reach::Processed, None, None),
    (2_388_091, 400, Kind::RateLimited, Reach::Processed, None, Some(Wait::Seconds(3600))),
    (2_388_093, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (2_388_103, 400, Kind::Account, Reach::Processed, None, None),
    (2_388_039, 400, Kind::Template, Reach::Processed, None, None),
    (2_388_318, 400, Kind::Template, Reach::Processed, None, None),
    (2_388_330, 400, Kind::Template, Reach::Processed, None, None),
    (2_494_100, 500, Kind::Unavailable, Reach::Maybe, None, None),
    (2_494_164, 403, Kind::Forbidden, Reach::Processed, None, None),
    (2_494_179, 500, Kind::Unavailable, Reach::Maybe, None, None),
    (2_494_191, 400, Kind::Forbidden, Reach::Processed, None, None),
    (2_593_107, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (2_593_108, 400, Kind::InvalidContent, Reach::Processed, None, None),
    (2_593_109, 400, Kind::Policy, Reach::Processed, None, None),
    (1026, 400, Kind::InvalidRecipient, Reach::Processed, None, None),
    (134_100, 400, Kind::Template, Reach::Processed, None, None),
    (134_101, 400, Kind::RateLimited, Reach::NotSent, None, Some(Wait::Seconds(600))),
    (134_102, 500, Kind::Template, Reach::Processed, None, None),
    (1_752_041, 400, Kind::Conflict, Reach::Processed, None, None),
];

fn of(code: i64) -> GraphError {
    GraphError { code: Some(code), ..GraphError::default() }
}

#[test]
fn every_line_of_the_table_is_a_row() {
    assert!(table::lines(table::CODES).count() > 100);
    for line in table::lines(table::CODES) {
        let (codes, class) = table::row(line).unwrap_or_else(|| panic!("{line}"));
        // Neither malformed, nor behind a range that holds it.
        for code in [*codes.start(), *codes.end()] {
            assert_eq!(table::find(code).map(|found| found.what), Some(class.what), "{line}");
        }
    }
    for line in table::lines(table::WORDS) {
        assert!(table::text_row(line).is_some(), "{line}");
    }
}

#[test]
fn the_reasons_of_a_dead_token_are_told_apart() {
    let what = |subcode| classify(&GraphError { subcode, ..of(190) }, Some(401)).what;
    let all: Vec<_> = [None, Some(458), Some(460), Some(463), Some(467)].map(what).into();
    assert!(all.iter().enumerate().all(|(at, what)| !all[..at].contains(what)), "{all:?}");
    assert!(what(Some(460)).contains("password") && what(Some(463)).contains("expired"));
    assert_eq!(what(Some(1)), what(None));
}

#[test]
fn every_documented_code_has_its_kind_reach_scope_and_wait() {
    for &(code, http, kind, reach, scope, wait) in ROWS {
        let class = classify(&of(code), Some(http));
        assert_eq!((class.kind, class.reach, class.scope, class.wait), (kind, reach, scope, wait), "{code} at HTTP {http}");
    }
}

#[test]
fn the_http_status_never_decides_where_a_code_is_known() {
    for &(code, _, kind, reach, ..) in ROWS.iter().filter(|(code, ..)| *code != 1 && !(2_494_164..=2_494_179).contains(code)) {
        for http in [None, Some(200), Some(400), Some(401), Some(429), Some(500), Some(503)] {
            let class = classify(&of(code), http);
            assert_eq!((class.kind, class.reach), (kind, reach), "{code} at HTTP {http:?}");
        }
    }
}

#[test]
fn only_what_is_documented_as_not_accepted_is_called_not_sent() {
    let mut safe: Vec<_> = ROWS.iter().filter(|(.., reach, _, _)| *reach == Reach::NotSent).map(|(code, ..)| *code).collect();
    safe.sort_unstable();
    safe.dedup();
    assert_eq!(safe, [4, 80_007, 130_429, 131_056, 131_057, 132_069, 134_101]);
    let blocks = [-5..3_000, 80_000..81_000, 130_000..148_000, 1_752_000..1_753_000, 2_388_000..2_389_000, 2_494_000..2_495_000];
    for code in blocks.into_iter().flatten() {
        if let Some(class) = table::find(code) {
            assert!(class.reach != Reach::NotSent || safe.contains(&code), "{code}");
        }
    }
}

#[test]
fn what_may_have_been_sent_is_never_called_processed() {
    for code in [1, 2, 131_000, 131_016, 133_004] {
        for http in [None, Some(400), Some(500), Some(503)] {
            assert_eq!(classify(&of(code), http).reach, Reach::Maybe, "{code} {http:?}");
        }
    }
}

#[test]
fn message_level_errors_leave_the_provider_and_the_tenant_alone() {
    for code in [131_026, 131_047, 132_001, 134_102, 131_053, 130_472] {
        assert_eq!(classify(&of(code), Some(500)).kind.fault(), Fault::Domain, "{code}");
    }
}

#[test]
fn subcode_33_of_code_100_is_a_wrong_phone_number_id() {
    let error = GraphError { subcode: Some(33), ..of(100) };
    assert_eq!(classify(&error, Some(400)).kind, Kind::Config);
}

#[test]
fn a_refused_template_is_known_by_the_subcode_of_a_code_that_says_nothing() {
    let kind = |code, subcode| classify(&GraphError { subcode: Some(subcode), ..of(code) }, Some(400)).kind;
    for subcode in [2_388_023, 2_388_024] {
        assert_eq!(kind(100, subcode), Kind::Conflict, "{subcode}");
    }
    for subcode in [2_388_019, 2_388_185] {
        assert_eq!(kind(100, subcode), Kind::Account, "{subcode}");
    }
    for subcode in [2_388_043, 2_388_046, 2_388_293, 2_388_299] {
        assert_eq!(kind(100, subcode), Kind::Template, "{subcode}");
    }
    assert_eq!((kind(100, 2_388_000 - 1), kind(80_008, 2_388_024)), (Kind::InvalidContent, Kind::RateLimited));
    assert_eq!((kind(200_002, 2_388_109), kind(200_002, 33)), (Kind::Template, Kind::InvalidContent), "a code without a row");
    assert_eq!((kind(1, 2_388_109), kind(190, 2_388_109)), (Kind::InvalidContent, Kind::Unauthorized));
}

#[test]
fn a_missing_proof_is_a_wrong_set_up_and_not_a_wrong_message() {
    for words in ["API calls from the server require an appsecret_proof argument", "Invalid appsecret_proof provided in the API argument"] {
        let error = GraphError::read(&json!({"code": 100, "message": words}));
        assert_eq!((classify(&error, Some(400)).kind, classify(&error, Some(400)).reach), (Kind::Config, Reach::Processed));
    }
}

#[test]
fn an_expired_token_needs_authorisation_whatever_its_subcode() {
    for subcode in [458, 459, 460, 463, 464, 467, 492, 33] {
        let error = GraphError { subcode: Some(subcode), ..of(190) };
        assert_eq!(classify(&error, Some(400)).kind, Kind::Unauthorized, "{subcode}");
    }
}

#[test]
fn without_a_code_the_status_decides() {
    let table = [
        (401, Kind::Unauthorized, Reach::Processed),
        (403, Kind::Forbidden, Reach::Processed),
        (404, Kind::InvalidContent, Reach::Processed),
        (408, Kind::Unavailable, Reach::Maybe),
        (422, Kind::InvalidContent, Reach::Processed),
        (425, Kind::Unavailable, Reach::Maybe),
        (429, Kind::RateLimited, Reach::NotSent),
        (500, Kind::Unavailable, Reach::Maybe),
        (502, Kind::Unavailable, Reach::Maybe),
        (503, Kind::Unavailable, Reach::Maybe),
        (504, Kind::Unavailable, Reach::Maybe),
        (302, Kind::Protocol, Reach::Maybe),
    ];
    for (status, kind, reach) in table {
        for error in [GraphError::default(), of(999_999)] {
            let class = classify(&error, Some(status));
            assert_eq!((class.kind, class.reach), (kind, reach), "{status} {error:?}");
        }
    }
}

#[test]
fn an_unknown_code_that_calls_itself_transient_may_have_been_sent() {
    let error = GraphError { is_transient: true, ..of(999_999) };
    let class = classify(&error, Some(400));
    assert_eq!((class.kind, class.reach), (Kind::Unavailable, Reach::Maybe));
    let known = GraphError { is_transient: true, ..of(131_047) };
    assert_eq!(classify(&known, Some(400)).kind, Kind::WindowClosed);
    let unknown = GraphError { is_transient: true, ..of(1) };
    assert_eq!(classify(&unknown, Some(400)).kind, Kind::Unavailable);
}

#[test]
fn errors_are_read_whatever_their_shape() {
    let read = |value| GraphError::read(&value);
    assert_eq!(read(json!({"code": 131_047})).code, Some(131_047));
    assert_eq!(read(json!({"code": "131047"})).code, Some(131_047));
    assert_eq!(read(json!({"code": 131_047.0})).code, Some(131_047));
    for odd in [json!({}), json!({"code": null}), json!({"code": {}}), json!("text"), json!(null), json!([1]), json!({"code": "x"})] {
        assert_eq!(read(odd.clone()).code, None, "{odd}");
    }
    assert_eq!(read(json!({"error_data": {"details": "d"}})).details.as_deref(), Some("d"));
    assert_eq!(read(json!({"error_data": "d"})).details.as_deref(), Some("d"));
    assert_eq!(read(json!({"error_data": ["d"]})).details, None);
    assert_eq!(read(json!("words")).title.as_deref(), Some("words"));
    let whole = read(json!({"code": 1, "error_subcode": "2", "is_transient": true, "fbtrace_id": "A", "title": "t", "message": "m"}));
    assert_eq!(
        (whole.subcode, whole.is_transient, whole.trace_id.as_deref(), whole.title.as_deref()),
        (Some(2), true, Some("A"), Some("t"))
    );
}

#[test]
fn waits_come_from_the_header_the_usage_or_the_table() {
    let seconds = Duration::from_secs;
    let wait = |code, attempt, header, usage: Option<Duration>| classify(&of(code), Some(400)).wait(attempt, header, || usage);
    assert_eq!([1, 2, 3, 4].map(|attempt| wait(131_056, attempt, None, None)), [1, 4, 16, 64].map(|s| Some(seconds(s))));
    assert!(wait(131_056, u32::MAX, None, None) <= Some(seconds(3600 * 2)));
    assert_eq!(wait(80_007, 1, None, Some(seconds(120))), Some(seconds(120)));
    assert_eq!(wait(80_007, 1, Some(seconds(7)), Some(seconds(120))), Some(seconds(7)));
    assert_eq!(wait(4, 1, None, None), None);
    assert_eq!(wait(130_429, 1, None, Some(seconds(9))), None);
    assert_eq!(wait(131_057, 1, Some(seconds(1)), None), Some(seconds(60)));
    assert_eq!(wait(131_057, 1, Some(seconds(90)), None), Some(seconds(90)));
}

#[test]
fn an_error_of_a_webhook_keeps_code_title_and_json() {
    let value = json!({"code": 131_026, "title": "Message undeliverable", "error_data": {"details": "x"}});
    let raw = RawJson::from_value(&value).unwrap();
    let error = GraphError::read(&value).to_provider_error(Some(raw.clone()));
    assert_eq!((error.kind, error.code.as_deref(), error.raw), (Kind::InvalidRecipient, Some("131026"), Some(raw)));
    assert!(!format!("{:?}", GraphError::read(&value)).contains("undeliverable"));
    assert_eq!(GraphError::read(&json!({"code": 77})).to_provider_error(None).kind, Kind::Unexpected);
}

/// The meaning of an answer with this body.
fn judged(dialect: Dialect, status: u16, body: &str) -> Option<(GraphError, Class)> {
    let response = http::Response::builder().status(status).extension(dialect).body(bytes::Bytes::from(body.to_owned())).unwrap();
    crate::waba::answer::judge(&response)
}

/// The error of a call that a provider before Meta refuses with this body, and its class at this status.
fn refused(status: u16, body: &str) -> (GraphError, Class) {
    judged(Dialect::Partner, status, body).unwrap()
}

#[test]
fn a_number_called_code_in_an_unknown_body_is_no_code_of_meta() {
    for code in [4, 200, 429, 131_056] {
        for body in [
            json!({"code": code, "msg": "deadline"}),
            json!({"code": code, "message": {"code": code}}),
            json!({"error": format!(r#"upstream said {{"code": {code}}}"#)}),
            json!({"message": format!(r#"{{"code": {code}, "error": "x"}}"#)}),
            json!({"meta": {"success": false, "developer_message": format!(r#"({{"code": {code}}})"#)}}),
            json!(format!(r#"{{"code": {code}}}"#)),
        ] {
            for status in [500, 503, 504] {
                let (error, class) = refused(status, &body.to_string());
                assert_eq!((error.code, class.kind, class.reach), (None, Kind::Unavailable, Reach::Maybe), "{status} {body}");
            }
            assert_eq!(refused(400, &body.to_string()).0.code, None, "{body}");
        }
    }
}

#[test]
fn a_failing_gateways_own_error_object_does_not_say_that_nothing_was_sent() {
    for code in [4, 200, 429, 130_429] {
        let body = json!({"error": {"code": code, "message": "DEADLINE_EXCEEDED"}});
        for body in [body.clone(), json!({"detail": body})] {
            assert_eq!(refused(504, &body.to_string()).1.reach, Reach::Maybe, "{body}");
        }
    }
    let of_meta = json!({"error": {"code": 130_429, "message": "m", "fbtrace_id": "A"}}).to_string();
    assert_eq!(refused(500, &of_meta).1.reach, classify(&of(130_429), Some(500)).reach);
}

#[test]
fn a_message_that_was_taken_is_taken_whatever_stands_beside_it() {
    for beside in
        [json!({"error": {"code": 4}}), json!({"meta": {"success": false, "http_code": 429}}), json!({"detail": {"error": {"code": 4}}})]
    {
        let mut body = json!({"messages": [{"id": "wamid.1"}]});
        body.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        assert!(judged(Dialect::Partner, 200, &body.to_string()).is_none(), "{body}");
    }
}

#[test]
fn a_failing_gateway_that_quotes_an_error_may_have_sent_the_message() {
    for code in [4, 130_429, 132_001] {
        let body = json!({"error": format!(r#"Invalid payload ({{"error": {{"code": {code}, "fbtrace_id": "A"}}}})"#)}).to_string();
        let (error, class) = refused(504, &body);
        assert_eq!((error.code, class.reach), (Some(code), Reach::Maybe));
        assert_eq!(refused(400, &body).1.reach, classify(&of(code), Some(400)).reach);
    }
}

#[test]
fn of_an_answer_of_meta_only_its_own_shape_is_read() {
    let graph = r#"{"error":{"code":4,"fbtrace_id":"A"}}"#;
    for body in [
        r#"{"code":4,"fbtrace_id":"A"}"#.to_owned(),
        json!({"error": graph}).to_string(),
        json!({"error": "You have exceeded the endpoint rate limit"}).to_string(),
        json!({"message": "Try again later"}).to_string(),
        json!({"detail": {"error": {"code": 4}}}).to_string(),
        json!({"meta": {"success": false, "error": graph}}).to_string(),
        json!(graph).to_string(),
        format!("Invalid payload ({graph})"),
    ] {
        for status in [400, 403, 429, 500, 504] {
            let (error, class) = judged(Dialect::Meta, status, &body).unwrap();
            assert_eq!((error.code, class), (None, classify(&GraphError::default(), Some(status))), "{status} {body}");
        }
        assert!(body.starts_with(r#"{"error"#) || judged(Dialect::Meta, 200, &body).is_none(), "{body}");
    }
}

#[test]
fn metas_error_is_found_inside_of_what_a_provider_writes_around_it() {
    let graph = r#"{"message":"m","code":132001,"error_subcode":7,"fbtrace_id":"A"}"#;
    let quoted = serde_json::to_string(&format!(r#"{{"error":{graph}}}"#)).unwrap();
    let payload = serde_json::to_string(&format!("Invalid payload ({graph})")).unwrap();
    for body in [
        format!(r#"{{"error":{graph}}}"#),
        format!(r#"{{"detail":{{"error":{graph}}}}}"#),
        format!(r#"{{"meta":{{"error":{quoted},"developer_message":"x","http_code":400,"success":false}}}}"#),
        format!(r#"{{"meta":{{"developer_message":{payload},"http_code":500,"success":false}},"360dialog_trace_id":"B"}}"#),
        format!(r#"{{"meta":{{"error":"no","developerMessage":{payload}}}}}"#),
        payload.clone(),
    ] {
        let (error, class) = refused(400, &body);
        assert_eq!((error.code, error.subcode, error.trace_id.as_deref()), (Some(132_001), Some(7), Some("A")), "{body}");
        assert_eq!((class.kind, class.reach), (Kind::Template, Reach::Processed), "{body}");
    }
    let (error, class) = refused(400, r#"{"meta":{"success":false},"errors":[{"code":1013,"title":"t","details":"d"}]}"#);
    assert_eq!((error.code, error.details.as_deref(), class.kind), (Some(1013), Some("d"), Kind::InvalidRecipient));
}

#[test]
fn a_refusal_without_a_code_is_known_by_status_and_words() {
    let meta = |text: &str| json!({"meta": {"httpCode": 404, "developerMessage": text, "success": false}}).to_string();
    let simple = |text: &str| json!({"error": text}).to_string();
    let members = [|text: &str| json!({"message": text}).to_string(), |text: &str| json!({"detail": text}).to_string()];
    for body in [meta, simple, members[0], members[1]] {
        let kind = |status, text: &str| refused(status, &body(text)).1.kind;
        assert_eq!(kind(401, "Invalid API key"), Kind::Unauthorized);
        assert_eq!(kind(403, "The endpoint is blocked"), Kind::Forbidden);
        assert_eq!(kind(400, "Could not send message due to lack of payment"), Kind::Billing);
        assert_eq!(kind(400, "Account Disabled"), Kind::Account);
        assert_eq!(kind(400, "Unknown field."), Kind::InvalidContent);
        assert_eq!(kind(404, "you have exceeded the limit"), Kind::InvalidContent);
        assert_eq!(kind(502, "Bad gateway"), Kind::Unavailable);
        let (error, class) = refused(400, &body("You have exceeded the endpoint rate limit. Try again in 30 seconds"));
        assert_eq!((class.kind, class.reach, class.wait), (Kind::RateLimited, Reach::NotSent, Some(Wait::Seconds(30))));
        assert!(error.to_details().title.is_some_and(|words| words.contains("endpoint rate limit")));
        assert_eq!(refused(400, &body("You have exceeded the limit. Try again later")).1.wait, None);
        for fault in [
            "Message character limit exceeded",
            "You have exceeded the limit of 4096 characters",
            "file size limit exceeded",
            "Request header size limit exceeded",
            "Template is disabled",
            "The flow has been disabled",
            "URL preview is disabled",
            "Something went wrong, try again later",
            r#"Unknown word in "you have exceeded the request limit""#,
            &"exceeded the limit ".repeat(100),
        ] {
            assert_eq!(kind(400, fault), Kind::InvalidContent, "{fault}");
        }
    }
}

#[test]
fn words_outside_of_the_members_for_them_decide_nothing() {
    let words = "You have exceeded the endpoint rate limit";
    for body in [
        words.to_owned(),
        json!(words).to_string(),
        json!({"reason": words}).to_string(),
        json!({"error": {"message": words}}).to_string(),
        json!({"detail": {"text": words}, "code": 1}).to_string(),
    ] {
        let (error, class) = refused(400, &body);
        assert_eq!((class.kind, class.reach), (Kind::InvalidContent, Reach::Processed), "{body}");
        assert!(error.to_details().title.is_some_and(|text| text.contains(words)), "{body}");
    }
}

#[test]
fn a_refusal_in_a_success_says_nothing_of_how_far_the_message_got() {
    let of = |body: Value| judged(Dialect::Partner, 200, &body.to_string()).map(|(_, class)| (class.kind, class.reach));
    let meta = |status: u16| json!({"meta": {"success": false, "http_code": status, "developer_message": "no"}});
    assert_eq!(of(meta(429)), Some((Kind::RateLimited, Reach::Maybe)));
    assert_eq!(of(meta(401)), Some((Kind::Unauthorized, Reach::Maybe)));
    assert_eq!(of(json!({"error": "You have exceeded the rate limit"})), Some((Kind::Unexpected, Reach::Maybe)));
    let quoting = json!({"meta": {"success": false, "http_code": 400, "error": r#"{"error":{"code":4,"fbtrace_id":"A"}}"#}});
    assert_eq!(of(quoting), Some((Kind::RateLimited, Reach::Maybe)));
    assert_eq!(of(json!({"error": {"code": 131_047}})), Some((Kind::WindowClosed, Reach::Processed)));
    let mut taken = meta(429);
    taken["messages"] = json!([{"id": "wamid.1"}]);
    assert_eq!(of(taken), None, "a message with an id was taken");
}

#[test]
fn a_partners_statuses_and_throttles_have_a_meaning_of_their_own() {
    let of =
        |dialect, status, body: &Value| judged(dialect, status, &body.to_string()).map(|(_, class)| (class.kind, class.reach)).unwrap();
    let coded = |code: i64| json!({"error": {"code": code, "fbtrace_id": "A"}});
    for (status, body, partner, meta) in [
        (
            409,
            json!({"message": "Operation already in progress"}),
            (Kind::Conflict, Reach::Processed),
            (Kind::InvalidContent, Reach::Processed),
        ),
        (415, json!({"error": "Unsupported media type"}), (Kind::Media, Reach::Processed), (Kind::InvalidContent, Reach::Processed)),
        (400, coded(80_008), (Kind::RateLimited, Reach::NotSent), (Kind::RateLimited, Reach::Processed)),
        (503, coded(80_008), (Kind::RateLimited, Reach::Processed), (Kind::RateLimited, Reach::Processed)),
        (429, coded(80_008), (Kind::RateLimited, Reach::NotSent), (Kind::RateLimited, Reach::Processed)),
        (429, coded(429), (Kind::RateLimited, Reach::NotSent), (Kind::RateLimited, Reach::Processed)),
        (429, coded(613), (Kind::RateLimited, Reach::NotSent), (Kind::RateLimited, Reach::Processed)),
        (400, coded(613), (Kind::RateLimited, Reach::Processed), (Kind::RateLimited, Reach::Processed)),
    ] {
        assert_eq!(of(Dialect::Partner, status, &body), partner, "{status} {body}");
        assert_eq!(of(Dialect::Meta, status, &body), meta, "{status} {body} of Meta");
    }
}

#[test]
fn the_error_data_of_a_partner_has_a_code_and_the_true_message() {
    let data =
        json!({"code": 100, "message": "Invalid parameter", "real_message": "Content in this language already exists", "status": 400});
    let body = json!({"meta": {"success": false, "http_code": 400, "developer_message": "Template creation failed", "error_data": data}});
    let (error, class) = refused(400, &body.to_string());
    assert_eq!((error.code, class.kind, class.reach), (Some(100), Kind::InvalidContent, Reach::Processed));
    let words = error.to_details();
    assert_eq!(
        (words.title.as_deref(), words.details.as_deref()),
        (Some("Invalid parameter"), Some("Content in this language already exists"))
    );
}

#[test]
fn both_traces_and_the_blamed_field_are_kept() {
    let graph = json!({"error": {
        "code": 100, "error_subcode": 2_388_046, "fbtrace_id": "Asynth02", "error_data": {"blame_field_specs": [["components", 1, "name"]]}
    }});
    let body = json!({"meta": {"success": false, "360dialog_trace_id": "synth-trace-9", "error": graph.to_string()}});
    let (error, class) = refused(400, &body.to_string());
    assert_eq!((class.kind, error.trace_id.as_deref()), (Kind::Template, Some("Asynth02")));
    assert_eq!((error.gateway_trace.as_deref(), error.field.as_deref()), (Some("synth-trace-9"), Some("/components/1/name")));
    for odd in [json!([["a b"]]), json!([[]]), json!([]), json!("name"), json!([["canary@example.org"]])] {
        assert_eq!(GraphError::read(&json!({"code": 100, "error_data": {"blame_field_specs": odd}})).field, None, "{odd}");
    }
}

#[test]
fn the_words_of_an_error_with_a_code_decide_nothing() {
    let body = json!({"error": {"code": 100, "error_subcode": 2_388_040, "message": "character limit exceeded"}}).to_string();
    assert_eq!(refused(400, &body).1.kind, Kind::Template);
    let without = json!({"error": {"message": "the limit is exceeded"}}).to_string();
    assert_eq!(refused(400, &without).1.kind, Kind::InvalidContent);
}

#[test]
fn a_body_of_no_known_shape_keeps_its_words_and_markup_none() {
    let words = |body: &str| refused(500, body).0.title;
    assert_eq!(words(r#"{"reason":"odd"}"#).as_deref(), Some(r#"{"reason":"odd"}"#));
    assert_eq!(words(&"é".repeat(5_000)).map(|text| text.len()), Some(8_192));
    for nothing in ["", "  ", "<html>Sorry</html>", "{}", "[]", "null", "7"] {
        assert_eq!(words(nothing), None, "{nothing}");
    }
}

#[test]
fn a_success_is_no_error_whatever_it_says_beside() {
    let judged = |body: Value| judged(Dialect::Partner, 200, &body.to_string()).map(|(_, class)| class.kind);
    for fine in [
        json!({"meta": {"success": true, "http_code": 200, "developer_message": "done"}}),
        json!({"messages": [{"id": "1"}], "errors": [{"code": 1}]}),
        json!({"message": "Operation started"}),
        json!("text"),
    ] {
        assert_eq!(judged(fine.clone()), None, "{fine}");
    }
    assert_eq!(judged(json!({"meta": {"success": false, "http_code": 401}})), Some(Kind::Unauthorized));
    assert_eq!(judged(json!({"detail": {"error": {"code": 190}}})), Some(Kind::Unauthorized));
}
