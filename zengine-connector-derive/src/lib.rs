#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod ast;
mod attr;
mod errors;
mod expand;
mod suggest;
#[cfg(test)]
mod tests;
mod valid;
mod value;

use proc_macro::TokenStream;

/// Implements `zengine_connector::Strategy` for a struct: its descriptor, its configuration and message types, and its
/// directions. You implement the traits that do the work (`Configure`, `OutboundStrategy`, `InboundStrategy`).
///
/// The first line of the struct's doc comment becomes the descriptor's summary. Generics and where clauses are carried over.
///
/// # The attribute
///
/// `#[strategy(key = value, ..)]`. Several attributes add up; a key given twice is an error, and so is an unknown one.
/// Types and paths are written bare; only `name` and `crate` take strings.
///
/// | key | value | when absent |
/// |---|---|---|
/// | `name` | string of 1 to 64 characters: `a` to `z`, `0` to `9`, words joined by one `-` | error |
/// | `channel` | a variant of `Channel` | error |
/// | `config` | the type of one tenant's configuration; also `Deserialize` and `JsonSchema` | error |
/// | `outbound` | the message type: "I implement `OutboundStrategy<Config, Message>`" | never sends; the message is `Never` |
/// | `inbound` | a flag without a value: "I implement `InboundStrategy<Config>`" | never receives |
/// | `capabilities` | path of a `Capabilities` constant | `Capabilities::NONE` |
/// | `idempotency` | `none`, `queryable(visible_after_ms)` or `native(window_ms)` | `none` |
/// | `reply` | `acknowledge`, `acknowledge(within_ms)` or `synchronous(deadline_ms)`, both numbers with `inbound` | `acknowledge` |
/// | `contract` | path of a contract fixture: writes `contract_tests!` under `#[cfg(test)]` | no contract tests |
/// | `crate` | path of the core crate, in a string, if it is re-exported under another name | `"::zengine_connector"` |
///
/// At least one of `outbound` and `inbound` is required. Milliseconds are whole numbers or constant expressions of type `u64`.
///
/// # Errors
///
/// All mistakes are reported at once, each at the token at fault. The impl is generated all the same if its types are known, so
/// that one mistake stays one error.
#[proc_macro_derive(Strategy, attributes(strategy))]
pub fn derive_strategy(input: TokenStream) -> TokenStream {
    match syn::parse(input) {
        Ok(input) => expand::derive(&input).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
