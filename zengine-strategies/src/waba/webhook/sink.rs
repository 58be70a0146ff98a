//! Collects events and unreadable elements, with the exact bytes they were made from.

use std::fmt;

use bytes::Bytes;
use zengine_connector::Event;
use zengine_connector::message::ElementError;
use zengine_connector::strategy::{RawPayload, RoutedEvent};

use super::scope::Scope;
use crate::waba::json::{Object, ValueRef};

/// An event without its bytes, or the reason the element cannot be read.
pub(super) type EventResult = Result<RoutedEvent, &'static str>;

/// The element is not an object.
pub(super) const NOT_AN_OBJECT: &str = "not an object";
/// The member that holds elements is not an array.
pub(super) const NOT_AN_ARRAY: &str = "not an array";

/// A place in the body, written out only for an error.
#[derive(Clone, Copy)]
pub(super) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Member(&'p str),
    Element(usize),
}

impl<'p> Path<'p> {
    pub(super) const ROOT: Path<'static> = Path { parent: None, step: Step::Root };

    pub(super) fn member(&'p self, name: &'p str) -> Self {
        Self { parent: Some(self), step: Step::Member(name) }
    }

    pub(super) fn element(&'p self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Element(index) }
    }
}

/// A JSON pointer.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Member(name) => write!(f, "/{}", name.replace('~', "~0").replace('/', "~1")),
            Step::Element(index) => write!(f, "/{index}"),
        }
    }
}

/// Reads the elements of every member with a name: a name may be repeated. Returns whether there were any, or a member that is no
/// list.
pub(super) fn elements<'a, 'p>(
    sink: &mut Sink<'p>,
    path: &Path<'_>,
    obj: &Object<'a>,
    name: &str,
    mut each: impl FnMut(&mut Sink<'p>, &Path<'_>, ValueRef<'a>),
) -> bool {
    let before = sink.len();
    let path = path.member(name);
    for raw in obj.get_all(name) {
        match raw.elements() {
            Some(items) => {
                // A single one, as most bodies have, says nothing of how many follow.
                if !items.is_one() {
                    sink.expect(items.count());
                }
                for (index, raw) in items.enumerate() {
                    if sink.is_full() {
                        return true;
                    }
                    each(sink, &path.element(index), raw);
                }
            }
            None => sink.put(&path, raw, Err(NOT_AN_ARRAY)),
        }
    }
    sink.len() > before
}

/// Whether an object has members that no reader took.
pub(super) fn is_left(obj: &Object<'_>, is_read: impl Fn(&str) -> bool) -> bool {
    obj.members().any(|(name, raw)| !raw.is_null() && !is_read(&name))
}

/// Makes each member that no reader took an event of its own: what is new beside an array must not be lost. `raw` is the whole object.
pub(super) fn rest<'a>(
    sink: &mut Sink<'_>,
    path: &Path<'_>,
    scope: &Scope<'a>,
    raw: ValueRef<'a>,
    obj: &Object<'a>,
    is_read: impl Fn(&str, ValueRef<'a>) -> bool,
) {
    let mut left = obj.members().filter(|(name, raw)| !raw.is_null() && !is_read(name, *raw)).peekable();
    // A member may say the same in every body, so the key is that of the whole.
    let key = if left.peek().is_some() { scope.by_bytes(raw) } else { String::new() };
    for (index, (name, raw)) in left.enumerate() {
        if sink.is_full() {
            return;
        }
        let event = Event::Unknown { provider_type: name.clone().into_owned() };
        sink.put(&path.member(&name), raw, Ok(scope.event(event, format!("{key}|{index}"))));
    }
}

/// Collects the results of the elements, in order.
pub(super) struct Sink<'p> {
    payload: &'p RawPayload,
    text: &'p str,
    /// Whether bytes were replaced in `text`.
    replaced: bool,
    out: Vec<Result<RoutedEvent, ElementError>>,
}

impl<'p> Sink<'p> {
    pub(super) fn new(payload: &'p RawPayload, text: &'p str, replaced: bool) -> Self {
        Self { payload, text, replaced, out: Vec::new() }
    }

    /// Reserves room for further elements.
    pub(super) fn expect(&mut self, elements: usize) {
        self.out.reserve(elements.min(self.payload.max_elements().saturating_add(1).saturating_sub(self.len())));
    }

    /// Whether there are more elements than the core looks at: it refuses them all, so that no further one must be read.
    pub(super) fn is_full(&self) -> bool {
        self.len() > self.payload.max_elements()
    }

    /// The number of elements collected.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// Adds the result of an element.
    pub(super) fn put(&mut self, path: &Path<'_>, raw: ValueRef<'_>, made: EventResult) {
        if self.is_full() {
            return;
        }
        let bytes = self.slice(raw.as_json());
        let made = if self.replaced && std::str::from_utf8(&bytes).is_err() { Err("not UTF-8") } else { made };
        self.out.push(match made {
            Ok(mut event) => {
                event.raw = bytes;
                Ok(event)
            }
            Err(reason) => Err(ElementError::new(path.to_string(), reason, bytes)),
        });
    }

    /// Adds an error for the whole body.
    pub(super) fn refuse_body(&mut self, reason: &'static str) {
        self.out.push(Err(ElementError::new(String::new(), reason, self.payload.body().clone())));
    }

    pub(super) fn finish(self) -> Vec<Result<RoutedEvent, ElementError>> {
        self.out
    }

    /// The received bytes of a part of the text.
    fn slice(&self, part: &str) -> Bytes {
        if !self.replaced {
            return self.payload.slice_of(part);
        }
        let start = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        self.payload.slice(start..start + part.len())
    }
}
