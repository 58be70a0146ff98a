//! The stores that a set-up is written into.

use std::sync::Arc;

use async_trait::async_trait;
use subtle::ConstantTimeEq as _;

use crate::{
    error::{Error, ErrorKind},
    ids::{StrategyName, TenantId},
    runtime::Clock,
    secret::{Secret, SecretRef},
    store::{
        Memory, Ports, SecretAnswer, SecretError, SecretScope, SecretStore, StoreError, Stores, TenantDirectory, TenantRow, TenantWriter,
    },
};

/// A secret to write: its values, newest first.
pub(super) struct SecretChange {
    pub(super) scope: SecretScope,
    pub(super) name: String,
    pub(super) values: Vec<Secret<Vec<u8>>>,
}

/// A row to write.
pub(super) struct RowChange {
    pub(super) tenant: TenantId,
    pub(super) strategy: StrategyName,
    pub(super) row: TenantRow,
}

/// The stores of a set-up. Every call ends within its time limit.
pub(super) struct Target<'a> {
    stores: &'a Stores,
    directory: &'a Arc<dyn TenantDirectory>,
    pub(super) writer: &'a dyn TenantWriter,
    secrets: Arc<dyn SecretStore>,
    pub(super) clock: Arc<dyn Clock>,
    ports: Ports,
}

impl<'a> Target<'a> {
    /// # Errors
    /// `Settings` if the stores cannot write tenants.
    pub(super) fn of(stores: &'a Stores, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let (Some(directory), Some(writer)) = (&stores.directory, &stores.tenant_writer) else {
            let missing = [(stores.directory.is_none(), ".directory(..)"), (stores.tenant_writer.is_none(), ".tenant_writer(..)")];
            let missing: Vec<_> = missing.into_iter().filter_map(|(missing, call)| missing.then_some(call)).collect();
            let error = Error::new(ErrorKind::Settings, "the stores cannot write tenants: add what is missing");
            return Err(error.with_context("missing", missing.join(", ")));
        };
        // Without a store no secret stands.
        let secrets = stores.secrets.clone().unwrap_or_else(|| Memory::new().secrets());
        let ports = Ports::new(stores.clone(), Arc::clone(directory), Arc::clone(&secrets), Arc::clone(&clock));
        Ok(Self { stores, directory, writer: &**writer, secrets, clock, ports })
    }

    /// The stores with the newest values of these secrets in front.
    pub(super) fn with(&self, secrets: &[SecretChange]) -> Ports {
        let given = Memory::new();
        for secret in secrets {
            given.put_secret(&secret.scope, &secret.name, secret.values[0].expose().as_slice());
        }
        let secrets = Arc::new(InFront { given: given.secrets(), behind: Arc::clone(&self.secrets) });
        Ports::new(self.stores.clone(), Arc::clone(self.directory), secrets, Arc::clone(&self.clock))
    }

    /// Keeps the older values of a secret that is being rotated, if its one given value is the newest that stands already.
    pub(super) async fn keep_older(&self, mut secrets: Vec<SecretChange>) -> Result<Vec<SecretChange>, Error> {
        for secret in secrets.iter_mut().filter(|secret| secret.values.len() == 1) {
            match self.ports.secret(&secret.scope, &SecretRef::named(secret.name.as_str())).await {
                Ok(stands) if is_newest(&stands, &secret.values) => secret.values = stands,
                Ok(_) | Err(SecretError::NotFound) => {}
                // Whether there are older ones is not known.
                Err(error) => return Err(Error::from(error).with_context("secret", &secret.name)),
            }
        }
        Ok(secrets)
    }

    /// Writes secrets, then rows.
    ///
    /// # Errors
    /// Those of the first call that fails, with what was written before it.
    pub(super) async fn write(&self, secrets: Vec<SecretChange>, rows: Vec<RowChange>) -> Result<(), Error> {
        let mut written = vec![];
        for SecretChange { scope, name, values } in secrets {
            let call = self.writer.put_secret(&scope, &name, values);
            self.step(&mut written, format!("secret {name}"), call).await?;
        }
        for RowChange { tenant, strategy, row } in rows {
            let call = self.writer.put(&tenant, &strategy, row);
            self.step(&mut written, format!("configuration of {strategy}"), call).await?;
        }
        Ok(())
    }

    async fn step<T>(
        &self,
        written: &mut Vec<String>,
        what: String,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<(), Error> {
        if let Err(error) = self.ports.store(call).await {
            let error = Error::from(error).with_context("reason", format!("{what} was not written"));
            return Err(if written.is_empty() { error } else { error.with_context("written", written.join(", ")) });
        }
        written.push(what);
        Ok(())
    }
}

/// Whether the newest values are equal. Takes as long for any two of one length.
fn is_newest(stands: &[Secret<Vec<u8>>], given: &[Secret<Vec<u8>>]) -> bool {
    stands.iter().zip(given).next().is_some_and(|(stands, given)| stands.expose().ct_eq(given.expose()).into())
}

/// The secrets of a set-up in front of those of a store.
#[derive(Debug)]
struct InFront {
    given: Arc<dyn SecretStore>,
    behind: Arc<dyn SecretStore>,
}

#[async_trait]
impl SecretStore for InFront {
    async fn get(&self, scope: &SecretScope, name: &str) -> SecretAnswer {
        match self.given.get(scope, name).await {
            Err(SecretError::NotFound) => self.behind.get(scope, name).await,
            answer => answer,
        }
    }

    /// Asks the store behind once, for what is not given.
    async fn get_all(&self, scope: &SecretScope, names: &[&str]) -> Vec<SecretAnswer> {
        let mut answers = self.given.get_all(scope, names).await;
        let is_missing = |answer: &SecretAnswer| matches!(answer, Err(SecretError::NotFound));
        let missing: Vec<_> = names.iter().zip(&answers).filter(|(_, answer)| is_missing(answer)).map(|(name, _)| *name).collect();
        if !missing.is_empty() {
            let behind = self.behind.get_all(scope, &missing).await;
            if behind.len() != missing.len() {
                return vec![]; // the caller checks the number of answers
            }
            answers.iter_mut().filter(|answer| is_missing(answer)).zip(behind).for_each(|(answer, found)| *answer = found);
        }
        answers
    }

    fn place(&self, scope: &SecretScope, name: &str) -> String {
        self.behind.place(scope, name)
    }
}
