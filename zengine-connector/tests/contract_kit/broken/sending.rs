//! What becomes of a message: the class of an error, one effect, whose key, what is printed.

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
    the_hint_when_to_come_back_is_dropped: IgnoresRetryAfter in Both, sound Both {
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
        every_row_of_the_error_table_is_kept "taken for success"
    }
    an_answer_without_an_id_is_success: AcceptsWithoutId in Both, sound Both {
        success_without_an_id_may_have_been_sent "taken for success"
        garbage_may_have_been_sent "taken for success"
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
}
