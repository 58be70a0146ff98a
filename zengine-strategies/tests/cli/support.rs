//! The command as a child process, and a provider to talk to.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use zengine_connector::{Secret, verify::HmacSha256};
use zengine_strategies::sandbox::meta_cloud::{MetaCloud, Number, Settings, Webhooks};

pub(crate) const WHATSAPP: &str = "whatsapp-meta-cloud";
pub(crate) const TOKEN: &str = "canary-token-1";
pub(crate) const APP_SECRET: &str = "canary-app-secret";
pub(crate) const VERIFY_TOKEN: &str = "canary-verify-token";
pub(crate) const PHONE: &str = "+15551230001";

/// The output of a run of the command.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// Standard output as JSON lines.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    /// The only line.
    pub(crate) fn line(&self) -> Value {
        let mut lines = self.lines();
        assert_eq!(lines.len(), 1, "{self:?}");
        lines.remove(0)
    }

    /// The same, having ended so.
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zengine"));
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        command.env_remove(variable);
    }
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the command to its end.
pub(crate) fn zengine(arguments: &[&str], stdin: impl AsRef<[u8]>) -> Run {
    let mut child = command(arguments).spawn().unwrap();
    let (mut pipe, input) = (child.stdin.take().unwrap(), stdin.as_ref().to_vec());
    let writer = std::thread::spawn(move || {
        // A command that does not read its input to the end is no failure of the test.
        let _ = pipe.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// A folder with files for `--config`.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &Value) -> String {
        let path = self.path(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// A file whose every secret is a canary; its provider is at this address.
pub(crate) fn file(base_url: &str) -> Value {
    json!({
        "instance": { "app_secret": APP_SECRET, "verify_token": { "secret": "verify" }, "base_url": base_url },
        "config": { "phone_number_id": "100200300", "waba_id": "900100", "access_token": { "secret": "token" } },
        "secrets": { "token": TOKEN, "verify": VERIFY_TOKEN },
        "routes": [
            { "kind": "phone_number_id", "value": "100200300", "tenants": ["acme"] },
            { "kind": "waba_id", "value": "900100", "tenants": ["acme"] },
        ],
    })
}

/// An address where nobody listens.
pub(crate) const NOBODY: &str = "http://127.0.0.1:9";

/// A provider, and a file that leads there.
pub(crate) struct Bench {
    pub(crate) meta: MetaCloud,
    pub(crate) files: Files,
    pub(crate) config: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let number = Number::new("100200300", "900100").with_token(TOKEN);
        let meta = MetaCloud::start(Settings::new().with_number(number).with_webhooks(Webhooks::off())).unwrap();
        let files = Files::new();
        let config = files.write("file.json", &file(&meta.base_url()));
        Self { meta, files, config }
    }

    /// Sends a message with further arguments.
    pub(crate) fn send(&self, message: &Value, more: &[&str]) -> Run {
        let arguments = [&["send", WHATSAPP, "--config", &self.config], more].concat();
        zengine(&arguments, message.to_string())
    }
}

pub(crate) fn text() -> Value {
    message(json!({ "type": "text", "body": "canary body" }))
}

pub(crate) fn message(content: Value) -> Value {
    let mut message = json!({ "to": PHONE });
    message["content"] = content;
    message
}

/// `X-Hub-Signature-256` of a body.
pub(crate) fn signature(body: &[u8]) -> String {
    let signed = HmacSha256::hex_with_prefix("sha256=").sign(body, &Secret::new(APP_SECRET.as_bytes().to_vec()));
    format!("X-Hub-Signature-256: {signed}")
}

/// A webhook with these messages.
pub(crate) fn webhook(messages: &Value) -> String {
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "900100", "changes": [{ "field": "messages", "value": {
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550100200", "phone_number_id": "100200300" },
        "messages": messages,
    } }] }] })
    .to_string()
}

pub(crate) fn written(id: &str) -> Value {
    json!({ "from": "15551230001", "id": id, "timestamp": "1760000000", "type": "text", "text": { "body": "Hi" } })
}
