//! Texts with variables, and the samples of these.

use serde_json::Value;

use super::super::limits::{self, TemplateForm};
use super::super::variables::{Style, Token, tokens};
use super::Check;

/// A text with variables: its place, and the names of its samples.
struct Text<'v> {
    /// Pointer to the component.
    at: &'v str,
    component: &'v Value,
    value: &'v str,
    positional: &'static str,
    named: &'static str,
}

impl Text<'_> {
    fn here(&self) -> String {
        format!("{}/text", self.at)
    }
}

impl Check {
    pub(super) fn body(&mut self, at: &str, body: &Value) {
        let given = body.get("text").filter(|text| !text.is_null());
        if self.category == TemplateForm::Authentication {
            return self.out.rule("auth_body_fixed").require(given.is_none(), format!("{at}/text"), "the provider writes this text");
        }
        let Some(text) = given.and_then(Value::as_str) else {
            // It may be that of an authentication template, if the category is not known.
            let fits = given.is_none() && self.category == TemplateForm::Any;
            return self.out.rule("body_text").require(fits, format!("{at}/text"), "must be a text");
        };
        self.length("body_max_length", format!("{at}/text"), text);
        let text = Text { at, component: body, value: text, positional: "body_text", named: "body_text_named_params" };
        let found = self.variables(&text);
        self.places(&text, &found);
    }

    pub(super) fn header_text(&mut self, at: &str, header: &Value) {
        let Some(text) = header.get("text").and_then(Value::as_str) else {
            return self.out.rule("header_text").add(format!("{at}/text"), "must be a text");
        };
        self.length("header_max_length", format!("{at}/text"), text);
        let text = Text { at, component: header, value: text, positional: "header_text", named: "header_text_named_params" };
        let found = self.variables(&text);
        self.count("header_vars_max", text.here(), found.len());
        let (mut plain, mut end) = (String::new(), 0);
        for token in &found {
            plain += &text.value[end..token.place.start];
            end = token.place.end;
        }
        plain += &text.value[end..];
        let is_plain = !plain.contains(['\n', '\r', '*', '_', '~', '`']);
        self.out.rule("header_format_chars").require(is_plain, text.here(), "has no line breaks and no formatting");
    }

    /// Checks the variables and their samples; returns them.
    fn variables<'v>(&mut self, text: &Text<'v>) -> Vec<Token<'v>> {
        let found = tokens(text.value);
        let is_spaced = found.iter().any(|token| token.name() != token.inside);
        self.out.rule("var_token_invalid").warning().require(!is_spaced, text.here(), "a variable has spaces within its braces");
        let styles: Option<Vec<_>> = found.iter().map(Token::style).collect();
        let Some(styles) = styles else {
            self.out.rule("var_token_invalid").add(text.here(), "a variable is a number from 1, or a name of a to z, 0 to 9 and _");
            return found;
        };
        let Some(first) = styles.first() else { return found };
        let wanted = *self.style.get_or_insert(*first);
        if styles.iter().any(|style| *style != wanted) {
            self.out.rule("vars_mixed").add(text.here(), "the variables of a template are all numbered, or all named");
            return found;
        }
        let mut names: Vec<_> = found.iter().map(Token::name).collect();
        names.sort_unstable();
        names.dedup();
        if wanted == Style::Positional {
            let numbers = names.iter().filter_map(|name| name.parse::<usize>().ok());
            let has_gap = numbers.max() != Some(names.len());
            self.out.rule("vars_gap").require(!has_gap, text.here(), "variables are numbered from 1 without gaps");
            self.samples(text, names.len());
        } else {
            self.named_samples(text, &names);
        }
        found
    }

    fn samples(&mut self, text: &Text<'_>, wanted: usize) {
        let example = format!("{}/example", text.at);
        let Some(given) = text.component.get("example").and_then(|example| example.get(text.positional)) else {
            return self.out.rule("sample_missing").add(example, "every variable needs a sample");
        };
        let at = format!("{example}/{}", text.positional);
        let (at, actual) = match given.as_array().map(Vec::as_slice) {
            Some([Value::Array(inner)]) => (format!("{at}/0"), inner.len()),
            // One inner list for each variable is a wrong nesting: there is one inner list in all.
            Some(lists) if lists.iter().any(Value::is_array) => {
                return self.out.rule("sample_count").add(at, "must be one list, which has a sample for each variable");
            }
            Some(flat) => (at, flat.len()),
            None => (at, usize::from(given.is_string())),
        };
        self.out.rule("sample_count").count(at, actual, wanted as u64, wanted as u64);
    }

    fn named_samples(&mut self, text: &Text<'_>, names: &[&str]) {
        let example = format!("{}/example", text.at);
        let Some(given) = text.component.get("example").and_then(|example| example.get(text.named)?.as_array()) else {
            return self.out.rule("sample_missing").add(example, "every variable needs a sample");
        };
        let mut has: Vec<_> = given.iter().filter(|sample| sample.get("example").is_some()).collect();
        has.sort_unstable_by_key(|sample| name_of(sample));
        let is_missing = |name: &&str| has.binary_search_by_key(name, |sample| name_of(sample)).is_err();
        let fits = !names.iter().any(is_missing);
        self.out.rule("sample_missing").require(fits, format!("{example}/{}", text.named), "every variable needs a sample");
    }

    /// Checks the places of a body's variables: not at the ends, not beside each other, and not too many for the text.
    fn places(&mut self, text: &Text<'_>, found: &[Token<'_>]) {
        let (Some(first), Some(last)) = (found.first(), found.last()) else { return };
        let (before, after) = (&text.value[..first.place.start], &text.value[last.place.end..]);
        self.out.rule("var_at_start").require(!before.trim().is_empty(), text.here(), "must not begin with a variable");
        self.out.rule("var_at_end").require(!after.trim().is_empty(), text.here(), "must not end with a variable");
        let is_closed = after.trim().is_empty() || after.contains(char::is_alphanumeric);
        self.out.rule("var_at_end_punctuation").warning().require(is_closed, text.here(), "only punctuation follows the last variable");
        let between = || found.windows(2).map(|pair| &text.value[pair[0].place.end..pair[1].place.start]);
        let (touch, are_near) = (between().any(str::is_empty), between().any(|gap| gap.trim().is_empty()));
        self.out.rule("vars_adjacent").require(!touch, text.here(), "variables must not touch each other");
        self.out.rule("vars_adjacent").warning().require(!are_near || touch, text.here(), "only space is between two variables");
        let words: usize = between().chain([before, after]).map(words).sum();
        // Scripts without spaces have no words to count.
        let has_words = !text.value.contains(|letter| matches!(letter, '\u{e00}'..='\u{eff}' | '\u{2e80}'..='\u{9fff}'));
        let least = usize::try_from(limits::of("vars_too_dense", TemplateForm::Any).min).unwrap_or_default().saturating_mul(found.len());
        let fits = !has_words || words >= least;
        self.out.rule("vars_too_dense").warning().require(fits, text.here(), "has few words for its variables");
    }
}

fn name_of(sample: &Value) -> &str {
    sample.get("param_name").and_then(Value::as_str).unwrap_or_default()
}

fn words(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count()
}
