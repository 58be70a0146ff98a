//! Parses `#[strategy(..)]`. Parsing does not stop at the first mistake: a bad value is skipped, a misspelt key is read as the one
//! it stands for, and the rest is parsed as usual.

use crate::errors::Errors;
use crate::suggest;
use crate::value::{self, Mode};
use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _, discouraged::Speculative as _};
use syn::{Attribute, ExprPath, Ident, LitStr, Meta, Path, Token, Type};

/// The attribute proposed for a struct without any.
pub(crate) const TEMPLATE: &str = r#"#[strategy(name = "..", channel = .., config = .., outbound = ..)]"#;

/// The attributes, key by key; `None` if a key is absent or its value could not be read.
#[derive(Default)]
pub(crate) struct Attrs {
    pub(crate) name: Option<LitStr>,
    pub(crate) channel: Option<Ident>,
    pub(crate) config: Option<Type>,
    pub(crate) outbound: Option<Type>,
    pub(crate) inbound: Option<()>,
    pub(crate) capabilities: Option<ExprPath>,
    pub(crate) idempotency: Option<Mode>,
    pub(crate) reply: Option<Mode>,
    pub(crate) contract: Option<Path>,
    pub(crate) krate: Option<Path>,
    /// The keys that were written; those that a misspelt or forgotten key stands for carry `true`.
    written: Vec<(Key, bool)>,
    /// Whether an attribute's arguments could not be read at all: missing keys are then unknown.
    pub(crate) unreadable: bool,
}

impl Attrs {
    /// Whether the author wrote this key, or a word that stands for it.
    pub(crate) fn mentions(&self, key: Key) -> bool {
        self.written.iter().any(|(k, _)| *k == key)
    }

    /// Whether no key was written at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.written.is_empty()
    }
}

/// The keys of the attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Name,
    Channel,
    Config,
    Outbound,
    Inbound,
    Capabilities,
    Idempotency,
    Reply,
    Contract,
    Crate,
}

impl Key {
    /// Key, spelling, and an example.
    const TABLE: [(Key, &'static str, &'static str); 10] = [
        (Key::Name, "name", r#"name = "acme-chat""#),
        (Key::Channel, "channel", "channel = WhatsApp"),
        (Key::Config, "config", "config = AcmeConfig"),
        (Key::Outbound, "outbound", "outbound = OutboundMessage"),
        (Key::Inbound, "inbound", "inbound"),
        (Key::Capabilities, "capabilities", "capabilities = CAPABILITIES"),
        (Key::Idempotency, "idempotency", "idempotency = none"),
        (Key::Reply, "reply", "reply = acknowledge"),
        (Key::Contract, "contract", "contract = tests::AcmeFixture"),
        (Key::Crate, "crate", r#"crate = "zengine_connector""#),
    ];

    fn of(word: &str) -> Option<Self> {
        Self::TABLE.iter().find(|(_, spelling, _)| *spelling == word).map(|(key, ..)| *key)
    }

    fn spellings() -> impl Iterator<Item = &'static str> {
        Self::TABLE.iter().map(|(_, spelling, _)| *spelling)
    }

    /// An example of the key, for messages.
    pub(crate) fn example(self) -> &'static str {
        Self::TABLE.iter().find(|(key, ..)| *key == self).map_or("", |(.., example)| example)
    }
}

/// Reads all `#[strategy]` attributes.
pub(crate) fn parse(attrs: &[Attribute], errors: &mut Errors) -> Attrs {
    let mut out = Attrs::default();
    for attr in attrs.iter().filter(|a| a.path().is_ident("strategy")) {
        let Meta::List(list) = &attr.meta else {
            out.unreadable = true;
            errors.at(&attr.meta, format!("write the keys in parentheses: `{TEMPLATE}`"));
            continue;
        };
        let read = |input: ParseStream<'_>| {
            entries(&mut out, input, errors);
            Ok(())
        };
        if let Err(error) = read.parse2(list.tokens.clone()) {
            errors.push(error);
        }
    }
    out
}

fn entries(out: &mut Attrs, input: ParseStream<'_>, errors: &mut Errors) {
    while !input.is_empty() {
        entry(out, input, errors);
        if !input.is_empty() && !input.peek(Token![,]) {
            errors.at(rest_of_value(input), "expected `,` before this");
        }
        // What was just reported is skipped, so only a comma or the end can follow.
        let _ = input.parse::<Option<Token![,]>>();
    }
}

fn entry(out: &mut Attrs, input: ParseStream<'_>, errors: &mut Errors) {
    let Ok(token) = input.call(Ident::parse_any) else { return positional(out, input, errors) };
    let word = token.unraw().to_string();
    if let Some(key) = Key::of(&word) {
        if out.written.contains(&(key, false)) {
            errors.at(&token, format!("repeated strategy attribute `{word}`"));
            rest_of_value(input);
        } else {
            out.written.push((key, false));
            fill(out, key, &token, input, errors);
        }
        return;
    }
    let meant = suggest::nearest(&word, Key::spellings());
    let advice = meant.map_or_else(|| format!("the keys are {}", list(Key::spellings())), |meant| format!("did you mean `{meant}`?"));
    errors.at(&token, format!("unknown strategy attribute `{word}`; {advice}"));
    match meant.and_then(Key::of) {
        Some(key) if !out.mentions(key) => {
            out.written.push((key, true));
            // The misspelling is the one mistake; what else may be wrong with the value shows once it is corrected.
            fill(out, key, &token, input, &mut Errors::default());
        }
        _ => drop(rest_of_value(input)),
    }
}

/// A value without a key; a string is taken for the name.
fn positional(out: &mut Attrs, input: ParseStream<'_>, errors: &mut Errors) {
    let name = input.fork().parse::<LitStr>().ok();
    let tokens = rest_of_value(input);
    if let Some(name) = name {
        errors.at(&tokens, format!("a value needs its key: `name = {}`", name.token()));
        if !out.mentions(Key::Name) {
            out.written.push((Key::Name, true));
            out.name = Some(name);
        }
    } else if tokens.is_empty() {
        // `(, name = ..)` or `(a = b,, c = d)`; the caller takes the comma.
        errors.at(input.fork().parse::<TokenTree>().ok(), "expected a key before this comma");
    } else {
        errors.at(&tokens, "expected `key = value`");
    }
}

/// Parses the value of `key` into its slot, and goes to the end of the value whether or not that worked.
fn fill(out: &mut Attrs, key: Key, token: &Ident, input: ParseStream<'_>, errors: &mut Errors) {
    // On a fork: a parser that fails may stop anywhere inside the value.
    let fork = &input.fork();
    let read = (key == Key::Inbound || value::equals(key, token, fork, errors))
        && match key {
            Key::Name => set(&mut out.name, value::name(fork, errors)),
            Key::Channel => set(&mut out.channel, value::channel(fork, errors)),
            Key::Config => set(&mut out.config, value::ty(key, fork, errors)),
            Key::Outbound => set(&mut out.outbound, value::ty(key, fork, errors)),
            Key::Inbound => set(&mut out.inbound, value::flag(token, fork, errors)),
            Key::Capabilities => set(&mut out.capabilities, value::constant(fork, errors)),
            Key::Idempotency => set(&mut out.idempotency, value::mode(&value::IDEMPOTENCY, fork, errors)),
            Key::Reply => set(&mut out.reply, value::mode(&value::REPLY, fork, errors)),
            Key::Contract => set(&mut out.contract, value::fixture(fork, errors)),
            Key::Crate => set(&mut out.krate, value::krate(fork, errors)),
        };
    if read {
        input.advance_to(fork);
    } else {
        rest_of_value(input);
    }
}

fn set<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    *slot = value;
    slot.is_some()
}

/// Takes the tokens up to the next comma that is not between angle brackets.
pub(crate) fn rest_of_value(input: ParseStream<'_>) -> TokenStream {
    let fork = input.fork();
    let (tokens, closed) = take(&fork, true);
    if closed {
        input.advance_to(&fork);
        return tokens;
    }
    // An unclosed `<` would swallow every key that follows.
    take(input, false).0
}

/// The tokens up to a comma, and whether every `<` was closed.
fn take(input: ParseStream<'_>, angles: bool) -> (TokenStream, bool) {
    let (mut tokens, mut depth, mut after) = (TokenStream::new(), 0_usize, ' ');
    while !input.is_empty() && (depth > 0 || !input.peek(Token![,])) {
        let Ok(token) = input.parse::<TokenTree>() else { break };
        let punct = if let TokenTree::Punct(p) = &token { p.as_char() } else { ' ' };
        match punct {
            '<' if angles => depth += 1,
            '>' if after != '-' => depth = depth.saturating_sub(1),
            _ => {}
        }
        after = punct;
        tokens.extend([token]);
    }
    (tokens, depth == 0)
}

/// `a`, `b` and `c`.
pub(crate) fn list<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let mut words: Vec<String> = words.map(|w| format!("`{w}`")).collect();
    let last = words.pop().unwrap_or_default();
    if words.is_empty() { last } else { format!("{} and {last}", words.join(", ")) }
}
