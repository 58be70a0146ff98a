//! The fixed form of authentication templates.

use serde_json::Value;

use super::super::component::{items, word};
use super::Check;

impl Check {
    pub(super) fn code_footer(&mut self, at: &str, footer: &Value) {
        self.out.rule("auth_footer_fixed").warning().require(
            footer.get("text").is_none(),
            format!("{at}/text"),
            "the provider writes this text",
        );
        if let Some(minutes) = footer.get("code_expiration_minutes") {
            let minutes = minutes.as_u64().and_then(|minutes| usize::try_from(minutes).ok()).unwrap_or_default();
            self.count("otp_expiry_range", format!("{at}/code_expiration_minutes"), minutes);
        }
    }

    pub(super) fn code_buttons(&mut self, at: &str, buttons: &[Value]) {
        let [button] = buttons else {
            return self.out.rule("auth_button_otp_only").add(at, "an authentication template has one button, of type OTP");
        };
        if word(button, "type") != "OTP" {
            return self.out.rule("auth_button_otp_only").add(at, "an authentication template has one button, of type OTP");
        }
        let (at, kind) = (format!("{at}/0"), word(button, "otp_type"));
        let is_known = ["COPY_CODE", "ONE_TAP", "ZERO_TAP"].contains(&kind.as_str());
        self.out.rule("otp_type").require(is_known, format!("{at}/otp_type"), "must be COPY_CODE, ONE_TAP or ZERO_TAP");
        for label in ["text", "autofill_text"] {
            if let Some(text) = button.get(label).and_then(Value::as_str) {
                self.length("button_text_max", format!("{at}/{label}"), text);
            }
        }
        if kind == "ZERO_TAP" {
            let accepted = self.terms_accepted || button.get("zero_tap_terms_accepted") == Some(&Value::Bool(true));
            self.out.rule("zero_tap_terms").require(accepted, format!("{at}/zero_tap_terms_accepted"), "must be true");
        }
        self.apps(&at, button, kind == "ONE_TAP" || kind == "ZERO_TAP");
    }

    fn apps(&mut self, at: &str, button: &Value, required: bool) {
        let apps = items(button, "supported_apps");
        let is_older = button.get("package_name").is_some();
        if required {
            self.out.rule("otp_apps").require(is_older || !apps.is_empty(), format!("{at}/supported_apps"), "must name the apps");
        }
        for (n, app) in apps.iter().enumerate() {
            self.app(&format!("{at}/supported_apps/{n}"), app);
        }
        if is_older {
            self.app(at, button);
        }
    }

    fn app(&mut self, at: &str, app: &Value) {
        let name = app.get("package_name").and_then(Value::as_str).unwrap_or_default();
        self.out.rule("otp_package_name").require(!name.is_empty(), format!("{at}/package_name"), "must name a package");
        let hash = app.get("signature_hash").and_then(Value::as_str).unwrap_or_default();
        let at = format!("{at}/signature_hash");
        let fits = hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
        self.length("otp_signature_hash", &at, hash);
        self.out.rule("otp_signature_hash").require(fits, at, "may have only letters, digits, +, / and =");
    }
}
