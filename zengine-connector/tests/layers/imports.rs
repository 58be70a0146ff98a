//! The imports of one file, read from its tokens.

use std::{collections::BTreeMap, iter::Peekable, vec::IntoIter};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::tree::ModulePath;

/// A module as far as imports go.
#[derive(Default)]
pub(crate) struct Module {
    pub(crate) imports: Vec<Import>,
    /// The imports of `use`, by the name they have here.
    pub(crate) names: Vec<(String, Import)>,
    /// Child modules that exist only for tests.
    pub(crate) tests: Vec<ModulePath>,
    /// Forms that hide arrows from this test: globs, `#[path]`, `include!`.
    pub(crate) refused: Vec<String>,
}

impl Module {
    fn refuse_glob(&mut self, name: &str) {
        if name == "*" {
            self.refused.push("a glob".to_owned());
        }
    }
}

/// A path as it is written.
#[derive(Clone)]
pub(crate) struct Import {
    /// Below the crate where `anchored`, else as written.
    pub(crate) path: ModulePath,
    /// Whether it began with `crate`, `super` or `self`.
    pub(crate) anchored: bool,
}

/// Adds a file's module, and those written inside it.
pub(crate) fn read(module: &[String], text: &str, into: &mut BTreeMap<ModulePath, Module>) {
    let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", module.join("::")));
    into.entry(module.to_vec()).or_default();
    walk(module, tokens, into);
}

type Tokens = Peekable<IntoIter<TokenTree>>;

fn walk(here: &[String], tokens: TokenStream, into: &mut BTreeMap<ModulePath, Module>) {
    let mut tokens: Tokens = tokens.into_iter().collect::<Vec<_>>().into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                while tokens.next_if(|next| is_punct(next, '!')).is_some() {}
                let Some(TokenTree::Group(attribute)) = tokens.next_if(is_bracketed) else { continue };
                if is_for_tests(&attribute) {
                    skip_item(here, &mut tokens, into);
                } else {
                    read_attribute(here, attribute.stream(), into);
                }
            }
            // Not the `use<'a>` of an `impl` type.
            TokenTree::Ident(word) if word == "use" && !tokens.peek().is_some_and(|next| is_punct(next, '<')) => {
                for (alias, import) in use_tree(here, &[], &mut tokens) {
                    let module = into.entry(here.to_vec()).or_default();
                    module.refuse_glob(&alias);
                    module.imports.push(import.clone());
                    module.names.push((alias, import));
                }
            }
            TokenTree::Ident(word) if word == "mod" => {
                let name = tokens.next().map(|name| name.to_string()).unwrap_or_default();
                if let Some(TokenTree::Group(body)) = tokens.next_if(is_braced) {
                    let inner = child(here, &name);
                    into.entry(inner.clone()).or_default();
                    walk(&inner, body.stream(), into);
                }
            }
            TokenTree::Ident(word) if word == "include" && tokens.peek().is_some_and(|next| is_punct(next, '!')) => {
                into.entry(here.to_vec()).or_default().refused.push("include!".to_owned());
            }
            TokenTree::Ident(word) if word == "path" => {}
            TokenTree::Ident(word) => read_path(here, word.to_string(), &mut tokens, into),
            TokenTree::Group(group) => walk(here, group.stream(), into),
            _ => {}
        }
    }
}

/// A path in code: `crate::a::b`, or one that begins with a name that a `use` brought in.
fn read_path(here: &[String], first: String, tokens: &mut Tokens, into: &mut BTreeMap<ModulePath, Module>) {
    let mut path = vec![first];
    while eat_colons(tokens) {
        let Some(TokenTree::Ident(next)) = tokens.next_if(|next| matches!(next, TokenTree::Ident(_))) else { break };
        path.push(next.to_string());
    }
    if path.len() > 1 {
        into.entry(here.to_vec()).or_default().imports.push(import(here, path));
    }
}

/// Paths in attributes, also those that serde takes as strings: `with = "crate::a::b"`.
fn read_attribute(here: &[String], tokens: TokenStream, into: &mut BTreeMap<ModulePath, Module>) {
    let mut tokens: Tokens = tokens.into_iter().collect::<Vec<_>>().into_iter().peekable();
    let mut is_doc = false;
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) if word == "doc" => is_doc = true,
            TokenTree::Ident(word) if word == "path" && tokens.peek().is_some_and(|next| is_punct(next, '=')) => {
                into.entry(here.to_vec()).or_default().refused.push("#[path]".to_owned());
            }
            TokenTree::Ident(word) => read_path(here, word.to_string(), &mut tokens, into),
            TokenTree::Literal(text) if !is_doc => {
                let text = text.to_string();
                if let Ok(path) = text.trim_matches('"').parse::<TokenStream>()
                    && text.contains("::")
                {
                    walk(here, path, into);
                }
            }
            TokenTree::Group(group) => read_attribute(here, group.stream(), into),
            _ => {}
        }
    }
}

/// The leaves of a `use`, with the names they get.
fn use_tree(here: &[String], prefix: &[String], tokens: &mut Tokens) -> Vec<(String, Import)> {
    let mut path = prefix.to_vec();
    let mut alias = None;
    let mut leaves = vec![];
    let mut grouped = false;
    for token in tokens.by_ref() {
        match token {
            TokenTree::Ident(word) if word == "as" => alias = Some(String::new()),
            TokenTree::Ident(word) if alias.is_some() => alias = Some(word.to_string()),
            TokenTree::Ident(word) => path.push(word.to_string()),
            TokenTree::Group(group) => {
                grouped = true;
                let mut inner: Tokens = group.stream().into_iter().collect::<Vec<_>>().into_iter().peekable();
                while inner.peek().is_some() {
                    leaves.extend(use_tree(here, &path, &mut inner));
                }
            }
            TokenTree::Punct(punct) if [';', ','].contains(&punct.as_char()) => break,
            TokenTree::Punct(punct) if punct.as_char() == '*' => path.push("*".to_owned()),
            _ => {}
        }
    }
    if !grouped && path.len() > prefix.len() {
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        let alias = alias.unwrap_or_else(|| path.last().cloned().unwrap_or_default());
        leaves.push((alias, import(here, path)));
    }
    leaves
}

/// Makes a path that begins with `crate`, `super` or `self` one below the crate.
fn import(here: &[String], written: Vec<String>) -> Import {
    let mut base = here.to_vec();
    let mut anchored = false;
    let mut rest = written.into_iter().peekable();
    if rest.next_if(|word| word == "zengine_connector").is_some() {
        // `extern crate self` gives the crate its public name inside.
        return Import { path: rest.collect(), anchored: true };
    }
    while let Some(word) = rest.next_if(|word| ["crate", "super", "self"].contains(&word.as_str())) {
        anchored = true;
        match word.as_str() {
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            _ => {}
        }
    }
    let base = if anchored { base } else { vec![] };
    Import { path: base.into_iter().chain(rest).collect(), anchored }
}

/// Passes over what stands under `#[cfg(test)]`: an item, or a field, variant, arm or parameter, which ends at a comma.
fn skip_item(here: &[String], tokens: &mut Tokens, into: &mut BTreeMap<ModulePath, Module>) {
    const ITEMS: &[&str] =
        &["use", "mod", "fn", "struct", "enum", "trait", "impl", "const", "static", "type", "macro_rules", "let", "extern"];
    let (mut is_use, mut is_item) = (false, false);
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) if ITEMS.contains(&word.to_string().as_str()) => {
                is_item = true;
                is_use |= word == "use";
                if word == "mod"
                    && let Some(name) = tokens.peek()
                {
                    let test = child(here, &name.to_string());
                    into.entry(here.to_vec()).or_default().tests.push(test);
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' || (punct.as_char() == ',' && !is_item) => return,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !is_use => return,
            _ => {}
        }
    }
}

/// Whether an attribute is `cfg` with `test` in it, and not under `not`.
fn is_for_tests(attribute: &Group) -> bool {
    let text = attribute.stream().to_string().replace(char::is_whitespace, "");
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

fn child(here: &[String], name: &str) -> ModulePath {
    here.iter().cloned().chain([name.to_owned()]).collect()
}

fn eat_colons(tokens: &mut Tokens) -> bool {
    tokens.next_if(|next| is_punct(next, ':')).is_some() && tokens.next_if(|next| is_punct(next, ':')).is_some()
}

fn is_punct(token: &TokenTree, char: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == char)
}

fn is_bracketed(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket)
}

fn is_braced(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}
