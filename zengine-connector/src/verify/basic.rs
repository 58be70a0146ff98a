//! HTTP basic authentication (RFC 7617).

use base64::Engine as _;
use zeroize::Zeroizing;

use super::{BASE64, any_of, same_secret};
use crate::{
    error::{Error, ErrorKind},
    secret::Secret,
    strategy::{CredentialFault, VerifyError},
};

/// Maximum length of the header, in bytes; longer ones are refused unread.
const MAX_HEADER_BYTES: usize = 4096;

/// The credentials of one allowed user.
#[derive(Clone, Debug)]
pub struct BasicCredentials {
    /// `user:password`, as it is sent.
    pair: Secret<Vec<u8>>,
}

impl BasicCredentials {
    /// A user and a password.
    ///
    /// # Errors
    /// `Settings` if the user name is empty or holds a colon, if the password is empty, or if either holds a control
    /// character: such credentials cannot be sent, or do not protect.
    pub fn new(user: &str, password: &Secret<Vec<u8>>) -> Result<Self, Error> {
        let fail = |message, field| Err(Error::new(ErrorKind::Settings, message).with_context("field", field));
        if user.is_empty() || user.contains(':') {
            return fail("a user name must not be empty nor hold a colon", "user");
        }
        if password.expose().is_empty() {
            return fail("a password must not be empty", "password");
        }
        if user.bytes().any(|b| b.is_ascii_control()) || password.expose().iter().any(u8::is_ascii_control) {
            return fail("credentials must not hold control characters", "user");
        }
        let pair = [user.as_bytes(), b":", password.expose()].concat();
        Ok(Self { pair: Secret::new(pair) })
    }

    /// The value of an `Authorization` header that carries them.
    pub fn header(&self) -> Secret<String> {
        Secret::new(format!("Basic {}", BASE64.encode(self.pair.expose())))
    }
}

/// The check of an `Authorization` header against the allowed users.
///
/// ```
/// use zengine_connector::{Secret, verify::{BasicAuth, BasicCredentials}};
///
/// let users = [BasicCredentials::new("Aladdin", &Secret::new(b"open sesame".to_vec()))?];
/// assert!(BasicAuth::DEFAULT.check(Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), &users).is_ok());
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BasicAuth {
    challenge: &'static str,
}

impl BasicAuth {
    /// Asks for the realm `webhooks`.
    pub const DEFAULT: Self = Self::with_challenge("Basic realm=\"webhooks\", charset=\"UTF-8\"");

    /// Asks with another `WWW-Authenticate` header.
    pub const fn with_challenge(challenge: &'static str) -> Self {
        Self { challenge }
    }

    /// Reads a header. Do this before you fetch a secret: a request without credentials should cost no look-up.
    ///
    /// # Errors
    /// [`VerifyError::Challenge`] if there is none, or it cannot be read.
    pub fn read(&self, header: Option<&str>) -> Result<GivenCredentials, VerifyError> {
        let refuse = |fault| VerifyError::Challenge(self.challenge, fault);
        let pair = parse(header.ok_or_else(|| refuse(CredentialFault::Missing))?).ok_or_else(|| refuse(CredentialFault::Malformed))?;
        Ok(GivenCredentials { pair, challenge: self.challenge })
    }

    /// Checks a header against every one of the credentials.
    ///
    /// # Errors
    /// [`VerifyError::Challenge`] for every failure.
    pub fn check(&self, header: Option<&str>, credentials: &[BasicCredentials]) -> Result<(), VerifyError> {
        self.read(header)?.check(credentials)
    }
}

/// The credentials of a request, not checked yet.
#[must_use = "check them"]
pub struct GivenCredentials {
    pair: Zeroizing<Vec<u8>>,
    challenge: &'static str,
}

masked!(GivenCredentials);

impl GivenCredentials {
    /// Checks them against every one of the allowed credentials.
    ///
    /// # Errors
    /// [`VerifyError::Challenge`] if none matches.
    pub fn check(&self, credentials: &[BasicCredentials]) -> Result<(), VerifyError> {
        let matches = any_of(credentials, |allowed| same_secret(&self.pair, allowed.pair.expose()));
        if matches { Ok(()) } else { Err(VerifyError::Challenge(self.challenge, CredentialFault::Wrong)) }
    }
}

/// The decoded `user:password`.
fn parse(header: &str) -> Option<Zeroizing<Vec<u8>>> {
    if header.len() > MAX_HEADER_BYTES {
        return None;
    }
    let (scheme, rest) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = Zeroizing::new(BASE64.decode(rest.trim_matches(' ')).ok()?);
    pair.contains(&b':').then_some(pair)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn user(name: &str, password: &str) -> BasicCredentials {
        BasicCredentials::new(name, &Secret::new(password.as_bytes().to_vec())).unwrap()
    }

    #[test]
    fn any_of_several_credentials_is_good() {
        let users = [user("a", "1"), user("b", "2:3"), user("ü", "päss")];
        for one in &users {
            assert!(BasicAuth::DEFAULT.check(Some(one.header().expose()), &users).is_ok());
        }
        assert!(BasicAuth::DEFAULT.check(Some(user("a", "2:3").header().expose()), &users).is_err());
    }

    #[test]
    fn the_scheme_is_read_in_any_case_and_padding_may_lack() {
        let users = [user("a", "1")];
        for header in ["Basic YTox", "basic YTox", "BASIC  YTox ", "Basic YTox"] {
            assert!(BasicAuth::DEFAULT.check(Some(header), &users).is_ok(), "{header}");
        }
        assert!(BasicAuth::DEFAULT.check(Some("Basic YToxMg"), &[user("a", "12")]).is_ok());
    }

    #[test]
    fn everything_else_is_challenged() {
        let users = [user("a", "1")];
        let long = format!("Basic {}", "YTox".repeat(2000));
        let bad = [
            None,
            Some(""),
            Some("Basic"),
            Some("Basic "),
            Some("YTox"),
            Some("Bearer YTox"),
            Some("Basic !!!!"),
            Some("Basic YTE"),
            Some(&long),
        ];
        for header in bad {
            match BasicAuth::DEFAULT.check(header, &users) {
                Err(VerifyError::Challenge(challenge, fault)) if (fault == CredentialFault::Missing) == header.is_none() => {
                    assert!(challenge.starts_with("Basic realm="));
                }
                other => panic!("{header:?}: {other:?}"),
            }
        }
        assert!(BasicAuth::DEFAULT.check(Some("Basic YTox"), &[]).is_err());
    }

    #[test]
    fn credentials_that_keep_nobody_out_are_refused() {
        for (name, password) in [("", "p"), ("a:b", "p"), ("a", ""), ("a\n", "p"), ("a", "p\0")] {
            let error = BasicCredentials::new(name, &Secret::new(password.as_bytes().to_vec())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Settings);
        }
    }

    #[test]
    fn nothing_printed_holds_the_credentials() {
        let users = [user("canary-user", "canary-password")];
        let error = BasicAuth::DEFAULT.check(Some("Basic Y2FuYXJ5OmNhbmFyeQ=="), &users).unwrap_err();
        let printed = format!("{users:?} {error} {error:?} {:?}", users[0].header());
        assert!(!printed.contains("canary") && !printed.contains("Y2FuYXJ5"), "{printed}");
    }

    proptest! {
        #[test]
        fn only_the_exact_pair_comes_in(name in "[a-z ]{1,8}", password in "[a-z:]{1,8}", other_name in "[a-z ]{1,8}", other in "[a-z:]{1,8}") {
            let users = [user(&name, &password)];
            let given = user(&other_name, &other);
            let verdict = BasicAuth::DEFAULT.check(Some(given.header().expose()), &users).is_ok();
            prop_assert_eq!(verdict, name == other_name && password == other);
        }

        #[test]
        fn no_header_panics(header in any::<String>()) {
            prop_assert!(BasicAuth::DEFAULT.check(Some(&header), &[user("a", "a long password")]).is_err());
        }
    }
}
