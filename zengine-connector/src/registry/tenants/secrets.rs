//! The secrets of a configuration and of the application.

use std::sync::Arc;

use serde_json::Value;

use super::{Binder, CacheUse, Tenants, cache::OUTAGE};
use crate::{
    error::{Error, ErrorKind, Violation},
    ids::{StrategyName, TenantId},
    runtime::BoxFuture,
    schema::{Resolved, Site, label},
    secret::{Secret, SecretRef},
    store::{SecretAnswer, SecretError, SecretScope},
};

impl Tenants {
    /// A secret of the application, newest value first. Cached, failures too, and used for a limited time while
    /// its store is down.
    ///
    /// # Errors
    /// `ConfigInvalid` if it does not exist, `Secret` if the store does not return it. The error names the secret.
    pub(crate) async fn application_secret(&self, strategy: &StrategyName, reference: &SecretRef) -> Result<Vec<Secret<Vec<u8>>>, Error> {
        let key = (strategy.clone(), reference.clone());
        let fetch = || {
            let (binder, (strategy, reference)) = (Arc::clone(&self.binder), key.clone());
            Box::pin(async move {
                let scope = SecretScope::application(strategy);
                let values = binder.stores().secret(&scope, &reference).await;
                values.map(Arc::new).map_err(|error| match (&error, binder.stores().secret_place(&scope, &reference)) {
                    (SecretError::NotFound, Some(place)) => {
                        let missing = SecretError::Malformed("the secret does not exist in the application's scope");
                        failed(missing, label(&reference)).with_context("looked_in", place)
                    }
                    _ => failed(error, label(&reference)),
                })
            }) as BoxFuture<'static, _>
        };
        Ok(self.application.get(&key, CacheUse::AnswersAndFailures, fetch).await.result?.to_vec())
    }
}

impl Binder {
    /// Puts the newest value of every secret into a tenant's configuration. The returned digest changes if one of them changes.
    pub(super) async fn resolve(
        &self,
        tenant: &TenantId,
        strategy: &StrategyName,
        config: Value,
        sites: &[Site],
    ) -> Result<(Resolved, [u8; 32]), Error> {
        let mut resolved = Resolved::new(config);
        let read = self.read_all(tenant, strategy, sites).await;
        let (mut parts, mut wrong, mut looked_in) = (vec![], vec![], vec![]);
        for (site, values) in sites.iter().zip(&read) {
            match values {
                Ok(values) => match values.first().and_then(Secret::expose_str) {
                    Some(text) => {
                        resolved.fill(&site.pointer, text);
                        parts.extend([site.pointer.as_bytes(), text.as_bytes()]);
                    }
                    None => wrong.push((site, &NOT_TEXT)),
                },
                Err(error) => wrong.push((site, error)),
            }
        }
        if wrong.is_empty() {
            return Ok((resolved, self.digest.fingerprint(&parts)));
        }
        let names: Vec<_> = wrong.iter().map(|(site, _)| label(&site.reference)).collect();
        let names = names.join(", ");
        let scopes = scopes(tenant, strategy);
        let violations = wrong.iter().map(|(site, error)| match error {
            SecretError::NotFound if !site.reference.is_local() => {
                looked_in.extend(scopes.iter().filter_map(|scope| self.stores().secret_place(scope, &site.reference)));
                Violation::new(&*site.pointer, "the secret does not exist in the tenant's scope, nor in the shared one")
            }
            SecretError::TooLarge { limit, size } => {
                Violation::new(&*site.pointer, error.message()).with_sizes(*limit as u64, *size as u64)
            }
            _ => Violation::new(&*site.pointer, error.to_string()),
        });
        let violations = violations.collect();
        // Report an outage first, because it is temporary and the store may have all secrets. A refusal is not an outage: old
        // values must not replace it.
        let rank = |error: &SecretError| match error {
            SecretError::Denied => 2,
            SecretError::Unavailable(_) => 1,
            _ => 0,
        };
        let worst = read.into_iter().filter_map(Result::err).max_by_key(rank);
        let error = failed(worst.unwrap_or(NOT_TEXT), &names).with_violations(violations);
        Err(if looked_in.is_empty() { error } else { error.with_context("looked_in", looked_in.join(", ")) })
    }

    /// One answer per site: the tenant's own secret, or the shared one where the tenant has none. Only a secret that does not
    /// exist is replaced: a malformed or refused one is an error.
    async fn read_all(&self, tenant: &TenantId, strategy: &StrategyName, sites: &[Site]) -> Vec<SecretAnswer> {
        let references: Vec<_> = sites.iter().map(|site| site.reference.clone()).collect();
        let [own, shared] = scopes(tenant, strategy);
        let mut answers = self.stores().secrets(&own, &references).await;
        let (missing, references): (Vec<_>, Vec<_>) = references
            .into_iter()
            .enumerate()
            .filter(|(n, reference)| !reference.is_local() && matches!(answers[*n], Err(SecretError::NotFound)))
            .unzip();
        let shared = self.stores().secrets(&shared, &references).await;
        for (n, answer) in missing.into_iter().zip(shared) {
            answers[n] = answer;
        }
        answers
    }
}

const NOT_TEXT: SecretError = SecretError::Malformed("a secret is not text");

/// The scopes of a tenant's configuration, in the order in which they are looked in.
fn scopes(tenant: &TenantId, strategy: &StrategyName) -> [SecretScope; 2] {
    [SecretScope::tenant(strategy.clone(), tenant.clone()), SecretScope::shared(strategy.clone())]
}

/// Converts the error, adds the secrets' names, and marks an outage, in which old values may be used.
fn failed(error: SecretError, names: &str) -> Error {
    let outage = matches!(error, SecretError::Unavailable(_));
    let error = Error::from(error).with_context("secret", names);
    debug_assert!(!outage || error.kind() == ErrorKind::Secret);
    if outage { error.with_context("reason", OUTAGE) } else { error }
}
