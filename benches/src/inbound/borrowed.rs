//! The peer: structs that borrow from the body, which is about the least that reading it can cost.

use std::borrow::Cow;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "what is read is what is measured")]
pub(crate) struct Webhook<'a> {
    #[serde(borrow)]
    object: Cow<'a, str>,
    #[serde(borrow)]
    entry: Vec<Entry<'a>>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "what is read is what is measured")]
struct Entry<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    changes: Vec<Change<'a>>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "what is read is what is measured")]
struct Change<'a> {
    #[serde(borrow)]
    field: Cow<'a, str>,
    #[serde(borrow)]
    value: Value<'a>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "what is read is what is measured")]
struct Value<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow, default)]
    contacts: Vec<Contact<'a>>,
    #[serde(borrow, default)]
    messages: Vec<Message<'a>>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "what is read is what is measured")]
struct Metadata<'a> {
    #[serde(borrow)]
    display_phone_number: Cow<'a, str>,
    #[serde(borrow)]
    phone_number_id: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "what is read is what is measured")]
struct Contact<'a> {
    #[serde(borrow)]
    profile: Profile<'a>,
    #[serde(borrow)]
    wa_id: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "what is read is what is measured")]
struct Profile<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "what is read is what is measured")]
struct Message<'a> {
    #[serde(borrow)]
    from: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    referral: Option<Referral<'a>>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "what is read is what is measured")]
struct Text<'a> {
    #[serde(borrow)]
    body: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "what is read is what is measured")]
struct Referral<'a> {
    #[serde(borrow)]
    source_url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    source_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    source_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    headline: Option<Cow<'a, str>>,
    #[serde(borrow)]
    body: Option<Cow<'a, str>>,
    #[serde(borrow)]
    ctwa_clid: Option<Cow<'a, str>>,
}
