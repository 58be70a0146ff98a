//! Ids and bodies of dead letters. Ids are derived, so that the same failure is the same letter; bodies are encrypted.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Attempts, ClaimKey, DeadLetter, LetterDirection, Life, StoredError, cbor::Unread};
use crate::{
    error::{Error, ErrorKind},
    ids::{FailureId, StrategyName, TenantId},
    keyring::{self, KeyRing},
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
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self::of_hash(prefix, &hash.finalize())
    }
}

impl DeadLetter {
    /// Version of this format.
    pub const VERSION: u32 = 1;

    /// Placeholder for the tenant of an inbound event that leads to none.
    pub const NO_TENANT: &str = "(none)";

    /// A letter whose encrypted body is bound to its failure id, tenant and strategy.
    pub(crate) fn sealed(
        (keys, rng): (&dyn KeyRing, &dyn Rng),
        direction: LetterDirection,
        (tenant, strategy, failure_id): (&TenantId, &StrategyName, FailureId),
        body: &[u8],
        at_ms: i64,
    ) -> Result<Self, Error> {
        let body = keyring::seal(keys, rng, &place(tenant, strategy, &failure_id), body)?;
        Ok(Self {
            v: Self::VERSION,
            direction,
            failure_id,
            tenant: tenant.clone(),
            strategy: strategy.clone(),
            client_message_id: None,
            generation: 0,
            key_generation: 0,
            fingerprint: None,
            body,
            outcome: String::new(),
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
            unread: Unread::default(),
        })
    }

    /// Makes it a letter for an inbound event that can never be handled.
    pub(crate) fn poison(self, error: StoredError) -> Self {
        Self { outcome: "poison".to_owned(), last_error: Some(error), ..self }
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
    /// `Corrupt` if the letter is damaged, was renamed, or its key is missing.
    pub fn open(&self, keys: &dyn KeyRing) -> Result<Bytes, Error> {
        keyring::open(keys, &place(&self.tenant, &self.strategy, &self.failure_id), &self.body).map(Bytes::from)
    }
}

fn place<'a>(tenant: &'a TenantId, strategy: &'a StrategyName, id: &'a FailureId) -> [&'a str; 4] {
    ["dead_letter", tenant.as_str(), strategy.as_str(), id.as_str()]
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
    fn a_letter_opens_under_its_own_name_only() {
        let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("s").unwrap());
        let ring = StaticKeyRing::ephemeral(&SystemRng);
        let id = FailureId::new("f-1").unwrap();
        let letter = DeadLetter::sealed((&ring, &SystemRng), LetterDirection::Inbound, (&tenant, &strategy, id), b"canary", 7).unwrap();
        assert_eq!(letter.open(&ring).unwrap(), "canary");
        let stolen = DeadLetter { tenant: TenantId::new("other").unwrap(), ..letter };
        assert!(stolen.open(&ring).is_err());
    }
}
