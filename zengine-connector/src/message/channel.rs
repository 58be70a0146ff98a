//! Channels and their [`Capabilities`], as data.
//!
//! Validation, degradation, documentation and tests all read the same table.

use serde::{Deserialize, Serialize};

use super::MediaKind;

/// The kind of conversation a strategy takes part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Channel {
    /// WhatsApp.
    #[serde(rename = "whatsapp")]
    WhatsApp,
    /// A chat window on a web page.
    Webchat,
    /// E-mail.
    Email,
    /// Short text messages to phones.
    Sms,
    /// A contact centre, where people answer.
    ContactCentre,
    /// Another app-to-person messenger.
    Messenger,
    /// Spoken calls.
    Voice,
    /// Push messages to devices.
    Push,
    /// No conversation: a provider's own objects are managed.
    Management,
}

/// The unit of a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unit {
    /// Unicode scalar values.
    Chars,
    /// UTF-16 code units.
    Utf16,
    /// Bytes of UTF-8.
    Bytes,
    /// Septets of the GSM 03.38 alphabet; a character outside it makes the message UCS-2, two septets' worth each.
    Gsm7,
}

impl Unit {
    /// The length of a text in this unit.
    ///
    /// ```
    /// use zengine_connector::message::Unit;
    ///
    /// assert_eq!(Unit::Chars.count("né😀"), 3);
    /// assert_eq!(Unit::Utf16.count("né😀"), 4);
    /// assert_eq!(Unit::Bytes.count("né😀"), 7);
    /// assert_eq!(Unit::Gsm7.count("{}"), 4); // characters of the extension table count twice
    /// ```
    pub fn count(self, text: &str) -> u64 {
        let count = match self {
            Self::Chars => text.chars().count(),
            Self::Utf16 => text.encode_utf16().count(),
            Self::Bytes => text.len(),
            Self::Gsm7 => gsm7::septets(text).unwrap_or_else(|| 2 * text.encode_utf16().count()),
        };
        count as u64
    }

    /// The unit's name in messages to people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chars => "characters",
            Self::Utf16 => "UTF-16 units",
            Self::Bytes => "bytes",
            Self::Gsm7 => "GSM septets",
        }
    }
}

/// The default alphabet of 3GPP TS 23.038.
mod gsm7 {
    const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    const EXTENDED: &str = "^{}\\[~]|€\u{c}";

    pub(super) fn septets(text: &str) -> Option<usize> {
        text.chars().map(|c| if BASIC.contains(c) { Some(1) } else { EXTENDED.contains(c).then_some(2) }).sum()
    }
}

/// An upper bound and its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Length {
    /// The largest allowed count.
    pub max: u64,
    /// The unit.
    pub unit: Unit,
}

impl Length {
    /// At most `max` Unicode scalar values.
    pub const fn chars(max: u64) -> Self {
        Self { max, unit: Unit::Chars }
    }

    /// At most `max` bytes.
    pub const fn bytes(max: u64) -> Self {
        Self { max, unit: Unit::Bytes }
    }

    /// At most `max` of a unit.
    pub const fn of(max: u64, unit: Unit) -> Self {
        Self { max, unit }
    }
}

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
/// use zengine_connector::message::{Capabilities, Length};
///
/// const SMS: Capabilities = Capabilities::NONE.with_text(Length::chars(1600));
/// assert!(SMS.list.is_none());
/// ```
#[allow(clippy::struct_excessive_bools)] // a table of yes and no
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// Plain text, up to a length.
    pub text: Option<Length>,
    /// Text may carry Markdown.
    pub markdown: bool,
    /// Text may carry HTML.
    pub html: bool,
    /// Supported kinds of media.
    pub media: &'static [MediaRule],
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
    /// Answers that quote a message.
    pub quote: bool,
    /// Subject, HTML and attachments.
    pub email: bool,
    /// The provider's own JSON, unchecked.
    pub native: bool,
}

macro_rules! with_flags {
    ($($(#[$doc:meta])* $with:ident, $field:ident;)*) => {$(
        $(#[$doc])*
        #[must_use = "returns the capabilities with this one added"]
        pub const fn $with(mut self) -> Self {
            self.$field = true;
            self
        }
    )*};
}

impl Capabilities {
    /// No features.
    pub const NONE: Self = Self {
        text: None,
        markdown: false,
        html: false,
        media: &[],
        buttons: None,
        list: None,
        cta_url: false,
        rich_interactive: false,
        location: false,
        contacts: None,
        reaction: false,
        template: false,
        typing: false,
        read_mark: false,
        quote: false,
        email: false,
        native: false,
    };

    /// Text up to a length.
    #[must_use = "returns the capabilities with this one added"]
    pub const fn with_text(mut self, max: Length) -> Self {
        self.text = Some(max);
        self
    }

    /// Media of these kinds.
    #[must_use = "returns the capabilities with this one added"]
    pub const fn with_media(mut self, rules: &'static [MediaRule]) -> Self {
        self.media = rules;
        self
    }

    /// Reply buttons.
    #[must_use = "returns the capabilities with this one added"]
    pub const fn with_buttons(mut self, rules: ButtonRules) -> Self {
        self.buttons = Some(rules);
        self
    }

    /// A list to choose from.
    #[must_use = "returns the capabilities with this one added"]
    pub const fn with_list(mut self, rules: ListRules) -> Self {
        self.list = Some(rules);
        self
    }

    /// Up to `max` contact cards.
    #[must_use = "returns the capabilities with this one added"]
    pub const fn with_contacts(mut self, max: u32) -> Self {
        self.contacts = Some(max);
        self
    }

    with_flags! {
        /// Markdown in text.
        with_markdown, markdown;
        /// HTML in text.
        with_html, html;
        /// One button that opens a web address.
        with_cta_url, cta_url;
        /// Interactive kinds beyond buttons, list and web address.
        with_rich_interactive, rich_interactive;
        /// A place on a map.
        with_location, location;
        /// Reactions.
        with_reaction, reaction;
        /// Templates that the provider holds.
        with_template, template;
        /// Typing notices.
        with_typing, typing;
        /// Read marks.
        with_read_mark, read_mark;
        /// Answers that quote a message.
        with_quote, quote;
        /// E-mail parts.
        with_email, email;
        /// The provider's own JSON.
        with_native, native;
    }

    /// The limits for a kind of media; `None` if the channel does not carry it.
    pub fn media_rule(&self, kind: MediaKind) -> Option<&'static MediaRule> {
        self.media.iter().find(|rule| rule.kind == kind)
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gsm_septets_double_outside_the_alphabet() {
        assert_eq!(Unit::Gsm7.count("hello"), 5);
        assert_eq!(Unit::Gsm7.count("€"), 2);
        assert_eq!(Unit::Gsm7.count("ж"), 2);
    }
}
