//! Authentication of requests.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::prelude::*;
use crate::{
    orchestrator::Ack,
    store::{Memory, SecretAnswer, SecretError, SecretScope, SecretStore},
    strategy::InboundRequest,
};

/// A request without its signature header is refused.
pub(crate) async fn a_missing_signature_is_refused(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let request = inbox.host.sample(0, 1);
    for header in &kit.inbound().signatures {
        for (value, what) in [(None, "without"), (Some(""), "with an empty"), (Some(" "), "with a blank")] {
            let forged = vary::with_header(&request, header, value).expect("a header");
            inbox.assert_refused(forged, &format!("a request {what} header {header}")).await;
        }
    }
    Ok(())
}

/// A request signed with another secret is refused.
pub(crate) async fn a_wrong_secret_is_refused(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    // The host's secrets change, not the request.
    let other = |value: &str| value.chars().rev().chain("x".chars()).collect::<String>();
    let mut changed = 0;
    for tenant in 0..TENANTS {
        for (name, value) in &kit.tenant(tenant).secrets {
            inbox.host.stores.put_secret(&inbox.host.scope(tenant), name, changed_value(value, other));
            changed += 1;
        }
    }
    for (name, value) in &kit.application_secrets {
        inbox.host.stores.put_secret(&SecretScope::application(kit.name.clone()), name, changed_value(value, other));
        changed += 1;
    }
    if changed == 0 {
        return Err(Skipped::needs("secrets in the configuration or of the application"));
    }
    let request = inbox.host.sample(0, 1);
    inbox.assert_refused(request, "a request signed with another secret").await;
    Ok(())
}

/// A changed secret; a JSON object keeps its members.
fn changed_value(value: &str, other: impl Fn(&str) -> String) -> String {
    match serde_json::from_str::<serde_json::Value>(value) {
        Ok(serde_json::Value::Object(mut members)) => {
            for member in members.values_mut() {
                if let Some(text) = member.as_str().map(&other) {
                    *member = text.into();
                }
            }
            serde_json::Value::Object(members).to_string()
        }
        _ => other(value),
    }
}

/// A prefix of a signature or an extended one is refused.
pub(crate) async fn a_part_of_a_signature_is_refused(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let request = inbox.host.sample(0, 1);
    for header in &kit.inbound().signatures {
        let Some(signature) = vary::header_of(&request, header).filter(|text| text.is_ascii()) else { continue };
        // Padding may be missing; any shorter text is another signature.
        let unpadded = signature.trim_end_matches('=').len();
        let parts = (0..unpadded).map(|end| signature[..end].to_owned());
        let longer = [format!("{signature}0"), format!("{signature}{signature}"), format!("{signature}, {signature}0")];
        for part in parts.chain(longer) {
            let what = format!("a request with {} of the {} characters of header {header}", part.len(), signature.len());
            inbox.assert_refused(vary::with_header(&request, header, Some(&part)).expect("a header"), &what).await;
        }
    }
    Ok(())
}

/// A request with a part of the credential in its address, a longer one, none, or that of another tenant is refused.
pub(crate) async fn another_credential_in_the_address_is_refused(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let request = inbox.host.sample(0, 1);
    let uri = request.uri().to_string();
    let Some(token) = kit.secrets.iter().find(|secret| uri.contains(secret.as_str())) else {
        return Err(Skipped::needs("a secret in the address"));
    };
    assert_accepted(&inbox.sample(1, 8).await, "a signed message");
    let (seen, of_another) = (inbox.seen().len(), kit.secrets_of(1));
    for other in vary::other_tokens(token) {
        let Ok(uri) = uri.replace(token.as_str(), &other).parse() else { continue };
        let mut forged = request.clone();
        *forged.uri_mut() = uri;
        let what = format!("a request with {} of the {} characters of the credential in its address", other.len(), token.len());
        inbox.assert_refused(forged, &what).await;
    }
    // With another tenant's credential it may be that tenant's, but never this one's.
    for other in of_another {
        let Ok(uri) = uri.replace(token.as_str(), &other).parse() else { continue };
        let mut forged = request.clone();
        *forged.uri_mut() = uri;
        let _ = inbox.request(forged).await;
    }
    let stolen = inbox.seen().iter().skip(seen).any(|event| event.tenant == Kit::tenant_id(0));
    assert!(!stolen, "the credential of tenant 1 in the address made an event of tenant 0");
    Ok(())
}

/// A signature of another form, or by another algorithm, is refused.
pub(crate) async fn a_signature_of_another_form_is_refused(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let request = inbox.host.sample(0, 1);
    for header in &kit.inbound().signatures {
        let Some(signature) = vary::header_of(&request, header).filter(|text| text.is_ascii()) else { continue };
        for form in other_forms(&signature) {
            let Some(forged) = vary::with_header(&request, header, Some(&form)) else { continue };
            let shown = if form.len() > 12 { "…" } else { &form };
            inbox.assert_refused(forged, &format!("a request with header {header} in another form ({shown})")).await;
        }
    }
    Ok(())
}

fn other_forms(signature: &str) -> Vec<String> {
    let mut forms: Vec<_> = ["x", "null", "0", "sha256=", "sha256=00", "Bearer", "Basic Og==", "\u{e9}", "==", "99999999999999999999"]
        .map(str::to_owned)
        .into();
    if let Some((scheme, value)) = signature.split_once('=').filter(|(_, value)| value.trim_matches('=').len() > 8) {
        forms.extend([
            value.to_owned(),
            format!("={value}"),
            format!("sha1={value}"),
            format!("none={value}"),
            format!("x{scheme}={value}"),
        ]);
    }
    forms.push(signature.chars().rev().collect());
    forms.push(signature.chars().map(|char| if char.is_ascii_alphanumeric() { '0' } else { char }).collect());
    // Case matters in base64, not in hexadecimal.
    let value = signature.rsplit(['=', ' ']).find(|part| part.len() > 8).unwrap_or_default();
    if !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        forms.push(signature.replace(value, &value.to_ascii_lowercase()));
        forms.push(signature.replace(value, &value.to_ascii_uppercase()));
    }
    forms.retain(|form| form != signature);
    forms
}

/// A signature over the body fails if any byte changes or bytes are added before or after it.
pub(crate) async fn changed_bytes_are_refused(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    covers_the_body(&inbox)?;
    let request = inbox.host.sample(0, 1);
    let body = vary::content(&request);
    let mut others = vec![[&body[..], b"\n"].concat(), [b" ", &body[..]].concat(), body[..body.len() - 1].to_vec(), vec![], b"{}".to_vec()];
    let step = (body.len() / 40).max(1);
    for at in (0..body.len()).step_by(step).chain([body.len() - 1]) {
        let mut other = body.to_vec();
        other[at] ^= 1;
        others.push(other);
    }
    for other in others {
        let Some(forged) = vary::with_content(&request, other.into()) else { continue };
        inbox.assert_refused(forged, "a request with a body changed after it was signed").await;
    }
    Ok(())
}

/// The signature is checked over the received bytes, not over reserialized JSON: escapes, accents, emoji, white space and the
/// order of members differ between serializers.
pub(crate) async fn the_signature_is_checked_over_the_received_bytes(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    covers_the_body(&inbox)?;
    let body = inbox.sample_body(0, 1);
    let bodies = [
        ("as it is", body.clone()),
        ("with escapes", vary::escaped(&body)),
        ("with white space", vary::spaced(&body)),
        ("with space around it", format!(" {body} \n")),
    ];
    for (how, body) in bodies {
        let status = inbox.bytes(0, body).await.response.status();
        assert!(
            status.is_success(),
            "a body {how} was answered with {status} although its signature is right: check the signature over the received bytes, not over \
             reserialized JSON"
        );
    }
    // Conversely, the signature of the same JSON in other bytes must not be accepted.
    let mut forged = inbox.host.sample(0, 1);
    *forged.body_mut() = vary::spaced(&body).into();
    inbox.assert_refused(forged, "a request with the signature of the same JSON in other bytes").await;
    Ok(())
}

/// A request with a signed time that is too old or in the future is refused, although its signature is right.
pub(crate) async fn a_stale_signature_is_refused(kit: &SharedKit) -> CaseResult {
    const DAY_MS: i64 = 86_400_000;
    let inbox = Inbox::new(kit);
    let now = inbox.signed_at(0, 1, 0);
    if now.headers() == inbox.signed_at(0, 1, -DAY_MS).headers() {
        return Err(Skipped::needs("a signature that holds the time"));
    }
    for (from_now, what) in [(-DAY_MS, "a day old"), (-30 * DAY_MS, "a month old"), (DAY_MS, "from tomorrow")] {
        let request = inbox.signed_at(0, 1, from_now);
        inbox.assert_refused(request, &format!("a request that is signed rightly and {what}")).await;
    }
    // The signed time cannot be replaced by a fresh one.
    let mut forged = inbox.signed_at(0, 1, -DAY_MS);
    let fresh =
        now.headers().iter().filter(|(name, _)| !kit.inbound().signatures.iter().any(|header| name.as_str().eq_ignore_ascii_case(header)));
    for (name, value) in fresh {
        forged.headers_mut().insert(name.clone(), value.clone());
    }
    if forged.headers() != inbox.signed_at(0, 1, -DAY_MS).headers() {
        inbox.assert_refused(forged, "a request with a time replaced after it was signed").await;
    }
    assert_accepted(&inbox.request(inbox.signed_at(0, 1, -10_000)).await, "a request that is ten seconds old");
    Ok(())
}

/// During a rotation of an application secret the old and the new value are both accepted.
pub(crate) async fn both_secrets_of_a_rotation_are_accepted(kit: &SharedKit) -> CaseResult {
    if kit.application_secrets.is_empty() {
        return Err(Skipped::needs("secrets of the application"));
    }
    let application = SecretScope::application(kit.name.clone());
    for new_first in [false, true] {
        let inbox = Inbox::new(kit);
        for (name, value) in &kit.application_secrets {
            let other = format!("{value}-rotated");
            let (old, new) = if new_first { (value, &other) } else { (&other, value) };
            inbox.host.stores.put_secret(&application, name, old.as_bytes());
            inbox.host.stores.rotate_secret(&application, name, new.as_bytes());
        }
        let which = if new_first { "old" } else { "new" };
        let status = inbox.sample(0, 1).await.response.status();
        assert!(
            status.is_success(),
            "during a rotation a request by the {which} secret was answered with {status}: try every value of the secret"
        );
    }
    Ok(())
}

/// Unavailable secrets admit no request, and the response is a 5xx, so that the provider redelivers.
pub(crate) async fn unavailable_secrets_admit_no_request(kit: &SharedKit) -> CaseResult {
    if kit.secrets.is_empty() {
        return Err(Skipped::needs("secrets"));
    }
    for all in [true, false] {
        if !all && kit.application_secrets.is_empty() {
            continue;
        }
        let memory = Memory::new();
        for tenant in 0..TENANTS {
            let scope = SecretScope::tenant(kit.name.clone(), Kit::tenant_id(tenant));
            kit.tenant(tenant).secrets.iter().for_each(|(name, value)| memory.put_secret(&scope, name, value.as_bytes()));
        }
        let inbox = Inbox::with(kit, |builder| builder.secrets(Arc::new(SecretsDown { all, store: memory.secrets() })));
        let received = inbox.sample(0, 1).await;
        let status = received.response.status();
        assert!(inbox.seen().is_empty(), "while the secret store was down, an event reached the handler: a request was let in unverified");
        assert!(!status.is_success(), "while the secret store was down, a request was let in: answered with {status}");
        assert!(
            status.is_server_error() && received.ack == Ack::Redeliver,
            "while the secret store was down, a rightly signed request was answered with {status}: that is a local failure; return \
             VerifyError::Unavailable, so that it is redelivered"
        );
    }
    Ok(())
}

/// A secret store that is down, for all scopes or for the application only.
#[derive(Debug)]
struct SecretsDown {
    all: bool,
    store: Arc<dyn SecretStore>,
}

#[async_trait]
impl SecretStore for SecretsDown {
    async fn get(&self, scope: &SecretScope, name: &str) -> SecretAnswer {
        if self.all || matches!(scope, SecretScope::Application { .. }) {
            return Err(SecretError::Unavailable(None));
        }
        self.store.get(scope, name).await
    }
}

/// Odd headers, methods, addresses and records are refused without a 5xx, and none reaches the handler.
pub(crate) async fn odd_requests_are_refused(kit: &SharedKit) -> CaseResult {
    let inbox = Inbox::new(kit);
    let request = inbox.host.sample(0, 1);
    let unsigned = shown::unsigned(kit, &request);
    let long = "a".repeat(100_000);
    let mut odd = vec![];
    for header in kit.inbound().signatures.iter().copied().chain(["authorization", "content-type", "x-forwarded-for"]) {
        for value in ["\u{e9}", "=", "=,=,", "sha256=\u{e9}", "Basic =", "Basic \u{e9}", "v=0,t=", "t=99999999999999999999,v1=0", &long] {
            odd.extend(vary::with_header(&unsigned, header, Some(value)).map(InboundRequest::http));
        }
    }
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let long = format!("/{}", &long[..5000]);
        for uri in
            ["/", "/?", "/?a=%ff&b=%&hub.mode=subscribe&hub.challenge=x", "*", "/%00/../..", "/%c3%a9", &long, &unsigned.uri().to_string()]
        {
            let built = http::Request::builder().method(method).uri(uri).body(Bytes::new());
            odd.extend(built.ok().map(InboundRequest::http));
        }
    }
    // A record of an unknown queue is not trusted.
    for source in ["", "arn:aws:sqs:eu-west-1:000000000000:kit-unknown"] {
        odd.push(InboundRequest::trusted(source, "1", request.body().clone()));
    }
    for request in odd {
        let shown = kit.shown_inbound(&request);
        let received = inbox.receive(request).await;
        assert!(inbox.seen().is_empty(), "an odd request without a signature reached the handler\n{shown}");
        let status = received.response.status();
        assert!(
            received.ack == Ack::Refused,
            "an odd request without a signature was answered with {status}: verify must refuse it, not let it in or fail\n{shown}"
        );
    }
    Ok(())
}

/// Skips the case if the signature does not depend on the body.
fn covers_the_body(inbox: &Inbox) -> CaseResult {
    let signed = |bytes: &'static str| inbox.host.request(0, bytes).map(|request| request.headers().clone());
    if signed("a=1") == signed("a=2") {
        return Err(Skipped::needs("a signature over the body"));
    }
    Ok(())
}
