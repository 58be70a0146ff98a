//! Macros for repeated code: `Debug`, `Display`, enums of words, setters.

/// `Debug` that prints the type's name and none of its content, because messages are personal data: `Text(***)`.
macro_rules! masked {
    ($($name:ident $(<$lifetime:lifetime>)?),* $(,)?) => {$(
        impl std::fmt::Debug for $name $(<$lifetime>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(***)"))
            }
        }
    )*};
}

/// `Debug` that prints the named fields, or values computed from the whole, and `..` for the rest. `[T]` declares type parameters.
///
/// ```ignore
/// debug_fields!(ReplyTo { tenant, strategy });                 // ReplyTo { tenant: .., strategy: .., .. }
/// debug_fields!(RawPayload { body_bytes: |it| it.body.len() }); // RawPayload { body_bytes: 17, .. }
/// debug_fields!([T] Candidate<T> { id });
/// ```
macro_rules! debug_fields {
    ($([$($bounds:tt)+])? $name:ident $(<$($of:tt),+>)? { $($field:ident $(: |$it:ident| $seen:expr)?),* $(,)? }) => {
        impl $(<$($bounds)+>)? std::fmt::Debug for $name $(<$($of),+>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = f.debug_struct(stringify!($name));
                $(shown.field(stringify!($field), debug_fields!(@ self $field $($it $seen)?));)*
                shown.finish_non_exhaustive()
            }
        }
    };
    (@ $self:ident $field:ident) => { &$self.$field };
    (@ $self:ident $field:ident $it:ident $seen:expr) => { &match $self { $it => $seen } };
}

/// `Debug` that prints the type's name around one computed value: `debug_value!(Event, |it| it.kind())` prints `Event(typing)`.
macro_rules! debug_value {
    ($name:ident, |$it:ident| $seen:expr) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $it = self;
                write!(f, concat!(stringify!($name), "({})"), $seen)
            }
        }
    };
}

/// An enum of words with `ALL`, `as_str` and the same words in serde.
macro_rules! words {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        $vis enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every value, for tables and tests.
            #[allow(dead_code, reason = "an enum of this crate may need no list")]
            $vis const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word, as in JSON, records, logs and metrics.
            $vis const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

/// As [`words!`], with `..` after the last word: in what this crate stored, a word of a newer release is kept as `Newer`, and written back
/// as it came. A field of a stored type reads it with `#[serde(deserialize_with = "Name::stored")]`; anywhere else it is no such word.
/// `NewerWord` must be in scope.
macro_rules! open_words {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ .. }) => {
        $(#[$meta])*
        $vis enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)+
            /// A word that this release does not know, of a newer one. It is written back as it came.
            #[serde(untagged, skip_deserializing)]
            #[schemars(skip)]
            Newer(NewerWord),
        }

        impl $name {
            /// Reads a stored word, of a newer release too.
            pub(crate) fn stored<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                use serde::{Deserialize as _, de::value::StrDeserializer};
                let word = <std::borrow::Cow<'_, str>>::deserialize(from)?;
                let known = Self::deserialize(StrDeserializer::<D::Error>::new(&word));
                known.or_else(|unknown| NewerWord::new(&word).map(Self::Newer).ok_or(unknown))
            }

            /// Every known value, for tables and tests.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word for logs and metrics: `newer` for one that this release does not know.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Newer(_) => "newer",
                }
            }
        }
    };
}

/// An enum with content, a serde tag for each variant and `kind`, which returns the tag. `Debug` prints the tag alone.
macro_rules! tagged {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$doc:meta])* $variant:ident $(($content:ty))? $({ $($fields:tt)* })? = $word:literal,)+
    }) => {
        $(#[$meta])*
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant $(($content))? $({ $($fields)* })?,)+ }

        impl $name {
            /// The kind, as written in the tag of the JSON form.
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $word,)+ }
            }
        }

        debug_value!($name, |it| it.kind());
    };
}

/// Each line is a method that takes the value, sets the field, and returns the whole: `name(argument) => field = value;`.
/// `const:` before them makes them `const`.
///
/// ```ignore
/// setters! {
///     /// Adds a caption.
///     with_caption(caption: impl Into<String>) => caption = Some(caption.into());
/// }
/// ```
macro_rules! setters {
    (const: $($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty)?) => $field:ident = $value:expr;)+) => {$(
        $(#[$doc])*
        #[must_use = "returns the changed value; the receiver is consumed"]
        pub const fn $name(mut self $(, $argument: $type)?) -> Self {
            self.$field = $value;
            self
        }
    )+};
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty)?) => $($field:tt).+ = $value:expr;)+) => {$(
        $(#[$doc])*
        #[must_use = "returns the changed value; the receiver is consumed"]
        pub fn $name(mut self $(, $argument: $type)?) -> Self {
            self.$($field).+ = $value;
            self
        }
    )+};
}

/// `Display` as that of a computed value: `display!(ProviderKey, |it| it.0);`.
macro_rules! display {
    ($name:ident, |$it:ident| $shown:expr) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $it = self;
                std::fmt::Display::fmt(&$shown, f)
            }
        }
    };
}
