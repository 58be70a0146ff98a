//! The strategy in the command.

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};

use super::{Dialog360, WhatsApp360Dialog};
use crate::cli::{CliContext, CliStrategy};

pub(crate) fn strategy() -> CliStrategy {
    CliStrategy::new(async |settings: Dialog360, cx: CliContext| Ok(WhatsApp360Dialog::new(cx.http(), settings)))
        .with_secrets(&["platform_secret"])
        .with_dry_run(dry_run)
}

/// The provider's success answer to a send, a read mark, or a file to store.
fn dry_run(request: &Request<Bytes>) -> Response<Bytes> {
    let is_mark = serde_json::from_slice::<Value>(request.body()).is_ok_and(|body| body["status"] == "read");
    let answer = match (request.method(), request.uri().path()) {
        (&Method::POST, path) if path.ends_with("/media") => json!({"id": "1234567890"}),
        (&Method::POST, _) if is_mark => json!({"success": true}),
        _ => json!({"messaging_product": "whatsapp", "contacts": [], "messages": [{"id": "wamid.dry-run"}]}),
    };
    Response::new(Bytes::from(answer.to_string()))
}
