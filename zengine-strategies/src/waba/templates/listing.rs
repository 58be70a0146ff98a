//! A whole list, put together from its pages.

use std::collections::HashSet;

use super::page::{ListWarning, TemplatePage, UnreadElement};
use super::record::{TemplateId, TemplateRecord};

/// A list that grows by its pages. Templates that two pages hold, because the list moved between them, are kept once.
///
/// ```
/// use zengine_strategies::whatsapp_meta_cloud::templates::{TemplateListing, TemplatePage};
///
/// let mut listing = TemplateListing::new();
/// let page = TemplatePage::read(br#"{"data": [{"name": "a", "language": "en"}]}"#, None, 100)?;
/// assert_eq!(listing.add(page), None); // nothing to ask for any more
/// assert!(listing.is_complete());
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct TemplateListing {
    records: Vec<TemplateRecord>,
    unread: Vec<UnreadElement>,
    warning: Option<ListWarning>,
    complete: bool,
    keys: HashSet<(String, Option<String>, TemplateId)>,
    places: HashSet<String>,
    /// The most templates that a page announced.
    total: u64,
    pages: usize,
}

impl TemplateListing {
    /// Maximum pages of one list. A longer one is not complete.
    pub const MAX_PAGES: usize = 1_000;

    /// A list without pages. It is not complete.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a page, and returns the place of the page to ask for next.
    pub fn add(&mut self, page: TemplatePage) -> Option<String> {
        self.pages += 1;
        self.total = self.total.max(page.total.unwrap_or(0));
        for record in page.records {
            if self.keys.insert((record.name.clone(), record.language.clone(), record.id.clone())) {
                self.records.push(record);
            }
        }
        self.unread.extend(page.unread);
        self.warning = page.warning;
        if let Some(next) = page.next {
            if self.pages >= Self::MAX_PAGES {
                self.warning = Some(ListWarning::TooManyPages);
            } else if self.places.insert(next.clone()) {
                return Some(next);
            } else {
                self.warning = Some(ListWarning::CursorRepeats);
            }
        // A list that moved between two pages names one twice, and another one not at all.
        } else if page.complete && ((self.records.len() + self.unread.len()) as u64) < self.total {
            self.warning = Some(ListWarning::TotalMismatch);
        }
        self.complete = page.complete && self.warning.is_none();
        None
    }

    /// The templates, each once.
    pub fn records(&self) -> &[TemplateRecord] {
        &self.records
    }

    /// Elements that are no templates.
    pub fn unread(&self) -> &[UnreadElement] {
        &self.unread
    }

    /// Whether every page was read. Only then does a template that is not in the list not exist.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The reason it is not complete although it has ended.
    pub fn warning(&self) -> Option<ListWarning> {
        self.warning
    }
}
