//! The codes, as data (Meta's page of error codes, and the pages of groups, calls, flows, usernames and marketing messages).
//!
//! Some kinds differ from what the first word of the page suggests:
//! - 131048 and 131064 limit a number for bad quality, for hours. A throttle would be retried automatically; `Account` stops
//!   and requires a check of the number.
//! - 130497 and 131207 restrict one country and one group: the recipient's fault here, not the whole account's.
//! - 134101 is a template that still syncs: safe to send again after ten minutes, which only a throttle of this one
//!   message expresses.

use zengine_connector::{ErrorKind as Kind, Reach, error::Scope};

use super::{Class, Wait};

/// Codes from `first` to `last`, and their meaning.
pub(super) struct Row {
    first: i64,
    last: i64,
    class: Class,
}

/// The meaning of a code, if it is known.
pub(super) fn find(code: i64) -> Option<Class> {
    // Finer rows stand before the ranges that hold them.
    TABLE.iter().find(|row| (row.first..=row.last).contains(&code)).map(|row| row.class)
}

/// The provider processed it and refused.
const fn refused(code: i64, kind: Kind, what: &'static str) -> Row {
    row(code, kind, Reach::Processed, what)
}

/// The provider may have acted on it.
const fn maybe(code: i64, what: &'static str) -> Row {
    row(code, Kind::Unavailable, Reach::Maybe, what)
}

/// A limit whose refusal is documented as not accepted.
const fn limit(code: i64, what: &'static str) -> Row {
    row(code, Kind::RateLimited, Reach::NotSent, what)
}

/// A limit that is not documented to mean that the send was not accepted.
const fn other_limit(code: i64, what: &'static str) -> Row {
    row(code, Kind::RateLimited, Reach::Processed, what)
}

const fn row(code: i64, kind: Kind, reach: Reach, what: &'static str) -> Row {
    Row { first: code, last: code, class: Class { kind, reach, scope: None, wait: None, what } }
}

impl Row {
    const fn to(mut self, last: i64) -> Self {
        self.last = last;
        self
    }

    const fn scope(mut self, scope: Scope) -> Self {
        self.class.scope = Some(scope);
        self
    }

    const fn wait(mut self, wait: Wait) -> Self {
        self.class.wait = Some(wait);
        self
    }
}

/// Code 1, 100 with subcode 33, and 190 are decided in `classify`: they need more than the code. 2388xxx are mostly subcodes of 100.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    // Who we are and what we may do.
    refused(0, Kind::Unauthorized, "the app user could not be authenticated"),
    refused(102, Kind::Unauthorized, "the session is not valid"),
    refused(104, Kind::Unauthorized, "the signature or proof of the call is wrong"),
    refused(3, Kind::Forbidden, "the app lacks a capability or permission"),
    refused(10, Kind::Forbidden, "a permission is missing or was removed"),
    refused(200, Kind::Forbidden, "the API permission is missing").to(299),
    refused(131_005, Kind::Forbidden, "access denied"),
    refused(139_200, Kind::Forbidden, "direct send is blocked for this account"),
    refused(2_494_191, Kind::Forbidden, "the thread cannot be taken"),

    // Limits.
    limit(4, "the app calls too often").scope(Scope::Account).wait(Wait::Usage),
    limit(80_007, "the WhatsApp account calls too often").scope(Scope::Account).wait(Wait::Usage),
    limit(130_429, "the number sends too fast").scope(Scope::Sender),
    limit(131_056, "too many messages from this number to this recipient").scope(Scope::Recipient).wait(Wait::Pair),
    limit(132_069, "the flow is throttled").wait(Wait::Seconds(3600)),
    limit(134_101, "the template is still syncing").wait(Wait::Seconds(600)),
    other_limit(17, "the user calls too often").scope(Scope::Account),
    other_limit(32, "the page calls too often").scope(Scope::Account),
    other_limit(341, "the application calls too often").scope(Scope::Account),
    other_limit(613, "a custom limit is reached").scope(Scope::Account),
    other_limit(80_008, "too many management calls for the WhatsApp account").scope(Scope::Account).wait(Wait::Usage),
    other_limit(131_208, "too many group operations"),
    refused(133_016, Kind::Quota, "the number was registered or deregistered too often").wait(Wait::Seconds(72 * 3600)),
    other_limit(133_008, "the PIN was wrong too often"),
    other_limit(133_009, "PINs were tried too fast"),
    other_limit(138_005, "too many calls"),
    other_limit(138_009, "too many call permission requests"),
    other_limit(138_012, "too many calls in a day"),

    // The provider itself.
    maybe(2, "the provider is down or overloaded"),
    maybe(131_000, "something went wrong at the provider"),
    maybe(131_016, "the service is not available"),
    maybe(133_004, "the server is down for the moment"),
    maybe(139_102, "the block list is being changed by another call"),
    maybe(139_103, "the block list failed"),
    maybe(2_494_100, "the number is in maintenance"),
    row(131_057, Kind::Unavailable, Reach::NotSent, "the number is in maintenance").wait(Wait::Seconds(60)),
    row(133_015, Kind::Unavailable, Reach::Processed, "the number was deleted a moment ago").wait(Wait::Seconds(300)),

    // The account and the number.
    refused(33, Kind::Config, "the phone number id is unknown or was deleted"),
    refused(368, Kind::Account, "blocked for a time because of policy"),
    refused(131_031, Kind::Account, "the account is locked"),
    refused(131_037, Kind::Account, "the display name is not approved"),
    refused(131_045, Kind::Account, "the number is not registered properly"),
    refused(131_048, Kind::Account, "the number is limited because of quality"),
    refused(131_064, Kind::Account, "the messaging limit was cut because of template violations"),
    refused(133_000, Kind::Account, "an earlier deregistration is not complete"),
    refused(133_006, Kind::Account, "the number must be verified again"),
    refused(133_007, Kind::Account, "the account is blocked"),
    refused(133_010, Kind::Account, "the number is not registered"),
    refused(136_024, Kind::Account, "the number is verified already"),
    refused(131_042, Kind::Billing, "a payment is due or not possible"),
    refused(131_044, Kind::Billing, "a payment for calls is due"),
    refused(134_011, Kind::Billing, "the terms of payments are not accepted"),

    // The recipient.
    refused(1026, Kind::InvalidRecipient, "the recipient cannot receive this"),
    refused(130_403, Kind::InvalidRecipient, "the recipient is on the block list"),
    refused(131_002, Kind::InvalidRecipient, "the type of the recipient is not valid"),
    refused(130_497, Kind::InvalidRecipient, "the business may not write to this country"),
    refused(131_020, Kind::InvalidRecipient, "the group has no other member"),
    refused(131_021, Kind::InvalidRecipient, "the sender cannot be the recipient"),
    refused(131_026, Kind::InvalidRecipient, "the message cannot be delivered to this recipient"),
    refused(131_030, Kind::InvalidRecipient, "the recipient is not on the test number's list"),
    refused(131_041, Kind::InvalidRecipient, "the group is unknown"),
    refused(131_207, Kind::InvalidRecipient, "the group is suspended"),
    refused(137_000, Kind::InvalidRecipient, "the recipient's identity has changed"),
    refused(131_050, Kind::OptedOut, "the recipient stopped marketing messages"),
    refused(131_047, Kind::WindowClosed, "more than 24 hours since the recipient's last message"),
    refused(470, Kind::WindowClosed, "more than 24 hours since the recipient's last message"),
    refused(130_472, Kind::Policy, "withheld: the recipient is in an experiment"),
    refused(131_049, Kind::Policy, "withheld: the recipient got enough marketing messages").wait(Wait::Seconds(24 * 3600)),
    refused(2_593_109, Kind::Policy, "the user declined to share the history"),

    // The message.
    refused(131_043, Kind::Expired, "the message expired before it could be delivered"),
    refused(100, Kind::InvalidContent, "a parameter is not valid"),
    refused(506, Kind::Conflict, "the same post again"),
    refused(130_501, Kind::InvalidContent, "groups do not take this type of message"),
    refused(131_001, Kind::InvalidContent, "the message is too long"),
    refused(131_006, Kind::InvalidContent, "the resource was not found"),
    refused(131_008, Kind::InvalidContent, "a required parameter is missing"),
    refused(131_009, Kind::InvalidContent, "the value of a parameter is not valid"),
    refused(131_051, Kind::InvalidContent, "the type of message is not supported"),
    refused(131_055, Kind::InvalidContent, "the method is not allowed"),
    refused(131_059, Kind::InvalidContent, "the cursor is not valid"),
    refused(131_060, Kind::Unsupported, "only the phone app shows this message"),
    refused(131_062, Kind::InvalidContent, "this message needs a phone number, not a business-scoped id"),
    refused(131_201, Kind::InvalidContent, "the group operation succeeded in part"),
    refused(131_202, Kind::InvalidContent, "the group operation is not valid"),
    refused(131_204, Kind::InvalidContent, "the group operation is not valid"),
    refused(131_209, Kind::InvalidContent, "the group operation is not valid").to(131_215),
    refused(133_001, Kind::InvalidContent, "the backup or token for registering cannot be decrypted").to(133_003),
    refused(133_005, Kind::InvalidContent, "the PIN is wrong"),
    refused(135_000, Kind::InvalidContent, "the request's parameters are not valid"),
    refused(136_025, Kind::InvalidContent, "the number could not be verified"),
    refused(138_000, Kind::InvalidContent, "the call is not valid").to(138_999),
    refused(139_000, Kind::InvalidContent, "the flow cannot be changed so").to(139_004),
    refused(139_100, Kind::InvalidContent, "the block list could not be changed, or only in part").to(139_101),
    refused(147_001, Kind::InvalidContent, "the username is not valid").to(147_005),
    refused(2_593_107, Kind::InvalidContent, "the history was synchronised already"),
    refused(2_593_108, Kind::InvalidContent, "the time to synchronise the history is over"),
    refused(1_752_041, Kind::Conflict, "onboarding was asked for already"),
    refused(131_014, Kind::Media, "the address of the media could not be fetched"),
    refused(131_052, Kind::Media, "the media could not be downloaded"),
    refused(131_053, Kind::Media, "the media could not be uploaded or processed"),

    // The template.
    refused(131_063, Kind::Template, "marketing templates need the Marketing Messages API"),
    refused(132_000, Kind::Template, "the number of template parameters is wrong"),
    refused(132_001, Kind::Template, "no approved template of this name and language"),
    refused(132_005, Kind::Template, "the filled template is too long"),
    refused(132_007, Kind::Template, "the template breaks a format or policy rule"),
    refused(132_008, Kind::Template, "the value of a template parameter is not valid"),
    refused(132_012, Kind::Template, "the format of a template parameter is wrong"),
    refused(132_015, Kind::Template, "the template is paused"),
    refused(132_016, Kind::Template, "the template is disabled"),
    refused(132_018, Kind::Template, "the template parameters are not valid"),
    refused(132_068, Kind::Template, "the flow is blocked"),
    refused(134_100, Kind::Template, "only marketing templates are allowed here"),
    refused(134_102, Kind::Template, "the template or account cannot be used"),
    // What 2388xxx says of a number and not of a template.
    refused(2_388_001, Kind::Conflict, "the number belongs to another WhatsApp account"),
    other_limit(2_388_004, "no code can be sent for the moment"),
    refused(2_388_012, Kind::Conflict, "the number is in this account already"),
    other_limit(2_388_091, "the number cannot get a code now").wait(Wait::Seconds(3600)),
    refused(2_388_093, Kind::InvalidContent, "a parameter is not valid"),
    refused(2_388_103, Kind::Account, "the number cannot be moved"),
    refused(2_388_000, Kind::Template, "the template is not valid or cannot be changed").to(2_388_999),
];
