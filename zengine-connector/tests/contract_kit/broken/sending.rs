//! Sends: the class of an error, one effect, credentials, what is printed.

use super::broken;

broken! {
    a_server_error_is_said_to_have_sent_nothing: ServerErrorNotSent in Both, sound Both {
        a_5xx_may_have_been_sent "the reach must be one of [Maybe], and is NotSent"
        a_408_may_have_been_sent "the reach must be one of [Maybe], and is NotSent"
        an_html_page_with_502_may_have_been_sent "the reach must be one of [Maybe], and is NotSent"
        every_row_of_the_error_table_ends_as_it_must "must end in"
    }
    a_server_error_is_the_messages_fault: ServerErrorIsDomain in Both, sound Both {
        an_attempt_that_may_have_been_sent_is_retried_with_its_key "answer 500"
        a_failing_provider_has_the_fault_provider "answer 500"
    }
    a_client_error_is_the_providers_fault: ClientErrorsBlameProvider in Both, sound Both {
        a_400_is_not_the_providers_fault "and is Provider"
        a_403_is_the_tenants_permissions "and is Provider"
        a_404_is_not_the_providers_fault "and is Provider"
        any_other_4xx_is_not_the_providers_fault "and is Provider"
        a_refusal_fails_at_once "must be Failed"
        refused_messages_do_not_open_the_breaker "400: Unknown"
    }
    an_odd_status_is_success: OddStatusIsSuccess in Both, sound Both {
        a_redirect_is_not_followed "treated as success"
        an_unknown_status_is_no_success "treated as success"
    }
    a_success_of_another_content_type_is_a_refusal: ChecksContentType in Both, sound Both {
        a_wrong_content_type_is_no_refusal "a wrong content type"
    }
    a_success_is_a_refusal: SuccessIsRefusal in Both, sound Both {
        a_stored_outcome_can_be_read "not delivered"
        another_message_under_the_same_id_is_refused "not delivered"
        a_broken_tenant_does_not_stop_the_others "Failed"
    }
    no_answer_is_a_success: AssumesDelivery in Both, sound Both {
        the_deadline_is_honoured "Delivered"
    }
    any_hint_is_believed: ReadsAnyHint in Both, sound Both {
        a_hint_that_cannot_be_read_is_none "parks the message"
        a_date_in_the_past_is_no_wait "a date in the past is a wait"
    }
    a_call_before_the_send_is_taken_for_it: StampMaybe in Both, sound Both {
        a_fault_before_the_send_was_not_sent "call 0 of an attempt: reset"
    }
    the_client_gets_a_second: Impatient in Both, sound Both {
        a_slow_answer_is_an_answer "an answer after 2 s"
    }
    a_call_outlives_its_send: SpawnsSend in Out, sound Out {
        a_dropped_send_is_not_duplicated "it was sent twice"
    }
    every_call_is_made_twice: SendsTwice in Both, sound Both {
        the_same_id_sends_once "made more than one message"
        fifty_concurrent_calls_send_once "made more than one message"
        two_concurrent_processes_send_once "made more than one message"
        retries_of_concurrent_calls_send_once "made more than one message"
        the_same_id_of_two_tenants_is_two_messages "two ids are two messages"
    }
    check_calls_the_provider: CheckCallsProvider in Both, sound Both {
        content_that_cannot_be_sent_is_refused "before anything leaves"
    }
    the_callers_id_is_the_key: KeyIsMessageId in Both, sound Both {
        keys_of_two_tenants_differ "two tenants use one key"
    }
    a_dropped_send_leaves_its_mark: LeavesMark in Both, sound Both {
        a_dropped_send_releases_its_permit "the call did not hang"
        a_strategy_sends_after_a_dropped_send "is locked"
        a_send_dropped_while_preparing_blocks_no_other "is locked"
    }
    refused_credentials_stop_all_tenants: RemembersRefusal in Both, sound Both {
        a_refused_tenant_does_not_stop_the_others "is locked"
    }
    an_errors_cause_holds_the_answer: RepeatsAnswer in Both, sound Both {
        a_provider_that_repeats_everything_leaks_nothing "an error prints"
    }
    a_log_line_names_the_neighbours: NamesLoftsInLog in Both, sound Both {
        logs_of_one_tenant_name_no_other "names tenant"
    }
    the_lines_of_a_secret_become_headers: AddsHeaderLines in Both, sound Both {
        an_odd_secret_adds_no_header "added a header"
    }
    a_health_check_always_succeeds: AlwaysHealthy in Both, sound Both {
        a_health_check_of_a_failing_provider_ends "counts as healthy"
    }
    a_timeout_is_said_to_have_sent_nothing: TimeoutNotSent in Both, sound Both {
        a_hang_may_have_been_sent "the reach must be one of [Maybe], and is NotSent"
        a_hang_after_accepting_may_have_been_sent "the reach must be one of [Maybe], and is NotSent"
    }
    a_timeout_is_sent_again: TimeoutNotSent in Out, sound Out {
        an_attempt_that_may_have_been_sent_ends_unknown "hang after accepting: must be Unknown"
        an_unknown_outcome_survives_a_restart "Delivered"
    }
    a_broken_connection_is_said_to_have_sent_nothing: BrokenNotSent in Both, sound Both {
        a_reset_may_have_been_sent "the reach must be one of [Maybe], and is NotSent"
        a_cut_body_may_have_been_sent "the reach must be one of [Maybe], and is NotSent"
        an_answer_too_large_may_have_been_sent "the reach must be one of [Maybe], and is NotSent"
    }
    a_refused_connection_is_said_to_have_sent_something: RefusedConnectionMaybe in Out, sound Out {
        a_refused_connection_was_not_sent "the reach must be one of [NotSent], and is Maybe"
        a_slow_connection_was_not_sent "the reach must be one of [NotSent], and is Maybe"
        an_attempt_that_was_not_sent_is_retried "not delivered by a second attempt"
        attempts_are_limited "must be Failed"
    }
    garbage_is_said_to_have_sent_nothing: GarbageNotSent in Both, sound Both {
        garbage_may_have_been_sent "the reach must be one of [Maybe], and is NotSent"
    }
    too_much_traffic_is_the_messages_fault: ThrottleIsDomain in Both, sound Both {
        a_429_was_not_sent "the fault must be one of [Throttled], and is Domain"
    }
    the_retry_after_hint_is_dropped: IgnoresRetryAfter in Both, sound Both {
        a_429_keeps_its_hint_in_seconds "Retry-After: 7 is not kept"
        a_503_keeps_its_hint "is not kept"
        a_long_wait_is_deferred "the provider's hour is cut"
    }
    the_hint_is_read_as_seconds_only: ReadsOnlySeconds in Both, sound Both {
        a_429_keeps_its_hint_as_a_date "Retry-After as a date is not kept"
    }
    a_wrong_recipient_is_the_providers_fault: BadRecipientBlamesProvider in Both, sound Both {
        every_row_of_the_error_table_is_kept "InvalidRecipient"
    }
    refused_credentials_are_the_providers_fault: AuthBlamesProvider in Both, sound Both {
        a_401_is_the_tenants_credentials "the fault must be one of [Auth], and is Provider"
    }
    an_error_in_a_200_is_success: SuccessOnErrorBody in Both, sound Both {
        every_row_of_the_error_table_is_kept "treated as success"
    }
    an_answer_without_an_id_is_success: AcceptsWithoutId in Both, sound Both {
        success_without_an_id_may_have_been_sent "treated as success"
        garbage_may_have_been_sent "treated as success"
        an_html_page_may_have_been_sent "treated as success"
        an_empty_answer_may_have_been_sent "treated as success"
    }
    an_odd_answer_breaks_it: PanicsOnOddAnswer in Both, sound Both {
        garbage_may_have_been_sent "the strategy panicked"
        hostile_refusals_do_not_panic "the strategy panicked"
    }
    a_failed_call_is_made_again: RetriesInsideSend in Out, sound Out {
        an_attempt_sends_at_most_once "the attempt sent again"
    }
    a_call_that_ran_out_of_time_is_made_again: SendsAgainOnTimeout in Out, sound Out {
        an_attempt_sends_at_most_once "the attempt sent again"
    }
    an_errors_cause_holds_the_key: SecretInErrorSource in Both, sound Both {
        a_401_is_the_tenants_credentials "an error prints"
    }
    an_errors_code_holds_the_key: SecretInErrorCode in Both, sound Both {
        a_401_is_the_tenants_credentials "an error prints"
        failure_events_hold_no_personal_data "prints a secret"
    }
    a_log_line_holds_the_key: SecretInLog in Both, sound Both {
        sends_a_message_and_returns_the_provider_id "a log line prints"
        logs_name_tenant_and_strategy_only "a log line prints"
        the_host_prints_no_secret "a log line prints"
        a_stopped_host_accepts_no_send "a log line prints"
    }
    a_panic_holds_the_key: SecretInPanic in Both, sound Both {
        an_attempt_succeeds_for_every_tenant "a panic of the strategy prints"
    }
    a_log_line_holds_the_recipient: RecipientInLog in Both, sound Both {
        sends_a_message_and_returns_the_provider_id "a log line prints"
    }
    a_look_up_finds_nothing: LookupMisses in Ledger, sound Ledger {
        a_message_that_arrived_is_found "had arrived, and was sent again"
    }
    a_look_up_finds_any_message: LookupFindsAny in Ledger, sound Ledger {
        a_message_that_did_not_arrive_is_not_found "lookup finds another message"
    }
    a_failed_look_up_found_nothing: LookupErrorIsNotFound in Ledger, sound Ledger {
        a_failing_lookup_sends_nothing "and the message was sent again"
    }
    a_session_that_is_not_written_hides_a_send: SessionHidesSend in Ledger, sound Ledger {
        a_failing_session_hides_no_send "the retry duplicates"
    }
    a_session_stays_locked: SessionStaysLocked in Ledger, sound Ledger {
        a_session_survives_a_fault "nothing is sent any more"
    }
    it_waits_inside_an_attempt: SleepsInsideSend in Both, sound Both {
        an_attempt_neither_waits_nor_repeats "the attempt slept"
    }
    the_idempotency_key_is_not_sent: KeyNotSent in Both, sound Both {
        the_key_is_the_same_in_every_attempt "no key reaches it"
        pairs_of_messages_and_requests "text at /0/headers/idempotency-key"
    }
    every_attempt_has_a_key_of_its_own: KeyPerAttempt in Both, sound Both {
        the_key_is_the_same_in_every_attempt "key"
    }
    the_first_tenants_key_is_used_for_all: CachesFirstKey in Both, sound Both {
        requests_carry_their_own_tenants_credentials "carries something of tenant 0"
        a_rotated_secret_takes_effect "an old secret is still used"
        a_rotated_secret_takes_effect_in_time "an old secret is still used"
        a_change_of_one_tenant_leaves_the_others "carries something of tenant 0"
    }
    a_draft_is_shared_between_sends: SharesDraft in Both, sound Both {
        fifty_concurrent_sends_are_independent "of another"
        interleaved_sends_carry_their_own_credentials "carries something of tenant"
    }
    the_receipt_holds_the_key: SecretInReceipt in Both, sound Both {
        a_receipt_holds_no_secret "the receipt holds a secret"
    }
    a_health_check_sends_a_message: HealthcheckSends in Both, sound Both {
        a_health_check_sends_no_message "a health check sent a message"
    }
    text_is_cut_at_a_number_of_bytes: CutsText in Both, sound Both {
        a_long_text_is_sent_whole "does not reach the provider whole"
    }
    text_is_split_in_the_middle_of_a_character: SplitsText in Both, sound Both {
        a_long_text_is_sent_whole "does not reach the provider whole"
    }
    more_is_listed_than_is_accepted: ClaimsMore in Both, sound Both {
        text_is_accepted_up_to_its_limit "text at its limit is listed, and"
        text_formats_are_as_listed "markdown is listed, and"
        media_is_accepted_as_listed "is listed, and"
        captions_are_accepted_as_listed "a caption at its limit is listed, and"
        buttons_are_accepted_up_to_their_limits "at their limits is listed, and"
        lists_are_accepted_up_to_their_limits "at their limits is listed, and"
        contacts_are_accepted_up_to_their_limit "as many contact cards as listed is listed, and"
        e_mail_is_accepted_as_listed "as many recipients as listed is listed, and"
        yes_or_no_capabilities_are_as_listed "location is listed, and"
        quotes_are_as_listed "a quote is listed, and"
        other_kinds_of_messages_are_delivered "message 0 of another kind"
    }
    a_scope_changes: ScopeChanges in Both, sound Both {
        scopes_are_the_same_for_the_same_message "has other scopes the second time"
    }
    a_call_has_too_many_scopes: TooManyScopes in Both, sound Both {
        scopes_are_the_same_for_the_same_message "more than 8 scopes"
    }
    a_shared_scope_is_a_recipients: SharesRecipient in Both, sound Both {
        only_the_recipients_scope_follows_the_recipient "which of them names a person?"
    }
    all_recipients_are_one: OneRecipientForAll in Both, sound Both {
        only_the_recipients_scope_follows_the_recipient "two people are one recipient"
    }
    header_fields_that_steer_the_provider_may_be_set: OpensHeaders in Both, sound Both {
        e_mail_is_accepted_as_listed "list them in EmailRules::reserved_headers"
    }
    buttons_are_listed_and_dropped: DropsButtons in Both, sound Both {
        every_part_of_a_message_reaches_the_provider "lost its"
    }
    the_question_for_a_tenants_protection_panics: PanicsOverIdempotency in Both, sound Both {
        a_duplicate_after_a_crash_is_treated_as_the_tenants_protection_says "the call was answered"
    }
    a_warning_refuses_the_message: WarningRefuses in Both, sound Both {
        a_warning_is_reported_and_sent "a message with a warning must be sent"
    }
    a_message_is_refused_in_its_attempt: RefusesLate in Both, sound Both {
        an_error_refuses_before_any_claim "before it is claimed"
    }
    the_client_gets_more_time_than_there_is: IgnoresDeadline in Both, sound Both {
        the_client_gets_the_remaining_time "give its client the remaining time"
    }
}
