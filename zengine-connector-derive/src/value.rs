//! Reads the value of one key. Each function reports a mistake with its remedy, and still returns a value if the meaning is clear
//! (a type in quotes is that type), so that the impl can be generated.

use crate::attr::{Key, rest_of_value};
use crate::errors::Errors;
use crate::suggest;
use crate::valid;
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::{Expr, ExprPath, Ident, LitStr, Path, Token, Type, parenthesized, token};

/// A word with an optional number of milliseconds: `none`, `native(86_400_000)`.
pub(crate) struct Mode {
    pub(crate) word: &'static str,
    pub(crate) token: Ident,
    pub(crate) ms: Option<Expr>,
}

/// The words that a key of modes takes, each with its milliseconds.
pub(crate) struct Modes {
    what: &'static str,
    words: &'static [(&'static str, Ms)],
}

/// The milliseconds of a word, by name.
#[derive(Clone, Copy)]
enum Ms {
    None,
    Optional(&'static str),
    Required(&'static str),
}

/// The words of `idempotency`.
pub(crate) const IDEMPOTENCY: Modes = Modes {
    what: "idempotency",
    words: &[("none", Ms::None), ("queryable", Ms::Required("visible_after_ms")), ("native", Ms::Required("window_ms"))],
};

/// The words of `reply`.
pub(crate) const REPLY: Modes =
    Modes { what: "reply", words: &[("acknowledge", Ms::Optional("within_ms")), ("synchronous", Ms::Required("deadline_ms"))] };

impl Modes {
    /// `none`, `queryable(visible_after_ms)` or `native(window_ms)`.
    fn forms(&self) -> String {
        let forms: Vec<String> = self.words.iter().map(|(word, ms)| form(word, *ms)).collect();
        match forms.split_last() {
            Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
            None => String::new(),
        }
    }
}

fn form(word: &str, ms: Ms) -> String {
    match ms {
        Ms::None => format!("`{word}`"),
        Ms::Optional(name) => format!("`{word}`, `{word}({name})`"),
        Ms::Required(name) => format!("`{word}({name})`"),
    }
}

/// The `=` and the start of a value after it.
pub(crate) fn equals(key: Key, token: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> bool {
    let found = input.parse::<Token![=]>().is_ok() && !at_end(input);
    if !found {
        errors.at(token, format!("`{}` takes a value: `{}`", token.unraw(), key.example()));
    }
    found
}

/// A flag has no value.
pub(crate) fn flag(token: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> Option<()> {
    let value = rest_of_value(input);
    if value.is_empty() {
        return Some(());
    }
    errors.at(token, format!("`{token}` is a flag without a value: write `{token}` alone, or leave it out"));
    (value.to_string() != "= false").then_some(())
}

/// A string literal.
pub(crate) fn name(input: ParseStream<'_>, errors: &mut Errors) -> Option<LitStr> {
    if input.peek(LitStr) {
        return input.parse().ok();
    }
    let value = rest_of_value(input);
    let spelling = suggest::kebab(&value.to_string(), valid::NAME_MAX);
    errors.at(&value, format!("a name is a string: try `name = \"{}\"`", spelling.as_deref().unwrap_or("acme-chat")));
    None
}

/// The bare identifier of a variant.
pub(crate) fn channel(input: ParseStream<'_>, errors: &mut Errors) -> Option<Ident> {
    let whole = whole(input);
    let quoted = unquoted(input);
    let path = match &quoted {
        Some(quoted) => quoted.parse_with(Path::parse_mod_style).ok(),
        None => input.call(Path::parse_mod_style).ok(),
    };
    let Some(path) = path.filter(|_| at_end(input)) else {
        errors.at(&whole, format!("expected the bare name of a variant of `Channel`: `{}`", Key::Channel.example()));
        return None;
    };
    let variant = path.segments.last()?.ident.clone();
    if quoted.is_some() || path.get_ident().is_none() {
        errors.at(&whole, format!("a channel is the bare name of a variant: try `channel = {variant}`"));
    }
    Some(variant)
}

/// A type.
pub(crate) fn ty(key: Key, input: ParseStream<'_>, errors: &mut Errors) -> Option<Type> {
    let whole = whole(input);
    if let Some(quoted) = unquoted(input) {
        errors.at(&quoted, format!("a type is written without quotes: `{}`", key.example()));
        return quoted.parse().ok();
    }
    let parsed = input.parse().ok();
    if parsed.is_none() {
        errors.at(&whole, format!("expected a type: `{}`", key.example()));
    }
    parsed
}

/// The path of a constant.
pub(crate) fn constant(input: ParseStream<'_>, errors: &mut Errors) -> Option<ExprPath> {
    let whole = whole(input);
    let borrowed = input.parse::<Option<Token![&]>>().ok().flatten();
    let quoted = unquoted(input);
    let path = match &quoted {
        Some(quoted) => quoted.parse::<ExprPath>().ok(),
        None => input.parse::<ExprPath>().ok(),
    };
    let Some(path) = path.filter(|_| at_end(input)) else {
        errors.at(&whole, format!("expected the path of a `Capabilities` constant: `{}`", Key::Capabilities.example()));
        return None;
    };
    if borrowed.is_some() || quoted.is_some() {
        errors.at(&whole, format!("write the path of the constant alone: `capabilities = {}`", spelled(&path)));
    }
    Some(path)
}

/// One of the words, with its milliseconds.
pub(crate) fn mode(modes: &Modes, input: ParseStream<'_>, errors: &mut Errors) -> Option<Mode> {
    let whole = whole(input);
    let Ok(token) = input.call(Ident::parse_any) else {
        errors.at(&whole, format!("expected {}", modes.forms()));
        return None;
    };
    let given = token.to_string();
    let Some((word, unit)) = modes.words.iter().find(|(word, _)| *word == given) else {
        let meant = suggest::nearest(&given, modes.words.iter().map(|(word, _)| *word));
        let advice = match modes.words.iter().find(|(word, _)| Some(*word) == meant) {
            Some((word, unit)) => format!("did you mean {}?", form(word, *unit)),
            None => format!("expected {}", modes.forms()),
        };
        errors.at(&token, format!("unknown {} `{given}`; {advice}", modes.what));
        return None;
    };
    let ms = match (unit, input.peek(token::Paren)) {
        (Ms::None | Ms::Optional(_), false) => None,
        (Ms::None, true) => {
            errors.at(&whole, format!("`{word}` takes no milliseconds: write `{word}` alone"));
            return None;
        }
        (Ms::Optional(_) | Ms::Required(_), true) => {
            let parsed = milliseconds(input);
            if parsed.is_none() {
                errors.at(&whole, format!("expected whole milliseconds: {}", form(word, *unit)));
                return None;
            }
            parsed.filter(|ms| valid::is_milliseconds(word, ms, errors)).map(Some)?
        }
        (Ms::Required(_), false) => {
            errors.at(&token, format!("`{word}` takes milliseconds: {}", form(word, *unit)));
            return None;
        }
    };
    Some(Mode { word, token, ms })
}

fn milliseconds(input: ParseStream<'_>) -> Option<Expr> {
    fn read(input: ParseStream<'_>) -> syn::Result<Option<Expr>> {
        let content;
        parenthesized!(content in input);
        let ms = content.parse()?;
        let _ = content.parse::<Option<Token![,]>>()?;
        Ok(content.is_empty().then_some(ms))
    }
    read(input).ok().flatten()
}

/// The path of a fixture type.
pub(crate) fn fixture(input: ParseStream<'_>, errors: &mut Errors) -> Option<Path> {
    let whole = whole(input);
    let parsed = input.parse().ok();
    if parsed.is_none() {
        errors.at(&whole, format!("expected the path of a fixture: `{}`", Key::Contract.example()));
    }
    parsed
}

/// A path in a string, as serde has it.
pub(crate) fn krate(input: ParseStream<'_>, errors: &mut Errors) -> Option<Path> {
    let whole = whole(input);
    if let Some(quoted) = unquoted(input) {
        let parsed = quoted.parse_with(Path::parse_mod_style).ok();
        if parsed.is_none() {
            errors.at(&quoted, format!("not a path: try `{}`", Key::Crate.example()));
        }
        return parsed;
    }
    let parsed = input.call(Path::parse_mod_style).ok();
    let path = parsed.as_ref().map_or_else(|| "zengine_connector".to_owned(), spelled);
    errors.at(&whole, format!("the path stands in a string: `crate = \"{path}\"`"));
    parsed
}

/// The tokens of the value, for a message that points at all of it.
fn whole(input: ParseStream<'_>) -> TokenStream {
    rest_of_value(&input.fork())
}

/// The string literal at this place, if there is one.
fn unquoted(input: ParseStream<'_>) -> Option<LitStr> {
    if input.peek(LitStr) { input.parse().ok() } else { None }
}

/// Whether the value ends here.
fn at_end(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

/// A path as it is usually written, without spaces between tokens.
fn spelled(path: &impl ToTokens) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}
