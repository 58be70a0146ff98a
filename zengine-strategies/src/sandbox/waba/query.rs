//! Parameters of a request, from the query or a form, and pages of lists.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use zengine_connector::http::encode;

use super::check::Checked;
use super::errors::GraphError;
use crate::sandbox::text::fields;

/// Default page size.
const PAGE: usize = 25;

/// The parameters of the query, followed by those of a form body.
#[derive(Debug)]
pub(in crate::sandbox) struct Query {
    fields: Vec<(String, String)>,
    /// The address of the request, without parameters.
    address: String,
}

impl Query {
    pub(in crate::sandbox) fn new(query: &str, form: Option<&str>, address: String) -> Self {
        let mut all = fields(query);
        all.extend(form.map(fields).into_iter().flatten());
        Self { fields: all, address }
    }

    pub(in crate::sandbox) fn get(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub(in crate::sandbox) fn required(&self, key: &str) -> Checked<&str> {
        let missing = || GraphError::new(100).with_message(format!("Missing {key} parameter."));
        self.get(key).filter(|value| !value.is_empty()).ok_or_else(missing)
    }

    /// One page of a list: `limit`, `after`, `before`, with cursors and the address of the next page.
    pub(in crate::sandbox) fn page(&self, all: &[Value]) -> Checked<Value> {
        let bad = || GraphError::because(131_059, "The cursor is not valid.");
        let limit = match self.get("limit") {
            Some(text) => text.parse().ok().filter(|limit| *limit > 0).ok_or_else(|| GraphError::bad("limit must be a positive number"))?,
            None => PAGE,
        };
        let (start, end) = match (self.get("after"), self.get("before")) {
            (Some(after), _) if !after.is_empty() => (index_of(after).ok_or_else(bad)?.saturating_add(1), all.len()),
            (_, Some(before)) if !before.is_empty() => index_of(before).ok_or_else(bad).map(|end| (end.saturating_sub(limit), end))?,
            _ => (0, all.len()),
        };
        let end = start.saturating_add(limit).min(end).min(all.len());
        let data: Vec<_> = all.get(start..end).unwrap_or_default().to_vec();
        if data.is_empty() {
            return Ok(json!({"data": data}));
        }
        let mut paging = json!({"cursors": {"before": cursor(start), "after": cursor(end - 1)}});
        for (name, present, key, at) in [("next", end < all.len(), "after", end - 1), ("previous", start > 0, "before", start)] {
            if present {
                paging[name] = self.with(key, &cursor(at)).into();
            }
        }
        Ok(json!({"data": data, "paging": paging}))
    }

    /// The address with another cursor. Meta also includes the token; clients send their own.
    fn with(&self, key: &str, cursor: &str) -> String {
        let kept = self.fields.iter().filter(|(name, _)| !["after", "before", "access_token", "appsecret_proof"].contains(&name.as_str()));
        let mut pairs: Vec<_> = kept.map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        pairs.push(format!("{key}={}", encode(cursor)));
        format!("{}?{}", self.address, pairs.join("&"))
    }
}

fn cursor(index: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("at:{index}"))
}

fn index_of(cursor: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    std::str::from_utf8(&bytes).ok()?.strip_prefix("at:")?.parse().ok()
}

pub(in crate::sandbox) fn select(all: &Map<String, Value>, fields: &str) -> Checked<Value> {
    let mut asked = Map::new();
    for field in fields.split(',').map(str::trim).chain(["id"]) {
        match all.get(field) {
            Some(value) => asked.insert(field.to_owned(), value.clone()),
            None => return Err(GraphError::bad(format!("Tried accessing nonexisting field ({field})"))),
        };
    }
    Ok(asked.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        let all: Vec<Value> = (0..7).map(Value::from).collect();
        let mut query = Query::new("limit=3&fields=id", None, "http://h/x".to_owned());
        let mut seen = Vec::new();
        for _ in 0..5 {
            let page = query.page(&all).unwrap();
            seen.extend(page["data"].as_array().unwrap().clone());
            let Some(next) = page["paging"]["next"].as_str() else { break };
            query = Query::new(next.split_once('?').unwrap().1, None, "http://h/x".to_owned());
        }
        assert_eq!(seen, all);
        let back = query.page(&all).unwrap()["paging"]["previous"].as_str().unwrap().to_owned();
        let query = Query::new(back.split_once('?').unwrap().1, None, String::new());
        assert_eq!(query.page(&all).unwrap()["data"], json!([3, 4, 5]));
        for bad in ["after=zzz", "limit=0", "limit=x", "before=%20"] {
            assert!(Query::new(bad, None, String::new()).page(&all).is_err(), "{bad}");
        }
        let far = Query::new(&format!("after={}", cursor(usize::MAX)), None, String::new());
        assert_eq!(far.page(&all).unwrap(), json!({"data": []}));
    }
}
