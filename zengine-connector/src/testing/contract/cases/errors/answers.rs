//! Refusals by their status, and the fixture's own table.

use bytes::Bytes;
use serde_json::json;

use super::{super::super::answer, error_of, expect, expect_kind, meets, prelude::*};
use crate::error::{ErrorKind, Fault, Reach};

fn status(code: u16) -> WireFault {
    WireFault::Answer(answer::json(code, &json!({})))
}

/// The message, the recipient or the tenant's set-up is at fault, never the provider: one bad address must not open the
/// breaker of a healthy provider.
const OURS: &[Fault] = &[Fault::Domain, Fault::Auth];

/// 400 and its like.
pub(crate) async fn a_400_is_not_the_providers_fault(kit: &Shared) -> Done {
    for code in [400, 422] {
        meets(kit, status(code), OURS, &[Reach::Processed]).await;
    }
    Ok(())
}

/// 401: the tenant's credentials.
pub(crate) async fn a_401_is_the_tenants_credentials(kit: &Shared) -> Done {
    // A strategy that signs in anew and fails again has sent nothing.
    meets(kit, status(401), &[Fault::Auth], &[Reach::Processed, Reach::NotSent]).await;
    Ok(())
}

/// 403: the tenant's permissions.
pub(crate) async fn a_403_is_the_tenants_permissions(kit: &Shared) -> Done {
    meets(kit, status(403), &[Fault::Auth], &[Reach::Processed, Reach::NotSent]).await;
    Ok(())
}

/// 404: a wrong address of the tenant, or a recipient that is not there.
pub(crate) async fn a_404_is_not_the_providers_fault(kit: &Shared) -> Done {
    meets(kit, status(404), OURS, &[Reach::Processed]).await;
    Ok(())
}

/// The other refusals.
pub(crate) async fn any_other_4xx_is_not_the_providers_fault(kit: &Shared) -> Done {
    for code in [402, 405, 406, 409, 410, 413, 415, 418, 451] {
        meets(kit, status(code), OURS, &[Reach::Processed]).await;
    }
    Ok(())
}

/// 408: the provider gave up waiting, nobody knows.
pub(crate) async fn a_408_may_have_been_sent(kit: &Shared) -> Done {
    meets(kit, status(408), &[Fault::Provider], &[Reach::Maybe]).await;
    Ok(())
}

/// The provider failed: nobody knows.
pub(crate) async fn a_5xx_may_have_been_sent(kit: &Shared) -> Done {
    for code in [500, 502, 503, 504, 520, 599] {
        let error = meets(kit, status(code), &[Fault::Provider], &[Reach::Maybe]).await;
        assert!(error.error().is_temporary(), "{code}: it passes: {error}");
    }
    Ok(())
}

/// Proxies answer with pages for people.
pub(crate) async fn a_page_for_people_with_502_may_have_been_sent(kit: &Shared) -> Done {
    let page = http::Response::builder().status(502).header("content-type", "text/html");
    let page = page.body(Bytes::from_static(b"<html><h1>canary-page</h1></html>")).unwrap();
    meets(kit, WireFault::Answer(page), &[Fault::Provider], &[Reach::Maybe]).await;
    Ok(())
}

/// 429: throttled, refused before anything was done.
pub(crate) async fn a_429_was_not_sent(kit: &Shared) -> Done {
    let error = meets(kit, status(429), &[Fault::Throttled], &[Reach::NotSent]).await;
    expect_kind("429", &error, &[ErrorKind::RateLimited, ErrorKind::Quota]);
    Ok(())
}

/// A redirect is no success, and credentials do not follow it to another host.
pub(crate) async fn a_redirect_is_not_followed(kit: &Shared) -> Done {
    for code in [301, 302, 307, 308] {
        let elsewhere = http::Response::builder().status(code).header("location", "https://elsewhere.invalid/canary-path");
        let world = World::new(kit);
        world.wire.always(WireFault::Answer(elsewhere.body(Bytes::new()).unwrap()));
        assert!(world.attempt(0, 0).await.is_err(), "{code}: taken for success");
        let followed = world.wire.made().iter().any(|made| made.request.uri().host() == Some("elsewhere.invalid"));
        assert!(!followed, "{code}: the strategy followed it");
    }
    Ok(())
}

/// Informational and invented codes are no success.
pub(crate) async fn an_unheard_of_status_is_no_success(kit: &Shared) -> Done {
    for code in [100, 304, 600, 999] {
        let error = error_of(kit, status(code)).await;
        expect(&code.to_string(), &error, &[Fault::Provider, Fault::Domain, Fault::Auth], &[Reach::Maybe, Reach::Processed]);
    }
    Ok(())
}

/// Refusals of any shape: nested, huge, of wrong types. An error each, and no panic.
pub(crate) async fn hostile_refusals_do_not_break_it(kit: &Shared) -> Done {
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
            let world = World::new(kit);
            world.wire.always(WireFault::Answer(answer));
            let result = world.attempt(0, 0).await;
            // An answer of success without an id may be all there is of a provider that names nothing.
            assert!(result.is_err() || code == 200 && !kit.is_numbered(), "status {code}, {} bytes: taken for success", body.len());
        }
    }
    Ok(())
}

/// Each row of the fixture's table: kind, fault, reach, code and hint.
pub(crate) async fn every_row_of_the_error_table_is_kept(kit: &Shared) -> Done {
    for row in &kit.outbound().answers {
        let error = error_of(kit, WireFault::Answer(row.response.clone())).await;
        let is = (error.kind(), error.fault(), error.reach());
        assert_eq!(is, (row.kind, row.kind.fault(), row.reach), "{row:?}: {error}");
        if row.code.is_some() {
            assert_eq!(error.provider_code(), row.code.as_deref(), "{row:?}: the provider's code");
        }
        if row.retry_after.is_some() {
            assert_eq!(error.retry_after(), row.retry_after, "{row:?}: the hint when to come back");
        }
    }
    Ok(())
}
