//! `Debug` for types that hold secrets or what people wrote.

/// Implements `Debug` with the named fields alone.
#[allow(unused_macros, reason = "a build without strategies has none")]
macro_rules! redacted {
    ($name:ident { $($field:ident),* }) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))$(.field(stringify!($field), &self.$field))*.finish_non_exhaustive()
            }
        }
    };
}
