//! The memory that a signed webhook makes the reader hold, and the values that it makes it pass: linear in the body, whatever its
//! shape.
//!
//! It stands here because a counting allocator needs `unsafe`, which the published crates forbid.

use std::{fmt::Write as _, sync::Arc};

use serde_json::{Value, json};
use zengine_connector::{
    Error, HttpClient, InboundStrategy, SecretRef, http::ReqwestClient, private::json_steps_taken as steps_taken, strategy::RawPayload,
};
use zengine_strategies::whatsapp_meta_cloud::{MetaApp, WhatsAppMetaCloud};

#[allow(dead_code, unreachable_pub, reason = "shared with the benchmarks, which also count calls")]
#[path = "../src/harness/alloc.rs"]
mod alloc;

#[global_allocator]
static COUNTING: alloc::Counting = alloc::Counting;

/// A webhook of about this many bytes, of one adversarial shape.
type Shape = fn(usize) -> String;

fn body(field: &str, value: &Value) -> Value {
    json!({"object": "whatsapp_business_account", "entry": [{"id": "9", "changes": [{"field": field, "value": value}]}]})
}

fn long(bytes: usize) -> String {
    "7".repeat(bytes / 2)
}

/// Elements of half of the body.
fn many(bytes: usize, element: &Value) -> Vec<Value> {
    vec![element.clone(); bytes / 2 / element.to_string().len()]
}

const SHAPES: &[(&str, Shape)] = &[
    ("errors beside messages", |bytes| {
        let messages = many(bytes, &json!({"type": "interactive"}));
        body("messages", &json!({"messages": messages, "errors": many(bytes, &json!({"code": 1}))})).to_string()
    }),
    ("errors beside calls that ended", |bytes| {
        let calls = many(bytes, &json!({"event": "terminate"}));
        body("calls", &json!({"calls": calls, "errors": many(bytes, &json!({"code": 1}))})).to_string()
    }),
    ("a long id of the number", |bytes| {
        body("messages", &json!({"metadata": {"phone_number_id": long(bytes)}, "messages": many(bytes, &json!({"type": "text"}))}))
            .to_string()
    }),
    ("a long id of the account", |bytes| {
        let mut all = body("messages", &json!({"messages": many(bytes, &json!({"type": "text"}))}));
        all["entry"][0]["id"] = long(bytes).into();
        all.to_string()
    }),
    ("a long displayed number", |bytes| {
        body("messages", &json!({"metadata": {"display_phone_number": long(bytes)}, "statuses": many(bytes, &json!({"status": "sent"}))}))
            .to_string()
    }),
    ("a contact with long names", |bytes| {
        let contact = json!({"wa_id": "1", "profile": {"name": long(bytes / 2), "username": long(bytes / 4)}, "user_id": long(bytes / 4)});
        body("messages", &json!({"contacts": [contact], "messages": many(bytes, &json!({"from": "1"}))})).to_string()
    }),
    ("as many contacts as messages", |bytes| {
        let contacts = many(bytes, &json!({"wa_id": "1", "profile": {"name": "A"}}));
        body("messages", &json!({"contacts": contacts, "messages": many(bytes, &json!({"from": "1"}))})).to_string()
    }),
    ("a long id of a thread", |bytes| {
        let thread =
            json!({"id": long(bytes / 2), "context": {"username": long(bytes / 2)}, "messages": many(bytes, &json!({"from": "1"}))});
        body("history", &json!({"history": [{"threads": [thread]}]})).to_string()
    }),
    ("a field's name as long as is read", |bytes| {
        let field = format!("template_{}", "x".repeat(1_000));
        repeated(&body(&field, &json!({})), r#""value":{}"#, bytes / 2)
    }),
    ("errors beside copies", |bytes| {
        let errors = json!({"errors": many(bytes, &json!({"code": 1})), "standby": {}});
        repeated(&body("standby", &errors), r#""standby":{"messages":[{"type":"text"}]}"#, bytes / 2)
    }),
    ("errors beside lists of calls that ended", |bytes| {
        let errors = json!({"errors": many(bytes, &json!({"code": 1})), "calls": {}});
        repeated(&body("calls", &errors), r#""calls":[{"event":"terminate"}]"#, bytes / 2)
    }),
    ("values of a field", |bytes| repeated(&body("zz", &json!({})), r#""value":{}"#, bytes)),
    ("values of an empty list", |bytes| repeated(&body("messages", &json!({})), r#""value":{"messages":[]}"#, bytes)),
];

/// A body in which a member, `{}` before, stands so often that it has about this many bytes.
fn repeated(body: &Value, member: &str, bytes: usize) -> String {
    let name = member.split_inclusive(':').next().unwrap_or_default();
    body.to_string().replace(&format!("{name}{{}}"), &vec![member; bytes / (member.len() + 1)].join(","))
}

/// A body of Meta's form, whose members the tests repeat. Every list has one element.
fn samples() -> Vec<Value> {
    let metadata = || json!({"display_phone_number": "1", "phone_number_id": "2"});
    let contacts = || json!([{"wa_id": "1", "user_id": "US.1", "profile": {"name": "A", "username": "a"}}]);
    let message = || json!({"id": "w", "from": "1", "type": "text", "text": {"body": "x"}, "errors": [{"code": 1}]});
    let live = json!({"messages": [message()], "statuses": [{"id": "w", "status": "failed", "recipient_id": "1", "errors": [{"code": 1}]}],
        "metadata": metadata(), "contacts": contacts(), "errors": [{"code": 1}], "conversation_context": {"a": 1}, "new": 1});
    let copy = json!({"messages": [{"type": "text"}], "contacts": contacts(), "errors": [{"code": 1}]});
    let thread = json!({"id": "1", "context": {"username": "a"}, "messages": [message()], "new": 1});
    let chunk = json!({"metadata": {"phase": 0}, "threads": [thread], "errors": [{"code": 1}], "new": 1});
    let participants = json!([{"wa_id": "1"}]);
    let mut all = vec![
        body("messages", &live),
        body("messages", &json!({"messages": [{"type": "image", "from": "1"}], "errors": [{"code": 1}], "contacts": contacts()})),
        body("standby", &json!({"standby": copy, "errors": [{"code": 1}], "metadata": metadata()})),
        body("calls", &json!({"calls": [{"event": "terminate", "from": "1"}], "errors": [{"code": 1}], "contacts": contacts()})),
        body("history", &json!({"history": [chunk], "metadata": metadata()})),
        body(
            "group_participants_update",
            &json!({"groups": [{"group_id": "g", "added_participants": participants, "errors": [{"code": 1}]}]}),
        ),
        body("message_template_status_update", &json!({"event": "REJECTED", "reason": "x", "other_info": [{"reason": "y"}]})),
        body("something", &json!({"new": 1})),
    ];
    for sample in &mut all {
        sample["entry"][0]["changes"][0]["new"] = 1.into();
        sample["entry"][0]["new"] = 1.into();
        sample["new"] = 1.into();
    }
    all
}

/// Writes a value. The values in `grown`, counted in document order, are grown to about that many bytes: a member of an object or an
/// element of a list is repeated, and a text becomes longer.
struct Growing<'g> {
    grown: &'g [(usize, Growth)],
    bytes: usize,
    at: usize,
    out: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Growth {
    Repeated,
    Longer,
}

impl Growing<'_> {
    fn of(value: &Value, grown: &[(usize, Growth)], bytes: usize) -> String {
        let mut growing = Growing { grown, bytes, at: 0, out: String::new() };
        growing.write(None, value);
        growing.out
    }

    fn write(&mut self, name: Option<&str>, value: &Value) {
        let (at, from) = (self.at, self.out.len());
        self.at += 1;
        if let Some(name) = name {
            let _ = write!(self.out, "{name:?}:");
        }
        match value {
            Value::Object(members) => {
                self.out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    self.out.push_str(if index > 0 { "," } else { "" });
                    self.write(Some(name), value);
                }
                self.out.push('}');
            }
            Value::Array(items) => {
                self.out.push('[');
                for (index, value) in items.iter().enumerate() {
                    self.out.push_str(if index > 0 { "," } else { "" });
                    self.write(None, value);
                }
                self.out.push(']');
            }
            Value::String(_) if self.grown.contains(&(at, Growth::Longer)) => {
                let _ = write!(self.out, "\"{}\"", "7".repeat(self.bytes));
            }
            value => drop(write!(self.out, "{value}")),
        }
        if self.grown.contains(&(at, Growth::Repeated)) {
            let one = self.out[from..].to_owned();
            for _ in 1..self.bytes / (one.len() + 1) {
                self.out.push(',');
                self.out.push_str(&one);
            }
        }
    }
}

/// Every way in which a value of a sample can grow.
fn growths(value: &Value) -> Vec<(usize, Growth)> {
    fn walk(value: &Value, at: &mut usize, all: &mut Vec<(usize, Growth)>) {
        // The root alone is no member and no element.
        if *at > 0 {
            all.push((*at, Growth::Repeated));
        }
        if value.is_string() {
            all.push((*at, Growth::Longer));
        }
        *at += 1;
        let inside: Vec<_> = value.as_object().map(|members| members.values().collect()).unwrap_or_default();
        inside.into_iter().chain(value.as_array().into_iter().flatten()).for_each(|value| walk(value, at, all));
    }
    let mut all = vec![];
    walk(value, &mut 0, &mut all);
    all
}

fn strategy() -> Result<WhatsAppMetaCloud, Error> {
    let http: Arc<dyn HttpClient> = Arc::new(ReqwestClient::new()?);
    Ok(WhatsAppMetaCloud::new(http, MetaApp::new(SecretRef::named("a"), SecretRef::named("v"))))
}

/// The number of elements of a body, and its cost: the bytes that the reader held at most, its allocations, and the values that it
/// passed.
fn cost(strategy: &WhatsAppMetaCloud, body: String) -> (usize, [u64; 3]) {
    let payload = RawPayload::unverified(body);
    let (before, calls, steps) = (alloc::reset_peak(), alloc::allocated().calls, steps_taken());
    let results = strategy.normalize(&payload);
    let (calls, steps) = (alloc::allocated().calls - calls, steps_taken() - steps);
    (results.len(), [(alloc::peak() - before).unsigned_abs(), calls, steps])
}

/// Whether a cost grew no more than so many times.
fn grew_at_most(times: u64, few: [u64; 3], many: [u64; 3]) -> bool {
    few.iter().zip(many).all(|(few, many)| many <= times * few)
}

#[test]
fn memory_and_work_are_linear_in_the_body() -> Result<(), Error> {
    let strategy = strategy()?;
    for (shape, of) in SHAPES {
        let (small, large) = (of(25_000), of(200_000));
        let bytes = u64::try_from(large.len()).unwrap_or(u64::MAX);
        let ((results, few), (_, many)) = (cost(&strategy, small), cost(&strategy, large));
        assert!(results > 10, "{shape}");
        // Eight times the body: a quadratic reader holds, or passes, 64 times as much.
        assert!(grew_at_most(12, few, many), "{shape}: {few:?}, then {many:?}");
        assert!(many[0] < 500 * bytes && many[2] < 50 * bytes, "{shape}: {many:?} for {bytes}");
    }
    Ok(())
}

#[test]
fn memory_and_work_are_linear_whatever_two_members_are_repeated() -> Result<(), Error> {
    let strategy = strategy()?;
    for sample in samples() {
        let all = growths(&sample);
        let repeats = all.iter().filter(|(_, growth)| *growth == Growth::Repeated);
        let pairs = repeats.flat_map(|one| all.iter().map(|other| [*one, *other])).filter(|[one, other]| {
            // Each two are tried once.
            one.0 <= other.0 || other.1 == Growth::Longer
        });
        for pair in pairs {
            let (small, large) = (Growing::of(&sample, &pair, 500), Growing::of(&sample, &pair, 4_000));
            // Of two values inside each other, the body itself is the product.
            if large.len() > 10 * small.len() {
                continue;
            }
            let ((_, few), (_, many)) = (cost(&strategy, small.clone()), cost(&strategy, large));
            assert!(grew_at_most(16, few, many), "{pair:?} of {small}: {few:?}, then {many:?}");
        }
    }
    Ok(())
}

#[test]
fn no_more_elements_are_built_than_the_core_looks_at() -> Result<(), Error> {
    let strategy = strategy()?;
    for list in ["messages", "statuses", "user_actions", "errors", "history"] {
        let elements = |count: usize| {
            let field = if list == "history" { "history" } else { "messages" };
            body(field, &json!({list: vec![json!({}); count]})).to_string()
        };
        let ((results, few), (more, many)) = (cost(&strategy, elements(10_001)), cost(&strategy, elements(133_333)));
        assert_eq!((results, more), (10_001, 10_001), "one more shows the core that there are too many");
        // The rest costs its place in the body alone.
        assert!(many[0] < few[0] + 400_000 * 10, "{list}: {few:?}, then {many:?}");
    }
    Ok(())
}
