//! Maps: the members of a struct by their keys, and those that this build does not know.

use std::fmt;

use minicbor::{Decoder, Encoder, decode};

/// Members of a stored record that this build does not know. They are written back as they were read.
#[derive(Clone, Default, PartialEq, Eq)]
#[allow(clippy::box_collection, reason = "nearly every record has none, and every record holds this several times")]
pub(crate) struct Unread(Option<Box<Vec<Member>>>);

/// A key and its encoded value.
type Member = (u32, Box<[u8]>);

impl Unread {
    pub(crate) fn len(&self) -> u64 {
        self.members().count() as u64
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        self.0.iter().flat_map(|members| members.iter())
    }

    /// Keeps the next value under this key.
    pub(crate) fn keep(&mut self, key: u32, from: &mut Decoder<'_>) -> Result<(), decode::Error> {
        let start = from.position();
        from.skip()?;
        let value = from.input().get(start..from.position()).ok_or_else(|| decode::Error::message("a value ends early"))?;
        self.0.get_or_insert_default().push((key, value.into()));
        Ok(())
    }

    pub(crate) fn write(&self, to: &mut Encoder<Vec<u8>>) {
        for (key, value) in self.members() {
            let _ = to.u32(*key);
            to.writer_mut().extend_from_slice(value);
        }
    }
}

/// Prints the keys only.
impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.members().map(|(key, _)| key)).finish()
    }
}

/// Sets a member that was read. A second value for it is an error.
pub(crate) fn set<T>(member: &mut Option<T>, value: T) -> Result<(), decode::Error> {
    match member.replace(value) {
        None => Ok(()),
        Some(_) => Err(decode::Error::message("a member comes twice")),
    }
}

/// Returns `true` for the value of a member that is left out.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The number of members of the next map, which has a known length.
pub(crate) fn members(from: &mut Decoder<'_>) -> Result<u64, decode::Error> {
    from.map()?.ok_or_else(|| decode::Error::message("a map has no length"))
}

/// Writes a struct as a map: `key => field: required`, `optional` for an `Option`, or `default` for a value that is left out
/// where it is the default. The struct needs a field `unread: Unread`.
macro_rules! cbor_map {
    ($type:ty { $($key:literal => $field:ident: $kind:ident,)* }) => {
        impl $crate::store::cbor::Cbor for $type {
            fn write(&self, to: &mut minicbor::Encoder<Vec<u8>>) {
                let known = 0 $(+ u64::from($crate::store::cbor::cbor_map!(@written $kind self.$field)))*;
                let _ = to.map(known + self.unread.len());
                $($crate::store::cbor::cbor_map!(@write $kind self.$field, $key, to);)*
                self.unread.write(to);
            }

            fn read(from: &mut minicbor::Decoder<'_>) -> Result<Self, minicbor::decode::Error> {
                use $crate::store::cbor::map::{members, set};
                let mut unread = $crate::store::cbor::Unread::default();
                $(let mut $field = None;)*
                for _ in 0..members(from)? {
                    match from.u32()? {
                        $($key => set(&mut $field, $crate::store::cbor::Cbor::read(from)?)?,)*
                        other => unread.keep(other, from)?,
                    }
                }
                Ok(Self { $($field: $crate::store::cbor::cbor_map!(@finish $kind $field),)* unread })
            }
        }
    };
    (@written required $value:expr) => { true };
    (@written optional $value:expr) => { $value.is_some() };
    (@written default $value:expr) => { !$crate::store::cbor::map::is_default(&$value) };
    (@write required $value:expr, $key:literal, $to:ident) => {{
        let _ = $to.u32($key);
        $crate::store::cbor::Cbor::write(&$value, $to);
    }};
    (@write optional $value:expr, $key:literal, $to:ident) => {
        if let Some(value) = &$value {
            let _ = $to.u32($key);
            $crate::store::cbor::Cbor::write(value, $to);
        }
    };
    (@write default $value:expr, $key:literal, $to:ident) => {
        if !$crate::store::cbor::map::is_default(&$value) {
            $crate::store::cbor::cbor_map!(@write required $value, $key, $to);
        }
    };
    (@finish required $field:ident) => {
        $field.ok_or_else(|| minicbor::decode::Error::message("a member is missing"))?
    };
    (@finish optional $field:ident) => { $field };
    (@finish default $field:ident) => { $field.unwrap_or_default() };
}
pub(crate) use cbor_map;
