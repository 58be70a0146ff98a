//! The block list of a number.

use std::fmt;

use http::Method;
use serde_json::{Value, json};
use zengine_connector::{ErrorKind, EventContext, Identity, SendError, http::read_json, message::IdentityKind};

use super::list;
use crate::waba::answer;
use crate::waba::errors::GraphError;
use crate::waba::gateway::{Payload, encoded};
use crate::waba::wire::{items, text};
use crate::whatsapp_meta_cloud::{Page, Tenant, WhatsAppMetaCloud, onboarding};

/// The result of a change of the block list. It may succeed for some people and fail for others.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BlockReport {
    /// The people who were blocked, or unblocked, as Meta names them: WhatsApp ids.
    pub done: Vec<String>,
    /// The people who were not, with Meta's code of the reason.
    pub failed: Vec<(String, Option<i64>)>,
}

/// Without the people.
impl fmt::Debug for BlockReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockReport").field("done", &self.done.len()).field("failed", &self.failed.len()).finish()
    }
}

/// The block list of the tenant's number.
impl WhatsAppMetaCloud {
    /// Blocks people who wrote within the last 24 hours. A partial success is not an error: you must read the report.
    ///
    /// # Errors
    /// `MessageInvalid` if `users` is empty, has more than 1,000 people or holds another identity than a number or a business-scoped
    /// id (one of the parent portfolio is not taken); Meta's errors.
    pub async fn block_users(&self, tenant: &Tenant, users: &[Identity], cx: &EventContext) -> Result<BlockReport, SendError> {
        self.change_block_list(tenant, Method::POST, "block_users", users, cx).await
    }

    /// Unblocks people. A partial success is not an error: you must read the report.
    ///
    /// # Errors
    /// `MessageInvalid` if `users` is empty, has more than 1,000 people or holds another identity than a number or a business-scoped
    /// id (one of the parent portfolio is not taken); Meta's errors.
    pub async fn unblock_users(&self, tenant: &Tenant, users: &[Identity], cx: &EventContext) -> Result<BlockReport, SendError> {
        self.change_block_list(tenant, Method::DELETE, "unblock_users", users, cx).await
    }

    /// A page of the blocked people, as WhatsApp ids; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// Meta's errors. Safe to repeat.
    pub async fn blocked_users(&self, tenant: &Tenant, after: Option<&str>, cx: &EventContext) -> Result<Page<String>, SendError> {
        let after = after.map(|after| format!("&after={}", encoded(after))).unwrap_or_default();
        let body = self.ask(tenant, cx, "blocked_users", &format!("{}?limit=100{after}", path(tenant))).await?;
        let user = |value: &Value| text(value, "wa_id").or_else(|| text(value, "user_id")).or_else(|| text(value, "user"));
        // Some answers wrap the people once more.
        let flat = list(&body, "blocked_users")?.iter().flat_map(|entry| match entry.get("block_users").and_then(Value::as_array) {
            Some(inner) => inner.iter().collect(),
            None => vec![entry],
        });
        Ok(Page { items: flat.filter_map(user).collect(), next: onboarding::next(&body) })
    }

    async fn change_block_list(
        &self,
        tenant: &Tenant,
        method: Method,
        operation: &'static str,
        users: &[Identity],
        cx: &EventContext,
    ) -> Result<BlockReport, SendError> {
        let wrong = |what| SendError::of(ErrorKind::MessageInvalid, what).context("operation", operation).not_sent();
        if users.is_empty() {
            return Err(wrong("the list of users is empty"));
        }
        if users.len() > MAX_USERS {
            return Err(wrong("the list of users has more than 1,000 people"));
        }
        let users: Option<Vec<_>> = users.iter().map(|user| Some(json!({member(user)?: user.value()}))).collect();
        let users = users.ok_or_else(|| wrong("a user must be a phone number, a WhatsApp id or a business-scoped id"))?;
        let body = json!({"messaging_product": "whatsapp", "block_users": users});
        let gateway = self.gateway(tenant, cx).await?;
        let timeout = tenant.limits.send.min(cx.remaining());
        let response = gateway.call(method, &path(tenant), Payload::Json(&body), timeout).await?;
        // A success in part comes with an error beside it.
        match read_json::<Value>(&response).ok().as_ref().and_then(|body| body.get("block_users").filter(|report| report.is_object())) {
            Some(report) => Ok(read(report)),
            None => answer::done(&response, cx.now(), operation).map(|()| BlockReport::default()),
        }
    }
}

/// Maximum number of people in one change.
const MAX_USERS: usize = 1_000;

/// The member that names a person: numbers and scoped ids have one each, and other identities none. Meta takes no id of the
/// parent portfolio here.
fn member(user: &Identity) -> Option<&'static str> {
    match user.kind() {
        IdentityKind::Phone | IdentityKind::WaId => Some("user"),
        IdentityKind::Bsuid => Some("user_id"),
        _ => None,
    }
}

fn path(tenant: &Tenant) -> String {
    format!("/{}/block_users", tenant.config.phone_number_id)
}

fn read(report: &Value) -> BlockReport {
    let user = |value: &Value| text(value, "wa_id").or_else(|| text(value, "user_id")).or_else(|| text(value, "input"));
    // The answer to unblocking is printed with both names.
    let done = ["added_users", "removed_users"].into_iter().flat_map(|key| items(report, key)).filter_map(user).collect();
    let failed = items(report, "failed_users").iter().filter_map(|value| {
        let code = items(value, "errors").first().and_then(|error| GraphError::read(error).code);
        Some((user(value)?, code))
    });
    BlockReport { done, failed: failed.collect() }
}
