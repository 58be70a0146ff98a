//! The health of a number: one request for its node, and one for the account's webhooks; nothing is sent.

use http::Method;
use zengine_connector::{Fault, HealthContext, SendError, strategy::HealthStatus};

use super::{Tenant, onboarding};
use crate::waba::gateway::{Gateway, Payload};
use crate::waba::{answer, health};

/// The fields of the node that the check reads.
pub(super) const FIELDS: &str = "id,quality_rating,status,health_status";

pub(super) async fn check(gateway: &Gateway<'_>, tenant: &Tenant, cx: &HealthContext) -> HealthStatus {
    let response = match health::ask(gateway, &tenant.limits, cx).await {
        Ok(response) => response,
        Err(status) => return status,
    };
    match health::judge(gateway, &response, Some(&tenant.config.phone_number_id)) {
        HealthStatus::Healthy if tenant.config.health_checks_subscription => subscription(gateway, tenant, cx).await,
        status => status,
    }
}

/// Whether the app receives the account's webhooks. If the query fails, the result of the node stands.
async fn subscription(gateway: &Gateway<'_>, tenant: &Tenant, cx: &HealthContext) -> HealthStatus {
    let timeout = tenant.limits.health.min(cx.remaining());
    let path = format!("/{}/subscribed_apps", tenant.config.waba_id);
    let answer = gateway.call(Method::GET, &path, Payload::Nothing, timeout).await;
    let read = answer.and_then(|response| onboarding::subscribed(&answer::read(&response, cx.now(), "subscribed_apps")?));
    let Ok(apps) = read else { return HealthStatus::Healthy };
    let ours = match &tenant.config.app_id {
        Some(id) => apps.iter().any(|app| app.id == *id),
        None => !apps.is_empty(),
    };
    if ours { HealthStatus::Healthy } else { HealthStatus::degraded("the app does not receive the account's webhooks") }
}

/// The health if there is no token to ask with.
pub(super) fn without_token(error: &SendError) -> HealthStatus {
    match error.fault() {
        Fault::Auth => HealthStatus::unhealthy("the access token has expired: reauthorise"),
        _ => HealthStatus::inconclusive("the access token could not be read"),
    }
}
