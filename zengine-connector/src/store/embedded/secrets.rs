//! Secrets in the embedded store, each sealed under the keys of its key file.

use async_trait::async_trait;
use minicbor::{Decoder, Encoder};
use redb::TableError;
use zeroize::Zeroizing;

use super::{engine::Engine, tables::SECRETS, work::Done};
use crate::{
    keyring,
    runtime::SystemRng,
    secret::Secret,
    store::{SecretAnswer, SecretError, SecretScope, SecretStore, StoreError, StoreErrorKind, check_secret},
};

/// Version of the sealed form.
const VERSION: u32 = 1;

/// The scope as in the table's key. No strategy's name holds a slash.
fn place_of(scope: &SecretScope) -> String {
    match scope {
        SecretScope::Tenant { strategy, tenant } => format!("tenant/{strategy}/{tenant}"),
        SecretScope::Shared { strategy } => format!("shared/{strategy}"),
        SecretScope::Application { strategy } => format!("application/{strategy}"),
    }
}

/// The place that a value is sealed for: it cannot be moved to another row.
pub(super) fn sealed_for<'a>(scope: &'a str, name: &'a str) -> [&'a str; 3] {
    ["secret", scope, name]
}

/// The values before they are sealed: `{1: version, 2: [value, …]}`, the newest first.
fn encode(values: &[Secret<Vec<u8>>]) -> Zeroizing<Vec<u8>> {
    // All at once: a buffer that grows would leave copies in memory.
    let size = values.iter().map(|value| value.expose().len() + 9).sum::<usize>();
    let mut to = Encoder::new(Vec::with_capacity(size + 32));
    let mut write = || -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        to.map(2)?.u32(1)?.u32(VERSION)?.u32(2)?.array(values.len() as u64)?;
        values.iter().try_for_each(|value| to.bytes(value.expose()).map(drop))
    };
    let written = write();
    debug_assert!(written.is_ok(), "a vector takes everything");
    Zeroizing::new(to.into_writer())
}

fn decode(bytes: &[u8]) -> Option<Vec<Secret<Vec<u8>>>> {
    let mut from = Decoder::new(bytes);
    let known = from.map().ok()? == Some(2) && from.u32().ok()? == 1 && from.u32().ok()? == VERSION && from.u32().ok()? == 2;
    let values = from.array().ok()?.filter(|_| known)?;
    let read: Option<Vec<_>> = (0..values).map(|_| Some(Secret::new(from.bytes().ok()?.to_vec()))).collect();
    read.filter(|_| from.position() == bytes.len())
}

impl Engine {
    pub(super) async fn set_secret(&self, scope: &SecretScope, name: &str, values: Vec<Secret<Vec<u8>>>) -> Result<(), StoreError> {
        let refused = |error: SecretError| StoreError::new(StoreErrorKind::TooLarge, error.message()).with_source(error);
        check_secret(name, &values).map_err(refused)?;
        let (scope, name) = (place_of(scope), name.to_owned());
        let sealed = if values.is_empty() {
            None
        } else {
            let sealed = keyring::seal(&*self.keys, &SystemRng, &sealed_for(&scope, &name), &encode(&values));
            Some(sealed.map_err(|_| StoreError::new(StoreErrorKind::Unavailable, "a secret could not be encrypted"))?)
        };
        self.write(None, move |transaction| {
            let mut secrets = transaction.open_table(SECRETS)?;
            match sealed {
                Some(sealed) => drop(secrets.insert((&*scope, &*name), &*sealed)?),
                None => drop(secrets.remove((&*scope, &*name))?),
            }
            Ok(Done::Wrote(()))
        })
        .await
    }

    fn sealed_secret(&self, scope: &str, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|snapshot| {
            let secrets = match snapshot.open_table(SECRETS) {
                // A file that only an older release has written.
                Err(TableError::TableDoesNotExist(_)) => return Ok(None),
                secrets => secrets?,
            };
            Ok(secrets.get((scope, name))?.map(|sealed| sealed.value().to_vec()))
        })
    }
}

#[async_trait]
impl SecretStore for Engine {
    async fn get(&self, scope: &SecretScope, name: &str) -> SecretAnswer {
        let scope = place_of(scope);
        let sealed = self.sealed_secret(&scope, name).map_err(SecretError::unavailable)?;
        let opened = keyring::open(&*self.keys, &sealed_for(&scope, name), &sealed.ok_or(SecretError::NotFound)?).map(Zeroizing::new);
        let damaged = SecretError::Malformed("a stored secret is damaged, of an unknown version, or its key is missing");
        opened.ok().and_then(|opened| decode(&opened)).ok_or(damaged)
    }

    fn place(&self, scope: &SecretScope, _: &str) -> String {
        format!("{scope} in the embedded store")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hex::hex, ids::StrategyName};

    /// Values in the form that they have been sealed in since version 1. If it changes, the version does.
    #[test]
    fn case_30_the_sealed_form_of_version_1_is_read_and_written() {
        let values: [Secret<Vec<u8>>; 2] = ["new".into(), "old".into()];
        let bytes = encode(&values);
        assert_eq!(hex(&bytes), "a201010282436e6577436f6c64");
        let read = decode(&bytes).unwrap();
        assert!(read.iter().map(Secret::expose).eq(values.iter().map(Secret::expose)));
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_none(), "{cut}");
        }
        let mut newer = bytes.to_vec();
        newer[2] = 2;
        assert!(decode(&newer).is_none());
        assert!(decode(&[&bytes[..], &[0]].concat()).is_none());
    }

    #[test]
    fn places_of_two_scopes_differ() {
        let strategy = |name| StrategyName::new(name).unwrap();
        let tenant = |name, tenant| SecretScope::tenant(strategy(name), crate::TenantId::new(tenant).unwrap());
        let scopes = [
            tenant("a", "b/c"),
            tenant("a", "b"),
            tenant("b", "a"),
            SecretScope::shared(strategy("a")),
            SecretScope::application(strategy("a")),
        ];
        let places: std::collections::BTreeSet<_> = scopes.iter().map(place_of).collect();
        assert_eq!(places.len(), scopes.len());
    }
}
