//! Files and folders that only their owner could have written. Looked at on Unix only.

use std::fs::Metadata;

/// Permission of everybody to write.
pub(super) const OTHERS: u32 = 0o002;
/// Permission of the group and of everybody to write.
#[cfg(unix)]
pub(super) const GROUP_AND_OTHERS: u32 = 0o022;

/// The users whose files are trusted: root, the user of the process, and at most one more.
///
/// The user of the process is known on Linux only; elsewhere a file of that user stands for it.
#[derive(Clone, Copy)]
pub(super) struct Owners([Option<u32>; 2]);

/// The reason why another user may have written a file, or a folder on its way.
#[derive(Debug)]
pub(super) enum Distrusted {
    /// It belongs to this user.
    #[cfg(unix)]
    Owner(u32),
    /// It has these permissions, and others may write it.
    #[cfg(unix)]
    Writable(u32),
}

#[cfg(unix)]
impl Owners {
    /// Root, the user of the process, or where that is not known the owner of a file, and one more.
    pub(super) fn new(file: &Metadata, more: Option<u32>) -> Self {
        Self([process_user().or_else(|| owner(file)), more])
    }

    /// Refuses a file or folder of another owner, and one that those of `writers` may write. In a sticky folder others may add files, but
    /// not replace those of trusted owners.
    pub(super) fn check(&self, about: &Metadata, writers: u32) -> Result<(), Distrusted> {
        use std::os::unix::fs::MetadataExt as _;
        const STICKY: u32 = 0o1000;
        let is_sticky = about.is_dir() && about.mode() & STICKY != 0;
        let owner = about.uid();
        let is_owner = owner == 0 || self.0.contains(&Some(owner));
        // The permissions of a link itself mean nothing.
        let is_writable = !about.is_symlink() && !is_sticky && about.mode() & writers != 0;
        match (is_owner, is_writable) {
            (false, _) => Err(Distrusted::Owner(owner)),
            (true, true) => Err(Distrusted::Writable(about.mode() & 0o7777)),
            (true, false) => Ok(()),
        }
    }
}

#[cfg(not(unix))]
#[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "there are no permissions to look at")]
impl Owners {
    pub(super) fn new(_: &Metadata, more: Option<u32>) -> Self {
        Self([None, more])
    }

    pub(super) fn check(&self, _: &Metadata, _: u32) -> Result<(), Distrusted> {
        Ok(())
    }
}

/// The user who owns a file.
#[allow(clippy::unnecessary_wraps, reason = "elsewhere than on Unix there are no owners to look at")]
pub(super) fn owner(about: &Metadata) -> Option<u32> {
    #[cfg(unix)]
    return Some(std::os::unix::fs::MetadataExt::uid(about));
    #[cfg(not(unix))]
    {
        let _ = about;
        None
    }
}

/// The effective user of the process: the second number of its line `Uid`.
#[cfg(unix)]
fn process_user() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().nth(1)?.parse().ok()
}
