//! A typed view of the item under the derive.

use crate::attr::{self, Attrs};
use crate::errors::Errors;
use syn::{Attribute, Data, DeriveInput, Expr, Fields, Generics, Ident, Lit, Meta};

/// The item and its attributes.
pub(crate) struct Input<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) generics: &'a Generics,
    pub(crate) data: &'a Data,
    /// First line of the doc comment, empty without one.
    pub(crate) summary: String,
    pub(crate) attrs: Attrs,
}

impl<'a> Input<'a> {
    pub(crate) fn new(node: &'a DeriveInput, errors: &mut Errors) -> Self {
        let attrs = attr::parse(&node.attrs, errors);
        Self { ident: &node.ident, generics: &node.generics, data: &node.data, summary: summary(&node.attrs), attrs }
    }

    /// `#[strategy]` attributes inside the item, where they have no meaning.
    pub(crate) fn misplaced(&self) -> Vec<&'a Attribute> {
        let of_fields = |fields: &'a Fields| fields.iter().flat_map(|f| &f.attrs);
        let inner: Vec<&Attribute> = match self.data {
            Data::Struct(data) => of_fields(&data.fields).collect(),
            Data::Enum(data) => data.variants.iter().flat_map(|v| v.attrs.iter().chain(of_fields(&v.fields))).collect(),
            Data::Union(data) => data.fields.named.iter().flat_map(|f| &f.attrs).collect(),
        };
        inner.into_iter().filter(|a| a.path().is_ident("strategy")).collect()
    }
}

/// The first line of the doc comment that is not empty, trimmed.
fn summary(attrs: &[Attribute]) -> String {
    let texts = attrs.iter().filter_map(|attr| match &attr.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(value) => match &value.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None, // `include_str!`: unreadable from here
        },
        _ => None,
    });
    // The lines of a block comment may carry its border of asterisks.
    let line = |line: &str| line.trim().trim_start_matches("* ").trim_matches('*').trim().to_owned();
    texts.flat_map(|text| text.lines().map(line).collect::<Vec<_>>()).find(|line| !line.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    fn summary_of(node: &DeriveInput) -> String {
        summary(&node.attrs)
    }

    #[test]
    fn summary_is_the_first_doc_line_trimmed() {
        assert_eq!(
            summary_of(&parse_quote! {
                /// Sends through Acme.
                ///
                /// More of it.
                struct A;
            }),
            "Sends through Acme."
        );
    }

    #[test]
    fn summary_skips_empty_lines_and_the_border_of_a_block_comment() {
        assert_eq!(summary_of(&parse_quote! { #[doc = ""] #[doc = " Second. "] struct A; }), "Second.");
        assert_eq!(summary_of(&parse_quote! { #[doc = "\n * Boxed in.\n * More.\n "] struct A; }), "Boxed in.");
    }

    #[test]
    fn summary_of_an_undocumented_struct_is_empty() {
        assert_eq!(summary_of(&parse_quote! { #[doc(hidden)] #[doc = include_str!("docs.md")] struct A; }), "");
    }
}
