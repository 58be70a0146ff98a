//! CBOR forms of the values in records.

use std::sync::Arc;

use bytes::Bytes;
use minicbor::{Decoder, Encoder, decode};
use serde::{Deserialize as _, de::value::StrDeserializer};

use super::Cbor;
use crate::{
    error::{ErrorKind, Fault, Reach},
    ids::{ClientMessageId, FailureId, StrategyName, TenantId},
    message::State,
};

macro_rules! numbers {
    ($($number:ident)*) => {$(
        impl Cbor for $number {
            fn write(&self, to: &mut Encoder<Vec<u8>>) {
                let _ = to.$number(*self);
            }

            fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
                from.$number()
            }
        }
    )*};
}
numbers!(bool u32 u64 i64);

/// Text: the conversion to `&str`, and the checked conversion back.
macro_rules! texts {
    ($($text:ty: $see:expr, $make:expr;)*) => {$(
        impl Cbor for $text {
            fn write(&self, to: &mut Encoder<Vec<u8>>) {
                let see: fn(&$text) -> &str = $see;
                let _ = to.str(see(self));
            }

            fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
                let make: fn(&str) -> Option<$text> = $make;
                make(from.str()?).ok_or_else(|| decode::Error::message("a text is no such value"))
            }
        }
    )*};
}
texts! {
    String: |text| text, |text| Some(text.to_owned());
    Arc<str>: |text| text, |text| Some(text.into());
    TenantId: |id| id.as_str(), |text| Self::new(text).ok();
    StrategyName: |name| name.as_str(), |text| Self::new(text).ok();
    ClientMessageId: |id| id.as_str(), |text| Self::new(text).ok();
    FailureId: |id| id.as_str(), |text| Self::new(text).ok();
    State: |state| state.as_str(), |text| Self::deserialize(of(text)).ok();
    // A newer release may know more kinds. The fault, which decisions rest on, is stored beside it.
    ErrorKind: |kind| kind.as_str(), |text| Some(Self::deserialize(of(text)).unwrap_or(Self::Unexpected));
}

fn of(text: &str) -> StrDeserializer<'_, serde::de::value::Error> {
    serde::de::IntoDeserializer::into_deserializer(text)
}

/// Enumerations as small numbers, which are never given to another value.
macro_rules! cbor_codes {
    ($($type:ident { $($code:literal => $value:ident,)* })*) => {$(
        impl $crate::store::cbor::Cbor for $type {
            fn write(&self, to: &mut minicbor::Encoder<Vec<u8>>) {
                let _ = to.u32(match self { $(Self::$value => $code,)* });
            }

            fn read(from: &mut minicbor::Decoder<'_>) -> Result<Self, minicbor::decode::Error> {
                match from.u32()? {
                    $($code => Ok(Self::$value),)*
                    _ => Err(minicbor::decode::Error::message("a number is no such value")),
                }
            }
        }
    )*};
}
pub(in crate::store) use cbor_codes;

/// A type with one member, in the form of that.
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

impl Cbor for [u8; 16] {
    fn write(&self, to: &mut Encoder<Vec<u8>>) {
        let _ = to.bytes(self);
    }

    fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        from.bytes()?.try_into().map_err(|_| decode::Error::message("a value does not have 16 bytes"))
    }
}

impl Cbor for Bytes {
    fn write(&self, to: &mut Encoder<Vec<u8>>) {
        let _ = to.bytes(self);
    }

    fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        from.bytes().map(Self::copy_from_slice)
    }
}

/// Without a form for `None`: a member that is `None` is left out.
impl<T: Cbor> Cbor for Option<T> {
    fn write(&self, to: &mut Encoder<Vec<u8>>) {
        if let Some(value) = self {
            value.write(to);
        }
    }

    fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        T::read(from).map(Some)
    }
}

impl<T: Cbor> Cbor for Box<T> {
    fn write(&self, to: &mut Encoder<Vec<u8>>) {
        T::write(self, to);
    }

    fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        T::read(from).map(Self::new)
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
}

/// Reads the values of an array one by one: a damaged length allocates nothing.
pub(in crate::store) fn each_of_array<T: Cbor>(from: &mut Decoder<'_>, mut take: impl FnMut(T)) -> Result<(), decode::Error> {
    let length = from.array()?.ok_or_else(|| decode::Error::message("an array has no length"))?;
    (0..length).try_for_each(|_| T::read(from).map(&mut take))
}
