//! CBOR forms of the values in records.

use std::sync::Arc;

use bytes::Bytes;
use minicbor::{Decoder, Encoder, decode};
use serde::{
    Deserialize as _,
    de::{IntoDeserializer, value::StrDeserializer},
};

use super::Cbor;
use crate::{
    error::{ErrorKind, Fault, Reach},
    ids::{ClientMessageId, FailureId, StrategyName, TenantId},
    message::{Idempotency, State},
};

/// Implements [`Cbor`] for types: an expression that writes, and one that reads.
macro_rules! values {
    ($($type:ty: |$value:ident, $to:ident| $write:expr, |$from:ident| $read:expr;)*) => {$(
        impl Cbor for $type {
            fn write(&self, $to: &mut Encoder<Vec<u8>>) {
                let $value = self;
                let _ = $write;
            }

            fn read($from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
                $read
            }
        }
    )*};
}
values! {
    bool: |value, to| to.bool(*value), |from| from.bool();
    u32: |value, to| to.u32(*value), |from| from.u32();
    u64: |value, to| to.u64(*value), |from| from.u64();
    i64: |value, to| to.i64(*value), |from| from.i64();
    [u8; 16]: |bits, to| to.bytes(bits), |from| from.bytes()?.try_into().map_err(unlike);
    Bytes: |bytes, to| to.bytes(bytes), |from| from.bytes().map(Self::copy_from_slice);
    String: |text, to| to.str(text), |from| from.str().map(Self::from);
    Arc<str>: |text, to| to.str(text), |from| from.str().map(Self::from);
    TenantId: |id, to| to.str(id.as_str()), |from| Self::new(from.str()?).map_err(unlike);
    StrategyName: |name, to| to.str(name.as_str()), |from| Self::new(from.str()?).map_err(unlike);
    ClientMessageId: |id, to| to.str(id.as_str()), |from| Self::new(from.str()?).map_err(unlike);
    FailureId: |id, to| to.str(id.as_str()), |from| Self::new(from.str()?).map_err(unlike);
}

impl Cbor for State {
    fn write(&self, to: &mut Encoder<Vec<u8>>) {
        let _ = match self {
            Self::Newer(word) => to.str(word.as_str()),
            known => to.str(known.as_str()),
        };
    }

    fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        Self::stored(text(from)?).map_err(unlike)
    }
}

/// A newer release may know more kinds. The fault, which decisions rest on, is stored beside it.
impl Cbor for ErrorKind {
    const MAY_BE_NEWER: bool = true;

    fn write(&self, to: &mut Encoder<Vec<u8>>) {
        let _ = to.str(self.as_str());
    }

    fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        Ok(Self::deserialize(text(from)?).unwrap_or(Self::Unexpected))
    }
}

/// An array: a number for the kind, and its time in milliseconds. A kind of a newer release is not written back: an attempt of this build
/// had none of it, and the record would tell that all attempts had.
impl Cbor for Idempotency {
    fn write(&self, to: &mut Encoder<Vec<u8>>) {
        let (kind, ms) = match *self {
            Self::None => (0_u32, 0),
            Self::Native { window_ms } => (1, window_ms),
            Self::Queryable { visible_after_ms } => (2, visible_after_ms),
        };
        let _ = to.array(2);
        kind.write(to);
        ms.write(to);
    }

    fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        if from.array()? != Some(2) {
            return Err(decode::Error::message("an array is no protection against duplicates"));
        }
        match (u32::read(from)?, u64::read(from)?) {
            (1, window_ms) => Ok(Self::Native { window_ms }),
            (2, visible_after_ms) => Ok(Self::Queryable { visible_after_ms }),
            // A kind of a newer release is none that this build could use.
            _ => Ok(Self::None),
        }
    }
}

/// Drops the error, because it may quote the value.
fn unlike<E>(_: E) -> decode::Error {
    decode::Error::message("a value is not of its type")
}

fn text<'a>(from: &mut Decoder<'a>) -> Result<StrDeserializer<'a, serde::de::value::Error>, decode::Error> {
    from.str().map(IntoDeserializer::into_deserializer)
}

/// Enumerations as small numbers, which are never given to another value.
macro_rules! cbor_codes {
    ($($type:ident { $($code:literal => $value:ident,)* $(_ => $newer:ident,)? })*) => {$(
        impl $crate::store::cbor::Cbor for $type {
            const MAY_BE_NEWER: bool = cbor_codes!(@newer $($newer)?);

            fn write(&self, to: &mut minicbor::Encoder<Vec<u8>>) {
                let _ = to.u32(match self { $(Self::$value => $code,)* });
            }

            fn read(from: &mut minicbor::Decoder<'_>) -> Result<Self, minicbor::decode::Error> {
                match from.u32()? {
                    $($code => Ok(Self::$value),)*
                    // That of a newer release reads as its careful value, if the type has one.
                    _ => [$(Self::$newer)?].into_iter().next().ok_or_else(|| minicbor::decode::Error::message("a number is no such value")),
                }
            }
        }
    )*};
    (@newer) => { false };
    (@newer $newer:ident) => { true };
}
pub(in crate::store) use cbor_codes;

/// Implements [`Cbor`] for a newtype, in the form of its member.
macro_rules! cbor_newtype {
    ($type:ident) => {
        impl $crate::store::cbor::Cbor for $type {
            fn write(&self, to: &mut minicbor::Encoder<Vec<u8>>) {
                self.0.write(to);
            }

            fn read(from: &mut minicbor::Decoder<'_>) -> Result<Self, minicbor::decode::Error> {
                $crate::store::cbor::Cbor::read(from).map(Self)
            }
        }
    };
}
pub(in crate::store) use cbor_newtype;

cbor_codes! {
    Fault { 0 => Provider, 1 => Throttled, 2 => Domain, 3 => Auth, 4 => Local, 5 => Cancelled, }
    Reach { 0 => NotSent, 1 => Maybe, 2 => Processed, }
}

/// `None` has no form: the map leaves such a member out.
impl<T: Cbor> Cbor for Option<T> {
    const MAY_BE_NEWER: bool = T::MAY_BE_NEWER;

    fn write(&self, to: &mut Encoder<Vec<u8>>) {
        if let Some(value) = self {
            value.write(to);
        }
    }

    fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        T::read(from).map(Some)
    }

    #[cfg(feature = "embedded")]
    fn has_unread(&self) -> bool {
        self.as_ref().is_some_and(T::has_unread)
    }
}

impl<T: Cbor> Cbor for Box<T> {
    const MAY_BE_NEWER: bool = T::MAY_BE_NEWER;

    fn write(&self, to: &mut Encoder<Vec<u8>>) {
        T::write(self, to);
    }

    fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        T::read(from).map(Self::new)
    }

    #[cfg(feature = "embedded")]
    fn has_unread(&self) -> bool {
        T::has_unread(self)
    }
}

impl<T: Cbor> Cbor for Vec<T> {
    fn write(&self, to: &mut Encoder<Vec<u8>>) {
        let _ = to.array(self.len() as u64);
        for value in self {
            value.write(to);
        }
    }

    fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        let mut values = Self::new();
        each_of_array(from, |value| values.push(value))?;
        Ok(values)
    }

    #[cfg(feature = "embedded")]
    fn has_unread(&self) -> bool {
        self.iter().any(T::has_unread)
    }
}

/// Reads the values of an array one by one: a damaged length allocates nothing.
pub(in crate::store) fn each_of_array<T: Cbor>(from: &mut Decoder<'_>, mut take: impl FnMut(T)) -> Result<(), decode::Error> {
    let length = from.array()?.ok_or_else(|| decode::Error::message("an array has no length"))?;
    (0..length).try_for_each(|_| T::read(from).map(&mut take))
}
