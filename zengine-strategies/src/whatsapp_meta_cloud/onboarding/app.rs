//! Calls of the app itself, before there is a tenant: tokens, and the numbers behind one.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::Method;
use serde_json::Value;
use zengine_connector::{Clock, ErrorKind, HttpClient, Secret, SendError};

use super::{
    calls::{AppCalls, issued},
    numbers::{self, Page, PhoneNumber},
    token_info::TokenInfo,
};
use crate::whatsapp_meta_cloud::{
    MetaApp,
    client::{self, Graph, Payload},
    error, manage,
    token::Credentials,
};

/// An app's id and secret: what proves the app itself.
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

    /// What proves the app in a form.
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
    /// How long it works; `None`: Meta does not say, which mostly means for ever.
    /// [`inspect`](Onboarding::inspect) knows.
    pub expires_in: Option<Duration>,
}

/// Calls that one Meta app makes for itself.
///
/// Nothing here is ever repeated by itself, and secrets travel in the body of the request, or in its headers; only
/// `debug_token` wants a token in the address, so keep addresses out of the logs of proxies.
#[derive(Clone)]
pub struct Onboarding {
    http: Arc<dyn HttpClient>,
    clock: Arc<dyn Clock>,
    root: String,
    app: AppCredentials,
    timeout: Duration,
}

impl Onboarding {
    /// An app, over an HTTP client. Ten seconds for each call.
    pub fn new(http: Arc<dyn HttpClient>, clock: Arc<dyn Clock>, app: &MetaApp, credentials: AppCredentials) -> Self {
        let root = format!("{}/{}", app.base_url(), app.graph_version());
        Self { http, clock, root, app: credentials, timeout: Duration::from_secs(10) }
    }

    /// Another time for each call.
    #[must_use = "returns the calls with the time"]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Exchanges the code of a signup for a token. A code lives 30 seconds and works once: where this fails with
    /// `ReauthorizationRequired`, or its answer is lost, the signup starts again.
    ///
    /// `redirect_uri`: the address that a login by redirect used; none for a signup in a popup.
    ///
    /// # Errors
    /// `ReauthorizationRequired` where Meta refuses the code; `Config` where the redirect address is another; what Meta says.
    pub async fn exchange_code(&self, code: &Secret<String>, redirect_uri: Option<&str>) -> Result<IssuedToken, SendError> {
        let mut fields = vec![("code", code.expose().as_str())];
        fields.extend(redirect_uri.map(|uri| ("redirect_uri", uri)));
        self.calls().token("exchange_code", &fields).await
    }

    /// Exchanges a token that lives an hour or a day, such as the dashboard's, for one that lives about 60 days.
    ///
    /// # Errors
    /// `ReauthorizationRequired` where it has expired or was revoked; what Meta says.
    pub async fn extend(&self, token: &Secret<String>) -> Result<IssuedToken, SendError> {
        let fields = [("grant_type", "fb_exchange_token"), ("fb_exchange_token", token.expose().as_str())];
        self.calls().token("extend_token", &fields).await
    }

    /// Exchanges a system user's 60-day token for a new one of 60 days. The old one works to its own end; once it has
    /// ended, it cannot be exchanged any more.
    ///
    /// A tenant with `token_renewal` on needs none of it: its token is renewed by itself.
    ///
    /// # Errors
    /// `ReauthorizationRequired` where it has expired or was revoked; what Meta says.
    pub async fn renew(&self, token: &Secret<String>) -> Result<IssuedToken, SendError> {
        self.calls().renew(token).await
    }

    /// What Meta says of a token. Does not count against the account's limits.
    ///
    /// # Errors
    /// What Meta says; a token that does not work is no error but [`TokenInfo::is_valid`]. Safe to repeat.
    pub async fn inspect(&self, token: &Secret<String>) -> Result<TokenInfo, SendError> {
        self.calls().inspect(token).await
    }

    /// Makes a token worthless.
    ///
    /// # Errors
    /// What Meta says.
    pub async fn revoke(&self, token: &Secret<String>) -> Result<(), SendError> {
        let mut fields = self.app.fields();
        fields.extend([("revoke_token", token.expose().as_str()), ("access_token", token.expose().as_str())]);
        let body = self.post(&Graph::new(&*self.http, &self.root, None), "revoke_token", "/oauth/revoke", Payload::Form(&fields)).await?;
        manage::done(&body, "revoke_token")
    }

    /// The token of a customer who came by a hosted signup, for which there is no code: asked with your own system user's
    /// token, once the webhook `account_update` has told of the customer's business.
    ///
    /// # Errors
    /// `MessageInvalid` for what is no id; what Meta says.
    pub async fn fetch_customer_token(&self, business_id: &str, own_token: &Secret<String>) -> Result<IssuedToken, SendError> {
        let path = format!("/{}/system_user_access_tokens", checked_id(business_id, "business_id")?);
        let credentials = Credentials::new(own_token.clone(), Some(&self.app.app_secret));
        let proof = credentials.proof().map(|proof| proof.expose().clone()).unwrap_or_default();
        let graph = Graph::new(&*self.http, &self.root, Some(Arc::new(Credentials::new(own_token.clone(), None))));
        let fields = [("appsecret_proof", proof.as_str()), ("fetch_only", "true")];
        let body = self.post(&graph, "fetch_customer_token", &path, Payload::Form(&fields)).await?;
        issued(&body, "fetch_customer_token")
    }

    /// A page of the numbers of an account, with a customer's token; `after` is the page's `next`.
    ///
    /// # Errors
    /// `MessageInvalid` for what is no id; what Meta says. Safe to repeat.
    pub async fn phone_numbers(&self, token: &Secret<String>, waba_id: &str, after: Option<&str>) -> Result<Page<PhoneNumber>, SendError> {
        let path = numbers::path(checked_id(waba_id, "waba_id")?, after);
        numbers::read(&self.ask(&self.as_customer(token), "phone_numbers", &path).await?)
    }

    /// Makes the app receive the webhooks of an account, with a customer's token.
    ///
    /// # Errors
    /// `MessageInvalid` for what is no id; what Meta says.
    pub async fn subscribe(&self, token: &Secret<String>, waba_id: &str) -> Result<(), SendError> {
        let path = format!("/{}/subscribed_apps", checked_id(waba_id, "waba_id")?);
        let body = self.post(&self.as_customer(token), "subscribe", &path, Payload::Nothing).await?;
        manage::done(&body, "subscribe")
    }

    fn calls(&self) -> AppCalls<'_> {
        AppCalls { http: &*self.http, root: &self.root, app: &self.app, timeout: self.timeout, now: self.now() }
    }

    fn as_customer(&self, token: &Secret<String>) -> Graph<'_> {
        Graph::new(&*self.http, &self.root, Some(Arc::new(Credentials::new(token.clone(), Some(&self.app.app_secret)))))
    }

    async fn ask(&self, graph: &Graph<'_>, operation: &'static str, path: &str) -> Result<Value, SendError> {
        let response = graph.call(Method::GET, path, Payload::Nothing, self.timeout).await;
        error::read(&response.map_err(|lost| error::again(lost, operation))?, self.now(), operation)
    }

    async fn post(&self, graph: &Graph<'_>, operation: &'static str, path: &str, payload: Payload<'_>) -> Result<Value, SendError> {
        error::changed(&graph.call(Method::POST, path, payload, self.timeout).await?, self.now(), operation)
    }

    fn now(&self) -> SystemTime {
        self.clock.now()
    }
}

impl fmt::Debug for Onboarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Onboarding").field("root", &self.root).field("app", &self.app).finish_non_exhaustive()
    }
}

/// An id that goes into a path.
pub(super) fn checked_id<'i>(id: &'i str, field: &'static str) -> Result<&'i str, SendError> {
    if client::is_id(id) {
        return Ok(id);
    }
    Err(SendError::of(ErrorKind::MessageInvalid, "not an id").context("field", field).not_sent())
}
