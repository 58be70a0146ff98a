//! Errors by status code, and the fixture's error table.

use bytes::Bytes;
use serde_json::json;

use super::{super::super::response, error_of, expect, expect_kind, meets, prelude::*};
use crate::error::{ErrorKind, Fault, Reach};

fn status(code: u16) -> WireFault {
    WireFault::Response(response::json(code, &json!({})))
}

/// The faults of a refusal: the message, the recipient or the tenant's set-up, never the provider. One bad address must not
/// open the breaker of a healthy provider.
const OURS: &[Fault] = &[Fault::Domain, Fault::Auth];

/// A 400 or 422 is the message's or the tenant's fault.
pub(crate) async fn a_400_is_not_the_providers_fault(kit: &SharedKit) -> CaseResult {
    for code in [400, 422] {
        meets(kit, status(code), OURS, &[Reach::Processed]).await;
    }
    Ok(())
}

/// A 401 is the fault of the tenant's credentials.
pub(crate) async fn a_401_is_the_tenants_credentials(kit: &SharedKit) -> CaseResult {
    // A strategy that signs in again and fails again has sent nothing.
    meets(kit, status(401), &[Fault::Auth], &[Reach::Processed, Reach::NotSent]).await;
    Ok(())
}

/// A 403 is the fault of the tenant's permissions.
pub(crate) async fn a_403_is_the_tenants_permissions(kit: &SharedKit) -> CaseResult {
    meets(kit, status(403), &[Fault::Auth], &[Reach::Processed, Reach::NotSent]).await;
    Ok(())
}

/// A 404 is a wrong address of the tenant or an unknown recipient.
pub(crate) async fn a_404_is_not_the_providers_fault(kit: &SharedKit) -> CaseResult {
    meets(kit, status(404), OURS, &[Reach::Processed]).await;
    Ok(())
}

/// Any other 4xx is the message's or the tenant's fault.
pub(crate) async fn any_other_4xx_is_not_the_providers_fault(kit: &SharedKit) -> CaseResult {
    for code in [402, 405, 406, 409, 410, 413, 415, 418, 451] {
        meets(kit, status(code), OURS, &[Reach::Processed]).await;
    }
    Ok(())
}

/// A 408 may have been sent: the provider stopped waiting.
pub(crate) async fn a_408_may_have_been_sent(kit: &SharedKit) -> CaseResult {
    meets(kit, status(408), &[Fault::Provider], &[Reach::Maybe]).await;
    Ok(())
}

/// A 5xx may have been sent, and is temporary.
pub(crate) async fn a_5xx_may_have_been_sent(kit: &SharedKit) -> CaseResult {
    for code in [500, 502, 503, 504, 520, 599] {
        let error = meets(kit, status(code), &[Fault::Provider], &[Reach::Maybe]).await;
        assert!(error.error().is_temporary(), "{code}: must be temporary: {error}");
    }
    Ok(())
}

/// An HTML page with 502, as from a proxy, may have been sent.
pub(crate) async fn an_html_page_with_502_may_have_been_sent(kit: &SharedKit) -> CaseResult {
    let page = http::Response::builder().status(502).header("content-type", "text/html");
    let page = page.body(Bytes::from_static(b"<html><h1>canary-page</h1></html>")).unwrap();
    meets(kit, WireFault::Response(page), &[Fault::Provider], &[Reach::Maybe]).await;
    Ok(())
}

/// A 429 is throttled, refused before processing.
pub(crate) async fn a_429_was_not_sent(kit: &SharedKit) -> CaseResult {
    let error = meets(kit, status(429), &[Fault::Throttled], &[Reach::NotSent]).await;
    expect_kind("429", &error, &[ErrorKind::RateLimited, ErrorKind::Quota]);
    Ok(())
}

/// A redirect is no success, and credentials do not follow it to another host.
pub(crate) async fn a_redirect_is_not_followed(kit: &SharedKit) -> CaseResult {
    for code in [301, 302, 307, 308] {
        let elsewhere = http::Response::builder().status(code).header("location", "https://elsewhere.invalid/canary-path");
        let host = TestHost::new(kit);
        host.wire.always(WireFault::Response(elsewhere.body(Bytes::new()).unwrap()));
        assert!(host.attempt(0, 0).await.is_err(), "{code}: treated as success");
        let followed = host.wire.recorded().iter().any(|call| call.request.uri().host() == Some("elsewhere.invalid"));
        assert!(!followed, "{code}: the strategy followed it");
    }
    Ok(())
}

/// An informational or unknown status is no success.
pub(crate) async fn an_unknown_status_is_no_success(kit: &SharedKit) -> CaseResult {
    for code in [100, 304, 600, 999] {
        let error = error_of(kit, status(code)).await;
        expect(&code.to_string(), &error, &[Fault::Provider, Fault::Domain, Fault::Auth], &[Reach::Maybe, Reach::Processed]);
    }
    Ok(())
}

/// Responses that are nested, huge or of wrong types give an error each, and no panic.
pub(crate) async fn hostile_refusals_do_not_panic(kit: &SharedKit) -> CaseResult {
    let deep = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    let bodies: Vec<Bytes> = vec![
        deep.into(),
        vec![b'a'; 1 << 20].into(),
        Bytes::from_static(b"\xff\xfe\x00"),
        json!({ "error": 17, "errors": "canary-word", "code": [], "message": null }).to_string().into(),
        json!({ "error": { "code": 1e300, "message": {}, "error_data": 3, "type": [], "fbtrace_id": {} } }).to_string().into(),
        json!({ "error": { "code": "canary-code\r\n", "error_subcode": -1 } }).to_string().into(),
        json!([{ "error": null }]).to_string().into(),
        Bytes::from_static(b"{\"error\":{\"code\":99999999999999999999999999}}"),
        Bytes::from_static(b"{\"error\":{\"code\":1,\"code\":2}}"),
    ];
    for body in bodies {
        for code in [200, 400, 429, 500] {
            let answer = http::Response::builder().status(code).header("content-type", "application/json").body(body.clone()).unwrap();
            let host = TestHost::new(kit);
            host.wire.always(WireFault::Response(answer));
            let result = host.attempt(0, 0).await;
            // A provider that names no messages may succeed without an id.
            assert!(result.is_err() || code == 200 && !kit.names_messages(), "status {code}, {} bytes: treated as success", body.len());
        }
    }
    Ok(())
}

/// Each row of the fixture's error table gives its kind, fault, reach, code and time to retry after.
pub(crate) async fn every_row_of_the_error_table_is_kept(kit: &SharedKit) -> CaseResult {
    for row in &kit.outbound().error_table {
        let error = error_of(kit, WireFault::Response(row.response.clone())).await;
        let is = (error.kind(), error.fault(), error.reach());
        assert_eq!(is, (row.kind, row.kind.fault(), row.reach), "{row:?}: {error}");
        if row.code.is_some() {
            assert_eq!(error.provider_code(), row.code.as_deref(), "{row:?}: the provider's code");
        }
        if row.retry_after.is_some() {
            assert_eq!(error.retry_after(), row.retry_after, "{row:?}: the time to retry after");
        }
    }
    Ok(())
}
