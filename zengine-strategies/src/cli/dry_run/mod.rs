//! Requests that are recorded and shown instead of sent.
//!
//! | file | what |
//! |---|---|
//! | `body` | a body as JSON, or a description of it |
//! | `redact` | secrets as `***`, in every encoding |

mod body;
mod redact;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use zengine_connector::http::{CallOptions, HttpError};
use zengine_connector::{HttpClient, async_trait};

use super::exit::{Exit, Failure};
use super::file::File;
use super::strategy::CliStrategy;
use crate::sandbox::text::is_form;
use redact::Redactor;

/// An HTTP client that records each request without its secrets; the provider's emulator answers it, in process.
#[derive(Debug)]
pub(super) struct Recorder {
    provider: Arc<dyn HttpClient>,
    redactor: Redactor,
    requests: Mutex<Vec<RecordedRequest>>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct RecordedRequest {
    method: String,
    url: String,
    headers: Map<String, Value>,
    body: Value,
}

impl Recorder {
    /// Creates a recorder that redacts the file's secrets.
    pub(super) fn new(strategy: &CliStrategy, file: &File) -> Result<Self, Failure> {
        let Some(provider) = &strategy.dry_run else {
            return Err(Failure::invalid(format!(
                "{} has nothing that answers in a dry run: give its CliStrategy with_dry_run or with_emulator",
                strategy.name()
            )));
        };
        let provider = provider(&file.instance, file.config.as_ref().unwrap_or(&Value::Null))
            .map_err(|error| Failure::new(Exit::Broken, format!("the emulator cannot start: {error}")))?;
        Ok(Self { provider, redactor: Redactor::new(file.secrets.texts()), requests: Mutex::default() })
    }

    /// The requests so far, in order.
    pub(super) fn requests(&self) -> Vec<RecordedRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record(&self, request: &Request<Bytes>) -> RecordedRequest {
        let mut headers = Map::new();
        for name in request.headers().keys() {
            let mut values: Vec<Value> = request.headers().get_all(name).iter().map(|value| self.redactor.header(value).into()).collect();
            let value = if values.len() == 1 { values.remove(0) } else { values.into() };
            headers.insert(name.as_str().to_owned(), value);
        }
        RecordedRequest {
            method: request.method().to_string(),
            url: self.redactor.url(&request.uri().to_string()),
            headers,
            body: match body::describe(request.headers(), request.body()) {
                Value::String(text) if is_form(request.headers()) => self.redactor.fields(&text).into(),
                body => self.redactor.json(body),
            },
        }
    }
}

#[async_trait]
impl HttpClient for Recorder {
    async fn call(&self, request: Request<Bytes>, options: CallOptions) -> Result<Response<Bytes>, HttpError> {
        let recorded = self.record(&request);
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
        self.provider.call(request, options).await
    }
}
