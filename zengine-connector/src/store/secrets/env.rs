//! Secrets from environment variables.

use std::fmt::Write as _;

use async_trait::async_trait;

use super::{SecretAnswer, SecretError, SecretScope, SecretStore, names::parts, resolve::variable};

/// A secret store that reads environment variables whose names begin with a prefix of yours, so that no configuration reaches any
/// other variable.
///
/// The parts of a name are joined by two underscores: prefix, strategy, scope, the tenant if it is a tenant's own, and the secret's
/// name. Letters are written in capitals and a hyphen within a part as an underscore; any other byte as `XX` and its two hexadecimal
/// digits, and so an `x` before such a byte or another `x`. No two secrets share a variable, also where names ignore case, as on
/// Windows. [`variable`](Self::variable) gives the name. While a secret is being rotated, its older value stands in the variable
/// with `__PREVIOUS` at the end.
///
/// ```
/// use zengine_connector::{SecretScope, StrategyName, TenantId, store::EnvSecrets};
///
/// let secrets = EnvSecrets::new("SHOP");
/// let (sms, acme) = (StrategyName::new("sns-sms")?, TenantId::new("acme-1")?);
/// assert_eq!(secrets.variable(&SecretScope::application(sms.clone()), "app-secret"), "SHOP__SNS_SMS__APPLICATION__APP_SECRET");
/// assert_eq!(secrets.variable(&SecretScope::tenant(sms, acme), "token"), "SHOP__SNS_SMS__TENANT__ACME_1__TOKEN");
/// # Ok::<(), zengine_connector::Error>(())
/// ```
///
/// A process cannot change its environment safely, so a rotated secret takes a restart; [`FileSecrets`](super::FileSecrets) does not.
pub struct EnvSecrets {
    prefix: String,
    read: Box<Reading>,
}

/// Reads a variable.
type Reading = dyn Fn(&str) -> Result<String, SecretError> + Send + Sync;

debug_fields!(EnvSecrets { prefix });

impl EnvSecrets {
    /// A store of the process's variables with this prefix, without underscores at its end.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), read: Box::new(variable) }
    }

    /// The same with variables from elsewhere, such as a file of variables, or for tests.
    pub fn reading(prefix: impl Into<String>, read: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { prefix: prefix.into(), read: Box::new(move |variable| read(variable).ok_or(SecretError::NotFound)) }
    }

    /// The variable of a secret.
    pub fn variable(&self, scope: &SecretScope, name: &str) -> String {
        parts(scope, name).into_iter().fold(self.prefix.clone(), |name, part| name + "__" + &spelled(part))
    }
}

/// A part of a variable's name, in capitals. Two texts are never spelled the same, and none holds or touches two underscores. `XX` begins
/// an escape and stands nowhere else, because no other `X` comes before an `X`.
fn spelled(text: &str) -> String {
    let (bytes, mut spelled) = (text.as_bytes(), String::with_capacity(text.len()));
    let plain = |at: usize| bytes.get(at).is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_hyphen = |at: usize| bytes.get(at) == Some(&b'-') && at > 0 && plain(at - 1) && plain(at + 1);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'x' if bytes.get(at + 1).is_some_and(|next| *next == b'x' || !(plain(at + 1) || is_hyphen(at + 1))) => {
                spelled.push_str("XX78");
            }
            b'a'..=b'z' | b'0'..=b'9' => spelled.push(byte.to_ascii_uppercase().into()),
            b'-' if is_hyphen(at) => spelled.push('_'),
            _ => drop(write!(spelled, "XX{byte:02X}")),
        }
    }
    spelled
}

#[async_trait]
impl SecretStore for EnvSecrets {
    async fn get(&self, scope: &SecretScope, name: &str) -> SecretAnswer {
        let variable = self.variable(scope, name);
        let mut values = vec![(self.read)(&variable)?.into()];
        match (self.read)(&(variable + "__PREVIOUS")) {
            Err(SecretError::NotFound) => {}
            previous => values.push(previous?.into()),
        }
        Ok(values)
    }

    fn place(&self, scope: &SecretScope, name: &str) -> String {
        format!("variable {}", self.variable(scope, name))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_texts_are_spelled_the_same_also_without_regard_to_case() {
        // Every text of at most five of these: what is escaped, what escapes are made of, and what is neither.
        let mut texts = vec![String::new()];
        for from in 0..=4 {
            let longest: Vec<_> = texts.iter().filter(|text| text.len() == from).cloned().collect();
            texts.extend(longest.iter().flat_map(|text| ["x", "7", "8", "a", "-", "_", "X"].map(|end| text.clone() + end)));
        }
        texts.extend(["é", "a.b", "tenant", "Tenant", "x2d", "xx78"].map(str::to_owned));
        let spelled: BTreeSet<_> = texts.iter().map(|text| super::spelled(text).to_lowercase()).collect();
        let texts: BTreeSet<_> = texts.into_iter().collect();
        assert_eq!(spelled.len(), texts.len());
        let spelled: Vec<_> = texts.iter().map(|text| super::spelled(text)).collect();
        assert!(spelled.iter().all(|text| !text.contains("__") && !text.starts_with('_') && !text.ends_with('_')), "{spelled:?}");
        assert!(spelled.iter().all(|text| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')), "{spelled:?}");
    }

    #[test]
    fn a_variable_of_the_process_is_read_under_the_prefix() {
        let store = EnvSecrets::new("CARGO");
        assert_eq!((store.read)("CARGO_PKG_NAME").unwrap(), "zengine-connector");
        assert!(matches!((store.read)("ZENGINE_NO_SUCH_VARIABLE"), Err(SecretError::NotFound)));
    }
}
