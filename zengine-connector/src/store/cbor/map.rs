//! Maps: the members of a struct by their keys, and those that this build does not know.

use std::fmt;

use minicbor::{Decoder, Encoder, decode};

use super::Cbor;

/// The members of a stored record, and values of members, that this build does not know. They are written back as they were read.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Unread(Option<Box<Newer>>);

#[derive(Clone, Default, PartialEq, Eq)]
struct Newer {
    members: Vec<Member>,
    /// Values that were read as careful ones.
    values: Vec<Member>,
}

/// Maximum number of unknown members of one map: far more than releases will add.
const MAX_UNREAD: u64 = 64;

/// A key and its encoded value.
type Member = (u32, Box<[u8]>);

impl Unread {
    pub(crate) fn len(&self) -> u64 {
        self.members().count() as u64
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        self.0.iter().flat_map(|newer| newer.members.iter())
    }

    /// Keeps the next value under this key. Fails if the key came before, or if too many members are unknown.
    pub(crate) fn keep(&mut self, key: u32, from: &mut Decoder<'_>) -> Result<(), decode::Error> {
        if self.members().any(|(known, _)| *known == key) || self.len() >= MAX_UNREAD {
            return Err(decode::Error::message("a member comes twice, or too many are unknown"));
        }
        let start = from.position();
        from.skip()?;
        let value = from.input().get(start..from.position()).ok_or_else(|| decode::Error::message("a value ends early"))?;
        self.0.get_or_insert_default().members.push((key, value.into()));
        Ok(())
    }

    /// Reads the value of a known member, and keeps it as it came if it is one of a newer release.
    pub(crate) fn read<T: Cbor>(&mut self, key: u32, from: &mut Decoder<'_>) -> Result<T, decode::Error> {
        let start = from.position();
        let value = T::read(from)?;
        if T::MAY_BE_NEWER {
            let came = from.input().get(start..from.position()).unwrap_or_default();
            let mut known = Encoder::new(Vec::new());
            value.write(&mut known);
            if known.writer() != came {
                self.0.get_or_insert_default().values.push((key, came.into()));
            }
        }
        Ok(value)
    }

    /// Writes the value of a known member: as it came, as long as it is what it was read as.
    pub(crate) fn write_value<T: Cbor + PartialEq>(&self, key: u32, value: &T, to: &mut Encoder<Vec<u8>>) {
        let came = self.0.iter().filter(|_| T::MAY_BE_NEWER).flat_map(|newer| &newer.values).find(|(of, _)| *of == key);
        match came.filter(|(_, came)| T::read(&mut Decoder::new(came)).is_ok_and(|read| read == *value)) {
            Some((_, came)) => to.writer_mut().extend_from_slice(came),
            None => value.write(to),
        }
    }

    /// Whether there is anything.
    #[cfg(feature = "embedded")]
    pub(crate) fn is_any(&self) -> bool {
        self.0.is_some()
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

/// Declares a record of the store: a struct, its JSON form and its CBOR form. A member is `key kind pub field: type`, and
/// its kind is `required`, `default` for a value that CBOR omits if it equals its default, or `optional` for an `Option`, which JSON
/// omits too. A struct with a version has it as its member 1, and is a [`Record`](super::Record).
macro_rules! record {
    ($(#[$about:meta])* pub struct $name:ident version $version:literal { $($members:tt)* }) => {
        $crate::store::cbor::record! {
            $(#[$about])*
            pub struct $name {
                #[doc = concat!("Version of this format: ", $version, ".")]
                1 required pub v: u32,
                $($members)*
            }
        }

        impl $crate::store::cbor::Record for $name {
            const VERSION: u32 = $version;
        }

        impl $name {
            /// Version of this format.
            pub const VERSION: u32 = $version;

            /// The stored form: a CBOR map with integer keys. Members that a newer release wrote are part of it.
            pub fn to_cbor(&self) -> Vec<u8> {
                $crate::store::cbor::encode(self)
            }

            /// Reads the stored form.
            ///
            /// # Errors
            /// `Corrupt` if it is damaged or of another version.
            pub fn from_cbor(bytes: &[u8]) -> Result<Self, $crate::store::StoreError> {
                $crate::store::cbor::decode(bytes)
            }
        }
    };
    ($(#[$about:meta])* pub struct $name:ident {
        $($(#[$member:meta])* $key:literal $kind:ident pub $field:ident: $type:ty,)*
    }) => {
        $crate::store::cbor::record!(@struct [$(#[$about])* pub struct $name] [] $($kind [$(#[$member])*] $field: $type,)*);

        impl $crate::store::cbor::Cbor for $name {
            fn write(&self, to: &mut minicbor::Encoder<Vec<u8>>) {
                let known = 0 $(+ u64::from($crate::store::cbor::record!(@written $kind self.$field)))*;
                let _ = to.map(known + self.unread.len());
                $(if $crate::store::cbor::record!(@written $kind self.$field) {
                    let _ = to.u32($key);
                    self.unread.write_value($key, &self.$field, to);
                })*
                self.unread.write(to);
            }

            fn read(from: &mut minicbor::Decoder<'_>) -> Result<Self, minicbor::decode::Error> {
                use $crate::store::cbor::map::{members, set};
                let mut unread = $crate::store::cbor::Unread::default();
                $(let mut $field = None;)*
                for _ in 0..members(from)? {
                    match from.u32()? {
                        $($key => set(&mut $field, unread.read($key, from)?)?,)*
                        other => unread.keep(other, from)?,
                    }
                }
                Ok(Self { $($field: $crate::store::cbor::record!(@finish $kind $field),)* unread })
            }

            #[cfg(feature = "embedded")]
            fn has_unread(&self) -> bool {
                self.unread.is_any() $(|| $crate::store::cbor::Cbor::has_unread(&self.$field))*
            }
        }
    };
    (@struct $head:tt [$($done:tt)*] required [$($about:tt)*] $field:ident: $type:ty, $($rest:tt)*) => {
        $crate::store::cbor::record!(@struct $head [$($done)* $($about)* pub $field: $type,] $($rest)*);
    };
    (@struct $head:tt $done:tt optional [$($about:tt)*] $($rest:tt)*) => {
        $crate::store::cbor::record!(@struct $head $done required [
            $($about)* #[serde(default, skip_serializing_if = "Option::is_none")]
        ] $($rest)*);
    };
    (@struct $head:tt $done:tt default [$($about:tt)*] $($rest:tt)*) => {
        $crate::store::cbor::record!(@struct $head $done required [$($about)* #[serde(default)]] $($rest)*);
    };
    (@struct [$($head:tt)*] [$($members:tt)*]) => {
        #[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[non_exhaustive]
        $($head)* {
            $($members)*
            #[serde(skip)]
            pub(crate) unread: $crate::store::cbor::Unread,
        }
    };
    (@written required $value:expr) => { true };
    (@written $omitted_if_default:ident $value:expr) => { !$crate::store::cbor::map::is_default(&$value) };
    (@finish required $field:ident) => {
        $field.ok_or_else(|| minicbor::decode::Error::message("a member is missing"))?
    };
    (@finish $omitted_if_default:ident $field:ident) => { $field.unwrap_or_default() };
}
pub(in crate::store) use record;
