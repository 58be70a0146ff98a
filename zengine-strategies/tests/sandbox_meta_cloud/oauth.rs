//! Codes, tokens, renewal, inspection, revocation; subscriptions; the way of a number into service.

use std::time::Duration;

use http::Method;
use http_body_util::Full;
use serde_json::{Value, json};
use zengine_strategies::sandbox::meta_cloud::{Inbound, MetaCloud, Number, Settings, Signup};

use crate::support::{Answer, Callback, Client, NUMBER, TOKEN, bearer, post, settings, start, text};

const DAY: Duration = Duration::from_secs(86_400);
const ACCOUNT: &str = "900100";

/// A GET with parameters, no token.
async fn get(meta: &MetaCloud, path: &str, parameters: &[(&str, &str)]) -> Answer {
    let pairs: Vec<_> = parameters.iter().map(|(key, value)| format!("{key}={}", value.replace(' ', "%20").replace('|', "%7C"))).collect();
    let request = http::Request::get(format!("{}{path}?{}", meta.base_url(), pairs.join("&")));
    Client::new().send(request.body(Full::default()).unwrap()).await.unwrap()
}

async fn exchange(meta: &MetaCloud, parameters: &[(&str, &str)]) -> Answer {
    let client = [("client_id", "800100"), ("client_secret", "app secret")];
    get(meta, "/v26.0/oauth/access_token", &[&client[..], parameters].concat()).await
}

fn failure(answer: &Answer) -> (u16, i64, Value) {
    (answer.status, answer.code(), answer.json()["error"]["error_subcode"].clone())
}

fn token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

async fn debug(meta: &MetaCloud, input: &str) -> Value {
    get(meta, "/v26.0/debug_token", &[("input_token", input), ("access_token", "800100|app secret")]).await.json()["data"].clone()
}

#[tokio::test]
async fn a_code_is_good_once_and_for_thirty_seconds() {
    let meta = start();
    let code = meta.issue_code(Signup::of([ACCOUNT]));
    let issued = exchange(&meta, &[("code", &code)]).await;
    assert_eq!((issued.json()["token_type"].clone(), issued.json().get("expires_in")), (json!("bearer"), None));
    let node = Client::new().get(&format!("{}/v26.0/{NUMBER}", meta.base_url()), &token(&issued)).await;
    assert_eq!(node.status, 200, "the grant covers the account's numbers");
    let foreign = Client::new().get(&format!("{}/v26.0/100200400", meta.base_url()), &token(&issued)).await;
    assert_eq!(failure(&foreign), (400, 100, json!(33)));
    assert_eq!(failure(&exchange(&meta, &[("code", &code)]).await), (400, 100, json!(36_009)));

    let late = meta.issue_code(Signup::of([ACCOUNT]));
    meta.advance(Duration::from_secs(31));
    assert_eq!(failure(&exchange(&meta, &[("code", &late)]).await), (400, 100, json!(36_007)));
    assert_eq!(failure(&exchange(&meta, &[("code", "invented")]).await), (400, 100, json!(36_007)));
    assert_eq!(exchange(&meta, &[]).await.code(), 100);

    let redirected = meta.issue_code(Signup::of([ACCOUNT]).with_redirect_uri("https://example.org/back").lasting_60_days());
    assert_eq!(failure(&exchange(&meta, &[("code", &redirected)]).await), (400, 100, json!(36_008)));
    let issued = exchange(&meta, &[("code", &redirected), ("redirect_uri", "https://example.org/back")]).await;
    assert_eq!(issued.json()["expires_in"], 60 * 86_400);
}

#[tokio::test]
async fn the_app_must_prove_itself_also_by_post() {
    let meta = start();
    let code = meta.issue_code(Signup::of([ACCOUNT]));
    for (id, secret) in [("1", "app secret"), ("800100", "wrong")] {
        let answer = get(&meta, "/v26.0/oauth/access_token", &[("client_id", id), ("client_secret", secret), ("code", &code)]).await;
        assert!(answer.status == 400 && answer.code() != 0);
    }
    let form = format!("client_id=800100&client_secret=app+secret&code={code}");
    let request = http::Request::post(format!("{}/oauth/access_token", meta.base_url()));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(Full::from(form)).unwrap();
    token(&Client::new().send(request).await.unwrap());
    let journal = serde_json::to_string(&meta.journal().entries()).unwrap();
    for secret in [code.as_str(), "app+secret", "app secret", "wrong"] {
        assert!(!journal.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn sixty_day_tokens_are_renewed_before_they_expire_and_never_after() {
    let meta = start();
    let code = meta.issue_code(Signup::of([ACCOUNT]).lasting_60_days());
    let old = token(&exchange(&meta, &[("code", &code)]).await);
    let renewal = |old: String| {
        let meta = &meta;
        async move {
            let grant =
                [("grant_type", "fb_exchange_token"), ("set_token_expires_in_60_days", "true"), ("fb_exchange_token", old.as_str())];
            exchange(meta, &grant).await
        }
    };
    meta.advance(DAY * 48);
    let answer = renewal(old.clone()).await;
    assert_eq!(answer.json()["expires_in"], 60 * 86_400);
    let new = token(&answer);
    let node = format!("{}/v26.0/{NUMBER}", meta.base_url());
    let client = Client::new();
    for token in [&old, &new] {
        assert_eq!(client.get(&node, token).await.status, 200, "both are valid");
    }
    meta.advance(DAY * 13);
    assert_eq!(failure(&client.get(&node, &old).await), (401, 190, json!(463)));
    assert_eq!(failure(&renewal(old.clone()).await), (401, 190, json!(463)));
    assert_eq!(client.get(&node, &new).await.status, 200);
    let gone = debug(&meta, &old).await;
    assert_eq!((&gone["is_valid"], &gone["error"]["code"], &gone["error"]["subcode"]), (&json!(false), &json!(190), &json!(463)));
}

#[tokio::test]
async fn tokens_can_be_inspected_with_the_apps_token() {
    let meta = start();
    let code = meta.issue_code(Signup::of([ACCOUNT]).lasting_60_days());
    let ours = token(&exchange(&meta, &[("code", &code)]).await);
    let data = debug(&meta, &ours).await;
    assert_eq!((&data["app_id"], &data["type"], &data["is_valid"]), (&json!("800100"), &json!("SYSTEM_USER"), &json!(true)));
    assert_eq!(data["expires_at"].as_u64().unwrap() - data["issued_at"].as_u64().unwrap(), 60 * 86_400);
    assert_eq!(data["granular_scopes"][0], json!({"scope": "whatsapp_business_management", "target_ids": [ACCOUNT]}));
    assert_eq!(debug(&meta, TOKEN).await["expires_at"], 0, "never");
    assert_eq!(debug(&meta, "invented").await["is_valid"], false);

    let app = token(&exchange(&meta, &[("grant_type", "client_credentials")]).await);
    assert_eq!(get(&meta, "/debug_token", &[("input_token", &ours), ("access_token", &app)]).await.json()["data"]["is_valid"], true);
    let foreign = get(&meta, "/v26.0/debug_token", &[("input_token", &ours), ("access_token", TOKEN)]).await;
    assert_eq!((foreign.status, foreign.code()), (400, 100));
    assert_eq!(get(&meta, "/v26.0/debug_token", &[("input_token", &ours)]).await.code(), 190);
    assert_eq!(exchange(&meta, &[("grant_type", "password")]).await.code(), 100);
}

#[tokio::test]
async fn tokens_end_by_revocation_expiry_and_other_accidents() {
    let (meta, client) = (start(), Client::new());
    let node = format!("{}/v26.0/{NUMBER}", meta.base_url());
    let codes = [meta.issue_code(Signup::of([ACCOUNT])), meta.issue_code(Signup::of([ACCOUNT]))];
    let (one, two) = (token(&exchange(&meta, &[("code", &codes[0])]).await), token(&exchange(&meta, &[("code", &codes[1])]).await));
    let revoke = [("client_id", "800100"), ("client_secret", "app secret"), ("revoke_token", one.as_str()), ("access_token", two.as_str())];
    assert_eq!(get(&meta, "/v26.0/oauth/revoke", &revoke).await.json(), json!({"success": true}));
    assert_eq!(failure(&client.get(&node, &one).await), (401, 190, json!(467)));
    assert_eq!(client.get(&node, &two).await.status, 200);
    assert!(meta.invalidate_token(&two, 458));
    assert_eq!(failure(&client.get(&node, &two).await), (401, 190, json!(458)));
    assert!(meta.expire_token_in(TOKEN, DAY) && client.get(&node, TOKEN).await.status == 200);
    meta.advance(DAY);
    assert_eq!(failure(&client.message(&meta, &text()).await), (401, 190, json!(463)));
    assert!(!meta.revoke_token("invented"));

    let mortal = Number::new("100200500", ACCOUNT).with_token_life(DAY);
    let mortal_token = mortal.token().to_owned();
    meta.add_number(mortal);
    let node = format!("{}/v26.0/100200500", meta.base_url());
    assert_eq!(client.get(&node, &mortal_token).await.status, 200);
    meta.advance(DAY);
    assert_eq!(client.get(&node, &mortal_token).await.status, 401);
}

#[tokio::test]
async fn system_users_get_tokens_with_the_proof_alone() {
    let meta = start();
    let proof = meta.sign(TOKEN.as_bytes()).replace("sha256=", "");
    let mint = |path: &'static str, form: String| {
        let url = format!("{}/v26.0/{path}", meta.base_url());
        let request =
            bearer(Method::POST, &url, TOKEN).header("content-type", "application/x-www-form-urlencoded").body(form.into()).unwrap();
        async move { Client::new().send(request).await.unwrap() }
    };
    let fetched = mint("700100/system_user_access_tokens", format!("appsecret_proof={proof}&fetch_only=true")).await;
    let node = Client::new().get(&format!("{}/v26.0/{NUMBER}", meta.base_url()), &token(&fetched)).await;
    assert_eq!(node.status, 200);
    let minted =
        mint("600100/access_tokens", format!("appsecret_proof={proof}&business_app=800100&set_token_expires_in_60_days=true")).await;
    assert_eq!(minted.json()["expires_in"], 60 * 86_400);
    assert_eq!(mint("700100/system_user_access_tokens", "fetch_only=true".to_owned()).await.code(), 100);
    assert_eq!(mint("1/access_tokens", format!("appsecret_proof={proof}&business_app=800100")).await.code(), 100);
}

#[tokio::test]
async fn a_required_proof_may_carry_a_time() {
    let (meta, client) = (MetaCloud::start(settings().require_appsecret_proof()).unwrap(), Client::new());
    let seconds = meta.now_ms() / 1_000;
    let signed = |seconds: u64| meta.sign(format!("{TOKEN}|{seconds}").as_bytes()).replace("sha256=", "");
    let url = |proof: &str, time: u64| format!("{}/v26.0/{NUMBER}?appsecret_proof={proof}&appsecret_time={time}", meta.base_url());
    assert_eq!(client.get(&url(&signed(seconds), seconds), TOKEN).await.status, 200);
    assert_eq!(client.get(&url(&signed(seconds), seconds + 1), TOKEN).await.code(), 100);
    meta.advance(Duration::from_secs(301));
    assert_eq!(client.get(&url(&signed(seconds), seconds), TOKEN).await.code(), 100, "five minutes are over");
}

#[tokio::test]
async fn subscriptions_decide_who_gets_webhooks() {
    let (app, account, phone) = (Callback::start().await, Callback::start().await, Callback::start().await);
    let meta = MetaCloud::start(settings().with_callback(&app.url)).unwrap();
    let client = Client::new();
    let url = format!("{}/v26.0/{ACCOUNT}/subscribed_apps", meta.base_url());
    let call = |method: Method, body: Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = bearer(method, &url, TOKEN).header("content-type", "application/json").body(body.into()).unwrap();
        let client = &client;
        async move { client.send(request).await.unwrap() }
    };
    let hello = || meta.send_inbound(NUMBER, Inbound::text("15551230001", "Hi"));
    let listed = call(Method::GET, Value::Null).await.json();
    assert_eq!(listed["data"][0]["whatsapp_business_api_data"]["id"], "800100");
    assert!(hello().await.is_delivered() && app.seen().len() == 1);

    assert_eq!(call(Method::DELETE, Value::Null).await.json(), json!({"success": true}));
    assert_eq!(call(Method::GET, Value::Null).await.json(), json!({"data": []}));
    assert_eq!(hello().await.attempts, 0, "nobody is subscribed");
    let replaced = json!({"override_callback_uri": account.url, "verify_token": "v"});
    let early = call(Method::POST, replaced.clone()).await;
    assert!(early.code() == 100 && early.json()["error"]["error_data"]["details"].as_str().unwrap().starts_with("Before override"));
    assert_eq!(call(Method::POST, Value::Null).await.json(), json!({"success": true}));
    assert_eq!(call(Method::POST, json!({"override_callback_uri": account.url})).await.code(), 100, "without a verify token");
    assert_eq!(
        call(Method::POST, json!({"override_callback_uri": format!("https://e.org/{}", "x".repeat(200)), "verify_token": "v"}))
            .await
            .code(),
        100
    );
    assert_eq!(call(Method::POST, replaced).await.status, 200);
    assert_eq!(call(Method::GET, Value::Null).await.json()["data"][0]["override_callback_uri"], account.url.as_str());
    assert!(hello().await.is_delivered() && account.seen().len() == 1 && app.seen().len() == 1);

    let node = format!("{}/v26.0/{NUMBER}", meta.base_url());
    let own = json!({"webhook_configuration": {"override_callback_uri": phone.url, "verify_token": "v"}});
    assert_eq!(client.send(post(&node, TOKEN, &own)).await.unwrap().json(), json!({"success": true}));
    let read = client.get(&format!("{node}?fields=webhook_configuration"), TOKEN).await.json()["webhook_configuration"].clone();
    assert_eq!(read, json!({"phone_number": phone.url, "whatsapp_business_account": account.url, "application": app.url}));
    assert!(hello().await.is_delivered() && phone.seen().len() == 1);
    meta.send_field(NUMBER, "account_update", json!({"event": "X"})).await;
    assert_eq!(account.seen().len(), 2, "the number's callback is for messages only");
    assert!(meta.send_inbound("100200400", Inbound::text("1555", "Hi")).await.is_delivered());
    assert_eq!(app.seen().len(), 2, "other accounts stay with the app");

    let clear = json!({"webhook_configuration": {"override_callback_uri": ""}});
    assert_eq!(client.send(post(&node, TOKEN, &clear)).await.unwrap().status, 200);
    assert_eq!(call(Method::POST, json!({})).await.status, 200, "an empty POST clears the account's");
    assert!(hello().await.is_delivered() && app.seen().len() == 3);
    let foreign = client.get(&url, "sandbox-token-100200400").await;
    assert_eq!(failure(&foreign), (400, 100, json!(33)));
}

#[tokio::test]
async fn the_app_sets_its_callback_with_its_own_token() {
    let (meta, callback) = (start(), Callback::start().await);
    let url = format!("{}/v26.0/800100/subscriptions", meta.base_url());
    let form = format!("object=whatsapp_business_account&callback_url={}&verify_token=v&fields=messages", callback.url.replace(':', "%3A"));
    let subscribe = |token: &str| {
        let request = bearer(Method::POST, &url, token).header("content-type", "application/x-www-form-urlencoded");
        let request = request.body(form.clone().into()).unwrap();
        async move { Client::new().send(request).await.unwrap() }
    };
    assert_eq!(subscribe(TOKEN).await.status, 400);
    assert_eq!(subscribe("800100|app secret").await.json(), json!({"success": true}));
    assert!(meta.send_inbound(NUMBER, Inbound::text("1555", "Hi")).await.is_delivered());
    assert_eq!(Client::new().get(&url, "800100|app secret").await.json()["data"][0]["callback_url"], callback.url.as_str());
}

struct Fresh {
    meta: MetaCloud,
    client: Client,
}

impl Fresh {
    fn start(number: Number) -> Self {
        Self { meta: MetaCloud::start(Settings::new().with_number(number)).unwrap(), client: Client::new() }
    }

    async fn post(&self, edge: &str, body: Value) -> Answer {
        let url = format!("{}/v26.0/{NUMBER}{edge}", self.meta.base_url());
        self.client.send(post(&url, TOKEN, &body)).await.unwrap()
    }

    async fn register(&self, pin: &str) -> Answer {
        self.post("/register", json!({"messaging_product": "whatsapp", "pin": pin})).await
    }
}

#[tokio::test]
async fn a_new_number_is_verified_and_registered_before_it_sends() {
    let fresh = Fresh::start(Number::new(NUMBER, ACCOUNT).fresh());
    assert_eq!(fresh.client.message(&fresh.meta, &text()).await.code(), 133_010);
    assert_eq!(fresh.register("123456").await.code(), 133_006);
    assert_eq!(fresh.post("/request_code", json!({"code_method": "SMOKE", "language": "en"})).await.code(), 131_009);
    assert_eq!(fresh.post("/request_code", json!({"code_method": "SMS", "language": "en_US"})).await.json(), json!({"success": true}));
    assert_eq!(fresh.post("/verify_code", json!({"code": "wrong"})).await.code(), 136_025);
    let code = fresh.meta.verification_code(NUMBER).unwrap();
    assert_eq!(fresh.post("/verify_code", json!({"code": code})).await.json(), json!({"success": true}));
    assert_eq!(fresh.post("/request_code", json!({"code_method": "SMS", "language": "en_US"})).await.code(), 136_024);
    let storage = json!({"storage_configuration": {"status": "IN_COUNTRY_STORAGE_ENABLED", "data_localization_region": "BR"}});
    assert_eq!(fresh.post("/settings", storage.clone()).await.status, 200);
    for bad in ["12345", "12345a", ""] {
        assert_eq!(fresh.register(bad).await.code(), 131_009, "{bad}");
    }
    assert_eq!(fresh.register("123456").await.json(), json!({"success": true}));
    assert_eq!(fresh.post("/settings", storage).await.code(), 100, "storage is chosen before");
    assert_eq!(fresh.client.message(&fresh.meta, &text()).await.status, 200);
    let node = fresh.client.get(&format!("{}/v26.0/{NUMBER}?fields=status,platform_type", fresh.meta.base_url()), TOKEN).await.json();
    assert_eq!((&node["status"], &node["platform_type"]), (&json!("CONNECTED"), &json!("CLOUD_API")));

    assert_eq!(fresh.register("654321").await.code(), 133_005, "the PIN is set now");
    assert_eq!(fresh.post("", json!({"pin": "654321"})).await.json(), json!({"success": true}));
    assert_eq!(fresh.register("654321").await.status, 200);
    assert_eq!(fresh.post("/deregister", json!({})).await.json(), json!({"success": true}));
    assert_eq!(fresh.client.message(&fresh.meta, &text()).await.code(), 133_010);
}

#[tokio::test]
async fn registrations_are_limited_to_ten_in_72_hours_and_guesses_to_five() {
    let fresh = Fresh::start(Number::new(NUMBER, ACCOUNT));
    for _ in 0..10 {
        assert_eq!(fresh.register("123456").await.status, 200);
    }
    assert_eq!(fresh.register("123456").await.code(), 133_016);
    assert_eq!(fresh.post("/deregister", json!({})).await.code(), 133_016);
    fresh.meta.advance(DAY * 3);
    for _ in 0..5 {
        assert_eq!(fresh.register("000000").await.code(), 133_005);
    }
    assert_eq!(fresh.register("123456").await.code(), 133_008);
}

#[tokio::test]
async fn a_coexisting_number_synchronises_once_within_a_day() {
    let callback = Callback::start().await;
    let fresh = Fresh::start(Number::new(NUMBER, ACCOUNT).coexisting());
    fresh.meta.set_callback(&callback.url);
    let sync = |kind: &str| fresh.post("/smb_app_data", json!({"messaging_product": "whatsapp", "sync_type": kind}));
    let first = sync("smb_app_state_sync").await.json();
    assert!(first["request_id"].is_string() && first["messaging_product"] == "whatsapp");
    assert_eq!(sync("smb_app_state_sync").await.code(), 2_593_107);
    assert_eq!(sync("everything").await.code(), 131_009);
    assert!(sync("history").await.status == 200);
    fresh.meta.settle().await;
    let fields: Vec<_> = callback.seen().iter().map(|seen| seen.json()["entry"][0]["changes"][0]["field"].clone()).collect();
    assert_eq!(fields, ["smb_app_state_sync", "history"]);
    assert_eq!(callback.seen()[1].value()["metadata"]["phone_number_id"], NUMBER);
    fresh.meta.reset();
    fresh.meta.advance(DAY + Duration::from_secs(1));
    assert_eq!(sync("history").await.code(), 2_593_108);
    let plain = Fresh::start(Number::new(NUMBER, ACCOUNT));
    assert_eq!(plain.post("/smb_app_data", json!({"messaging_product": "whatsapp", "sync_type": "history"})).await.code(), 100);
}

#[tokio::test]
async fn numbers_are_listed_in_pages() {
    let mut settings = Settings::new();
    for n in 0..7 {
        settings = settings.with_number(Number::new(format!("10{n}"), ACCOUNT).with_token("shared"));
    }
    let (meta, client) = (MetaCloud::start(settings).unwrap(), Client::new());
    let (mut url, mut seen) = (format!("{}/v26.0/{ACCOUNT}/phone_numbers?limit=3&fields=id,status", meta.base_url()), Vec::new());
    for expected in [3, 3, 1] {
        let page = client.get(&url, "shared").await.json();
        let data = page["data"].as_array().unwrap().clone();
        assert_eq!(data.len(), expected);
        assert!(data[0].get("verified_name").is_none() && data[0]["status"] == "CONNECTED");
        seen.extend(data.into_iter().map(|number| number["id"].as_str().unwrap().to_owned()));
        url = page["paging"]["next"].as_str().unwrap_or_default().to_owned();
    }
    assert!(url.is_empty());
    assert_eq!(seen, (0..7).map(|n| format!("10{n}")).collect::<Vec<_>>());
    assert_eq!(client.get(&format!("{}/v26.0/{ACCOUNT}/phone_numbers?after=broken", meta.base_url()), "shared").await.code(), 131_059);
}
