//! Cases of the media store.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{ALIKE, NOW, Subject, Works as _, at_once, tenant};
use crate::store::{MediaStore, NewFile, StoreErrorKind, StoredFile};

const TTL: Duration = Duration::from_secs(60);

fn files(subject: &Subject) -> &Arc<dyn MediaStore> {
    subject.stores.media.as_ref().expect("the cases of `media` need a bundle with a media store")
}

async fn put(subject: &Subject, of: &str, id: &str, bytes: impl Into<Bytes>) -> StoredFile {
    files(subject).put(&tenant(of), id, &NewFile::new(bytes), TTL, NOW).await.works("`put`")
}

async fn whole(subject: &Subject, of: &str, id: &str, now: i64) -> Option<Bytes> {
    files(subject).get(&tenant(of), id, 0..NewFile::MAX_BYTES, now).await.works("`get`")
}

/// A file comes back as it was stored, whole and in ranges, which end with the file.
pub async fn a_file_is_read_in_ranges(subject: &Subject) {
    let bytes: Bytes = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let file = NewFile::new(bytes.clone()).with_mime("audio/ogg; codecs=opus").with_name("Größe \"1\".ogg");
    let (files, acme) = (files(subject), tenant("acme"));
    let stored = files.put(&acme, "voice", &file, TTL, NOW).await.works("`put`");
    let end = NOW + 60_000;
    assert_eq!(stored, file.stored("voice", end), "`put` returned (left) other facts than those of the file");
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
    let empty = put(subject, "acme", "empty", "").await;
    assert_eq!((empty.bytes, whole(subject, "acme", &empty.id, NOW).await), (0, Some(Bytes::new())), "an empty file is a file too");
}

/// A file is absent from its end on.
pub async fn a_file_expires_exactly_at_its_end(subject: &Subject) {
    let stored = put(subject, "acme", "1", "photo").await;
    let end = NOW + 60_000;
    assert!(whole(subject, "acme", &stored.id, end - 1).await.is_some(), "`get` lost a file a millisecond before its end");
    assert_eq!(whole(subject, "acme", &stored.id, end).await, None, "`get` returned (left) a file at its end: it is then expired");
    let found = files(subject).info(&tenant("acme"), &stored.id, end).await.works("`info`");
    assert_eq!(found, None, "`info` returned (left) a file at its end: it is then expired");
    let url = files(subject).url(&tenant("acme"), &stored.id, end).await.works("`url`");
    assert!(url.is_none(), "`url` returned an address of an expired file");
    let forever = files(subject).put(&tenant("acme"), "2", &NewFile::new("x"), Duration::MAX, NOW).await.works("`put`");
    assert!(
        whole(subject, "acme", &forever.id, i64::MAX - 1).await.is_some(),
        "a file of the longest lifetime must never expire: add times with saturation"
    );
}

/// A file is its tenant's alone, also if another tenant has one under the same id.
pub async fn files_of_different_tenants_are_separate(subject: &Subject) {
    let files = files(subject);
    let stored = put(subject, "acme", "1", "photo").await;
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
    put(subject, "other", "1", "theirs").await;
    let (own, theirs) = (whole(subject, "acme", "1", NOW).await, whole(subject, "other", "1", NOW).await);
    assert_eq!((own.as_deref(), theirs.as_deref()), (Some(&b"photo"[..]), Some(&b"theirs"[..])), "an id is each tenant's own");
}

/// An id stands for the bytes that were stored first, until they end or are deleted, also if two calls meet.
pub async fn a_file_that_stands_is_not_replaced(subject: &Subject) {
    let (files, acme) = (files(subject), tenant("acme"));
    let first = NewFile::new("photo").with_mime("image/png");
    let stored = files.put(&acme, "1", &first, TTL, NOW).await.works("`put`");
    let again = files.put(&acme, "1", &NewFile::new("another one"), Duration::from_secs(90), NOW).await.works("`put`");
    let found = whole(subject, "acme", "1", NOW + 89_999).await;
    assert_eq!(found.as_deref(), Some(&b"photo"[..]), "`put` replaced a file that stands, or did not move its end");
    assert_eq!(again, StoredFile { expires_at_ms: NOW + 90_000, ..stored }, "`put` returned (left) other facts than those of the file");
    let put_later = files.put(&acme, "1", &NewFile::new("later"), TTL, NOW + 90_000).await.works("`put` after the end of a file");
    assert_eq!((put_later.bytes, put_later.mime), (5, None), "`put` kept an expired file");
    assert_eq!(whole(subject, "acme", "1", NOW + 90_000).await.as_deref(), Some(&b"later"[..]), "`put` kept an expired file");
    let all = at_once(4, |n| {
        let (files, acme, file) = (Arc::clone(files), acme.clone(), NewFile::new(n.to_string().repeat(100_000 * (n + 1))));
        async move { files.put(&acme, "2", &file, TTL, NOW).await }
    });
    let all: Vec<_> = all.await.into_iter().map(|stored| stored.works("`put` by several callers")).collect();
    let kept = whole(subject, "acme", "2", NOW).await.unwrap_or_default();
    assert!(all.iter().all(|stored| stored.bytes == kept.len() as u64), "`put` told callers that meet of different files under one id");
    assert!(kept.iter().all(|byte| usize::from(byte - b'0' + 1) * 100_000 == kept.len()), "`put` mixed the bytes of callers that meet");
}

/// The end of a file moves to a later time only, and an absent file stays absent.
pub async fn the_end_of_a_file_moves_only_later(subject: &Subject) {
    let (files, acme) = (files(subject), tenant("acme"));
    let extend = async |id: &str, ttl, now| files.extend(&acme, id, Duration::from_secs(ttl), now).await.works("`extend`");
    let stored = put(subject, "acme", "1", "photo").await;
    assert_eq!(extend("1", 10, NOW).await, Some(stored.clone()), "`extend` moved the end of a file (left) to an earlier time");
    let later = StoredFile { expires_at_ms: NOW + 120_000, ..stored };
    assert_eq!(extend("1", 100, NOW + 20_000).await.as_ref(), Some(&later), "`extend` returned (left) other facts than those of the file");
    assert_eq!(files.info(&acme, "1", NOW + 119_999).await.works("`info`"), Some(later), "`extend` did not move the end of a file");
    assert_eq!(whole(subject, "acme", "1", NOW + 119_999).await.as_deref(), Some(&b"photo"[..]), "`extend` lost the bytes of a file");
    assert_eq!(extend("1", 10, NOW + 120_000).await, None, "`extend` returned (left) an expired file");
    assert_eq!(extend("2", 10, NOW).await, None, "`extend` returned (left) a file that was never stored");
    assert_eq!(files.extend(&tenant("other"), "1", TTL, NOW).await.works("`extend`"), None, "`extend` found a file of another tenant");
}

/// A deleted file is absent, and may be deleted again.
pub async fn a_deleted_file_is_absent(subject: &Subject) {
    let (deleted, kept) = (put(subject, "acme", "1", "photo").await, put(subject, "acme", "2", "other").await);
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
        stored.push(put(subject, "acme", &n.to_string(), "photo").await.id);
    }
    let other = put(subject, "acmes", "0", "kept").await;
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
        let refused = files(subject).put(&tenant("acme"), "1", &file, TTL, NOW).await;
        let kind = refused.map_err(|error| error.kind);
        assert_eq!(kind, Err(StoreErrorKind::TooLarge), "`put` of {file:?} must be refused: call `NewFile::check`");
    }
}
