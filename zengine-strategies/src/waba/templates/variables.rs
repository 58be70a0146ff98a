//! Variables in texts: `{{1}}` and `{{name}}`.

use std::ops::Range;

/// The two ways to name variables. A template has one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Positional,
    Named,
}

/// A variable in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// Its place, with the braces.
    pub(super) place: Range<usize>,
    /// The text between the braces, as it is written.
    pub(super) inside: &'t str,
}

impl<'t> Token<'t> {
    pub(super) fn name(&self) -> &'t str {
        self.inside.trim()
    }

    /// The style; `None` if it is neither, and would be shown as it is written.
    pub(super) fn style(&self) -> Option<Style> {
        let name = self.name();
        let is_of = |fits: fn(&u8) -> bool| !name.is_empty() && name.bytes().all(|byte| fits(&byte));
        if is_of(u8::is_ascii_digit) {
            return (!name.starts_with('0')).then_some(Style::Positional);
        }
        is_of(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_').then_some(Style::Named)
    }
}

/// The variables of a text, in order.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let (mut found, mut at) = (vec![], 0);
    while let Some(open) = text[at..].find("{{").map(|open| at + open) {
        let Some(close) = text[open..].find("}}").map(|close| open + close) else { break };
        found.push(Token { place: open..close + 2, inside: &text[open + 2..close] });
        at = close + 2;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_in_order_with_their_places_and_styles() {
        let text = "Hé {{1}}, {{ first_name }}{{B}} }} {{07}} {{";
        let found: Vec<_> = tokens(text).iter().map(|token| (token.name(), token.style(), &text[token.place.clone()])).collect();
        let expected = [
            ("1", Some(Style::Positional), "{{1}}"),
            ("first_name", Some(Style::Named), "{{ first_name }}"),
            ("B", None, "{{B}}"),
            ("07", None, "{{07}}"),
        ];
        assert_eq!(found, expected);
        assert!(tokens("{1} }}{{").is_empty());
    }
}
