//! The table of control calls: routing, the index, the errors of unknown calls and the documentation come from it.

use serde_json::{Value, json};

use super::call::{ControlCall, ControlError};
use crate::sandbox::server::{BoxFuture, Reply};

/// One control call of `T`.
#[derive(Debug)]
pub struct Call<T: 'static> {
    pub(in crate::sandbox) method: &'static str,
    /// The path after the prefix.
    pub(in crate::sandbox) path: &'static str,
    /// Its body or query, as Markdown.
    pub(in crate::sandbox) takes: &'static str,
    /// Its effect, as Markdown.
    pub(in crate::sandbox) does: &'static str,
    pub(in crate::sandbox) handler: Handler<T>,
}

type Answered<R> = Result<R, ControlError>;

#[derive(Debug)]
pub(in crate::sandbox) enum Handler<T> {
    /// A call without parameters that cannot fail.
    Show(fn(&T) -> Value),
    Now(fn(&T, &ControlCall<'_>) -> Answered<Value>),
    Later(for<'a> fn(&'a T, &'a ControlCall<'a>) -> BoxFuture<'a, Answered<Value>>),
    /// A response that is not JSON.
    Raw(fn(&T, &ControlCall<'_>) -> Answered<Reply>),
}

/// A table of calls: `METHOD "path" "takes" "does" => Kind(handler)`.
macro_rules! calls {
    ($($method:ident $path:literal $takes:literal $does:literal => $kind:ident($handler:expr),)*) => {
        &[$($crate::sandbox::control::Call {
            method: stringify!($method),
            path: $path,
            takes: $takes,
            does: $does,
            handler: $crate::sandbox::control::Handler::$kind($handler),
        }),*]
    };
}
pub(in crate::sandbox) use calls;

impl<T> Call<T> {
    /// The full name: method and path.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, full(self.path))
    }

    /// The entry of the index.
    pub(super) fn entry(&self, is_common: bool) -> Value {
        json!({"call": self.name(), "takes": self.takes, "does": self.does, "common": is_common})
    }
}

/// The path with its prefix.
pub(super) fn full(path: &str) -> String {
    format!("{}/{path}", super::PREFIX).trim_end_matches('/').to_owned()
}

/// Makes a call if the table has it.
pub(super) async fn run<T>(table: &'static [Call<T>], target: &T, call: &ControlCall<'_>) -> Option<Answered<Reply>> {
    let found = table.iter().find(|known| known.method == call.method.as_str() && known.path == call.path)?;
    let json = |answer: Answered<Value>| answer.map(|value| Reply::Whole(super::json_answer(200, &value)));
    Some(match found.handler {
        Handler::Show(handler) => json(Ok(handler(target))),
        Handler::Now(handler) => json(handler(target, call)),
        Handler::Later(handler) => json(handler(target, call).await),
        Handler::Raw(handler) => handler(target, call),
    })
}
