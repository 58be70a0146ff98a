//! The health of a number: one request for its node; nothing is sent.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response};
use zengine_connector::{
    ErrorKind, Fault, HealthContext, SendError,
    http::{HttpCause, read_json},
    strategy::HealthStatus,
};

use super::client::{CallFailure, Graph, MAX_ANSWER, Payload};
use super::{Tenant, onboarding};
use crate::waba::answer;
use crate::waba::errors::{Class, GraphError};
use crate::waba::node::Node;

const FIELDS: &str = "id,quality_rating,status,health_status";

pub(super) async fn check(graph: &Graph<'_>, tenant: &Tenant, cx: &HealthContext) -> HealthStatus {
    let own = Duration::from_millis(tenant.config.health_timeout_ms);
    let timeout = own.min(cx.remaining());
    if timeout.is_zero() {
        return HealthStatus::inconclusive("no time is left for the check");
    }
    let url = graph.url(&format!("/{}?fields={FIELDS}", tenant.config.phone_number_id));
    match graph.exchange(Method::GET, &url, Payload::Nothing, timeout, MAX_ANSWER).await {
        Err(CallFailure::Request(_)) => HealthStatus::inconclusive("the request cannot be built"),
        Ok(response) => match judge(&response, &tenant.config.phone_number_id) {
            HealthStatus::Healthy if tenant.config.health_checks_subscription => subscription(graph, tenant, cx).await,
            status => status,
        },
        Err(CallFailure::Http(lost)) => match lost.cause {
            // Our deadline, not the provider's slowness, ended the check.
            HttpCause::Timeout if timeout < own => HealthStatus::inconclusive("the check ran out of time"),
            HttpCause::Timeout => HealthStatus::unhealthy("the provider does not answer in time"),
            HttpCause::Connect => HealthStatus::unhealthy("no connection to the provider"),
            HttpCause::Broken => HealthStatus::unhealthy("the connection to the provider breaks"),
            _ => HealthStatus::inconclusive("the answer cannot be read"),
        },
    }
}

/// Whether the app receives the account's webhooks. If the query fails, the result of the node stands.
async fn subscription(graph: &Graph<'_>, tenant: &Tenant, cx: &HealthContext) -> HealthStatus {
    let timeout = Duration::from_millis(tenant.config.health_timeout_ms).min(cx.remaining());
    let path = format!("/{}/subscribed_apps", tenant.config.waba_id);
    let answer = graph.call(Method::GET, &path, Payload::Nothing, timeout).await;
    let read = answer.and_then(|response| onboarding::subscribed(&answer::read(&response, cx.now(), "subscribed_apps")?));
    let Ok(apps) = read else { return HealthStatus::Healthy };
    let ours = match &tenant.config.app_id {
        Some(id) => apps.iter().any(|app| app.id == *id),
        None => !apps.is_empty(),
    };
    if ours { HealthStatus::Healthy } else { HealthStatus::degraded("the app does not receive the account's webhooks") }
}

fn judge(response: &Response<Bytes>, number: &str) -> HealthStatus {
    if let Some((error, class)) = answer::judge(response) {
        return refused(&error, &class).with_details(error.to_details());
    }
    let Ok(body) = read_json(response) else {
        return HealthStatus::inconclusive("the answer cannot be read");
    };
    let node = Node::read(&body);
    if node.id.is_some_and(|id| id != number) {
        return HealthStatus::inconclusive("the answer is about another number");
    }
    let status = match (node.can_send.as_deref(), node.status.as_deref(), node.quality.as_deref()) {
        (None, None, _) => return HealthStatus::inconclusive("the answer says nothing of the number"),
        (Some("BLOCKED"), ..) => HealthStatus::unhealthy("the number is blocked from sending"),
        (_, Some(status), _) if status != "CONNECTED" => HealthStatus::unhealthy("the number is not connected"),
        (Some("LIMITED"), ..) => HealthStatus::degraded("the number may send with limits"),
        (.., Some("RED")) => HealthStatus::degraded("the number's quality is low"),
        _ => HealthStatus::Healthy,
    };
    status.with_details(node.words)
}

/// The health if there is no token to ask with.
pub(super) fn without_token(error: &SendError) -> HealthStatus {
    match error.fault() {
        Fault::Auth => HealthStatus::unhealthy("the access token has expired: reauthorise"),
        _ => HealthStatus::inconclusive("the access token could not be read"),
    }
}

fn refused(error: &GraphError, class: &Class) -> HealthStatus {
    // Maintenance passes within minutes and is announced as such.
    if matches!(error.code, Some(131_057 | 2_494_100)) {
        return HealthStatus::degraded("the number is in maintenance");
    }
    match class.kind {
        ErrorKind::Unauthorized => HealthStatus::unhealthy("the access token is refused"),
        ErrorKind::Forbidden => HealthStatus::unhealthy("a permission is missing"),
        ErrorKind::Config => HealthStatus::unhealthy("the phone number id is unknown or not accessible"),
        kind => match kind.fault() {
            Fault::Throttled => HealthStatus::inconclusive("the provider throttled the check"),
            Fault::Auth => HealthStatus::unhealthy("the account or number is restricted"),
            Fault::Provider => HealthStatus::unhealthy("the provider fails"),
            Fault::Domain | Fault::Local | Fault::Cancelled => HealthStatus::inconclusive("the provider refused the check"),
        },
    }
}
