//! Macros for what many types repeat.

/// Prints nothing but the name: `Text(***)`.
macro_rules! masked {
    ($($name:ident $(<$lifetime:lifetime>)?),* $(,)?) => {$(
        impl std::fmt::Debug for $name $(<$lifetime>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(***)"))
            }
        }
    )*};
}

/// Prints the fields that are named, or what is read from the value, and `..` for the rest.
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

/// Prints the name and, in brackets, what is read from the value: `debug_value!(Event, |it| it.kind())` is `Event(typing)`.
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

/// An enum whose values have a name in text, from one table.
macro_rules! named {
    ($(#[$of:meta])* pub enum $name:ident { $($(#[$doc:meta])* $value:ident = $text:literal,)* }) => {
        $(#[$of])*
        pub enum $name {
            $($(#[$doc])* $value,)*
        }

        impl $name {
            /// The name, as logs have it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $text,)* }
            }
        }
    };
}

/// An enum of plain words, with `as_str`.
macro_rules! words {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        $vis enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// The word for it, as in JSON, records and logs.
            $vis const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

/// An enum whose variants hold something and are told apart by a word, with `kind`. `Debug` shows nothing but the word.
macro_rules! tagged {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$doc:meta])* $variant:ident $(($content:ty))? $({ $($fields:tt)* })? = $word:literal,)+
    }) => {
        $(#[$meta])*
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant $(($content))? $({ $($fields)* })?,)+ }

        impl $name {
            /// The word for the variant, as in JSON.
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
        #[must_use = "returns the whole with the field set"]
        pub const fn $name(mut self $(, $argument: $type)?) -> Self {
            self.$field = $value;
            self
        }
    )+};
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty)?) => $($field:tt).+ = $value:expr;)+) => {$(
        $(#[$doc])*
        #[must_use = "returns the whole with the field set"]
        pub fn $name(mut self $(, $argument: $type)?) -> Self {
            self.$($field).+ = $value;
            self
        }
    )+};
}

/// Shows what is read from the value: `display!(ProviderKey, |it| it.0);`.
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
