//! Calls to the Graph API over the injected client.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri, header};
use serde_json::Value;
use zengine_connector::{CallOptions, ErrorKind, HttpClient, HttpError, Reach, Secret, SendError};

use super::Tenant;

/// The largest answer to a send or a look-up, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// Posts to `/{phone_number_id}/messages`.
pub(super) async fn post_message(
    http: &dyn HttpClient,
    tenant: &Tenant,
    body: &Value,
    remaining: Duration,
) -> Result<Response<Bytes>, SendError> {
    let timeout = Duration::from_millis(tenant.config.send_timeout_ms).min(remaining);
    if timeout.is_zero() {
        return Err(SendError::of(ErrorKind::Timeout, "no time is left for the call").not_sent());
    }
    let url = tenant.url(&format!("/{}/messages", tenant.config.phone_number_id));
    let body = serde_json::to_vec(body).map_err(|error| unbuildable().source(error).not_sent())?;
    post(http, tenant, url, HeaderValue::from_static("application/json"), body.into(), timeout).await
}

/// Posts to `/{phone_number_id}/media`.
pub(super) async fn post_media(
    http: &dyn HttpClient,
    tenant: &Tenant,
    content_type: &str,
    body: Bytes,
    remaining: Duration,
) -> Result<Response<Bytes>, SendError> {
    let timeout = Duration::from_millis(tenant.config.media_timeout_ms).min(remaining);
    if timeout.is_zero() {
        return Err(SendError::of(ErrorKind::Timeout, "no time is left for the call").not_sent());
    }
    let url = tenant.url(&format!("/{}/media", tenant.config.phone_number_id));
    let content_type = HeaderValue::from_str(content_type).map_err(|error| unbuildable().source(error).not_sent())?;
    post(http, tenant, url, content_type, body, timeout).await
}

async fn post(
    http: &dyn HttpClient,
    tenant: &Tenant,
    url: String,
    content_type: HeaderValue,
    body: Bytes,
    timeout: Duration,
) -> Result<Response<Bytes>, SendError> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(header::AUTHORIZATION, bearer(tenant.access_token()).ok_or_else(|| unbuildable().not_sent())?)
        .header(header::CONTENT_TYPE, content_type)
        .body(body)
        .map_err(|_| unbuildable().not_sent())?;
    Ok(http.call(request, options(timeout)).await?)
}

/// Gets fields of the phone number's node.
pub(super) async fn node(
    http: &dyn HttpClient,
    tenant: &Tenant,
    fields: &str,
    timeout: Duration,
) -> Option<Result<Response<Bytes>, HttpError>> {
    let request = Request::builder()
        .method(Method::GET)
        .uri(tenant.url(&format!("/{}?fields={fields}", tenant.config.phone_number_id)))
        .header(header::AUTHORIZATION, bearer(tenant.access_token())?)
        .body(Bytes::new())
        .ok()?;
    Some(http.call(request, options(timeout)).await)
}

/// Gets an address that the caller trusts with the token. Nothing is sent, so that every error is safe to repeat.
pub(super) async fn get(
    http: &dyn HttpClient,
    tenant: &Tenant,
    address: &Uri,
    timeout: Duration,
    most: usize,
) -> Result<Response<Bytes>, SendError> {
    if timeout.is_zero() {
        return Err(SendError::of(ErrorKind::Timeout, "no time is left for the call").not_sent());
    }
    let request = Request::builder()
        .method(Method::GET)
        .uri(address)
        .header(header::AUTHORIZATION, bearer(tenant.access_token()).ok_or_else(|| unbuildable().not_sent())?)
        .body(Bytes::new())
        .map_err(|_| unbuildable().not_sent())?;
    http.call(request, options(timeout).with_max_response_bytes(most)).await.map_err(|mut lost| {
        lost.reach = Reach::NotSent;
        lost.into()
    })
}

fn options(timeout: Duration) -> CallOptions {
    CallOptions::DEFAULT.with_timeout(timeout).with_max_response_bytes(MAX_ANSWER)
}

/// The header of a token, marked so that no client prints it. `None` only for a token that `configure` refuses.
pub(super) fn bearer(token: &Secret<String>) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn unbuildable() -> zengine_connector::NeedsReach {
    SendError::of(ErrorKind::MessageInvalid, "the request cannot be built")
}
