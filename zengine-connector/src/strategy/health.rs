//! The health of a tenant's channel.

use serde::{Serialize, Serializer};

use crate::error::ProviderDetails;

/// The health of a tenant's channel.
///
/// ```
/// use zengine_connector::strategy::HealthStatus;
///
/// let status = HealthStatus::unhealthy("the access token is refused");
/// assert_eq!(status.reason().map(|reason| reason.text()), Some("the access token is refused"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", content = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum HealthStatus {
    /// It works.
    Healthy,
    /// It works with restrictions.
    Degraded(HealthReason),
    /// It does not work.
    Unhealthy(HealthReason),
    /// Unknown: this side failed, or the provider throttled the probe (rule 75).
    Inconclusive(HealthReason),
    /// The strategy has no probe; health is inferred from sends.
    Passive,
}

impl HealthStatus {
    /// It works with restrictions, for this reason.
    pub const fn degraded(reason: &'static str) -> Self {
        Self::Degraded(HealthReason::new(reason))
    }

    /// It does not work, for this reason.
    pub const fn unhealthy(reason: &'static str) -> Self {
        Self::Unhealthy(HealthReason::new(reason))
    }

    /// Nothing is known, for this reason.
    pub const fn inconclusive(reason: &'static str) -> Self {
        Self::Inconclusive(HealthReason::new(reason))
    }

    /// The reason, unless the channel is healthy or there is no probe.
    pub const fn reason(&self) -> Option<&HealthReason> {
        match self {
            Self::Degraded(reason) | Self::Unhealthy(reason) | Self::Inconclusive(reason) => Some(reason),
            Self::Healthy | Self::Passive => None,
        }
    }

    /// Adds the provider's own words to the reason. A status without a reason stays as it is, as it does if there are no words.
    #[must_use]
    pub fn with_details(mut self, details: ProviderDetails) -> Self {
        if let Self::Degraded(reason) | Self::Unhealthy(reason) | Self::Inconclusive(reason) = &mut self
            && details != ProviderDetails::default()
        {
            reason.details = Some(Box::new(details.cut()));
        }
        self
    }
}

/// The reason of a health status: a literal of the strategy, and the provider's own words for who asks. Only the literal is printed
/// and serialised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthReason {
    text: &'static str,
    details: Option<Box<ProviderDetails>>,
}

impl HealthReason {
    const fn new(text: &'static str) -> Self {
        Self { text, details: None }
    }

    /// The strategy's text.
    pub const fn text(&self) -> &'static str {
        self.text
    }

    /// The provider's own words.
    pub fn details(&self) -> Option<&ProviderDetails> {
        self.details.as_deref()
    }
}

impl Serialize for HealthReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text)
    }
}
