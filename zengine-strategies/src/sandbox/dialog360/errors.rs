//! 360dialog's error bodies: Meta's, and three of its own.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::sandbox::provider::page;
use crate::sandbox::waba::errors::GraphError;

/// The reason of a refusal.
#[derive(Debug)]
pub(super) enum Failure {
    /// By Meta: passed on as it is.
    Meta(GraphError),
    /// By a handler of 360dialog's own: files, the account's webhook.
    Handler(u16, String),
    /// By the gateway in front of all paths: the status, and the one that its body names.
    Gateway(u16, u16, String),
    /// By the configuration of a number.
    Config(u16, String),
}

impl Failure {
    /// No key, or none of a number's. The body names another status than the response, as the documented sample does.
    pub(super) fn key() -> Self {
        Self::Gateway(401, 404, "Invalid api_key".to_owned())
    }

    pub(super) fn blocked(path: &str) -> Self {
        Self::Gateway(403, 403, format!("This URL {path} is blocked"))
    }

    pub(super) fn method() -> Self {
        Self::Gateway(405, 405, "Method not allowed".to_owned())
    }

    /// Too many requests, which is documented as 400.
    pub(super) fn throttled() -> Self {
        Self::Handler(400, "You have exceeded the endpoint rate limit.".to_owned())
    }

    /// Meta's refusal in the words of a handler of 360dialog's own.
    pub(super) fn told(error: &GraphError) -> Self {
        let body = error.body("");
        let text = body.pointer("/error/error_data/details").or_else(|| body.pointer("/error/message")).and_then(Value::as_str);
        Self::Handler(400, text.unwrap_or_default().to_owned())
    }

    pub(super) fn answer(&self, trace: &str) -> Response<Bytes> {
        match self {
            Self::Meta(error) => json_answer(error.status, &error.body(trace)),
            Self::Handler(status, text) => json_answer(*status, &json!({"error": text})),
            Self::Gateway(status, code, text) => {
                json_answer(*status, &json!({"meta": {"success": false, "httpCode": code, "developerMessage": text}}))
            }
            Self::Config(status, text) => {
                json_answer(*status, &json!({"meta": {"success": false, "http_code": status, "developer_message": text}}))
            }
        }
    }
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Self {
        Self::Meta(error)
    }
}

pub(super) fn json_answer(status: u16, body: &Value) -> Response<Bytes> {
    page(status, "application/json", body.to_string())
}
