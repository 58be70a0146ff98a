//! Files at Meta: storing, finding, fetching and deleting them.

mod download;
mod file;
mod hosts;
mod methods;
mod upload;

pub use file::{MediaFile, MediaInfo, NewMedia, StoredMedia};

pub(super) use file::{STILL_STICKER, is_mime, most};
pub(super) use upload::{shown_name, upload_of};
