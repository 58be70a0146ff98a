//! The webhooks of the strategy behind the endpoint of a host.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use serde_json::json;
use tower_service::Service as _;
use zengine_connector::{
    HttpClient, Memory, Orchestrator, Reach, Secret, async_trait,
    http::{CallOptions, HttpCause, HttpError},
    registry::TenantSetup,
    verify::BasicCredentials,
};

use acme_sms::AcmeSms;

#[derive(Debug)]
struct NoNetwork;

#[async_trait]
impl HttpClient for NoNetwork {
    async fn call(&self, _: Request<Bytes>, _: CallOptions) -> Result<http::Response<Bytes>, HttpError> {
        Err(HttpError::new(HttpCause::Connect, Reach::NotSent))
    }
}

#[tokio::test]
async fn a_report_arrives_at_the_account_below_the_mount() {
    let strategy = AcmeSms::new(Arc::new(NoNetwork), "https://api.example.com");
    let builder = Orchestrator::builder().strategy(strategy).stores(Memory::new()).on_event(|_| async { Ok(()) });
    let orchestrator = builder.build().unwrap();
    let (password, webhook_password) = (json!({ "secret": "account" }), json!({ "secret": "webhook" }));
    let config = json!({ "account": "shop", "password": password, "sender": "+15550000000", "webhook_password": webhook_password });
    let shop = TenantSetup::new("shop").strategy("acme-sms", config).secret("account", "example-1").secret("webhook", "example-2");
    orchestrator.set_up(shop).await.unwrap();

    let header = BasicCredentials::new("shop", &Secret::new(b"example-2".to_vec())).unwrap().header();
    let get = |path: &str| {
        let request = Request::get(format!("{path}?id=sm-1&status=delivered&at=1760000000")).header("authorization", header.expose());
        request.body(String::new()).unwrap()
    };
    let mut service = orchestrator.service().with_prefix("/webhooks");
    for (path, status) in [("/webhooks/acme-sms/shop", 200), ("/webhooks/acme-sms/other", 401)] {
        assert_eq!(service.call(get(path)).await.unwrap().status(), status, "{path}");
    }
    assert_eq!(orchestrator.serve("acme-sms", get("/shop").map(Bytes::from)).await.status(), 200);
}
