//! One page of a list, in either family's form.

use serde::{Deserialize, Serialize};
use zengine_connector::{
    Error,
    json::{Elements, Object, ValueRef},
    schemars::JsonSchema,
};

use super::definition::TemplateFamily;
use super::read::{record, root, unreadable};
use super::record::TemplateRecord;

/// The reason a list is not complete although it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ListWarning {
    /// The provider named a cursor a second time.
    CursorRepeats,
    /// The provider promised another page, without a cursor.
    CursorMissing,
    /// The provider announced more templates than it listed.
    TotalMismatch,
    /// There were more pages than are asked for.
    TooManyPages,
}

/// An element of a list that is no template. Its neighbours are not affected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
#[non_exhaustive]
pub struct UnreadElement {
    /// JSON pointer to the element in its page.
    pub pointer: String,
    /// The reason it could not be read.
    pub reason: String,
}

/// One page of a list.
///
/// ```
/// use zengine_strategies::whatsapp_meta_cloud::templates::TemplatePage;
///
/// let body = br#"{"data": [{"name": "a", "language": "en", "status": "APPROVED"}, 7], "paging": {"cursors": {"after": "c1"}}}"#;
/// let page = TemplatePage::read(body, None, 100)?;
/// assert_eq!((page.records[0].name.as_str(), page.unread[0].pointer.as_str()), ("a", "/data/1"));
/// assert!(page.complete && page.next.is_none()); // a cursor without `next` is that of the last page
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "zengine_connector::schemars")]
#[non_exhaustive]
pub struct TemplatePage {
    /// The templates.
    pub records: Vec<TemplateRecord>,
    /// The place of the next page, if there is one: a cursor, or an offset in digits. Never an address: that of the provider may name
    /// another host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether the list ends here, as it should.
    pub complete: bool,
    /// The reason it ends too early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<ListWarning>,
    /// Elements that are no templates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<UnreadElement>,
    /// The family whose form the answer has. It may be another than you asked.
    pub family: TemplateFamily,
    /// The number of templates that the provider announces for the whole list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

impl TemplatePage {
    /// Reads an answer. `after` is the place that you asked for, `limit` the number of templates that you asked for.
    ///
    /// # Errors
    /// `Protocol` if the answer has no list. Asking again is safe.
    pub fn read(body: &[u8], after: Option<&str>, limit: u64) -> Result<Self, Error> {
        root(body, |root| {
            let obj = root.object().unwrap_or_default();
            let list = |member| obj.get(member).and_then(ValueRef::elements);
            match (list("data"), list("waba_templates")) {
                (Some(list), _) => Ok(Self::of("/data", list).by_cursor(&obj, after)),
                (None, Some(list)) => Ok(Self::of("/waba_templates", list).by_offset(&obj, after, limit, list.count() as u64)),
                (None, None) => Err(unreadable("the answer is no list of templates")),
            }
        })
    }

    fn of(at: &str, list: Elements<'_>) -> Self {
        let family = if at == "/data" { TemplateFamily::B } else { TemplateFamily::A };
        let mut page = Self { records: vec![], next: None, complete: true, warning: None, unread: vec![], family, total: None };
        for (n, element) in list.enumerate() {
            match record(element, None) {
                Some(record) => page.records.push(record),
                None => page.unread.push(UnreadElement { pointer: format!("{at}/{n}"), reason: "not a template with a name".into() }),
            }
        }
        page
    }

    /// Of the provider's `next` only its presence counts, and the cursor beside it.
    fn by_cursor(mut self, obj: &Object<'_>, asked: Option<&str>) -> Self {
        let paging = obj.object("paging").unwrap_or_default();
        if paging.text("next").is_some() {
            match paging.object("cursors").and_then(|cursors| cursors.owned_text("after")) {
                Some(cursor) if Some(&*cursor) == asked => self.warn(ListWarning::CursorRepeats),
                Some(cursor) => self.go_on(cursor),
                None => self.warn(ListWarning::CursorMissing),
            }
        }
        self
    }

    /// Ends where the total is reached; without a total, at a page that is short or empty.
    fn by_offset(mut self, obj: &Object<'_>, asked: Option<&str>, limit: u64, count: u64) -> Self {
        let number = |member| obj.integer(member).and_then(|number| u64::try_from(number).ok());
        let offset = number("offset").or_else(|| asked?.parse().ok()).unwrap_or(0);
        let end = offset.saturating_add(count);
        self.total = number("total");
        match self.total {
            Some(total) if end >= total => {}
            Some(_) if count == 0 => self.warn(ListWarning::TotalMismatch),
            None if count < number("limit").unwrap_or(limit) || count == 0 => {}
            _ => self.go_on(end.to_string()),
        }
        self
    }

    fn go_on(&mut self, next: String) {
        (self.next, self.complete) = (Some(next), false);
    }

    fn warn(&mut self, warning: ListWarning) {
        (self.warning, self.complete) = (Some(warning), false);
    }
}
