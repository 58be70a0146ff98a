//! Files of the media store that a message names: what is known of them before it is validated, and their bytes once its first
//! attempt is let in.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};

use super::{
    attempt::Attempted,
    ended::STORE_AGAIN,
    job::{Fitted, Identified, SendJob},
    outcome::DeferredReason,
};
use crate::{
    error::{Error, ErrorKind, SendError},
    message::{Media, MediaSource, Prepared},
    registry::BoundTenant,
    store::{StoreError, StoreErrorKind},
    strategy::guarded,
};

/// Bytes that one call to the store returns.
const STEP: u64 = 1 << 20;

const GONE: &str = "a file of the message is not in the media store, or is expired";

/// The id of a file of the media store.
fn stored(file: &Media) -> Option<&str> {
    match &file.source {
        MediaSource::Store { key } => Some(key),
        _ => None,
    }
}

/// Whether the send can be made later: the store does not answer, and says nothing of the file.
fn passes(error: &StoreError) -> bool {
    matches!(error.kind, StoreErrorKind::Unavailable | StoreErrorKind::StoreBusy | StoreErrorKind::Full)
}

impl Identified<'_> {
    /// The message with size, type and name of its stored files, by which it is validated. Where the channel takes no bytes, a file
    /// becomes a link if the store gives one.
    ///
    /// # Errors
    /// `Media` if a file is absent; the store's error, and why the send is to be made later if that passes.
    async fn describe_files(&self, files: Vec<&Media>, bound: &BoundTenant) -> Result<Prepared<'static>, (Option<DeferredReason>, Error)> {
        let never = |error| (None, error);
        let own = guarded("capabilities", || self.outbound.capabilities(&bound.state)).map_err(never)?;
        let as_link = own.unwrap_or(self.entry.descriptor.capabilities).media_bytes.is_none();
        let mut described = Vec::with_capacity(files.len());
        for file in files {
            let mut file = file.clone();
            if let Some(id) = stored(&file).map(str::to_owned) {
                let known = self.describe(&mut file, &id, as_link).await.map_err(|error| {
                    let later = passes(&error).then_some(DeferredReason::StoreUnavailable);
                    (later, Error::from(error))
                })?;
                known.ok_or_else(|| (None, Error::new(ErrorKind::Media, GONE)))?;
            }
            described.push(file);
        }
        self.outbound.with_media(&self.message, described).map_err(never)
    }

    /// Degrades and validates the message for the tenant, with what is known of its files.
    ///
    /// # Errors
    /// As [`for_tenant`](Self::for_tenant) and [`describe_files`](Self::describe_files).
    pub(crate) async fn fit(&self, bound: Arc<BoundTenant>) -> Result<Fitted, (Option<DeferredReason>, Error)> {
        let files = self.outbound.media(&self.message).map_err(|error| (None, error))?;
        let described = if files.iter().any(|file| stored(file).is_some()) {
            // Boxed to keep the future of other sends small.
            Some(Box::pin(self.describe_files(files, &bound)).await?)
        } else {
            None
        };
        self.for_tenant(bound, described).map_err(|error| (None, error))
    }

    /// Fills in what the store knows of a file. `None` if it is absent.
    async fn describe(&self, file: &mut Media, id: &str, as_link: bool) -> Result<Option<()>, StoreError> {
        let stores = &self.engine().stores;
        let Some(known) = self.in_time(stores.file(self.tenant(), id)).await? else { return Ok(None) };
        file.bytes = Some(known.bytes);
        file.mime = file.mime.take().or(known.mime);
        file.filename = file.filename.take().or(known.name);
        if as_link && let Some(link) = self.in_time(stores.file_url(self.tenant(), id)).await? {
            file.source = MediaSource::Url { url: link.url, expires_at_ms: Some(link.expires_at_ms) };
        }
        Ok(Some(()))
    }

    /// The bytes of a file of this size. `None` if it is absent.
    async fn file_bytes(&self, id: &str, size: u64) -> Result<Option<Bytes>, StoreError> {
        let mut bytes = BytesMut::with_capacity(usize::try_from(size).unwrap_or_default());
        while (bytes.len() as u64) < size {
            let from = bytes.len() as u64;
            let range = from..size.min(from + STEP);
            let Some(read) = self.in_time(self.engine().stores.file_range(self.tenant(), id, range)).await? else { return Ok(None) };
            if read.is_empty() {
                return Err(StoreError::new(StoreErrorKind::Corrupt, "a stored file is shorter than its size"));
            }
            bytes.extend_from_slice(&read);
        }
        Ok(Some(bytes.freeze()))
    }
}

/// Too many bytes of files are in memory.
const NO_ROOM: Attempted = Attempted::NotStarted(DeferredReason::Busy, Duration::from_secs(1));

/// The media store did not give the files in time.
const NOT_READ: Attempted = Attempted::NotStarted(DeferredReason::StoreUnavailable, STORE_AGAIN);

fn failed(kind: ErrorKind, message: &'static str) -> Attempted {
    Attempted::Failed(SendError::of(kind, message).not_sent())
}

impl SendJob<'_> {
    /// Reads the files of the message within the time of an attempt, once for all attempts. Returns the time that is left.
    ///
    /// # Errors
    /// The end of the attempt, before anything is sent.
    pub(super) async fn load_files(&self, limit: Duration) -> Result<Duration, Attempted> {
        let panicked = |error: Error| failed(error.kind(), "the strategy panicked");
        let files = self.outbound.media(self.message()).map_err(panicked)?;
        if !files.iter().any(|file| stored(file).is_some()) {
            return Ok(limit);
        }
        let began = self.clock().monotonic();
        // Boxed to keep the future of other sends small.
        let loaded = self.clock().guard(limit, Box::pin(self.read_files(files))).await.unwrap_or(Err(NOT_READ))?;
        let left = limit.saturating_sub(self.clock().monotonic().saturating_sub(began));
        if left < self.settings().retry.min_attempt {
            return Err(NOT_READ);
        }
        self.load(self.outbound.with_media(self.message(), loaded).map_err(panicked)?);
        Ok(left)
    }

    /// The files with their bytes.
    async fn read_files(&self, files: Vec<&Media>) -> Result<Vec<Media>, Attempted> {
        let sizes = files.iter().filter(|file| stored(file).is_some()).filter_map(|file| file.bytes);
        // For all files at once, so that two messages with several cannot keep the rest from each other.
        let room = self.engine().room_for(self.tenant(), sizes.fold(0, u64::saturating_add)).ok_or(NO_ROOM)?;
        let mut loaded = Vec::with_capacity(files.len());
        for file in files {
            let mut file = file.clone();
            if let Some(id) = stored(&file) {
                let size = file.bytes.ok_or_else(|| failed(ErrorKind::Media, "the size of a file of the message is not known"))?;
                let data = match self.file_bytes(id, size).await {
                    Ok(Some(data)) => data,
                    Ok(None) => return Err(failed(ErrorKind::Media, GONE)),
                    Err(error) if passes(&error) => return Err(NOT_READ),
                    Err(_) => return Err(failed(ErrorKind::Media, "a file of the message cannot be read")),
                };
                file.source = MediaSource::Inline { data: room.hold(data) };
            }
            loaded.push(file);
        }
        Ok(loaded)
    }
}
