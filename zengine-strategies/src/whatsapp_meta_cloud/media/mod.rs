//! Files at Meta: storing, finding, fetching and deleting them.

mod download;
mod file;
mod hosts;
mod methods;
mod upload;

pub use file::{MediaFile, MediaInfo, NewMedia, StoredMedia};

pub(super) use upload::upload_of;
