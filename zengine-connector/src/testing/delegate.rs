//! Test doubles of a claim store that pass calls on.

/// Methods of a [`ClaimStore`](crate::store::ClaimStore) that pass their call on to the store in a field. Use it in the `impl` of a
/// test double, beside the methods that differ.
///
/// ```
/// use std::sync::Arc;
/// use zengine_connector::{
///     async_trait, delegate_claims,
///     store::{ClaimStore, DuePage, StoreError},
/// };
///
/// /// A store in which no send is due.
/// #[derive(Debug)]
/// struct NeverDue(Arc<dyn ClaimStore>);
///
/// #[async_trait]
/// impl ClaimStore for NeverDue {
///     delegate_claims!(0: boot, apply, get, apply_inbound, put_reference, reference);
///
///     async fn due(&self, _: i64, _: Option<&str>, _: usize) -> Result<DuePage, StoreError> {
///         Ok(DuePage::default())
///     }
/// }
/// ```
#[macro_export]
macro_rules! delegate_claims {
    // The signatures are those that `async_trait` makes: it leaves a macro in an `impl` as it is.
    ($inner:tt: $($method:ident),+ $(,)?) => {
        $($crate::delegate_claims!(@ $method $inner);)+
    };
    (@ boot $inner:tt) => {
        fn boot(&self) -> Option<&str> {
            self.$inner.boot()
        }
    };
    (@ apply $inner:tt) => {
        $crate::delegate_claims!(@@ $inner.apply['l2, 'l3](
            key: &'l1 $crate::store::ClaimKey,
            operation: &'l2 $crate::store::ClaimOp,
            current: Option<&'l3 $crate::store::ClaimRecord>,
            now_ms: i64,
        ) -> $crate::store::Applied<$crate::store::ClaimRecord>);
    };
    (@ get $inner:tt) => {
        $crate::delegate_claims!(@@ $inner.get[](key: &'l1 $crate::store::ClaimKey) -> Option<$crate::store::ClaimRecord>);
    };
    (@ apply_inbound $inner:tt) => {
        $crate::delegate_claims!(@@ $inner.apply_inbound['l2, 'l3](
            key: &'l1 $crate::store::ClaimKey,
            operation: &'l2 $crate::store::InboundOp,
            current: Option<&'l3 $crate::store::InboundRecord>,
            now_ms: i64,
        ) -> $crate::store::Applied<$crate::store::InboundRecord>);
    };
    (@ put_reference $inner:tt) => {
        $crate::delegate_claims!(@@ $inner.put_reference['l2](hash: &'l1 str, reference: &'l2 $crate::store::Reference) -> ());
    };
    (@ reference $inner:tt) => {
        $crate::delegate_claims!(@@ $inner.reference[](hash: &'l1 str, now_ms: i64) -> Option<$crate::store::Reference>);
    };
    (@@ $inner:tt.$method:ident[$($life:lifetime),*]($($argument:ident: $type:ty),* $(,)?) -> $answer:ty) => {
        fn $method<'l0, 'l1, $($life,)* 'call>(
            &'l0 self,
            $($argument: $type),*
        ) -> $crate::runtime::BoxFuture<'call, Result<$answer, $crate::store::StoreError>>
        where
            'l0: 'call,
            'l1: 'call,
            $($life: 'call,)*
            Self: 'call,
        {
            self.$inner.$method($($argument),*)
        }
    };
}
