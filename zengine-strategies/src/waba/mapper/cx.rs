//! The state of mapping one message: the tenant's options and the violations found so far.

use serde_json::{Map, Value};
use zengine_connector::message::{Checker, Length, RawJson, Unit};

/// The tenant's options that change what is sent or refused.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools)] // a tenant's switches
pub(crate) struct Rules {
    pub(crate) unit: Unit,
    pub(crate) strict_template_text: bool,
    pub(crate) fill_contact_first_name: bool,
    pub(crate) group_typing: bool,
    pub(crate) check_identity_key: bool,
    pub(crate) one_time_codes_to_user_ids: bool,
}

/// One message on its way through the mapper.
pub(super) struct Cx {
    pub(super) rules: Rules,
    pub(super) check: Checker,
}

impl Cx {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, check: Checker::new() }
    }

    /// A text of 1 to `max`, line breaks and tabs allowed.
    pub(super) fn text(&mut self, at: impl Into<String>, text: &str, max: u64) {
        let at = at.into();
        self.words(&at, text);
        self.check.rule("text.length").text(at, text, 1, Length::of(max, self.rules.unit));
    }

    /// Notes a violation of the rule unless it holds.
    pub(super) fn require(&mut self, rule: &'static str, holds: bool, at: impl Into<String>, what: &'static str) {
        self.check.rule(rule).require(holds, at, what);
    }

    /// A text that people must see something of, without control characters but line breaks and tabs. Its length is checked elsewhere.
    pub(super) fn words(&mut self, at: &str, text: &str) {
        self.require("text.control", !text.contains(is_control), at, "must not hold control characters");
        self.visible(at, text);
    }

    /// More than spaces. An empty text breaks a limit of its length instead.
    fn visible(&mut self, at: &str, text: &str) {
        self.require("text.blank", text.is_empty() || !text.trim().is_empty(), at, "must not hold spaces only");
    }

    /// One line of 1 to `max`.
    pub(super) fn line(&mut self, at: impl Into<String>, text: &str, max: u64) {
        let at = at.into();
        self.single(&at, text);
        self.check.rule("line.length").text(at, text, 1, Length::of(max, self.rules.unit));
    }

    /// One line that people must see something of, without any control character. Its length is checked elsewhere.
    pub(super) fn single(&mut self, at: &str, text: &str) {
        self.require("line.control", !text.chars().any(char::is_control), at, "must be one line without control characters");
        self.visible(at, text);
    }

    /// The label of a button or row: one line, no space around it. Its length is checked by the core.
    pub(super) fn label(&mut self, at: &str, text: &str) {
        self.single(at, text);
        self.require("label.spaces", text.trim() == text, at, "must not begin or end with a space");
    }

    /// The label of a button, with its length.
    pub(super) fn label_of(&mut self, at: &str, text: &str, max: u64) {
        self.label(at, text);
        self.check.rule("label.length").text(at, text, 1, Length::of(max, self.rules.unit));
    }

    /// An id of the provider's: of a message, a file, a catalogue, an article.
    pub(super) fn id(&mut self, at: impl Into<String>, id: &str) {
        self.line(at, id, 1024);
    }

    /// A web address that Meta or the recipient fetches.
    pub(super) fn link(&mut self, at: impl Into<String>, url: &str) {
        let at = at.into();
        let rest = ["https://", "http://"].iter().find_map(|scheme| {
            let head = url.get(..scheme.len())?;
            head.eq_ignore_ascii_case(scheme).then(|| &url[scheme.len()..])
        });
        let host = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']));
        self.require("link.scheme", host, at.as_str(), "must be an http or https address");
        self.require("link.spaces", !url.chars().any(|c| c.is_whitespace() || c.is_control()), at.as_str(), "must not hold spaces");
    }

    /// JSON in the provider's form that must be an object.
    pub(super) fn object(&mut self, at: &str, json: &RawJson) -> Map<String, Value> {
        let wrong = match json.parse::<Value>() {
            Ok(Value::Object(members)) => return members,
            Ok(_) => "must be a JSON object",
            Err(_) => "must be JSON of less than 128 levels",
        };
        self.check.rule("json.object").add(at, wrong);
        Map::new()
    }
}

/// Whether a character is a control character, other than a line break or a tab.
pub(super) fn is_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t')
}

/// A JSON object under construction: an absent or empty value leaves no key.
#[derive(Default)]
pub(super) struct Object(Map<String, Value>);

impl Object {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    pub(super) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.put(key, value);
        self
    }

    pub(super) fn with_some(self, key: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Adds a text that is present and not empty.
    pub(super) fn with_text(self, key: &str, text: Option<&str>) -> Self {
        self.with_some(key, text.filter(|text| !text.is_empty()))
    }

    pub(super) fn extend(&mut self, members: Map<String, Value>) {
        self.0.extend(members);
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object.0)
    }
}
