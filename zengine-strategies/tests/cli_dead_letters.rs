//! `zengine dead-letters`, as a process: on a store of its own, and beside a host that has it open.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

use std::{
    collections::BTreeSet,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
};

use serde_json::{Value, json};
use zengine_connector::{
    Embedded, FailureId, HandlerContext, HandlerError, InboundEvent, Orchestrator, Secret, SecretRef, StrategyName, StrategyRegistry,
    TenantId,
    http::ReqwestClient,
    ids::RouteKey,
    store::{Memory, SecretScope, TenantRow},
    testing::block_on,
    verify::HmacSha256,
};
use zengine_strategies::{
    sandbox::{
        Fault,
        meta_cloud::{MetaCloud, Number, Settings},
    },
    whatsapp_meta_cloud::{MetaApp, WhatsAppMetaCloud},
};

const NUMBER: &str = "100200300";
const RECIPIENT: &str = "15551230001";
const BODY: &str = "canary-body é 😀";

/// A provider on loopback, a store, and the files for it.
struct Setup {
    folder: tempfile::TempDir,
    meta: MetaCloud,
}

impl Setup {
    fn new() -> Self {
        let number = Number::new(NUMBER, "900100").with_token("the-token");
        let setup = Self { folder: tempfile::tempdir().unwrap(), meta: MetaCloud::start(Settings::new().with_number(number)).unwrap() };
        setup.write_config("right.json", "the-token");
        setup.write_config("wrong.json", "another-token");
        setup
    }

    fn write_config(&self, name: &str, token: &str) {
        let file = json!({
            "instance": { "base_url": self.meta.base_url(), "app_secret": "example-app-secret" },
            "config": { "phone_number_id": NUMBER, "waba_id": "900100", "access_token": { "secret": "token" } },
            "secrets": { "token": token },
        });
        std::fs::write(self.path(name), file.to_string()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn store(&self) -> PathBuf {
        self.path("host.db")
    }

    /// Sends through the command line into the store; gives the exit code and the outcome.
    fn send(&self, id: &str, config: &str) -> (Option<i32>, Value) {
        self.send_as("acme", id, config)
    }

    fn send_as(&self, tenant: &str, id: &str, config: &str) -> (Option<i32>, Value) {
        let message = json!({ "to": format!("+{RECIPIENT}"), "content": { "type": "text", "body": BODY } });
        let arguments = ["send", "whatsapp-meta-cloud", "--id", id, "--tenant", tenant, "--config", config, "--store", "host.db"];
        let output = zengine(self.folder.path(), &arguments, &message.to_string());
        (output.status.code(), lines(&output).pop().unwrap_or_default())
    }

    fn dead_letters(&self, arguments: &[&str]) -> Output {
        let mut all = vec!["dead-letters"];
        all.extend(arguments);
        all.extend(["--store", "host.db"]);
        zengine(self.folder.path(), &all, "")
    }

    fn listed(&self, arguments: &[&str]) -> Vec<Value> {
        let mut all = vec!["list"];
        all.extend(arguments);
        let output = self.dead_letters(&all);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert_clean(&output);
        lines(&output)
    }

    fn redrive(&self, id: &str, config: &str, more: &[&str]) -> Output {
        let mut all = vec!["redrive", id, "--config", config];
        all.extend(more);
        let mut output = self.dead_letters(&all);
        // The provider's receipt names whom it is for, as that of `zengine send` does; nothing else may.
        let printed = std::mem::take(&mut output.stdout);
        assert_clean(&output);
        output.stdout = printed;
        output
    }
}

fn zengine(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_zengine"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Nobody's number, words or token are printed unasked.
fn assert_clean(output: &Output) {
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), said(output));
    for canary in [RECIPIENT, "canary-body", "the-token", "another-token"] {
        assert!(!printed.contains(canary), "{canary}: {printed}");
    }
}

#[test]
fn a_failed_message_is_listed_shown_and_delivered_by_a_redrive() {
    let setup = Setup::new();
    let (code, failed) = setup.send("order-17", "wrong.json");
    assert_eq!((code, &failed["outcome"]), (Some(4), &json!("failed")));
    let id = failed["failure_id"].as_str().unwrap();

    let listed = setup.listed(&[]);
    assert_eq!(listed.len(), 1);
    let letter = &listed[0];
    assert_eq!((&letter["failure_id"], &letter["direction"]), (&json!(id), &json!("outbound")));
    assert_eq!((&letter["tenant"], &letter["strategy"]), (&json!("acme"), &json!("whatsapp-meta-cloud")));
    assert_eq!((&letter["client_message_id"], &letter["outcome"]), (&json!("order-17"), &json!("failed")));
    assert_eq!(letter["last_error"]["fault"], "auth");
    assert_eq!(letter["attempts"].as_array().unwrap().len(), 1);
    assert!(letter.get("body").is_none() && letter.get("message").is_none());

    // The same again alone, and with the message only where somebody asks.
    let shown = setup.dead_letters(&["show", id]);
    assert_clean(&shown);
    assert_eq!(lines(&shown), listed);
    let shown = setup.dead_letters(&["show", id, "--message"]);
    assert_eq!(shown.status.code(), Some(0), "{}", said(&shown));
    let message = &lines(&shown)[0]["message"];
    assert_eq!(message["content"], json!({ "type": "text", "body": BODY }));
    assert!(message["to"].to_string().contains(RECIPIENT));

    // Nothing mended: it fails again, and another letter takes the place of this one.
    let again = setup.redrive(id, "wrong.json", &[]);
    assert_eq!(again.status.code(), Some(4), "{}", said(&again));
    let second = lines(&again)[0]["failure_id"].as_str().unwrap().to_owned();
    assert_ne!(second, id);
    let listed = setup.listed(&[]);
    assert_eq!((listed.len(), &listed[0]["failure_id"], &listed[0]["generation"]), (1, &json!(second), &json!(1)));

    // The token mended: it is delivered, once, and the letter is closed.
    let done = setup.redrive(&second, "right.json", &[]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let done = &lines(&done)[0];
    assert_eq!((&done["outcome"], &done["client_message_id"], &done["tenant"]), (&json!("delivered"), &json!("order-17"), &json!("acme")));
    assert_eq!(setup.meta.journal().accepted_count(), 1);
    assert!(setup.listed(&[]).is_empty());

    // What is settled stays settled: the letter is gone, and the id is known.
    let gone = setup.redrive(&second, "right.json", &[]);
    assert_eq!(gone.status.code(), Some(2));
    assert!(said(&gone).contains("there is no dead letter"), "{}", said(&gone));
    let (code, replayed) = setup.send("order-17", "right.json");
    assert_eq!((code, &replayed["outcome"], setup.meta.journal().accepted_count()), (Some(0), &json!("delivered"), 1));
}

#[test]
fn rule_71_what_may_have_arrived_is_redriven_by_force_only() {
    let setup = Setup::new();
    setup.meta.fail_next(Fault::reset_after_accepting());
    let (code, unknown) = setup.send("order-18", "right.json");
    assert_eq!((code, &unknown["outcome"]), (Some(5), &json!("unknown")));
    let id = unknown["failure_id"].as_str().unwrap();

    let refused = setup.redrive(id, "right.json", &[]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains("needs force"), "{}", said(&refused));
    assert!(refused.stdout.is_empty());
    assert_eq!((setup.meta.journal().accepted_count(), setup.listed(&[]).len()), (1, 1));

    // A lost answer again leaves it in doubt, in a letter of the next generation.
    setup.meta.fail_next(Fault::reset_after_accepting());
    let lost = setup.redrive(id, "right.json", &["--force", "asked for by the customer"]);
    assert_eq!(lost.status.code(), Some(5), "{}", said(&lost));
    let id = lines(&lost)[0]["failure_id"].as_str().unwrap().to_owned();

    let forced = setup.redrive(&id, "right.json", &["--force", "asked for by the customer"]);
    assert_eq!(forced.status.code(), Some(0), "{}", said(&forced));
    assert!(said(&forced).contains("forced, because: asked for by the customer"));
    assert!(setup.listed(&[]).is_empty());
}

#[test]
fn many_letters_are_redriven_in_one_call_each_with_its_line() {
    let setup = Setup::new();
    for id in ["order-31", "order-32", "order-33"] {
        assert_eq!(setup.send(id, "wrong.json").0, Some(4));
    }
    setup.meta.fail_next(Fault::reset_after_accepting());
    let (_, unknown) = setup.send("order-34", "right.json");
    let unforced = setup
        .listed(&[])
        .iter()
        .filter(|letter| letter["needs_force"] == true)
        .map(|letter| letter["failure_id"].clone())
        .collect::<Vec<_>>();
    assert_eq!(unforced, [unknown["failure_id"].clone()], "only the one that may have arrived");

    let redrive = |more: &[&str]| {
        let mut all = vec!["redrive", "--config", "right.json"];
        all.extend(more);
        setup.dead_letters(&all)
    };
    let none = redrive(&["--all", "--tenant", "globex"]);
    assert_eq!((none.status.code(), lines(&none).len()), (Some(0), 0), "{}", said(&none));
    let one = redrive(&["--all", "--outcome", "failed", "--limit", "1"]);
    assert_eq!((one.status.code(), lines(&one).len()), (Some(0), 1), "{}", said(&one));
    assert!(said(&one).contains("there are more letters: the first 1 are redriven"), "{}", said(&one));

    // The file is acme's: its account sends no message of another tenant.
    assert_eq!(setup.send_as("globex", "order-35", "wrong.json").0, Some(4));
    let sent = setup.meta.journal().accepted_count();
    let globex = setup.listed(&["--tenant", "globex"])[0]["failure_id"].as_str().unwrap().to_owned();
    let both = [&*globex, unknown["failure_id"].as_str().unwrap()];
    for mixed in [redrive(&["--all"]), redrive(&both)] {
        assert_eq!((mixed.status.code(), lines(&mixed).len()), (Some(2), 0), "{}", said(&mixed));
        assert!(said(&mixed).contains("choose with --tenant"), "{}", said(&mixed));
    }
    assert_eq!(setup.meta.journal().accepted_count(), sent);

    let all = redrive(&["--all", "--tenant", "acme"]);
    assert_eq!(all.status.code(), Some(2), "{}", said(&all));
    assert!(said(&all).contains("3 letters: 2 delivered, 0 failed, 0 unknown, 0 deferred, 1 not sent"), "{}", said(&all));
    let refused: Vec<_> = lines(&all).into_iter().filter(|line| line["error"]["kind"] == "unsupported").collect();
    assert_eq!(refused.len(), 1);
    assert_eq!((&refused[0]["letter"], &refused[0]["client_message_id"]), (&unknown["failure_id"], &json!("order-34")));

    let forced = redrive(&["--all", "--tenant", "acme", "--force", "the customer asked"]);
    assert_eq!(forced.status.code(), Some(0), "{}", said(&forced));
    assert_eq!((&lines(&forced)[0]["letter"], &lines(&forced)[0]["outcome"]), (&unknown["failure_id"], &json!("delivered")));
    assert_eq!((setup.listed(&[]).len(), setup.listed(&["--tenant", "globex"]).len()), (1, 1));
    assert_eq!(setup.meta.journal().accepted_count(), 5, "the one in doubt arrived twice");
}

#[test]
fn beside_a_running_host_one_can_look_and_the_host_must_redrive() {
    let setup = Setup::new();
    let (_, failed) = setup.send("order-19", "wrong.json");
    let id = failed["failure_id"].as_str().unwrap().to_owned();

    // The host is this process: it has the store open, and goes on writing.
    let host = Embedded::open(setup.store()).unwrap();
    let letters = host.dead_letters();
    let mut letter = block_on(letters.get(&FailureId::new(&id).unwrap())).unwrap().unwrap();
    assert_eq!(setup.listed(&[]).len(), 1);
    letter.failure_id = FailureId::new("f-new").unwrap();
    block_on(letters.put(&letter)).unwrap();
    assert_eq!(setup.listed(&[]).len(), 2, "it sees what the host has written since");
    assert!(setup.dead_letters(&["show", &id, "--message"]).status.success());
    // Every page, and no letter twice.
    for n in 0..250 {
        letter.failure_id = FailureId::new(format!("f-more-{n:03}")).unwrap();
        letter.tenant = TenantId::new(if n % 2 == 0 { "acme" } else { "globex" }).unwrap();
        block_on(letters.put(&letter)).unwrap();
    }
    let ids = |listed: &[Value]| listed.iter().map(|letter| letter["failure_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let all = ids(&setup.listed(&[]));
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (252, 252));
    assert_eq!(ids(&setup.listed(&["--limit", "101"])), all[..101]);
    assert_eq!(ids(&setup.listed(&["--after", &all[100]])), all[101..]);
    assert_eq!(setup.listed(&["--tenant", "globex"]).len(), 125);
    assert_eq!(setup.listed(&["--tenant", "globex", "--limit", "124"]).len(), 124);
    assert_eq!(setup.listed(&["--strategy", "whatsapp-meta-cloud", "--direction", "outbound"]).len(), 252);
    assert!(setup.listed(&["--direction", "inbound"]).is_empty() && setup.listed(&["--strategy", "ses-email"]).is_empty());
    let redrivable = setup.listed(&["--redrivable"]).len();
    assert_eq!(redrivable, if letter.redrivable { 252 } else { 0 });

    let busy = setup.redrive(&id, "right.json", &[]);
    assert_eq!(busy.status.code(), Some(1), "{}", said(&busy));
    assert!(said(&busy).contains("Redrive in that host (Orchestrator::redrive)"), "{}", said(&busy));
    assert_eq!(setup.meta.journal().accepted_count(), 0);

    // Once it has stopped, the store is free.
    drop((letters, host));
    let done = setup.redrive(&id, "right.json", &[]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
}

#[test]
fn after_a_killed_host_the_store_is_to_be_opened_for_writing_once() {
    let setup = Setup::new();
    let (_, failed) = setup.send("order-21", "wrong.json");
    let id = failed["failure_id"].as_str().unwrap();

    // A process with the store open is killed while it waits for the provider.
    let (asked, waits) = std::sync::mpsc::channel();
    setup.meta.fail_next(Fault::hang().when(move |_| asked.send(()).is_ok()));
    let message = json!({ "to": format!("+{RECIPIENT}"), "content": { "type": "text", "body": BODY } });
    let arguments = ["send", "whatsapp-meta-cloud", "--id", "order-22", "--config", "right.json", "--store", "host.db"];
    let mut host = Command::new(env!("CARGO_BIN_EXE_zengine"))
        .args(arguments)
        .current_dir(setup.folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    host.stdin.take().unwrap().write_all(message.to_string().as_bytes()).unwrap();
    waits.recv().unwrap();
    host.kill().unwrap();
    host.wait().unwrap();

    let unreadable = setup.dead_letters(&["list"]);
    assert_eq!(unreadable.status.code(), Some(1), "{}", said(&unreadable));
    assert!(said(&unreadable).contains("open it once for writing"), "{}", said(&unreadable));
    let done = setup.redrive(id, "right.json", &[]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert!(setup.listed(&[]).is_empty());
}

#[test]
fn what_arrived_and_could_not_be_read_is_shown_as_an_event() {
    let setup = Setup::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(receive(&setup, NUMBER, json!(42)));
    let listed = setup.listed(&["--direction", "inbound"]);
    assert_eq!((listed.len(), &listed[0]["outcome"]), (1, &json!("poison")));
    let id = listed[0]["failure_id"].as_str().unwrap();
    let shown = setup.dead_letters(&["show", id, "--message"]);
    assert_eq!(lines(&shown)[0]["event"]["type"], "element_error", "{}", said(&shown));
    let refused = setup.redrive(id, "right.json", &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("only messages that were to be sent"), "{}", said(&refused));
}

#[test]
fn what_no_handler_took_is_printed_by_a_replay() {
    let setup = Setup::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let message = json!({ "from": RECIPIENT, "id": "wamid.1", "timestamp": "1760000000", "type": "text", "text": { "body": BODY } });
    runtime.block_on(receive(&setup, NUMBER, message.clone()));
    let listed = setup.listed(&[]);
    assert_eq!((listed.len(), &listed[0]["outcome"], &listed[0]["tenant"]), (1, &json!("poison"), &json!("acme")));
    let id = listed[0]["failure_id"].as_str().unwrap();
    let replayed = setup.dead_letters(&["replay", id, "--config", "right.json"]);
    assert_eq!(replayed.status.code(), Some(0), "{}", said(&replayed));
    let events = lines(&replayed);
    assert_eq!((events.len(), &events[0]["content"]["body"], &events[0]["tenant"]), (1, &json!(BODY), &json!("acme")));
    assert!(setup.listed(&[]).is_empty());
    let gone = setup.dead_letters(&["replay", id, "--config", "right.json"]);
    assert_eq!(gone.status.code(), Some(2), "{}", said(&gone));

    // An event that led to no tenant: the routes of the file decide.
    let mut other = message;
    other["id"] = json!("wamid.2");
    runtime.block_on(receive(&setup, "999", other));
    let listed = setup.listed(&[]);
    assert_eq!((listed.len(), &listed[0]["tenant"]), (1, &json!("(none)")));
    let id = listed[0]["failure_id"].as_str().unwrap();
    let kept = setup.dead_letters(&["replay", id, "--config", "right.json"]);
    assert_eq!((kept.status.code(), lines(&kept).len(), setup.listed(&[]).len()), (Some(4), 0, 1), "{}", said(&kept));
    assert_clean(&kept);
    let mut routed: Value = serde_json::from_str(&std::fs::read_to_string(setup.path("right.json")).unwrap()).unwrap();
    routed["routes"] = json!([{ "kind": "phone_number_id", "value": "999", "tenants": ["acme"] }]);
    std::fs::write(setup.path("routed.json"), routed.to_string()).unwrap();
    let replayed = setup.dead_letters(&["replay", id, "--config", "routed.json"]);
    assert_eq!((replayed.status.code(), lines(&replayed).len()), (Some(0), 1), "{}", said(&replayed));
    assert!(setup.listed(&[]).is_empty());

    // An element without its payload, and a message that was to be sent.
    runtime.block_on(receive(&setup, NUMBER, json!(42)));
    let id = setup.listed(&[])[0]["failure_id"].as_str().unwrap().to_owned();
    let element = setup.dead_letters(&["replay", &id, "--config", "right.json"]);
    assert_eq!((element.status.code(), said(&element).contains("export its bytes")), (Some(2), true), "{}", said(&element));
    let (_, failed) = setup.send("order-21", "wrong.json");
    let sent = setup.dead_letters(&["replay", failed["failure_id"].as_str().unwrap(), "--config", "right.json"]);
    assert_eq!((sent.status.code(), said(&sent).contains("redriven")), (Some(2), true), "{}", said(&sent));
    assert_eq!(setup.listed(&[]).len(), 2);
}

/// Receives one message for a number, with a handler that refuses every event for good.
async fn receive(setup: &Setup, number: &str, message: Value) {
    let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("whatsapp-meta-cloud").unwrap());
    let memory = Memory::new();
    memory.put_secret(&SecretScope::application(strategy.clone()), "app", "example-app-secret");
    memory.put_secret(&SecretScope::tenant(strategy.clone(), tenant.clone()), "token", "the-token");
    let config = json!({ "phone_number_id": NUMBER, "waba_id": "900100", "access_token": { "secret": "token" } });
    memory.put_tenant(&tenant, &strategy, TenantRow::new(config).with_routes([RouteKey::new("phone_number_id", NUMBER)]));
    let app = MetaApp::new(SecretRef::named("app"), SecretRef::named("verify"));
    let registry =
        StrategyRegistry::builder().register(WhatsAppMetaCloud::new(Arc::new(ReqwestClient::new().unwrap()), app)).build().unwrap();
    let host = Orchestrator::builder()
        .registry(&registry)
        .stores(Embedded::open(setup.store()).unwrap())
        .directory(memory.directory())
        .secrets(memory.secrets())
        .on_inbound(|_: InboundEvent, _: HandlerContext| async { Err(HandlerError::Poison("told to")) })
        .build()
        .unwrap();
    let body = json!({ "object": "whatsapp_business_account", "entry": [{ "id": "900100", "changes": [{ "field": "messages", "value": {
        "metadata": { "phone_number_id": number }, "messages": [message],
    } }] }] })
    .to_string();
    let signature = HmacSha256::hex_with_prefix("sha256=").sign(body.as_bytes(), &Secret::new(b"example-app-secret".to_vec()));
    let request = http::Request::post("/webhook").header("x-hub-signature-256", signature).body(body.into()).unwrap();
    assert_eq!(host.serve("whatsapp-meta-cloud", request).await.status(), 200);
    host.shutdown(std::time::Duration::from_secs(5)).await;
}

#[test]
fn what_is_no_store_is_refused_and_none_is_made() {
    let setup = Setup::new();
    for command in [&["list"][..], &["show", "f-1"], &["redrive", "f-1", "--config", "right.json"]] {
        let absent = setup.dead_letters(command);
        assert_eq!(absent.status.code(), Some(2), "{}", said(&absent));
        assert!(said(&absent).contains("there is no store at host.db"), "{}", said(&absent));
        assert!(!setup.store().exists());
    }
    std::fs::write(setup.store(), "not a store, whatever it is, and long enough to be none".repeat(200)).unwrap();
    let other = setup.dead_letters(&["list"]);
    assert_eq!(other.status.code(), Some(1), "{}", said(&other));
    assert!(said(&other).contains("host.db: "), "{}", said(&other));
    std::fs::remove_file(setup.store()).unwrap();

    // A store without that letter, and a file that does not fit its strategy.
    let (_, failed) = setup.send("order-20", "wrong.json");
    let none = setup.dead_letters(&["show", "f-1"]);
    assert_eq!((none.status.code(), said(&none).contains("there is no dead letter f-1")), (Some(2), true));
    std::fs::write(setup.path("bad.json"), r#"{"instance":{},"config":{"phone_number_id":7},"secrets":{}}"#).unwrap();
    let bad = setup.redrive(failed["failure_id"].as_str().unwrap(), "bad.json", &[]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(said(&bad).contains("/config/phone_number_id"), "{}", said(&bad));
    // The key file lost: refused, not replaced.
    std::fs::remove_file(setup.path("host.db.key")).unwrap();
    let locked = setup.dead_letters(&["list"]);
    assert_eq!(locked.status.code(), Some(1));
    assert!(said(&locked).contains("key file"), "{}", said(&locked));
}
