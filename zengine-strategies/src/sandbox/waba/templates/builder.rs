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
    /// Given by the registry.
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) account: Option<String>,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) language: String,
    /// The category, in capitals.
    pub(in crate::sandbox) category: String,
    pub(in crate::sandbox) status: String,
    pub(in crate::sandbox) quality: String,
    pub(in crate::sandbox) reason: Option<String>,
    pub(in crate::sandbox) named: bool,
    pub(in crate::sandbox) components: Value,
    /// Whether the components are complete, so that buttons can be checked.
    pub(in crate::sandbox) buttons_known: bool,
    pub(in crate::sandbox) ttl_seconds: Option<i64>,
}

impl Template {
    /// Creates an approved utility template without variables, of every account.
    pub fn new(name: impl Into<String>, language: impl Into<String>) -> Self {
        Self {
            id: String::new(),
            account: None,
            name: name.into(),
            language: language.into(),
            category: "UTILITY".to_owned(),
            status: "APPROVED".to_owned(),
            quality: "UNKNOWN".to_owned(),
            reason: None,
            named: false,
            components: json!([{"type": "BODY", "text": "Hello"}]),
            buttons_known: false,
            ttl_seconds: None,
        }
    }

    setters! {
        /// Restricts the template to one WhatsApp Business account.
        pub for_account(waba_id: impl Into<String>) => account = Some(waba_id.into());
        /// Sets the pricing category: `utility`, `marketing` or `authentication`. Defaults to `utility`.
        pub with_category(category: impl Into<String>) => category = category.into().to_ascii_uppercase();
        /// Sets the status: `APPROVED`, `PENDING`, `REJECTED`, `PAUSED`, `DISABLED`, …. Defaults to `APPROVED`.
        pub with_status(status: impl Into<String>) => status = status.into();
    }

    /// Adds a header with one text variable.
    pub fn with_header_variable(self) -> Self {
        self.with_part(0, json!({"type": "HEADER", "format": "TEXT", "text": "{{1}}"}))
    }

    /// Adds a header of this kind: `image`, `video`, `document` or `location`.
    pub fn with_header_media(self, kind: impl Into<String>) -> Self {
        self.with_part(0, json!({"type": "HEADER", "format": kind.into().to_ascii_uppercase()}))
    }

    /// Sets all components in the management API's format, instead of those that were set before; buttons are then checked as well. Call it
    /// before the other methods that set components.
    pub fn with_components(mut self, components: impl Into<Value>) -> Self {
        (self.components, self.buttons_known) = (components.into(), true);
        self
    }

    /// Sets the number of positional variables in the body. Defaults to 0.
    pub fn with_body_variables(self, count: usize) -> Self {
        Self { named: false, ..self.with_body((1..=count).map(|number| number.to_string())) }
    }

    /// Sets the names of the body's variables.
    pub fn with_named_body_variables<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        Self { named: true, ..self.with_body(names.into_iter().map(Into::into)) }
    }

    fn with_body(self, variables: impl Iterator<Item = String>) -> Self {
        let text = variables.fold("Hello".to_owned(), |text, name| format!("{text} {{{{{name}}}}}"));
        self.with_part(usize::MAX, json!({"type": "BODY", "text": text}))
    }

    /// Puts a component at this place, or at the end, instead of the one of its kind.
    fn with_part(mut self, at: usize, part: Value) -> Self {
        if let Value::Array(parts) = &mut self.components {
            let is_of_kind = |own: &Value| own["type"].as_str().zip(part["type"].as_str()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b));
            parts.retain(|own| !is_of_kind(own));
            parts.insert(at.min(parts.len()), part);
        }
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
