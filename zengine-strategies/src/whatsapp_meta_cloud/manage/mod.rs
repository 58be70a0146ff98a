//! Calls of the strategy's own methods: one question or one command to the Graph API.

mod block_list;
mod delivery;
mod profile;
mod qr_codes;
mod templates;

use std::time::Duration;

use http::Method;
use serde_json::Value;
use zengine_connector::{ErrorKind, EventContext, SendError};

use super::{
    Tenant, WhatsAppMetaCloud,
    client::{Graph, Payload},
    context::CallContext,
    error,
};

pub use block_list::BlockReport;
pub use delivery::DeliveryEvent;
pub use profile::BusinessProfile;
pub use qr_codes::{QrCode, QrImage};
pub use templates::TemplateRecord;

impl WhatsAppMetaCloud {
    /// The API with the token of this moment.
    pub(super) async fn graph<'a>(&'a self, tenant: &'a Tenant, cx: &dyn CallContext) -> Result<Graph<'a>, SendError> {
        let credentials = tenant.token.current(&*self.http, self.token_hook.as_deref(), cx).await?;
        Ok(Graph::new(&*self.http, &tenant.root, Some(credentials)))
    }

    /// Asks. Nothing changes, so that every error is safe to repeat.
    pub(super) async fn ask(&self, tenant: &Tenant, cx: &EventContext, operation: &'static str, path: &str) -> Result<Value, SendError> {
        let graph = self.graph(tenant, cx).await?;
        let answer = graph.call(Method::GET, path, Payload::Nothing, time(tenant, cx)).await;
        let response = answer.map_err(|lost| error::again(lost, operation))?;
        error::read(&response, cx.now(), operation)
    }

    /// Changes something, and gives what Meta answers.
    pub(super) async fn change(
        &self,
        tenant: &Tenant,
        cx: &EventContext,
        operation: &'static str,
        method: Method,
        path: &str,
        payload: Payload<'_>,
    ) -> Result<Value, SendError> {
        let graph = self.graph(tenant, cx).await?;
        let response = graph.call(method, path, payload, time(tenant, cx)).await?;
        error::changed(&response, cx.now(), operation)
    }

    /// Changes something, where Meta answers that it is done and no more.
    pub(super) async fn command(
        &self,
        tenant: &Tenant,
        cx: &EventContext,
        operation: &'static str,
        method: Method,
        path: &str,
        payload: Payload<'_>,
    ) -> Result<(), SendError> {
        done(&self.change(tenant, cx, operation, method, path, payload).await?, operation)
    }
}

/// Whether Meta says that it is done.
pub(super) fn done(body: &Value, operation: &'static str) -> Result<(), SendError> {
    match body.get("success") {
        Some(Value::Bool(true)) => Ok(()),
        Some(Value::String(word)) if word == "true" => Ok(()),
        Some(Value::Bool(false)) => {
            let refused = SendError::of(ErrorKind::InvalidContent, "the provider says that it did not do it");
            Err(refused.context("operation", operation).processed())
        }
        _ => Err(SendError::of(ErrorKind::Protocol, "done without saying so").context("operation", operation).maybe()),
    }
}

/// A member of an answer as text, also where it is a number.
pub(super) fn text(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The elements of a member that is an array.
pub(super) fn items<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The elements of a list. An answer without one says nothing, least of all that the list is empty.
pub(super) fn list<'v>(body: &'v Value, operation: &'static str) -> Result<&'v [Value], SendError> {
    let list = body.get("data").and_then(Value::as_array).map(Vec::as_slice);
    list.ok_or_else(|| SendError::of(ErrorKind::Protocol, "the answer is no list").context("operation", operation).not_sent())
}

fn time(tenant: &Tenant, cx: &EventContext) -> Duration {
    Duration::from_millis(tenant.config.send_timeout_ms).min(cx.remaining())
}
