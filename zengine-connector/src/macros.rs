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

/// The calls of a builder that set one field each: the call with its argument, then the field and its value.
macro_rules! setters {
    ($($(#[$doc:meta])* $call:ident($argument:ident: $type:ty) => $($field:ident).+ = $value:expr;)*) => {$(
        $(#[$doc])*
        pub fn $call(mut self, $argument: $type) -> Self {
            self.$($field).+ = $value;
            self
        }
    )*};
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
