//! Calls that an app proves by its own id and secret.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Response};
use serde_json::Value;
use zengine_connector::{ErrorKind, HttpClient, Secret, SendError, error::NeedsReach};

use super::{AppCredentials, IssuedToken, TokenInfo};
use crate::waba::answer;
use crate::waba::gateway::Access;
use crate::waba::gateway::{Gateway, Payload, encoded};

/// Subcodes of code 100 for a signup code that was used before, is too old, or is invalid.
const CODE_REFUSED: [i64; 2] = [36_007, 36_009];
/// Subcode of code 100 for a redirect address that differs from the one the code was requested with.
const OTHER_REDIRECT: i64 = 36_008;

/// The calls of one app, at one time.
pub(in crate::whatsapp_meta_cloud) struct AppCalls<'a> {
    pub(in crate::whatsapp_meta_cloud) http: &'a dyn HttpClient,
    pub(in crate::whatsapp_meta_cloud) root: &'a str,
    pub(in crate::whatsapp_meta_cloud) app: &'a AppCredentials,
    pub(in crate::whatsapp_meta_cloud) timeout: Duration,
    pub(in crate::whatsapp_meta_cloud) now: SystemTime,
}

impl AppCalls<'_> {
    /// Requests a token. Secrets are sent in the body, because addresses end up in logs.
    pub(super) async fn token(&self, operation: &'static str, what: &[(&str, &str)]) -> Result<IssuedToken, SendError> {
        let mut fields = self.app.fields();
        fields.extend(what);
        let gateway = Gateway::new(self.http, self.root, Access::Nothing);
        let response = gateway.call(Method::POST, "/oauth/access_token", Payload::Form(&fields), self.timeout).await?;
        if let Some(error) = reauthorise(&response, operation) {
            return Err(error);
        }
        issued(&answer::changed(&response, self.now, operation)?, operation)
    }

    /// Exchanges a 60-day token for another of 60 days.
    pub(in crate::whatsapp_meta_cloud) async fn renew(&self, token: &Secret<String>) -> Result<IssuedToken, SendError> {
        let what =
            [("grant_type", "fb_exchange_token"), ("set_token_expires_in_60_days", "true"), ("fb_exchange_token", token.expose().as_str())];
        self.token("renew_token", &what).await
    }

    /// Meta's information about a token.
    pub(in crate::whatsapp_meta_cloud) async fn inspect(&self, token: &Secret<String>) -> Result<TokenInfo, SendError> {
        let own = Secret::new(format!("{}|{}", self.app.app_id, self.app.app_secret.expose()));
        let gateway = Gateway::new(self.http, self.root, Access::bearer(own, None));
        let path = format!("/debug_token?input_token={}", encoded(token.expose()));
        let answer = gateway.call(Method::GET, &path, Payload::Nothing, self.timeout).await;
        let response = answer.map_err(|lost| answer::again(lost, "debug_token"))?;
        let body = answer::read(&response, self.now, "debug_token")?;
        TokenInfo::read(&body).ok_or_else(|| unreadable("debug_token").not_sent())
    }
}

/// The error of a code or token that is no longer valid: a new signup is required.
fn reauthorise(response: &Response<Bytes>, operation: &'static str) -> Option<SendError> {
    let (error, mut class) = answer::judge(response)?;
    (class.kind, class.what) = match (error.code?, error.subcode) {
        (100, Some(subcode)) if CODE_REFUSED.contains(&subcode) => {
            (ErrorKind::ReauthorizationRequired, "the code was used before, is too old or is none: sign up again")
        }
        (100, Some(OTHER_REDIRECT)) => (ErrorKind::Config, "the redirect address is not the one that the code was asked for with"),
        (102 | 190 | 463 | 467, _) => (ErrorKind::ReauthorizationRequired, "the token has expired or was revoked: sign up again"),
        _ => return None,
    };
    Some(answer::refusal(response, error, &class, None).context("operation", operation).reach(class.reach))
}

pub(super) fn issued(body: &Value, operation: &'static str) -> Result<IssuedToken, SendError> {
    let token = body.get("access_token").and_then(Value::as_str);
    let token = token.filter(|token| !token.is_empty() && token.len() <= 4096 && token.bytes().all(|b| b.is_ascii_graphic()));
    let seconds = body.get("expires_in").and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    Ok(IssuedToken {
        token: Secret::new(token.ok_or_else(|| unreadable(operation).maybe())?.to_owned()),
        expires_in: seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs),
    })
}

fn unreadable(operation: &'static str) -> NeedsReach {
    SendError::of(ErrorKind::Protocol, "the answer is not what was asked for").context("operation", operation)
}
