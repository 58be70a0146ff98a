//! Authentication, refusals, and the tenant of an event.

use super::broken;

broken! {
    a_route_is_a_secret: RouteIsSecret in Both, sound Both {
        routes_hold_no_secret "a route of the kind url_token holds a secret"
    }
    a_route_holds_a_secret: RouteHoldsSecret in Both, sound Both {
        routes_hold_no_secret "a route of the kind url_token holds a secret"
    }
    a_route_of_the_sample_holds_a_secret: SampleRouteHoldsSecret in Both, sound Both {
        routes_hold_no_secret "a route of the kind hook holds a secret"
    }
    a_route_of_all_tenants_does_not_say_so: RouteOfAllTenants in Both, sound Both {
        routes_follow_from_the_configuration "a key of several tenants is `RouteKey::shared`"
    }
    a_route_is_a_hash_of_a_secret: RouteIsHashOfSecret in Hub, sound Hub {
        routes_hold_no_secret "changes with a secret"
    }
    a_route_leads_nowhere: RouteOfNoRequest in Both, sound Both {
        routes_follow_from_the_configuration "of the kind class follows from the configuration"
    }
    a_request_without_signature_is_let_in: MissingSignatureAccepted in Both, sound Both {
        a_missing_signature_is_refused "without header pigeon-signature was let in"
    }
    a_part_of_the_token_in_the_address_is_accepted: UrlTokenPrefix in Cards, sound Cards {
        another_credential_in_the_address_is_refused "was let in"
    }
    admit_drops_an_event_without_its_session: AdmitDropsWithoutSession in Cards, sound Cards {
        an_event_without_its_session_is_redelivered "acknowledged and lost"
    }
    only_the_first_reply_is_in_the_response: FirstReplyOnly in Cards, sound Cards {
        replies_are_in_the_response "does not hold all replies"
    }
    what_is_under_work_is_a_failure: PendingIsFailure in Cards, sound Cards {
        a_repeat_of_what_is_under_work_is_no_failure "answer Handled::pending with a success"
    }
    a_fingerprint_changes_with_each_delivery: FingerprintChanges in Cards, sound Cards {
        a_late_redelivery_is_recognised "the fingerprint of one event changes"
    }
    a_poll_begins_at_the_first_reply: PollsFromTheStart in Cards, sound Cards {
        late_replies_are_polled "the same replies again"
    }
    a_poll_needs_no_token: PollsUnchecked in Cards, sound Cards {
        a_poll_without_credentials_is_refused "was let in"
    }
    media_is_fetched_with_the_first_key: MediaWithFirstKey in Cards, sound Cards {
        media_arrives_whole "carries something of tenant 0"
    }
    a_refused_download_is_the_media: MediaErrorIsContent in Cards, sound Cards {
        media_that_cannot_be_fetched_is_an_error "counts as the media"
    }
    a_handle_is_an_address: MediaAnyAddress in Cards, sound Cards {
        an_odd_media_handle_leads_nowhere_else "sends a credential to"
    }
    every_record_is_a_new_event: RecordsAreNew in Cards, sound Cards {
        a_record_reaches_the_handler_once "each delivered twice"
    }
    any_source_is_trusted: TrustsAnySource in Cards, sound Cards {
        a_record_of_another_source_is_refused "is trusted"
    }
    any_signature_is_accepted: AnySignatureAccepted in Both, sound Both {
        a_wrong_secret_is_refused "was let in"
    }
    refusals_lock_the_sender_out: LocksOut in Both, sound Both {
        refusals_leave_no_state "a right request after wrong ones"
    }
    a_prefix_of_a_signature_is_accepted: SignaturePrefixAccepted in Both, sound Both {
        a_part_of_a_signature_is_refused "was let in"
    }
    the_algorithm_of_a_signature_is_ignored: SignatureSchemeIgnored in Both, sound Both {
        a_signature_of_another_form_is_refused "in another form"
    }
    a_signature_is_compared_without_regard_to_case: SignatureCaseIgnored in Hub, sound Hub {
        a_signature_of_another_form_is_refused "in another form"
    }
    without_the_secret_every_request_is_admitted: FailsOpenWithoutSecret in Hub, sound Hub {
        unavailable_secrets_admit_no_request "let in unverified"
    }
    without_the_secret_every_request_is_refused: OutageIsRefusal in Hub, sound Hub {
        unavailable_secrets_admit_no_request "a local failure"
    }
    a_record_of_any_queue_is_believed: TrustsAnyRecord in Hub, sound Hub {
        odd_requests_are_refused "reached the handler"
    }
    verify_sleeps: VerifySleeps in Both, sound Both {
        a_signed_message_reaches_the_handler "neither verify nor normalize may sleep"
        a_body_above_the_limit_is_refused "neither verify nor normalize may sleep"
    }
    a_part_of_the_handshakes_token_is_accepted: HandshakeTokenPrefix in Both, sound Both {
        a_handshake_with_a_part_of_the_token_is_refused "was let in"
    }
    white_space_around_the_body_is_not_signed: SignsTrimmed in Both, sound Both {
        changed_bytes_are_refused "changed after it was signed was let in"
        the_signature_is_checked_over_the_received_bytes "check the signature over the received bytes"
    }
    the_signature_is_checked_over_reserialized_json: SignsReserialized in Both, sound Both {
        the_signature_is_checked_over_the_received_bytes "check the signature over the received bytes"
        changed_bytes_are_refused "was let in"
    }
    a_refusal_holds_the_right_signature: OracleInBody in Both, sound Both {
        a_refusal_never_holds_the_right_signature "the refusal's body holds the right pigeon-signature"
    }
    a_header_of_a_refusal_holds_the_right_signature: OracleInHeader in Both, sound Both {
        a_refusal_never_holds_the_right_signature "a header of the refusal holds"
    }
    only_some_refusals_are_finished: FinishesSome in Both, sound Both {
        every_refusal_is_finished_alike "must treat every refusal alike"
    }
    finish_breaks_over_a_refusal: FinishPanics in Both, sound Both {
        every_refusal_is_finished_alike "inbound.finish_panicked"
    }
    finish_sets_the_length_of_the_body: FinishSetsLength in Both, sound Both {
        every_refusal_is_finished_alike "inbound.finish_refused"
    }
    a_log_line_holds_the_right_signature: OracleInLog in Both, sound Both {
        a_refusal_never_holds_the_right_signature "a log line holds"
    }
    a_signed_time_is_ignored: StaleAccepted in Both, sound Both {
        a_stale_signature_is_refused "a day old was let in"
    }
    a_redelivery_is_refused_as_a_replay: RefusesRedelivery in Both, sound Both {
        a_redelivery_runs_no_handler_twice "a redelivery was answered with 403"
    }
    only_the_newest_secret_is_accepted: OnlyNewestSecret in Hub, sound Hub {
        both_secrets_of_a_rotation_are_accepted "by the old secret was answered with 401"
    }
    a_handshake_with_any_token_is_answered: HandshakeAnyToken in Both, sound Both {
        a_handshake_with_a_wrong_token_is_refused "was let in"
    }
    a_handshake_is_answered_with_a_page: HandshakeAsHtml in Both, sound Both {
        a_handshake_is_answered "text/html"
    }
    verify_calls_the_provider: VerifyCallsProvider in Both, sound Both {
        a_missing_signature_is_refused "the provider was called"
    }
    a_request_to_an_unknown_address_is_delivered: UnknownGoesToLast in Both, sound Both {
        an_unknown_address_reaches_no_handler "reached the handler of"
    }
    the_first_tenants_secret_is_accepted_for_all: CachesFirstWebhookSecret in Both, sound Both {
        another_tenants_signature_is_refused "with the signature of tenant 0 was let in"
        each_tenant_gets_its_own_events "after one to another tenant"
    }
    the_body_chooses_the_tenant: TenantFromBody in Both, sound Both {
        a_body_does_not_choose_the_tenant "made an event of tenant 1 by naming it in the body"
    }
    every_tenant_gets_every_event: FansOut in Hub, sound Hub {
        each_tenant_gets_its_own_events "only those"
        a_mixed_body_is_split_by_tenant "only those"
    }
    every_event_goes_to_the_first_tenant: FirstRouteForAll in Hub, sound Hub {
        each_tenant_gets_its_own_events "only those"
        a_mixed_body_is_split_by_tenant "only those"
    }
    the_answer_repeats_the_request: EchoesBody in Both, sound Both {
        a_signed_message_reaches_the_handler "the answer's"
    }
    a_log_line_holds_the_text: TextInLog in Both, sound Both {
        a_signed_message_reaches_the_handler "a log line prints"
    }
    a_log_line_holds_the_sender: SenderInLog in Both, sound Both {
        a_signed_message_reaches_the_handler "a log line prints"
    }
}
