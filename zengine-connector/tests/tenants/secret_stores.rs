//! The secret stores for production: each keeps the contract, within its bounds, and prints nothing.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use zengine_connector::{
    Embedded, ErrorKind, Memory, Orchestrator, Secret, StrategyRegistry,
    store::{EnvSecrets, FileSecrets, SecretError, SecretFn, SecretScope, SecretStore, TenantWriter},
    testing::{SecretWriter, SimClock, secret_store_contract},
};

use crate::{
    host::{Acme, id, name, scope},
    log::Log,
};

type Variables = Arc<Mutex<HashMap<String, String>>>;

fn variables() -> (EnvSecrets, Variables) {
    let variables = Variables::default();
    let read = Arc::clone(&variables);
    (EnvSecrets::reading("HOST", move |name| read.lock().unwrap().get(name).cloned()), variables)
}

struct Environment(Variables);

#[async_trait]
impl SecretWriter for Environment {
    async fn put(&self, scope: &SecretScope, name: &str, values: &[&str]) {
        let variable = EnvSecrets::new("HOST").variable(scope, name);
        for (value, end) in values.iter().zip(["", "__PREVIOUS"]) {
            self.0.lock().unwrap().insert(format!("{variable}{end}"), (*value).to_owned());
        }
    }
}

struct Folder(PathBuf);

#[async_trait]
impl SecretWriter for Folder {
    async fn put(&self, scope: &SecretScope, name: &str, values: &[&str]) {
        for (value, end) in values.iter().zip(["", ".previous"]) {
            write(&self.0.join(FileSecrets::file_name(scope, name) + end), value);
        }
    }
}

/// A JSON file, written anew with every secret.
struct Document(PathBuf, Mutex<serde_json::Value>);

#[async_trait]
impl SecretWriter for Document {
    async fn put(&self, scope: &SecretScope, name: &str, values: &[&str]) {
        let mut document = self.1.lock().unwrap();
        let strategy = &mut document[scope.strategy().as_str()];
        let named = match scope {
            SecretScope::Tenant { tenant, .. } => &mut strategy["tenants"][tenant.as_str()],
            SecretScope::Shared { .. } => &mut strategy["shared"],
            _ => &mut strategy["application"],
        };
        named[name] = if let [value] = values { (*value).into() } else { values.into() };
        write(&self.0, &document.to_string());
    }
}

fn write(path: &Path, content: &str) {
    fs::write(path, content).unwrap();
    mode(path, 0o600);
}

#[cfg(unix)]
fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn mode(_: &Path, _: u32) {}

/// A folder of its owner's.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    mode(folder.path(), 0o700);
    folder
}

fn files(path: &Path) -> FileSecrets {
    FileSecrets::open(path).unwrap()
}

async fn get(store: &dyn SecretStore, name: &str) -> Result<String, SecretError> {
    let values = store.get(&scope(Some("acme")), name).await?;
    let values: Vec<_> = values.iter().map(|value| value.expose_str().unwrap()).collect();
    Ok(values.join("|"))
}

async fn token(store: &dyn SecretStore) -> Result<String, SecretError> {
    get(store, "token").await
}

#[tokio::test]
async fn variables_keep_the_contract() {
    let (store, variables) = variables();
    secret_store_contract(&store, &Environment(variables)).await;
}

#[tokio::test]
async fn a_folder_of_files_keeps_the_contract() {
    let folder = folder();
    secret_store_contract(&files(folder.path()), &Folder(folder.path().to_owned())).await;
}

#[tokio::test]
async fn a_file_keeps_the_contract() {
    let folder = folder();
    let path = folder.path().join("secrets.json");
    write(&path, "{}");
    secret_store_contract(&files(&path), &Document(path, Mutex::new(serde_json::json!({})))).await;
}

#[tokio::test]
async fn a_closure_keeps_the_contract() {
    let memory = Memory::new();
    let vault = memory.secrets();
    let store = SecretFn::new(move |scope, name| {
        let vault = Arc::clone(&vault);
        async move { vault.get(&scope, &name).await }
    });
    secret_store_contract(&store, &memory).await;
}

#[tokio::test]
async fn the_embedded_store_keeps_the_contract() {
    let folder = folder();
    let store = Embedded::open(folder.path().join("host.db")).unwrap();
    secret_store_contract(&*store.secrets(), &store.tenant_writer()).await;
}

#[tokio::test]
async fn secrets_of_the_embedded_store_are_encrypted_and_outlive_handles_and_rotations() {
    let folder = folder();
    let path = folder.path().join("host.db");
    let store = Embedded::open(&path).unwrap();
    let put = |values: &[&str]| {
        let values = values.iter().map(|value| Secret::from(*value)).collect();
        let writer = store.tenant_writer();
        async move { writer.put_secret(&scope(Some("acme")), "token", values).await }
    };
    put(&["canary-token", "canary-old"]).await.unwrap();
    store.rotate_key().unwrap();
    let reader = Embedded::open_read_only(&path).unwrap();
    store.snapshot(folder.path().join("copy.db")).unwrap();
    let copy = Embedded::open(folder.path().join("copy.db")).unwrap();
    for secrets in [store.secrets(), reader.secrets(), copy.secrets()] {
        assert_eq!(token(&*secrets).await.unwrap(), "canary-token|canary-old");
        assert!(!format!("{secrets:?} {store:?}").contains("canary"));
    }
    let bytes = fs::read(&path).unwrap();
    assert!(!bytes.windows(6).any(|bytes| bytes == b"canary"), "it stands in the file");
    put(&[]).await.unwrap();
    assert!(matches!(token(&*store.secrets()).await, Err(SecretError::NotFound)));
    // Bounds of what is written.
    let long = "x".repeat(64 * 1024 + 1);
    for (values, said) in [(&["x"; 17][..], "a secret has at most 16 values"), (&[&*long][..], "65537 bytes, at most 65536")] {
        let error = put(values).await.unwrap_err();
        assert_eq!(error.kind, zengine_connector::store::StoreErrorKind::TooLarge);
        assert!(error.source.unwrap().to_string().contains(said), "{said}");
    }
}

#[tokio::test]
async fn a_secret_moved_to_another_place_of_the_file_is_not_read() {
    use redb::ReadableTable as _;
    const SECRETS: redb::TableDefinition<'_, (&str, &str), &[u8]> = redb::TableDefinition::new("secrets");
    let folder = folder();
    let path = folder.path().join("host.db");
    let store = Embedded::open(&path).unwrap();
    store.tenant_writer().put_secret(&scope(Some("acme")), "token", vec!["canary".into()]).await.unwrap();
    drop(store);
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(SECRETS).unwrap();
        let sealed = table.get(("tenant/acme/acme", "token")).unwrap().unwrap().value().to_vec();
        table.insert(("tenant/acme/other", "token"), &*sealed).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    let store = Embedded::open(&path).unwrap();
    let error = store.secrets().get(&scope(Some("other")), "token").await.unwrap_err();
    assert!(matches!(error, SecretError::Malformed(_)) && !format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn the_embedded_store_needs_no_secrets_beside_it_and_one_beside_takes_their_place() {
    let folder = folder();
    let store = Embedded::open(folder.path().join("host.db")).unwrap();
    store.tenant_writer().put_secret(&scope(Some("acme")), "token", vec!["of the file".into()]).await.unwrap();
    let config = serde_json::json!({ "id": "a", "token": { "secret": "token" } });
    TenantWriter::put(&*store.tenant_writer(), &id("acme"), &name(), config.into()).await.unwrap();
    let vault = Memory::new();
    vault.put_secret(&scope(Some("acme")), "token", "of the vault");
    let host = || Orchestrator::builder().strategy(Acme::default()).sweep_every(None);
    for (builder, expected) in [
        (host().stores(&store), "of the file"),
        (host().stores(&store).secrets(vault.secrets()), "of the vault"),
        (host().secrets(vault.secrets()).stores(&store), "of the vault"),
    ] {
        let orchestrator = builder.build().unwrap();
        let bound = orchestrator.bound::<Acme>(&id("acme"), "acme").await.unwrap();
        assert_eq!(bound.token.expose(), expected);
    }
}

#[tokio::test]
async fn a_changed_file_is_read_at_once() {
    let folder = folder();
    let (store, writer) = (files(folder.path()), Folder(folder.path().to_owned()));
    for value in ["one", "two\n", "three\r\n"] {
        writer.put(&scope(Some("acme")), "token", &[value]).await;
        assert_eq!(token(&store).await.unwrap(), value.trim_end());
    }
    let path = folder.path().join("secrets.json");
    write(&path, "{}");
    let store = files(&path);
    for value in [r#"{"a":"one"}"#, r#"{"a":"two"}"#] {
        write(&path, &format!(r#"{{"acme":{{"tenants":{{"acme":{{"token":{value}}}}}}}}}"#));
        assert_eq!(token(&store).await.unwrap(), value);
    }
}

#[tokio::test]
async fn a_path_without_secrets_is_a_setting_and_one_that_is_gone_later_an_outage_until_it_is_back() {
    let above = folder();
    let (folder, document) = (above.path().join("secrets"), above.path().join("secrets.json"));
    for path in [&folder, &document] {
        let error = FileSecrets::open(path).unwrap_err();
        assert_eq!((error.kind(), error.context("actual")), (ErrorKind::Settings, path.to_str()), "{error}");
        assert!(error.to_string().contains("mount"), "{error}");
    }
    fs::create_dir(&folder).unwrap();
    mode(&folder, 0o700);
    write(&document, r#"{"acme":{"tenants":{"acme":{"token":"canary"}}}}"#);
    for path in [folder, document] {
        let store = files(&path);
        if path.is_dir() {
            assert!(matches!(token(&store).await, Err(SecretError::NotFound)), "the folder is there, and its file comes later");
            Folder(path.clone()).put(&scope(Some("acme")), "token", &["canary"]).await;
        }
        let aside = path.with_extension("aside");
        for _ in 0..2 {
            assert_eq!(token(&store).await.unwrap(), "canary");
            fs::rename(&path, &aside).unwrap();
            assert!(matches!(token(&store).await, Err(SecretError::Unavailable(Some(_)))), "{path:?}");
            fs::rename(&aside, &path).unwrap();
        }
    }
}

#[tokio::test]
async fn files_that_are_wrong_or_too_large_are_refused_without_their_content() {
    let folder = folder();
    let path = folder.path().join(FileSecrets::file_name(&scope(Some("acme")), "token"));
    let store = files(folder.path());
    write(&path, &"canary".repeat(11_000));
    let large = token(&store).await.unwrap_err();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let no_file = token(&store).await.unwrap_err();
    let document = folder.path().join("canary.json");
    write(&document, "{}");
    let store = files(&document);
    let mut errors = vec![large, no_file];
    for content in [
        "canary",
        r#"{"acme":{"tenant":{"acme":{"token":"canary"}}}}"#,
        r#"{"acme":{"tenants":{"acme":{"token":17}}}}"#,
        r#"{"acme":{"tenants":{"acme":{"token":[["canary"]]}}}}"#,
        &format!("{{}}{}", " ".repeat(1 << 20)),
    ] {
        write(&document, content);
        errors.push(token(&store).await.unwrap_err());
    }
    for error in errors {
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        assert_eq!(zengine_connector::Error::from(error).kind(), ErrorKind::ConfigInvalid);
    }
    assert!(!format!("{store:?}").contains("token"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_may_write_is_refused_and_one_they_may_read_warned_of_once() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let folder = folder();
    let (store, writer) = (files(folder.path()), Folder(folder.path().to_owned()));
    writer.put(&scope(Some("acme")), "token", &["canary"]).await;
    let path = folder.path().join(FileSecrets::file_name(&scope(Some("acme")), "token"));
    for (file, above, refused) in [
        (0o600, 0o700, false),
        (0o620, 0o700, true),
        (0o602, 0o700, true),
        (0o1602, 0o700, true), // sticky is for folders
        (0o600, 0o770, true),
        (0o600, 0o777, true),
        (0o400, 0o1777, false), // as a container platform mounts it
        (0o644, 0o755, false),
        (0o444, 0o755, false),
    ] {
        mode(&path, file);
        mode(folder.path(), above);
        let read = token(&store).await;
        assert_eq!(read.is_err(), refused, "{file:o} in {above:o}");
        if let Err(error) = read {
            let (path, mode) = if file & 0o022 == 0 {
                (folder.path().canonicalize().unwrap(), above)
            } else {
                (FileSecrets::file_name(&scope(Some("acme")), "token").into(), file)
            };
            let place = format!(": {} has mode {mode:03o}: chmod go-w", path.display());
            assert!(error.to_string().ends_with(&place), "{error}");
        }
    }
    let lines = log.lines("secrets.readable_by_others");
    assert!(lines.len() == 1 && lines[0].contains("acme.tenant.acme.token") && lines[0].contains("644"), "{lines:?}");
    assert!(log.lines("canary").is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_above_that_others_may_write_makes_the_whole_folder_theirs() {
    let above = folder();
    let path = above.path().join("secrets");
    fs::create_dir(&path).unwrap();
    mode(&path, 0o700);
    Folder(path.clone()).put(&scope(Some("acme")), "token", &["canary"]).await;
    let link = above.path().join("link");
    std::os::unix::fs::symlink("secrets", &link).unwrap();
    for (permissions, refused) in [(0o777, true), (0o1777, false), (0o755, false)] {
        mode(above.path(), permissions);
        for path in [&path, &link] {
            assert_eq!(token(&files(path)).await.is_err(), refused, "{path:?} in {permissions:o}");
        }
    }
    // A link to it in such a folder: others could lead it elsewhere.
    let elsewhere = folder();
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for (permissions, refused) in [(0o777, true), (0o1777, false), (0o700, false)] {
        mode(elsewhere.path(), permissions);
        assert_eq!(token(&files(&link)).await.is_err(), refused, "in {permissions:o}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn files_links_and_folders_of_other_users_are_refused_unless_they_are_named() {
    use std::os::unix::fs::{chown, lchown, symlink};
    const OTHER: u32 = 65_534;
    let above = folder();
    mode(above.path(), 0o755);
    let path = above.path().join("secrets");
    fs::create_dir(&path).unwrap();
    mode(&path, 0o755);
    Folder(path.clone()).put(&scope(Some("acme")), "token", &["canary"]).await;
    let (file, real) = (path.join(FileSecrets::file_name(&scope(Some("acme")), "token")), path.join("real"));
    fs::rename(&file, &real).unwrap();
    symlink("real", &file).unwrap();
    if lchown(&file, Some(OTHER), None).is_err() {
        return; // Only root gives files away.
    }
    lchown(&file, Some(0), None).unwrap();
    let store = files(&path);
    assert_eq!(token(&store).await.unwrap(), "canary");
    for of_other in [&file, &real, &path, &above.path().to_owned()] {
        lchown(of_other, Some(OTHER), None).unwrap();
        let error = token(&store).await.unwrap_err();
        assert!(
            error.to_string().contains(" belongs to user 65534: chown it, or trust that user with owned_by(65534)"),
            "{of_other:?}: {error}"
        );
        assert_eq!(token(&files(&path).owned_by(OTHER)).await.unwrap(), "canary");
        assert!(token(&files(&path).owned_by(OTHER - 1)).await.is_err());
        chown(above.path(), Some(0), None).unwrap();
        lchown(of_other, Some(0), None).unwrap();
    }
}

#[tokio::test]
async fn a_name_that_no_file_can_have_is_not_found_and_one_that_just_fits_is_read() {
    let folder = folder();
    let store = files(folder.path());
    let start = FileSecrets::file_name(&scope(Some("acme")), "").len();
    for (length, found) in [(246, true), (247, true), (255, true), (256, false), (5_000, false)] {
        let name = "n".repeat(length - start);
        if found {
            write(&folder.path().join(FileSecrets::file_name(&scope(Some("acme")), &name)), "canary");
        }
        match get(&store, &name).await {
            Ok(value) => assert!(found && value == "canary", "{length}"),
            Err(error) => assert!(!found && matches!(error, SecretError::NotFound), "{length}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_secret_of_the_full_size_may_end_its_line() {
    let folder = folder();
    let path = folder.path().join(FileSecrets::file_name(&scope(Some("acme")), "token"));
    let store = files(folder.path());
    for (length, end, fits) in
        [(65_536, "", true), (65_536, "\n", true), (65_536, "\r\n", true), (65_537, "", false), (65_537, "\n", false)]
    {
        write(&path, &("x".repeat(length) + end));
        assert_eq!(token(&store).await.map_or(0, |value| value.len()), if fits { length } else { 0 }, "{length} {end:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn links_are_followed_inside_the_folder_only() {
    use std::os::unix::fs::symlink;
    let (folder, elsewhere) = (folder(), folder());
    let name = FileSecrets::file_name(&scope(Some("acme")), "token");
    let store = files(folder.path());
    // As Kubernetes mounts a secret, and changes it: by moving `..data` to another folder.
    for (data, value) in [("..2026_01", "one"), ("..2026_02", "two")] {
        let data = folder.path().join(data);
        fs::create_dir(&data).unwrap();
        mode(&data, 0o755);
        write(&data.join(&name), value);
        symlink(data.file_name().unwrap(), folder.path().join("..next")).unwrap();
        fs::rename(folder.path().join("..next"), folder.path().join("..data")).unwrap();
        if value == "one" {
            symlink(Path::new("..data").join(&name), folder.path().join(&name)).unwrap();
        }
        assert_eq!(token(&store).await.unwrap(), value);
    }
    // A folder inside that others may write.
    mode(&folder.path().join("..2026_02"), 0o777);
    let error = token(&store).await.unwrap_err();
    assert!(error.to_string().ends_with(": ..2026_02 has mode 777: chmod go-w"), "{error}");
    write(&elsewhere.path().join("canary"), "canary");
    fs::remove_file(folder.path().join(&name)).unwrap();
    symlink(elsewhere.path().join("canary"), folder.path().join(&name)).unwrap();
    let error = token(&store).await.unwrap_err();
    assert!(error.to_string().contains("out of its folder") && !format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_closure_that_hangs_panics_or_gives_too_much_is_an_error_in_time() {
    let kinds = [
        ("hang", ErrorKind::Secret),
        ("panic", ErrorKind::Secret),
        ("large", ErrorKind::ConfigInvalid),
        ("many", ErrorKind::ConfigInvalid),
    ];
    for (what, kind) in kinds {
        let secrets = SecretFn::new(move |_, _| async move {
            match what {
                "hang" => std::future::pending().await,
                "panic" => panic!("the vault was told to"),
                "large" => Ok(vec!["canary".repeat(11_000).into()]),
                _ => Ok((0..17).map(|_| Secret::from("canary")).collect()),
            }
        });
        assert_eq!(format!("{secrets:?}"), "SecretFn { .. }");
        let error = refusal(secrets).await;
        assert_eq!(error.kind(), kind, "{what}: {error}");
        assert!(!format!("{error} {error:?}").contains("canary"));
        if what == "large" {
            assert_eq!((error.context("limit"), error.context("actual")), (Some("65536"), Some("66000")));
            assert_eq!(error.violations()[0].to_string(), "/token: the secret is too large (limit 65536, actual 66000)");
        }
    }
}

/// The error of a tenant that is bound over these secrets.
async fn refusal(secrets: impl SecretStore) -> zengine_connector::Error {
    let memory = Memory::new();
    memory.put_tenant(&id("acme"), &name(), serde_json::json!({ "id": "a", "token": { "secret": "token" } }));
    let registry = StrategyRegistry::builder().register(Acme::default()).build().unwrap();
    let builder = Orchestrator::builder().registry(&registry).stores(&memory).secrets(Arc::new(secrets)).clock(Arc::new(SimClock::new()));
    let orchestrator = builder.build().unwrap();
    let (acme, bound) = (id("acme"), Duration::from_secs(60));
    tokio::time::timeout(bound, orchestrator.bound::<Acme>(&acme, "acme")).await.unwrap().unwrap_err()
}

#[tokio::test]
async fn an_error_about_a_missing_secret_says_where_it_was_looked_for() {
    let folder = folder();
    let document = folder.path().join("canary.json");
    write(&document, "{}");
    let looked_in = |error: zengine_connector::Error| {
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        error.context("looked_in").unwrap().to_owned()
    };
    assert_eq!(looked_in(refusal(variables().0).await), "variable HOST__ACME__TENANT__ACME__TOKEN, variable HOST__ACME__SHARED__TOKEN");
    assert_eq!(looked_in(refusal(files(folder.path())).await), "file acme.tenant.acme.token, file acme.shared.token");
    let in_words = "the scope of tenant acme in the file of secrets, the shared scope in the file of secrets";
    assert_eq!(looked_in(refusal(files(&document)).await), in_words);
    let closure = SecretFn::new(|_, _| async { Err(SecretError::NotFound) });
    assert_eq!(looked_in(refusal(closure).await), "the scope of tenant acme, the shared scope");
}
