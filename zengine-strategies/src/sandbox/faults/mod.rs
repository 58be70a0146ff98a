//! Faults of requests and of webhooks: one type of rule, one kind of queue.

mod queue;
mod request;
mod rule;
mod webhook;

pub(super) use self::queue::FaultQueue;
pub use self::request::Fault;
pub(super) use self::request::RequestFaultKind;
pub use self::rule::FaultRule;
pub(super) use self::rule::{FaultKind, Target};
pub use self::webhook::WebhookFault;
pub(super) use self::webhook::WebhookFaultKind;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A rule of every kind of `K`, with all members of the kind and all common ones.
    fn every_kind<K: FaultKind>(kinds: &[Value]) {
        let common = json!({"times": 2, "probability": 0.5, "sender": "1", "edge": "e", "path": "/p", "accepting": true,
            "headers": {"a": "b"}, "when": {"/x": 1}});
        for kind in kinds {
            let mut json = kind.clone();
            for (name, value) in common.as_object().unwrap() {
                if K::COMMON.contains(&name.as_str()) {
                    json[name] = value.clone();
                }
            }
            let rule: FaultRule<K> = serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{json}: {error}"));
            assert_eq!(rule.name(), kind["fault"], "{json}");
            assert_eq!(serde_json::to_value(&rule).unwrap(), json);
            json["other"] = 1.into();
            let error = serde_json::from_value::<FaultRule<K>>(json).unwrap_err().to_string();
            assert!(error.contains("takes no `other`; all kinds take times"), "{kind}: {error}");
        }
        let error = serde_json::from_value::<FaultRule<K>>(json!({"fault": "x"})).unwrap_err().to_string();
        assert_eq!(error.matches('`').count(), 2 * (kinds.len() + 2), "the error lists every kind of this test: {error}");
    }

    #[test]
    fn every_kind_reads_back_as_it_was_written_and_takes_no_other_member() {
        every_kind::<RequestFaultKind>(&[
            json!({"fault": "pass"}),
            json!({"fault": "throttle"}),
            json!({"fault": "error", "code": "131000", "status": 503}),
            json!({"fault": "unavailable"}),
            json!({"fault": "html", "status": 502}),
            json!({"fault": "redirect", "location": "x", "status": 307}),
            json!({"fault": "raw", "status": 200, "content_type": "text/plain", "body": {"a": 1}}),
            json!({"fault": "no_id"}),
            json!({"fault": "change", "pointer": "/a/0", "value": null}),
            json!({"fault": "remove", "pointer": "/a"}),
            json!({"fault": "wrong_hash"}),
            json!({"fault": "oversize", "bytes": 7}),
            json!({"fault": "slow", "ms": 7}),
            json!({"fault": "drip", "pieces": 3, "ms": 7}),
            json!({"fault": "hang"}),
            json!({"fault": "stall"}),
            json!({"fault": "cut_body"}),
            json!({"fault": "wrong_length", "by": -5}),
            json!({"fault": "garbage"}),
            json!({"fault": "reset", "before_reading": true}),
            json!({"fault": "undeliverable", "code": "X"}),
        ]);
        every_kind::<WebhookFaultKind>(&[
            json!({"fault": "duplicate", "copies": 2, "ms": 5}),
            json!({"fault": "delay", "ms": 7}),
            json!({"fault": "behind", "count": 3}),
            json!({"fault": "together", "count": 4}),
            json!({"fault": "drop_once"}),
            json!({"fault": "lose"}),
            json!({"fault": "ignore_answer"}),
            json!({"fault": "cut"}),
            json!({"fault": "wrong_signature"}),
            json!({"fault": "unsigned"}),
            json!({"fault": "corrupt"}),
        ]);
    }

    #[test]
    fn what_has_a_default_may_be_absent_and_codes_may_be_numbers() {
        let written = |json: Value| serde_json::to_value(serde_json::from_value::<Fault>(json).unwrap()).unwrap();
        assert_eq!(written(json!({"fault": "error", "code": 131_000})), json!({"fault": "error", "code": "131000"}));
        assert_eq!(written(json!({"fault": "drip", "ms": 1})), json!({"fault": "drip", "pieces": 10, "ms": 1}));
        assert_eq!(written(json!({"fault": "hang", "forever": true})), json!({"fault": "hang", "forever": true}));
        let twice: WebhookFault = serde_json::from_value(json!({"fault": "duplicate"})).unwrap();
        assert_eq!(twice.kind, WebhookFaultKind::Duplicate { copies: 1, ms: 0 });
        for (built, json) in [
            (Fault::html(502), json!({"fault": "html", "status": 502})),
            (Fault::wrong_hash(), json!({"fault": "wrong_hash"})),
            (Fault::unavailable_after_accepting().times(3), json!({"fault": "unavailable", "accepting": true, "times": 3})),
            (
                Fault::error_in_200("Throttling").when(|_| true),
                json!({"fault": "error", "code": "Throttling", "status": 200, "conditional": true}),
            ),
        ] {
            assert_eq!(serde_json::to_value(&built).unwrap(), json);
        }
    }

    #[test]
    fn a_member_that_comes_twice_is_refused() {
        for json in [r#"{"fault": "hang", "times": 1, "times": 2}"#, r#"{"fault": "hang", "when": {"/a": 1, "/a": 2}}"#] {
            let error = serde_json::from_str::<Fault>(json).unwrap_err().to_string();
            assert!(error.contains("is there twice"), "{error}");
        }
    }

    #[test]
    fn an_invalid_fault_is_refused_with_the_reason() {
        for (json, expected) in [
            (json!({"fault": "trottle"}), "`fault`: unknown variant `trottle`, expected one of `pass`, `throttle`"),
            (json!({"times": 1}), "missing field `fault`"),
            (json!({"fault": "slow"}), "a fault of kind `slow` needs `ms`"),
            (json!({"fault": "throttle", "ms": 3}), "a fault of kind `throttle` takes no `ms`"),
            (json!({"fault": "throttle", "tims": 3}), "takes no `tims`; all kinds take times, forever"),
            (json!({"fault": "throttle", "times": -3}), "`times`: invalid value"),
            (json!({"fault": "slow", "ms": "x"}), "`ms`: invalid type"),
            (json!({"fault": "throttle", "times": 3, "forever": true}), "`times` and `forever` exclude each other"),
            (json!({"fault": "throttle", "edge": "e", "any_request": true}), "`edge` and `any_request` exclude each other"),
            (json!({"fault": "throttle", "conditional": true}), "takes no `conditional`"),
            (json!({"fault": "throttle", "probability": 1.5}), "0 to 1"),
            (json!({"fault": "error", "code": 1, "status": 99}), "200 to 599"),
            (json!({"fault": "error", "code": 1.5}), "must be a text or a whole number"),
            (json!({"fault": "throttle", "when": {"type": "text"}}), "no JSON pointer"),
            (json!({"fault": "remove", "pointer": "a"}), "no JSON pointer"),
            (json!("throttle"), "invalid type"),
        ] {
            let error = serde_json::from_value::<Fault>(json.clone()).unwrap_err().to_string();
            assert!(error.contains(expected), "{json}: {error}");
        }
        for (json, expected) in [
            (json!({"fault": "delay"}), "a webhook fault of kind `delay` needs `ms`"),
            (json!({"fault": "lose", "count": 1}), "takes no `count`"),
            (json!({"fault": "lose", "path": "/"}), "takes no `path`"),
        ] {
            assert!(serde_json::from_value::<WebhookFault>(json).unwrap_err().to_string().contains(expected));
        }
    }
}
