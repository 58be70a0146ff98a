//! Cases of the media store.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{ALIKE, NOW, Subject, Works as _, tenant};
use crate::store::{MediaStore, NewFile, StoreErrorKind, StoredFile};

const TTL: Duration = Duration::from_secs(60);

fn files(subject: &Subject) -> &Arc<dyn MediaStore> {
    subject.stores.media.as_ref().expect("the cases of `media` need a bundle with a media store")
}

async fn put(subject: &Subject, of: &str, bytes: impl Into<Bytes>) -> StoredFile {
    files(subject).put(&tenant(of), &NewFile::new(bytes), TTL, NOW).await.works("`put`")
}

async fn whole(subject: &Subject, of: &str, id: &str, now: i64) -> Option<Bytes> {
    files(subject).get(&tenant(of), id, 0..NewFile::MAX_BYTES, now).await.works("`get`")
}

/// A file comes back as it was stored, whole and in ranges, which end with the file.
pub async fn a_file_is_read_in_ranges(subject: &Subject) {
    let bytes: Bytes = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let file = NewFile::new(bytes.clone()).with_mime("audio/ogg; codecs=opus").with_name("Größe \"1\".ogg");
    let (files, acme) = (files(subject), tenant("acme"));
    let stored = files.put(&acme, &file, TTL, NOW).await.works("`put`");
    let end = NOW + 60_000;
    assert_eq!(stored, file.stored(&*stored.id, end), "`put` returned (left) other facts than those of the file");
    assert_eq!(
        files.info(&acme, &stored.id, NOW).await.works("`info`").as_ref(),
        Some(&stored),
        "`info` returned (left) other facts than `put`"
    );
    assert!(whole(subject, "acme", &stored.id, NOW).await.as_ref() == Some(&bytes), "`get` of a whole file returned other bytes");
    for (from, to) in
        [(0, 1), (1, 65_537), (61_439, 61_441), (123_456, 234_567), (299_999, 300_001), (300_000, 300_001), (9, 9), (400_000, 500_000)]
    {
        let within = |at: u64| usize::try_from(at).unwrap().min(bytes.len());
        let got = files.get(&acme, &stored.id, from..to, NOW).await.works("`get`");
        let fits = got.as_ref().is_some_and(|got| *got == bytes[within(from)..within(to)]);
        assert!(fits, "`get` of the bytes {from} to {to} of 300000 returned other bytes, {:?} of them", got.map(|got| got.len()));
    }
    let empty = put(subject, "acme", "").await;
    assert_eq!((empty.bytes, whole(subject, "acme", &empty.id, NOW).await), (0, Some(Bytes::new())), "an empty file is a file too");
}

/// A file is absent from its end on.
pub async fn a_file_expires_exactly_at_its_end(subject: &Subject) {
    let stored = put(subject, "acme", "photo").await;
    let end = NOW + 60_000;
    assert!(whole(subject, "acme", &stored.id, end - 1).await.is_some(), "`get` lost a file a millisecond before its end");
    assert_eq!(whole(subject, "acme", &stored.id, end).await, None, "`get` returned (left) a file at its end: it is then expired");
    let found = files(subject).info(&tenant("acme"), &stored.id, end).await.works("`info`");
    assert_eq!(found, None, "`info` returned (left) a file at its end: it is then expired");
    let url = files(subject).url(&tenant("acme"), &stored.id, end).await.works("`url`");
    assert!(url.is_none(), "`url` returned an address of an expired file");
    let forever = files(subject).put(&tenant("acme"), &NewFile::new("x"), Duration::MAX, NOW).await.works("`put`");
    assert!(
        whole(subject, "acme", &forever.id, i64::MAX - 1).await.is_some(),
        "a file of the longest lifetime must never expire: add times with saturation"
    );
}

/// A file is its tenant's alone, and each `put` makes an id of its own.
pub async fn files_of_different_tenants_are_separate(subject: &Subject) {
    let files = files(subject);
    let stored = put(subject, "acme", "photo").await;
    assert_ne!(put(subject, "acme", "photo").await.id, stored.id, "`put` gave two files one id: an id stands for one file for ever");
    for other in ["other", "ACME", "acm"] {
        let other = tenant(other);
        assert_eq!(files.info(&other, &stored.id, NOW).await.works("`info`"), None, "`info` returned (left) a file of another tenant");
        assert_eq!(files.get(&other, &stored.id, 0..9, NOW).await.works("`get`"), None, "`get` returned (left) a file of another tenant");
        assert!(files.url(&other, &stored.id, NOW).await.works("`url`").is_none(), "`url` returned an address of another tenant's file");
        files.delete(&other, &stored.id).await.works("`delete`");
    }
    for odd in ["", "..", "../x", "a|b", "\0", &format!("{} ", stored.id), &"x".repeat(2_000)].into_iter().chain(ALIKE) {
        assert_eq!(files.info(&tenant("acme"), odd, NOW).await.works("`info` of an odd id"), None, "`info` of {odd:.30?} found a file");
        files.delete(&tenant("acme"), odd).await.works("`delete` of an odd id");
    }
    assert!(whole(subject, "acme", &stored.id, NOW).await.is_some(), "`delete` removed a file of another tenant, or of another id");
}

/// A deleted file is absent, and may be deleted again.
pub async fn a_deleted_file_is_absent(subject: &Subject) {
    let (deleted, kept) = (put(subject, "acme", "photo").await, put(subject, "acme", "other").await);
    for _ in 0..2 {
        files(subject).delete(&tenant("acme"), &deleted.id).await.works("`delete`");
        assert_eq!(whole(subject, "acme", &deleted.id, NOW).await, None, "`get` returned (left) a file that was deleted");
    }
    assert!(whole(subject, "acme", &kept.id, NOW).await.is_some(), "`delete` removed another file too");
}

/// All files of a tenant are erased, in steps, and no others. A store may leave this out.
pub async fn the_files_of_a_tenant_are_erased(subject: &Subject) {
    let mut stored = Vec::new();
    for n in 0..5 {
        stored.push(put(subject, "acme", n.to_string()).await.id);
    }
    let other = put(subject, "acmes", "kept").await;
    let (mut erased, acme) = (0, tenant("acme"));
    loop {
        let step = match files(subject).erase(&acme, 2).await {
            Err(error) if error.kind == StoreErrorKind::Unsupported => return,
            step => step.works("`erase`"),
        };
        assert!(step <= 2, "`erase` removed {step} files for a limit of 2");
        erased += step;
        if step == 0 {
            break;
        }
    }
    assert_eq!(erased, 5, "`erase` removed (left) another number of files than the tenant has");
    for id in stored {
        assert_eq!(whole(subject, "acme", &id, NOW).await, None, "`get` returned (left) a file that was erased");
    }
    assert!(whole(subject, "acmes", &other.id, NOW).await.is_some(), "`erase` removed a file of another tenant");
}

/// A file above the bound is refused.
pub async fn a_file_that_is_too_large_is_refused(subject: &Subject) {
    let large = usize::try_from(NewFile::MAX_BYTES).unwrap() + 1;
    for file in [NewFile::new(vec![0; large]), NewFile::new("").with_name("x".repeat(NewFile::MAX_TEXT + 1))] {
        let refused = files(subject).put(&tenant("acme"), &file, TTL, NOW).await;
        let kind = refused.map_err(|error| error.kind);
        assert_eq!(kind, Err(StoreErrorKind::TooLarge), "`put` of {file:?} must be refused: call `NewFile::check`");
    }
}
