//! Writes the impl.

use crate::ast::Input;
use crate::attr::Key;
use crate::errors::Errors;
use crate::suggest;
use crate::valid;
use crate::value::Mode;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{DeriveInput, Ident, Type};

/// The whole expansion: the impl, and an error for each mistake beside it.
pub(crate) fn derive(node: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let input = Input::new(node, &mut errors);
    valid::check(&input, &mut errors);
    let impls = strategy_impl(&input);
    let tests = if errors.is_empty() { contract_tests(&input) } else { None };
    let errors = errors.to_compile_errors();
    quote!(#errors #impls #tests)
}

/// The impl, if its types are known. `None` without a configuration, for a message that could not be read, and for a struct with a
/// lifetime, whose impl could not compile.
fn strategy_impl(input: &Input<'_>) -> Option<TokenStream> {
    if input.generics.lifetimes().next().is_some() {
        return None;
    }
    let attrs = &input.attrs;
    let config = attrs.config.as_ref()?;
    let message = match &attrs.outbound {
        Some(message) => message.to_token_stream(),
        None if attrs.mentions(Key::Outbound) => return None,
        None => quote!(_zc::Never),
    };
    let descriptor = descriptor(input, config, &message);
    let halves = halves(input);
    let import = import(input);
    let ident = input.ident;
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    Some(quote! {
        #[doc(hidden)]
        #[allow(dead_code, unused_qualifications, clippy::absolute_paths)]
        const _: () = {
            #import
            #[automatically_derived]
            impl #impl_generics _zc::Strategy for #ident #ty_generics #where_clause {
                type Config = #config;
                type Message = #message;
                const DESCRIPTOR: &'static _zc::Descriptor = #descriptor;
                fn halves() -> _zc::Halves<Self> {
                    #halves
                }
            }
        };
    })
}

fn descriptor(input: &Input<'_>, config: &Type, message: &TokenStream) -> TokenStream {
    let attrs = &input.attrs;
    // Only beside an error: there is no channel that could stand for one that is missing.
    let Some(channel) = &attrs.channel else { return quote!(::core::panic!("`#[strategy(..)]` has errors")) };
    let name = attrs.name.as_ref().map_or_else(|| quote!(""), ToTokens::to_token_stream);
    let summary = &input.summary;
    let capabilities = attrs.capabilities.as_ref().map_or_else(|| quote!(_zc::Capabilities::NONE), ToTokens::to_token_stream);
    let idempotency = mode(attrs.idempotency.as_ref(), "none");
    let reply = mode(attrs.reply.as_ref(), "acknowledge");
    let outbound = attrs.outbound.is_some();
    let inbound = attrs.inbound.is_some();
    quote! {
        &_zc::Descriptor {
            name: #name,
            summary: #summary,
            channel: _zc::Channel::#channel,
            capabilities: &#capabilities,
            idempotency: _zc::Idempotency::#idempotency,
            direction: _zc::Direction { outbound: #outbound, inbound: #inbound },
            reply: _zc::Reply::#reply,
            config_schema: _zc::schema_of::<#config>,
            message_schema: _zc::schema_of::<#message>,
        }
    }
}

/// The variant that a word of the attribute stands for.
fn mode(mode: Option<&Mode>, default: &str) -> TokenStream {
    let ms = mode.and_then(|m| m.ms.as_ref());
    match mode.map_or(default, |m| m.word) {
        "native" => quote!(Native { window_ms: #ms }),
        "queryable" => quote!(Queryable { visible_after_ms: #ms }),
        "synchronous" => quote!(Synchronous { deadline_ms: #ms }),
        "acknowledge" => {
            let within = ms.map_or_else(|| quote!(::core::option::Option::None), |ms| quote!(::core::option::Option::Some(#ms)));
            quote!(Acknowledge { within_ms: #within })
        }
        _ => quote!(None),
    }
}

/// One call per direction. Each has the span of the struct's name, so that a missing impl is reported there.
fn halves(input: &Input<'_>) -> TokenStream {
    let span = input.ident.span().resolved_at(Span::call_site());
    let outbound = input.attrs.outbound.as_ref().map(|_| quote_spanned!(span=> .outbound()));
    let inbound = input.attrs.inbound.as_ref().map(|()| quote_spanned!(span=> .inbound()));
    quote_spanned!(span=> _zc::Halves::new() #outbound #inbound)
}

/// The import that the rest uses. It has the span of the `crate` key's string, so that a wrong path is reported there.
fn import(input: &Input<'_>) -> TokenStream {
    let span = input.attrs.krate.as_ref().map_or_else(Span::call_site, |path| path.span().resolved_at(Span::call_site()));
    let krate = krate(input);
    quote_spanned!(span=> use #krate::private as _zc;)
}

fn krate(input: &Input<'_>) -> TokenStream {
    input.attrs.krate.as_ref().map_or_else(|| quote!(::zengine_connector), ToTokens::to_token_stream)
}

/// The call that turns the list of contract cases into tests. It is outside the `const`, so that the tests have readable names.
fn contract_tests(input: &Input<'_>) -> Option<TokenStream> {
    let fixture = input.attrs.contract.as_ref()?;
    let krate = krate(input);
    let module: Ident = format_ident!("{}_contract", suggest::snake(&input.ident.unraw().to_string()), span = fixture.span());
    Some(quote!(#[cfg(test)] #krate::contract_tests!(#module, #fixture);))
}
