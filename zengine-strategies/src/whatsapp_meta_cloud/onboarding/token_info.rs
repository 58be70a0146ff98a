//! Meta's information about a token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::{items, text};

/// The permission to read and change accounts; its targets are the accounts.
pub(super) const MANAGEMENT: &str = "whatsapp_business_management";

/// The answer of `debug_token` about a token.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct TokenInfo {
    /// The app it was issued to.
    pub app_id: Option<String>,
    /// `SYSTEM_USER`, `USER` or another word of Meta's.
    pub kind: Option<String>,
    /// Whether the token works.
    pub is_valid: bool,
    /// Time of issue, if Meta names it.
    pub issued_at: Option<SystemTime>,
    /// Time of expiry; `None` if it never expires or Meta does not name it.
    pub expires_at: Option<SystemTime>,
    /// Time at which access to data ends, if it does.
    pub data_access_expires_at: Option<SystemTime>,
    /// The permissions.
    pub scopes: Vec<String>,
    /// The permissions and the targets of each.
    pub granted: Vec<GrantedScope>,
    /// The user the token belongs to.
    pub user_id: Option<String>,
    /// The reason it does not work: Meta's code, and its subcode (463 expired, 460 password changed, 458 app removed, …).
    pub error: Option<(i64, Option<i64>)>,
}

/// A permission and its targets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrantedScope {
    /// The permission.
    pub scope: String,
    /// The targets it was granted for; `None` if it was granted for everything.
    pub target_ids: Option<Vec<String>>,
}

impl TokenInfo {
    pub(super) fn read(body: &Value) -> Option<Self> {
        let data = body.get("data").filter(|data| data.is_object())?;
        let error = data.get("error");
        let number = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
        Some(Self {
            app_id: text(data, "app_id"),
            kind: text(data, "type"),
            is_valid: data.get("is_valid") == Some(&Value::Bool(true)),
            issued_at: time(data, "issued_at"),
            expires_at: time(data, "expires_at"),
            data_access_expires_at: time(data, "data_access_expires_at"),
            scopes: items(data, "scopes").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            granted: items(data, "granular_scopes").iter().filter_map(granted).collect(),
            user_id: text(data, "user_id"),
            error: error.and_then(|error| Some((number(error.get("code")?)?, error.get("subcode").and_then(number)))),
        })
    }

    /// Whether it carries a permission, such as `whatsapp_business_messaging`.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope) || self.granted.iter().any(|held| held.scope == scope)
    }

    /// The WhatsApp Business accounts that it was granted for. `None`: all accounts of its owner, or no account if the
    /// permission is missing.
    pub fn wabas(&self) -> Option<Vec<&str>> {
        let granted = self.granted.iter().find(|granted| granted.scope == MANAGEMENT)?;
        granted.target_ids.as_ref().map(|ids| ids.iter().map(String::as_str).collect())
    }

    /// Whether it was granted for this account.
    pub fn covers(&self, waba_id: &str) -> bool {
        match self.granted.iter().find(|granted| granted.scope == MANAGEMENT) {
            Some(granted) => granted.target_ids.as_ref().is_none_or(|ids| ids.iter().any(|id| id == waba_id)),
            None => self.has_scope(MANAGEMENT),
        }
    }

    /// Whether it works at this moment.
    pub fn is_usable(&self, now: SystemTime) -> bool {
        self.is_valid && self.expires_at.is_none_or(|end| now < end)
    }

    /// Time at which four fifths of its lifetime are over; `None` if it does not expire or the time of issue is not known.
    pub fn renew_at(&self) -> Option<SystemTime> {
        let (start, end) = (self.issued_at?, self.expires_at?);
        let life = end.duration_since(start).ok()?;
        Some(start + life.mul_f64(0.8))
    }
}

// Without ids of people.
redacted!(TokenInfo { app_id, kind, is_valid, expires_at, scopes, error });

fn granted(value: &Value) -> Option<GrantedScope> {
    let ids = value.get("target_ids").and_then(Value::as_array);
    let id = |id: &Value| id.as_str().map(str::to_owned).or_else(|| id.as_u64().map(|id| id.to_string()));
    Some(GrantedScope { scope: text(value, "scope")?, target_ids: ids.map(|ids| ids.iter().filter_map(id).collect()) })
}

/// A time in seconds since the Unix epoch; zero means never.
fn time(data: &Value, key: &str) -> Option<SystemTime> {
    let value = data.get(key)?;
    let seconds = value.as_u64().or_else(|| value.as_str()?.parse().ok()).filter(|seconds| *seconds > 0)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_that_never_ends_has_no_end_and_no_renewal() {
        let info = TokenInfo::read(&json!({"data": {"is_valid": true, "issued_at": 100, "expires_at": 0}})).unwrap();
        assert_eq!((info.expires_at, info.renew_at(), info.is_usable(UNIX_EPOCH)), (None, None, true));
    }

    #[test]
    fn renewal_is_due_at_four_fifths() {
        let info = TokenInfo::read(&json!({"data": {"is_valid": true, "issued_at": "1000", "expires_at": "2000"}})).unwrap();
        assert_eq!(info.renew_at(), Some(UNIX_EPOCH + Duration::from_secs(1800)));
        assert!(info.is_usable(UNIX_EPOCH + Duration::from_secs(1999)) && !info.is_usable(UNIX_EPOCH + Duration::from_secs(2000)));
    }

    #[test]
    fn accounts_are_what_the_permission_was_granted_for() {
        let read = |granular: Value| TokenInfo::read(&json!({"data": {"scopes": [MANAGEMENT], "granular_scopes": granular}})).unwrap();
        let some = read(json!([{"scope": MANAGEMENT, "target_ids": ["1", 2]}, {"odd": 1}]));
        assert_eq!((some.wabas(), some.covers("2"), some.covers("3")), (Some(vec!["1", "2"]), true, false));
        let all = read(json!([{"scope": MANAGEMENT}]));
        assert_eq!((all.wabas(), all.covers("3")), (None, true));
        let none = TokenInfo::read(&json!({"data": {"scopes": ["email"]}})).unwrap();
        assert!(!none.covers("3") && !none.is_valid);
    }

    #[test]
    fn odd_answers_are_no_tokens() {
        for odd in [json!({}), json!({"data": []}), json!(null)] {
            assert!(TokenInfo::read(&odd).is_none(), "{odd}");
        }
        assert!(TokenInfo::read(&json!({"data": {"expires_at": u64::MAX, "scopes": 7}})).is_some());
    }
}
