//! A JSON text and the places of its values.

use std::{borrow::Cow, ops::Range};

use super::{
    Unread,
    split::{self, Node, Split, StringText},
    steps,
};

masked!(Document<'_>, ValueRef<'_>, Elements<'_>);

/// A JSON text, checked and split into its values without a copy.
///
/// ```
/// use zengine_connector::json::{Document, Unread};
///
/// let document = Document::read(r#"{"ids": [1.10, 2]}"#)?;
/// let ids = document.root().object().map(|root| root.elements("ids"));
/// assert_eq!(ids.and_then(|mut ids| ids.next()).map(|first| first.as_json()), Some("1.10"));
/// assert_eq!(Document::read("[1, 2").err(), Some(Unread::NotJson));
/// # Ok::<(), Unread>(())
/// ```
pub struct Document<'a> {
    text: &'a str,
    split: Split,
}

impl<'a> Document<'a> {
    /// Reads a text. The work and the memory are linear in its length: 16 bytes for each value and each name.
    ///
    /// # Errors
    /// If the text is not one JSON value, or is nested deeper or has more items than
    /// [`Limits::DEFAULT`](super::Limits::DEFAULT) allows.
    pub fn read(text: &'a str) -> Result<Self, Unread> {
        Ok(Self { text, split: split::split(text)? })
    }

    /// The outermost value.
    pub fn root(&self) -> ValueRef<'_> {
        ValueRef { text: self.text, nodes: &self.split.nodes, names: &self.split.names, at: 0 }
    }
}

/// One value of a [`Document`]: a place in its text, cheap to copy.
#[derive(Clone, Copy)]
pub struct ValueRef<'a> {
    text: &'a str,
    nodes: &'a [Node],
    /// The names of members that have escapes.
    names: &'a [Box<str>],
    at: usize,
}

impl<'a> ValueRef<'a> {
    /// The value's JSON, exactly as it stands in the document.
    pub fn as_json(self) -> &'a str {
        self.text.get(self.range()).unwrap_or_default()
    }

    /// The place of the value in the document, in bytes.
    pub fn range(self) -> Range<usize> {
        self.node().map_or(0..0, |node| node.start as usize..node.end as usize)
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.first() == Some(b'n')
    }

    /// The elements of an array; `None` if it is anything else.
    pub fn elements(self) -> Option<Elements<'a>> {
        (self.first() == Some(b'[')).then(|| self.inside())
    }

    /// The text of a string; `None` if it is anything else. Half surrogate pairs become replacement characters.
    pub fn string(self) -> Option<Cow<'a, str>> {
        if self.first() != Some(b'"') {
            return None;
        }
        match self.node().map_or(StringText::Plain, |node| node.string(self.names)) {
            StringText::Plain => Some(Cow::Borrowed(self.inner())),
            StringText::Name(name) => Some(Cow::Borrowed(name)),
            StringText::Escaped => split::decoded(self.as_json().as_bytes()).map(Cow::Owned),
        }
    }

    /// The text of a string, or a number as it is written; `None` if it is empty or anything else. Providers write the same id now as
    /// a string and now as a number.
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self.first()? {
            b'"' => self.string().filter(|text| !text.is_empty()),
            b'-' | b'0'..=b'9' => Some(Cow::Borrowed(self.as_json())),
            _ => None,
        }
    }

    /// The first byte, which shows the kind of value.
    pub(super) fn first(self) -> Option<u8> {
        self.text.as_bytes().get(self.node()?.start as usize).copied()
    }

    /// The text between the first and the last byte: the inside of a string.
    fn inner(self) -> &'a str {
        self.node().and_then(|node| self.text.get(node.start as usize + 1..(node.end as usize).checked_sub(1)?)).unwrap_or_default()
    }

    pub(super) fn node(self) -> Option<&'a Node> {
        self.nodes.get(self.at)
    }

    /// The last member with a name, unless it is `null`.
    pub(super) fn member(self, node: &Node, name: &str) -> Option<Self> {
        let members = self.nodes.get(self.at..node.next as usize)?;
        let (mut at, mut found) = (1, None);
        while let Some([key, value]) = members.get(at..).and_then(|rest| rest.first_chunk()) {
            steps::count();
            let place = self.at + at;
            let same = match key.string(self.names) {
                StringText::Name(decoded) => decoded == name,
                // Names that differ in length are passed without looking at them.
                _ => {
                    (key.end - key.start) as usize == name.len() + 2
                        && self.text.as_bytes().get(key.start as usize + 1..key.end as usize - 1) == Some(name.as_bytes())
                }
            };
            if same {
                found = Some(ValueRef { at: place + 1, ..self });
            }
            at = (value.next as usize).checked_sub(self.at)?;
        }
        found.filter(|raw| !raw.is_null())
    }

    /// The values directly inside, the names of members included.
    pub(super) fn inside(self) -> Elements<'a> {
        let end = self.node().map_or(0, |node| node.next as usize);
        Elements { next: ValueRef { at: self.at + 1, ..self }, end }
    }
}

/// The elements of an array, in document order.
#[derive(Clone, Copy)]
pub struct Elements<'a> {
    next: ValueRef<'a>,
    end: usize,
}

impl Elements<'_> {
    /// No values.
    pub(super) const NONE: Elements<'static> = Elements { next: ValueRef { text: "", nodes: &[], names: &[], at: 0 }, end: 0 };

    /// Whether there is none left.
    pub fn is_empty(&self) -> bool {
        self.next.at >= self.end
    }

    /// Whether there is exactly one left.
    pub fn is_one(mut self) -> bool {
        self.next().is_some() && self.is_empty()
    }
}

#[allow(clippy::copy_iterator)] // a place in a body; walking a copy is meant
impl<'a> Iterator for Elements<'a> {
    type Item = ValueRef<'a>;

    fn next(&mut self) -> Option<ValueRef<'a>> {
        let raw = self.next;
        if raw.at >= self.end {
            return None;
        }
        steps::count();
        self.next.at = raw.node()?.next as usize;
        Some(raw)
    }
}
