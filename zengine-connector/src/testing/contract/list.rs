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
            transport {
                a_refused_connection_was_not_sent [Outbound Provider]
                a_slow_connection_was_not_sent [Outbound Provider]
                a_reset_may_have_been_sent [Outbound Provider]
                a_hang_may_have_been_sent [Outbound Provider]
                a_hang_after_accepting_may_have_been_sent [Outbound Provider]
                a_cut_body_may_have_been_sent [Outbound Provider]
                an_answer_too_large_may_have_been_sent [Outbound Provider]
                a_slow_answer_is_an_answer [Outbound Provider]
                trouble_before_the_send_was_not_sent [Outbound Provider]
                an_attempt_sends_at_most_once [Outbound Provider]
            }
            success {
                garbage_may_have_been_sent [Outbound Provider]
                a_page_for_people_may_have_been_sent [Outbound Provider]
                an_empty_answer_may_have_been_sent [Outbound Provider]
                success_without_an_id_may_have_been_sent [Outbound Provider]
                a_wrong_content_type_is_no_refusal [Outbound Provider]
            }
            answers {
                a_400_is_not_the_providers_fault [Outbound Provider]
                a_401_is_the_tenants_credentials [Outbound Provider]
                a_403_is_the_tenants_permissions [Outbound Provider]
                a_404_is_not_the_providers_fault [Outbound Provider]
                any_other_4xx_is_not_the_providers_fault [Outbound Provider]
                a_408_may_have_been_sent [Outbound Provider]
                a_5xx_may_have_been_sent [Outbound Provider]
                a_page_for_people_with_502_may_have_been_sent [Outbound Provider]
                a_429_was_not_sent [Outbound Provider]
                a_redirect_is_not_followed [Outbound Provider]
                an_unheard_of_status_is_no_success [Outbound Provider]
                hostile_refusals_do_not_break_it [Outbound Provider]
                every_row_of_the_error_table_is_kept [Outbound Answers]
            }
            hints {
                a_429_keeps_its_hint_in_seconds [Outbound Provider]
                a_429_keeps_its_hint_as_a_date [Outbound Provider]
                a_hint_that_cannot_be_read_is_none [Outbound Provider]
                a_date_in_the_past_is_no_wait [Outbound Provider]
                a_503_keeps_its_hint [Outbound Provider]
            }
            arrival {
                a_signed_message_reaches_the_handler [Inbound]
            }
        }
    };
}
