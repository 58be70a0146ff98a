//! Secrets from a closure.

use async_trait::async_trait;

use super::{SecretAnswer, SecretScope, SecretStore};
use crate::runtime::BoxFuture;

/// A secret store that is one closure, for a vault whose client you have.
///
/// The closure gets the scope and the secret's name, and returns its values, newest first. The core gives it 10 seconds, and a panic
/// counts as no answer.
///
/// ```
/// use zengine_connector::{Secret, store::{SecretError, SecretFn}};
///
/// # async fn read_from_vault(path: String) -> Result<Option<String>, std::io::Error> { Ok(Some(path)) }
/// let secrets = SecretFn::new(|scope, name| async move {
///     let read = read_from_vault(format!("messaging/{}/{name}", scope.strategy())).await;
///     let value = read.map_err(SecretError::unavailable)?.ok_or(SecretError::NotFound)?;
///     Ok(vec![value.into()])
/// });
/// # let _ = secrets;
/// ```
pub struct SecretFn(Box<dyn Fn(SecretScope, String) -> BoxFuture<'static, SecretAnswer> + Send + Sync>);

debug_fields!(SecretFn {});

impl SecretFn {
    /// A store that calls the closure for every secret.
    pub fn new<F, A>(read: F) -> Self
    where
        F: Fn(SecretScope, String) -> A + Send + Sync + 'static,
        A: Future<Output = SecretAnswer> + Send + 'static,
    {
        Self(Box::new(move |scope, name| Box::pin(read(scope, name))))
    }
}

#[async_trait]
impl SecretStore for SecretFn {
    async fn get(&self, scope: &SecretScope, name: &str) -> SecretAnswer {
        (self.0)(scope.clone(), name.to_owned()).await
    }
}
