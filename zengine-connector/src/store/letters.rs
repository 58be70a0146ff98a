//! Ids and bodies of dead letters. Ids are derived, so that the same failure is the same letter; bodies are encrypted.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Attempts, ClaimKey, DeadLetter, LetterDirection, Life, StepRecord, cbor::Unread};
use crate::{
    error::{Error, ErrorKind, ProviderDetails, Step},
    hex::hex,
    ids::{FailureId, StrategyName, TenantId},
    keyring::{self, KeyRing},
    message::Idempotency,
    runtime::Rng,
};

impl FailureId {
    /// The id of a send's failure, one per life of the send (rule 66).
    pub(crate) fn of_send(key: &ClaimKey, life: Life) -> Self {
        let Life { first_claimed_at_ms, generation } = life;
        Self::derive('f', &[key.as_str().as_bytes(), &first_claimed_at_ms.to_be_bytes(), &generation.to_be_bytes()])
    }

    /// The id of an inbound event or element that can never be handled.
    pub(crate) fn of_poison(key: &ClaimKey) -> Self {
        Self::derive('p', &[key.as_str().as_bytes()])
    }

    fn derive(prefix: char, parts: &[&[u8]]) -> Self {
        Self::of_hash(prefix, &Sha256::digest(keyring::framed(parts)))
    }
}

/// The encrypted part of a letter about the attempt that ended its send.
#[derive(Serialize, Deserialize)]
struct LetterDetails {
    #[serde(flatten)]
    words: ProviderDetails,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Step>,
}

impl DeadLetter {
    /// Placeholder tenant of an inbound event without a tenant. Do not use it as a tenant id: its letters could not be distinguished
    /// in a list.
    pub const NO_TENANT: &str = "(none)";

    /// A letter's tenant for a log line: `None` for the placeholder.
    pub(crate) fn known_tenant(tenant: &TenantId) -> Option<&str> {
        Some(tenant.as_str()).filter(|tenant| *tenant != Self::NO_TENANT)
    }

    /// A letter without a body. Set what is known, then [`seal`](Self::seal) it.
    pub(crate) fn new(
        direction: LetterDirection,
        (tenant, strategy, failure_id): (&TenantId, &StrategyName, FailureId),
        outcome: &str,
        at_ms: i64,
    ) -> Self {
        Self {
            v: Self::VERSION,
            direction,
            failure_id,
            tenant: tenant.clone(),
            strategy: strategy.clone(),
            client_message_id: None,
            generation: 0,
            key_generation: 0,
            fingerprint: None,
            body: Bytes::new(),
            outcome: outcome.to_owned(),
            redrivable: false,
            attempts: Attempts::new(),
            first_error: None,
            last_error: None,
            trace: vec![],
            redrive_count: 0,
            first_claimed_at_ms: None,
            first_sent_at_ms: None,
            last_attempt_at_ms: None,
            provider_key: None,
            at_ms,
            provider_details: Bytes::new(),
            content_not_sent: false,
            idempotency: None,
            unread: Unread::default(),
        }
    }

    /// Encrypts the body, and binds it to all members that decide what a redrive or a replay does.
    pub(crate) fn seal(mut self, keys: &dyn KeyRing, rng: &dyn Rng, body: &[u8]) -> Result<Self, Error> {
        self.body = keyring::seal(keys, rng, &self.bound(), body)?;
        Ok(self)
    }

    /// Encrypts the provider's own words about the last error and the calls of its attempt, and binds them to the letter.
    pub(crate) fn seal_details(
        mut self,
        keys: &dyn KeyRing,
        rng: &dyn Rng,
        words: Option<&ProviderDetails>,
        steps: &[Step],
    ) -> Result<Self, Error> {
        if words.is_none() && steps.is_empty() {
            return Ok(self);
        }
        let details = LetterDetails { words: words.cloned().unwrap_or_default(), steps: steps.to_vec() };
        let json = serde_json::to_vec(&details).map_err(|error| Error::from_json(ErrorKind::Store, "has no JSON form", &error))?;
        self.provider_details = keyring::seal(keys, rng, &self.details_bound(), &json)?;
        Ok(self)
    }

    /// Decrypts the provider's own words about the last error: personal data, for people and not for logs. `None` if the provider
    /// said nothing, or the letter was written later than the attempt.
    ///
    /// # Errors
    /// `Corrupt` if the letter is damaged or was changed, or its key is missing.
    pub fn provider_details(&self, keys: &dyn KeyRing) -> Result<Option<ProviderDetails>, Error> {
        let words = self.details(keys)?.map(|details| details.words);
        Ok(words.filter(|words| *words != ProviderDetails::default()))
    }

    /// The calls of the attempt that ended the send, if it made several, with the provider's ids: personal data, for people and not for
    /// logs. Without ids if the letter was written later than the attempt; then they are those of [`attempts`](Self::attempts).
    ///
    /// # Errors
    /// `Corrupt` if the letter is damaged or was changed, or its key is missing.
    pub fn steps(&self, keys: &dyn KeyRing) -> Result<Vec<Step>, Error> {
        let known = self.details(keys)?.map(|details| details.steps).filter(|steps| !steps.is_empty());
        let stored = || self.attempts.last().iter().flat_map(|attempt| attempt.steps.iter().map(StepRecord::to_step)).collect();
        Ok(known.unwrap_or_else(stored))
    }

    fn details(&self, keys: &dyn KeyRing) -> Result<Option<LetterDetails>, Error> {
        if self.provider_details.is_empty() {
            return Ok(None);
        }
        let json = keyring::open(keys, &self.details_bound(), &self.provider_details)?;
        serde_json::from_slice(&json).map(Some).map_err(|error| Error::from_json(ErrorKind::Corrupt, "not the provider's words", &error))
    }

    /// The members that the provider's words are bound to.
    pub(super) fn details_bound(&self) -> [&str; 4] {
        ["dead_letter details", self.tenant.as_str(), self.strategy.as_str(), self.failure_id.as_str()]
    }

    /// Refuses a letter of a version that this build does not know: read from JSON, it may be one.
    ///
    /// # Errors
    /// `Corrupt` if the version is not known.
    pub(crate) fn check_version(&self) -> Result<(), Error> {
        if self.v == Self::VERSION {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Corrupt, "the dead letter is of a version that this build does not know")
            .with_context("version", self.v)
            .with_context("known", Self::VERSION))
    }

    /// Decrypts the message or event. The result is JSON.
    ///
    /// # Errors
    /// `Corrupt` if the letter is damaged or was changed, or its key is missing.
    pub fn open(&self, keys: &dyn KeyRing) -> Result<Bytes, Error> {
        let changed = "the letter was changed after it was stored, or its body is damaged";
        keyring::open_or(keys, &self.bound(), &self.body, changed).map(Bytes::from)
    }

    /// The members that the body is bound to: in a queue, others may be able to change a letter.
    pub(super) fn bound(&self) -> [String; 11] {
        // Added only if they are set: letters of earlier releases do not know them.
        let later = match (self.content_not_sent, self.idempotency) {
            (false, None) => String::new(),
            (content_not_sent, idempotency) => format!(" {content_not_sent} {}", idempotency.map_or_else(String::new, bound_form)),
        };
        let number = |number: Option<i64>| number.map_or_else(String::new, |number| number.to_string());
        [
            format!("dead_letter {:?}{later}", self.direction),
            self.tenant.to_string(),
            self.strategy.to_string(),
            self.failure_id.to_string(),
            self.client_message_id.as_ref().map_or_else(String::new, ToString::to_string),
            self.outcome.clone(),
            format!("{} {}", self.generation, self.key_generation),
            number(self.first_claimed_at_ms),
            number(self.first_sent_at_ms),
            number(self.last_attempt_at_ms),
            self.fingerprint.as_ref().map_or_else(String::new, |fingerprint| hex(&fingerprint.value)),
        ]
    }
}

/// A protection in the text that a letter is bound to. Changed, stored letters would not open.
fn bound_form(idempotency: Idempotency) -> String {
    match idempotency {
        Idempotency::Native { window_ms } => format!("native {window_ms}"),
        Idempotency::Queryable { visible_after_ms } => format!("queryable {visible_after_ms}"),
        Idempotency::None => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{keyring::StaticKeyRing, message::DedupeKey, runtime::SystemRng};

    #[test]
    fn rule_66_the_name_of_a_failure_follows_from_key_first_claim_and_generation() {
        let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("s").unwrap());
        let key = ClaimKey::inbound(&tenant, &strategy, &DedupeKey::of(&tenant, &strategy, "1"));
        let name = |first_claimed_at_ms, generation| FailureId::of_send(&key, Life { first_claimed_at_ms, generation });
        assert_eq!(name(7, 0), name(7, 0));
        assert_ne!(name(7, 0), name(7, 1));
        assert_ne!(name(7, 0), name(8, 0));
        assert_ne!(name(7, 0), FailureId::of_poison(&key));
    }

    #[test]
    fn a_letter_is_bound_to_a_fixed_text_of_what_its_attempts_were_made_with() {
        let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("s").unwrap());
        let letter = DeadLetter::new(LetterDirection::Outbound, (&tenant, &strategy, FailureId::new("f-1").unwrap()), "unknown", 7);
        for (content_not_sent, idempotency, text) in [
            (false, None, "dead_letter Outbound"),
            (true, None, "dead_letter Outbound true "),
            (false, Some(Idempotency::None), "dead_letter Outbound false none"),
            (false, Some(Idempotency::Native { window_ms: 60_000 }), "dead_letter Outbound false native 60000"),
            (true, Some(Idempotency::Queryable { visible_after_ms: 5 }), "dead_letter Outbound true queryable 5"),
        ] {
            assert_eq!(DeadLetter { content_not_sent, idempotency, ..letter.clone() }.bound()[0], text);
        }
    }

    #[test]
    fn a_letter_opens_only_as_it_was_sealed() {
        let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("s").unwrap());
        let ring = StaticKeyRing::ephemeral(&SystemRng);
        let id = FailureId::new("f-1").unwrap();
        let letter = DeadLetter::new(LetterDirection::Inbound, (&tenant, &strategy, id), "failed", 7);
        let letter = letter.seal(&ring, &SystemRng, b"canary").unwrap();
        assert_eq!(letter.open(&ring).unwrap(), "canary");
        let changes: [fn(&mut DeadLetter); 11] = [
            |letter| letter.idempotency = Some(Idempotency::None),
            |letter| letter.content_not_sent = true,
            |letter| letter.tenant = TenantId::new("other").unwrap(),
            |letter| letter.direction = LetterDirection::Outbound,
            |letter| letter.outcome = "unknown".to_owned(),
            |letter| letter.client_message_id = Some(crate::ids::ClientMessageId::new("2").unwrap()),
            |letter| letter.generation = 1,
            |letter| letter.key_generation = 1,
            |letter| letter.first_claimed_at_ms = Some(1),
            |letter| letter.first_sent_at_ms = Some(1),
            |letter| letter.last_attempt_at_ms = Some(1),
        ];
        for change in changes {
            let mut changed = letter.clone();
            change(&mut changed);
            let error = changed.open(&ring).unwrap_err();
            let says = (error.kind(), error.message());
            assert_eq!(says, (ErrorKind::Corrupt, "the letter was changed after it was stored, or its body is damaged"), "{changed:?}");
        }
    }
}
