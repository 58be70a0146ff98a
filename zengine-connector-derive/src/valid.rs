//! The rules for the attributes together.

use crate::ast::Input;
use crate::attr::{Key, TEMPLATE, list};
use crate::errors::Errors;
use crate::suggest;
use syn::ext::IdentExt as _;
use syn::{Data, Expr, Lit, LitStr};

/// Maximum length of a strategy name, in characters (the limit of the core's `StrategyName`).
pub(crate) const NAME_MAX: usize = 64;

/// Applies every rule.
pub(crate) fn check(input: &Input<'_>, errors: &mut Errors) {
    is_struct(input, errors);
    borrows_nothing(input, errors);
    is_complete(input, errors);
    if let Some(name) = &input.attrs.name {
        is_name(name, input, errors);
    }
    replies_to_something(input, errors);
    for attr in input.misplaced() {
        errors.at(attr, format!("`#[strategy]` belongs on `{}` itself, not inside it", input.ident));
    }
}

fn is_struct(input: &Input<'_>, errors: &mut Errors) {
    let kind = match input.data {
        Data::Struct(_) => return,
        Data::Enum(_) => "an enum",
        Data::Union(_) => "a union",
    };
    errors.at(input.ident, format!("a strategy is a struct, and `{}` is {kind}: put it in a field of a struct", input.ident));
}

/// Refuses lifetimes with one line; the compiler's own error is a page long.
fn borrows_nothing(input: &Input<'_>, errors: &mut Errors) {
    for lifetime in input.generics.lifetimes() {
        errors.at(
            lifetime,
            format!("a strategy lives as long as the registry, so `{}` owns or shares what it needs and borrows nothing", input.ident),
        );
    }
}

/// Requires name, channel, configuration and at least one direction; one error names all that is missing.
fn is_complete(input: &Input<'_>, errors: &mut Errors) {
    let attrs = &input.attrs;
    if attrs.unreadable {
        return;
    }
    if attrs.is_empty() {
        errors.at(input.ident, format!("`#[derive(Strategy)]` says nothing about `{}`: add `{TEMPLATE}`", input.ident));
        return;
    }
    let own = suggest::kebab(&suggest::snake(&input.ident.unraw().to_string()), NAME_MAX).unwrap_or_default();
    let missing = [Key::Name, Key::Channel, Key::Config].into_iter().filter(|key| !attrs.mentions(*key)).map(|key| match key {
        Key::Name => format!("name = \"{own}\""),
        _ => key.example().to_owned(),
    });
    let missing: Vec<String> = missing.collect();
    let directed = attrs.mentions(Key::Outbound) || attrs.mentions(Key::Inbound);
    let direction = "a strategy sends, receives or does both: add `outbound = <message type>` or `inbound`";
    match (missing.is_empty(), directed) {
        (true, true) => {}
        (true, false) => errors.at(input.ident, direction),
        (false, true) => errors.at(input.ident, format!("missing from `#[strategy(..)]`: {}", list(missing.iter().map(String::as_str)))),
        (false, false) => {
            let missing = list(missing.iter().map(String::as_str));
            errors.at(input.ident, format!("missing from `#[strategy(..)]`: {missing}; and {direction}"));
        }
    }
}

/// Words of `a` to `z` and `0` to `9` joined by single hyphens, 1 to 64 characters.
fn is_name(name: &LitStr, input: &Input<'_>, errors: &mut Errors) {
    let value = name.value();
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if value.len() <= NAME_MAX && value.split('-').all(is_word) {
        return;
    }
    let from_type = || suggest::kebab(&suggest::snake(&input.ident.unraw().to_string()), NAME_MAX);
    let advice = suggest::kebab(&value, NAME_MAX).or_else(from_type).map(|name| format!("; try \"{name}\"")).unwrap_or_default();
    errors
        .at(name, format!("a strategy's name is 1 to {NAME_MAX} characters: words of `a` to `z` and `0` to `9` joined by one `-`{advice}"));
}

/// Checks that a literal is a whole number above zero; the compiler checks other expressions. Called while parsing, because a value
/// that is refused here must not reach the impl, where the compiler would refuse it again.
pub(crate) fn is_milliseconds(word: &str, ms: &Expr, errors: &mut Errors) -> bool {
    let Expr::Lit(literal) = ms else { return true };
    let whole = match &literal.lit {
        Lit::Int(int) if matches!(int.suffix(), "" | "u64") => int.base10_parse::<u64>().ok(),
        _ => None,
    };
    match whole {
        Some(0) => errors.at(literal, format!("`{word}` takes more than 0 milliseconds")),
        Some(_) => return true,
        None => errors.at(literal, format!("`{word}` takes milliseconds as a whole number without a unit")),
    }
    false
}

/// Only a strategy that receives can answer in the response.
fn replies_to_something(input: &Input<'_>, errors: &mut Errors) {
    let Some(reply) = &input.attrs.reply else { return };
    if input.attrs.mentions(Key::Inbound) {
        return;
    }
    match (reply.word, &reply.ms) {
        ("synchronous", _) => errors.at(&reply.token, "a synchronous reply answers a request, so it needs `inbound`"),
        (_, Some(_)) => errors.at(&reply.token, "a time to acknowledge is for requests, so it needs `inbound`"),
        _ => {}
    }
}
