//! The one list of cases.

/// Makes a `#[test]` of each case of the contract, in a module, for a fixture.
///
/// ```ignore
/// #[cfg(test)]
/// zengine_connector::contract_tests!(acme_chat_contract, tests::AcmeFixture);
/// ```
///
/// The derive writes this line where `#[strategy(contract = tests::AcmeFixture)]` stands.
#[macro_export]
macro_rules! contract_tests {
    ($module:ident, $fixture:path $(,)?) => {
        $crate::__contract_cases! { __contract_tests [$module $fixture] }
    };
}

/// Not for people: expands the list into tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_tests {
    ([$module:ident $fixture:path] $($family:ident { $($case:ident [$($need:ident)*])* })*) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;

            $($(
                #[::core::prelude::v1::test]
                fn $case() {
                    $crate::testing::contract::run::<$fixture>(::core::stringify!($case));
                }
            )*)*

            /// Lists what is skipped; fails where a declared half is not tested.
            #[::core::prelude::v1::test]
            fn skipped_cases() {
                $crate::testing::contract::run_skips::<$fixture>();
            }
        }
    };
}

/// Not for people: expands the list into the table of the kit.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_table {
    ([] $($family:ident { $($case:ident [$($need:ident)*])* })*) => {
        pub(in $crate::testing::contract) const CASES: &[$crate::testing::contract::run::Case] = &[$($(
            $crate::testing::contract::run::Case {
                name: ::core::stringify!($case),
                family: ::core::stringify!($family),
                needs: &[$($crate::testing::contract::Need::$need),*],
                run: |kit| ::std::boxed::Box::pin($family::$case(kit)),
            },
        )*)*];
    };
}

/// Not for people: every case, under its family, with what it needs.
///
/// A family is a module of `cases`; a case is a function in it, `async fn name(kit: &Shared) -> Done`. Names are those of
/// the tests, so each is used once.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_cases {
    ($then:ident [$($args:tt)*]) => {
        $crate::$then! { [$($args)*]
            set_up {
                the_descriptor_is_complete []
                sample_tenants_bind []
                sample_tenants_differ []
                sample_messages_hold_sample_words [Outbound]
            }
            happy {
                sends_a_message_and_returns_the_provider_id [Outbound Provider]
                an_attempt_succeeds_for_every_tenant [Outbound Provider]
            }
            errors {
                a_refused_connection_was_not_sent [Outbound Provider]
            }
            arrival {
                a_signed_message_reaches_the_handler [Inbound]
            }
        }
    };
}
