//! Buttons, but for those of one-time codes.

use serde_json::Value;

use super::super::component::{items, word};
use super::super::limits::{BUTTONS_OF_KIND, TemplateForm};
use super::super::variables::tokens;
use super::Check;

/// Kinds that need a label. A copied code has one of the provider's.
const LABELLED: &[&str] =
    &["QUICK_REPLY", "URL", "PHONE_NUMBER", "FLOW", "CATALOG", "MPM", "SPM", "VOICE_CALL", "ORDER_DETAILS", "REQUEST_CONTACT_INFO"];
const OTHERS: &[&str] =
    &["COPY_CODE", "OTP", "CALL_PERMISSION_REQUEST", "BOOKING_CONFIRMATION", "REMINDER", "APP", "EXTENSION", "POSTBACK"];

impl Check {
    pub(super) fn buttons(&mut self, at: &str, component: &Value) {
        let at = format!("{at}/buttons");
        let buttons = items(component, "buttons");
        if self.category == TemplateForm::Authentication {
            return self.code_buttons(&at, buttons);
        }
        if self.form == TemplateForm::Card {
            // A text of the provider says 2, a sample of it has 3.
            self.out.warning();
        }
        self.count("buttons_max", &at, buttons.len());
        let kinds: Vec<_> = buttons.iter().map(|button| word(button, "type")).collect();
        self.kinds(&at, &kinds);
        for (n, (button, kind)) in buttons.iter().zip(&kinds).enumerate() {
            self.button(&format!("{at}/{n}"), kind, button);
        }
    }

    /// Checks how many there are of each kind, and that quick replies stand together.
    fn kinds(&mut self, at: &str, kinds: &[String]) {
        for (kind, max) in BUTTONS_OF_KIND {
            let mut places = kinds.iter().enumerate().filter(|(_, own)| own == kind).map(|(n, _)| n);
            let actual = places.clone().count() as u64;
            if let Some(first) = usize::try_from(*max).ok().and_then(|max| places.nth(max)) {
                self.out.rule("buttons_kind_max").count(format!("{at}/{first}"), usize::try_from(actual).unwrap_or(usize::MAX), 0, *max);
            }
        }
        let changes = kinds.windows(2).filter(|pair| (pair[0] == "QUICK_REPLY") != (pair[1] == "QUICK_REPLY")).count();
        self.out.rule("buttons_grouping").require(changes <= 1, at, "quick replies must stand together, and so must the others");
    }

    fn button(&mut self, at: &str, kind: &str, button: &Value) {
        let text = button.get("text").and_then(Value::as_str);
        if LABELLED.contains(&kind) || text.is_some() {
            self.length("button_text_max", format!("{at}/text"), text.unwrap_or_default());
        }
        match kind {
            "URL" => self.url(at, button),
            "PHONE_NUMBER" => self.phone(at, button),
            "COPY_CODE" => self.copy_code(at, button),
            "OTP" => {
                let fits = self.category == TemplateForm::Any;
                self.out.rule("otp_category").require(fits, format!("{at}/type"), "one-time codes are for authentication templates");
            }
            _ => {
                let is_known = LABELLED.contains(&kind) || OTHERS.contains(&kind);
                self.out.rule("button_unknown").warning().require(is_known, format!("{at}/type"), "is not a known kind of button");
            }
        }
    }

    fn url(&mut self, at: &str, button: &Value) {
        let here = format!("{at}/url");
        let url = button.get("url").and_then(Value::as_str).unwrap_or_default();
        self.length("url_max", &here, url);
        let is_web = ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme));
        self.out.rule("url_scheme").warning().require(is_web || url.is_empty(), &here, "is not a web address");
        let found = tokens(url);
        let Some(first) = found.first() else { return };
        let is_suffix = found.len() == 1 && first.place.end == url.len();
        self.out.rule("url_var_position").require(is_suffix, &here, "has at most one variable, at its end");
        let has_sample = button.get("example").is_some_and(|sample| sample.is_string() || sample.get(0).is_some_and(Value::is_string));
        self.out.rule("sample_missing").require(has_sample, format!("{at}/example"), "the variable needs a sample");
    }

    fn phone(&mut self, at: &str, button: &Value) {
        let here = format!("{at}/phone_number");
        let number = button.get("phone_number").and_then(Value::as_str).unwrap_or_default();
        self.length("phone_max", &here, number);
        let digits = number.strip_prefix('+').unwrap_or(number);
        let fits = digits.bytes().any(|byte| byte.is_ascii_digit())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || b" -().".contains(&byte));
        self.out.rule("phone_format").require(fits, here, "must be a phone number with its country code");
    }

    fn copy_code(&mut self, at: &str, button: &Value) {
        let here = format!("{at}/example");
        let sample = button.get("example").and_then(|sample| sample.as_str().or_else(|| sample.get(0)?.as_str()));
        match sample {
            Some(code) => self.length("copy_code_max", here, code),
            None => self.out.rule("sample_missing").add(here, "needs a sample of the code"),
        }
    }
}
