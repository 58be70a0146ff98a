//! Builders of templates and reviews for tests.

use std::time::Duration;

use serde_json::{Value, json};

/// A template of an emulated account; by default already approved.
///
/// A send of a template known by name is refused if the language, the parameters or the status do not match (codes 132001,
/// 132000, 132012, 132015, 132016, and 131008 for a button).
#[derive(Debug, Clone)]
#[must_use = "a template does nothing until it is given to the settings"]
pub struct Template {
    pub(in crate::sandbox) account: Option<String>,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) language: String,
    pub(in crate::sandbox) category: String,
    pub(in crate::sandbox) status: String,
    pub(in crate::sandbox) named: bool,
    pub(in crate::sandbox) header: Option<Value>,
    pub(in crate::sandbox) body: String,
    /// All components; replaces header and body.
    pub(in crate::sandbox) components: Option<Value>,
}

impl Template {
    /// Creates an approved utility template without variables, of every account.
    pub fn new(name: impl Into<String>, language: impl Into<String>) -> Self {
        Self {
            account: None,
            name: name.into(),
            language: language.into(),
            category: "UTILITY".to_owned(),
            status: "APPROVED".to_owned(),
            named: false,
            header: None,
            body: "Hello".to_owned(),
            components: None,
        }
    }

    setters! {
        /// Restricts the template to one WhatsApp Business account.
        pub for_account(waba_id: impl Into<String>) => account = Some(waba_id.into());
        /// Sets the pricing category: `utility`, `marketing` or `authentication`. Defaults to `utility`.
        pub with_category(category: impl Into<String>) => category = category.into().to_ascii_uppercase();
        /// Adds a header with one text variable.
        pub with_header_variable() => header = Some(json!({"type": "HEADER", "format": "TEXT", "text": "{{1}}"}));
        /// Adds a header of this kind: `image`, `video`, `document` or `location`.
        pub with_header_media(kind: impl Into<String>) => header = Some(json!({"type": "HEADER", "format": kind.into().to_ascii_uppercase()}));
        /// Sets all components in the management API's format; buttons are then checked as well.
        pub with_components(components: impl Into<Value>) => components = Some(components.into());
        /// Sets the status: `APPROVED`, `PENDING`, `REJECTED`, `PAUSED`, `DISABLED`, …. Defaults to `APPROVED`.
        pub with_status(status: impl Into<String>) => status = status.into();
    }

    /// Sets the number of positional variables in the body. Defaults to 0.
    pub fn with_body_variables(mut self, count: usize) -> Self {
        self.named = false;
        self.body = (1..=count).fold("Hello".to_owned(), |text, number| format!("{text} {{{{{number}}}}}"));
        self
    }

    /// Sets the names of the body's variables.
    pub fn with_named_body_variables<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.named = true;
        self.body = names.into_iter().fold("Hello".to_owned(), |text, name| format!("{text} {{{{{}}}}}", name.into()));
        self
    }

    /// Pauses the template: sends are refused with 132015.
    pub fn paused(self) -> Self {
        self.with_status("PAUSED")
    }

    /// Disables the template: sends are refused with 132016.
    pub fn disabled(self) -> Self {
        self.with_status("DISABLED")
    }
}

/// The review of created or edited templates.
#[derive(Debug, Clone)]
#[must_use = "it does nothing until it is given to the settings"]
pub struct Review {
    pub(in crate::sandbox) verdict: Option<Result<(), String>>,
    pub(in crate::sandbox) after: Duration,
}

impl Review {
    constructors! {
        /// Approves templates at once, with a webhook.
        pub approving() => Self { verdict: Some(Ok(())), after: Duration::ZERO };
        /// Rejects templates at once for this reason, such as `INVALID_FORMAT`, with a webhook.
        pub rejecting(reason: impl Into<String>) => Self { verdict: Some(Err(reason.into())), after: Duration::ZERO };
        /// Leaves templates pending until [`set_template_status`](crate::sandbox::meta_cloud::MetaCloud::set_template_status).
        pub waiting() => Self { verdict: None, after: Duration::ZERO };
    }

    /// Delays the review by this time of the emulator's clock.
    pub fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }
}
