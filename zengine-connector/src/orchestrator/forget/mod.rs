//! Erasure of what the stores keep of a tenant or a person.

mod person;

use serde_json::Value;

use super::Orchestrator;
use crate::{
    error::Error,
    ids::{IntoId, TenantId},
    message::Identity,
    store::{DeadLetter, StoreError, StoreErrorKind, StoredSession},
    strategy::Sessions,
};
use person::Person;

/// Letters or sessions that one call to a store returns.
const PAGE: usize = 100;

/// Tries to delete a session that others change meanwhile.
const RACES: usize = 8;

/// The report of [`Orchestrator::forget`] and [`Orchestrator::forget_person`].
#[derive(Debug, Default)]
#[must_use = "it says what could not be removed"]
#[non_exhaustive]
pub struct Forgotten {
    /// Dead letters that were removed, outbound and inbound.
    pub letters: u64,
    /// Sessions that were removed: the state of strategies, and outboxes of replies.
    pub sessions: u64,
    /// Files that were removed from the media store.
    pub files: u64,
    /// Letters and sessions of the tenant that stay because they are not about the person.
    pub kept: u64,
    /// Letters and sessions that stay because they cannot be read: it is not known whom they are about. A letter whose tenant
    /// cannot be read counts for every tenant.
    pub unreadable: u64,
    /// Sessions that stay because something changed them at every try. Stop what does, and call again.
    pub busy: u64,
    /// The ports that are not done, by their names in [`Stores`](crate::store::Stores), and why: `Unsupported` if a store cannot
    /// list what it keeps. Another error is mostly of the moment: call again, which goes on with what is left.
    pub not_done: Vec<(&'static str, Error)>,
}

impl Forgotten {
    /// Returns `true` if nothing is left that could not be removed, or could not be read.
    pub fn is_complete(&self) -> bool {
        self.unreadable == 0 && self.busy == 0 && self.not_done.is_empty()
    }

    /// Writes the line, and returns the report.
    fn told(self, tenant: &TenantId) -> Self {
        let Self { letters, sessions, files, unreadable, busy, ref not_done, .. } = self;
        tracing::info!(
            tenant_id = DeadLetter::known_tenant(tenant),
            letters,
            sessions,
            files,
            unreadable,
            busy,
            not_done = not_done.len(),
            "store.forgotten"
        );
        self
    }
}

impl Orchestrator {
    /// Erases what the stores keep of a tenant: its dead letters with the messages and events in them, its sessions, the
    /// replies that wait to be polled, and its files in the media store. Removes the tenant from the caches of this process too.
    ///
    /// These stay, for the time named:
    ///
    /// - Records of sends and of events, which keep a message from being sent or handled twice: until they expire, for a settled one
    ///   [`Dedup::keep`](crate::stage::Dedup::keep) (24 hours) after its end, for one in doubt 14 days. They hold your ids, keyed hashes
    ///   and encrypted receipts, which may name the recipient; no body.
    /// - The tenant's rows, routes and secrets, which are your set-up: remove them first, with
    ///   [`TenantWriter::remove`](crate::store::TenantWriter::remove), so that nothing new comes in.
    /// - Published events and the states of breakers, which name the tenant and your ids alone. Backups.
    ///
    /// A send or an event in progress is not stopped, and may store its letter afterwards. Remove or disable the tenant's rows, wait
    /// until what runs has ended (a minute, or [`within`](crate::SendOptions::within)), and call again until it removes nothing. A
    /// redrive whose letter is removed ends as usual.
    ///
    /// The call reads every letter and session of every tenant, a page at a time. It may be repeated, and may be dropped at any
    /// moment: what it removed stays removed. Events that led to no tenant are letters of the tenant
    /// [`DeadLetter::NO_TENANT`].
    ///
    /// # Errors
    /// If the tenant id is invalid. What a store refuses is in the report.
    ///
    /// ```
    /// # use zengine_connector::{Error, Orchestrator, StrategyName, TenantId, store::Stores};
    /// async fn leave(orchestrator: &Orchestrator, stores: &Stores, tenant: &TenantId, strategies: &[StrategyName]) -> Result<(), Error> {
    ///     for strategy in strategies {
    ///         if let Some(writer) = &stores.tenant_writer {
    ///             writer.remove(tenant, strategy).await?;
    ///         }
    ///     }
    ///     let forgotten = orchestrator.forget(tenant).await?;
    ///     if !forgotten.is_complete() {
    ///         eprintln!("{} unreadable, not done: {:?}", forgotten.unreadable, forgotten.not_done);
    ///     }
    ///     Ok(())
    /// }
    /// # let _ = leave;
    /// ```
    pub async fn forget(&self, tenant: impl IntoId<TenantId>) -> Result<Forgotten, Error> {
        let tenant = tenant.into_id()?;
        self.engine.tenants.invalidate(Some(&tenant));
        let mut forgotten = self.erase(&tenant, |_| Ok(true), |_| Ok(true)).await;
        if let Err(error) = self.erase_files(&tenant, &mut forgotten).await {
            forgotten.not_done.push(("media", error.into()));
        }
        Ok(forgotten.told(&tenant))
    }

    /// Erases what the stores keep of a person at a tenant: the dead letters of messages and events that name the person, and the
    /// sessions and outboxes whose key or content does. Files in the media store are not searched: delete them by their id, or let them
    /// expire. What stays, sends in progress and repetition are as for
    /// [`forget`](Self::forget).
    ///
    /// Letters and sessions are opened and compared. They name the person if they hold the identity, or anywhere the same phone
    /// number, WhatsApp id, e-mail address or business-scoped id as a whole text, in any spelling that [`Identity`] treats as equal; a
    /// phone number and the WhatsApp id of the same digits are one. An opaque id, a username or a group is found as an identity, as a
    /// URN (`opaque:chat:7`) or in a session's key, because alone it may be any text. A name inside a longer text is not found.
    ///
    /// A person with several identities needs a call for each. A synchronous channel often knows its visitor by the conversation
    /// alone: give its id as an opaque identity. Letters that led to no tenant are searched with [`DeadLetter::NO_TENANT`].
    ///
    /// # Errors
    /// If the tenant id is invalid. What a store refuses is in the report.
    ///
    /// ```
    /// # use zengine_connector::{Error, Orchestrator};
    /// use zengine_connector::Identity;
    ///
    /// # async fn example(orchestrator: &Orchestrator) -> Result<(), Error> {
    /// let forgotten = orchestrator.forget_person("acme", &Identity::phone("+1 555 123 0001")?).await?;
    /// println!("{} letters, {} sessions", forgotten.letters, forgotten.sessions);
    /// # Ok(())
    /// # }
    /// # let _ = example;
    /// ```
    pub async fn forget_person(&self, tenant: impl IntoId<TenantId>, person: &Identity) -> Result<Forgotten, Error> {
        let tenant = tenant.into_id()?;
        let (keys, person) = (&*self.engine.keys, Person::new(person));
        let names = |json: &[u8]| serde_json::from_slice::<Value>(json).map(|json| person.is_in(&json)).map_err(drop);
        let letter = |letter: &DeadLetter| names(&letter.open(keys).map_err(drop)?);
        let session = |session: &StoredSession| {
            if person.is_in_key(&session.key) { Ok(true) } else { names(&Sessions::open_stored(keys, session).map_err(drop)?) }
        };
        Ok(self.erase(&tenant, letter, session).await.told(&tenant))
    }

    /// Removes the letters and sessions of a tenant that are chosen. An error of the choice means that one cannot be read.
    async fn erase(
        &self,
        tenant: &TenantId,
        letter: impl Fn(&DeadLetter) -> Result<bool, ()>,
        session: impl Fn(&StoredSession) -> Result<bool, ()>,
    ) -> Forgotten {
        let mut forgotten = Forgotten::default();
        if let Err(error) = self.erase_letters(tenant, letter, &mut forgotten).await {
            forgotten.not_done.push(("dead_letters", error.into()));
        }
        if let Err(error) = self.erase_sessions(tenant, session, &mut forgotten).await {
            forgotten.not_done.push(("sessions", error.into()));
        }
        forgotten
    }

    async fn erase_files(&self, tenant: &TenantId, forgotten: &mut Forgotten) -> Result<(), StoreError> {
        let stores = &self.engine.stores;
        while stores.media().is_ok() {
            let erased = stores.erase_files(tenant, PAGE).await?;
            forgotten.files += erased;
            if erased == 0 {
                break;
            }
        }
        Ok(())
    }

    async fn erase_letters(
        &self,
        tenant: &TenantId,
        chosen: impl Fn(&DeadLetter) -> Result<bool, ()>,
        forgotten: &mut Forgotten,
    ) -> Result<(), StoreError> {
        let (stores, mut after) = (&self.engine.stores, None);
        loop {
            let page = stores.list_letters(after.as_ref(), PAGE).await?;
            forgotten.unreadable += (page.unreadable.len() + page.without_id) as u64;
            for letter in page.letters.iter().filter(|letter| letter.tenant == *tenant) {
                match chosen(letter) {
                    Ok(true) => {
                        stores.remove_letter(&letter.failure_id).await?;
                        forgotten.letters += 1;
                    }
                    Ok(false) => forgotten.kept += 1,
                    Err(()) => forgotten.unreadable += 1,
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn erase_sessions(
        &self,
        tenant: &TenantId,
        chosen: impl Fn(&StoredSession) -> Result<bool, ()>,
        forgotten: &mut Forgotten,
    ) -> Result<(), StoreError> {
        let (stores, mut after) = (&self.engine.stores, None);
        loop {
            let page = stores.list_sessions(after.as_deref(), PAGE).await?;
            for session in page.sessions.into_iter().filter(|session| Sessions::is_of(&session.scope, tenant)) {
                match chosen(&session) {
                    Ok(true) => match self.erase_session(session).await {
                        Ok(is_erased) => forgotten.sessions += u64::from(is_erased),
                        // One that never rests keeps no other.
                        Err(error) if error.kind == StoreErrorKind::Conflict => forgotten.busy += 1,
                        Err(error) => return Err(error),
                    },
                    Ok(false) => forgotten.kept += 1,
                    Err(()) => forgotten.unreadable += 1,
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Deletes a session in whatever version it has by now. Returns `false` if it is gone.
    async fn erase_session(&self, mut session: StoredSession) -> Result<bool, StoreError> {
        let stores = &self.engine.stores;
        for _ in 0..RACES {
            let lost = match stores.erase_session(&session).await {
                Ok(()) => return Ok(true),
                Err(error) if error.kind == StoreErrorKind::Conflict => error,
                Err(error) => return Err(error),
            };
            session.version = match stores.session(&session.scope, &session.key).await? {
                Some((version, _)) if version != session.version => version,
                Some(_) => return Err(lost),
                None => return Ok(false),
            };
        }
        Err(StoreError::new(StoreErrorKind::Conflict, "a session is changed all the time: stop what changes it, and call again"))
    }
}
