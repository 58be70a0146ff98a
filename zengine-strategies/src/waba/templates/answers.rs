//! Answers about several templates at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zengine_connector::{Error, json::ValueRef, schemars::JsonSchema};

use super::read::{root, unreadable};

/// The outcome of archiving or unarchiving templates, by Meta's ids.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
#[serde(default)]
#[non_exhaustive]
pub struct ArchiveReport {
    /// The templates for which it is done.
    pub done: Vec<String>,
    /// The others, each with the provider's text.
    pub failed: BTreeMap<String, String>,
}

impl ArchiveReport {
    /// Reads an answer. The failed ones are a map of texts, a map of objects with `error`, or an empty list.
    ///
    /// # Errors
    /// `Protocol` if it names no templates, neither done nor failed.
    pub fn read(body: &[u8]) -> Result<Self, Error> {
        root(body, |root| {
            let obj = root.object().unwrap_or_default();
            let done = ["archived_templates", "unarchived_templates"].into_iter().find(|member| obj.get(member).is_some());
            if done.is_none() && obj.get("failed_templates").is_none() {
                return Err(unreadable("the answer names no templates"));
            }
            let done = done.map(|member| obj.elements(member).filter_map(ValueRef::text).map(Into::into).collect());
            let failed = obj.object("failed_templates").unwrap_or_default().members().map(|(id, why)| {
                let text = why.text().or_else(|| why.object()?.first_text(&["error", "message"]));
                (id.into_owned(), text.unwrap_or_default().into_owned())
            });
            Ok(Self { done: done.unwrap_or_default(), failed: failed.collect() })
        })
    }
}
