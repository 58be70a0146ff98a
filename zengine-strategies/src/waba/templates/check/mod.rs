//! The rules of a definition. Each violation names its rule, with the limit and the actual size; warnings are for what the provider may
//! or may not refuse.

mod buttons;
mod codes;
mod components;
mod special;
mod texts;

use serde_json::Value;
use zengine_connector::{
    error::Violation,
    message::{Checker, Length},
};

use super::component::{Component, ComponentKind};
use super::definition::{TemplateChanges, TemplateDefinition};
use super::languages;
use super::limits::{self, TemplateForm};
use super::variables::Style;

impl TemplateDefinition {
    /// Every violation of the provider's rules, warnings included, each with the JSON pointer into the definition. A definition may be
    /// sent if none is an error.
    pub fn check(&self) -> Vec<Violation> {
        let mut check = Check::new(Some(&self.category), &self.components);
        check.name(&self.name);
        check.language(&self.language);
        check.category();
        check.format(self.parameter_format.as_deref());
        check.lifetime(self.message_send_ttl_seconds);
        check.terms_accepted = self.zero_tap_terms_accepted == Some(true);
        for member in self.other.keys() {
            check.out.rule("field_unknown").warning().add(pointer("", member), "is not a known member of a template");
        }
        match &self.library_template_name {
            Some(_) => check.library(self),
            None => check.components("/components", self.components.iter().map(Component::as_json)),
        }
        check.finish()
    }
}

impl TemplateChanges {
    /// Every violation of the provider's rules. `category` is the one that the template has; without it the rules of categories do not
    /// count.
    pub fn check(&self, category: Option<&str>) -> Vec<Violation> {
        let components = self.components.as_deref().unwrap_or_default();
        let mut check = Check::new(self.category.as_deref().or(category), components);
        for member in self.other.keys() {
            check.out.rule("field_not_editable").add(pointer("", member), "cannot be edited");
        }
        let is_empty = self.category.is_none() && self.components.is_none() && self.message_send_ttl_seconds.is_none();
        check.out.rule("edit_empty").require(!is_empty || !self.other.is_empty(), "", "changes nothing");
        if self.category.is_some() {
            check.category();
        }
        check.lifetime(self.message_send_ttl_seconds);
        if self.components.is_some() {
            check.components("/components", components.iter().map(Component::as_json));
        }
        check.finish()
    }
}

/// The state of one check.
struct Check {
    out: Checker,
    category: TemplateForm,
    /// The form that limits are looked up for.
    form: TemplateForm,
    /// The style of the variables: declared, or that of the first one.
    style: Option<Style>,
    terms_accepted: bool,
}

impl Check {
    fn new(category: Option<&str>, components: &[Component]) -> Self {
        let category = match category.unwrap_or_default().trim().to_ascii_uppercase().as_str() {
            "AUTHENTICATION" => TemplateForm::Authentication,
            "MARKETING" => TemplateForm::Marketing,
            "UTILITY" => TemplateForm::Utility,
            _ => TemplateForm::Any,
        };
        let is_offer = components.iter().any(|component| component.kind() == ComponentKind::LimitedTimeOffer);
        let form = if is_offer { TemplateForm::LimitedTimeOffer } else { category };
        Self { out: Checker::new(), category, form, style: None, terms_accepted: false }
    }

    fn finish(self) -> Vec<Violation> {
        self.out.finish().err().unwrap_or_default()
    }

    /// Checks the length of a text.
    fn length(&mut self, rule: &'static str, at: impl Into<String>, text: &str) {
        let limit = limits::of(rule, self.form);
        self.out.rule(rule).text(at, text, limit.min, Length::chars(limit.max));
    }

    /// Checks a number of things.
    fn count(&mut self, rule: &'static str, at: impl Into<String>, actual: usize) {
        let limit = limits::of(rule, self.form);
        self.out.rule(rule).count(at, actual, limit.min, limit.max);
    }

    fn name(&mut self, name: &str) {
        self.length("name_length", "/name", name);
        let fits = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        self.out.rule("name_charset").require(fits, "/name", "may have only a to z, 0 to 9 and _");
    }

    fn language(&mut self, code: &str) {
        if languages::is_code(code) {
            let is_known = languages::KNOWN.split_whitespace().any(|known| known == code);
            self.out.rule("language_unknown").warning().require(is_known, "/language", "is not a language that is known to be supported");
        } else {
            self.out
                .rule("language_code")
                .hint("a code has an underscore, such as en_US")
                .add("/language", "is not the code of a language");
        }
    }

    fn category(&mut self) {
        let is_known = self.category != TemplateForm::Any;
        self.out.rule("category_value").require(is_known, "/category", "must be AUTHENTICATION, MARKETING or UTILITY");
    }

    fn format(&mut self, format: Option<&str>) {
        self.style = match format.map(|format| format.trim().to_ascii_uppercase()).as_deref() {
            None => return,
            Some("POSITIONAL") => Some(Style::Positional),
            Some("NAMED") => Some(Style::Named),
            Some(_) => return self.out.rule("format_value").add("/parameter_format", "must be POSITIONAL or NAMED"),
        };
    }

    fn lifetime(&mut self, seconds: Option<i64>) {
        let at = "/message_send_ttl_seconds";
        let Some(seconds) = seconds.filter(|seconds| *seconds != -1 || self.category == TemplateForm::Marketing) else { return };
        let limit = limits::of("ttl_range", self.category);
        // A size cannot be negative.
        if let Ok(seconds) = usize::try_from(seconds) {
            self.out.rule("ttl_range").count(at, seconds, limit.min, limit.max);
        } else {
            let hint = "-1, which is 30 days, is for authentication and utility";
            self.out.rule("ttl_range").hint(hint).add(at, "must be within the range of the category");
        }
    }

    fn library(&mut self, wanted: &TemplateDefinition) {
        let fits = wanted.components.is_empty();
        self.out.rule("library_excludes_components").require(fits, "/components", "a template of the library brings its own components");
        let inputs = wanted.library_template_button_inputs.as_ref().and_then(Value::as_array);
        for (n, input) in inputs.into_iter().flatten().enumerate() {
            let has_variable = input.pointer("/url/base_url").and_then(Value::as_str).is_some_and(|url| url.contains("{{"));
            let at = || format!("/library_template_button_inputs/{n}/url/base_url");
            if has_variable {
                self.out.rule("library_base_url").warning().add(at(), "a variable in it has been refused");
            }
        }
    }
}

/// A pointer to a member of any name.
fn pointer(at: &str, member: &str) -> String {
    format!("{at}/{}", member.replace('~', "~0").replace('/', "~1"))
}
