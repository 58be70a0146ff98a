//! Sample words for tenants and messages. The kit recognises each of them wherever it is printed.

use serde_json::Value;

use crate::{ids::RouteKey, testing::SimClock};

/// The words of the n-th sample message. You must use them, and no words of your own, wherever personal data belongs: the
/// kit looks for these words in logs and errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    n: usize,
    text: Option<String>,
}

impl Sample {
    /// Creates the words of the n-th message, from 0.
    pub fn new(n: usize) -> Self {
        Self { n, text: None }
    }

    /// The words of the n-th message with another text.
    pub(crate) fn with_text(n: usize, text: &str) -> Self {
        Self { n, text: Some(text.to_owned()) }
    }

    /// The index of the message.
    pub fn n(&self) -> usize {
        self.n
    }

    /// A text with an accent and an emoji, which signatures and lengths must handle.
    pub fn text(&self) -> String {
        self.text.clone().unwrap_or_else(|| format!("canary-text-{:05} é 😀", self.n))
    }

    /// A phone number in E.164, from the range for fiction.
    pub fn phone(&self) -> String {
        format!("+1555{:07}", 7_310_000 + self.n)
    }

    /// An e-mail address.
    pub fn email(&self) -> String {
        format!("canary-{:05}@example.com", self.n)
    }

    /// A name of ASCII letters, digits and hyphens for a purpose, such as a visitor, an order or a message.
    pub fn word(&self, purpose: &str) -> String {
        format!("canary-{purpose}-{:05}", self.n)
    }

    /// The time of the message, in milliseconds UTC: a whole second, at or after the start of the simulated clock.
    pub fn at_ms(&self) -> i64 {
        SimClock::EPOCH_MS + 1000 * i64::try_from(self.n % 1000).unwrap_or(0)
    }

    /// The parts of these words that must not be printed.
    pub(crate) fn canaries(&self) -> Vec<String> {
        let phone = self.phone().trim_start_matches('+').to_owned();
        vec![format!("canary-text-{:05}", self.n), phone, self.email()]
    }

    /// Whether a text holds anything of this sample.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.canaries().iter().any(|canary| text.contains(canary)) || self.words_in(text)
    }

    fn words_in(&self, text: &str) -> bool {
        let end = format!("-{:05}", self.n);
        text.match_indices(&end).any(|(at, _)| {
            let word = text[..at].rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).next().unwrap_or_default();
            word.starts_with("canary-")
        })
    }
}

/// One sample tenant.
#[derive(Clone, Debug)]
#[must_use = "return it from Fixture::tenant"]
pub struct SampleTenant {
    pub(crate) config: Value,
    pub(crate) secrets: Vec<(String, String)>,
    pub(crate) routes: Vec<RouteKey>,
}

impl SampleTenant {
    /// Creates a tenant with this configuration. Secrets in it are references: `{"secret": "token"}`.
    pub fn new(config: Value) -> Self {
        Self { config, secrets: vec![], routes: vec![] }
    }

    /// Adds a secret that the configuration refers to. Its value must differ between tenants.
    pub fn secret(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.secrets.push((name.into(), value.into()));
        self
    }

    /// Adds a route by which requests find the tenant.
    pub fn route(mut self, kind: impl Into<std::borrow::Cow<'static, str>>, value: impl AsRef<str>) -> Self {
        self.routes.push(RouteKey::new(kind, value));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_found_by_any_of_its_words_and_not_by_anothers() {
        let sample = Sample::new(3);
        for text in [sample.text(), sample.phone(), sample.email(), sample.word("order"), format!("{{\"id\":\"{}\"}}", sample.word("a"))] {
            assert!(sample.is_in(&text), "{text}");
            assert!(!Sample::new(4).is_in(&text), "{text}");
        }
        assert!(!sample.is_in("order-00003"));
    }
}
