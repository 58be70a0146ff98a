//! `zengine forget` and `zengine keys`: what a store keeps, and under which keys.

use serde_json::json;
use zengine_connector::Embedded;
use zengine_strategies::sandbox::Fault;

use crate::support::{Bench, Files, PHONE, Run, text, zengine};

fn of(store: &str, arguments: &[&str]) -> Run {
    zengine(&[arguments, &["--store", store]].concat(), "")
}

fn letters(store: &str) -> usize {
    of(store, &["dead-letters", "list"]).ended(0).lines().len()
}

/// A store with a delivered message and a failed one, both of the tenant `cli`.
fn filled() -> (Bench, String) {
    let bench = Bench::new();
    let store = bench.files.path("host.db").to_str().unwrap().to_owned();
    bench.send(&text(), &["--store", &store, "--id", "1", "--tenant", "acme"]).ended(0);
    bench.meta.fail_always(Fault::code(131_026));
    bench.send(&text(), &["--store", &store, "--id", "2", "--tenant", "acme"]).ended(4);
    assert_eq!(letters(&store), 1);
    (bench, store)
}

#[test]
fn a_persons_letters_are_forgotten_once_and_another_persons_stay() {
    let (bench, store) = filled();
    let forget = |tenant: &str, person: &str| of(&store, &["forget", "--tenant", tenant, "--person", person]).ended(0).line();
    let removed = |letters: u32| json!({ "letters": letters, "sessions": 0, "unreadable": 0, "busy": 0, "not_done": [] });
    assert_eq!(forget("acme", "+15559999999"), removed(0));
    // A tenant of which nothing is stored may be misspelt, or erased already.
    let other = of(&store, &["forget", "--tenant", "other", "--person", PHONE]).ended(0);
    assert!(other.line() == removed(0) && other.err.contains("is its name right"), "{other:?}");
    assert_eq!(letters(&store), 1);
    let run = of(&store, &["forget", "--tenant", "acme", "--person", &format!("tel:{PHONE}")]).ended(0);
    assert_eq!(run.line(), removed(1));
    assert!(!run.err.contains(PHONE.trim_start_matches('+')), "{run:?}");
    assert_eq!(letters(&store), 0);
    // The record stays: nothing is sent again.
    bench.meta.clear_faults();
    bench.send(&text(), &["--store", &store, "--id", "2", "--tenant", "acme"]).ended(4);
}

#[test]
fn a_tenant_is_forgotten_while_no_host_runs() {
    let (_bench, store) = filled();
    let host = Embedded::open(&store).unwrap();
    let busy = of(&store, &["forget", "--tenant", "acme"]).ended(1);
    assert!(busy.err.contains("stop the host first") && busy.out.is_empty(), "{busy:?}");
    drop(host);
    assert_eq!(of(&store, &["forget", "--tenant", "acme"]).ended(0).line()["letters"], 1);
    // As it is called until nothing is left.
    assert!(of(&store, &["forget", "--tenant", "acme"]).ended(0).err.contains("erased already"));
    assert_eq!(of(&store, &["forget", "--tenant", "(none)"]).ended(0).line()["letters"], 0);
    of(&store, &["forget"]).ended(2);
    of(&store, &["forget", "--tenant", "acme", "--person", "+0"]).ended(2);
}

#[test]
fn a_misspelt_person_is_refused_and_an_opaque_one_is_written_so() {
    let (_bench, store) = filled();
    let forget = |person: &str| of(&store, &["forget", "--tenant", "acme", "--person", person]);
    for (person, hint) in [
        (PHONE.trim_start_matches('+'), "write + before a phone number, or wa_id:"),
        ("555 123", "write + before a phone number"),
        (&format!("phon:{PHONE}"), "did you mean phone?"),
        (&format!("fone:{PHONE}"), "known: phone, bsuid"),
        ("jane", "username:… or opaque:…"),
    ] {
        let run = forget(person).ended(2);
        assert!(run.out.is_empty() && run.err.contains(hint) && !run.err.contains("5551230001") && !run.err.contains("jane"), "{run:?}");
    }
    assert_eq!(letters(&store), 1);
    forget("opaque:jane").ended(0);
    assert_eq!(forget(&format!("wa_id:{}", PHONE.trim_start_matches('+'))).ended(0).line()["letters"], 1);
}

#[test]
fn keys_rotate_everything_stays_readable_and_a_key_in_use_stays() {
    let (bench, store) = filled();
    let first = of(&store, &["keys", "reseal"]).ended(0).line();
    assert_eq!((&first["resealed"], &first["in_use"]), (&json!(0), &json!([first["key_id"]])));
    let rotated = of(&store, &["keys", "rotate"]).ended(0).line();
    assert_ne!(rotated["key_id"], first["key_id"]);
    assert_eq!((&rotated["resealed"], &rotated["unreadable"]), (&json!(2), &json!(0)), "a receipt and a letter");
    let id = of(&store, &["dead-letters", "list"]).line()["failure_id"].as_str().unwrap().to_owned();
    let message = of(&store, &["dead-letters", "show", &id, "--message"]).ended(0).out;
    assert!(message.contains("canary body"), "{message}");
    // Rule 23: the same message is replayed and another one refused, whatever the key of the fingerprint.
    bench.meta.clear_faults();
    let again = bench.send(&text(), &["--store", &store, "--id", "1", "--tenant", "acme"]).ended(0).line();
    assert_eq!(again["replayed"], true);
    let mut other = text();
    other["content"]["body"] = json!("another");
    bench.send(&other, &["--store", &store, "--id", "1", "--tenant", "acme"]).ended(2);

    let again = of(&store, &["keys", "rotate"]).ended(0).line();
    assert_eq!(again["in_use"].as_array().unwrap().len(), 2);
    let dropped = of(&store, &["keys", "drop"]).ended(0).line();
    assert_eq!(
        dropped,
        json!({ "key_id": again["key_id"], "dropped": [rotated["key_id"]] }),
        "the first one's fingerprints live for a day"
    );
}

#[test]
fn the_keys_of_a_store_that_is_not_there_are_not_made() {
    let files = Files::new();
    let path = files.path("missing.db");
    for command in ["rotate", "reseal", "drop"] {
        of(path.to_str().unwrap(), &["keys", command]).ended(2);
    }
    assert!(!path.exists());
}
