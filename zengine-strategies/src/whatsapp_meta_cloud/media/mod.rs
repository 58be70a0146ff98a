//! Files at Meta: storing, finding, fetching and deleting them.

mod download;
mod file;
mod hosts;
mod methods;
mod upload;

pub use file::{MediaInfo, NewMedia, StoredMedia};

pub(super) use download::{fetch, path};
pub(super) use upload::upload_of;
