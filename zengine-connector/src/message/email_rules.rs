//! The limits of a channel for e-mail.

use serde::Serialize;

use super::Length;

/// The limits of a channel for tags of e-mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TagRules {
    /// Maximum number of tags per e-mail.
    pub max: u32,
    /// Maximum length of a name.
    pub name: Length,
    /// Maximum length of a value.
    pub value: Length,
    /// Whether names and values hold nothing but ASCII letters, digits, `_` and `-`.
    pub words: bool,
}

/// The limits of a channel for e-mail, and the parts that it takes. Subject, plain text, senders and recipients are always taken.
///
/// ```
/// use zengine_connector::message::{Capabilities, EmailRules, Length, TagRules};
///
/// const TAGS: TagRules = TagRules { max: 50, name: Length::chars(256), value: Length::chars(256), words: true };
/// const RULES: EmailRules = EmailRules::new(50, 40 << 20)
///     .with_html()
///     .with_attachments(100)
///     .with_headers(&["X-*"], 15)
///     .with_reserved_headers(&["X-Acme-*"])
///     .with_tags(TAGS);
/// const MAIL: Capabilities = Capabilities::NONE.with_email(RULES).with_media_bytes(30 << 20);
/// assert!(RULES.allows_header("x-order") && !RULES.allows_header("Precedence") && !RULES.allows_header("x-acme-pool"));
/// ```
#[allow(clippy::struct_excessive_bools)] // a table of yes and no
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EmailRules {
    /// Maximum number of recipients in all: of the message, in copy and hidden.
    pub max_recipients: u32,
    /// Maximum size of the e-mail in bytes, with its files encoded as base64. What is counted here is the least that it can become;
    /// a strategy counts what it sends.
    pub max_bytes: u64,
    /// Maximum number of files. Their sizes are bounded by `media_bytes` of the capabilities.
    pub max_attachments: u32,
    /// Files may be given by address or handle. Otherwise their bytes are needed, or the media store.
    pub attachment_links: bool,
    /// Endings of file names that the channel refuses, in small letters and without the dot.
    pub refused_extensions: &'static [&'static str],
    /// Names of header fields that a message may set, whatever their case; `X-*` is each name that begins so, `*` any. Fields that
    /// the model or the channel writes are never among them.
    pub headers: &'static [&'static str],
    /// Names of header fields by which the provider is told how to send, `X-Acme-*` being each that begins so. A message may set them only
    /// if `headers` has the whole name. A channel with a `*` in `headers` must list those of its provider.
    pub reserved_headers: &'static [&'static str],
    /// Maximum number of further header fields.
    pub max_headers: u32,
    /// Tags.
    pub tags: Option<TagRules>,
    /// HTML.
    pub html: bool,
    /// Templates of the tenant.
    pub templates: bool,
    /// Files that the HTML shows.
    pub inline: bool,
    /// Invitations to a calendar.
    pub calendar: bool,
    /// Ways to leave the list.
    pub unsubscribe: bool,
    /// Threads.
    pub thread: bool,
    /// A choice of what is tracked, per message.
    pub tracking: bool,
    /// A choice of the provider's set of options, per message.
    pub configuration_set: bool,
    /// Characters outside ASCII before the `@` (SMTPUTF8). Those of a domain are always taken.
    pub international: bool,
}

impl EmailRules {
    /// Subject and plain text to a number of recipients, up to a size in bytes.
    pub const fn new(max_recipients: u32, max_bytes: u64) -> Self {
        Self {
            max_recipients,
            max_bytes,
            max_attachments: 0,
            attachment_links: false,
            refused_extensions: &[],
            headers: &[],
            reserved_headers: &[],
            max_headers: 0,
            tags: None,
            html: false,
            templates: false,
            inline: false,
            calendar: false,
            unsubscribe: false,
            thread: false,
            tracking: false,
            configuration_set: false,
            international: false,
        }
    }

    setters! {
        const:
        /// Up to `max` files.
        with_attachments(max: u32) => max_attachments = max;
        /// Files by address or handle.
        with_attachment_links() => attachment_links = true;
        /// Refuses files with these endings.
        with_refused_extensions(endings: &'static [&'static str]) => refused_extensions = endings;
        /// Header fields that steer the provider: refused unless allowed by their whole name.
        with_reserved_headers(names: &'static [&'static str]) => reserved_headers = names;
        /// Tags.
        with_tags(rules: TagRules) => tags = Some(rules);
        /// HTML.
        with_html() => html = true;
        /// Templates of the tenant.
        with_templates() => templates = true;
        /// Files that the HTML shows.
        with_inline() => inline = true;
        /// Invitations to a calendar.
        with_calendar() => calendar = true;
        /// Ways to leave the list.
        with_unsubscribe() => unsubscribe = true;
        /// Threads.
        with_thread() => thread = true;
        /// A choice of what is tracked.
        with_tracking() => tracking = true;
        /// A choice of the provider's set of options.
        with_configuration_set() => configuration_set = true;
        /// Characters outside ASCII before the `@`.
        with_international() => international = true;
    }

    /// Up to `max` header fields of these names.
    #[must_use = "returns the changed value; the receiver is consumed"]
    pub const fn with_headers(mut self, names: &'static [&'static str], max: u32) -> Self {
        self.headers = names;
        self.max_headers = max;
        self
    }

    /// Whether a message may set a header field. Independent of its case.
    pub fn allows_header(&self, name: &str) -> bool {
        let is_steering = self.reserved_headers.iter().any(|reserved| matches_name(reserved, name));
        let allows = |allowed: &&str| matches_name(allowed, name) && !(is_steering && allowed.ends_with('*'));
        !is_reserved(name) && self.headers.iter().any(allows)
    }
}

/// Header fields that have a member of their own in the model, or that a channel and the servers on the way write.
const RESERVED: &[&str] = &[
    "From",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Reply-To",
    "Sender",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Return-Path",
    "Received",
    "Delivered-To",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "DKIM-Signature",
    "DomainKey-Signature",
    "Authentication-Results",
    "Received-SPF",
    "ARC-*",
    "Resent-*",
    "MIME-*",
    "Content-*",
];

/// Whether a message may never set a header field.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|reserved| matches_name(reserved, name))
}

/// Whether a name is the one of a list, or begins as it says.
fn matches_name(listed: &str, name: &str) -> bool {
    match listed.strip_suffix('*') {
        Some(start) => name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start)),
        None => listed.eq_ignore_ascii_case(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_channel_writes_is_never_allowed() {
        let any = EmailRules::new(1, 1).with_headers(&["*"], 1);
        for name in ["from", "BCC", "Message-Id", "mime-version", "Content-Type", "Resent-Bcc", "DKIM-signature", "list-unsubscribe"] {
            assert!(!any.allows_header(name), "{name}");
        }
        assert!(any.allows_header("Precedence") && any.allows_header("Contentment"));
        let some = EmailRules::new(1, 1).with_headers(&["X-*", "Precedence"], 1);
        assert!(some.allows_header("x-ref") && some.allows_header("PRECEDENCE"));
        assert!(!some.allows_header("X") && !some.allows_header("Priority") && !EmailRules::new(1, 1).allows_header("X-Ref"));
    }

    #[test]
    fn a_field_that_steers_the_provider_is_allowed_by_its_whole_name_alone() {
        let rules = EmailRules::new(1, 1).with_headers(&["X-*", "x-acme-topic"], 1).with_reserved_headers(&["X-Acme-*", "X-ACMEAPI"]);
        assert!(rules.allows_header("X-Ref") && rules.allows_header("X-Acme-Topic") && rules.allows_header("X-AcmeApi2"));
        for name in ["X-Acme-Pool", "x-ACME-topic2", "x-acmeapi"] {
            assert!(!rules.allows_header(name), "{name}");
        }
    }
}
