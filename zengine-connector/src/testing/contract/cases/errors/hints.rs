//! The `Retry-After` hint.

use std::time::Duration;

use bytes::Bytes;

use super::{error_of, expect, prelude::*};
use crate::{
    error::{Fault, Reach},
    testing::SimClock,
};

fn asked_to_wait(code: u16, header: &str) -> WireFault {
    let answer = http::Response::builder().status(code).header("retry-after", header).header("content-type", "application/json");
    WireFault::Response(answer.body(Bytes::from_static(b"{}")).unwrap())
}

/// The HTTP date this many seconds, less than a day, after the start of the simulated clock.
fn date(seconds: i64) -> String {
    format!("Thu, 01 Jan 2026 {:02}:{:02}:{:02} GMT", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A 429 with `Retry-After: 7` keeps the hint.
pub(crate) async fn a_429_keeps_its_hint_in_seconds(kit: &SharedKit) -> CaseResult {
    let error = error_of(kit, asked_to_wait(429, "7")).await;
    expect("429", &error, &[Fault::Throttled], &[Reach::NotSent]);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)), "Retry-After: 7 is not kept: {error}");
    Ok(())
}

/// A 429 with `Retry-After: Thu, 01 Jan 2026 00:00:30 GMT` keeps the hint.
pub(crate) async fn a_429_keeps_its_hint_as_a_date(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let now_s = (host.now_ms() - SimClock::EPOCH_MS) / 1000;
    host.wire.always(asked_to_wait(429, &date(now_s + 90)));
    let error = host.attempt(0, 0).await.expect_err("429 is no success");
    expect("429", &error, &[Fault::Throttled], &[Reach::NotSent]);
    let hint = error.retry_after().unwrap_or_else(|| panic!("Retry-After as a date is not kept: {error}"));
    // The attempt took a little time, and a date knows only seconds.
    assert!(hint <= Duration::from_secs(91) && hint >= Duration::from_secs(85), "the date is 90 s away, and the hint is {hint:?}");
    Ok(())
}

/// An unreadable hint is ignored without a panic.
pub(crate) async fn a_hint_that_cannot_be_read_is_none(kit: &SharedKit) -> CaseResult {
    for header in ["", "soon", "-1", "1e9", "99999999999999999999999999", "Thu, 99 Jan 2026 00:00:00 GMT", "7, 8"] {
        let error = error_of(kit, asked_to_wait(429, header)).await;
        expect(header, &error, &[Fault::Throttled], &[Reach::NotSent]);
        let hint = error.retry_after().unwrap_or_default();
        assert!(hint <= Duration::from_secs(24 * 3600), "Retry-After: {header} parks the message for {hint:?}");
    }
    Ok(())
}

/// A date in the past means no wait.
pub(crate) async fn a_date_in_the_past_is_no_wait(kit: &SharedKit) -> CaseResult {
    let error = error_of(kit, asked_to_wait(429, "Sun, 06 Nov 1994 08:49:37 GMT")).await;
    let hint = error.retry_after().unwrap_or_default();
    assert!(hint <= Duration::from_secs(60), "a date in the past is a wait of {hint:?}");
    Ok(())
}

/// A 503 with a hint was refused before processing, or may have been sent if the provider does not promise that. The hint
/// is kept.
pub(crate) async fn a_503_keeps_its_hint(kit: &SharedKit) -> CaseResult {
    let error = error_of(kit, asked_to_wait(503, "4")).await;
    expect("503", &error, &[Fault::Provider, Fault::Throttled], &[Reach::NotSent, Reach::Maybe]);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(4)), "Retry-After: 4 is not kept: {error}");
    Ok(())
}
