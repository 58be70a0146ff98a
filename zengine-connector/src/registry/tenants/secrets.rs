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
                let values = binder.read(&scope, &reference).await.map_err(|error| match error {
                    SecretError::NotFound if !reference.is_local() => {
                        failed(SecretError::Malformed("the secret does not exist in the application's scope"), label(&reference))
                    }
                    error => failed(error, label(&reference)),
                })?;
                Ok(Arc::new(values))
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
        let (mut parts, mut wrong) = (vec![], vec![]);
        for (site, values) in sites.iter().zip(&read) {
            match values {
                Ok(values) => match values.first().and_then(Secret::expose_str) {
                    Some(text) => {
                        resolved.fill(&site.pointer, text);
                        parts.extend([site.pointer.as_bytes(), text.as_bytes()]);
                    }
                    None => wrong.push((site, "a secret is not text")),
                },
                Err(error) => wrong.push((site, message(error, &site.reference))),
            }
        }
        if wrong.is_empty() {
            return Ok((resolved, self.digest.fingerprint(&parts)));
        }
        let names: Vec<_> = wrong.iter().map(|(site, _)| label(&site.reference)).collect();
        let names = names.join(", ");
        let violations = wrong.iter().map(|(site, message)| Violation::new(site.pointer.as_str(), *message)).collect();
        // Report an outage first, because it is temporary and the store may have all secrets. A refusal is not an outage: old
        // values must not replace it.
        let rank = |error: &SecretError| match error {
            SecretError::Denied => 2,
            SecretError::Unavailable(_) => 1,
            _ => 0,
        };
        let worst = read.into_iter().filter_map(Result::err).max_by_key(rank);
        Err(failed(worst.unwrap_or(SecretError::Malformed("a secret is not text")), &names).with_violations(violations))
    }

    /// One answer per site: the tenant's own secret, or the shared one where the tenant has none. Only a secret that does not
    /// exist is replaced: a malformed or refused one is an error.
    async fn read_all(&self, tenant: &TenantId, strategy: &StrategyName, sites: &[Site]) -> Vec<SecretAnswer> {
        let references: Vec<_> = sites.iter().map(|site| site.reference.clone()).collect();
        let mut answers = self.stores().secrets(&SecretScope::tenant(strategy.clone(), tenant.clone()), &references).await;
        let (missing, references): (Vec<_>, Vec<_>) = references
            .into_iter()
            .enumerate()
            .filter(|(n, reference)| !reference.is_local() && matches!(answers[*n], Err(SecretError::NotFound)))
            .unzip();
        let shared = self.stores().secrets(&SecretScope::shared(strategy.clone()), &references).await;
        for (n, answer) in missing.into_iter().zip(shared) {
            answers[n] = answer;
        }
        answers.into_iter().map(not_empty).collect()
    }

    async fn read(&self, scope: &SecretScope, reference: &SecretRef) -> SecretAnswer {
        not_empty(self.stores().secret(scope, reference).await)
    }
}

/// Refuses an empty value: an empty key would make signatures easy to forge.
fn not_empty(answer: SecretAnswer) -> SecretAnswer {
    let values = answer?;
    if values.is_empty() || values.iter().any(|value| value.expose().is_empty()) {
        return Err(SecretError::Malformed("a secret is empty"));
    }
    Ok(values)
}

fn message(error: &SecretError, reference: &SecretRef) -> &'static str {
    match error {
        SecretError::NotFound if !reference.is_local() => "the secret does not exist in the tenant's scope, nor in the shared one",
        _ => error.message(),
    }
}

/// Converts the error, adds the secrets' names, and marks an outage, in which old values may be used.
fn failed(error: SecretError, names: &str) -> Error {
    let outage = matches!(error, SecretError::Unavailable(_));
    let error = Error::from(error).with_context("secret", names);
    debug_assert!(!outage || error.kind() == ErrorKind::Secret);
    if outage { error.with_context("reason", OUTAGE) } else { error }
}
