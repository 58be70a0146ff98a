//! The name of a new strategy, in every spelling of its files.

use zengine_connector::StrategyName;

/// Its section of strategies names those of this project, existing and planned.
const README: &str = include_str!("../../../README.md");

fn is_taken(name: &str) -> bool {
    let section = README.split("\n## ").find(|section| section.starts_with("Strategies\n")).unwrap_or_default();
    let (rows, planned) = section.split_once("\nPlanned: ").unwrap_or((section, ""));
    rows.lines().any(|row| row.starts_with(&format!("| `{name}` |"))) || planned.contains(&format!("`{name}`"))
}

/// Crates that a new strategy's own name would hide, and names that cargo refuses for a package.
const CRATES: &str = "alloc aux bytes con core http nul prn proc-macro serde serde-json std test tokio \
     zengine-connector zengine-connector-derive zengine-strategies";

/// Reserved words of Rust 2024.
const KEYWORDS: &str = "abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen \
     if impl in let loop macro match mod move mut override priv pub ref return self static struct super trait true try type typeof \
     union unsafe unsized use virtual where while yield";

/// A name valid for a package, a crate, a type and a strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(String);

impl Name {
    /// Checks a name in kebab case. `used` returns whether the template itself uses a type of that name.
    ///
    /// # Errors
    /// The violation, with a suggestion.
    pub(super) fn new(text: &str, used: impl Fn(&str) -> bool) -> Result<Self, String> {
        let words_fit = text.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        if !words_fit || StrategyName::new(text).is_err() {
            return Err(format!(
                "the name must be in kebab case, at most 64 characters: lower-case letters and digits in words joined by single hyphens{}",
                Self::suggestion(text)
            ));
        }
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err("the name must begin with a letter, because a crate is named after it".to_owned());
        }
        if is_taken(text) {
            return Err(format!("{text} is a strategy of zengine-strategies: choose a name of your own"));
        }
        if [CRATES, KEYWORDS].iter().any(|words| words.split(' ').any(|word| word == text)) {
            return Err(format!("a crate cannot be named {text}: add a word, such as {text}-chat"));
        }
        let name = Self(text.to_owned());
        if used(&name.type_name()) {
            return Err(format!(
                "the type would be named {}, which the new files import: add a word, such as {text}-chat",
                name.type_name()
            ));
        }
        Ok(name)
    }

    /// The suggested name, as part of a sentence.
    fn suggestion(text: &str) -> String {
        let mut kebab = String::new();
        for (n, c) in text.chars().enumerate() {
            if c.is_ascii_uppercase() && n > 0 && text.as_bytes()[n - 1].is_ascii_lowercase() {
                kebab.push('-');
            }
            kebab.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
        }
        let kebab = kebab.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
        if text.is_ascii() && kebab != text && Self::new(&kebab, |_| false).is_ok() { format!("; try {kebab}") } else { String::new() }
    }

    /// Package, strategy and path: `pigeon-post`.
    pub(super) fn kebab(&self) -> &str {
        &self.0
    }

    /// The crate in code: `pigeon_post`.
    pub(super) fn snake(&self) -> String {
        self.0.replace('-', "_")
    }

    /// The type: `PigeonPost`.
    pub(super) fn type_name(&self) -> String {
        self.words("")
    }

    /// In prose: `Pigeon Post`.
    pub(super) fn title(&self) -> String {
        self.words(" ")
    }

    fn words(&self, between: &str) -> String {
        let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
        self.0.split('-').map(capital).collect::<Vec<_>>().join(between)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Name::new(text, |ty| ty == "HttpClient").unwrap_err()
    }

    #[test]
    fn a_name_has_four_spellings() {
        let name = Name::new("pigeon-post-2", |_| false).unwrap();
        assert_eq!(
            (name.kebab(), &*name.snake(), &*name.type_name(), &*name.title()),
            ("pigeon-post-2", "pigeon_post_2", "PigeonPost2", "Pigeon Post 2")
        );
    }

    #[test]
    fn what_is_not_kebab_is_refused_with_what_was_meant() {
        for (text, meant) in [("PigeonPost", "pigeon-post"), ("pigeon_post", "pigeon-post"), ("pigeon--post", "pigeon-post"), ("-a", "a")] {
            assert!(refused(text).ends_with(&format!("; try {meant}")), "{}", refused(text));
        }
        for text in ["", "-", "été", "a/b", "../a", "a b\n", &"a".repeat(65)] {
            assert!(refused(text).starts_with("the name must be in kebab case"), "{text:?}");
        }
    }

    #[test]
    fn names_that_would_clash_are_refused() {
        assert!(refused("7-up").contains("begin with a letter"));
        assert!(refused("ses-email").contains("is a strategy of zengine-strategies"));
        for text in ["http", "serde-json", "zengine-connector", "type", "self", "test"] {
            assert!(refused(text).contains("a crate cannot be named"), "{text}");
        }
        assert!(refused("http-client").contains("HttpClient"));
    }
}
