//! E-mail.

use serde::{Deserialize, Serialize};

use crate::message::{Media, RawJson};

masked!(Email, EmailAttachment);

/// An e-mail.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Email {
    /// The subject.
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
    /// The template's data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
    /// Further recipients, visible to all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<String>,
    /// Further recipients, hidden.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<String>,
    /// The addresses for answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reply_to: Vec<String>,
    /// Files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<EmailAttachment>,
}

/// A file in an e-mail.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct EmailAttachment {
    /// The file.
    pub media: Media,
    /// The name by which the HTML refers to the file (`cid:`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_id: Option<String>,
}

impl EmailAttachment {
    /// A file that the HTML does not refer to.
    ///
    /// ```
    /// use zengine_connector::{Content, message::{Email, EmailAttachment, Media, MediaKind}};
    ///
    /// let logo = EmailAttachment::new(Media::link(MediaKind::Image, "https://shop.example/logo.png")).with_content_id("logo");
    /// let mut email = Email::default();
    /// email.subject = Some("Your order".into());
    /// email.html = Some("<img src=\"cid:logo\">".into());
    /// email.attachments = vec![logo];
    /// assert_eq!(Content::Email(email.into()).kind(), "email");
    /// ```
    pub fn new(media: Media) -> Self {
        Self { media, content_id: None }
    }

    setters! {
        /// Sets the name by which the HTML refers to the file.
        with_content_id(name: impl Into<String>) => content_id = Some(name.into());
    }
}
