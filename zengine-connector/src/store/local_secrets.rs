//! Local secrets: environment variables and files of the host.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;

use super::{SecretAnswer, SecretError, SecretScope, SecretStore, secret_file::read};
use crate::secret::{Secret, SecretRef};

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
            SecretRef::File { file } => Ok(vec![read(Path::new(file))?]),
        }
    }

    /// Passes all named secrets to the other store in one call.
    async fn get_all(&self, scope: &SecretScope, references: &[SecretRef]) -> Vec<SecretAnswer> {
        let named: Vec<_> = references.iter().filter(|reference| !reference.is_local()).cloned().collect();
        let answers = if named.is_empty() { vec![] } else { self.named.get_all(scope, &named).await };
        // With another number of answers, a value could stand in for another secret.
        let mut answers = (answers.len() == named.len()).then(|| answers.into_iter());
        let mut values = Vec::with_capacity(references.len());
        for reference in references {
            values.push(match reference {
                SecretRef::Named { .. } => answers.as_mut().and_then(Iterator::next).unwrap_or_else(|| Err(miscounted())),
                local => self.get(scope, local).await,
            });
        }
        values
    }
}

fn miscounted() -> SecretError {
    SecretError::Unavailable(Some("the secret store gave another number of answers than it was asked for".into()))
}

fn variable(name: &str) -> Result<Secret<Vec<u8>>, SecretError> {
    match std::env::var(name) {
        Ok(value) => Ok(Secret::new(value.into_bytes())),
        Err(std::env::VarError::NotPresent) => Err(SecretError::NotFound),
        Err(std::env::VarError::NotUnicode(_)) => Err(SecretError::Malformed("an environment variable is not text")),
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

    /// A store that reads many secrets at once, each with its name as its value, and gives so many answers.
    #[derive(Debug)]
    struct Batching {
        answers: usize,
    }

    #[async_trait]
    impl SecretStore for Batching {
        async fn get(&self, _: &SecretScope, _: &SecretRef) -> SecretAnswer {
            panic!("the references are read in one call");
        }

        async fn get_all(&self, _: &SecretScope, references: &[SecretRef]) -> Vec<SecretAnswer> {
            let named = references.iter().map(|reference| match reference {
                SecretRef::Named { secret, .. } => Ok(vec![Secret::new(secret.clone().into_bytes())]),
                _ => panic!("local references stay here"),
            });
            named.take(self.answers).collect()
        }
    }

    #[test]
    fn named_secrets_are_passed_on_in_one_call_and_answers_keep_their_order() {
        let scope = SecretScope::shared(StrategyName::new("x").unwrap());
        let references =
            [SecretRef::named("a"), SecretRef::env("CARGO_PKG_NAME"), SecretRef::env("ZENGINE_NO_SUCH_VARIABLE"), SecretRef::named("b")];
        let get_all = |answers| LocalSecrets::new(Arc::new(Batching { answers })).get_all(&scope, &references).now_or_never().unwrap();
        let texts = |answers: Vec<SecretAnswer>| {
            answers.into_iter().map(|answer| answer.ok().map(|values| values[0].expose_str().unwrap().to_owned())).collect::<Vec<_>>()
        };
        let found = texts(get_all(2));
        assert_eq!(found.iter().map(Option::as_deref).collect::<Vec<_>>(), [Some("a"), Some("zengine-connector"), None, Some("b")]);
        // One answer for two secrets belongs to either: neither is used.
        let found = get_all(1);
        assert!(matches!((&found[0], &found[3]), (Err(SecretError::Unavailable(Some(_))), Err(SecretError::Unavailable(Some(_))))));
        assert!(found[1].is_ok());
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
            (&missing, "the secret does not exist"),
        ] {
            let error = get(&SecretRef::file(path.to_str().unwrap())).unwrap_err();
            assert_eq!(error.to_string(), expected);
            let printed = format!("{error:?}") + &format!("{:?}", crate::Error::from(error));
            assert!(!printed.contains("canary"), "{printed}");
        }
    }
}
