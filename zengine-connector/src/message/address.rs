//! The grammar of e-mail addresses, as mail servers accept it.
//!
//! A module of our own: of the crates that fit, one lets direction marks and line separators pass and writes display names without
//! quotes, the others bring a mail stack or the list of public suffixes. Domains of other scripts are read by `idna`, with its feature.

use std::borrow::Cow;

#[cfg(feature = "idn")]
use idna::{
    AsciiDenyList,
    uts46::{DnsLength, Hyphens, Uts46},
};

use crate::error::{Violation, is_invisible};

/// Maximum bytes before the `@` (RFC 5321, 4.5.3.1.1).
const LOCAL: usize = 64;
/// Maximum bytes of a label of the domain (RFC 1035).
const LABEL: usize = 63;
/// Maximum bytes of an address (RFC 5321 allows a path of 256 with its brackets).
const ADDRESS: usize = 254;

/// The reason why a text is no address or no mailbox. Repeats nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) message: &'static str,
    /// Limit and actual size.
    pub(super) sizes: Option<(u64, u64)>,
}

impl Flaw {
    pub(super) const fn new(message: &'static str) -> Self {
        Self { message, sizes: None }
    }

    pub(super) fn size(message: &'static str, limit: usize, actual: usize) -> Self {
        Self { message, sizes: Some((limit as u64, actual as u64)) }
    }

    pub(super) fn at(self, pointer: impl Into<String>) -> Violation {
        let violation = Violation::new(pointer, self.message);
        match self.sizes {
            Some((limit, actual)) => violation.with_sizes(limit, actual),
            None => violation,
        }
    }
}

/// Checks an address: a dot-atom, `@`, and a domain of two labels or more, both in Unicode.
///
/// A quoted part before the `@` and an address literal after it are refused: no mailing uses them, and many servers do not take them.
///
/// # Errors
/// The first reason why it is none.
pub(super) fn check(address: &str) -> Result<(), Flaw> {
    if address.chars().any(is_invisible) {
        return Err(Flaw::new("an address holds no line break, control or invisible character"));
    }
    let Some((local, domain)) = address.rsplit_once('@') else { return Err(Flaw::new("an address is a name, @ and a domain")) };
    check_local(local)?;
    check_domain(domain)?;
    match address.len() {
        0..=ADDRESS => Ok(()),
        actual => Err(Flaw::size("the address is too long, in bytes", ADDRESS, actual)),
    }
}

fn check_local(local: &str) -> Result<(), Flaw> {
    if local.len() > LOCAL {
        return Err(Flaw::size("too long before the @, in bytes", LOCAL, local.len()));
    }
    if local.is_empty() {
        return Err(Flaw::new("nothing stands before the @"));
    }
    let is_fine = |c: char| c == '.' || is_atext(c);
    if !local.chars().all(is_fine) {
        return Err(Flaw::new("a character before the @ is not allowed in an address"));
    }
    if local.contains("=?") {
        return Err(Flaw::new("the part before the @ looks like an encoded word, which some servers read as another address"));
    }
    if local.split('.').any(str::is_empty) {
        return Err(Flaw::new("a dot before the @ stands between two characters"));
    }
    Ok(())
}

/// RFC 5322 and RFC 6531, without what a mail program may take for the `@`.
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(c)
        || (!c.is_ascii() && !c.is_whitespace() && !"\u{fe6b}\u{ff20}".contains(c))
}

fn check_domain(domain: &str) -> Result<(), Flaw> {
    let mut labels = 0;
    for label in domain.split('.') {
        labels += 1;
        if label.is_empty() {
            return Err(Flaw::new("a part of the domain is empty"));
        }
        if label.len() > LABEL && label.is_ascii() {
            return Err(Flaw::size("a part of the domain is too long, in bytes", LABEL, label.len()));
        }
    }
    if !domain.is_ascii() && cfg!(not(feature = "idn")) {
        return Err(Flaw::new("a domain of another script is written as Punycode, or needs the feature `idn` of zengine-connector"));
    }
    if to_ascii(domain).is_none() {
        return Err(Flaw::new("a domain holds letters, digits and inner hyphens"));
    }
    #[cfg(feature = "idn")]
    if !is_written_as_read(domain) {
        return Err(Flaw::new("a character of the domain stands for another: write the one that is meant"));
    }
    let last = domain.rsplit('.').next().unwrap_or_default();
    if labels < 2 || last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Flaw::new("a domain ends with a dot and a top-level name"));
    }
    Ok(())
}

/// A domain as mail servers are asked for it: small letters of ASCII, other scripts as Punycode (UTS 46, with the ASCII rules of STD3).
#[cfg(feature = "idn")]
pub(super) fn to_ascii(domain: &str) -> Option<Cow<'_, str>> {
    Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify).ok()
}

/// A domain as mail servers are asked for it: small letters of ASCII.
#[cfg(not(feature = "idn"))]
pub(super) fn to_ascii(domain: &str) -> Option<Cow<'_, str>> {
    let is_label = |label: &str| {
        let is_inner = !label.starts_with('-') && !label.ends_with('-');
        (1..=LABEL).contains(&label.len()) && is_inner && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    domain.split('.').all(is_label).then(|| domain.to_ascii_lowercase().into())
}

/// Whether no character but a capital letter of the same script is read as another one, such as a full-width letter or the full stop of
/// another script.
#[cfg(feature = "idn")]
fn is_written_as_read(domain: &str) -> bool {
    if domain.is_ascii() {
        return true;
    }
    let (read, _) = Uts46::new().to_unicode(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    let mut read = read.split('.');
    let is_same = |label: &str| {
        let read = read.next();
        let small = |c: char| c.to_lowercase().map(move |small| if small.is_ascii() { c.to_ascii_lowercase() } else { small });
        label.is_ascii() || read.is_some_and(|read| label.chars().flat_map(small).eq(read.chars()))
    };
    domain.split('.').all(is_same) && read.next().is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn long(local: usize, labels: usize) -> String {
        format!("{}@{}example", "a".repeat(local), format!("{}.", "b".repeat(61)).repeat(labels))
    }

    #[test]
    fn what_mail_servers_accept_is_an_address() {
        for fine in [
            "ana@example.org",
            "ana+orders@customer.example",
            "o'neil_x/y=z@a-b.example",
            "jösé@customer.example",
            "info@bücher.example",
            "info@xn--bcher-kva.example",
            "info@Bücher.Example",
            "info@straße.example",
            "用户@例子.广告",
            "a@xn--bcher-kva.bücher.example",
            "a@1.example",
            &long(64, 1),
            &long(60, 3),
        ] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn the_reason_of_a_refusal_is_named() {
        for (bad, part) in [
            ("", "@ and a domain"),
            ("ana", "@ and a domain"),
            ("@example.org", "before the @"),
            ("ana@", "is empty"),
            ("ana@customer..example", "is empty"),
            ("ana@customer.example.", "is empty"),
            (".ana@customer.example", "a dot"),
            ("a..b@customer.example", "a dot"),
            ("\"ana lopez\"@customer.example", "not allowed"),
            ("ana lopez@customer.example", "not allowed"),
            ("a@b@customer.example", "not allowed"),
            ("=?utf-8?q?bo=40evil.example=3e?=@victim.example", "encoded word"),
            ("<ana@customer.example>", "not allowed"),
            ("ana@localhost", "top-level"),
            ("ana@10.0.0.1", "top-level"),
            ("ana@[10.0.0.1]", "letters"),
            ("ana@-a.example", "letters"),
            ("ana@a_b.example", "letters"),
            ("ana@b\u{ff20}example.org", "letters"),
            ("ana@b\u{2100}example.org", "letters"),
            ("ana@xn--a.example", "letters"),
            ("ana@a\u{3002}example.org", "another"),
            ("ana@a\u{ff0e}example.org", "another"),
            ("ana@ex\u{ff41}mple.org", "another"),
            ("ana@\u{212a}elvin.example", "another"),
            ("ana@bu\u{308}cher.example", "another"),
            ("ana\u{ff20}b.example@c.example", "not allowed"),
            ("ana@example.org,bo@example.org", "not allowed"),
            ("ana@example.org\r\nBcc: x@y.example", "line break"),
            ("ana\0@example.org", "control"),
            ("ana@exam\u{202e}ple.org", "invisible"),
            ("ana\u{2028}@example.org", "invisible"),
        ] {
            let flaw = check(bad).unwrap_err();
            assert!(flaw.message.contains(part), "{bad:?}: {}", flaw.message);
        }
    }

    #[test]
    fn sizes_are_told() {
        assert_eq!(check(&long(65, 1)).unwrap_err().sizes, Some((64, 65)));
        assert_eq!(check(&format!("a@{}.example", "b".repeat(64))).unwrap_err().sizes, Some((63, 64)));
        assert_eq!(check(&long(64, 3)).unwrap_err().sizes, Some((254, 258)));
    }

    proptest! {
        /// Reading it again changes nothing, and neither adds a dot nor an `@`.
        #[test]
        fn a_domain_that_is_taken_means_what_it_shows(domain in "[a-zA-Z0-9.\\-]{0,3}\\PC{0,3}[.\u{3002}\u{ff0e}\u{ff20}\u{ff41}é-]{0,3}[a-z]{1,3}\\.example") {
            if check_domain(&domain).is_ok() {
                let ascii = to_ascii(&domain).unwrap();
                prop_assert_eq!(ascii.split('.').count(), domain.split('.').count());
                prop_assert!(ascii.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b)), "{}", ascii);
                prop_assert_eq!(check_domain(&ascii), Ok(()));
                prop_assert_eq!(to_ascii(&ascii).unwrap(), &*ascii);
                for (shown, read) in domain.split('.').zip(ascii.split('.')).filter(|(shown, _)| shown.is_ascii()) {
                    prop_assert!(shown.eq_ignore_ascii_case(read));
                }
            }
        }
    }
}
