//! The numbers of the rules, each with the page that states it.

/// The form of a template, or the part of one, that a limit belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TemplateForm {
    /// Every template without a limit of its own.
    Any,
    /// The category `AUTHENTICATION`.
    Authentication,
    /// The category `MARKETING`.
    Marketing,
    /// The category `UTILITY`.
    Utility,
    /// A template with a limited-time offer.
    LimitedTimeOffer,
    /// A card of a carousel.
    Card,
}

/// A limit of a template, as the provider states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TemplateLimit {
    /// The rule, as in a violation.
    pub rule: &'static str,
    /// The form it is for.
    pub form: TemplateForm,
    /// Minimum.
    pub min: u64,
    /// Maximum.
    pub max: u64,
    /// The page that states it.
    pub source: &'static str,
    /// The month of its reading.
    pub as_of: &'static str,
}

use TemplateForm::{Any, Authentication, Card, LimitedTimeOffer, Marketing, Utility};

const COMPONENTS: (&str, &str) = ("Meta, template components", "2026-09");
const MANAGEMENT: (&str, &str) = ("Meta, template management", "2026-09");
const AUTHENTICATION: (&str, &str) = ("Meta, authentication templates", "2026-09");
const OFFERS: (&str, &str) = ("Meta, limited-time offer templates", "2026-09");
const CAROUSELS: (&str, &str) = ("Meta, carousel templates", "2026-09");
const LIFETIME: (&str, &str) = ("Meta, time to live", "2026-09");
/// Not published; reports put it between 2 and 7.5.
const REPORTS: (&str, &str) = ("reports of refusals", "2026-09");

const fn limit(rule: &'static str, form: TemplateForm, min: u64, max: u64, source: (&'static str, &'static str)) -> TemplateLimit {
    TemplateLimit { rule, form, min, max, source: source.0, as_of: source.1 }
}

/// Every limit of a template. Texts are counted in characters, times in the unit that the rule names.
pub const LIMITS: &[TemplateLimit] = &[
    limit("name_length", Any, 1, 512, MANAGEMENT),
    limit("header_max_length", Any, 1, 60, COMPONENTS),
    limit("header_vars_max", Any, 0, 1, COMPONENTS),
    limit("body_max_length", LimitedTimeOffer, 1, 600, OFFERS),
    limit("body_max_length", Card, 1, 160, CAROUSELS),
    limit("body_max_length", Any, 1, 1024, COMPONENTS),
    limit("footer_max_length", Any, 1, 60, COMPONENTS),
    limit("vars_too_dense", Any, 3, u64::MAX, REPORTS),
    limit("buttons_max", Card, 1, 2, CAROUSELS),
    limit("buttons_max", Any, 1, 10, COMPONENTS),
    limit("button_text_max", Any, 1, 25, COMPONENTS),
    limit("url_max", Any, 1, 2000, COMPONENTS),
    limit("phone_max", Any, 1, 20, COMPONENTS),
    limit("copy_code_max", LimitedTimeOffer, 1, 15, OFFERS),
    limit("copy_code_max", Any, 1, 20, COMPONENTS),
    limit("offer_text_max", Any, 1, 16, OFFERS),
    limit("carousel_cards", Any, 2, 10, CAROUSELS),
    limit("otp_expiry_range", Any, 1, 90, AUTHENTICATION),
    limit("otp_signature_hash", Any, 11, 11, AUTHENTICATION),
    limit("ttl_range", Authentication, 30, 900, LIFETIME),
    limit("ttl_range", Utility, 30, 43_200, LIFETIME),
    limit("ttl_range", Marketing, 43_200, 2_592_000, LIFETIME),
    // A category that is not known yet.
    limit("ttl_range", Any, 30, 2_592_000, LIFETIME),
];

/// Maximum buttons of a kind in a template.
pub(super) const BUTTONS_OF_KIND: &[(&str, u64)] = &[
    ("URL", 2),
    ("PHONE_NUMBER", 1),
    ("COPY_CODE", 1),
    ("FLOW", 1),
    ("CATALOG", 1),
    ("MPM", 1),
    ("SPM", 1),
    ("VOICE_CALL", 1),
    ("ORDER_DETAILS", 1),
];

/// The limit of a rule for a form, or the one for any.
pub(super) fn of(rule: &'static str, form: TemplateForm) -> TemplateLimit {
    let own = LIMITS.iter().find(|limit| limit.rule == rule && (limit.form == form || limit.form == Any));
    own.copied().unwrap_or(limit(rule, Any, 0, u64::MAX, REPORTS))
}
