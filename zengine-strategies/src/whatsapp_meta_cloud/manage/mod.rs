//! Calls of the strategy's own methods: one query or one command to the Graph API.

mod block_list;
mod delivery;
mod profile;
mod qr_codes;
mod templates;

use std::time::Duration;

use http::Method;
use serde_json::Value;
use zengine_connector::{ErrorKind, EventContext, SendError};

use super::{Tenant, WhatsAppMetaCloud};
use crate::waba::answer;
use crate::waba::context::CallContext;
use crate::waba::gateway::{Access, Gateway, Payload};

pub use block_list::BlockReport;
pub use delivery::DeliveryEvent;
pub use profile::BusinessProfile;
pub use qr_codes::{QrCode, QrImage};

impl WhatsAppMetaCloud {
    /// The API with the current token.
    pub(super) async fn gateway<'a>(&'a self, tenant: &'a Tenant, cx: &dyn CallContext) -> Result<Gateway<'a>, SendError> {
        let credentials = tenant.token.current(&*self.http, self.token_hook.as_deref(), cx).await?;
        Ok(Gateway::new(&*self.http, &tenant.root, Access::Bearer(credentials)).with_paths(&tenant.paths))
    }

    /// Makes a query. It changes nothing, so every error is safe to repeat.
    pub(super) async fn ask(&self, tenant: &Tenant, cx: &EventContext, operation: &'static str, path: &str) -> Result<Value, SendError> {
        let gateway = self.gateway(tenant, cx).await?;
        let answer = gateway.call(Method::GET, path, Payload::Nothing, time(tenant, cx)).await;
        let response = answer.map_err(|lost| answer::again(lost, operation))?;
        answer::read(&response, cx.now(), operation)
    }

    /// Makes a change, and returns Meta's answer.
    pub(super) async fn change(
        &self,
        tenant: &Tenant,
        cx: &EventContext,
        operation: &'static str,
        method: Method,
        path: &str,
        payload: Payload<'_>,
    ) -> Result<Value, SendError> {
        let gateway = self.gateway(tenant, cx).await?;
        let response = gateway.call(method, path, payload, time(tenant, cx)).await?;
        answer::changed(&response, cx.now(), operation)
    }

    /// Makes a change to which Meta only answers that it is done.
    pub(super) async fn command(
        &self,
        tenant: &Tenant,
        cx: &EventContext,
        operation: &'static str,
        method: Method,
        path: &str,
        payload: Payload<'_>,
    ) -> Result<(), SendError> {
        let gateway = self.gateway(tenant, cx).await?;
        let response = gateway.call(method, path, payload, time(tenant, cx)).await?;
        answer::done(&response, cx.now(), operation)
    }
}

/// The elements of a list. An answer without a list is an error, not an empty list.
pub(super) fn list<'v>(body: &'v Value, operation: &'static str) -> Result<&'v [Value], SendError> {
    let list = body.get("data").and_then(Value::as_array).map(Vec::as_slice);
    list.ok_or_else(|| no_list(operation))
}

fn no_list(operation: &'static str) -> SendError {
    SendError::of(ErrorKind::Protocol, "the answer is no list").context("operation", operation).not_sent()
}

fn time(tenant: &Tenant, cx: &EventContext) -> Duration {
    tenant.limits.send.min(cx.remaining())
}
