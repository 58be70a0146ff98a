//! A mailbox: an e-mail address with the name of its owner.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::address::{self, Flaw};
use crate::{
    error::{Error, ErrorKind, Violation},
    ids::is_printable,
};

masked!(Mailbox);

/// Maximum length of a name, in characters.
const NAME: usize = 256;

/// An e-mail address with the name of its owner.
///
/// In JSON it is an object, `{"name": "Ana Lima", "address": "ana@example.org"}`, or is written short as in a header:
/// `"Ana Lima <ana@example.org>"`, `"\"Lima, Ana\" <ana@example.org>"`, `"ana@example.org"`. Comments, groups and lists are refused. A text
/// that is no mailbox is kept as address, for [`Checker::mailbox`](super::Checker::mailbox) to refuse: a stored or received message can
/// always be read. Without the feature `idn`, Punycode (`xn--`) is taken as it is, also where it stands for no domain.
///
/// Name and address are Unicode. A strategy encodes them: the domain as Punycode, the name as encoded words. `Debug` prints neither;
/// `Display` prints both as in a header, without encoding.
///
/// ```
/// use zengine_connector::message::Mailbox;
///
/// let sender: Mailbox = "Acme Shop <news@shop.example>".parse()?;
/// assert_eq!((sender.name.as_deref(), &*sender.address), (Some("Acme Shop"), "news@shop.example"));
/// assert_eq!(Mailbox::new("bo@x.example").with_name("Lopez, Bo").to_string(), "\"Lopez, Bo\" <bo@x.example>");
/// assert!("ana@a.example, bo@x.example".parse::<Mailbox>().is_err());
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(from = "AnyMailbox")]
#[schemars(description = "")]
#[non_exhaustive]
pub struct Mailbox {
    /// The name shown beside the address: 1 to 256 characters, without control characters and direction marks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address: at most 64 bytes before the `@` and 254 in all.
    pub address: String,
}

impl Mailbox {
    /// An address without a name. Not checked here.
    pub fn new(address: impl Into<String>) -> Self {
        Self { name: None, address: address.into() }
    }

    setters! {
        /// Adds the name shown beside the address.
        with_name(name: impl Into<String>) => name = Some(name.into());
    }

    /// The part of the address before the `@`; the whole address without one.
    pub fn local(&self) -> &str {
        self.address.rsplit_once('@').map_or(&self.address, |(local, _)| local)
    }

    /// The domain of the address; empty without one.
    pub fn domain(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The address as servers and providers of ASCII take it: a domain of another script as Punycode, in small letters. `None` if the
    /// domain is none, or of another script without the feature `idn`, if the part before the `@` is not ASCII, or if it is longer than an
    /// address may be.
    ///
    /// ```
    /// # #[cfg(feature = "idn")] {
    /// use zengine_connector::message::Mailbox;
    ///
    /// assert_eq!(Mailbox::new("info@Bücher.example").to_ascii().as_deref(), Some("info@xn--bcher-kva.example"));
    /// assert_eq!(Mailbox::new("info@b\u{ff20}c.example").to_ascii(), None);
    /// # }
    /// ```
    pub fn to_ascii(&self) -> Option<String> {
        address::check(&self.address).ok()?;
        let ascii = format!("{}@{}", self.local(), address::to_ascii(self.domain())?);
        (ascii.is_ascii() && address::check(&ascii).is_ok()).then_some(ascii)
    }

    /// The violations in it, at a place of a message or a configuration.
    pub(super) fn violations(&self, at: String) -> Vec<Violation> {
        let name = self.name.as_deref().and_then(|name| check_name(name).err()).map(|flaw| flaw.at(format!("{at}/name")));
        // A text that is no mailbox stands in the address.
        let of_text = |flaw| if self.name.is_none() { parse(&self.address).err().unwrap_or(flaw) } else { flaw };
        let address = address::check(&self.address).map_err(of_text).err().map(|flaw| flaw.at(at));
        name.into_iter().chain(address).collect()
    }
}

/// Reads a mailbox as a header has it.
///
/// # Errors
/// `MessageInvalid`, with the reason, unless it is one address, with or without a name.
impl FromStr for Mailbox {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).map_err(|Flaw { message, sizes }| {
            let error = Error::new(ErrorKind::MessageInvalid, message).with_context("field", "mailbox");
            match sizes {
                Some((limit, actual)) => error.with_context("limit", limit).with_context("actual", actual),
                None => error,
            }
        })
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(name) = self.name.as_deref() else { return f.write_str(&self.address) };
        if !name.is_empty() && name.trim_matches(' ') == name && !name.contains(is_special) {
            return write!(f, "{name} <{}>", self.address);
        }
        write!(f, "\"{}\" <{}>", name.replace('\\', "\\\\").replace('"', "\\\""), self.address)
    }
}

/// Whether a character makes a name need quotes (RFC 5322, 3.2.3; dots are taken as in names of people).
fn is_special(c: char) -> bool {
    "()<>[]:;@\\,\"".contains(c)
}

/// The flaw of a text that is shown as another one.
pub(super) const ENCODED: &str = "must not look like an encoded word (=?charset?q?text?=): mail programs show another text";

/// Whether a mail program may decode a part of the text (RFC 2047). Also where the text within has spaces or is cut, as some programs do.
pub(super) fn is_encoded_word(text: &str) -> bool {
    // The end is looked for once: the text may be long, and hold many beginnings.
    let Some(last) = text.rfind("?=") else { return false };
    text.match_indices("=?").any(|(at, _)| {
        let mut parts = text[at + 2..].splitn(3, '?');
        let (charset, encoding, rest) = (parts.next(), parts.next(), parts.next());
        let is_encoding = matches!(encoding.map(str::trim), Some("q" | "Q" | "b" | "B"));
        charset.is_some_and(|charset| !charset.is_empty()) && is_encoding && rest.is_some_and(|rest| text.len() - rest.len() <= last)
    })
}

fn check_name(name: &str) -> Result<(), Flaw> {
    if !is_printable(name) {
        return Err(Flaw::new("a name holds no line break, control character or direction mark"));
    }
    if is_encoded_word(name) {
        return Err(Flaw::new(ENCODED));
    }
    match name.chars().count() {
        0 => Err(Flaw::size("too short", 1, 0)),
        1..=NAME => Ok(()),
        actual => Err(Flaw::size("the name is too long, in characters", NAME, actual)),
    }
}

const ONE: Flaw = Flaw::new("one mailbox is meant, neither a list nor a group; a name with such characters is written in quotes");
const QUOTED: Flaw = Flaw::new("a name in quotes is followed by <address>");
const NO_COMMENT: Flaw = Flaw::new("comments in brackets are not allowed; a name with such characters is written in quotes");

fn parse(text: &str) -> Result<Mailbox, Flaw> {
    if !is_printable(text) {
        return Err(Flaw::new("a mailbox holds no line break, control character or direction mark"));
    }
    let text = text.trim_matches(' ');
    let (name, rest) = if text.starts_with('"') {
        let (name, rest) = quoted(text)?;
        (Some(name), rest.strip_prefix('<').ok_or(QUOTED)?)
    } else {
        let Some((name, rest)) = text.split_once('<') else {
            match text.chars().find(|c| "(),;".contains(*c)) {
                None => address::check(text)?,
                Some('(' | ')') => return Err(NO_COMMENT),
                Some(_) => return Err(ONE),
            }
            return Ok(Mailbox::new(text));
        };
        (Some(words(name.trim_matches(' '))?.to_owned()), rest)
    };
    let (address, after) = rest.split_once('>').ok_or(Flaw::new("a > is missing after the address"))?;
    if !after.trim_matches(' ').is_empty() {
        return Err(if after.contains('(') { NO_COMMENT } else { ONE });
    }
    address::check(address)?;
    let name = name.filter(|name| !name.is_empty());
    name.as_deref().map_or(Ok(()), check_name)?;
    Ok(Mailbox { name, address: address.to_owned() })
}

/// A name without quotes.
fn words(name: &str) -> Result<&str, Flaw> {
    match name.chars().find(|c| is_special(*c)) {
        None => Ok(name),
        Some('(' | ')') => Err(NO_COMMENT),
        Some(',' | ';' | ':') => Err(ONE),
        Some(_) => Err(Flaw::new("a name with such characters is written in quotes")),
    }
}

/// The name of a text that begins with a quote, and the rest after it.
fn quoted(text: &str) -> Result<(String, &str), Flaw> {
    let mut name = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((name, text[at + 1..].trim_start_matches(' '))),
            '\\' => name.push(chars.next().ok_or(QUOTED)?.1),
            c => name.push(c),
        }
    }
    Err(Flaw::new("the quote after the name is missing"))
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
enum AnyMailbox {
    /// As in a header: `Name <address>`, or the address alone.
    Text(String),
    /// Address and name.
    Parts {
        /// The name shown beside the address.
        #[serde(default)]
        name: Option<String>,
        /// The address.
        address: String,
    },
}

impl From<AnyMailbox> for Mailbox {
    fn from(from: AnyMailbox) -> Self {
        match from {
            AnyMailbox::Text(text) => parse(&text).unwrap_or_else(|_| Self::new(text)),
            AnyMailbox::Parts { name, address } => Self { name, address },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Mailbox {
        serde_json::from_value(text.into()).unwrap()
    }

    #[test]
    fn names_are_read_and_written_as_in_a_header() {
        for (text, name, written) in [
            ("a@b.example", None, "a@b.example"),
            (" <a@b.example> ", None, "a@b.example"),
            ("Ana Lima <a@b.example>", Some("Ana Lima"), "Ana Lima <a@b.example>"),
            ("J. R. Smith <a@b.example>", Some("J. R. Smith"), "J. R. Smith <a@b.example>"),
            ("\"Lopez, Bo\"<a@b.example>", Some("Lopez, Bo"), "\"Lopez, Bo\" <a@b.example>"),
            (r#""The \"Best\" Shop \\ Co" <a@b.example>"#, Some(r#"The "Best" Shop \ Co"#), r#""The \"Best\" Shop \\ Co" <a@b.example>"#),
            ("Hilfe Büro 👩\u{200d}💻 <a@b.example>", Some("Hilfe Büro 👩\u{200d}💻"), "Hilfe Büro 👩\u{200d}💻 <a@b.example>"),
            ("Why =? How ?= <a@b.example>", Some("Why =? How ?="), "Why =? How ?= <a@b.example>"),
            ("\"a@b.example\" <a@b.example>", Some("a@b.example"), "\"a@b.example\" <a@b.example>"),
            ("\"\" <a@b.example>", None, "a@b.example"),
        ] {
            let mailbox: Mailbox = text.parse().unwrap();
            assert_eq!((mailbox.name.as_deref(), &*mailbox.address), (name, "a@b.example"), "{text}");
            assert_eq!(mailbox.to_string(), written);
            assert_eq!(read(text), mailbox);
        }
    }

    #[test]
    fn hostile_text_is_refused_at_its_place_and_kept_as_it_was() {
        for (text, part) in [
            ("Ana\r\nBcc: x <a@b.example>", "line break"),
            ("a@b.example\nX: y", "line break"),
            ("a@b.example\0", "control"),
            ("Ana \u{202e}<a@b.example>", "direction mark"),
            ("Ana\u{2028}<a@b.example>", "line break"),
            ("<a@b.example>, c@d.example", "one mailbox"),
            ("a@b.example, c@d.example", "one mailbox"),
            ("Lopez, Bo <a@b.example>", "one mailbox"),
            ("Friends: a@a.example, b@b.example;", "one mailbox"),
            ("Friends:;", "one mailbox"),
            ("a@b.example (Ana)", "comments"),
            ("Ana (work) <a@b.example>", "comments"),
            ("<a@b.example> (Ana)", "comments"),
            ("\"Ana\" Lima <a@b.example>", "followed by"),
            ("\"ana lima\"@b.example", "followed by"),
            ("\"Ana <a@b.example>", "is missing"),
            ("Ana <a@b.example", "is missing"),
            ("Ana <Bo <a@b.example>>", "one mailbox"),
            ("\"x\\", "followed by"),
            ("Ana <>", "@ and a domain"),
            ("=?UTF-8?Q?Acme_Bank?= <a@b.example>", "encoded word"),
            ("\"Ana =?utf-8*en?b?QWNtZQ==?=\" <a@b.example>", "encoded word"),
            ("=?x?q?a b?= <a@b.example>", "encoded word"),
            ("", "@ and a domain"),
        ] {
            let kept = read(text);
            let found = kept.violations("/content/cc/0".into());
            assert!(found.len() == 1 && found[0].pointer == "/content/cc/0", "{text:?}: {found:?}");
            assert!(found[0].message.contains(part), "{text:?}: {}", found[0]);
            assert_eq!((kept.name.as_deref(), &*kept.address), (None, text));
            assert!(text.parse::<Mailbox>().is_err());
        }
    }

    #[test]
    fn name_and_address_are_refused_each_at_its_place() {
        let found = |mailbox: Mailbox| mailbox.violations("/from".into()).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(found(Mailbox::new("a@b.example").with_name("é".repeat(256))), [""; 0]);
        assert_eq!(
            found(Mailbox::new(format!("{}@b.example", "a".repeat(65))).with_name("é".repeat(257))),
            [
                "/from/name: the name is too long, in characters (limit 256, actual 257)",
                "/from: too long before the @, in bytes (limit 64, actual 65)",
            ]
        );
        assert_eq!(
            found(Mailbox::new("a@b.example").with_name("Eve\r\nBcc: x")),
            ["/from/name: a name holds no line break, control character or direction mark"]
        );
        assert_eq!(found(Mailbox::new("a@b.example").with_name("")), ["/from/name: too short (limit 1, actual 0)"]);
        let error = format!("Ana <{}@b.example>", "a".repeat(65)).parse::<Mailbox>().unwrap_err();
        assert_eq!((error.context("limit"), error.context("actual")), (Some("64"), Some("65")));
    }

    #[test]
    fn one_form_is_written_and_nothing_is_printed() {
        let mailbox = Mailbox::new("canary@b.example").with_name("canary");
        let json = r#"{"name":"canary","address":"canary@b.example"}"#;
        assert_eq!(serde_json::to_string(&read("canary <canary@b.example>")).unwrap(), json);
        assert_eq!(serde_json::from_str::<Mailbox>(json).unwrap(), mailbox);
        assert!(!format!("{mailbox:?}").contains("canary"));
    }

    proptest! {
        #[test]
        fn what_display_writes_is_read_again(name in proptest::option::of("[ -~]{1,40}|\\PC{1,40}"), address in "[a-zé+_.-]{1,20}@[a-zü]{1,9}\\.example") {
            let mailbox = Mailbox { name, address };
            prop_assume!(mailbox.violations(String::new()).is_empty());
            prop_assert_eq!(&mailbox.to_string().parse::<Mailbox>().unwrap(), &mailbox);
            prop_assert_eq!(&read(&mailbox.to_string()), &mailbox);
        }

        #[test]
        fn any_text_is_read_and_either_kept_or_a_sound_mailbox(text in "[a-z<>\"\\\\(),:;@. \r\n\u{202e}é]{0,24}|\\PC*") {
            let mailbox = read(&text);
            match text.parse::<Mailbox>() {
                Ok(parsed) => {
                    prop_assert!(mailbox.violations(String::new()).is_empty());
                    prop_assert_eq!(&parsed, &mailbox);
                    prop_assert_eq!(&parsed.to_string().parse::<Mailbox>().unwrap(), &mailbox);
                }
                Err(_) => prop_assert!(!mailbox.violations(String::new()).is_empty() && mailbox.address == text),
            }
        }
    }
}
