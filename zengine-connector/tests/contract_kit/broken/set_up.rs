//! Configuration: its schema, its secrets, and that it makes no call.

use super::broken;

broken! {
    configure_calls_the_provider: ConfigureCallsProvider in Both, sound Both {
        sample_tenants_bind "configure called the provider"
    }
    the_schema_forgets_a_field: SchemaForgetsField in OfForgetful, sound Out {
        sample_tenants_bind "does not fit its schema"
    }
    a_secret_is_a_text_like_any_other: SecretIsPlainText in OfPlain, sound Out {
        sample_tenants_bind "does not fit its schema"
    }
    the_schema_allows_what_is_not_read: SchemaTooWide in OfWide, sound Out {
        schema_and_type_agree_on_a_wrong_type "the schema says accepted, the type says refused"
    }
    a_misspelled_field_is_ignored: IgnoresUnknownFields in OfLenient, sound Out {
        an_unknown_field_is_refused_and_named "deny_unknown_fields"
    }
}
