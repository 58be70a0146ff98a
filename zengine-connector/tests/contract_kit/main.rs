//! Tests of the contract kit on sound strategies and on strategies with one flaw each.
//!
//! `sound` runs every case over five sound strategies; `broken` runs, for each fault, the case that must catch it.
//! A fault is a [`flaw::Flaw`] of one strategy, Pigeon Post; `broken::every_fault_has_a_test` checks that each has a test.
//!
//! Faults found in other systems, and the flaws that cover them:
//!
//! | fault | caught by, or why it cannot be |
//! |---|---|
//! | only the first item of a batch is dispatched | `FirstOnly` |
//! | one bad element makes the batch ignored, or refused for days | `BadElementKillsBatch`, `BadElementDropped`, `BadElementRefused` |
//! | a parse failure answered with 200 is lost; answered with 4xx it comes back for days | `GarbageLost`, `GarbageRefused` |
//! | a 401 that holds the expected signature | `OracleInBody`, `OracleInHeader`, `OracleInLog` |
//! | signatures compared with `!=` | the time cannot be seen from outside; comparisons that end early or are lenient can: `SignaturePrefixAccepted`, `SignatureCaseIgnored`. `verify::HmacSha256` compares in constant time |
//! | the signature checked over reserialized JSON | `SignsReserialized`, `SignsTrimmed` |
//! | an SNS certificate from any amazonaws subdomain | belongs to the strategies over SNS, whose `verify` fetches certificates; here `verify` may make no call: `VerifyCallsProvider` |
//! | a verified timestamp without a window of freshness | `StaleAccepted` |
//! | a late `sent` overwrites `delivered` | `EverythingIsSent`, `StatusDedupByTarget`; order itself is `merge`, which every host calls |
//! | a bad recipient marks a healthy provider as dead | `BadRecipientBlamesProvider` |
//! | failover blind to the class of an error | there is no failover; retry and breaker decide by the fault, which is wrong in `ThrottleIsDomain`, `AuthBlamesProvider` |
//! | text split in the middle of a character | out: `SplitsText`, `CutsText`; in: `CutsInboundText` |
//! | an interactive reply reduced to its title | `TitleInsteadOfId` |
//! | reactions, contacts, orders, form replies dropped | `ReactionsDropped`, `CardsDropped` |
//! | a person assumed to have a phone number | `NeedsPhone` |
//! | the send time as the time of every later event | `StatusHasSendTime` |
//! | only the first recipient of an event reported | `OnlyFirstRecipient` |
//! | a health check that sends | `HealthcheckSends` |
//! | a secret printed by `Serialize` | `Secret` has no `Serialize`: its documentation does not compile otherwise. As a plain text it does not bind: `SecretIsPlainText`; in what is kept of an answer: `SecretInReceipt` |
//! | a registry that is silently empty | `design::a_registry_is_never_silently_empty` |
//! | success said before everything is stored | `design::success_before_everything_is_stored_is_not_said` |
//! | a body without bound | the host looks at the size before any strategy: `a_body_above_the_limit_is_refused` |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod broken;
mod design;
mod desk;
mod fixture;
mod flaw;
mod pigeon;
mod sound;
