//! Keys of the core: encryption at rest and keyed fingerprints.
//!
//! Sessions, receipts and dead letters are encrypted (ChaCha20-Poly1305); fingerprints of messages and of recipients are
//! HMAC-SHA-256. The id of the key is stored beside every value, so that keys can be rotated: new values use the current
//! key, old ones are read with theirs.

use std::{collections::BTreeMap, fmt, sync::Arc};

use bytes::Bytes;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, aead::Aead as _, aead::Payload};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{
    error::{Error, ErrorKind},
    runtime::Rng,
    secret::Secret,
};

/// A source of keys. One key serves encryption and fingerprints; the two are separated by derivation.
pub trait KeyRing: Send + Sync + fmt::Debug + 'static {
    /// The key for new values.
    fn current(&self) -> Arc<Key>;

    /// The key with an id, for an older value.
    fn by_id(&self, id: &str) -> Option<Arc<Key>>;

    /// The keys other than the current one, as far as they are at hand. Under one of them a value may stand that is found by a keyed name,
    /// such as a [stored file](crate::Orchestrator::store_media): a ring without them stores it again under another name after a rotation.
    /// Defaults to none.
    fn others(&self) -> Vec<Arc<Key>> {
        vec![]
    }

    /// Whether the keys are lost with the process. Defaults to `false`. Keys of a base that are lost are refused beside a claim
    /// store, dead letters or sessions of your own.
    fn is_ephemeral(&self) -> bool {
        false
    }
}

/// A key with its id: 32 random bytes.
pub struct Key {
    id: Arc<str>,
    encryption: Secret<[u8; 32]>,
    /// A keyed HMAC; every fingerprint starts from a copy of it.
    fingerprint: Hmac<Sha256>,
}

impl Key {
    /// A key from 32 secret bytes. The id is public: records hold it.
    pub fn new(id: impl Into<Arc<str>>, bytes: &Secret<[u8; 32]>) -> Self {
        let derive = |purpose: &[u8]| Secret::new(mac_of(new_mac(bytes.expose()), &[purpose]));
        let fingerprint = new_mac(derive(b"zengine fingerprint v1").expose());
        Self { id: id.into(), encryption: derive(b"zengine encryption v1"), fingerprint }
    }

    /// A key of fresh random bytes with a random id, and the bytes.
    pub fn random(rng: &dyn Rng) -> (Self, Secret<[u8; 32]>) {
        let (mut bytes, mut id) = ([0; 32], [0; 4]);
        rng.fill(&mut bytes);
        rng.fill(&mut id);
        let bytes = Secret::new(bytes);
        (Self::new(format!("k{:08x}", u32::from_be_bytes(id)), &bytes), bytes)
    }

    /// The key's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key's id, as records hold it.
    pub(crate) const fn key_id(&self) -> &Arc<str> {
        &self.id
    }

    /// A keyed fingerprint of several parts; it also covers the boundaries between them.
    pub fn fingerprint(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac_of(self.fingerprint.clone(), parts)
    }
}

fn new_mac(key: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC fills a short key up to the block with zeros; doing it here makes the call infallible.
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    <Hmac<Sha256> as hmac::KeyInit>::new((&*block).into())
}

fn mac_of(mut mac: Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

debug_fields!(Key { id });

/// Keys held in memory: one current, any number of older ones.
///
/// ```
/// use zengine_connector::{Secret, keyring::{Key, KeyRing as _, StaticKeyRing}};
///
/// // 32 bytes each from your vault, the same in every process and after every restart.
/// let (current, older) = (Secret::new([7; 32]), Secret::new([6; 32]));
/// let ring = StaticKeyRing::new(Key::new("k2", &current)).with_older(Key::new("k1", &older));
/// assert_eq!(ring.current().id(), "k2");
/// ```
#[derive(Clone, Debug)]
pub struct StaticKeyRing {
    current: Arc<Key>,
    older: BTreeMap<Arc<str>, Arc<Key>>,
    ephemeral: bool,
}

impl StaticKeyRing {
    /// A ring of one key.
    pub fn new(current: Key) -> Self {
        Self { current: Arc::new(current), older: BTreeMap::new(), ephemeral: false }
    }

    /// A ring of one random key, for tests and for stores that do not outlive the process.
    pub fn ephemeral(rng: &dyn Rng) -> Self {
        Self { ephemeral: true, ..Self::new(Key::random(rng).0) }
    }

    /// Adds an older key, to read the values made with it.
    #[must_use = "returns the ring with the key"]
    pub fn with_older(mut self, key: Key) -> Self {
        self.older.insert(Arc::clone(&key.id), Arc::new(key));
        self
    }
}

impl KeyRing for StaticKeyRing {
    fn current(&self) -> Arc<Key> {
        Arc::clone(&self.current)
    }

    fn by_id(&self, id: &str) -> Option<Arc<Key>> {
        if *self.current.id == *id { Some(Arc::clone(&self.current)) } else { self.older.get(id).cloned() }
    }

    fn others(&self) -> Vec<Arc<Key>> {
        self.older.values().cloned().collect()
    }

    fn is_ephemeral(&self) -> bool {
        self.ephemeral
    }
}

/// First byte of a sealed value: the version of its format.
const SEALED_V1: u8 = 1;
const NONCE: usize = 12;

/// Encrypts a value for one place. `place` (tenant, strategy, key, …) must be given again to open it, so that a value
/// cannot be moved to another place.
pub(crate) fn seal(ring: &dyn KeyRing, rng: &dyn Rng, place: &[impl AsRef<[u8]>], value: &[u8]) -> Result<Bytes, Error> {
    let key = ring.current();
    let mut nonce = [0; NONCE];
    rng.fill(&mut nonce);
    let aad = framed(place);
    let text = ChaCha20Poly1305::new(key.encryption.expose().into())
        .encrypt((&nonce).into(), Payload { msg: value, aad: &aad })
        .map_err(|_| Error::new(ErrorKind::Store, "a value could not be encrypted"))?;
    let id_length = u8::try_from(key.id.len()).map_err(|_| Error::new(ErrorKind::Settings, "a key id is longer than 255 bytes"))?;
    Ok([&[SEALED_V1, id_length][..], key.id.as_bytes(), &nonce, &text].concat().into())
}

/// Decrypts a value that [`seal`] made for the same place.
pub(crate) fn open(ring: &dyn KeyRing, place: &[impl AsRef<[u8]>], sealed: &[u8]) -> Result<Vec<u8>, Error> {
    open_or(ring, place, sealed, "a stored value is damaged, or belongs to another place")
}

/// As [`open`], with the message for a value that is damaged or belongs to another place.
pub(crate) fn open_or(ring: &dyn KeyRing, place: &[impl AsRef<[u8]>], sealed: &[u8], damaged: &'static str) -> Result<Vec<u8>, Error> {
    let damaged = || Error::new(ErrorKind::Corrupt, damaged);
    let (&[version, id_length], rest) = sealed.split_first_chunk().ok_or_else(damaged)?;
    if version != SEALED_V1 {
        return Err(Error::new(ErrorKind::Corrupt, "a stored value has an unknown form").with_context("version", version));
    }
    let (id, rest) = rest.split_at_checked(id_length.into()).ok_or_else(damaged)?;
    let (nonce, text) = rest.split_first_chunk::<NONCE>().ok_or_else(damaged)?;
    let id = std::str::from_utf8(id).map_err(|_| damaged())?;
    let key =
        ring.by_id(id).ok_or_else(|| Error::new(ErrorKind::Corrupt, "the key of a stored value is missing").with_context("key_id", id))?;
    let aad = framed(place);
    ChaCha20Poly1305::new(key.encryption.expose().into()).decrypt(nonce.into(), Payload { msg: text, aad: &aad }).map_err(|_| damaged())
}

/// The id of the key that sealed a value. `None` if it is no sealed value.
#[cfg(feature = "embedded")]
pub(crate) fn key_id(sealed: &[u8]) -> Option<&str> {
    let (&[SEALED_V1, id_length], rest) = sealed.split_first_chunk()? else { return None };
    std::str::from_utf8(rest.get(..id_length.into())?).ok()
}

/// Encrypts a value anew with the current key. `None` if that key encrypted it.
#[cfg(feature = "embedded")]
pub(crate) fn reseal(ring: &dyn KeyRing, rng: &dyn Rng, place: &[impl AsRef<[u8]>], sealed: &[u8]) -> Result<Option<Bytes>, Error> {
    if key_id(sealed) == Some(ring.current().id()) {
        return Ok(None);
    }
    seal(ring, rng, place, &Zeroizing::new(open(ring, place, sealed)?)).map(Some)
}

/// Parts as one value, which also holds the boundaries between them.
pub(crate) fn framed(parts: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut framed = Vec::new();
    for part in parts.iter().map(AsRef::as_ref) {
        framed.extend((part.len() as u64).to_be_bytes());
        framed.extend(part);
    }
    framed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::SystemRng;

    #[test]
    fn a_sealed_value_opens_in_its_place_only() {
        let ring = StaticKeyRing::ephemeral(&SystemRng);
        let sealed = seal(&ring, &SystemRng, &["acme", "k"], b"canary").unwrap();
        assert!(!sealed.windows(6).any(|w| w == b"canary"));
        assert_eq!(open(&ring, &["acme", "k"], &sealed).unwrap(), b"canary");
        assert!(open(&ring, &["other", "k"], &sealed).is_err());
        assert!(open(&ring, &["acm", "ek"], &sealed).is_err());
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let ring = StaticKeyRing::ephemeral(&SystemRng);
        let sealed = seal(&ring, &SystemRng, &["acme"], b"value").unwrap();
        for cut in 0..sealed.len() {
            assert!(open(&ring, &["acme"], &sealed[..cut]).is_err());
            let mut flipped = sealed.to_vec();
            flipped[cut] ^= 1;
            assert!(open(&ring, &["acme"], &flipped).is_err());
        }
    }

    #[test]
    fn after_a_rotation_old_values_still_open() {
        let (old, bytes) = Key::random(&SystemRng);
        let old_ring = StaticKeyRing::new(Key::new(old.id(), &bytes));
        let sealed = seal(&old_ring, &SystemRng, &["acme"], b"value").unwrap();
        let ring = StaticKeyRing::ephemeral(&SystemRng).with_older(old);
        assert_eq!(open(&ring, &["acme"], &sealed).unwrap(), b"value");
        let lost = StaticKeyRing::ephemeral(&SystemRng);
        assert_eq!(open(&lost, &["acme"], &sealed).unwrap_err().message(), "the key of a stored value is missing");
    }
}
