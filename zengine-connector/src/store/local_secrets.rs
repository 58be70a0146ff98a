//! Local secrets: environment variables and files of the host.

use std::{io::Read as _, sync::Arc};

use async_trait::async_trait;

use super::{SecretError, SecretScope, SecretStore};
use crate::secret::{Secret, SecretRef};

/// Maximum size of a secret's file, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// A secret store that resolves `{"env": …}` and `{"file": …}` on the host and passes named secrets to another store.
///
/// The orchestrator wraps its secret store in one. A *tenant's* configuration may hold such references only with
/// [`OrchestratorBuilder::allow_local_refs`](crate::OrchestratorBuilder::allow_local_refs).
///
/// One line break at the end of a file is removed. Errors hold neither the path nor the content.
#[derive(Clone, Debug)]
pub struct LocalSecrets {
    named: Arc<dyn SecretStore>,
}

impl LocalSecrets {
    /// A store that passes named secrets to `named`.
    pub fn new(named: Arc<dyn SecretStore>) -> Self {
        Self { named }
    }
}

#[async_trait]
impl SecretStore for LocalSecrets {
    async fn get(&self, scope: &SecretScope, reference: &SecretRef) -> Result<Vec<Secret<Vec<u8>>>, SecretError> {
        match reference {
            SecretRef::Named { .. } => self.named.get(scope, reference).await,
            SecretRef::Env { env } => Ok(vec![variable(env)?]),
            SecretRef::File { file } => Ok(vec![read(file)?]),
        }
    }
}

fn variable(name: &str) -> Result<Secret<Vec<u8>>, SecretError> {
    match std::env::var(name) {
        Ok(value) => Ok(Secret::new(value.into_bytes())),
        Err(std::env::VarError::NotPresent) => Err(SecretError::NotFound),
        Err(std::env::VarError::NotUnicode(_)) => Err(SecretError::Malformed("an environment variable is not text")),
    }
}

/// Reads a file in the calling thread: it is small and read every few minutes at most.
fn read(path: &str) -> Result<Secret<Vec<u8>>, SecretError> {
    // Opening a pipe would block until the other end is open.
    let about = std::fs::metadata(path).map_err(|error| refusal(&error))?;
    if !about.is_file() {
        return Err(SecretError::Malformed("a secret's file is not a plain file"));
    }
    // Allocate the whole size: a buffer that grows would leave copies of the secret in memory.
    let room = usize::try_from(about.len().min(MAX_FILE)).unwrap_or_default() + 1;
    let mut value = Vec::with_capacity(room);
    std::fs::File::open(path)
        .map_err(|error| refusal(&error))?
        .take(MAX_FILE + 1)
        .read_to_end(&mut value)
        .map_err(|error| refusal(&error))?;
    if value.len() as u64 > MAX_FILE {
        drop(Secret::new(value));
        return Err(SecretError::Malformed("a secret's file is too large"));
    }
    if value.last() == Some(&b'\n') {
        value.pop();
        if value.last() == Some(&b'\r') {
            value.pop();
        }
    }
    Ok(Secret::new(value))
}

/// Converts the error without the operating system's text, which may hold the path.
fn refusal(error: &std::io::Error) -> SecretError {
    match error.kind() {
        std::io::ErrorKind::NotFound => SecretError::NotFound,
        std::io::ErrorKind::PermissionDenied => SecretError::Denied,
        _ => SecretError::Malformed("a secret's file cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::ids::StrategyName;

    #[derive(Debug)]
    struct Named;

    #[async_trait]
    impl SecretStore for Named {
        async fn get(&self, _: &SecretScope, reference: &SecretRef) -> Result<Vec<Secret<Vec<u8>>>, SecretError> {
            assert!(!reference.is_local());
            Ok(vec![Secret::new(b"named".to_vec())])
        }
    }

    fn get(reference: &SecretRef) -> Result<String, SecretError> {
        let scope = SecretScope::application(StrategyName::new("x").unwrap());
        let values = LocalSecrets::new(Arc::new(Named)).get(&scope, reference).now_or_never().unwrap()?;
        Ok(values[0].expose_str().unwrap().to_owned())
    }

    #[test]
    fn named_secrets_come_from_the_inner_store_and_variables_from_the_host() {
        assert_eq!(get(&SecretRef::named("x")).unwrap(), "named");
        assert_eq!(get(&SecretRef::env("CARGO_PKG_NAME")).unwrap(), "zengine-connector");
        for missing in ["ZENGINE_NO_SUCH_VARIABLE", "", "A=B"] {
            assert!(matches!(get(&SecretRef::env(missing)), Err(SecretError::NotFound)), "{missing}");
        }
    }

    #[test]
    fn one_line_break_at_the_end_of_a_file_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (content, value) in [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("\na ", "\na ")] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(get(&SecretRef::file(path.to_str().unwrap())).unwrap(), value, "{content:?}");
        }
    }

    #[test]
    fn errors_of_a_file_name_neither_path_nor_content() {
        let folder = tempfile::Builder::new().prefix("canary").tempdir().unwrap();
        let large = folder.path().join("large");
        std::fs::write(&large, "canary".repeat(11_000)).unwrap();
        let missing = folder.path().join("missing");
        for (path, expected) in [
            (large.as_path(), "a secret's file is too large"),
            (folder.path(), "a secret's file is not a plain file"),
            (&missing, "no such secret"),
        ] {
            let error = get(&SecretRef::file(path.to_str().unwrap())).unwrap_err();
            assert_eq!(error.to_string(), expected);
            let printed = format!("{error:?}") + &format!("{:?}", crate::Error::from(error));
            assert!(!printed.contains("canary"), "{printed}");
        }
    }
}
