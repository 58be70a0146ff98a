//! The reason of a change, where a webhook gives one.

use std::borrow::Cow;

use crate::waba::json::{Object, ValueRef};

/// The first of several members that gives a reason, a word or a list of them. Meta's word `NONE` is none.
pub(super) fn of(obj: &Object<'_>, names: &[&str]) -> Option<String> {
    let given = |raw| words(raw).find(|word| !word.eq_ignore_ascii_case("none"));
    names.iter().find_map(|name| given(obj.get(name)?)).map(Cow::into_owned)
}

/// The members that give a reason in the parts of a change, the plainest first.
const IN_PARTS: &[&str] =
    &["reason", "rejection_reasons", "rejection_reason", "violation_type", "waba_ban_state", "restriction_type", "title"];

/// The reason in the members named `…_info`, each an object or a list of them.
pub(super) fn of_parts(obj: &Object<'_>) -> Option<String> {
    IN_PARTS.iter().find_map(|name| {
        let parts = obj.members().filter(|(part, _)| part.ends_with("_info"));
        parts.filter_map(|(_, raw)| raw.object().or_else(|| raw.elements()?.find_map(ValueRef::object))).find_map(|part| of(&part, &[name]))
    })
}

/// A word, or the words of a list.
pub(super) fn words(raw: ValueRef<'_>) -> impl Iterator<Item = Cow<'_, str>> {
    raw.text().into_iter().chain(raw.elements().into_iter().flatten().filter_map(ValueRef::text))
}
