//! The capabilities of a channel, as data: validation, degradation, documentation and tests read the same table.

use serde::Serialize;

use super::{EmailRules, Length, MediaKind, TextFormat};

/// The limits of a channel for one kind of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MediaRule {
    /// The kind.
    pub kind: MediaKind,
    /// Maximum size of a file, in bytes.
    pub max_bytes: u64,
    /// Accepted MIME types; empty if the channel states none, then any type passes.
    pub mimes: &'static [&'static str],
    /// Maximum length of a caption; absent if the channel shows none.
    pub caption: Option<Length>,
}

/// The limits of a channel for reply buttons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ButtonRules {
    /// Maximum number of buttons per message.
    pub max: u32,
    /// Maximum length of a button's label.
    pub title: Length,
    /// Maximum length of a button's id.
    pub id: Length,
    /// Maximum length of the text above the buttons.
    pub body: Length,
    /// Maximum length of the line below the text.
    pub footer: Length,
    /// Maximum length of a text header.
    pub header: Length,
}

/// The limits of a channel for a list to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ListRules {
    /// Maximum number of sections.
    pub max_sections: u32,
    /// Maximum number of rows in all sections together.
    pub max_rows: u32,
    /// Maximum length of the label that opens the list.
    pub button: Length,
    /// Maximum length of a section's title.
    pub section: Length,
    /// Maximum length of a row's title.
    pub title: Length,
    /// Maximum length of a row's description.
    pub description: Length,
    /// Maximum length of a row's id.
    pub id: Length,
    /// Maximum length of the message's text.
    pub body: Length,
}

/// The features that one channel of one provider supports. Everything is off until a `with_…` turns it on.
///
/// ```
/// use zengine_connector::message::{Capabilities, Length, Unit};
///
/// const SMS: Capabilities = Capabilities::NONE.with_text(Length::of(1600, Unit::Utf16)).with_text_also(Length::bytes(1600)).with_sms_parts(6);
/// assert!(SMS.list.is_none());
/// ```
#[allow(clippy::struct_excessive_bools)] // a table of yes and no
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// Plain text, up to a length.
    pub text: Option<Length>,
    /// A second limit of a text's length, in another unit.
    pub text_also: Option<Length>,
    /// Maximum number of parts of a text message, which are charged each ([`SmsParts`](super::SmsParts)).
    pub sms_parts: Option<u32>,
    /// Text may carry Markdown.
    pub markdown: bool,
    /// Text may carry HTML.
    pub html: bool,
    /// Supported kinds of media.
    pub media: &'static [MediaRule],
    /// Files as bytes, up to a size in bytes, also those of the media store. Without it a file needs an address or a handle.
    pub media_bytes: Option<u64>,
    /// Reply buttons.
    pub buttons: Option<ButtonRules>,
    /// A list to choose from.
    pub list: Option<ListRules>,
    /// One button that opens a web address.
    pub cta_url: bool,
    /// Interactive kinds beyond buttons, list and web address: products, flows, carousels, calls.
    pub rich_interactive: bool,
    /// A place on a map.
    pub location: bool,
    /// Answers to choices that the other side offers: a button, a row of a list.
    pub choice: bool,
    /// Contact cards: maximum number per message.
    pub contacts: Option<u32>,
    /// Reactions to a message.
    pub reaction: bool,
    /// Templates that the provider holds.
    pub template: bool,
    /// Typing notices to the other side.
    pub typing: bool,
    /// Read marks to the other side.
    pub read_mark: bool,
    /// The end of a conversation, and changes of it to show to the other side.
    pub session: bool,
    /// Answers that quote a message.
    pub quote: bool,
    /// E-mail.
    pub email: Option<EmailRules>,
    /// The provider's own JSON, unchecked.
    pub native: bool,
}

impl Capabilities {
    /// No features.
    pub const NONE: Self = Self {
        text: None,
        text_also: None,
        sms_parts: None,
        markdown: false,
        html: false,
        media: &[],
        media_bytes: None,
        buttons: None,
        list: None,
        cta_url: false,
        rich_interactive: false,
        choice: false,
        location: false,
        contacts: None,
        reaction: false,
        template: false,
        typing: false,
        read_mark: false,
        session: false,
        quote: false,
        email: None,
        native: false,
    };

    setters! {
        const:
        /// Text up to a length.
        with_text(max: Length) => text = Some(max);
        /// Text up to a second length too, in another unit.
        with_text_also(max: Length) => text_also = Some(max);
        /// Text of up to `max` parts of a text message.
        with_sms_parts(max: u32) => sms_parts = Some(max);
        /// Media of these kinds.
        with_media(rules: &'static [MediaRule]) => media = rules;
        /// Files as bytes, up to a size in bytes.
        with_media_bytes(max: u64) => media_bytes = Some(max);
        /// Reply buttons.
        with_buttons(rules: ButtonRules) => buttons = Some(rules);
        /// A list to choose from.
        with_list(rules: ListRules) => list = Some(rules);
        /// Up to `max` contact cards.
        with_contacts(max: u32) => contacts = Some(max);
        /// Markdown in text.
        with_markdown() => markdown = true;
        /// HTML in text.
        with_html() => html = true;
        /// One button that opens a web address.
        with_cta_url() => cta_url = true;
        /// Interactive kinds beyond buttons, list and web address.
        with_rich_interactive() => rich_interactive = true;
        /// Answers to choices that the other side offers.
        with_choice() => choice = true;
        /// A place on a map.
        with_location() => location = true;
        /// Reactions.
        with_reaction() => reaction = true;
        /// Templates that the provider holds.
        with_template() => template = true;
        /// Typing notices.
        with_typing() => typing = true;
        /// Read marks.
        with_read_mark() => read_mark = true;
        /// The end of a conversation, and changes of it.
        with_session() => session = true;
        /// Answers that quote a message.
        with_quote() => quote = true;
        /// E-mail.
        with_email(rules: EmailRules) => email = Some(rules);
        /// The provider's own JSON.
        with_native() => native = true;
    }

    /// Whether a text with this markup is shown as it is meant.
    pub(super) fn shows(&self, format: TextFormat) -> bool {
        match format {
            TextFormat::Plain => true,
            TextFormat::Markdown => self.markdown,
            TextFormat::Html => self.html,
        }
    }

    /// The limits for a kind of media; `None` if the channel does not carry it.
    pub fn media_rule(&self, kind: MediaKind) -> Option<&'static MediaRule> {
        self.media.iter().find(|rule| rule.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Identity,
        message::{Message as _, OutboundMessage, Unit},
    };

    #[test]
    fn a_text_keeps_both_limits_and_the_number_of_parts() {
        const SMS: Capabilities =
            Capabilities::NONE.with_text(Length::of(1600, Unit::Utf16)).with_text_also(Length::bytes(1600)).with_sms_parts(2);
        for (text, expected) in [
            ("a".repeat(306), &[][..]),
            ("a".repeat(307), &["/content/body: too many parts of a text message (limit 2, actual 3)"]),
            ("я".repeat(134), &[]),
            (
                "я".repeat(801),
                &[
                    "/content/body: too long, in bytes (limit 1600, actual 1602)",
                    "/content/body: too many parts of a text message (limit 2, actual 12)",
                ],
            ),
            (String::new(), &["/content/body: too short (limit 1, actual 0)"]),
        ] {
            let message = OutboundMessage::text(Identity::phone("+15551230001").unwrap(), &text);
            let found = message.validate(&SMS).err().unwrap_or_default();
            assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
