//! Open enums of words.

/// An enum of the provider's words, read in any case, with a last variant for words that this release does not know. Words after the
/// first mean the same.
macro_rules! open_words {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$doc:meta])* $variant:ident = $word:literal $(| $also:literal)*,)+
    } else $last:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$doc])* $variant,)+ /// Another word, as the provider wrote it; empty if it wrote none.
            $last(String) }

        impl $name {
            /// The word; an unknown one as the provider wrote it.
            pub fn as_str(&self) -> &str {
                match self { $(Self::$variant => $word,)+ Self::$last(word) => word }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                let is = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(word.trim()));
                $(if is(&[$word, $($also),*]) { return Self::$variant; })+
                Self::$last(word.to_owned())
            }
        }
    };
}
