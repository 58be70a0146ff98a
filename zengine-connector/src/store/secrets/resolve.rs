//! Secrets by reference: what a store answers, checked, and what the host's own environment and files hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    env::{self, VarError},
    path::Path,
};

use serde_json::value::RawValue;

use super::{MAX_SECRET, SecretAnswer, SecretError, SecretScope, SecretStore, file::read, members::Members};
use crate::secret::{Secret, SecretRef};

/// Maximum length of a secret's name, in bytes.
const MAX_NAME: usize = 255;
/// Maximum number of values of a secret.
const MAX_VALUES: usize = 16;

/// One answer per reference. Asks the store in one call, for each name once, so that all members of a secret are of one version of it.
pub(crate) async fn resolve(store: &dyn SecretStore, scope: &SecretScope, references: &[SecretRef]) -> Vec<SecretAnswer> {
    let names: BTreeSet<&str> = references
        .iter()
        .filter_map(|reference| match reference {
            SecretRef::Named { secret, .. } => Some(&**secret),
            _ => None,
        })
        .collect();
    let names: Vec<_> = names.into_iter().collect();
    let answers = if names.is_empty() { vec![] } else { store.get_all(scope, &names).await };
    // With another number of answers, a value could stand in for another secret.
    let named: Option<BTreeMap<_, _>> = (answers.len() == names.len()).then(|| names.into_iter().zip(answers).collect());
    let miscounted = || SecretError::unavailable("the secret store gave another number of answers than it was asked for");
    let answer = |reference: &SecretRef| match reference {
        SecretRef::Named { secret, key } => {
            let answer = named.as_ref().and_then(|named| named.get(&**secret)).ok_or_else(miscounted)?;
            checked(answer.clone()?, key.as_deref())
        }
        SecretRef::Env { env } => checked(vec![variable(env)?.into()], None),
        SecretRef::File { file } => checked(vec![read(Path::new(file), MAX_SECRET, |_| Ok(()))?], None),
    };
    references.iter().map(answer).collect()
}

/// The value of an environment variable.
pub(super) fn variable(name: &str) -> Result<String, SecretError> {
    env::var(name).map_err(|error| match error {
        VarError::NotPresent => SecretError::NotFound,
        VarError::NotUnicode(_) => SecretError::Malformed("an environment variable is not text"),
    })
}

/// Checks a secret that is to be written.
pub(crate) fn check_secret(name: &str, values: &[Secret<Vec<u8>>]) -> Result<(), SecretError> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(SecretError::Malformed("a secret's name has 1 to 255 bytes"));
    }
    within_bounds(values)
}

fn within_bounds(values: &[Secret<Vec<u8>>]) -> Result<(), SecretError> {
    if values.len() > MAX_VALUES {
        return Err(SecretError::Malformed("a secret has at most 16 values"));
    }
    match values.iter().map(|value| value.expose().len()).find(|size| *size > MAX_SECRET) {
        Some(size) => Err(SecretError::TooLarge { limit: MAX_SECRET, size }),
        None => Ok(()),
    }
}

/// The values of a secret, or of one member of it: within bounds, and none empty.
fn checked(values: Vec<Secret<Vec<u8>>>, key: Option<&str>) -> SecretAnswer {
    within_bounds(&values)?;
    let values = match key {
        None => values,
        Some(key) => values.iter().map(|value| member(value, key)).collect::<Result<_, _>>()?,
    };
    match () {
        () if values.is_empty() => Err(SecretError::NotFound),
        // A signature under an empty key proves nothing.
        () if values.iter().any(|value| value.expose().is_empty()) => Err(SecretError::Malformed("the secret is empty")),
        () => Ok(values),
    }
}

/// A member of a secret that is a JSON object: the text of a string, or the JSON of any other value.
fn member(value: &Secret<Vec<u8>>, key: &str) -> Result<Secret<Vec<u8>>, SecretError> {
    const NO_OBJECT: SecretError = SecretError::Malformed("the secret is not a JSON object, or a member of it comes twice");
    let text = value.expose_str().ok_or(NO_OBJECT)?;
    let members: Members<&RawValue> = serde_json::from_str(text).map_err(|_| NO_OBJECT)?;
    let raw = members.get(key).ok_or(SecretError::Malformed("the secret has no such member"))?.get();
    if raw == "null" {
        return Err(SecretError::Malformed("the secret's member is null"));
    }
    let text = if raw.starts_with('"') { serde_json::from_str::<String>(raw).map_err(|_| NO_OBJECT)? } else { raw.to_owned() };
    Ok(Secret::new(text.into_bytes()))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::{ids::StrategyName, store::Memory};

    fn scope() -> SecretScope {
        SecretScope::shared(StrategyName::new("x").unwrap())
    }

    fn all(store: &dyn SecretStore, references: &[SecretRef]) -> Vec<Result<Vec<String>, SecretError>> {
        let answers = resolve(store, &scope(), references).now_or_never().unwrap();
        let texts = |values: Vec<Secret<Vec<u8>>>| values.iter().map(|value| value.expose_str().unwrap().to_owned()).collect();
        answers.into_iter().map(|answer| answer.map(texts)).collect()
    }

    fn one(store: &dyn SecretStore, reference: SecretRef) -> Result<Vec<String>, SecretError> {
        all(store, &[reference]).pop().unwrap()
    }

    /// A store that reads many secrets at once, each with its name as its value, and gives so many answers.
    #[derive(Debug)]
    struct Batching {
        answers: usize,
    }

    #[async_trait]
    impl SecretStore for Batching {
        async fn get(&self, _: &SecretScope, _: &str) -> SecretAnswer {
            panic!("the secrets are read in one call");
        }

        async fn get_all(&self, _: &SecretScope, names: &[&str]) -> Vec<SecretAnswer> {
            assert_eq!(names, ["a", "b"], "each name once, and no local reference");
            names.iter().map(|name| Ok(vec![(*name).into()])).take(self.answers).collect()
        }
    }

    #[test]
    fn named_secrets_are_read_in_one_call_and_answers_keep_the_order_of_references() {
        let missing = SecretRef::env("ZENGINE_NO_SUCH_VARIABLE");
        let references = [SecretRef::named("b"), SecretRef::env("CARGO_PKG_NAME"), missing, SecretRef::named("a"), SecretRef::named("b")];
        let found: Vec<_> =
            all(&Batching { answers: 2 }, &references).into_iter().map(|answer| answer.ok().map(|it| it.concat())).collect();
        assert_eq!(
            found.iter().map(Option::as_deref).collect::<Vec<_>>(),
            [Some("b"), Some("zengine-connector"), None, Some("a"), Some("b")]
        );
        // One answer for two secrets belongs to either: neither is used.
        let found = all(&Batching { answers: 1 }, &references);
        assert!([0, 3, 4].iter().all(|n| matches!(found[*n], Err(SecretError::Unavailable(Some(_))))), "{found:?}");
        assert!(found[1].is_ok());
    }

    #[test]
    fn variables_and_files_are_the_hosts_own_and_no_store_is_asked() {
        let store = Batching { answers: 0 };
        for missing in ["ZENGINE_NO_SUCH_VARIABLE", "", "A=B"] {
            assert!(matches!(one(&store, SecretRef::env(missing)), Err(SecretError::NotFound)), "{missing}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (content, value) in [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("\na ", "\na ")] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(one(&store, SecretRef::file(path.to_str().unwrap())).unwrap(), [value], "{content:?}");
        }
    }

    #[test]
    fn errors_of_a_file_name_neither_path_nor_content() {
        let folder = tempfile::Builder::new().prefix("canary").tempdir().unwrap();
        let (large, empty) = (folder.path().join("large"), folder.path().join("empty"));
        std::fs::write(&large, "canary".repeat(11_000)).unwrap();
        std::fs::write(&empty, "\n").unwrap();
        let missing = folder.path().join("missing");
        for (path, expected) in [
            (large.as_path(), "the secret is too large: 66000 bytes, at most 65536"),
            (&empty, "the secret is empty"),
            (folder.path(), "a secret's file is not a plain file"),
            (&missing, "the secret does not exist"),
        ] {
            let error = one(&*Memory::new().secrets(), SecretRef::file(path.to_str().unwrap())).unwrap_err();
            assert_eq!(error.to_string(), expected);
            let printed = format!("{error:?}") + &format!("{:?}", crate::Error::from(error));
            assert!(!printed.contains("canary"), "{printed}");
        }
    }

    #[test]
    fn a_member_is_picked_from_every_value_the_newest_first() {
        let memory = Memory::new();
        for n in 1..=3 {
            memory.rotate_secret(&scope(), "aws", format!(r#"{{"id":"canary-{n}","n":{n},"none":null,"empty":""}}"#));
        }
        memory.put_secret(&scope(), "text", "canary, no JSON");
        let get = |name, key| one(&*memory.secrets(), SecretRef::member(name, key));
        assert_eq!(get("aws", "id").unwrap(), ["canary-3", "canary-2"]);
        assert_eq!(get("aws", "n").unwrap(), ["3", "2"]);
        for (name, key) in [("aws", "absent"), ("aws", "none"), ("aws", "empty"), ("text", "id")] {
            let error = get(name, key).unwrap_err();
            assert!(matches!(error, SecretError::Malformed(_)) && !format!("{error} {error:?}").contains("canary"), "{key}: {error}");
        }
        assert!(matches!(get("absent", "id"), Err(SecretError::NotFound)));
    }

    #[test]
    fn a_value_out_of_bounds_is_a_lasting_error_with_limit_and_size() {
        let memory = Memory::new();
        memory.put_secret(&scope(), "fits", "x".repeat(MAX_SECRET));
        memory.put_secret(&scope(), "large", "x".repeat(MAX_SECRET + 1));
        assert!(one(&*memory.secrets(), SecretRef::named("fits")).is_ok());
        for reference in [SecretRef::named("large"), SecretRef::member("large", "id")] {
            let error = crate::Error::from(one(&*memory.secrets(), reference).unwrap_err());
            assert_eq!(error.to_string(), "config_invalid (permanent): the secret is too large, limit=65536, actual=65537, unit=bytes");
        }
        let many = vec![Secret::from("x"); MAX_VALUES + 1];
        assert!(matches!(checked(many, None), Err(SecretError::Malformed(_))));
        assert!(matches!(checked(vec![], None), Err(SecretError::NotFound)));
    }
}
