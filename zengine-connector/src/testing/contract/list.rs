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
                trouble_before_the_send_was_not_sent [Outbound Provider PreparingCalls]
                an_attempt_sends_at_most_once [Outbound Provider]
            }
            success {
                garbage_may_have_been_sent [Outbound Provider NamedMessages]
                a_page_for_people_may_have_been_sent [Outbound Provider NamedMessages]
                an_empty_answer_may_have_been_sent [Outbound Provider NamedMessages]
                success_without_an_id_may_have_been_sent [Outbound Provider NamedMessages]
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
            outcomes {
                what_was_not_sent_is_tried_again [Outbound Provider]
                what_may_have_been_sent_is_in_doubt [Outbound Provider Unprotected]
                what_may_have_been_sent_is_sent_again_under_its_key [Outbound Provider NativeIdempotency]
                a_refusal_fails_at_once [Outbound Provider]
                a_long_wait_is_put_off [Outbound Provider]
                attempts_end [Outbound Provider]
                bad_messages_do_not_stop_good_ones [Outbound Provider]
                every_row_of_the_error_table_ends_as_it_must [Outbound Answers]
                a_dead_provider_is_nobody_elses_fault [Outbound Provider]
            }
            idempotency {
                the_same_id_sends_once [Outbound Provider]
                the_same_id_sends_once_across_a_restart [Outbound Provider]
                fifty_calls_at_once_send_once [Outbound Provider]
                two_processes_at_once_send_once [Outbound Provider]
                retries_of_concurrent_calls_send_once [Outbound Provider]
                doubt_survives_a_restart [Outbound Provider Unprotected]
                another_message_under_the_same_id_is_refused [Outbound Provider]
                the_same_id_of_two_tenants_is_two_messages [Outbound Provider]
                the_key_is_the_same_in_every_attempt [Outbound Provider NativeIdempotency]
                keys_of_two_tenants_differ [Outbound Provider NativeIdempotency]
                an_outcome_can_be_read [Outbound Provider]
                a_dropped_send_is_not_doubled [Outbound Provider]
            }
            tenants {
                requests_carry_their_own_tenants_credentials [Outbound Provider]
                interleaved_sends_carry_their_own_credentials [Outbound Provider]
                a_refused_tenant_does_not_stop_the_others [Outbound Provider]
                a_broken_tenant_does_not_stop_the_others [Outbound Provider]
                a_change_of_one_tenant_leaves_the_others [Outbound Provider]
                logs_of_one_tenant_name_no_other [Outbound Provider]
                an_unknown_tenant_is_refused [Outbound Provider]
            }
            secrets {
                a_missing_secret_fails_fast [Outbound Provider Secrets]
                an_unreadable_secret_fails_fast [Outbound Provider Secrets]
                a_secret_store_that_is_down_fails_fast [Outbound Provider Secrets]
                a_secret_in_clear_is_refused [Outbound Provider Secrets]
                an_odd_secret_adds_no_header [Outbound Provider Secrets]
                a_rotated_secret_takes_effect [Outbound Provider Secrets]
                a_rotated_secret_takes_effect_in_time [Outbound Provider Secrets]
                nothing_of_the_host_prints_a_secret [Secrets]
            }
            schema {
                sample_configurations_fit_schema_and_type []
                a_removed_field_is_judged_alike []
                a_null_is_judged_alike []
                a_wrong_type_is_judged_alike []
                an_unknown_field_is_refused_and_named []
                a_missing_field_is_named []
                a_configuration_that_is_no_object_is_refused []
                configure_refuses_what_the_schema_refuses [SchemaValidation]
            }
            capabilities {
                text_is_taken_up_to_its_limit [Outbound Provider Canonical]
                a_long_text_arrives_whole [Outbound Provider Canonical Text]
                text_formats_are_as_listed [Outbound Provider Canonical Text]
                media_is_taken_as_listed [Outbound Provider Canonical]
                captions_are_taken_as_listed [Outbound Provider Canonical Media]
                buttons_are_taken_up_to_their_limits [Outbound Provider Canonical]
                lists_are_taken_up_to_their_limits [Outbound Provider Canonical]
                contacts_are_taken_up_to_their_limit [Outbound Provider Canonical]
                yes_and_no_are_as_listed [Outbound Provider Canonical]
                quotes_are_as_listed [Outbound Provider Canonical]
                what_cannot_be_sent_is_refused [Outbound Provider Canonical]
            }
            redaction {
                a_provider_that_repeats_everything_leaks_nothing [Outbound Provider]
                announcements_name_nobody [Outbound Provider]
                logs_say_who_and_never_what [Outbound Provider]
                a_malformed_message_is_not_repeated [Outbound Provider]
            }
            time {
                the_deadline_is_honoured [Outbound Provider]
                an_attempt_neither_waits_nor_repeats [Outbound Provider]
                a_dropped_send_gives_its_place_back [Outbound Provider]
                a_dropped_send_leaves_the_strategy_whole [Outbound Provider]
                a_send_dropped_while_it_prepares_blocks_nobody [Outbound Provider PreparingCalls]
                a_stopping_host_takes_nothing_new [Outbound Provider]
            }
            calls {
                configure_calls_nobody []
                a_health_check_sends_no_message [Outbound Provider]
                a_health_check_of_a_dead_provider_ends [Outbound Provider ActiveHealth]
                fifty_sends_at_once_share_nothing [Outbound Provider]
                other_kinds_of_messages_are_delivered [Outbound MoreMessages]
                pairs_of_messages_and_requests [Outbound OutboundPairs]
            }
            care {
                every_part_of_a_message_reaches_the_provider [Outbound MoreMessages]
                the_time_left_goes_to_the_client [Outbound Provider]
                what_is_kept_of_an_answer_holds_no_secret [Outbound Provider]
            }
            arrival {
                a_signed_message_reaches_the_handler [Inbound]
                an_event_is_stamped [Inbound]
                people_are_kept_apart [Inbound]
                text_arrives_as_it_is [Inbound]
                raw_is_the_exact_slice [Inbound]
                inbound_pairs_are_as_expected [InboundPairs]
            }
            batches {
                every_element_of_a_batch_arrives [Batches]
                a_batch_keeps_its_order [Batches]
                a_bad_element_costs_no_neighbour [Batches]
                every_bad_element_is_kept [Batches]
            }
            garbage {
                a_signed_body_that_cannot_be_read_is_kept [Inbound]
                other_json_is_survived [Inbound]
            }
            bounds {
                a_body_above_the_limit_is_refused [Inbound]
                deep_nesting_is_survived [Inbound]
                huge_numbers_are_survived [Inbound]
                values_of_other_types_are_survived [Inbound]
            }
            unknown {
                unknown_fields_are_ignored_and_kept [Inbound]
                unknown_types_become_events [UnknownTypes]
            }
            once {
                a_redelivery_runs_nothing_twice [Inbound]
                a_late_redelivery_is_recognised [Inbound]
                a_redelivered_batch_runs_nothing_twice [Batches]
                an_event_is_recognised_in_another_batch [Batches]
                equal_words_are_different_messages [Inbound]
                what_was_not_stored_comes_again [Inbound]
                an_event_comes_until_it_is_stored [Inbound]
            }
            signature {
                a_missing_signature_is_refused [Signature]
                a_wrong_secret_is_refused [Signature]
                a_piece_of_a_signature_is_refused [Signature]
                a_signature_of_another_form_is_refused [Signature]
                changed_bytes_are_refused [Signature]
                the_bytes_are_checked_as_they_came [Signature]
                a_stale_signature_is_refused [Signature]
                both_secrets_of_a_rotation_count [Inbound]
                secrets_out_of_reach_let_nobody_in [Inbound]
                odd_requests_are_refused [Inbound]
            }
            refusal {
                a_refusal_never_holds_the_right_signature [Signature]
                refusals_leave_nothing_behind [Signature]
            }
            greeting {
                a_handshake_is_answered [Handshake]
                a_handshake_with_a_wrong_token_is_refused [Handshake]
                a_handshake_with_a_piece_of_the_token_is_refused [Handshake]
            }
            cross_talk {
                each_tenant_gets_its_own_events [Inbound]
                equal_ids_of_two_tenants_are_two_events [Inbound]
                another_tenants_signature_opens_nothing [Signature]
                a_body_names_nobody [Inbound]
                an_unknown_address_reaches_nobody [Inbound]
                a_mixed_body_is_taken_apart [Mixed]
            }
            kinds {
                a_choice_keeps_its_id [Inbound]
                a_reaction_arrives [Inbound]
                a_contact_arrives [Inbound]
                an_order_arrives [Inbound]
                a_form_arrives [Inbound]
                a_person_without_a_phone_number_arrives [Inbound]
            }
            news {
                news_have_their_own_time [Inbound]
                late_news_take_nothing_back [Inbound]
                news_name_everybody [Inbound]
                news_name_our_message [Inbound]
            }
            purity {
                reading_is_pure [Inbound]
                broken_bodies_never_panic [Inbound]
            }
        }
    };
}
