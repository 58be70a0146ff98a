//! One mistake gives one error, and the impl is what the reference says, token by token. Spans are in the core's `tests/ui`.

use crate::ast::Input;
use crate::errors::Errors;
use crate::{expand, valid};
use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

const WHOLE: &str = r#"name = "acme-chat", channel = WhatsApp, config = Config, outbound = Message"#;

fn struct_with(keys: &str) -> DeriveInput {
    syn::parse_str(&format!("#[strategy({keys})] struct AcmeChat;")).unwrap()
}

fn errors_of(node: &DeriveInput) -> Vec<String> {
    let mut errors = Errors::default();
    valid::check(&Input::new(node, &mut errors), &mut errors);
    errors.messages()
}

/// The errors of a struct with these keys.
fn errors(keys: &str) -> Vec<String> {
    errors_of(&struct_with(keys))
}

/// The one error of a struct that is complete but for `more`.
fn error_of(more: &str) -> String {
    let found = errors(&format!("{WHOLE}, {more}"));
    assert_eq!(found.len(), 1, "{more}: {found:?}");
    found.into_iter().next().unwrap()
}

fn expansion(node: &DeriveInput) -> String {
    expand::derive(node).to_string()
}

/// Whether the expansion contains the tokens, however they are spaced.
fn has(node: &DeriveInput, tokens: &TokenStream) -> bool {
    let bare = |text: String| text.replace(char::is_whitespace, "");
    bare(expansion(node)).contains(&bare(tokens.to_string()))
}

#[test]
fn whole_expansion() {
    let node = syn::parse_quote! {
        /// Sends through Acme.
        ///
        /// At length.
        #[derive(Strategy)]
        #[strategy(name = "acme-chat", channel = WhatsApp, config = AcmeConfig, outbound = OutboundMessage, inbound)]
        #[strategy(idempotency = native(24 * 3_600_000), capabilities = caps::ACME, reply = synchronous(5_000))]
        #[strategy(contract = tests::AcmeFixture<u8>, crate = "crate::core")]
        pub struct AcmeChat<T: Clone, const N: usize = 1>
        where
            T: Send,
        {
            transport: [T; N],
        }
    };
    let expected = quote! {
        #[doc(hidden)]
        #[allow(dead_code, unused_qualifications, clippy::absolute_paths)]
        const _: () = {
            use crate::core::private as _zc;
            #[automatically_derived]
            impl<T: Clone, const N: usize> _zc::Strategy for AcmeChat<T, N>
            where
                T: Send,
            {
                type Config = AcmeConfig;
                type Message = OutboundMessage;
                const DESCRIPTOR: &'static _zc::Descriptor = &_zc::Descriptor {
                    name: "acme-chat",
                    summary: "Sends through Acme.",
                    channel: _zc::Channel::WhatsApp,
                    capabilities: &caps::ACME,
                    idempotency: _zc::Idempotency::Native { window_ms: 24 * 3_600_000 },
                    direction: _zc::Direction { outbound: true, inbound: true },
                    reply: _zc::Reply::Synchronous { deadline_ms: 5_000 },
                    config_schema: _zc::schema_of::<AcmeConfig>,
                    message_schema: _zc::schema_of::<OutboundMessage>,
                };
                fn halves() -> _zc::Halves<Self> {
                    _zc::Halves::new().outbound().inbound()
                }
            }
        };
        #[cfg(test)]
        crate::core::contract_tests!(acme_chat_contract, tests::AcmeFixture<u8>);
    };
    assert_eq!(expansion(&node), expected.to_string());
}

#[test]
fn absent_keys_have_their_defaults() {
    let node = struct_with(r#"name = "a", channel = Sms, config = Config, inbound"#);
    assert!(has(
        &node,
        &quote!(
            use ::zengine_connector::private as _zc;
        )
    ));
    assert!(has(
        &node,
        &quote!(
            type Message = _zc::Never;
        )
    ));
    assert!(has(&node, &quote!(summary: "", channel: _zc::Channel::Sms, capabilities: &_zc::Capabilities::NONE)));
    assert!(has(&node, &quote!(idempotency: _zc::Idempotency::None)));
    assert!(has(&node, &quote!(direction: _zc::Direction { outbound: false, inbound: true })));
    assert!(has(&node, &quote!(reply: _zc::Reply::Acknowledge { within_ms: ::core::option::Option::None })));
    assert!(has(&node, &quote!(_zc::Halves::new().inbound())));
    assert!(!expansion(&node).contains("contract_tests"));
}

#[test]
fn outbound_alone_has_no_inbound_half() {
    let node = struct_with(WHOLE);
    assert!(has(&node, &quote!(direction: _zc::Direction { outbound: true, inbound: false })));
    assert!(has(&node, &quote!({ _zc::Halves::new().outbound() })));
}

#[test]
fn modes_become_variants_with_their_milliseconds() {
    for (keys, tokens) in [
        ("idempotency = none", quote!(_zc::Idempotency::None)),
        ("idempotency = queryable(0x10)", quote!(_zc::Idempotency::Queryable { visible_after_ms: 0x10 })),
        ("idempotency = native(WINDOW_MS)", quote!(_zc::Idempotency::Native { window_ms: WINDOW_MS })),
        ("inbound, reply = acknowledge", quote!(_zc::Reply::Acknowledge { within_ms: ::core::option::Option::None })),
        ("inbound, reply = acknowledge(4_500)", quote!(_zc::Reply::Acknowledge { within_ms: ::core::option::Option::Some(4_500) })),
        ("inbound, reply = synchronous(1u64)", quote!(_zc::Reply::Synchronous { deadline_ms: 1u64 })),
    ] {
        let node = struct_with(&format!("{WHOLE}, {keys}"));
        assert_eq!(errors_of(&node), [""; 0], "{keys}");
        assert!(has(&node, &tokens), "{keys}");
    }
}

#[test]
fn types_and_paths_may_have_arguments_and_commas() {
    let node = struct_with(
        r#"name = "a", channel = Sms, config = Map<A, fn(B) -> C>, outbound = Batch<M, 4>, capabilities = <T as Caps<A, B>>::CAPS,"#,
    );
    assert_eq!(errors_of(&node), [""; 0]);
    assert!(has(
        &node,
        &quote!(
            type Config = Map<A, fn(B) -> C>;
            type Message = Batch<M, 4>;
        )
    ));
    assert!(has(&node, &quote!(capabilities: &<T as Caps<A, B>>::CAPS)));
}

#[test]
fn raw_type_name_gives_a_plain_module_name() {
    let node = syn::parse_quote! {
        #[strategy(name = "a", channel = Sms, config = C, inbound, contract = F)]
        struct r#Async;
    };
    assert!(has(&node, &quote!(::zengine_connector::contract_tests!(async_contract, F);)));
}

#[test]
fn unknown_key_suggests_the_near_one_and_is_read_as_it() {
    let node = struct_with(r#"nmae = "acme-chat", channel = WhatsApp, config = Config, outbuond = Message"#);
    assert_eq!(
        errors_of(&node),
        ["unknown strategy attribute `nmae`; did you mean `name`?", "unknown strategy attribute `outbuond`; did you mean `outbound`?"]
    );
    assert!(has(&node, &quote!(name: "acme-chat")));
    assert!(has(
        &node,
        &quote!(
            type Message = Message;
        )
    ));
    assert!(has(&node, &quote!(.outbound())));
}

#[test]
fn unknown_key_that_resembles_nothing_lists_the_keys_and_skips_its_value() {
    assert_eq!(
        error_of("colour = Map<Red, Green>, inbound"),
        "unknown strategy attribute `colour`; the keys are `name`, `channel`, `config`, `outbound`, `inbound`, `capabilities`, \
         `idempotency`, `reply`, `contract` and `crate`"
    );
}

#[test]
fn misspelt_key_hides_what_is_wrong_with_its_value_and_yields_to_the_right_one() {
    assert_eq!(errors("nmae = 5, channel = Sms, config = C, inbound").len(), 1);
    let node = struct_with(r#"nmae = "one", name = "two", channel = Sms, config = C, inbound"#);
    assert_eq!(errors_of(&node), ["unknown strategy attribute `nmae`; did you mean `name`?"]);
    assert!(has(&node, &quote!(name: "two")));
}

#[test]
fn repeated_key_is_an_error_and_the_first_value_stays() {
    let node = syn::parse_quote! {
        #[strategy(name = "a", channel = Sms, config = First, inbound)]
        #[strategy(config = Second<A, B>, inbound)]
        struct S;
    };
    assert_eq!(errors_of(&node), ["repeated strategy attribute `config`", "repeated strategy attribute `inbound`"]);
    assert!(has(
        &node,
        &quote!(
            type Config = First;
        )
    ));
}

#[test]
fn all_errors_are_reported_at_once() {
    let found = errors(r#"name = "WhatsApp Meta", channel = Sms, config = C, config = C, idempotency = sometimes, inbound = true"#);
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn wrong_name_suggests_a_spelling() {
    let long = "x".repeat(65);
    for (name, suggestion) in [
        ("WhatsApp Meta", "whatsapp-meta"),
        ("snake_case", "snake-case"),
        ("-edge", "edge"),
        ("edge-", "edge"),
        ("a--b", "a-b"),
        ("caf\u{e9}-1", "caf-1"),
        ("", "acme-chat"),
        ("\u{e9}", "acme-chat"),
        (long.as_str(), &long[..64]),
    ] {
        let found = errors(&format!(r#"name = "{name}", channel = Sms, config = C, inbound"#));
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(found[0].ends_with(&format!("; try \"{suggestion}\"")), "{name}: {found:?}");
    }
}

#[test]
fn good_names_pass() {
    for name in ["a", "0", "360dialog-templates", &"x".repeat(64)] {
        assert_eq!(errors(&format!(r#"name = "{name}", channel = Sms, config = C, inbound"#)), [""; 0], "{name}");
    }
}

#[test]
fn name_that_is_no_string_is_shown_as_one() {
    assert_eq!(errors("name = acme-chat, channel = Sms, config = C, inbound"), ["a name is a string: try `name = \"acme-chat\"`"]);
    assert_eq!(errors(r#""acme-chat", channel = Sms, config = C, inbound"#), ["a value needs its key: `name = \"acme-chat\"`"]);
}

#[test]
fn missing_pieces_are_one_error() {
    assert_eq!(
        errors("outbound = M"),
        ["missing from `#[strategy(..)]`: `name = \"acme-chat\"`, `channel = WhatsApp` and `config = AcmeConfig`"]
    );
    assert_eq!(
        errors(r#"name = "a", config = C"#),
        ["missing from `#[strategy(..)]`: `channel = WhatsApp`; and a strategy sends, receives or does both: \
          add `outbound = <message type>` or `inbound`"]
    );
    assert_eq!(
        errors(r#"name = "a", channel = Sms, config = C"#),
        ["a strategy sends, receives or does both: add `outbound = <message type>` or `inbound`"]
    );
}

#[test]
fn no_attribute_or_no_arguments_is_one_error() {
    for node in ["struct S;", "#[strategy] struct S;", r#"#[strategy = "s"] struct S;"#, "#[strategy()] struct S;"] {
        let found = errors_of(&syn::parse_str(node).unwrap());
        assert_eq!(found.len(), 1, "{node}: {found:?}");
        assert!(found[0].contains("#[strategy(name = \"..\", channel = .., config = .., outbound = ..)]"), "{node}: {found:?}");
    }
}

#[test]
fn synchronous_reply_needs_inbound() {
    assert_eq!(error_of("reply = synchronous(5_000)"), "a synchronous reply answers a request, so it needs `inbound`");
    assert_eq!(error_of("reply = acknowledge(4_500)"), "a time to acknowledge is for requests, so it needs `inbound`");
    assert_eq!(errors(&format!("{WHOLE}, reply = acknowledge")), [""; 0]);
}

#[test]
fn enum_and_union_are_refused_and_still_implemented() {
    for (item, kind) in [("enum S { A }", "an enum"), ("union S { a: u8 }", "a union")] {
        let node = syn::parse_str(&format!("#[strategy({WHOLE})] {item}")).unwrap();
        assert_eq!(errors_of(&node), [format!("a strategy is a struct, and `S` is {kind}: put it in a field of a struct")]);
        assert!(has(&node, &quote!(impl _zc::Strategy for S)));
    }
}

#[test]
fn lifetimes_are_refused_each_at_itself() {
    let node = syn::parse_str(&format!("#[strategy({WHOLE})] struct S<'a, 'b: 'a, T>(&'a T, &'b T);")).unwrap();
    let message = "a strategy lives as long as the registry, so `S` owns or shares what it needs and borrows nothing";
    assert_eq!(errors_of(&node), [message, message]);
    assert!(!expansion(&node).contains("impl"));
}

#[test]
fn attribute_on_a_field_or_variant_is_an_error() {
    for item in ["struct S { #[strategy(inbound)] a: u8 }", "struct S(#[strategy(inbound)] u8);"] {
        let node = syn::parse_str(&format!("#[strategy({WHOLE})] {item}")).unwrap();
        assert_eq!(errors_of(&node), ["`#[strategy]` belongs on `S` itself, not inside it"]);
    }
    let node = syn::parse_str(&format!("#[strategy({WHOLE})] enum S {{ #[strategy(inbound)] A }}")).unwrap();
    assert_eq!(errors_of(&node).len(), 2);
}

#[test]
fn each_wrong_value_is_one_error_with_the_remedy() {
    for (more, remedy) in [
        ("inbound = true", "write `inbound` alone"),
        ("inbound(true)", "write `inbound` alone"),
        ("capabilities", "`capabilities = CAPABILITIES`"),
        ("capabilities =", "`capabilities = CAPABILITIES`"),
        ("capabilities(CAPS)", "`capabilities = CAPABILITIES`"),
        ("capabilities = &caps::CAPS", "`capabilities = caps::CAPS`"),
        ("capabilities = \"CAPS\"", "`capabilities = CAPS`"),
        ("capabilities = Capabilities { a: 1, b: 2 }", "path of a `Capabilities` constant"),
        ("capabilities = caps()", "path of a `Capabilities` constant"),
        ("idempotency = \"none\"", "expected `none`, `queryable(visible_after_ms)` or `native(window_ms)`"),
        ("idempotency = Native(5)", "unknown idempotency `Native`; did you mean `native(window_ms)`?"),
        ("idempotency = perhaps", "unknown idempotency `perhaps`; expected `none`, `queryable(visible_after_ms)` or `native(window_ms)`"),
        ("idempotency = native", "`native` takes milliseconds: `native(window_ms)`"),
        ("idempotency = none(5)", "`none` takes no milliseconds"),
        ("idempotency = native()", "expected whole milliseconds: `native(window_ms)`"),
        ("idempotency = native(1, 2)", "expected whole milliseconds: `native(window_ms)`"),
        ("idempotency = native(0)", "`native` takes more than 0 milliseconds"),
        ("idempotency = native(24h)", "whole number without a unit"),
        ("idempotency = native(1.5)", "whole number without a unit"),
        ("idempotency = native(\"5\")", "whole number without a unit"),
        ("idempotency = native(99999999999999999999)", "whole number without a unit"),
        ("idempotency = native(5) extra", "expected `,` before this"),
        (
            "inbound, reply = sync(5)",
            "unknown reply `sync`; expected `acknowledge`, `acknowledge(within_ms)` or `synchronous(deadline_ms)`",
        ),
        ("inbound, reply = acknowledge()", "expected whole milliseconds: `acknowledge`, `acknowledge(within_ms)`"),
        ("inbound, reply = acknowledge(0)", "`acknowledge` takes more than 0 milliseconds"),
        ("inbound, reply = synchronus(5)", "unknown reply `synchronus`; did you mean `synchronous(deadline_ms)`?"),
        ("contract = \"Fixture\"", "expected the path of a fixture"),
        ("crate = zengine::core", "`crate = \"zengine::core\"`"),
        ("crate = \"not a path\"", "not a path: try `crate = \"zengine_connector\"`"),
        ("42", "expected `key = value`"),
        (", inbound", "expected a key before this comma"),
    ] {
        let found = error_of(more);
        assert!(found.contains(remedy), "{more}: {found}");
    }
}

#[test]
fn quoted_types_and_channels_are_read_as_what_they_mean() {
    let node = struct_with(r#"name = "a", channel = "Sms", config = "C<A, B>", outbound = "M""#);
    assert_eq!(
        errors_of(&node),
        [
            "a channel is the bare name of a variant: try `channel = Sms`",
            "a type is written without quotes: `config = AcmeConfig`",
            "a type is written without quotes: `outbound = OutboundMessage`",
        ]
    );
    assert!(has(
        &node,
        &quote!(
            type Config = C<A, B>;
            type Message = M;
        )
    ));
    let node = struct_with(r#"name = "a", channel = Channel::Sms, config = C, inbound"#);
    assert_eq!(errors_of(&node), ["a channel is the bare name of a variant: try `channel = Sms`"]);
    assert!(has(&node, &quote!(channel: _zc::Channel::Sms)));
}

#[test]
fn broken_type_costs_one_error_and_no_impl() {
    for keys in [
        r#"name = "a", channel = Sms, config = Map<A, 5 +>, inbound"#,
        r#"name = "a", channel = Sms, config = C, outbound = Map<A, inbound"#,
        r#"name = "a", channel = Sms, config, inbound"#,
    ] {
        let node = struct_with(keys);
        assert_eq!(errors_of(&node).len(), 1, "{keys}: {:?}", errors_of(&node));
        assert!(!expansion(&node).contains("impl"), "{keys}");
    }
}

#[test]
fn errors_stand_beside_the_impl_and_silence_the_contract_tests() {
    let node = struct_with(r#"name = "Bad Name", channel = Sms, config = C, inbound, contract = F"#);
    let out = expansion(&node);
    assert_eq!(out.matches("compile_error !").count(), 1);
    assert!(out.contains("impl _zc :: Strategy for AcmeChat"));
    assert!(!out.contains("contract_tests"));
}

#[test]
fn unknown_channel_leaves_a_descriptor_that_still_has_its_type() {
    let node = struct_with(r#"name = "a", channel = 5, config = C, inbound"#);
    assert_eq!(errors_of(&node), ["expected the bare name of a variant of `Channel`: `channel = WhatsApp`"]);
    assert!(has(&node, &quote!(= ::core::panic!("`#[strategy(..)]` has errors");)));
}
