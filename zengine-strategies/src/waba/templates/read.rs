//! The provider's JSON of a template, as a record.

use zengine_connector::{
    Error, ErrorKind,
    json::{self, Document, Object, ValueRef},
    message::RawJson,
};

use super::component::Component;
use super::definition::TemplateDefinition;
use super::record::{TemplateId, TemplateQuality, TemplateRecord};

impl TemplateRecord {
    /// Reads the answer to a question for one template.
    ///
    /// # Errors
    /// `Protocol` if the body is no object with a name.
    pub fn read(body: &[u8]) -> Result<Self, Error> {
        root(body, |root| record(root, None).ok_or_else(|| unreadable("the answer is no template")))
    }

    /// Reads the answer to a creation, which may hold no more than an id, or not even that: the rest is as it was asked for.
    ///
    /// # Errors
    /// `Protocol` if the body is no object.
    pub fn created(body: &[u8], asked: &TemplateDefinition) -> Result<Self, Error> {
        root(body, |root| record(root, Some(asked)).ok_or_else(|| unreadable("the answer is no object")))
    }
}

/// Looks into a body.
pub(super) fn root<T>(body: &[u8], look: impl FnOnce(ValueRef<'_>) -> Result<T, Error>) -> Result<T, Error> {
    let text = json::text_of(body);
    let document = Document::read(&text).map_err(|_| unreadable("the answer is not JSON"))?;
    look(document.root())
}

pub(super) fn unreadable(message: &'static str) -> Error {
    Error::new(ErrorKind::Protocol, message)
}

/// A record of any object that has a name, or that answers a creation.
pub(super) fn record(value: ValueRef<'_>, asked: Option<&TemplateDefinition>) -> Option<TemplateRecord> {
    let obj = value.object()?;
    let name = obj.string("name").filter(|name| !name.is_empty()).map(Into::into).or_else(|| asked.map(|asked| asked.name.clone()))?;
    let mut read = TemplateRecord { id: ids(&obj), name, raw: Some(RawJson::from(value)), ..TemplateRecord::default() };
    members!(read, obj.owned_text: category, previous_category, correct_category, sub_category, namespace, parameter_format);
    read.language = obj.text("language").map(|code| code.replace('-', "_")).or_else(|| asked.map(|asked| asked.language.clone()));
    read.category = read.category.or_else(|| asked.map(|asked| asked.category.clone()));
    let words = [&mut read.category, &mut read.previous_category, &mut read.correct_category, &mut read.parameter_format];
    words.into_iter().flatten().for_each(|word| word.make_ascii_uppercase());
    read.status = obj.text("status").map(|word| (&*word).into());
    let rejection = obj.object("rejection_info").unwrap_or_default();
    read.rejected_reason = reason(obj.text("rejected_reason").or_else(|| rejection.text("reason")).as_deref());
    read.recommendation = rejection.owned_text("recommendation");
    read.quality = quality(&obj);
    read.message_send_ttl_seconds = obj.integer("message_send_ttl_seconds");
    read.components = components(&obj).or_else(|| asked.map(|asked| asked.components.clone()));
    Some(read)
}

/// Both ids. Family A's own is the hub's, with Meta's beside it as `external_id`.
fn ids(obj: &Object<'_>) -> TemplateId {
    let own = obj.owned_text("id").map(TemplateId::of).unwrap_or_default();
    let other = obj.owned_text("external_id").map(TemplateId::of).unwrap_or_default();
    TemplateId { meta: own.meta.or(other.meta), hub: own.hub.or(other.hub) }
}

/// A reason that says something.
pub(super) fn reason(word: Option<&str>) -> Option<String> {
    word.map(str::trim).filter(|word| !word.is_empty() && !word.eq_ignore_ascii_case("none")).map(str::to_owned)
}

/// The quality: an object with score and date, or the bare word.
fn quality(obj: &Object<'_>) -> Option<TemplateQuality> {
    let rating = obj.object("quality_score").unwrap_or_default();
    let score = rating.text("score").or_else(|| obj.string("quality_score")).filter(|score| !score.is_empty())?;
    Some(TemplateQuality { at_ms: rating.time_ms("date"), ..TemplateQuality::new(&score) })
}

/// The components, unless they are absent, no list, or JSON that cannot be built, such as half a surrogate pair.
fn components(obj: &Object<'_>) -> Option<Vec<Component>> {
    let list = obj.get("components")?.as_json();
    serde_json::from_str(list).ok()
}
