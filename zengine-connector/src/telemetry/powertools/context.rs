//! The keys of every line of one invocation.

use std::borrow::Cow;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::sync::Snapshot;

/// Maximum number of keys of a line besides the event's own fields. Further keys are dropped.
const MAX_KEYS: usize = 64;

/// The facts of one function invocation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Invocation<'a> {
    /// The platform's request id.
    pub function_request_id: Option<&'a str>,
    /// The X-Ray trace id.
    pub xray_trace_id: Option<&'a str>,
    /// Correlation id of the request, across services.
    pub correlation_id: Option<&'a str>,
}

/// A handle that sets the keys of every line. Cheap to clone.
///
/// Use it in a process that handles one invocation at a time, as a Lambda function does. A server that handles many at
/// once must pass such facts as fields of its events instead.
#[derive(Clone, Debug)]
pub struct PowertoolsHandle(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    /// Keys that outlive the invocation, with their values as JSON.
    pub(super) fixed: Vec<(String, String)>,
    pub(super) warm: AtomicBool,
    pub(super) context: Snapshot<Context>,
}

/// Keys with their values as JSON, each key once.
#[derive(Clone, Debug, Default)]
pub(super) struct Context {
    pub(super) keys: Vec<(String, String)>,
}

impl Context {
    pub(super) fn fixed(keys: &[(String, String)]) -> Self {
        let mut context = Self::default();
        context.extend(keys);
        context
    }

    fn extend(&mut self, keys: &[(String, String)]) {
        for (name, value) in keys {
            self.set(name, value.clone());
        }
    }

    fn set(&mut self, name: &str, json: String) {
        let name = own_name(name);
        match self.keys.iter().position(|(key, _)| *key == name) {
            Some(n) => self.keys[n].1 = json,
            None if self.keys.len() < MAX_KEYS => self.keys.push((name.into_owned(), json)),
            None => {}
        }
    }
}

/// The name of a key, with a `_` appended if it is one of the first five.
pub(super) fn own_name(name: &str) -> Cow<'_, str> {
    match name {
        "level" | "location" | "message" | "timestamp" | "service" => Cow::Owned(format!("{name}_")),
        _ => Cow::Borrowed(name),
    }
}

impl PowertoolsHandle {
    /// Begins an invocation, and removes the keys of the previous one. The first invocation is the cold start.
    pub fn begin(&self, invocation: Invocation<'_>) {
        let mut context = Context::default();
        context.set("cold_start", (!self.0.warm.swap(true, Ordering::AcqRel)).to_string());
        context.extend(&self.0.fixed);
        let facts = [
            ("function_request_id", invocation.function_request_id),
            ("correlation_id", invocation.correlation_id),
            ("xray_trace_id", invocation.xray_trace_id),
        ];
        for (name, value) in facts.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            context.set(name, serde_json::Value::from(value).to_string());
        }
        self.0.context.store(Arc::new(context));
    }

    /// Adds a key to every line until the next invocation begins. Replaces the same key; keeps at most 64 keys. The value must
    /// not hold secrets or personal data.
    pub fn append(&self, name: &str, value: impl Into<serde_json::Value>) {
        let json = value.into().to_string();
        self.change(|context| context.set(name, json));
    }

    /// Removes a key.
    pub fn remove(&self, name: &str) {
        self.change(|context| context.keys.retain(|(key, _)| key != name));
    }

    fn change(&self, change: impl FnOnce(&mut Context)) {
        self.0.context.update(|context| {
            let mut context = context.clone();
            change(&mut context);
            context
        });
    }

    /// Ends the invocation. Only the persistent keys stay.
    pub fn clear(&self) {
        self.0.context.store(Arc::new(Context::fixed(&self.0.fixed)));
    }
}
