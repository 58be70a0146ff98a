//! Conversations at the provider.

use super::broken;

broken! {
    the_serial_number_is_counted_here: CountsSequence in Desk, sound Desk {
        sender_and_sequence_are_those_of_the_event "take both from the provider's event"
    }
    serial_numbers_fall: SequenceFalls in Desk, sound Desk {
        sequences_rise_within_a_life "has no higher sequence"
    }
    a_start_is_raised_for_every_message: RaisesEachTime in Desk, sound Desk {
        a_raised_change_is_published_once "was raised as several events"
    }
    a_raised_start_names_no_customer: RaisesWithoutCustomer in Desk, sound Desk {
        a_raised_change_is_published_once "does not name its customer"
    }
    every_send_opens_a_conversation: OpensForEach in Desk, sound Desk {
        an_open_race_is_one_conversation "six messages to one customer opened"
    }
    the_turn_ends_before_the_send: LeavesBeforeSend in Desk, sound Desk {
        messages_that_wait_keep_their_order "changed their order"
    }
    a_failed_opening_is_said_of_the_message: OpeningFailsMessage in Desk, sound Desk {
        an_opening_that_fails_loses_nothing "which is said of the message"
    }
    a_lost_race_is_a_refusal: LostRaceIsRefusal in Desk, sound Desk {
        a_lost_race_is_deferred "is not deferred"
    }
    a_conversation_that_is_gone_is_kept: NeverReopens in Desk, sound Desk {
        expiry_in_the_middle_of_a_send_reopens_once "was not sent in a new one"
    }
    a_conversation_that_was_ended_is_kept: KeepsEnded in Desk, sound Desk {
        a_send_after_the_end_begins_a_new_conversation "is used again"
    }
    a_late_event_is_dropped: DropsLate in Desk, sound Desk {
        a_late_event_of_an_ended_conversation_is_routed "is lost"
    }
    a_foreign_conversation_is_taken: TakesForeign in Desk, sound Desk {
        an_event_of_a_foreign_conversation_is_ignored "reached the handler"
    }
    a_lock_has_no_end: LocksForGood in Desk, sound Desk {
        a_crash_between_calls_resumes_or_gives_up "blocks the customer for good"
    }
    a_log_line_holds_the_conversations_token: TokenInConversationLog in Desk, sound Desk {
        tokens_of_conversations_are_never_printed "a log line prints"
    }
}
