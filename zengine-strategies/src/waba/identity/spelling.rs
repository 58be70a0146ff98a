//! One id as a webhook spells it.

use zengine_connector::{Identity, message::IdentityKind};

use crate::waba::text::joined;

/// A number as a webhook spells it, digits without `+` or formatted for people, or a business-scoped id in its place.
pub(crate) fn address(text: &str) -> Option<Identity> {
    if is_number(text) {
        let digits = bare(text);
        return joined(&["+", digits], Identity::phone).or_else(|_| Identity::new(IdentityKind::WaId, digits)).ok();
    }
    let formatted = is_formatted(text);
    let digits = || text.chars().filter(char::is_ascii_digit).collect::<String>();
    if formatted && let Ok(phone) = joined(&["+", &digits()], Identity::phone) {
        return Some(phone);
    }
    user(text, "whatsapp")
}

/// Whether a text is a number in digits, or formatted for people.
pub(crate) fn is_formatted(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_digit() || " +-.()/\u{a0}".contains(c))
}

/// A business-scoped id; anything else is a name in the namespace `ns`.
pub(crate) fn user(text: &str, ns: &'static str) -> Option<Identity> {
    if looks_scoped(text)
        && let Ok(id) = Identity::guess(text)
        && id.kind() != IdentityKind::Opaque
    {
        return Some(id);
    }
    Identity::opaque(ns, text).ok()
}

/// A business-scoped id of the parent portfolio: its member says so, because not every one has `ENT` in it.
pub(crate) fn parent(text: &str) -> Option<Identity> {
    Identity::new(IdentityKind::ParentBsuid, text).ok().or_else(|| user(text, "parent_user_id"))
}

/// The digest of a person's identity key, which a send can demand.
pub(crate) fn identity_key(hash: &str) -> Option<Identity> {
    Identity::opaque("identity_key_hash", hash).ok()
}

pub(super) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

pub(super) fn looks_scoped(text: &str) -> bool {
    matches!(text.as_bytes(), [a, b, b'.', ..] if a.is_ascii_uppercase() && b.is_ascii_uppercase())
}

/// An id without the `+` that some spellings have.
pub(super) fn bare(id: &str) -> &str {
    id.trim_start_matches('+')
}

/// The two parts of a number between which Brazil, Mexico and Argentina put a digit or leave it out; other ids are whole. All
/// spellings of a number are equal in this form.
pub(crate) fn spelled(id: &str) -> (&str, &str) {
    let id = bare(id);
    if !is_number(id) {
        return ("", id);
    }
    match (id.as_bytes(), id.len()) {
        // Country and area, then a 9 before the eight digits of a mobile number.
        ([b'5', b'5', _, _, b'9', b'6'..=b'9', ..], 13) => (&id[..4], &id[5..]),
        ([b'5', b'5', _, _, b'6'..=b'9', ..], 12) => id.split_at(4),
        ([b'5', b'2', b'1', ..] | [b'5', b'4', b'9', ..], 13) => (&id[..2], &id[3..]),
        ([b'5', b'2' | b'4', ..], 12) => id.split_at(2),
        _ => ("", id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_an_id_in_its_place_gets_the_right_kind() {
        let kind = |text| address(text).unwrap().kind();
        assert_eq!(kind("15551230001"), IdentityKind::Phone);
        assert_eq!(kind("+15551230001"), IdentityKind::Phone);
        for formatted in ["+1 555-123-0001", "1 (555) 123-0001", "+1\u{a0}555.123.0001"] {
            assert_eq!(address(formatted).unwrap().value(), "+15551230001", "{formatted}");
        }
        assert_eq!(kind("15551230001-1400000000"), IdentityKind::Opaque, "an old group, too long for a number");
        assert_eq!(kind("0123456789012345678"), IdentityKind::WaId);
        assert_eq!(kind("US.13500000000000000001"), IdentityKind::Bsuid);
        assert_eq!(kind("US.ENT.118"), IdentityKind::ParentBsuid);
        assert_eq!(kind("somebody"), IdentityKind::Opaque);
        assert_eq!(kind("US.a b"), IdentityKind::Opaque);
        assert!(address("").is_none());
    }

    #[test]
    fn the_spellings_of_a_number_are_equal_and_other_numbers_are_not() {
        for (one, other) in [
            ("5511987654321", "551187654321"),
            ("554191112222", "+5541991112222"),
            ("5215512345678", "525512345678"),
            ("5491123456789", "541123456789"),
        ] {
            assert_eq!(spelled(one), spelled(other), "{one}");
        }
        // A landline has no 9, and a mobile number that looks like one with it is another person's.
        for (one, other) in [("5511923456789", "551123456789"), ("5211234567", "52234567"), ("4915550001111", "495550001111")] {
            assert_ne!(spelled(one), spelled(other), "{one}");
        }
        assert_eq!(spelled("US.5411234"), ("", "US.5411234"));
    }
}
