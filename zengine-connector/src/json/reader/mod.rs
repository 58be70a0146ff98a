//! JSON read member by member, in place.
//!
//! A body is checked and split once, into a flat list of its values; everything else only looks into that list. A webhook
//! may lack anything and may spell numbers as strings, so nothing here fails: what does not fit is absent. The views borrow
//! from the body, which is how an element's exact bytes are found again.

mod split;
pub(crate) mod steps;

use std::borrow::Cow;

use split::{Node, Split, StringText};

use super::Unread;

masked!(Document<'_>, Raw<'_>, Items<'_>, Obj<'_>);

/// A JSON text and the places of its values.
pub struct Document<'a> {
    text: &'a str,
    split: Split,
}

impl<'a> Document<'a> {
    /// # Errors
    /// If the text is not one JSON value, or is nested deeper or has more items than
    /// [`Limits::DEFAULT`](super::Limits::DEFAULT) allows.
    pub fn read(text: &'a str) -> Result<Self, Unread> {
        Ok(Self { text, split: split::split(text)? })
    }

    /// The outermost value.
    pub fn root(&self) -> Raw<'_> {
        Raw { text: self.text, nodes: &self.split.nodes, names: &self.split.names, at: 0 }
    }
}

/// One value of a document.
#[derive(Clone, Copy)]
pub struct Raw<'a> {
    text: &'a str,
    nodes: &'a [Node],
    /// The names of members that have escapes.
    names: &'a [Box<str>],
    at: usize,
}

impl<'a> Raw<'a> {
    /// The value's text.
    pub fn get(self) -> &'a str {
        self.node().and_then(|node| self.text.get(node.start as usize..node.end as usize)).unwrap_or_default()
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.first() == Some(b'n')
    }

    /// The first byte, which shows the kind of value.
    fn first(self) -> Option<u8> {
        self.text.as_bytes().get(self.node()?.start as usize).copied()
    }

    /// The text between the first and the last byte: the inside of a string.
    fn inner(self) -> &'a str {
        self.node().and_then(|node| self.text.get(node.start as usize + 1..(node.end as usize).checked_sub(1)?)).unwrap_or_default()
    }

    fn node(self) -> Option<&'a Node> {
        self.nodes.get(self.at)
    }

    /// The last member with a name, unless it is `null`.
    fn member(self, node: &Node, name: &str) -> Option<Self> {
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
                found = Some(Raw { at: place + 1, ..self });
            }
            at = (value.next as usize).checked_sub(self.at)?;
        }
        found.filter(|raw| !raw.is_null())
    }

    /// The values directly inside, the names of members included.
    fn inside(self) -> Items<'a> {
        let end = self.node().map_or(0, |node| node.next as usize);
        Items { next: Raw { at: self.at + 1, ..self }, end }
    }
}

/// Values beside each other, in document order.
#[derive(Clone, Copy)]
pub struct Items<'a> {
    next: Raw<'a>,
    end: usize,
}

impl Items<'_> {
    /// No values.
    const NONE: Items<'static> = Items { next: Raw { text: "", nodes: &[], names: &[], at: 0 }, end: 0 };

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.next.at >= self.end
    }

    /// Whether there is exactly one.
    pub fn is_one(mut self) -> bool {
        self.next().is_some() && self.is_empty()
    }
}

#[allow(clippy::copy_iterator)] // a place in a body; walking a copy is meant
impl<'a> Iterator for Items<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        let raw = self.next;
        if raw.at >= self.end {
            return None;
        }
        steps::count();
        self.next.at = raw.node()?.next as usize;
        Some(raw)
    }
}

/// The members of an object in document order, repeated names included.
#[derive(Clone, Copy)]
pub struct Obj<'a>(Option<Raw<'a>>);

impl<'a> Obj<'a> {
    /// An object without members.
    pub const fn empty() -> Self {
        Self(None)
    }

    /// `None` if the value is not an object.
    pub fn read(raw: Raw<'a>) -> Option<Self> {
        (raw.first() == Some(b'{')).then_some(Self(Some(raw)))
    }

    /// The members in document order.
    pub fn members(&self) -> impl Iterator<Item = (Cow<'a, str>, Raw<'a>)> + use<'a> {
        let mut inside = self.0.map_or(Items::NONE, Raw::inside);
        std::iter::from_fn(move || Some((string(inside.next()?).unwrap_or_default(), inside.next()?)))
    }

    /// A member; the last if a name is repeated. `null` counts as absent.
    ///
    /// Inlined so that the name's trace is a constant: reading a message looks up some forty members, most of them absent.
    #[inline]
    pub fn get(&self, name: &str) -> Option<Raw<'a>> {
        let object = self.0?;
        let node = object.node()?;
        if node.names & split::trace(name.as_bytes()) == 0 { None } else { object.member(node, name) }
    }

    /// Every member with a name that is not `null`: a name may be repeated.
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = Raw<'a>> + use<'a, 'n> {
        self.members().filter(move |(member, raw)| member == name && !raw.is_null()).map(|(_, raw)| raw)
    }

    /// A member that is an object.
    #[inline]
    pub fn obj(&self, name: &str) -> Option<Obj<'a>> {
        self.get(name).and_then(Obj::read)
    }

    /// The elements of a member that is an array; none if it is anything else.
    #[inline]
    pub fn items(&self, name: &str) -> Items<'a> {
        self.get(name).and_then(items).unwrap_or(Items::NONE)
    }

    /// A member that is a string, the empty one included.
    #[inline]
    pub fn string(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(string)
    }

    /// A member that is a string or a number; a number as its source text. Empty counts as absent.
    #[inline]
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(text)
    }

    /// [`Self::text`], owned.
    #[inline]
    pub fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(Cow::into_owned)
    }

    /// The first of several spellings of a member that is there.
    pub fn first(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        names.iter().find_map(|name| self.text(name))
    }

    /// A member that is a whole number, as number or string; a fraction of zero is none.
    #[inline]
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(|text| integer(&text))
    }

    /// A member that is a number, as number or string.
    #[inline]
    pub fn float(&self, name: &str) -> Option<f64> {
        self.text(name)?.trim().parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// A member that is true or false, as such or as a string.
    #[inline]
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)?.get().trim_matches('"') {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// A member that is a time, in milliseconds UTC.
    #[inline]
    pub fn time(&self, name: &str) -> Option<i64> {
        #[allow(clippy::cast_possible_truncation)] // a part of a second is cut off; `as` saturates
        let cut = || self.float(name).map(|time| time as i64);
        self.integer(name).or_else(cut).map(milliseconds)
    }
}

/// The elements of an array; `None` if the value is not one.
pub fn items(raw: Raw<'_>) -> Option<Items<'_>> {
    (raw.first() == Some(b'[')).then(|| raw.inside())
}

/// A string's text; `None` if the value is not a string. Half surrogate pairs become replacement characters.
pub fn string(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    if raw.first() != Some(b'"') {
        return None;
    }
    match raw.node().map_or(StringText::Plain, |node| node.string(raw.names)) {
        StringText::Plain => Some(Cow::Borrowed(raw.inner())),
        StringText::Name(name) => Some(Cow::Borrowed(name)),
        StringText::Escaped => split::decoded(raw.get().as_bytes()).map(Cow::Owned),
    }
}

/// A string's text or a number's source text; `None` if it is empty or anything else.
pub fn text(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    match raw.first()? {
        b'"' => string(raw).filter(|text| !text.is_empty()),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(raw.get())),
        _ => None,
    }
}

#[allow(clippy::cast_possible_truncation)] // a count written as a float; `as` saturates
fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let whole = |number: &f64| number.is_finite() && number.fract() == 0.0;
    text.parse().ok().or_else(|| text.parse().ok().filter(whole).map(|number| number as i64))
}

/// Converts a time to milliseconds: the magnitude distinguishes seconds, milliseconds, microseconds and nanoseconds.
pub fn milliseconds(time: i64) -> i64 {
    match time.unsigned_abs() {
        0..100_000_000_000 => time * 1_000,
        100_000_000_000..100_000_000_000_000 => time,
        100_000_000_000_000..100_000_000_000_000_000 => time / 1_000,
        _ => time / 1_000_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(json: &str) -> Document<'_> {
        Document::read(json).unwrap()
    }

    #[test]
    fn r6_numbers_are_read_from_numbers_and_from_strings() {
        let document = document(r#"{"a":17,"b":"17","c":17.0,"d":"x","e":null,"f":"","g":true,"h":"true","i":1.5,"j":"1760000000.7"}"#);
        let obj = Obj::read(document.root()).unwrap();
        assert_eq!([obj.integer("a"), obj.integer("b"), obj.integer("c")], [Some(17); 3]);
        assert_eq!([obj.integer("d"), obj.integer("e"), obj.integer("f"), obj.integer("z"), obj.integer("i")], [None; 5]);
        assert_eq!(obj.time("j"), Some(1_760_000_000_000), "of a time the part of a second is cut off");
        assert_eq!([obj.flag("g"), obj.flag("h"), obj.flag("a")], [Some(true), Some(true), None]);
        assert_eq!(obj.text("c").as_deref(), Some("17.0"), "the source text");
    }

    #[test]
    fn times_are_told_apart_by_their_size() {
        for time in [1_760_000_000, 1_760_000_000_000, 1_760_000_000_000_000, 1_760_000_000_000_000_000] {
            assert_eq!(milliseconds(time), 1_760_000_000_000);
        }
        assert_eq!(milliseconds(i64::MIN), i64::MIN / 1_000_000);
    }

    #[test]
    fn strings_with_half_a_surrogate_pair_are_still_read() {
        assert_eq!(string(document(r#""caf\u00e9 \ud83d\ude00""#).root()).as_deref(), Some("café 😀"));
        assert!(string(document(r#""cut \ud83d""#).root()).unwrap().starts_with("cut \u{fffd}"));
        let document = document(r#"{"\ud83d":1,"a":2,"\u0061":3}"#);
        let obj = Obj::read(document.root()).unwrap();
        assert_eq!(obj.integer("a"), Some(3), "the last of a repeated name");
        let names: Vec<_> = obj.members().map(|(name, _)| name).collect();
        assert!(names.iter().all(|name| matches!(name, Cow::Borrowed(_))), "names are decoded once");
        assert_eq!(names[1..], ["a", "a"]);
    }

    #[test]
    fn what_is_not_an_object_or_array_is_none() {
        for json in ["1", "\"x\"", "null", "true", "[]"] {
            assert!(Obj::read(document(json).root()).is_none(), "{json}");
        }
        assert!(items(document("{}").root()).is_none());
        assert_eq!(items(document("[1, [2]]").root()).unwrap().count(), 2);
        assert!(items(document("[[1, 2]]").root()).unwrap().is_one());
        assert!(items(document("[]").root()).unwrap().is_empty());
    }
}
