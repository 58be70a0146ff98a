//! Macros for repeated code: `Debug`, setters, constructors, forms.
#![allow(unused_macros, reason = "a build with few features needs few of them")]

/// `Debug` for a type that holds secrets or what people wrote: the named fields, or values computed from the whole, and `..`.
///
/// ```ignore
/// redacted!(Number { id, waba_id });                                // Number { id: .., waba_id: .., .. }
/// redacted!(Inbound { kind: |it| it.message.get("type") });         // Inbound { kind: .., .. }
/// redacted!(Emulator<P> { base_url: |it| it.base_url() });
/// ```
macro_rules! redacted {
    ($name:ident $(<$of:ident>)? { $($field:ident $(: |$it:ident| $seen:expr)?),* $(,)? }) => {
        impl $(<$of>)? std::fmt::Debug for $name $(<$of>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($field), redacted!(@ self $field $($it $seen)?)))*
                    .finish_non_exhaustive()
            }
        }
    };
    (@ $self:ident $field:ident) => { &$self.$field };
    (@ $self:ident $field:ident $it:ident $seen:expr) => { &match $self { $it => $seen } };
}

/// Each line is a method that takes the value, sets the field, and returns the whole: `name(argument: Type) => field = value;`.
macro_rules! setters {
    ($($(#[$doc:meta])* $vis:vis $name:ident($($argument:ident: $type:ty),*) => $($field:tt).+ = $value:expr;)+) => {$(
        $(#[$doc])*
        #[must_use = "returns the changed value; the receiver is consumed"]
        $vis fn $name(mut self $(, $argument: $type)*) -> Self {
            self.$($field).+ = $value;
            self
        }
    )+};
}

/// Each line is a constructor: `name(argument: Type) => value;`.
macro_rules! constructors {
    ($($(#[$doc:meta])* $vis:vis $name:ident($($argument:ident: $type:ty),*) => $made:expr;)+) => {$(
        $(#[$doc])*
        $vis fn $name($($argument: $type),*) -> Self {
            $made
        }
    )+};
}

/// Fills fields from the members of the same names: `members!(name, obj.owned: first_name, last_name);`.
macro_rules! members {
    ($of:ident, $obj:ident.$read:ident: $($field:ident),+) => {
        $($of.$field = $obj.$read(stringify!($field));)+
    };
    ($of:ident, $read:ident($obj:ident): $($field:ident),+) => {
        $($of.$field = $read($obj, stringify!($field));)+
    };
}

/// The body of a control call: an object of these members, and no others.
macro_rules! form {
    ($name:ident { $($(#[$meta:meta])* $field:ident: $type:ty),+ $(,)? }) => {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields, expecting = "an object")]
        struct $name { $($(#[$meta])* $field: $type),+ }
    };
}
