//! Authentication of webhooks: the token in the path, the account's signature, and the header that we registered.

use http::Method;
use zengine_connector::ids::RouteKey;
use zengine_connector::strategy::{Candidate, CredentialFault, InboundRequest, Origin, Verified, VerifyError};
use zengine_connector::verify::{HmacSha256, Signature, check_size, constant_time_eq};
use zengine_connector::{InboundContext, Secret};

use super::{Number, owners};
use crate::whatsapp_360dialog::config::{SignatureUse, WebhookHeader};
use crate::whatsapp_360dialog::{Dialog360, Tenant};

/// Minimum length of a token in the path: 128 bits in letters and digits.
const MIN_TOKEN: usize = 22;
/// Maximum tenants whose secrets are compared for a request that names none in its path.
const MAX_CANDIDATES: usize = 8;

/// Authenticates a delivery: a POST, or a record that carries the headers as attributes.
///
/// The tenant is that of the token in the path. Without a token, a request with the signature of the application's account is for all
/// tenants that it names, and any other for the tenant whose number or account the body names, which must bear that one's credentials.
pub(super) async fn verify(settings: &Dialog360, request: &InboundRequest, cx: &InboundContext<Tenant>) -> Result<Verified, VerifyError> {
    // There is no handshake: the address is set by a call.
    if request.method().is_some_and(|method| *method != Method::POST) {
        return Err(VerifyError::MethodNotAllowed("POST"));
    }
    check_size(request.body().len(), settings.max_webhook_bytes())?;
    let delivery = Delivery { request, signature: GivenSignature::read(header(request, settings.signature_header())) };
    let token = request.segment(0).filter(|token| !token.is_empty());
    if let Some(token) = token {
        if token.len() < MIN_TOKEN {
            return Err(VerifyError::Unauthenticated(CredentialFault::Wrong));
        }
        let tenant = cx.find_one(&RouteKey::new("url_token", token)).await?;
        delivery.check(settings, &tenant, true, cx).await?;
        return Ok(of_tenant(&tenant, request));
    }
    if let (Some(secret), GivenSignature::Read(signature)) = (settings.platform_secret(), &delivery.signature)
        && signature.check(request.body(), &cx.secret(secret).await?).is_ok()
    {
        return Ok(Verified::shared(request.body().clone()));
    }
    let mut fault = CredentialFault::Missing;
    for tenant in candidates(request, cx).await? {
        match delivery.check(settings, &tenant, false, cx).await {
            Ok(()) => return Ok(of_tenant(&tenant, request)),
            Err(VerifyError::Unauthenticated(found)) => fault = found,
            Err(other) => return Err(other),
        }
    }
    Err(VerifyError::Unauthenticated(fault))
}

fn of_tenant(tenant: &Candidate<Tenant>, request: &InboundRequest) -> Verified {
    Verified::tenant(tenant, request.body().clone()).with(Number(tenant.config.phone_number_id.clone()))
}

/// The tenants of the numbers that a body names; of its accounts only if no number leads to one.
async fn candidates(request: &InboundRequest, cx: &InboundContext<Tenant>) -> Result<Vec<Candidate<Tenant>>, VerifyError> {
    let mut found: Vec<Candidate<Tenant>> = vec![];
    for key in owners::of(request.body()) {
        if found.len() >= MAX_CANDIDATES || !found.is_empty() && key.kind() != "phone_number_id" {
            break;
        }
        let tenants = cx.find(&key).await?.into_iter();
        let new: Vec<_> = tenants.filter(|tenant| found.iter().all(|known| known.id() != tenant.id())).collect();
        found.extend(new);
    }
    found.truncate(MAX_CANDIDATES);
    Ok(found)
}

/// A request with its signature, which is read but not checked yet.
struct Delivery<'r> {
    request: &'r InboundRequest,
    signature: GivenSignature,
}

/// The signature of a request. A malformed one is refused only by a tenant that looks at signatures.
enum GivenSignature {
    Absent,
    Malformed,
    Read(Signature),
}

impl GivenSignature {
    /// Reads any form that has been seen: hexadecimal digits, with or without `sha256=`.
    fn read(header: Option<&str>) -> Self {
        let Some(given) = header else { return Self::Absent };
        HmacSha256::hex().read(Some(given.strip_prefix("sha256=").unwrap_or(given))).map_or(Self::Malformed, Self::Read)
    }
}

impl Delivery<'_> {
    /// Checks everything that the tenant demands; something must prove the request. A wrong signature is never healed by a right header.
    async fn check(&self, settings: &Dialog360, tenant: &Tenant, has_token: bool, cx: &InboundContext<Tenant>) -> Result<(), VerifyError> {
        let config = &tenant.config;
        let missing = VerifyError::Unauthenticated(CredentialFault::Missing);
        if !config.receives || config.token_in_path && !has_token {
            return Err(missing);
        }
        let mut is_proven = has_token && config.token_in_path;
        match &self.signature {
            _ if config.signature == SignatureUse::Ignore => {}
            GivenSignature::Read(signature) => is_proven |= self.is_signed(signature, settings, tenant, cx).await?,
            GivenSignature::Malformed if tenant.platform_secrets.is_empty() && settings.platform_secret().is_none() => {}
            GivenSignature::Malformed => return Err(VerifyError::Unauthenticated(CredentialFault::Malformed)),
            GivenSignature::Absent if config.signature == SignatureUse::Required => return Err(missing),
            GivenSignature::Absent => {}
        }
        if let Some(expected) = &config.webhook_header {
            let given = header(self.request, &expected.name).ok_or(VerifyError::Unauthenticated(CredentialFault::Missing))?;
            if !is_expected(expected, given) {
                return Err(VerifyError::Unauthenticated(CredentialFault::Wrong));
            }
            is_proven = true;
        }
        if is_proven { Ok(()) } else { Err(missing) }
    }

    /// Whether the signature is of the tenant's own account or of the application's. `false` if neither has a secret.
    async fn is_signed(
        &self,
        signature: &Signature,
        settings: &Dialog360,
        tenant: &Tenant,
        cx: &InboundContext<Tenant>,
    ) -> Result<bool, VerifyError> {
        let body = self.request.body();
        match (tenant.platform_secrets.as_slice(), settings.platform_secret()) {
            ([], None) => return Ok(false),
            ([], Some(shared)) => signature.check(body, &cx.secret(shared).await?)?,
            (own, _) => signature.check(body, own)?,
        }
        Ok(true)
    }
}

/// Whether a header has the registered value, or the one before. Both are compared, in a time that does not tell which fits.
fn is_expected(expected: &WebhookHeader, given: &str) -> bool {
    let same = |value: &Secret<String>| constant_time_eq(value.expose().as_bytes(), given.as_bytes());
    let (now, before) = (same(&expected.value), expected.previous_value.as_ref().is_some_and(same));
    now | before
}

/// A header; of a record that a platform vouches for, an attribute: such a platform did not sign for 360dialog.
fn header<'r>(request: &'r InboundRequest, name: &str) -> Option<&'r str> {
    match request.origin() {
        Origin::Trusted { attributes, .. } => {
            attributes.iter().find(|(attribute, _)| attribute.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
        }
        _ => request.header(name),
    }
}
