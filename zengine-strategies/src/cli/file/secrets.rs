//! The secrets of a file: its own, the referenced ones, and the literals of its instance.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize as _;
use serde_json::{Value, json};
use zengine_connector::error::Violation;
use zengine_connector::registry::TenantSetup;
use zengine_connector::store::{Memory, SecretScope};
use zengine_connector::{Secret, SecretRef, StrategyName};

/// Maximum length of a secret's file, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// Values by name, and the texts that must never be printed.
#[derive(Default)]
pub(in crate::cli) struct Secrets {
    named: BTreeMap<String, Value>,
    /// Names of the instance's literals.
    of_instance: BTreeSet<String>,
    texts: Vec<Secret<String>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.named.keys()).finish()
    }
}

impl Secrets {
    /// The member `secrets` of the file.
    pub(super) fn read(member: &Value) -> Self {
        let mut secrets = Self::default();
        for (name, value) in member.as_object().into_iter().flatten() {
            secrets.hide(value);
            secrets.named.insert(name.clone(), value.clone());
        }
        secrets
    }

    /// Adds every text inside a secret to the texts that must never be printed.
    fn hide(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.hide_text(text.clone()),
            Value::Number(number) => self.hide_text(number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.hide(item)),
            Value::Object(members) => members.values().for_each(|member| self.hide(member)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn hide_text(&mut self, text: String) {
        if !text.is_empty() {
            self.texts.push(Secret::new(text));
        }
    }

    /// Resolves every reference inside a value; returns the ones that cannot be resolved.
    pub(super) fn resolve(&mut self, pointer: &str, value: &Value) -> Vec<Violation> {
        let mut wrong = vec![];
        self.walk(pointer, value, &mut wrong);
        wrong
    }

    fn walk(&mut self, pointer: &str, value: &Value, wrong: &mut Vec<Violation>) {
        match value {
            Value::Object(members) => match SecretRef::deserialize(value) {
                Ok(reference) => {
                    if let Err(what) = self.look_up(&reference) {
                        wrong.push(Violation::new(pointer, what));
                    }
                }
                Err(_) => {
                    for (key, member) in members {
                        let key = key.replace('~', "~0").replace('/', "~1");
                        self.walk(&format!("{pointer}/{key}"), member, wrong);
                    }
                }
            },
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.walk(&format!("{pointer}/{at}"), item, wrong);
                }
            }
            _ => {}
        }
    }

    fn look_up(&mut self, reference: &SecretRef) -> Result<(), &'static str> {
        match reference {
            SecretRef::Named { secret, key } => {
                let value = self.named.get(secret).ok_or("names a secret that is not among the file's")?;
                let Some(key) = key else {
                    return if value.is_object() { Err("names a secret that is an object, and no member of it with key") } else { Ok(()) };
                };
                let parsed = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
                let member = parsed.as_ref().unwrap_or(value).get(key).filter(|member| !member.is_null()).cloned();
                self.hide(&member.ok_or("names a member that the secret does not have")?);
            }
            SecretRef::Env { env } => {
                let text = std::env::var(env).map_err(|_| "names an environment variable that is not set")?;
                self.hide_text(text);
            }
            SecretRef::File { file } => {
                let about = std::fs::metadata(file).map_err(|_| "names a file that cannot be read")?;
                if !about.is_file() || about.len() > MAX_FILE {
                    return Err("names a file that cannot be a secret");
                }
                let text = std::fs::read_to_string(file).map_err(|_| "names a file that cannot be read")?;
                self.hide_text(text.trim_end_matches(['\r', '\n']).to_owned());
            }
        }
        Ok(())
    }

    /// Turns the literals of an instance into references.
    pub(super) fn take_literals(&mut self, instance: &mut Value, members: &[&str]) {
        for member in members {
            let Some(value) = instance.get_mut(*member).filter(|value| value.is_string()) else { continue };
            let name = crate::cli::strategy::instance_secret(member);
            let literal = value.take();
            *value = json!({ "secret": name });
            self.hide(&literal);
            self.of_instance.insert(name.clone());
            self.named.insert(name, literal);
        }
    }

    /// Puts these secrets into a store, for the application and every tenant. The literals of an instance are the application's
    /// alone: a configuration cannot name them.
    pub(in crate::cli) fn put_into(&self, store: &Memory, strategy: &StrategyName) {
        for (name, text, of_instance) in self.named() {
            store.put_secret(&SecretScope::application(strategy.clone()), name, text.as_str());
            if !of_instance {
                store.put_secret(&SecretScope::shared(strategy.clone()), name, text);
            }
        }
    }

    /// Adds these secrets to a set-up, in the same scopes.
    pub(super) fn set_up(&self, setup: TenantSetup) -> TenantSetup {
        self.named().fold(setup, |setup, (name, text, of_instance)| {
            let setup = setup.application_secret(name, text.as_str());
            if of_instance { setup } else { setup.shared_secret(name, text) }
        })
    }

    /// Each name and value, and whether it is an instance's literal.
    fn named(&self) -> impl Iterator<Item = (&str, String, bool)> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.named.iter().map(move |(name, value)| (name.as_str(), text(value), self.of_instance.contains(name)))
    }

    pub(in crate::cli) fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(|text| text.expose().as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_cannot_name_the_literals_of_an_instance() {
        let mut secrets = Secrets::read(&json!({ "token": "of the tenants" }));
        let mut instance = json!({ "app_secret": "of the application" });
        secrets.take_literals(&mut instance, &["app_secret"]);
        let SecretRef::Named { secret, .. } = SecretRef::deserialize(&instance["app_secret"]).unwrap() else { panic!() };
        let (store, strategy) = (Memory::new(), StrategyName::new("acme-chat").unwrap());
        secrets.put_into(&store, &strategy);
        let has = |scope: &SecretScope, name: &str| zengine_connector::testing::block_on(store.secrets().get(scope, name)).is_ok();
        let (application, shared) = (SecretScope::application(strategy.clone()), SecretScope::shared(strategy.clone()));
        assert!(has(&application, &secret) && has(&application, "token") && has(&shared, "token"));
        assert!(!has(&shared, &secret));
    }
}
