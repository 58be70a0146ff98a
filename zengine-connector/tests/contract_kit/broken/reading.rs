//! Elements of a body: their events and deduplication.

use super::broken;

broken! {
    only_the_first_element_is_read: FirstOnly in Both, sound Both {
        every_element_of_a_batch_arrives "of 100 elements in one request 1 became events"
    }
    elements_come_out_in_another_order: Reversed in Both, sound Both {
        a_batch_keeps_its_order "another order"
    }
    one_bad_element_loses_the_batch: BadElementKillsBatch in Both, sound Both {
        a_bad_element_does_not_affect_its_neighbours "the bad one affected its neighbours"
    }
    a_bad_element_is_left_out: BadElementDropped in Both, sound Both {
        a_bad_element_does_not_affect_its_neighbours "must be one dead letter, there are 0"
        every_bad_element_is_kept "of three unreadable elements 0 were kept"
    }
    a_bad_element_brings_the_batch_back_for_days: BadElementRefused in Both, sound Both {
        a_bad_element_does_not_affect_its_neighbours "deliver all of it again and again"
    }
    the_bytes_of_a_bad_element_are_lost: BadElementLosesBytes in Both, sound Both {
        a_bad_element_does_not_affect_its_neighbours "the bytes of an unreadable element are lost"
        a_signed_body_that_cannot_be_read_is_kept "the bytes are lost"
    }
    the_path_of_a_bad_element_leads_elsewhere: BadElementWrongPath in Both, sound Both {
        a_bad_element_does_not_affect_its_neighbours "leads to another element"
    }
    a_body_that_cannot_be_read_is_lost: GarbageLost in Both, sound Both {
        a_signed_body_that_cannot_be_read_is_kept "acknowledged and lost"
    }
    a_body_that_cannot_be_read_comes_back_for_days: GarbageRefused in Both, sound Both {
        a_signed_body_that_cannot_be_read_is_kept "deliver it for days"
    }
    unknown_types_are_left_out: UnknownDropped in Both, sound Both {
        unknown_types_become_events "gave 0 events"
    }
    unknown_types_are_errors: UnknownIsError in Both, sound Both {
        unknown_types_become_events "became an element error"
    }
    unknown_fields_are_errors: UnknownFieldIsError in Both, sound Both {
        unknown_fields_are_ignored_and_kept "ignore unknown fields"
    }
    the_bytes_are_reserialized: RawReserialized in Both, sound Both {
        raw_is_the_exact_slice "the JSON was reserialized"
        unknown_fields_are_ignored_and_kept "not spelled as received"
    }
    the_bytes_are_the_whole_body: RawIsWholeBody in Both, sound Both {
        raw_is_the_exact_slice "raw holds a neighbour too"
    }
    odd_json_breaks_it: PanicsOnOddJson in Both, sound Both {
        other_json_does_not_panic "normalize panicked"
        deep_nesting_does_not_panic "normalize panicked"
        values_of_other_types_do_not_panic "normalize panicked"
        broken_bodies_never_panic "normalize panicked"
    }
    a_time_far_away_breaks_it: OverflowsTime in Both, sound Both {
        huge_numbers_do_not_panic "normalize panicked"
    }
    every_failure_is_final: FailuresAreFinal in Both, sound Both {
        failures_say_whether_they_are_final "Failure::permanent"
    }
    a_suppression_is_dropped: SuppressionDropped in Both, sound Both {
        failures_say_whether_they_are_final "Failure::suppressed"
    }
    a_choice_is_its_label: TitleInsteadOfId in Both, sound Both {
        a_choice_keeps_its_id "a tapped button became text"
    }
    reactions_are_left_out: ReactionsDropped in Both, sound Both {
        a_reaction_arrives "a reaction gave 0 events"
    }
    contacts_orders_and_forms_are_left_out: CardsDropped in Both, sound Both {
        a_contact_arrives "a contact card gave 0 events"
        an_order_arrives "an order gave 0 events"
        a_form_arrives "a form gave 0 events"
    }
    every_sender_must_have_a_phone_number: NeedsPhone in Both, sound Both {
        a_person_without_a_phone_number_arrives "without a phone number gave 0 events"
    }
    a_long_text_is_cut_in_the_middle_of_an_emoji: CutsInboundText in Both, sound Both {
        text_arrives_unchanged "arrived changed"
    }
    space_around_a_text_is_cut_off: TrimsInboundText in Both, sound Both {
        text_arrives_unchanged "arrived changed"
    }
    the_sender_is_missing: MissingSender in Both, sound Both {
        a_signed_message_reaches_the_handler "no reply is possible"
    }
    every_sender_is_the_first_one: FirstSenderForAll in Both, sound Both {
        two_senders_are_kept_apart "two senders have the same identity"
        normalize_is_pure "by a fresh instance"
    }
    all_senders_share_one_conversation: OneConversation in Both, sound Both {
        two_senders_are_kept_apart "two senders share a conversation"
    }
    the_providers_ids_are_dropped: NoProviderIds in Both, sound Both {
        an_event_is_stamped "RoutedEvent::provider_ids is empty"
        inbound_pairs_are_as_expected "letters at /0/provider_ids"
    }
    the_key_that_the_provider_echoes_is_dropped: EchoedKeyDropped in Both, sound Both {
        statuses_name_our_message "RoutedEvent::reference"
    }
    statuses_have_the_time_of_the_message: StatusHasSendTime in Both, sound Both {
        statuses_have_their_own_time "the time at which the message was sent"
    }
    seconds_are_taken_for_milliseconds: SecondsAsMillis in Both, sound Both {
        an_event_is_stamped "not the provider's time in milliseconds"
    }
    all_statuses_of_a_message_are_one_event: StatusDedupByTarget in Both, sound Both {
        statuses_in_any_order_merge_to_the_furthest_state "3 statuses of one message became 1 events"
    }
    a_late_sent_overwrites_delivered: EverythingIsSent in Both, sound Both {
        statuses_in_any_order_merge_to_the_furthest_state "another state than the provider reported"
    }
    only_the_first_recipient_is_reported: OnlyFirstRecipient in Both, sound Both {
        statuses_name_every_recipient "recipient no. 1 was left out"
    }
    every_delivery_is_a_new_event: FreshDedupKey in Both, sound Both {
        a_redelivery_runs_no_handler_twice "its handler ran 2 times"
        a_redelivered_batch_runs_no_handler_twice "6 handled"
        normalize_is_pure "normalize must depend on its payload alone"
    }
    every_process_has_keys_of_its_own: DedupByProcess in Both, sound Both {
        a_late_redelivery_is_recognised "changes with time or process"
    }
    the_place_in_the_batch_is_the_dedup_key: DedupByPosition in Both, sound Both {
        an_event_is_recognised_in_another_batch "must not depend on place or batch"
        messages_with_equal_text_are_different "must hold the provider's id"
    }
    the_text_is_the_dedup_key: DedupByText in Both, sound Both {
        messages_with_equal_text_are_different "two messages with equal text were handled 1 times"
    }
    a_normalized_event_is_never_normalized_again: ForgetsUnstored in Both, sound Both {
        an_event_that_was_not_stored_is_redelivered "may remember it as done"
        an_event_is_redelivered_until_it_is_stored "the event is lost"
        normalize_is_pure "a second time"
        equal_ids_of_two_tenants_are_two_events "at two tenants is two events"
    }
    admit_drops_events_it_has_seen: AdmitDropsSecond in Both, sound Both {
        an_event_that_was_not_stored_is_redelivered "may remember it as done"
        an_event_is_redelivered_until_it_is_stored "the event is lost"
    }
}
