//! The health of a number: one request; nothing is sent.

use bytes::Bytes;
use http::{Method, Response};
use zengine_connector::http::{HttpCause, read_json};
use zengine_connector::{ErrorKind, Fault, HealthContext, strategy::HealthStatus};

use super::answer;
use super::errors::{Class, GraphError};
use super::gateway::{CallFailure, Gateway, Hidden, Limits, MAX_ANSWER, Payload};
use super::node::Node;

/// Asks for the number's node; an error is the health without an answer.
pub(crate) async fn ask(gateway: &Gateway<'_>, limits: &Limits, cx: &HealthContext) -> Result<Response<Bytes>, HealthStatus> {
    let timeout = limits.health.min(cx.remaining());
    if timeout.is_zero() {
        return Err(HealthStatus::inconclusive("no time is left for the check"));
    }
    let url = gateway.url(&gateway.paths.health);
    let answer = gateway.exchange(Method::GET, &url, Payload::Nothing, timeout, MAX_ANSWER).await;
    answer.map_err(|lost| match lost {
        CallFailure::Request(_) => HealthStatus::inconclusive("the request cannot be built"),
        CallFailure::Http(lost) => match lost.cause {
            // Our deadline, not the provider's slowness, ended the check.
            HttpCause::Timeout if timeout < limits.health => HealthStatus::inconclusive("the check ran out of time"),
            HttpCause::Timeout => HealthStatus::unhealthy("the provider does not answer in time"),
            HttpCause::Connect => HealthStatus::unhealthy("no connection to the provider"),
            HttpCause::Broken => HealthStatus::unhealthy("the connection to the provider breaks"),
            _ => HealthStatus::inconclusive("the answer cannot be read"),
        },
    })
}

/// The health of an answer. `number`: the phone number id, if it is known.
pub(crate) fn judge(gateway: &Gateway<'_>, response: &Response<Bytes>, number: Option<&str>) -> HealthStatus {
    if let Some((error, class)) = answer::judge(response) {
        return refused(gateway, &error, &class).with_details(error.to_details());
    }
    let Ok(body) = read_json(response) else {
        return HealthStatus::inconclusive("the answer cannot be read");
    };
    let node = Node::read(&body);
    if node.id.as_deref().zip(number).is_some_and(|(id, number)| id != number) {
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
    let words = match response.extensions().get::<Hidden>() {
        Some(hidden) => hidden.scrubbed(node.words),
        None => node.words,
    };
    status.with_details(words)
}

fn refused(gateway: &Gateway<'_>, error: &GraphError, class: &Class) -> HealthStatus {
    // Maintenance passes within minutes and is announced as such.
    if matches!(error.code, Some(131_057 | 2_494_100)) {
        return HealthStatus::degraded("the number is in maintenance");
    }
    match class.kind {
        ErrorKind::Unauthorized => HealthStatus::unhealthy(gateway.refused()),
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
