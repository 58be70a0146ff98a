//! The cursor of a synchronous channel: the place in a conversation from which a poll goes on, and the events that were under work.
//!
//! A client can write what it likes into one. The number is plain: with another one it reads replies of its own conversation again, or
//! skips them for itself. The events are sealed for the conversation: a client can neither name one of another conversation, to learn what
//! became of it, nor read which are named. Sealed names that cannot be opened, forged or of a key that is gone, only have the client send
//! its own events again, which meet their records.

use std::fmt::Write as _;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

use crate::{
    error::Error,
    ids::{ConversationId, StrategyName, TenantId},
    keyring::{KeyRing, open, seal},
    message::DedupeKey,
    runtime::Rng,
};

/// Maximum events that a cursor names.
pub(super) const AWAITED: usize = 8;

/// Longest text that is read: a number, and eight events sealed under a key with an id of 255 bytes.
const LONGEST: usize = 600;

/// A cursor as it is worked with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Number of the reply after which the response begins.
    pub(super) after: u64,
    /// Events that were under work when it was made.
    pub(super) awaited: Vec<DedupeKey>,
    /// Whether it names events that cannot be read.
    pub(super) is_unreadable: bool,
}

/// The conversation that a cursor is written and read for.
pub(super) struct CursorPlace<'a> {
    pub(super) keys: &'a dyn KeyRing,
    pub(super) tenant: &'a TenantId,
    pub(super) strategy: &'a StrategyName,
    pub(super) conversation: &'a ConversationId,
}

impl CursorPlace<'_> {
    fn sealed_for(&self) -> [&str; 4] {
        ["poll cursor", self.tenant.as_str(), self.strategy.as_str(), self.conversation.as_str()]
    }

    /// The text of a cursor: `17`, or `17.` and the sealed dedup keys of events under work, of which it names [`AWAITED`] at most.
    ///
    /// # Errors
    /// If the names cannot be encrypted.
    pub(super) fn write(&self, after: u64, awaited: &[DedupeKey], rng: &dyn Rng) -> Result<String, Error> {
        let mut text = after.to_string();
        if !awaited.is_empty() {
            let names: Vec<u8> = awaited.iter().take(AWAITED).flat_map(DedupeKey::as_bytes).copied().collect();
            let sealed = seal(self.keys, rng, &self.sealed_for(), &names)?;
            let _ = write!(text, ".{}", BASE64_URL_SAFE_NO_PAD.encode(sealed));
        }
        Ok(text)
    }

    /// Reads the text of a client.
    ///
    /// # Errors
    /// If it has not the form of a cursor, or is longer than one can be.
    pub(super) fn read(&self, text: &str) -> Result<Cursor, ()> {
        if text.len() > LONGEST {
            return Err(());
        }
        let (after, sealed) = text.split_once('.').map_or((text, None), |(after, sealed)| (after, Some(sealed)));
        let mut cursor = Cursor { after: after.parse().map_err(drop)?, ..Cursor::default() };
        if let Some(sealed) = sealed {
            let sealed = BASE64_URL_SAFE_NO_PAD.decode(sealed).map_err(drop)?;
            let names = open(self.keys, &self.sealed_for(), &sealed).ok();
            match names.as_deref().map(<[u8]>::as_chunks) {
                Some((names, [])) if names.len() <= AWAITED => cursor.awaited = names.iter().copied().map(DedupeKey::from_bytes).collect(),
                _ => cursor.is_unreadable = true,
            }
        }
        Ok(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        keyring::{Key, StaticKeyRing},
        runtime::SystemRng,
        secret::Secret,
    };

    fn place<'a>(keys: &'a StaticKeyRing, of: &'a (TenantId, StrategyName, ConversationId)) -> CursorPlace<'a> {
        CursorPlace { keys, tenant: &of.0, strategy: &of.1, conversation: &of.2 }
    }

    fn of(tenant: &str, conversation: &str) -> (TenantId, StrategyName, ConversationId) {
        (TenantId::new(tenant).unwrap(), StrategyName::new("chat").unwrap(), ConversationId::new(conversation).unwrap())
    }

    #[test]
    fn a_cursor_names_the_events_under_work_and_is_bounded() {
        // The longest id of a key.
        let keys = StaticKeyRing::new(Key::new("k".repeat(255), &Secret::new([7; 32])));
        let (of, key) = (of("acme", "c"), DedupeKey::from_bytes([7; 16]));
        let place = place(&keys, &of);
        for awaited in 0..=AWAITED {
            let text = place.write(u64::MAX, &vec![key; awaited], &SystemRng).unwrap();
            assert!(text.len() <= LONGEST, "{}", text.len());
            assert_eq!(place.read(&text), Ok(Cursor { after: u64::MAX, awaited: vec![key; awaited], is_unreadable: false }));
            assert!(!text.contains(&key.to_string()));
        }
        assert_eq!(place.write(17, &[], &SystemRng).unwrap(), "17");
        for odd in ["", "x", "-1", "17.?", ".", "17.AA.AA", &"1".repeat(LONGEST + 1)] {
            assert_eq!(place.read(odd), Err(()), "{odd}");
        }
    }

    #[test]
    fn a_cursor_names_nothing_of_another_conversation() {
        let (keys, at) = (StaticKeyRing::ephemeral(&SystemRng), of("acme", "c"));
        let text = place(&keys, &at).write(17, &[DedupeKey::from_bytes([7; 16])], &SystemRng).unwrap();
        let unreadable = Ok(Cursor { after: 17, awaited: vec![], is_unreadable: true });
        for (tenant, conversation) in [("acme", "d"), ("other", "c")] {
            assert_eq!(place(&keys, &of(tenant, conversation)).read(&text), unreadable);
        }
        assert_eq!(place(&StaticKeyRing::ephemeral(&SystemRng), &at).read(&text), unreadable, "its key is gone");
        for forged in ["17.", "17.AAAA", &format!("{text}AAAA")] {
            assert_eq!(place(&keys, &at).read(forged), unreadable, "{forged}");
        }
    }
}
