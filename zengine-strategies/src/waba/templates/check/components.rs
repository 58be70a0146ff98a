//! The components of a template or a card: those that there are, and each by its kind.

use std::collections::HashSet;

use serde_json::Value;

use super::super::component::{ComponentKind, items, word};
use super::super::limits::TemplateForm;
use super::super::view::is_address;
use super::Check;

impl Check {
    /// Checks all components. A list without a body is refused where the body is required.
    pub(super) fn components<'v>(&mut self, at: &str, components: impl Iterator<Item = &'v Value>) {
        let mut seen = HashSet::new();
        for (n, component) in components.enumerate() {
            let at = format!("{at}/{n}");
            if !component.is_object() {
                self.out.rule("component_form").add(at, "must be an object");
                continue;
            }
            let kind = ComponentKind::of(component);
            self.component(&at, &kind, component);
            self.out.rule("component_duplicate").require(seen.insert(kind), at, "there is one of this kind already");
        }
        let has = |kind| seen.contains(&kind);
        if self.form == TemplateForm::Card {
            self.out.rule("carousel_header").require(has(ComponentKind::Header), at, "a card has a header");
        } else {
            self.out.rule("body_required").require(has(ComponentKind::Body), at, "there must be a body");
        }
        if self.category == TemplateForm::Authentication {
            self.out.rule("auth_button_otp_only").require(has(ComponentKind::Buttons), at, "there must be a button for the code");
        }
    }

    fn component(&mut self, at: &str, kind: &ComponentKind, component: &Value) {
        match kind {
            ComponentKind::Header => self.header(at, component),
            ComponentKind::Body => self.body(at, component),
            ComponentKind::Footer => self.footer(at, component),
            ComponentKind::Buttons => self.buttons(at, component),
            ComponentKind::Carousel => self.carousel(at, component),
            ComponentKind::LimitedTimeOffer => self.offer(at, component),
            ComponentKind::CallPermissionRequest => {}
            ComponentKind::Other(_) => self.out.rule("component_unknown").warning().add(at, "is not a known kind of component"),
        }
    }

    fn header(&mut self, at: &str, header: &Value) {
        if self.category == TemplateForm::Authentication {
            return self.out.rule("auth_header_forbidden").add(at, "an authentication template has no header");
        }
        let format = word(header, "format");
        let fits = match self.form {
            TemplateForm::LimitedTimeOffer => matches!(format.as_str(), "IMAGE" | "VIDEO"),
            TemplateForm::Card => matches!(format.as_str(), "IMAGE" | "VIDEO" | "PRODUCT"),
            _ => true,
        };
        self.out.rule("header_format").require(fits, format!("{at}/format"), "must be IMAGE or VIDEO here");
        match format.as_str() {
            "TEXT" | "" => self.header_text(at, header),
            "IMAGE" | "VIDEO" | "GIF" | "DOCUMENT" => self.handle(at, header),
            "LOCATION" | "PRODUCT" => {}
            _ => self.out.rule("header_format").warning().add(format!("{at}/format"), "is not a known format"),
        }
    }

    /// Checks the sample of a file.
    fn handle(&mut self, at: &str, header: &Value) {
        let sample = header.get("example").map_or(&[][..], |example| items(example, "header_handle"));
        let Some(handle) = sample.first().and_then(Value::as_str).filter(|handle| !handle.is_empty()) else {
            let hint = "upload a sample by a resumable upload";
            return self.out.rule("sample_missing").hint(hint).add(format!("{at}/example/header_handle"), "needs the handle of a sample");
        };
        let at = format!("{at}/example/header_handle/0");
        if handle.bytes().all(|byte| byte.is_ascii_digit()) {
            self.out.rule("header_handle_is_media_id").add(at, "is the id of a stored file, not the handle of a resumable upload");
        } else if is_address(handle) {
            let host = handle.split('/').nth(2).unwrap_or_default();
            let is_read_back = [".whatsapp.net", ".fbcdn.net", ".fbsbx.com"].iter().any(|end| host.ends_with(end));
            let out = self.out.rule("header_handle_is_address").hint("upload the sample again");
            // Another address may be one that a partner fetches.
            if is_read_back { out } else { out.warning() }.add(at, "is an address, not the handle of a resumable upload");
        }
    }

    fn footer(&mut self, at: &str, footer: &Value) {
        if self.form == TemplateForm::LimitedTimeOffer {
            return self.out.rule("lto_no_footer").add(at, "an offer has no footer");
        }
        if self.category == TemplateForm::Authentication {
            return self.code_footer(at, footer);
        }
        let text = footer.get("text").and_then(Value::as_str).unwrap_or_default();
        self.length("footer_max_length", format!("{at}/text"), text);
        let is_plain = super::super::variables::tokens(text).is_empty();
        self.out.rule("footer_no_variables").require(is_plain, format!("{at}/text"), "has no variables");
    }
}
