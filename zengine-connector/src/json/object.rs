//! The members of an object, read by name.

use std::borrow::Cow;

use super::{Elements, ValueRef, split};

masked!(Object<'_>);

/// The members of an object.
///
/// Every look-up returns `None` if the member is absent, is `null` or does not fit: a provider may leave out anything, and may write
/// a number as a string.
///
/// ```
/// use zengine_connector::json::{Document, Unread};
///
/// let document = Document::read(r#"{"id":17,"count":"3","sent":"1760000000","note":null}"#)?;
/// let message = document.root().object().unwrap_or_default();
/// assert_eq!(message.text("id").as_deref(), Some("17"));
/// assert_eq!(message.integer("count"), Some(3));
/// assert_eq!(message.time_ms("sent"), Some(1_760_000_000_000));
/// assert!(message.get("note").is_none());
/// # Ok::<(), Unread>(())
/// ```
#[derive(Clone, Copy, Default)]
pub struct Object<'a>(Option<ValueRef<'a>>);

impl<'a> ValueRef<'a> {
    /// The value as an object; `None` if it is anything else.
    pub fn object(self) -> Option<Object<'a>> {
        (self.first() == Some(b'{')).then_some(Object(Some(self)))
    }
}

impl<'a> Object<'a> {
    /// An object without members.
    pub const EMPTY: Self = Self(None);

    /// All members in document order, with repeated names and `null`.
    pub fn members(&self) -> impl Iterator<Item = (Cow<'a, str>, ValueRef<'a>)> + use<'a> {
        let mut inside = self.0.map_or(Elements::NONE, ValueRef::inside);
        std::iter::from_fn(move || Some((inside.next()?.string().unwrap_or_default(), inside.next()?)))
    }

    /// A member; the last if a name is repeated. `null` counts as absent.
    ///
    /// Inlined so that the name's trace is a constant: reading a message looks up some forty members, most of them absent.
    #[inline]
    pub fn get(&self, name: &str) -> Option<ValueRef<'a>> {
        let object = self.0?;
        let node = object.node()?;
        if node.names & split::trace(name.as_bytes()) == 0 { None } else { object.member(node, name) }
    }

    /// Every member with a name that is not `null`: a name may be repeated.
    pub fn get_all<'n>(&self, name: &'n str) -> impl Iterator<Item = ValueRef<'a>> + use<'a, 'n> {
        self.members().filter(move |(member, raw)| member == name && !raw.is_null()).map(|(_, raw)| raw)
    }

    /// A member that is an object.
    #[inline]
    pub fn object(&self, name: &str) -> Option<Self> {
        self.get(name).and_then(ValueRef::object)
    }

    /// The elements of a member that is an array; none if it is anything else.
    #[inline]
    pub fn elements(&self, name: &str) -> Elements<'a> {
        self.get(name).and_then(ValueRef::elements).unwrap_or(Elements::NONE)
    }

    /// A member that is a string, the empty one included.
    #[inline]
    pub fn string(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(ValueRef::string)
    }

    /// A member that is a string or a number; a number as its source text. Empty counts as absent.
    #[inline]
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(ValueRef::text)
    }

    /// [`Self::text`], owned.
    #[inline]
    pub fn owned_text(&self, name: &str) -> Option<String> {
        self.text(name).map(Cow::into_owned)
    }

    /// [`Self::text`] of the first of several names that is there: providers rename members.
    pub fn first_text(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        names.iter().find_map(|name| self.text(name))
    }

    /// A member that is a whole number, as number or string; a fraction of zero is none.
    #[inline]
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(|text| integer(&text))
    }

    /// A member that is a number, as number or string.
    #[inline]
    pub fn number(&self, name: &str) -> Option<f64> {
        self.text(name)?.trim().parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// A member that is true or false, as such or as a string.
    #[inline]
    pub fn boolean(&self, name: &str) -> Option<bool> {
        match self.get(name)?.as_json().trim_matches('"') {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// A member that is a time since 1970 as a number or string, in milliseconds UTC. Its size tells seconds, milliseconds,
    /// microseconds and nanoseconds apart.
    #[inline]
    pub fn time_ms(&self, name: &str) -> Option<i64> {
        #[allow(clippy::cast_possible_truncation)] // a part of a second is cut off; `as` saturates
        let cut = || self.number(name).map(|time| time as i64);
        self.integer(name).or_else(cut).map(milliseconds)
    }
}

#[allow(clippy::cast_possible_truncation)] // a count written as a float; `as` saturates
fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let whole = |number: &f64| number.is_finite() && number.fract() == 0.0;
    text.parse().ok().or_else(|| text.parse().ok().filter(whole).map(|number| number as i64))
}

/// Converts a time to milliseconds: the magnitude distinguishes seconds, milliseconds, microseconds and nanoseconds.
fn milliseconds(time: i64) -> i64 {
    match time.unsigned_abs() {
        0..100_000_000_000 => time * 1_000,
        100_000_000_000..100_000_000_000_000 => time,
        100_000_000_000_000..100_000_000_000_000_000 => time / 1_000,
        _ => time / 1_000_000,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Document, *};

    fn document(json: &str) -> Document<'_> {
        Document::read(json).unwrap()
    }

    #[test]
    fn r6_numbers_are_read_from_numbers_and_from_strings() {
        let document = document(r#"{"a":17,"b":"17","c":17.0,"d":"x","e":null,"f":"","g":true,"h":"true","i":1.5,"j":"1760000000.7"}"#);
        let obj = document.root().object().unwrap();
        assert_eq!([obj.integer("a"), obj.integer("b"), obj.integer("c")], [Some(17); 3]);
        assert_eq!([obj.integer("d"), obj.integer("e"), obj.integer("f"), obj.integer("z"), obj.integer("i")], [None; 5]);
        assert_eq!(obj.time_ms("j"), Some(1_760_000_000_000), "of a time the part of a second is cut off");
        assert_eq!([obj.boolean("g"), obj.boolean("h"), obj.boolean("a")], [Some(true), Some(true), None]);
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
        assert_eq!(document(r#""caf\u00e9 \ud83d\ude00""#).root().string().as_deref(), Some("café 😀"));
        assert!(document(r#""cut \ud83d""#).root().string().unwrap().starts_with("cut \u{fffd}"));
        let document = document(r#"{"\ud83d":1,"a":2,"\u0061":3}"#);
        let obj = document.root().object().unwrap();
        assert_eq!(obj.integer("a"), Some(3), "the last of a repeated name");
        let names: Vec<_> = obj.members().map(|(name, _)| name).collect();
        assert!(names.iter().all(|name| matches!(name, Cow::Borrowed(_))), "names are decoded once");
        assert_eq!(names[1..], ["a", "a"]);
    }

    #[test]
    fn what_is_not_an_object_or_array_is_none() {
        for json in ["1", "\"x\"", "null", "true", "[]"] {
            assert!(document(json).root().object().is_none(), "{json}");
        }
        assert!(document("{}").root().elements().is_none());
        assert_eq!(document("[1, [2]]").root().elements().unwrap().count(), 2);
        assert!(document("[[1, 2]]").root().elements().unwrap().is_one());
        assert!(document("[]").root().elements().unwrap().is_empty());
    }
}
