//! Calls of the app itself, before there is a tenant: tokens, and the numbers behind one.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Response};
use serde_json::Value;
use zengine_connector::{ErrorKind, HttpClient, Secret, SendError, runtime::Clock};

use super::calls::{AppCalls, issued};
use super::numbers::{self, Page, PhoneNumber};
use super::token_info::TokenInfo;
use crate::waba::answer;
use crate::waba::gateway;
use crate::waba::gateway::{Access, Credentials};
use crate::waba::gateway::{Gateway, Payload};
use crate::whatsapp_meta_cloud::MetaApp;

/// An app's id and secret, which prove the app itself.
#[derive(Clone, Debug)]
pub struct AppCredentials {
    pub(in crate::whatsapp_meta_cloud) app_id: String,
    pub(in crate::whatsapp_meta_cloud) app_secret: Secret<String>,
}

impl AppCredentials {
    /// An app's id, digits, and its secret.
    pub fn new(app_id: impl Into<String>, app_secret: Secret<String>) -> Self {
        Self { app_id: app_id.into(), app_secret }
    }

    /// The app's id.
    pub fn app_id(&self) -> &str {
        &self.app_id
    }

    /// The fields that prove the app in a form.
    pub(super) fn fields(&self) -> Vec<(&str, &str)> {
        vec![("client_id", self.app_id.as_str()), ("client_secret", self.app_secret.expose().as_str())]
    }
}

/// A token that Meta issued.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IssuedToken {
    /// The token.
    pub token: Secret<String>,
    /// The lifetime; `None` if Meta does not name it, which mostly means that the token does not expire. Use
    /// [`inspect`](Onboarding::inspect) to find out.
    pub expires_in: Option<Duration>,
}

/// Calls that one Meta app makes for itself.
///
/// No call is repeated automatically, and secrets are sent in the body or the headers of the request. Only `debug_token`
/// requires a token in the address, so keep addresses out of the logs of proxies.
#[derive(Clone)]
pub struct Onboarding {
    http: Arc<dyn HttpClient>,
    clock: Arc<dyn Clock>,
    root: String,
    app: AppCredentials,
    timeout: Duration,
}

impl Onboarding {
    /// An app, over an HTTP client. The timeout of each call is 10 seconds.
    pub fn new(http: Arc<dyn HttpClient>, clock: Arc<dyn Clock>, app: &MetaApp, credentials: AppCredentials) -> Self {
        let root = format!("{}/{}", app.base_url(), app.graph_version());
        Self { http, clock, root, app: credentials, timeout: Duration::from_secs(10) }
    }

    setters! {
        /// Sets the timeout of each call. Defaults to 10 seconds.
        pub with_timeout(timeout: Duration) => timeout = timeout;
    }

    /// Exchanges the code of a signup for a token. A code is valid for 30 seconds and works once: if this fails with
    /// `ReauthorizationRequired`, or its answer is lost, the signup must start again.
    ///
    /// `redirect_uri`: the address that a login by redirect used; `None` for a signup in a popup.
    ///
    /// # Errors
    /// `ReauthorizationRequired` if Meta refuses the code; `Config` if the redirect address is another; Meta's errors.
    pub async fn exchange_code(&self, code: &Secret<String>, redirect_uri: Option<&str>) -> Result<IssuedToken, SendError> {
        let mut fields = vec![("code", code.expose().as_str())];
        fields.extend(redirect_uri.map(|uri| ("redirect_uri", uri)));
        self.calls().token("exchange_code", &fields).await
    }

    /// Exchanges a token that is valid for an hour or a day, such as the dashboard's, for one of about 60 days.
    ///
    /// # Errors
    /// `ReauthorizationRequired` if it has expired or was revoked; Meta's errors.
    pub async fn extend(&self, token: &Secret<String>) -> Result<IssuedToken, SendError> {
        let fields = [("grant_type", "fb_exchange_token"), ("fb_exchange_token", token.expose().as_str())];
        self.calls().token("extend_token", &fields).await
    }

    /// Exchanges a system user's 60-day token for a new one of 60 days. The old one stays valid until it expires; an expired
    /// token cannot be exchanged.
    ///
    /// You need not call this for a tenant with `token_kind` `renewable`: its token is renewed automatically.
    ///
    /// # Errors
    /// `ReauthorizationRequired` if it has expired or was revoked; Meta's errors.
    pub async fn renew(&self, token: &Secret<String>) -> Result<IssuedToken, SendError> {
        self.calls().renew(token).await
    }

    /// Meta's information about a token. Does not count against the account's limits.
    ///
    /// # Errors
    /// Meta's errors; a token that does not work is not an error, see [`TokenInfo::is_valid`]. Safe to repeat.
    pub async fn inspect(&self, token: &Secret<String>) -> Result<TokenInfo, SendError> {
        self.calls().inspect(token).await
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// Meta's errors.
    pub async fn revoke(&self, token: &Secret<String>) -> Result<(), SendError> {
        let mut fields = self.app.fields();
        fields.extend([("revoke_token", token.expose().as_str()), ("access_token", token.expose().as_str())]);
        let response = self.post(&Gateway::new(&*self.http, &self.root, Access::Nothing), "/oauth/revoke", Payload::Form(&fields)).await?;
        answer::done(&response, self.now(), "revoke_token")
    }

    /// Fetches the token of a customer of a hosted signup, for which there is no code. You call it with your own system user's
    /// token, after the webhook `account_update` has named the customer's business.
    ///
    /// # Errors
    /// `MessageInvalid` if an id is malformed; Meta's errors.
    pub async fn fetch_customer_token(&self, business_id: &str, own_token: &Secret<String>) -> Result<IssuedToken, SendError> {
        let path = format!("/{}/system_user_access_tokens", checked_id(business_id, "business_id")?);
        let credentials = Credentials::new(own_token.clone(), Some(&self.app.app_secret));
        let proof = credentials.proof().map(|proof| proof.expose().clone()).unwrap_or_default();
        let gateway = Gateway::new(&*self.http, &self.root, Access::bearer(own_token.clone(), None));
        let fields = [("appsecret_proof", proof.as_str()), ("fetch_only", "true")];
        let response = self.post(&gateway, &path, Payload::Form(&fields)).await?;
        issued(&answer::changed(&response, self.now(), "fetch_customer_token")?, "fetch_customer_token")
    }

    /// A page of the numbers of an account, with a customer's token; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// `MessageInvalid` if an id is malformed; Meta's errors. Safe to repeat.
    pub async fn phone_numbers(&self, token: &Secret<String>, waba_id: &str, after: Option<&str>) -> Result<Page<PhoneNumber>, SendError> {
        let path = numbers::path(checked_id(waba_id, "waba_id")?, after);
        numbers::read(&self.ask(&self.as_customer(token), "phone_numbers", &path).await?)
    }

    /// Subscribes the app to the webhooks of an account, with a customer's token.
    ///
    /// # Errors
    /// `MessageInvalid` if an id is malformed; Meta's errors.
    pub async fn subscribe(&self, token: &Secret<String>, waba_id: &str) -> Result<(), SendError> {
        let path = format!("/{}/subscribed_apps", checked_id(waba_id, "waba_id")?);
        let response = self.post(&self.as_customer(token), &path, Payload::Nothing).await?;
        answer::done(&response, self.now(), "subscribe")
    }

    fn calls(&self) -> AppCalls<'_> {
        AppCalls { http: &*self.http, root: &self.root, app: &self.app, timeout: self.timeout, now: self.now() }
    }

    fn as_customer(&self, token: &Secret<String>) -> Gateway<'_> {
        Gateway::new(&*self.http, &self.root, Access::bearer(token.clone(), Some(&self.app.app_secret)))
    }

    async fn ask(&self, gateway: &Gateway<'_>, operation: &'static str, path: &str) -> Result<Value, SendError> {
        let response = gateway.call(Method::GET, path, Payload::Nothing, self.timeout).await;
        answer::read(&response.map_err(|lost| answer::again(lost, operation))?, self.now(), operation)
    }

    async fn post(&self, gateway: &Gateway<'_>, path: &str, payload: Payload<'_>) -> Result<Response<Bytes>, SendError> {
        gateway.call(Method::POST, path, payload, self.timeout).await
    }

    fn now(&self) -> SystemTime {
        self.clock.now()
    }
}

redacted!(Onboarding { root, app });

/// Checks an id that goes into a path.
pub(super) fn checked_id<'i>(id: &'i str, field: &'static str) -> Result<&'i str, SendError> {
    if gateway::is_id(id) {
        return Ok(id);
    }
    Err(SendError::of(ErrorKind::MessageInvalid, "not an id").context("field", field).not_sent())
}
