//! The program `webhook-host`: what goes out, what comes back, and how it stops.
#![cfg(all(feature = "axum", unix))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use bytes::Bytes;
use http::{Method, Request};
use zengine_connector::{
    HttpClient,
    http::{CallOptions, ReqwestClient},
};

const TEXT: &str = r#"{"to":{"ids":[{"kind":"phone","value":"+15551230001"}]},"content":{"type":"text","body":"hello"}}"#;

struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
    http: ReqwestClient,
}

impl Program {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_webhook-host"));
        command.env("PORT", "0").env_remove("WHATSAPP_ACCESS_TOKEN").stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut program = Self { child, output, address: String::new(), http: ReqwestClient::new().unwrap() };
        program.until("listening on ").rsplit(' ').next().unwrap().clone_into(&mut program.address);
        program
    }

    /// The first line from here that holds a text.
    fn until(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the program ended before it said {text:?}");
            if line.contains(text) {
                return line.trim_end().to_owned();
            }
        }
    }

    async fn call(&self, method: Method, path: &str, body: impl Into<Bytes>) -> (u16, String) {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.address)).body(body.into()).unwrap();
        let answer = self.http.call(request, CallOptions::DEFAULT).await.unwrap();
        (answer.status().as_u16(), String::from_utf8(answer.body().to_vec()).unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn it_sends_receives_and_stops_when_told() {
    let mut program = Program::start();
    let path = "/messages/acme/whatsapp-meta-cloud/order-17";
    assert_eq!(program.call(Method::PUT, path, TEXT).await, (200, "delivered".to_owned()));
    // The emulator posts the states of the message to the webhook, signed.
    assert!(program.until("status delivered").starts_with("acme:"));
    assert_eq!(program.call(Method::PUT, path, TEXT).await, (200, "delivered".to_owned()));
    assert_eq!(program.call(Method::PUT, path, TEXT.replace("hello", "other")).await.0, 422);
    assert_eq!(program.call(Method::PUT, "/messages/nobody/whatsapp-meta-cloud/1", TEXT).await.0, 422);
    assert_eq!(program.call(Method::PUT, path, "{").await.0, 400);

    let webhook = "/webhooks/whatsapp-meta-cloud";
    assert_eq!(program.call(Method::POST, webhook, "{}").await.0, 401);
    assert_eq!(program.call(Method::POST, "/webhooks/elsewhere", "{}").await.0, 404);

    let id = program.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    program.until("stopped");
    assert!(program.child.wait().unwrap().success());
}
