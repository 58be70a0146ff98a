//! The violations of a refused message, as a log line tells them.

use crate::{
    error::{Error, beginning},
    schema::masked,
};

/// Maximum violations in a line.
const MOST: usize = 3;

/// The first violations, each with its pointer and its rule, and how many more there are; at most 1,500 characters. A name in a pointer that does not
/// look like a member's is `*`: it may be a recipient. `None` if there are none.
pub(super) fn violations(error: &Error) -> Option<String> {
    let found = error.violations();
    let mut told = found.iter().take(MOST).map(|violation| {
        let mut shown = violation.clone();
        shown.pointer = masked(&shown.pointer);
        let text = beginning(&shown.to_string()).to_owned();
        match &violation.rule {
            Some(rule) => format!("{text} [{}]", beginning(rule)),
            None => text,
        }
    });
    let first = told.next()?;
    let text = told.fold(first, |text, next| text + "; " + &next);
    Some(if found.len() > MOST { format!("{text}; and {} more", found.len() - MOST) } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorKind, Violation};

    #[test]
    fn the_first_violations_are_told_bounded_and_without_names_that_may_be_a_recipients() {
        let invalid = || Error::new(ErrorKind::MessageInvalid, "x");
        assert_eq!(violations(&invalid()), None);
        let found = vec![
            Violation::new("/content/body", "too long").with_sizes(4, 6).with_rule("text.length"),
            Violation::new("/to/+15551230001", "is not\nknown"),
        ];
        let told = violations(&invalid().with_violations(found)).unwrap();
        assert_eq!(told, r"/content/body: too long (limit 4, actual 6) [text.length]; /to/*: is not\nknown");
        let many = (0..100).map(|n| Violation::new(format!("/{n}"), "x".repeat(1_000))).collect();
        let told = violations(&invalid().with_violations(many)).unwrap();
        assert!(told.len() < 800 && told.ends_with("; and 97 more"), "{told}");
    }
}
