//! Secrets: values that cannot be printed or serialized, and references to them.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// A value that must not appear anywhere: `Debug` is redacted, there is no `Display` and no `Serialize`, and the memory
/// is overwritten when it is dropped.
///
/// ```
/// use zengine_connector::Secret;
///
/// let token = Secret::new("s3cret".to_owned());
/// assert_eq!(format!("{token:?}"), "Secret(***)");
/// assert_eq!(token.expose(), "s3cret");
/// ```
///
/// ```compile_fail
/// fn store<T: serde::Serialize>(value: T) {}
/// store(zengine_connector::Secret::new("s3cret".to_owned()));   // secrets do not serialize
/// ```
///
/// In a configuration, the value is resolved from a [`SecretRef`] before it is read; its schema is that of the reference, marked
/// `x-secret`.
#[derive(Clone, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(inline, description = "", extend("x-secret" = true))]
pub struct Secret<T: Zeroize>(#[schemars(with = "SecretRef")] T);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value. Keep its use as short as possible.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl Secret<String> {
    /// A copy as bytes, for code that signs and compares bytes, such as
    /// [`HmacSha256::check`](crate::verify::HmacSha256::check). The copy is overwritten when it is dropped, like the text.
    ///
    /// ```
    /// use zengine_connector::{Secret, verify::HmacSha256};
    ///
    /// let secret = Secret::new("s3cret".to_owned());
    /// let header = HmacSha256::hex().sign(b"{}", &secret.to_bytes());
    /// assert!(HmacSha256::hex().check(Some(&header), b"{}", &[secret.to_bytes()]).is_ok());
    /// ```
    pub fn to_bytes(&self) -> Secret<Vec<u8>> {
        Secret::new(self.expose().as_bytes().to_vec())
    }
}

impl From<&str> for Secret<Vec<u8>> {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes().to_vec())
    }
}

impl From<String> for Secret<Vec<u8>> {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl From<Vec<u8>> for Secret<Vec<u8>> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl From<Secret<String>> for Secret<Vec<u8>> {
    fn from(text: Secret<String>) -> Self {
        text.to_bytes()
    }
}

impl Secret<Vec<u8>> {
    /// The value as text, if it is UTF-8.
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// A reference to a secret. In JSON: `{"secret": "name", "key": "json key"}`, `{"env": "NAME"}` or `{"file": "/path"}`.
///
/// `env` and `file` are for the host's own settings. Tenants may edit their configuration, so both are refused there
/// unless the host allows local references.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum SecretRef {
    /// A named secret of the secret store.
    #[serde(rename_all = "snake_case")]
    Named {
        /// The secret's name, without tenant and environment.
        #[schemars(length(min = 1, max = 255))]
        secret: String,
        /// The member to use, if the secret is a JSON object.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// An environment variable of the host.
    Env {
        /// The variable's name.
        env: String,
    },
    /// A file on the host; one trailing line break is cut off.
    File {
        /// The path.
        file: String,
    },
}

impl SecretRef {
    /// A named secret of the secret store.
    pub fn named(secret: impl Into<String>) -> Self {
        Self::Named { secret: secret.into(), key: None }
    }

    /// One member of a named secret that is a JSON object.
    pub fn member(secret: impl Into<String>, key: impl Into<String>) -> Self {
        Self::Named { secret: secret.into(), key: Some(key.into()) }
    }

    /// An environment variable of the host.
    pub fn env(name: impl Into<String>) -> Self {
        Self::Env { env: name.into() }
    }

    /// A file on the host.
    pub fn file(path: impl Into<String>) -> Self {
        Self::File { file: path.into() }
    }

    /// Whether the host itself holds it, and not the secret store.
    pub fn is_local(&self) -> bool {
        !matches!(self, Self::Named { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_have_three_json_forms() {
        let forms = [
            (r#"{"secret":"wa"}"#, SecretRef::named("wa")),
            (r#"{"secret":"wa","key":"token"}"#, SecretRef::member("wa", "token")),
            (r#"{"env":"WA_TOKEN"}"#, SecretRef::env("WA_TOKEN")),
            (r#"{"file":"/run/wa"}"#, SecretRef::file("/run/wa")),
        ];
        for (json, reference) in forms {
            assert_eq!(serde_json::from_str::<SecretRef>(json).unwrap(), reference);
            assert_eq!(serde_json::to_string(&reference).unwrap(), json);
        }
        assert!(serde_json::from_str::<SecretRef>("\"literal\"").is_err());
        assert!(serde_json::from_str::<SecretRef>(r#"{"secret":"wa","env":"X"}"#).is_err());
    }
}
