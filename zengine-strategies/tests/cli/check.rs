//! `zengine check`.

use serde_json::{Value, json};

use crate::support::{Files, NOBODY, TOKEN, WHATSAPP, file, zengine};

/// The violations of a file with this change, one line each.
fn said(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let files = Files::new();
    let mut content = file(NOBODY);
    change(&mut content);
    let path = files.write("file.json", &content);
    let run = zengine(&["check", WHATSAPP, "--config", &path], "");
    assert!(run.out.is_empty(), "{run:?}");
    assert_eq!(run.code, if run.err.is_empty() { 0 } else { 2 }, "{run:?}");
    assert!(!run.err.contains("canary"), "{run:?}");
    run.err.lines().map(str::to_owned).collect()
}

fn pointers(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| line.split_once(": ").unwrap().0).collect()
}

#[test]
fn a_fine_file_is_fine() {
    assert_eq!(said(|_| {}), Vec::<String>::new());
    // Nothing of it is needed but the configuration and its secrets.
    assert_eq!(said(|file| *file = json!({"config": file["config"], "secrets": {"token": "a"}})), Vec::<String>::new());
    let whole = said(|file| *file = json!({"config": file["config"], "secrets": {"token": {"a": 1}}}));
    assert_eq!(whole, ["/config/access_token: names a secret that is an object, and no member of it with key"]);
}

#[test]
fn everything_wrong_is_said_at_once_by_pointers_into_the_file() {
    let lines = said(|file| {
        *file = json!({
            "instance": { "app_secret": 1, "base_url": "http://127.0.0.1", "colour": "canary" },
            "config": { "phone_number_id": "canary", "access_token": "canary", "app_secret": { "secret": "nowhere" }, "zz": 1 },
            "secrets": { "a": 1, "b": "" },
            "routes": [{ "kind": "x" }, { "kind": "x", "value": "y", "tenants": [], "zz": 1 }, "canary"],
            "extra/~": 1,
        });
    });
    let expected = [
        "/config/access_token",
        "/config/app_secret",
        "/config/phone_number_id",
        "/config/waba_id",
        "/config/zz",
        "/extra~1~0",
        "/instance/app_secret",
        "/instance/colour",
        "/routes/0/tenants",
        "/routes/0/value",
        "/routes/1/tenants",
        "/routes/1/zz",
        "/routes/2",
        "/secrets/a",
        "/secrets/b",
    ];
    assert_eq!(pointers(&lines), expected, "{lines:#?}");
}

#[test]
fn a_member_that_comes_twice_is_said_with_its_pointer() {
    let files = Files::new();
    let text = file(NOBODY).to_string();
    let twice = text.replace(r#""phone_number_id":"#, r#""phone_number_id":"canary","phone_number_id":"#);
    let twice = twice.replace(r#""secrets":{"#, r#""secrets":{"canary":"1","canary":"2","#);
    let path = files.path("file.json");
    std::fs::write(&path, twice).unwrap();
    let run = zengine(&["check", WHATSAPP, "--config", path.to_str().unwrap()], "");
    assert_eq!(run.code, 2, "{run:?}");
    let lines: Vec<_> = run.err.lines().filter(|line| line.contains("twice")).collect();
    assert_eq!(lines, ["/config/phone_number_id: is there twice", "/secrets/*: is there twice"], "{run:?}");
}

#[test]
fn what_only_the_strategy_knows_is_said_too() {
    let lines = said(|file| file["instance"]["base_url"] = "http://graph.example.org".into());
    assert_eq!(pointers(&lines), ["/instance/base_url"]);
    for (url, rule) in [
        ("https://graph.facebook.com/v26.0/", "give it as graph_version"),
        ("https://user:canary@proxy.example", "no user, query or fragment"),
        ("https://proxy.example/?a=canary", "no user, query or fragment"),
        ("https://proxy.example/#canary", "no user, query or fragment"),
    ] {
        let lines = said(|file| file["instance"]["base_url"] = url.into());
        assert!(lines.len() == 1 && lines[0].starts_with("/instance/base_url: ") && lines[0].contains(rule), "{url} {lines:?}");
    }
    let lines = said(|file| file["secrets"]["token"] = "canary with spaces".into());
    assert_eq!(pointers(&lines), ["/config/access_token"]);
}

#[test]
fn routes_must_hold_those_that_follow_from_the_configuration() {
    let lines = said(|file| file["routes"] = json!([{ "kind": "phone_number_id", "value": "canary", "tenants": ["acme"] }]));
    assert_eq!(lines, ["/routes: lacks the phone_number_id of the configuration", "/routes: lacks the waba_id of the configuration"]);
    let several = json!(["acme", "globex"]);
    let lines = said(|file| file["routes"][0]["tenants"] = several.clone());
    let only_one = "must be one tenant's: the configuration gives it a route of this kind";
    assert_eq!(lines, [format!("/routes/0: {only_one}")]);
    let another = json!({ "kind": "phone_number_id", "value": "7", "tenants": several });
    let lines = said(|file| file["routes"].as_array_mut().unwrap().push(another));
    assert_eq!(lines, [format!("/routes/2: {only_one}")]);
    assert!(said(|file| file["routes"][1]["tenants"] = several.clone()).is_empty(), "an account has several numbers");
    assert!(said(|file| file["routes"] = json!([])).is_empty(), "then they are those that follow");
    let repeat = |file: &mut Value| {
        let mut other = file["routes"][0].clone();
        other["tenants"] = json!(["globex"]);
        file["routes"].as_array_mut().unwrap().push(other);
    };
    let lines = said(repeat);
    assert_eq!(lines, ["/routes/2: repeats /routes/0"]);
}

#[test]
fn what_a_set_up_refuses_is_said_of_a_file_too() {
    let add = |file: &mut Value, kind: &str, value: &str| {
        file["routes"].as_array_mut().unwrap().push(json!({ "kind": kind, "value": value, "tenants": ["acme"] }));
    };
    let lines = said(|file| {
        add(file, "site", &"canary".repeat(200));
        add(file, "site", "canary\nsite");
        add(file, "site", &format!("t-{TOKEN}"));
    });
    let expected = [
        "/routes/2: its site is too long (limit 1024, actual 1200)",
        "/routes/3: its site must not hold control characters",
        "/routes/4: holds a secret",
    ];
    assert_eq!(lines, expected);
    let lines = said(|file| file["secrets"]["canary\nline"] = "x".into());
    assert_eq!(lines, ["/secrets: a secret's name must not hold control characters"]);
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_json() {
    let bench = crate::support::Bench::new();
    let path = bench.files.path("marked.json");
    std::fs::write(&path, format!("\u{feff}{}", std::fs::read_to_string(&bench.config).unwrap())).unwrap();
    let path = path.to_str().unwrap();
    let checked = zengine(&["check", WHATSAPP, "--config", path], "").ended(0);
    assert!(checked.err.is_empty(), "{checked:?}");
    zengine(&["send", WHATSAPP, "--config", path], format!("\u{feff}{}", crate::support::text())).ended(0);
}

/// Each tenant's routes were sought in all routes: it took minutes.
#[test]
fn a_file_with_many_routes_is_checked() {
    let many = |file: &mut Value| {
        let more = (0..4_000).map(|n| json!({ "kind": "waba_id", "value": format!("w{n}"), "tenants": [format!("t{n}")] }));
        file["routes"].as_array_mut().unwrap().extend(more);
    };
    assert_eq!(said(many), Vec::<String>::new());
}

#[test]
fn secrets_must_resolve() {
    let at_token = |reference: Value| said(|file| file["config"]["access_token"] = reference);
    for reference in [
        json!({ "secret": "nowhere" }),
        json!({ "secret": "token", "key": "member" }),
        json!({ "env": "ZENGINE_NO_SUCH_VARIABLE" }),
        json!({ "file": "/nowhere/canary" }),
        json!({ "file": "/" }),
        json!({ "secret": "" }),
        json!(TOKEN),
        json!(null),
    ] {
        let lines = at_token(reference.clone());
        assert_eq!(pointers(&lines).first(), Some(&"/config/access_token"), "{reference}: {lines:?}");
    }
    assert!(at_token(json!({ "env": "CARGO_PKG_NAME" })).is_empty());
    assert_eq!(said(|file| file["instance"]["verify_token"] = json!({ "secret": "nowhere" })).len(), 1);
}

#[test]
fn a_member_of_a_secret_serves_as_text_or_as_json() {
    for secret in [json!({ "t": "abc" }), json!("{\"t\":\"abc\"}")] {
        let lines = said(|file| {
            file["secrets"]["token"] = secret;
            file["config"]["access_token"]["key"] = "t".into();
        });
        assert!(lines.is_empty(), "{lines:?}");
    }
}

#[test]
fn a_file_that_is_no_file_or_no_json_says_so_without_its_content() {
    let files = Files::new();
    let missing = zengine(&["check", WHATSAPP, "--config", files.path("none").to_str().unwrap()], "").ended(2);
    assert!(missing.err.contains("cannot be read"), "{missing:?}");
    let path = files.path("broken");
    std::fs::write(&path, "{\"secrets\": canary").unwrap();
    let broken = zengine(&["check", WHATSAPP, "--config", path.to_str().unwrap()], "").ended(2);
    assert!(broken.err.contains("not JSON (line 1, column 13)") && !broken.err.contains("canary"), "{broken:?}");
    for (name, what) in [("a-folder", "is not a regular file"), ("a-pipe", "is not a regular file"), ("large", "is larger than 1024 KiB")] {
        let path = files.path(name);
        match name {
            "a-folder" => std::fs::create_dir(&path).unwrap(),
            "a-pipe" => assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success()),
            _ => std::fs::write(&path, " ".repeat((1 << 20) + 1)).unwrap(),
        }
        let refused = zengine(&["check", WHATSAPP, "--config", path.to_str().unwrap()], "").ended(2);
        assert!(refused.err.contains(what), "{name}: {refused:?}");
    }
    for root in [json!(null), json!([]), json!("x"), json!({})] {
        let run = zengine(&["check", WHATSAPP, "--config", &files.write("root", &root)], "").ended(2);
        assert!(run.err.starts_with('/'), "{root}: {run:?}");
    }
}
