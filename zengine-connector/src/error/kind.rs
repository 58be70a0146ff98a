//! The error kinds, and the table that gives each its fault, duration and poison.

use serde::{Deserialize, Serialize};

words! {
    /// The party at fault: the coarse class that retry and breaker decide on. Follows from [`ErrorKind`].
    ///
    /// Exhaustive by design: every stage matches on it without a catch-all.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum Fault {
        /// The provider or the link to it.
        Provider = "provider",
        /// The provider asks for less traffic.
        Throttled = "throttled",
        /// The message or its recipient.
        Domain = "domain",
        /// The tenant's set-up at the provider: credentials, permissions, account, configuration.
        Auth = "auth",
        /// This process or its stores: limiter, bulkhead, lost session race.
        Local = "local",
        /// The caller went away.
        Cancelled = "cancelled",
    }
}

/// The scope in which a retry is useless until the cause is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Poison {
    /// Nothing: a retry may succeed.
    Nothing,
    /// This message.
    Message,
    /// Every message of this tenant.
    Tenant,
    /// Every message to this provider.
    Provider,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $text:literal, $fault:ident, $lasting:ident, poisons $poison:ident;)*) => {
        /// The fine-grained class of an error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* $kind,)*
        }

        impl ErrorKind {
            /// Every kind, for tables and tests.
            pub const ALL: &[ErrorKind] = &[$(Self::$kind,)*];

            /// The kind in snake case, as written in logs and records.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $text,)* }
            }

            /// The party at fault for an error of this kind.
            pub const fn fault(self) -> Fault {
                match self { $(Self::$kind => Fault::$fault,)* }
            }

            /// Whether the same call may succeed later without any change.
            pub const fn is_temporary(self) -> bool {
                match self { $(Self::$kind => kinds!(@ $lasting),)* }
            }

            /// The scope in which a retry is useless until the cause is fixed.
            pub const fn poison(self) -> Poison {
                match self { $(Self::$kind => Poison::$poison,)* }
            }
        }
    };
    (@ temporary) => { true };
    (@ permanent) => { false };
}

kinds! {
    /// A local check failed: over a limit, a missing or unknown field.
    MessageInvalid = "message_invalid", Domain, permanent, poisons Message;
    /// The provider refused a parameter of the message.
    InvalidContent = "invalid_content", Domain, permanent, poisons Message;
    /// A template is absent, paused, or does not fit its parameters.
    Template = "template", Domain, permanent, poisons Message;
    /// Media could not be fetched, processed or accepted.
    Media = "media", Domain, permanent, poisons Message;
    /// The recipient is not on the channel or cannot be reached.
    InvalidRecipient = "invalid_recipient", Domain, permanent, poisons Message;
    /// The recipient cannot be reached for now: the mailbox is full, the phone is off. This send is over, and another one later may
    /// arrive.
    RecipientUnavailable = "recipient_unavailable", Domain, temporary, poisons Nothing;
    /// The recipient has opted out of messages.
    OptedOut = "opted_out", Domain, permanent, poisons Message;
    /// The window for free-form messages is closed.
    WindowClosed = "window_closed", Domain, permanent, poisons Message;
    /// Withheld by a policy of the provider: a per-user cap, an experiment.
    Policy = "policy", Domain, permanent, poisons Message;
    /// The conversation has ended.
    SessionClosed = "session_closed", Domain, permanent, poisons Message;
    /// The object already exists, or another caller changed it.
    Conflict = "conflict", Domain, permanent, poisons Message;

    /// Credentials were refused or have expired.
    Unauthorized = "unauthorized", Auth, permanent, poisons Tenant;
    /// The credentials cannot be renewed by a program: a person must sign up or log in again.
    ReauthorizationRequired = "reauthorization_required", Auth, permanent, poisons Tenant;
    /// A permission is missing.
    Forbidden = "forbidden", Auth, permanent, poisons Tenant;
    /// The account or number is not registered, restricted or locked.
    Account = "account", Auth, permanent, poisons Tenant;
    /// A payment is due.
    Billing = "billing", Auth, permanent, poisons Tenant;
    /// The provider says the set-up is wrong, or refuses without a code.
    Config = "config", Auth, permanent, poisons Tenant;
    /// The tenant's configuration does not fit its schema, or a secret it names does not resolve.
    ConfigInvalid = "config_invalid", Auth, permanent, poisons Tenant;

    /// Too many calls in a short time.
    RateLimited = "rate_limited", Throttled, temporary, poisons Nothing;
    /// A daily or monthly allowance is used up.
    Quota = "quota", Throttled, temporary, poisons Nothing;

    /// No connection, or the provider says it cannot serve.
    Unavailable = "unavailable", Provider, temporary, poisons Provider;
    /// No answer in time.
    Timeout = "timeout", Provider, temporary, poisons Provider;
    /// An answer that breaks the provider's own contract: success without an id, undecodable.
    Protocol = "protocol", Provider, temporary, poisons Provider;
    /// An answer that fits no other kind.
    Unexpected = "unexpected", Provider, temporary, poisons Provider;

    /// This side is busy: limiter, bulkhead, open breaker, lost session race.
    Busy = "busy", Local, temporary, poisons Nothing;
    /// The channel or the strategy does not support the operation.
    Unsupported = "unsupported", Local, permanent, poisons Message;
    /// The message got too old before it could be sent (rule 8) or, as the provider says, delivered.
    Expired = "expired", Local, permanent, poisons Message;
    /// The caller went away.
    Cancelled = "cancelled", Cancelled, temporary, poisons Nothing;

    /// No strategy is registered under that name.
    UnknownStrategy = "unknown_strategy", Local, permanent, poisons Message;
    /// The tenant has no configuration for that strategy.
    UnknownTenant = "unknown_tenant", Local, permanent, poisons Message;
    /// Another message already has this client message id (rule 23).
    Mismatch = "mismatch", Local, permanent, poisons Message;
    /// The send is settled but its dead letter could not be stored; nothing will be sent again (rule 68).
    DeadLetterFailed = "dead_letter_failed", Local, temporary, poisons Nothing;
    /// A store does not answer or is full.
    Store = "store", Local, temporary, poisons Nothing;
    /// A stored record is damaged or of a version this build does not know. A queue keeps its message
    /// ([`disposition`](crate::Error::disposition)).
    Corrupt = "corrupt", Local, permanent, poisons Message;
    /// The secret store does not answer.
    Secret = "secret", Local, temporary, poisons Nothing;
    /// A setting of the host is invalid; the error names the rule it breaks.
    Settings = "settings", Local, permanent, poisons Nothing;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_print_as_they_serialize() {
        for kind in ErrorKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn a_recipient_who_is_not_there_now_is_of_no_ones_doing() {
        let kind = ErrorKind::RecipientUnavailable;
        assert_eq!((kind.fault(), kind.is_temporary(), kind.poison()), (Fault::Domain, true, Poison::Nothing));
    }

    #[test]
    fn message_level_errors_never_point_at_the_provider() {
        for kind in ErrorKind::ALL.iter().filter(|k| k.poison() == Poison::Message) {
            assert_ne!(kind.fault(), Fault::Provider, "{kind:?}");
        }
    }
}
