//! Sends: the class of an error, one effect, credentials, what is printed.

use super::broken;

broken! {
    a_server_error_is_said_to_have_sent_nothing: ServerErrorNotSent in Both, sound Both {
        a_5xx_may_have_been_sent "the reach must be one of [Maybe], and is NotSent"
    }
    a_timeout_is_said_to_have_sent_nothing: TimeoutNotSent in Both, sound Both {
        a_hang_may_have_been_sent "the reach must be one of [Maybe], and is NotSent"
        a_hang_after_accepting_may_have_been_sent "the reach must be one of [Maybe], and is NotSent"
    }
    a_broken_connection_is_said_to_have_sent_nothing: BrokenNotSent in Both, sound Both {
        a_reset_may_have_been_sent "the reach must be one of [Maybe], and is NotSent"
        a_cut_body_may_have_been_sent "the reach must be one of [Maybe], and is NotSent"
    }
    a_refused_connection_is_said_to_have_sent_something: RefusedConnectionMaybe in Out, sound Out {
        a_refused_connection_was_not_sent "the reach must be one of [NotSent], and is Maybe"
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
    }
    an_odd_answer_breaks_it: PanicsOnOddAnswer in Both, sound Both {
        garbage_may_have_been_sent "the strategy panicked"
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
    }
    a_log_line_holds_the_key: SecretInLog in Both, sound Both {
        sends_a_message_and_returns_the_provider_id "a log line prints"
    }
    a_panic_holds_the_key: SecretInPanic in Both, sound Both {
        an_attempt_succeeds_for_every_tenant "a panic of the strategy prints"
    }
    a_log_line_holds_the_recipient: RecipientInLog in Both, sound Both {
        sends_a_message_and_returns_the_provider_id "a log line prints"
    }
    it_waits_inside_an_attempt: SleepsInsideSend in Both, sound Both {
        an_attempt_neither_waits_nor_repeats "the attempt slept"
    }
    the_idempotency_key_is_not_sent: KeyNotSent in Both, sound Both {
        the_key_is_the_same_in_every_attempt "no key reaches it"
    }
    every_attempt_has_a_key_of_its_own: KeyPerAttempt in Both, sound Both {
        the_key_is_the_same_in_every_attempt "key"
    }
    the_first_tenants_key_is_used_for_all: CachesFirstKey in Both, sound Both {
        requests_carry_their_own_tenants_credentials "carries something of tenant 0"
        a_rotated_secret_takes_effect "an old secret is still used"
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
        text_is_accepted_up_to_its_limit "text over its limit"
    }
    buttons_are_listed_and_dropped: DropsButtons in Both, sound Both {
        every_part_of_a_message_reaches_the_provider "lost its"
    }
    the_client_gets_more_time_than_there_is: IgnoresDeadline in Both, sound Both {
        the_client_gets_the_remaining_time "give its client the remaining time"
    }
}
