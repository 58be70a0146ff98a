//! Configuration: its schema, its secrets, and that it makes no call.

use super::broken;

broken! {
    configure_calls_the_provider: ConfigureCallsProvider in Both, sound Both {
        sample_tenants_bind "configure called the provider"
        configure_makes_no_call "configure called the provider"
        the_same_id_sends_once_across_a_restart "the second process called the provider"
    }
    the_constructor_calls_the_provider: NewCallsProvider in Both, sound Both {
        an_unreadable_secret_fails_fast "a request left"
        a_secret_store_that_is_down_fails_fast "a request left"
        a_plain_text_secret_is_refused "a request left"
        an_unknown_tenant_is_refused "a request left"
    }
    the_schema_forgets_a_field: SchemaForgetsField in OfForgetful, sound Out {
        sample_tenants_bind "does not fit its schema"
        sample_configurations_fit_schema_and_type "the schema refuses the configuration"
    }
    a_secret_is_a_text_like_any_other: SecretIsPlainText in OfPlain, sound Out {
        sample_tenants_bind "does not fit its schema"
        a_missing_secret_fails_fast "does not name the secret"
    }
    the_schema_demands_more: SchemaDemandsMore in OfDemanding, sound Out {
        a_missing_field_is_named "is not named"
    }
    the_schema_allows_what_is_not_read: SchemaTooWide in OfWide, sound Out {
        schema_and_type_agree_on_a_wrong_type "the schema says accepted, the type says refused"
        schema_and_type_agree_on_null "the schema says accepted, the type says refused"
        schema_and_type_agree_on_a_removed_field "the schema says accepted, the type says refused"
    }
    a_misspelled_field_is_ignored: IgnoresUnknownFields in OfLenient, sound Out {
        an_unknown_field_is_refused_and_named "deny_unknown_fields"
    }
    fields_have_no_description: SchemaUndescribed in OfUndescribed, sound Out {
        the_descriptor_is_complete "without a doc comment: /properties/loft"
    }
    anything_is_a_configuration: AnyConfig in OfAny, sound Out {
        a_configuration_that_is_no_object_is_refused "is accepted as a configuration"
    }
    ranges_are_not_checked: SkipsChecks in Both, sound Both {
        configure_refuses_what_the_schema_refuses "the schema refuses it, and configure accepts it"
    }
    anything_is_a_message: AnyMessage in OfAnything, sound Out {
        a_malformed_message_is_not_repeated "is accepted as a message"
    }
    all_sample_tenants_are_the_same: SameTenants in Both, sound Both {
        sample_tenants_differ "are the same"
    }
    sample_messages_hold_words_of_their_own: OwnWords in Both, sound Both {
        sample_messages_hold_sample_words "holds no word of its Sample"
    }
}
