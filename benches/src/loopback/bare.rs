//! `reqwest` with JSON both ways, as an application without an SDK calls the provider.

use serde_json::Value;
use zengine_connector::BoxError;

use super::{PATH, body, steady::Client};

/// The bare HTTP client.
pub(super) struct Bare {
    client: reqwest::Client,
    url: String,
    body: Value,
}

impl Bare {
    pub(super) fn new(url: &str) -> Result<Self, BoxError> {
        let client = reqwest::Client::builder().no_proxy().http1_only().build()?;
        Ok(Self { client, url: format!("{url}{PATH}"), body: body() })
    }
}

impl Client for Bare {
    async fn send(&self) -> Result<(), BoxError> {
        let request = self.client.post(&self.url).bearer_auth("EAAG-example").json(&self.body);
        let answer: Value = request.send().await?.error_for_status()?.json().await?;
        if answer["messages"][0]["id"].is_string() { Ok(()) } else { Err("no id".into()) }
    }
}
