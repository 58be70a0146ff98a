//! The peers of the pipeline's rows, each around the same call that does nothing.

use std::{
    cell::Cell,
    convert::Infallible,
    future::{Future as _, poll_fn, ready},
    hint::black_box,
    pin::pin,
    task::Poll,
    time::Duration,
};

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable as _};
use failsafe::futures::CircuitBreaker as _;
use recloser::{AsyncRecloser, Recloser};
use tokio::runtime::Runtime;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt as _, service_fn, util::BoxCloneService};
use tower_resilience::{
    bulkhead::BulkheadLayer, circuitbreaker::CircuitBreakerLayer, ratelimiter::RateLimiterLayer, retry::RetryLayer,
    timelimiter::TimeLimiterLayer,
};

use crate::harness::{Case, Sample, measured};

/// The peers by name, each with a way to make it.
pub(crate) const PEERS: &[(&str, fn() -> Case<'static>)] = &[
    (NATIVE, native),
    ("async-trait, boxed", boxed),
    ("tower: limit + retry + timeout", tower),
    (RESILIENCE, resilience),
    ("tower-resilience: bulkhead + rate + breaker + retry + time limit", resilience_all),
    ("failsafe: breaker", failsafe_breaker),
    ("recloser: breaker", recloser_breaker),
    ("backon: retry", backon_retry),
];

/// The least that an async call costs.
pub(crate) const NATIVE: &str = "native async fn";
/// The peer that does most of what the pipeline does.
pub(crate) const RESILIENCE: &str = "tower-resilience: breaker + retry + time limit";

async fn call(request: u32) -> Result<u32, Infallible> {
    ready(Ok(black_box(request))).await
}

#[allow(clippy::expect_used, reason = "a runtime without I/O")]
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// Calls a service that is ready, cloned for each call, as a handler that serves many does.
fn service<S>(service: S) -> Case<'static>
where
    S: Service<u32, Response = u32> + Clone + 'static,
    S::Error: std::fmt::Debug,
{
    let runtime = runtime();
    Case::many(move |n| runtime.block_on(measured_async(n, async |i| service.clone().oneshot(i).await.is_ok())))
}

/// [`measured`] for calls that are awaited; the executor stays outside.
pub(crate) async fn measured_async(n: u32, call: impl AsyncFn(u32) -> bool) -> Sample {
    let done = Cell::new(0);
    // One poll is the whole loop, or most of it, and can stand inside a closure.
    let mut all = pin!(async {
        for i in 0..n {
            done.set(done.get() + u32::from(call(i).await));
        }
    });
    // Where a timer is armed, tokio makes even a ready call wait for its turn now and then; that counts too.
    let mut total = Sample::default();
    poll_fn(|cx| {
        let mut polled = Poll::Pending;
        total += measured(|| polled = all.as_mut().poll(cx));
        polled
    })
    .await;
    assert_eq!(done.get(), n, "a call failed, so its time would mean nothing");
    total
}

fn native() -> Case<'static> {
    let runtime = runtime();
    Case::many(move |n| runtime.block_on(measured_async(n, async |i| black_box(call(i).await).is_ok())))
}

#[async_trait]
trait Port: Send + Sync {
    async fn call(&self, request: u32) -> Result<u32, Infallible>;
}

struct Direct;

#[async_trait]
impl Port for Direct {
    async fn call(&self, request: u32) -> Result<u32, Infallible> {
        call(request).await
    }
}

fn boxed() -> Case<'static> {
    let (runtime, port): (_, Box<dyn Port>) = (runtime(), Box::new(Direct));
    Case::many(move |n| runtime.block_on(measured_async(n, async |i| black_box(port.call(i).await).is_ok())))
}

/// Retries nothing, since nothing fails; it clones the request all the same.
#[derive(Clone)]
struct Never;

impl tower::retry::Policy<u32, u32, BoxError> for Never {
    type Future = std::future::Ready<()>;

    fn retry(&mut self, _: &mut u32, result: &mut Result<u32, BoxError>) -> Option<Self::Future> {
        result.is_err().then(|| ready(()))
    }

    fn clone_request(&mut self, request: &u32) -> Option<u32> {
        Some(*request)
    }
}

fn tower() -> Case<'static> {
    let _guard = runtime().enter();
    let stack = ServiceBuilder::new()
        .concurrency_limit(1_000)
        .retry(Never)
        .timeout(Duration::from_secs(30))
        .service(service_fn(|request| async move { call(request).await.map_err(BoxError::from) }));
    service(BoxCloneService::new(stack))
}

/// Never made; a retry wants an error that can be cloned.
#[derive(Clone, Debug)]
struct Failed;

async fn may_fail(request: u32) -> Result<u32, Failed> {
    call(request).await.map_err(|_| Failed)
}

fn resilience() -> Case<'static> {
    let stack = ServiceBuilder::new()
        .layer(TimeLimiterLayer::builder().timeout_duration(Duration::from_secs(30)).build())
        .layer(CircuitBreakerLayer::builder().sliding_window_size(100).build())
        .layer(RetryLayer::<u32, u32, Failed>::builder().max_attempts(3).exponential_backoff(Duration::from_millis(100)).build())
        .service(service_fn(may_fail));
    service(stack)
}

fn resilience_all() -> Case<'static> {
    let stack = ServiceBuilder::new()
        .layer(BulkheadLayer::builder().max_concurrent_calls(1_000).build())
        .layer(RateLimiterLayer::builder().limit_for_period(1_000_000_000).refresh_period(Duration::from_secs(1)).build())
        .layer(TimeLimiterLayer::builder().timeout_duration(Duration::from_secs(30)).build())
        .layer(CircuitBreakerLayer::builder().sliding_window_size(100).build())
        .layer(RetryLayer::<u32, u32, Failed>::builder().max_attempts(3).exponential_backoff(Duration::from_millis(100)).build())
        .service(service_fn(may_fail));
    service(stack)
}

fn failsafe_breaker() -> Case<'static> {
    let (runtime, breaker) = (runtime(), failsafe::Config::new().build());
    Case::many(move |n| runtime.block_on(measured_async(n, async |i| breaker.call(may_fail(i)).await.is_ok())))
}

fn recloser_breaker() -> Case<'static> {
    let (runtime, breaker) = (runtime(), AsyncRecloser::from(Recloser::default()));
    Case::many(move |n| runtime.block_on(measured_async(n, async |i| breaker.call(may_fail(i)).await.is_ok())))
}

fn backon_retry() -> Case<'static> {
    let runtime = runtime();
    Case::many(move |n| runtime.block_on(measured_async(n, async |i| (|| may_fail(i)).retry(ExponentialBuilder::default()).await.is_ok())))
}
