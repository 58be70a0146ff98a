//! The names of secrets where a back end has one flat list of names.

use super::SecretScope;

/// The parts that name a secret: strategy, kind of scope, the tenant if it is one's own, and the secret's name. Parts of two secrets
/// are never the same.
pub(super) fn parts<'a>(scope: &'a SecretScope, name: &'a str) -> Vec<&'a str> {
    let strategy = scope.strategy().as_str();
    match scope {
        SecretScope::Tenant { tenant, .. } => vec![strategy, "tenant", tenant.as_str(), name],
        SecretScope::Shared { .. } => vec![strategy, "shared", name],
        SecretScope::Application { .. } => vec![strategy, "application", name],
    }
}
