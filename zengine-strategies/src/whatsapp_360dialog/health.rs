//! The health of a number: one request, or two where the first is not for this number.

use http::{Method, StatusCode};
use zengine_connector::{Fault, HealthContext, strategy::HealthStatus};

use super::{Hosting, Tenant};
use crate::waba::gateway::{Gateway, Payload};
use crate::waba::{answer, health};

/// The path of a number's webhook; every key may read it.
pub(super) const WEBHOOK: &str = "/v1/configs/webhook";

pub(super) async fn check(gateway: &Gateway<'_>, tenant: &Tenant, cx: &HealthContext) -> HealthStatus {
    if tenant.config.hosting == Hosting::Sandbox {
        // It is not documented whether the sandbox tells its health.
        return webhook(gateway, tenant, cx).await;
    }
    let response = match health::ask(gateway, &tenant.limits, cx).await {
        Ok(response) => response,
        Err(status) => return status,
    };
    match response.status() {
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => webhook(gateway, tenant, cx).await,
        // The key is right then, and something is wrong with the account.
        StatusCode::BAD_REQUEST if answer::judge(&response).is_some_and(|(_, class)| class.kind.fault() == Fault::Domain) => {
            HealthStatus::degraded("the provider reports a problem with the account")
        }
        _ => health::judge(gateway, &response, tenant.config.phone_number_id.as_deref()),
    }
}

/// Whether the key is right: any answer about the webhook says so, also that there is none.
async fn webhook(gateway: &Gateway<'_>, tenant: &Tenant, cx: &HealthContext) -> HealthStatus {
    let timeout = tenant.limits.health.min(cx.remaining());
    match gateway.call(Method::GET, WEBHOOK, Payload::Nothing, timeout).await {
        Ok(response) if response.status().is_success() || response.status() == StatusCode::NOT_FOUND => HealthStatus::Healthy,
        Ok(response) => health::judge(gateway, &response, None),
        Err(_) => HealthStatus::inconclusive("the provider was not reached"),
    }
}
