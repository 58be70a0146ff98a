//! E-mail.

mod calendar;
mod headers;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use calendar::{Calendar, CalendarMethod};
pub use headers::{EmailThread, EmailTracking, Unsubscribe};

use crate::message::{Mailbox, Media, RawJson};

masked!(Email, EmailAttachment);

/// An e-mail. The recipient of the message is its first recipient; [`EmailRules`](crate::message::EmailRules) holds what a channel takes.
///
/// ```
/// use zengine_connector::{Content, message::{Email, Mailbox, Unsubscribe}};
///
/// let email = Email::new("Your order")
///     .with_text("It is on its way.")
///     .with_from(Mailbox::new("orders@shop.example").with_name("Acme Shop"))
///     .with_tag("team", "orders")
///     .with_unsubscribe(Unsubscribe::one_click("https://shop.example/u/17"));
/// assert_eq!(Content::Email(email.into()).kind(), "email");
/// ```
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Email {
    /// The sender, in place of the tenant's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Mailbox>,
    /// The subject: at most 998 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// A template of the tenant, in place of subject, text and HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// The template's data, a JSON object of at most 262,144 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
    /// Further recipients, visible to all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<Mailbox>,
    /// Further recipients, hidden.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<Mailbox>,
    /// The mailboxes for answers: at most 25.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reply_to: Vec<Mailbox>,
    /// Files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<EmailAttachment>,
    /// An invitation to a calendar, or a change or an answer of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
    /// Further header fields by name, of those that the channel allows; values of at most 998 bytes. A field that has a member of its own,
    /// or that the channel writes itself, is refused.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The ways to leave the list (RFC 2369, RFC 8058).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsubscribe: Option<Unsubscribe>,
    /// The message that it answers, and those before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<EmailThread>,
    /// Tags for the provider's statistics and events, by name. The recipient does not see them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The provider's set of options for the send, in place of the tenant's: at most 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration_set: Option<String>,
    /// Whether the provider notes openings and clicks, in place of the tenant's setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track: Option<EmailTracking>,
}

impl Email {
    /// An e-mail with a subject.
    pub fn new(subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..Self::default() }
    }

    /// An e-mail of a template, with its data.
    pub fn of_template(template: impl Into<String>, data: RawJson) -> Self {
        Self { template: Some(template.into()), data: Some(data), ..Self::default() }
    }

    setters! {
        /// Sets the sender, in place of the tenant's.
        with_from(from: Mailbox) => from = Some(from);
        /// Sets the plain text.
        with_text(text: impl Into<String>) => text = Some(text.into());
        /// Sets the HTML.
        with_html(html: impl Into<String>) => html = Some(html.into());
        /// Adds further recipients, visible to all.
        with_cc(cc: impl IntoIterator<Item = Mailbox>) => cc = cc.into_iter().collect();
        /// Adds further recipients, hidden.
        with_bcc(bcc: impl IntoIterator<Item = Mailbox>) => bcc = bcc.into_iter().collect();
        /// Sets the mailboxes for answers.
        with_reply_to(reply_to: impl IntoIterator<Item = Mailbox>) => reply_to = reply_to.into_iter().collect();
        /// Adds files.
        with_attachments(files: impl IntoIterator<Item = EmailAttachment>) => attachments = files.into_iter().collect();
        /// Adds an invitation to a calendar, or a change or an answer of one.
        with_calendar(calendar: Calendar) => calendar = Some(calendar);
        /// Adds the ways to leave the list.
        with_unsubscribe(ways: Unsubscribe) => unsubscribe = Some(ways);
        /// Makes it an answer in a thread.
        with_thread(thread: EmailThread) => thread = Some(thread);
        /// Sets the provider's set of options for the send.
        with_configuration_set(name: impl Into<String>) => configuration_set = Some(name.into());
        /// Sets whether the provider notes openings and clicks.
        with_track(track: EmailTracking) => track = Some(track);
    }

    /// Adds a header field.
    #[must_use = "returns the changed value; the receiver is consumed"]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Adds a tag.
    #[must_use = "returns the changed value; the receiver is consumed"]
    pub fn with_tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(name.into(), value.into());
        self
    }
}

/// A file in an e-mail.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct EmailAttachment {
    /// The file. Its caption is not used.
    pub media: Media,
    /// The name by which the HTML refers to the file (`cid:`): 1 to 78 letters, digits and signs of ASCII, without the brackets of a
    /// header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_id: Option<String>,
    /// Whether the file is shown in the HTML, not in the list of files. Defaults to whether it has a `content_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<bool>,
}

impl EmailAttachment {
    /// A file that the HTML does not refer to.
    ///
    /// ```
    /// use zengine_connector::message::{Email, EmailAttachment, Media, MediaKind};
    ///
    /// let logo = EmailAttachment::new(Media::stored(MediaKind::Image, "logo")).with_content_id("logo");
    /// assert!(logo.is_inline());
    /// let email = Email::new("Your order").with_html("<img src=\"cid:logo\">").with_attachments([logo]);
    /// ```
    pub fn new(media: Media) -> Self {
        Self { media, content_id: None, inline: None }
    }

    setters! {
        /// Sets the name by which the HTML refers to the file.
        with_content_id(name: impl Into<String>) => content_id = Some(name.into());
        /// Sets whether the file is shown in the HTML.
        with_inline(inline: bool) => inline = Some(inline);
    }

    /// Whether the file is shown in the HTML, not in the list of files.
    pub fn is_inline(&self) -> bool {
        self.inline.unwrap_or(self.content_id.is_some())
    }
}
