//! Authentication of requests: the handshake when a webhook is set up, and the signature of every delivery.

use http::Method;
use zengine_connector::InboundContext;
use zengine_connector::strategy::{CredentialFault, InboundRequest, Origin, Verified, VerifyError};
use zengine_connector::verify::{HmacSha256, answer_challenge, check_size};

use crate::whatsapp_meta_cloud::{MetaApp, Tenant};

/// The header with the HMAC of the exact bytes under the app secret. The older `X-Hub-Signature` (SHA-1) is ignored.
const HEADER: &str = "x-hub-signature-256";
const SIGNATURE: HmacSha256 = HmacSha256::hex_with_prefix("sha256=");

/// Answers the handshake (GET) and authenticates a delivery (POST, or a record that carries the header as an attribute).
///
/// One app secret signs for all tenants of the app, so a delivery is shared: its events name their numbers.
pub(super) async fn verify(app: &MetaApp, request: &InboundRequest, cx: &InboundContext<Tenant>) -> Result<Verified, VerifyError> {
    match request.method() {
        Some(&Method::GET) => handshake(app, request, cx).await,
        Some(&Method::POST) => delivery(app, request, request.header(HEADER), cx).await,
        Some(_) => Err(VerifyError::MethodNotAllowed("GET, POST")),
        // A queue says who put the record there, not that Meta wrote it: the signature travels along.
        None => delivery(app, request, attribute(request), cx).await,
    }
}

/// Answers the handshake. A GET never carries a signature; only the token is checked.
async fn handshake(app: &MetaApp, request: &InboundRequest, cx: &InboundContext<Tenant>) -> Result<Verified, VerifyError> {
    if request.query("hub.mode").as_deref() != Some("subscribe") {
        // Some relays replace the dots.
        let is_renamed = request.query("hub_mode").is_some();
        return Err(if is_renamed { VerifyError::Token(CredentialFault::Malformed) } else { VerifyError::Forbidden });
    }
    let token = request.query("hub.verify_token").ok_or(VerifyError::Token(CredentialFault::Missing))?;
    let tokens = cx.secret(app.verify_token()).await?;
    answer_challenge(Some(&token), request.query("hub.challenge").as_deref(), &tokens).map(Verified::reply)
}

async fn delivery(
    app: &MetaApp,
    request: &InboundRequest,
    signature: Option<&str>,
    cx: &InboundContext<Tenant>,
) -> Result<Verified, VerifyError> {
    // The size before anything is computed. Nesting and items are the reader's business, once it is known that Meta wrote it.
    check_size(request.body().len(), app.max_webhook_bytes())?;
    // A request without a signature costs no look-up of the secret.
    let signature = SIGNATURE.read(signature)?;
    signature.check(request.body(), &cx.secret(app.app_secret()).await?)?;
    Ok(Verified::shared(request.body().clone()))
}

fn attribute(request: &InboundRequest) -> Option<&str> {
    match request.origin() {
        Origin::Trusted { attributes, .. } => {
            attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(HEADER)).map(|(_, value)| value.as_str())
        }
        _ => None,
    }
}
