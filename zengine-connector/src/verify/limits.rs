//! Limits of a request's size.

use crate::{json::Unread, strategy::VerifyError};

/// Refuses a body that is longer than allowed, in bytes.
///
/// # Errors
/// [`VerifyError::TooLarge`].
pub fn check_size(actual: usize, max: usize) -> Result<(), VerifyError> {
    if actual <= max { Ok(()) } else { Err(VerifyError::TooLarge) }
}

impl From<Unread> for VerifyError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge => Self::TooLarge,
            Unread::NotJson | Unread::TooDeep => Self::Malformed(unread.reason()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Limits;

    #[test]
    fn json_beyond_its_limits_is_answered_by_what_is_wrong_with_it() {
        let status = |limits: Limits, body: &[u8]| VerifyError::from(limits.check(body).unwrap_err()).status().as_u16();
        assert_eq!(status(Limits { json_depth: 1, ..Limits::DEFAULT }, b"[[]]"), 400);
        assert_eq!(status(Limits { json_items: 1, ..Limits::DEFAULT }, b"[1,2]"), 413);
        assert_eq!(status(Limits { body_bytes: 1, ..Limits::DEFAULT }, b"[]"), 413);
        assert_eq!(VerifyError::from(Unread::NotJson).status().as_u16(), 400);
    }
}
