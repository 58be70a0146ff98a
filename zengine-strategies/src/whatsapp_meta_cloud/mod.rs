#![doc = include_str!("docs.md")]

mod capabilities;
mod config;

use std::{fmt, sync::Arc};

use zengine_connector::{Configure, ConfigureContext, Error, ErrorKind, HttpClient, Secret};

pub use capabilities::CAPABILITIES;
pub use config::{LengthUnit, MetaApp, WhatsAppMetaCloudConfig};

/// Sends and receives WhatsApp messages through Meta's Cloud API.
pub struct WhatsAppMetaCloud {
    http: Arc<dyn HttpClient>,
    app: MetaApp,
}

impl WhatsAppMetaCloud {
    /// One Meta app over an HTTP client. One instance serves all tenants of the app.
    pub fn new(http: Arc<dyn HttpClient>, app: MetaApp) -> Self {
        Self { http, app }
    }

    /// The app's settings.
    pub fn app(&self) -> &MetaApp {
        &self.app
    }
}

impl fmt::Debug for WhatsAppMetaCloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhatsAppMetaCloud").field("app", &self.app).finish_non_exhaustive()
    }
}

/// A tenant's number, checked.
#[derive(Debug)]
pub struct Tenant {
    config: WhatsAppMetaCloudConfig,
    /// `https://graph.facebook.com/v26.0`.
    root: String,
}

impl Tenant {
    /// The configuration it was made from.
    pub fn config(&self) -> &WhatsAppMetaCloudConfig {
        &self.config
    }

    /// The address that every path of the Graph API is put behind.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// The token that every call carries.
    pub(crate) fn access_token(&self) -> &Secret<String> {
        &self.config.access_token
    }
}

impl Configure<WhatsAppMetaCloudConfig> for WhatsAppMetaCloud {
    type Tenant = Tenant;

    async fn configure(&self, config: WhatsAppMetaCloudConfig, _: &ConfigureContext) -> Result<Tenant, Error> {
        config.check().map_err(|violations| {
            Error::new(ErrorKind::ConfigInvalid, "the configuration of the number does not fit").with_violations(violations)
        })?;
        let version = config.graph_version.as_deref().unwrap_or(self.app.graph_version());
        Ok(Tenant { root: format!("{}/{version}", self.app.base_url()), config })
    }
}
