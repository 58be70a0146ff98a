//! Files, the limit of uploads, and the penalty for refused look-ups.

use bytes::Bytes;
use http::Response;
use serde_json::Value;

use super::errors::Failure;
use super::state::State;
use crate::sandbox::waba::Number;
use crate::sandbox::waba::errors::GraphError;
use crate::sandbox::waba::files::{self, Media};
use crate::sandbox::waba::query::Query;

/// The host that Meta names in addresses of files.
pub(super) const FILE_HOST: &str = "https://lookaside.fbsbx.com";

/// Maximum uploads of a number in one second.
const UPLOADS: u32 = 25;
/// So many refused look-ups within this time block look-ups and downloads for so long; times in milliseconds.
const FAILURES: usize = 20;
const WITHIN_MS: u64 = 60 * 60 * 1_000;
const BLOCKED_MS: u64 = 30 * 60 * 1_000;

/// The calls of a number that count against its limits.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    /// Times of refused look-ups.
    refused: Vec<u64>,
    blocked_until_ms: u64,
    /// The current second and its uploads.
    uploads: (u64, u32),
}

impl Calls {
    /// Counts an upload; false if it is one too many.
    pub(super) fn upload(&mut self, now_ms: u64) -> bool {
        let second = now_ms / 1_000;
        let (current, count) = &mut self.uploads;
        *count = if *current == second { count.saturating_add(1) } else { 1 };
        *current = second;
        *count <= UPLOADS
    }

    pub(super) fn is_blocked(&self, now_ms: u64) -> bool {
        now_ms < self.blocked_until_ms
    }

    /// Counts a refused look-up. Those of the hour still count after a block.
    pub(super) fn refuse(&mut self, now_ms: u64) {
        self.refused.retain(|at| now_ms.saturating_sub(*at) < WITHIN_MS);
        self.refused.push(now_ms);
        if self.refused.len() >= FAILURES {
            self.blocked_until_ms = now_ms.saturating_add(BLOCKED_MS);
        }
    }
}

/// The file, if it belongs to the number.
fn owned(state: &State, number: &Number, id: &str) -> Result<Media, Failure> {
    let found = files::get(&state.shared, id).ok().filter(|media| media.owner == number.id);
    found.ok_or_else(|| Failure::told(&GraphError::no_object(id)))
}

/// `GET /{id}`.
pub(super) fn look_up(state: &State, number: &Number, id: &str) -> Result<Value, Failure> {
    let found = owned(state, number, id).map(|media| files::info(&state.shared, &media, id, FILE_HOST));
    if found.is_err() {
        state.change(&number.id, |record| record.calls.refuse(state.shared.clock.now_ms()));
    }
    found
}

/// `DELETE /{id}`.
pub(super) fn delete(state: &State, number: &Number, id: &str) -> Result<Value, Failure> {
    owned(state, number, id).map(|_| files::remove(&state.shared, id))
}

/// `GET /whatsapp_business/attachments/`.
pub(super) fn download(state: &State, number: &Number, query: &Query) -> Result<Response<Bytes>, Failure> {
    let media = files::of_address(&state.shared, query).filter(|media| media.owner == number.id);
    media.map(files::response).ok_or_else(|| Failure::Handler(404, "Media not found".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twentieth_refusal_in_an_hour_blocks_for_half_an_hour() {
        let mut calls = Calls::default();
        (0..19).for_each(|n| calls.refuse(n));
        assert!(!calls.is_blocked(19));
        calls.refuse(WITHIN_MS + 18);
        assert!(!calls.is_blocked(WITHIN_MS + 18), "the first ones are an hour old");
        (0..18).for_each(|n| calls.refuse(WITHIN_MS + 20 + n));
        assert!(!calls.is_blocked(WITHIN_MS + 40));
        calls.refuse(WITHIN_MS + 40);
        assert!(calls.is_blocked(WITHIN_MS + 41) && !calls.is_blocked(WITHIN_MS + 40 + BLOCKED_MS));
    }

    #[test]
    fn a_second_has_25_uploads() {
        let mut calls = Calls::default();
        assert!((0..25).all(|_| calls.upload(1_000)));
        assert!(!calls.upload(1_999) && calls.upload(2_000));
    }
}
