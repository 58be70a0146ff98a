//! Faults, and what the journal says about them.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use zengine_strategies::sandbox::meta_cloud::MetaCloud;
use zengine_strategies::sandbox::{Fault, JournalEntry};

use crate::anything::watch_panics;
use crate::support::{Client, NUMBER, TOKEN, bearer, message, settings, start, text};

fn lines(path: &std::path::Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn last(meta: &MetaCloud) -> JournalEntry {
    meta.journal().entries().pop().unwrap()
}

#[tokio::test]
async fn throttling_is_code_130429_at_400_and_ends() {
    let (meta, client) = (start(), Client::new());
    meta.fail_next(Fault::throttle().times(2).with_header("retry-after", "1"));
    for _ in 0..2 {
        let answer = client.message(&meta, &text()).await;
        assert_eq!((answer.status, answer.code()), (400, 130_429));
        assert_eq!(answer.headers["retry-after"], "1");
        assert!(!last(&meta).accepted);
    }
    assert_eq!(client.message(&meta, &text()).await.status, 200);
    assert_eq!(meta.journal().accepted_count(), 1);
}

#[tokio::test]
async fn codes_pages_and_statuses_can_be_chosen() {
    let (meta, client) = (start(), Client::new());
    for (fault, status, code) in [
        (Fault::code(131_047), 400, Some(131_047)),
        (Fault::code(2), 503, Some(2)),
        (Fault::error(131_000, 503), 503, Some(131_000)),
        (Fault::html(502), 502, None),
        (Fault::unavailable(), 503, None),
        (Fault::raw(200, "application/json", "{}"), 200, None),
    ] {
        meta.fail_next(fault);
        let answer = client.message(&meta, &text()).await;
        assert_eq!(answer.status, status);
        if let Some(code) = code {
            assert_eq!(answer.code(), code);
        }
        assert!(!last(&meta).accepted);
        assert_eq!(last(&meta).status, status);
    }
    assert_eq!(meta.journal().accepted_count(), 0);
}

#[tokio::test]
async fn a_503_can_hide_an_accepted_message() {
    let (meta, client) = (start(), Client::new());
    meta.fail_next(Fault::unavailable_after_accepting());
    assert_eq!(client.message(&meta, &text()).await.status, 503);
    let entry = last(&meta);
    assert!(entry.accepted && entry.message_id.is_some());
    assert_eq!(entry.status, 503);

    meta.fail_next(Fault::unavailable_after_accepting());
    assert_eq!(client.message(&meta, &message("text", json!({"body": ""}))).await.code(), 131_009, "a refusal goes first");
    assert!(!last(&meta).accepted);
    assert_eq!(meta.waiting_faults(), 0);
}

#[tokio::test]
async fn a_hang_is_in_the_journal_and_its_file_although_no_answer_comes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let meta = MetaCloud::start(settings().with_journal(&path)).unwrap();
    let (client, body) = (Client::new(), text());
    for (fault, accepted) in [(Fault::hang_after_accepting(), true), (Fault::hang(), false)] {
        let before = meta.journal().request_count();
        meta.fail_next(fault);
        tokio::select! {
            answer = client.try_message(&meta, &body) => panic!("answered {:?}", answer.map(|answer| answer.status)),
            () = meta.journal().wait_for_requests(before + 1) => {}
        }
        let line = lines(&path).pop().unwrap();
        assert_eq!(line["accepted"], accepted);
        assert_eq!(line["status"], 0);
        assert_eq!(line["fault"], "hang");
        assert_eq!(line["body"], text());
    }
}

#[tokio::test]
async fn the_journal_file_is_appended_across_runs_in_one_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let client = Client::new();
    let mut wamids = Vec::new();
    for _ in 0..2 {
        let meta = MetaCloud::start(settings().with_journal(&path)).unwrap();
        wamids.push(client.message(&meta, &text()).await.wamid());
        meta.fail_next(Fault::throttle());
        client.message(&meta, &text()).await;
        meta.shutdown();
    }
    assert_ne!(wamids[0], wamids[1]);
    let raw = std::fs::read_to_string(&path).unwrap();
    assert!(raw.starts_with("{\"at_ms\":"));
    let lines = lines(&path);
    assert_eq!(lines.iter().map(|line| line["accepted"].as_bool().unwrap()).collect::<Vec<_>>(), [true, false, true, false]);
    assert_eq!(lines[0]["path"], format!("/v26.0/{NUMBER}/messages"));
    assert_eq!((&lines[0]["status"], &lines[1]["status"]), (&json!(200), &json!(400)));
    assert_eq!((&lines[2]["message_id"], &lines[2]["sender"]), (&json!(wamids[1]), &json!(NUMBER)));
    assert!(!raw.contains(TOKEN));
}

#[tokio::test]
async fn a_cut_body_announces_more_than_it_sends() {
    let meta = start();
    meta.fail_next(Fault::cut_body());
    let received = raw(&meta, &text()).unwrap();
    let (head, body) = received.split_once("\r\n\r\n").unwrap();
    let announced: usize =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(|n| n.parse().unwrap())).unwrap();
    assert!(head.starts_with("HTTP/1.1 200"));
    assert!(!body.is_empty() && body.len() < announced, "{} of {announced}", body.len());
    assert!(last(&meta).accepted);

    meta.fail_next(Fault::cut_body());
    assert!(Client::new().try_message(&meta, &text()).await.is_err());
}

#[tokio::test]
async fn resets_are_resets() {
    let meta = start();
    for (fault, accepted, body) in [
        (Fault::reset_before_reading(), false, Value::Null),
        (Fault::reset_after_reading(), false, text()),
        (Fault::reset_after_accepting(), true, text()),
    ] {
        meta.fail_next(fault);
        assert_eq!(raw(&meta, &text()).unwrap_err(), ErrorKind::ConnectionReset);
        assert_eq!((last(&meta).accepted, last(&meta).body), (accepted, body));
        assert_eq!(last(&meta).fault.as_deref(), Some("reset"));
    }
}

#[tokio::test]
async fn connections_can_be_refused_for_a_while() {
    let (meta, client) = (start(), Client::new());
    assert_eq!(client.message(&meta, &text()).await.status, 200);
    meta.refuse_connections().await.unwrap();
    assert_eq!(raw(&meta, &text()).unwrap_err(), ErrorKind::ConnectionRefused);
    assert!(client.try_message(&meta, &text()).await.is_err());
    meta.accept_connections().await.unwrap();
    assert_eq!(client.message(&meta, &text()).await.status, 200);
    assert_eq!(meta.journal().request_count(), 2);
}

#[tokio::test]
async fn a_slow_answer_is_accepted_at_once() {
    let (meta, client, body) = (start(), Client::new(), text());
    meta.fail_next(Fault::slow(Duration::from_secs(3_600)));
    tokio::select! {
        answer = client.try_message(&meta, &body) => panic!("answered {:?}", answer.map(|answer| answer.status)),
        () = meta.journal().wait_for_requests(1) => assert!(last(&meta).accepted),
    }
    meta.fail_next(Fault::slow(Duration::from_millis(1)));
    assert_eq!(client.message(&meta, &text()).await.status, 200);
}

#[tokio::test]
async fn faults_can_be_aimed() {
    let (meta, client) = (start(), Client::new());
    meta.fail_always(Fault::throttle().when(|body| body["type"] == "image"));
    meta.fail_next(Fault::code(80_008).on_path(NUMBER).when(Value::is_null));
    assert_eq!(client.message(&meta, &text()).await.status, 200);
    for _ in 0..2 {
        assert_eq!(client.message(&meta, &message("image", json!({"id": "1"}))).await.code(), 130_429);
    }
    let health = client.get(&format!("{}/v26.0/{NUMBER}", meta.base_url()), TOKEN).await;
    assert_eq!((health.status, health.code()), (400, 80_008));
    meta.clear_faults();
    assert_eq!(client.message(&meta, &message("image", json!({"id": "1"}))).await.status, 200);
}

#[tokio::test]
async fn a_script_is_one_line() {
    let (meta, client) = (start(), Client::new());
    meta.script([Fault::pass(), Fault::throttle().times(2), Fault::pass(), Fault::error_in_200(131_000), Fault::without_id()]);
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(client.message(&meta, &text()).await.code());
    }
    assert_eq!(codes, [0, 130_429, 130_429, 0, 131_000]);
    let nameless = client.message(&meta, &text()).await;
    assert_eq!((nameless.status, nameless.json()["messages"][0].get("id")), (200, None));
    assert!(last(&meta).accepted && last(&meta).message_id.is_some(), "it goes out all the same");
    let names: Vec<_> = meta.journal().entries().into_iter().map(|entry| entry.fault).collect();
    assert_eq!(names[0].as_deref(), Some("pass"));
    assert_eq!(meta.waiting_faults(), 0);
}

#[tokio::test]
async fn answers_can_be_changed_redirected_and_misannounced() {
    let (meta, client) = (start(), Client::new());
    meta.fail_next(Fault::change("/messages/0/message_status", "held_for_quality_assessment"));
    assert_eq!(client.message(&meta, &text()).await.json()["messages"][0]["message_status"], "held_for_quality_assessment");
    meta.fail_next(Fault::remove("/contacts/0"));
    assert_eq!(client.message(&meta, &text()).await.json()["contacts"], json!([]));
    meta.fail_next(Fault::redirect("http://127.0.0.1:1/elsewhere"));
    let answer = client.message(&meta, &text()).await;
    assert_eq!((answer.status, &answer.headers["location"]), (302, &"http://127.0.0.1:1/elsewhere".parse().unwrap()));
    assert!(!last(&meta).accepted);

    for (by, complete) in [(5, false), (-5, true)] {
        meta.fail_next(Fault::wrong_length(by));
        let received = raw(&meta, &text()).unwrap();
        let (head, body) = received.split_once("\r\n\r\n").unwrap();
        let announced: i64 = head.lines().find_map(|line| line.strip_prefix("content-length: ").map(|n| n.parse().unwrap())).unwrap();
        assert_eq!(announced, i64::try_from(body.len()).unwrap() + by);
        assert!(serde_json::from_str::<Value>(body).is_ok() && last(&meta).accepted);
        meta.fail_next(Fault::wrong_length(by));
        assert_eq!(client.try_message(&meta, &text()).await.is_ok(), complete, "{by}");
    }
    meta.fail_next(Fault::garbage());
    assert!(!raw_bytes(&meta, &text()).unwrap().starts_with(b"HTTP"));
    assert_eq!((last(&meta).status, last(&meta).accepted), (0, false));
    meta.fail_next(Fault::garbage().accepting());
    assert!(client.try_message(&meta, &text()).await.is_err() && last(&meta).accepted);
}

#[tokio::test]
async fn answers_can_drip_and_stall() {
    let (meta, client, body) = (start(), Client::new(), text());
    meta.fail_next(Fault::drip(10, Duration::from_millis(1)));
    assert!(client.message(&meta, &body).await.wamid().starts_with("wamid."));
    for fault in [Fault::stall_body(), Fault::drip(2, Duration::from_secs(3_600))] {
        let before = meta.journal().request_count();
        meta.fail_next(fault);
        tokio::select! {
            answer = client.try_message(&meta, &body) => panic!("answered {:?}", answer.map(|answer| answer.status)),
            () = meta.journal().wait_for_requests(before + 1) => assert!(last(&meta).accepted && last(&meta).status == 200),
        }
    }
}

#[tokio::test]
async fn every_edge_has_a_name_that_faults_fit() {
    let (meta, client) = (start(), Client::new());
    let media = meta.add_media(NUMBER, "image/png", &b"x"[..]);
    let base = meta.base_url();
    for (edge, method, path) in [
        ("messages", "POST", format!("/v26.0/{NUMBER}/messages")),
        ("media_upload", "POST", format!("/v26.0/{NUMBER}/media")),
        ("media_url", "GET", format!("/v26.0/{media}")),
        ("media_delete", "DELETE", format!("/v26.0/{media}")),
        ("media_download", "GET", "/whatsapp_business/attachments/?mid=1&ext=1".to_owned()),
        ("oauth", "GET", "/v26.0/oauth/access_token".to_owned()),
        ("oauth_revoke", "GET", "/v26.0/oauth/revoke".to_owned()),
        ("debug_token", "GET", "/v26.0/debug_token".to_owned()),
        ("node", "GET", format!("/v26.0/{NUMBER}")),
        ("phone_numbers", "GET", "/v26.0/900100/phone_numbers".to_owned()),
        ("message_history", "GET", format!("/v26.0/{NUMBER}/message_history")),
        ("register", "POST", format!("/v26.0/{NUMBER}/register")),
        ("subscribed_apps", "GET", "/v26.0/900100/subscribed_apps".to_owned()),
        ("unknown", "GET", "/v26.0/900100/shoes".to_owned()),
    ] {
        meta.fail_next(Fault::error(80_008, 418).on_edge(edge));
        let request = bearer(method.parse().unwrap(), &format!("{base}{path}"), TOKEN).body(http_body_util::Full::default()).unwrap();
        let answer = client.send(request).await.unwrap();
        assert_eq!((answer.status, answer.code()), (418, 80_008), "{edge}");
        assert_eq!(last(&meta).edge.as_deref(), Some(edge));
    }
}

#[tokio::test]
async fn limits_can_be_set_while_it_runs() {
    let (meta, client) = (start(), Client::new());
    meta.set_throughput(Some(0));
    assert_eq!(client.message(&meta, &text()).await.code(), 130_429);
    meta.set_throughput(None);
    meta.set_pair_limit(true);
    for _ in 0..45 {
        assert_eq!(client.message(&meta, &text()).await.code(), 0);
    }
    assert_eq!(client.message(&meta, &text()).await.code(), 131_056);
    meta.advance(Duration::from_secs(6));
    assert_eq!(client.message(&meta, &text()).await.code(), 0, "a borrowed message is paid back in six seconds");
}

#[tokio::test]
async fn no_request_makes_it_panic() {
    let panics = watch_panics();
    let meta = start();
    let address = meta.base_url().replace("http://", "");
    let long = "x".repeat(20_000);
    let upload = |body: &str| {
        format!(
            "POST /v26.0/{NUMBER}/media HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\
             content-type: multipart/form-data; boundary=B\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    for wire in [
        "\r\n\r\n",
        "GET",
        "GET /\x00 HTTP/1.1\r\n\r\n",
        "POST /v26.0//messages HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n",
        "POST /v26.0/%/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "GET //////////?&&&=&%=% HTTP/1.1\r\nhost: x\r\nauthorization: Bearer\r\n\r\n",
        "GET /v26.0/oauth/access_token?client_id=%ff&client_secret HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /_sandbox/%2e%2e/%00?after=-1 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "PATCH /_sandbox/journal/stream HTTP/1.1\r\nhost: localhost\r\nlast-event-id: -\r\n\r\n",
        &upload("--B\r\n--B--"),
        &upload("--B"),
        &upload("--B\r\ncontent-disposition: form-data; name=\r\n\r\n\r\n--B--"),
        long.as_str(),
    ] {
        let mut stream = TcpStream::connect(&address).unwrap();
        // The emulator may close first.
        let _ = stream.write_all(wire.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(panics(), 0);
    assert_eq!(Client::new().message(&meta, &text()).await.status, 200);
}

/// One request over a plain socket; all that comes back until the end of the connection.
fn raw(meta: &MetaCloud, body: &Value) -> Result<String, ErrorKind> {
    raw_bytes(meta, body).map(|received| String::from_utf8(received).unwrap())
}

fn raw_bytes(meta: &MetaCloud, body: &Value) -> Result<Vec<u8>, ErrorKind> {
    let address = meta.base_url().replace("http://", "");
    let body = body.to_string();
    let exchange = || {
        let mut stream = TcpStream::connect(&address)?;
        write!(
            stream,
            "POST /v26.0/{NUMBER}/messages HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )?;
        let mut received = Vec::new();
        stream.read_to_end(&mut received)?;
        Ok(received)
    };
    exchange().map_err(|error: std::io::Error| error.kind())
}
