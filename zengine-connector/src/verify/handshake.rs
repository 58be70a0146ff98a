//! The challenge of a webhook subscription.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};

use super::{any_of, same_secret, usable};
use crate::{
    secret::Secret,
    strategy::{CredentialFault, VerifyError},
};

/// Maximum length of a challenge that is echoed, in bytes.
pub const MAX_CHALLENGE_BYTES: usize = 1024;

/// Answers a subscription's challenge: if the token is one of `tokens`, the challenge is returned verbatim as plain text
/// that no browser takes for anything else.
///
/// Give the decoded parameters (`hub.verify_token` and `hub.challenge` at Meta). An empty entry of `tokens` matches nothing.
///
/// ```
/// use zengine_connector::{Secret, verify::answer_challenge};
///
/// let ours = [Secret::new(b"token".to_vec())];
/// assert_eq!(answer_challenge(Some("token"), Some("1158201444"), &ours).unwrap().body(), "1158201444");
/// assert_eq!(answer_challenge(Some("guess"), Some("1158201444"), &ours).unwrap_err().status(), 403);
/// ```
///
/// # Errors
/// [`VerifyError::Token`] if the token is absent or not in `tokens`; otherwise [`VerifyError::Malformed`] if the
/// challenge is absent, empty or longer than [`MAX_CHALLENGE_BYTES`].
pub fn answer_challenge(
    token: Option<&str>,
    challenge: Option<&str>,
    tokens: &[Secret<Vec<u8>>],
) -> Result<http::Response<Bytes>, VerifyError> {
    let token = token.ok_or(VerifyError::Token(CredentialFault::Missing))?;
    if !any_of(tokens, |ours| usable(ours) & same_secret(token.as_bytes(), ours.expose())) {
        return Err(VerifyError::Token(CredentialFault::Wrong));
    }
    let challenge = challenge.filter(|text| !text.is_empty()).ok_or(VerifyError::Malformed("the challenge is missing"))?;
    if challenge.len() > MAX_CHALLENGE_BYTES {
        return Err(VerifyError::Malformed("the challenge is too long"));
    }
    let mut response = http::Response::new(Bytes::copy_from_slice(challenge.as_bytes()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(texts: &[&str]) -> Vec<Secret<Vec<u8>>> {
        texts.iter().map(|text| Secret::new(text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn the_challenge_comes_back_verbatim_as_plain_text() {
        for challenge in ["1158201444", "<script>alert(1)</script>", "ü \n", &"x".repeat(MAX_CHALLENGE_BYTES)] {
            let answer = answer_challenge(Some("two"), Some(challenge), &tokens(&["one", "two"])).unwrap();
            assert_eq!((answer.status().as_u16(), &**answer.body()), (200, challenge.as_bytes()));
            assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        }
    }

    #[test]
    fn another_token_is_forbidden() {
        for (given, ours) in [(None, "t"), (Some(""), ""), (Some(""), "t"), (Some("T"), "t"), (Some("t "), "t"), (Some("tt"), "t")] {
            let refused = answer_challenge(given, Some("1"), &tokens(&[ours]));
            let fault = if given.is_none() { CredentialFault::Missing } else { CredentialFault::Wrong };
            assert!(matches!(refused, Err(VerifyError::Token(told)) if told == fault), "{given:?}");
        }
        assert!(answer_challenge(Some("t"), Some("1"), &[]).is_err());
    }

    #[test]
    fn a_challenge_is_bounded_and_not_empty() {
        let long = "x".repeat(MAX_CHALLENGE_BYTES + 1);
        for challenge in [None, Some(""), Some(&*long)] {
            assert!(matches!(answer_challenge(Some("t"), challenge, &tokens(&["t"])), Err(VerifyError::Malformed(_))));
            assert!(matches!(answer_challenge(Some("x"), challenge, &tokens(&["t"])), Err(VerifyError::Token(_))));
        }
    }

    #[test]
    fn errors_hold_no_token() {
        let error = answer_challenge(Some("canary-guess"), Some("canary"), &tokens(&["canary-token"])).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}
