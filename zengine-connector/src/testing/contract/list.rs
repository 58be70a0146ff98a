//! The list of cases.

/// Generates a module with a `#[test]` for each case of the contract, for a fixture.
///
/// ```ignore
/// #[cfg(test)]
/// zengine_connector::contract_tests!(acme_chat_contract, tests::AcmeFixture);
/// ```
///
/// The derive generates this line for `#[strategy(contract = tests::AcmeFixture)]`.
#[macro_export]
macro_rules! contract_tests {
    ($module:ident, $fixture:path $(,)?) => {
        $crate::__contract_cases! { __contract_tests [$module $fixture] }
    };
}

/// Internal: expands the list into tests.
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

            /// Lists skipped cases; fails if a declared half is not tested.
            #[::core::prelude::v1::test]
            fn skipped_cases() {
                $crate::testing::contract::run_skips::<$fixture>();
            }
        }
    };
}

/// Internal: expands the list into the kit's table.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_table {
    ([] $($family:ident { $($case:ident [$($need:ident)*])* })*) => {
        pub(in $crate::testing::contract) const CASES: &[$crate::testing::contract::case::Case] = &[$($(
            $crate::testing::contract::case::Case {
                name: ::core::stringify!($case),
                family: ::core::stringify!($family),
                needs: &[$($crate::testing::contract::Need::$need),*],
                run: |kit| ::std::boxed::Box::pin($family::$case(kit)),
            },
        )*)*];
    };
}

/// Internal: every case, under its family, with its needs.
///
/// A family is a module of `cases`; a case is a function in it, `async fn name(kit: &SharedKit) -> CaseResult`. Each name
/// must be unique, as it is the name of the test.
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
            delivery {
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
                a_fault_before_the_send_was_not_sent [Outbound Provider PreparingCalls]
                an_attempt_sends_at_most_once [Outbound Provider]
            }
            success {
                garbage_may_have_been_sent [Outbound Provider NamedMessages]
                an_html_page_may_have_been_sent [Outbound Provider NamedMessages]
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
                an_html_page_with_502_may_have_been_sent [Outbound Provider]
                a_429_was_not_sent [Outbound Provider]
                a_redirect_is_not_followed [Outbound Provider]
                an_unknown_status_is_no_success [Outbound Provider]
                hostile_refusals_do_not_panic [Outbound Provider]
                every_row_of_the_error_table_is_kept [Outbound ErrorTable]
            }
            hints {
                a_429_keeps_its_hint_in_seconds [Outbound Provider]
                a_429_keeps_its_hint_as_a_date [Outbound Provider]
                a_hint_that_cannot_be_read_is_none [Outbound Provider]
                a_date_in_the_past_is_no_wait [Outbound Provider]
                a_503_keeps_its_hint [Outbound Provider]
            }
            outcomes {
                an_attempt_that_was_not_sent_is_retried [Outbound Provider]
                an_attempt_that_may_have_been_sent_ends_unknown [Outbound Provider NoIdempotency]
                an_attempt_that_may_have_been_sent_is_retried_with_its_key [Outbound Provider NativeIdempotency]
                a_refusal_fails_at_once [Outbound Provider]
                a_long_wait_is_deferred [Outbound Provider]
                attempts_are_limited [Outbound Provider]
                refused_messages_do_not_open_the_breaker [Outbound Provider]
                every_row_of_the_error_table_ends_as_it_must [Outbound ErrorTable]
                a_failing_provider_has_the_fault_provider [Outbound Provider]
            }
            idempotency {
                the_same_id_sends_once [Outbound Provider]
                the_same_id_sends_once_across_a_restart [Outbound Provider]
                fifty_concurrent_calls_send_once [Outbound Provider]
                two_concurrent_processes_send_once [Outbound Provider]
                retries_of_concurrent_calls_send_once [Outbound Provider]
                an_unknown_outcome_survives_a_restart [Outbound Provider NoIdempotency]
                another_message_under_the_same_id_is_refused [Outbound Provider]
                the_same_id_of_two_tenants_is_two_messages [Outbound Provider]
                the_key_is_the_same_in_every_attempt [Outbound Provider NativeIdempotency]
                keys_of_two_tenants_differ [Outbound Provider NativeIdempotency]
                a_stored_outcome_can_be_read [Outbound Provider]
                a_dropped_send_is_not_duplicated [Outbound Provider]
                a_duplicate_after_a_crash_is_treated_as_the_tenants_protection_says [Outbound Provider]
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
            lookup {
                a_message_that_arrived_is_found [Outbound Provider Queryable]
                a_message_that_did_not_arrive_is_not_found [Outbound Provider Queryable]
                a_failing_lookup_sends_nothing [Outbound Provider Queryable]
            }
            sessions {
                a_failing_session_hides_no_send [Outbound Provider Sessions]
                a_session_survives_a_fault [Outbound Provider Sessions]
            }
            conversations {
                an_open_race_is_one_conversation [Conversations]
                messages_that_wait_keep_their_order [Conversations]
                an_opening_that_fails_loses_nothing [Conversations]
                a_lost_race_is_deferred [Conversations Sessions]
                expiry_in_the_middle_of_a_send_reopens_once [Conversations]
                a_send_after_the_end_begins_a_new_conversation [Conversations ConversationEnds]
                a_late_event_of_an_ended_conversation_is_routed [Conversations ConversationEnds ConversationEvents]
                an_event_of_a_foreign_conversation_is_ignored [Conversations ConversationEvents]
                sequences_rise_within_a_life [Conversations ConversationEvents]
                a_raised_change_is_published_once [Conversations Inbound]
                a_crash_between_calls_resumes_or_gives_up [Conversations Sessions]
                tokens_of_conversations_are_never_printed [Conversations]
            }
            secrets {
                a_missing_secret_fails_fast [Outbound Provider Secrets]
                an_unreadable_secret_fails_fast [Outbound Provider Secrets]
                a_secret_store_that_is_down_fails_fast [Outbound Provider Secrets]
                a_plain_text_secret_is_refused [Outbound Provider Secrets]
                an_odd_secret_adds_no_header [Outbound Provider Secrets]
                a_rotated_secret_takes_effect [Outbound Provider Secrets]
                a_rotated_secret_takes_effect_in_time [Outbound Provider Secrets]
                the_host_prints_no_secret [Secrets]
            }
            schema {
                sample_configurations_fit_schema_and_type []
                schema_and_type_agree_on_a_removed_field []
                schema_and_type_agree_on_null []
                schema_and_type_agree_on_a_wrong_type []
                an_unknown_field_is_refused_and_named []
                a_missing_field_is_named []
                a_configuration_that_is_no_object_is_refused []
                configure_refuses_what_the_schema_refuses [SchemaValidation]
            }
            capabilities {
                text_is_accepted_up_to_its_limit [Outbound Provider Canonical]
                a_long_text_is_sent_whole [Outbound Provider Canonical Text]
                text_formats_are_as_listed [Outbound Provider Canonical Text]
                media_is_accepted_as_listed [Outbound Provider Canonical]
                captions_are_accepted_as_listed [Outbound Provider Canonical Media]
                buttons_are_accepted_up_to_their_limits [Outbound Provider Canonical]
                lists_are_accepted_up_to_their_limits [Outbound Provider Canonical]
                contacts_are_accepted_up_to_their_limit [Outbound Provider Canonical]
                e_mail_is_accepted_as_listed [Outbound Provider Canonical]
                yes_or_no_capabilities_are_as_listed [Outbound Provider Canonical]
                quotes_are_as_listed [Outbound Provider Canonical]
                content_that_cannot_be_sent_is_refused [Outbound Provider Canonical]
            }
            scopes {
                scopes_are_the_same_for_the_same_message [Outbound]
                only_the_recipients_scope_follows_the_recipient [Outbound]
            }
            violations {
                a_warning_is_reported_and_sent [Outbound WarnedMessage]
                an_error_refuses_before_any_claim [Outbound RefusedMessage]
            }
            redaction {
                a_provider_that_repeats_everything_leaks_nothing [Outbound Provider]
                failure_events_hold_no_personal_data [Outbound Provider]
                logs_name_tenant_and_strategy_only [Outbound Provider]
                a_malformed_message_is_not_repeated [Outbound Provider]
            }
            time {
                the_deadline_is_honoured [Outbound Provider]
                an_attempt_neither_waits_nor_repeats [Outbound Provider]
                a_dropped_send_releases_its_permit [Outbound Provider]
                a_strategy_sends_after_a_dropped_send [Outbound Provider]
                a_send_dropped_while_preparing_blocks_no_other [Outbound Provider PreparingCalls]
                a_stopped_host_accepts_no_send [Outbound Provider]
            }
            calls {
                configure_makes_no_call []
                a_health_check_sends_no_message [Outbound Provider]
                a_health_check_of_a_failing_provider_ends [Outbound Provider ActiveHealth]
                fifty_concurrent_sends_are_independent [Outbound Provider]
                other_kinds_of_messages_are_delivered [Outbound MoreMessages]
                pairs_of_messages_and_requests [Outbound OutboundPairs]
            }
            compliance {
                every_part_of_a_message_reaches_the_provider [Outbound MoreMessages]
                the_client_gets_the_remaining_time [Outbound Provider]
                a_receipt_holds_no_secret [Outbound Provider]
            }
            routes {
                routes_follow_from_the_configuration [Inbound]
                routes_hold_no_secret [Inbound Secrets]
            }
            arrival {
                a_signed_message_reaches_the_handler [Inbound]
                an_event_is_stamped [Inbound]
                two_senders_are_kept_apart [Inbound]
                text_arrives_unchanged [Inbound]
                raw_is_the_exact_slice [Inbound]
                inbound_pairs_are_as_expected [InboundPairs]
            }
            batches {
                every_element_of_a_batch_arrives [Batches]
                a_batch_keeps_its_order [Batches]
                a_bad_element_does_not_affect_its_neighbours [Batches]
                every_bad_element_is_kept [Batches]
            }
            garbage {
                a_signed_body_that_cannot_be_read_is_kept [Inbound]
                other_json_does_not_panic [Inbound]
            }
            bounds {
                a_body_above_the_limit_is_refused [Inbound]
                deep_nesting_does_not_panic [Json]
                huge_numbers_do_not_panic [Json]
                values_of_other_types_do_not_panic [Json]
            }
            unknown {
                unknown_fields_are_ignored_and_kept [Json]
                unknown_types_become_events [UnknownTypes]
            }
            dedup {
                a_redelivery_runs_no_handler_twice [Inbound]
                a_late_redelivery_is_recognised [Inbound]
                sender_and_sequence_are_those_of_the_event [Inbound]
                a_redelivered_batch_runs_no_handler_twice [Batches]
                an_event_is_recognised_in_another_batch [Batches]
                messages_with_equal_text_are_different [Inbound]
                an_event_that_was_not_stored_is_redelivered [Inbound]
                an_event_is_redelivered_until_it_is_stored [Inbound]
            }
            signature {
                a_missing_signature_is_refused [Signature]
                a_wrong_secret_is_refused [Signature]
                a_part_of_a_signature_is_refused [Signature]
                another_credential_in_the_address_is_refused [Inbound]
                a_signature_of_another_form_is_refused [Signature]
                changed_bytes_are_refused [Signature]
                the_signature_is_checked_over_the_received_bytes [Signature Json]
                a_stale_signature_is_refused [Signature]
                both_secrets_of_a_rotation_are_accepted [Inbound]
                unavailable_secrets_admit_no_request [Inbound]
                odd_requests_are_refused [Inbound]
            }
            refusal {
                a_refusal_never_holds_the_right_signature [Signature]
                refusals_leave_no_state [Signature]
                every_refusal_is_finished_alike [Inbound]
            }
            handshake {
                a_handshake_is_answered [Handshake]
                a_handshake_with_a_wrong_token_is_refused [Handshake]
                a_handshake_with_a_part_of_the_token_is_refused [Handshake]
            }
            cross_talk {
                each_tenant_gets_its_own_events [Inbound]
                equal_ids_of_two_tenants_are_two_events [Inbound]
                another_tenants_signature_is_refused [Signature]
                a_body_does_not_choose_the_tenant [Inbound]
                an_unknown_address_reaches_no_handler [Inbound]
                a_mixed_body_is_split_by_tenant [Mixed]
            }
            kinds {
                a_choice_keeps_its_id [Inbound]
                a_reaction_arrives [Inbound]
                a_contact_arrives [Inbound]
                an_order_arrives [Inbound]
                a_form_arrives [Inbound]
                a_person_without_a_phone_number_arrives [Inbound]
            }
            statuses {
                statuses_have_their_own_time [Inbound]
                statuses_in_any_order_merge_to_the_furthest_state [Inbound]
                statuses_name_every_recipient [Inbound]
                failures_say_whether_they_are_final [Inbound]
                statuses_name_our_message [Inbound]
            }
            replies {
                replies_are_in_the_response [Synchronous]
                late_replies_are_polled [Synchronous Polls]
                a_repeat_of_what_is_under_work_is_no_failure [Synchronous Polls]
                a_poll_without_credentials_is_refused [Polls]
            }
            media {
                media_arrives_whole [InboundMedia]
                media_that_cannot_be_fetched_is_an_error [InboundMedia]
                an_odd_media_handle_leads_nowhere_else [InboundMedia]
            }
            records {
                a_record_reaches_the_handler_once [Records]
                a_record_of_another_source_is_refused [Records]
            }
            kept {
                an_event_without_its_session_is_redelivered [Inbound]
            }
            purity {
                normalize_is_pure [Inbound]
                broken_bodies_never_panic [Inbound]
            }
        }
    };
}
