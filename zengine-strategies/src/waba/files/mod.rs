//! Files at the provider: storing, finding and fetching them.

mod address;
mod download;
mod file;
mod upload;

pub(crate) use address::Files;
pub(crate) use download::{LOOK_UPS, download, fetch, gone, info, path};
pub use file::{MediaInfo, NewMedia, StoredMedia};
pub(crate) use upload::{store, store_inline};
