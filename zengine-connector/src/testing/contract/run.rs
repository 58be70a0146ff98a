//! Runs single cases.

use std::{panic, panic::AssertUnwindSafe, sync::Arc};

use super::{
    Fixture, Need, Skipped,
    case::{Case, CaseResult},
    cases::CASES,
    host::{TestHost, panic_text},
    kit::{Kit, SharedKit, TENANTS},
    sessions::calls,
};

/// The verdict of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The strategy keeps the case.
    Passed,
    /// The case did not run, for this reason.
    Skipped(String),
    /// The strategy breaks the case, with the panic's message.
    Failed(String),
}

/// The names of all cases, in the order of the list.
pub fn case_names() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|case| case.name)
}

/// Runs one case and returns the verdict, for tests of the kit itself and of deliberately broken strategies.
///
/// # Panics
/// Panics if there is no case of that name.
pub fn verdict<F: Fixture>(case: &str) -> Verdict {
    let run = panic::catch_unwind(AssertUnwindSafe(|| ended::<F>(find(case))));
    match run {
        Ok(Ok(())) => Verdict::Passed,
        Ok(Err(Skipped(why))) => Verdict::Skipped(why),
        Err(panic) => Verdict::Failed(panic_text(&*panic)),
    }
}

/// Runs one case as a test: prints the reason if it is skipped, panics if the strategy breaks it.
#[allow(clippy::print_stdout, reason = "a test prints why it is skipped")]
pub fn run<F: Fixture>(case: &str) {
    if let Err(Skipped(why)) = ended::<F>(find(case)) {
        println!("skipped: {why}");
    }
}

/// Lists the skipped cases of a fixture.
///
/// # Panics
/// Panics if a half that the strategy declares is not tested at all, or if an exception names no case.
#[allow(clippy::print_stdout, reason = "a test prints what is not tested")]
pub fn run_skips<F: Fixture>() {
    let kit = Arc::new(Kit::of::<F>());
    simulate(observe(&kit));
    let mut skipped = 0;
    for case in CASES {
        if let Some(Skipped(why)) = unmet(&kit, case) {
            println!("{}::{} skipped: {why}", case.family, case.name);
            skipped += 1;
        }
    }
    println!("{}: {} of {} cases run", kit.name, CASES.len() - skipped, CASES.len());
    for (name, _) in kit.exceptions {
        assert!(CASES.iter().any(|case| case.name == *name), "the exception {name} names no case");
    }
    let direction = kit.descriptor.direction;
    for (declared, half, need) in [(direction.outbound, "outbound", Need::Outbound), (direction.inbound, "inbound", Need::Inbound)] {
        let tested = CASES.iter().any(|case| case.needs.contains(&need) && unmet(&kit, case).is_none());
        assert!(!declared || tested, "the strategy declares the {half} half, and no case tests it: write Fixture::{half}");
    }
}

fn find(name: &str) -> &'static Case {
    CASES.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("the contract has no case {name}"))
}

/// The reason to skip a case, if any.
fn unmet(kit: &Kit, case: &Case) -> Option<Skipped> {
    if let Some((_, why)) = kit.exceptions.iter().find(|(name, _)| *name == case.name) {
        return Some(Skipped(format!("an exception: {why}")));
    }
    case.needs.iter().find(|need| !need.is_met(kit)).map(|need| Skipped::needs(need.as_str()))
}

fn ended<F: Fixture>(case: &Case) -> CaseResult {
    let kit = Arc::new(Kit::of::<F>());
    let capture = kit.logs.listen();
    let done = simulate(async {
        observe(&kit).await;
        match unmet(&kit, case) {
            Some(skipped) => Err(skipped),
            None => (case.run)(&kit).await,
        }
    });
    drop(capture);
    // Whatever the case, the logs hold nothing secret or personal.
    for line in kit.logs.lines() {
        kit.assert_clean("a log line", &line);
    }
    done
}

/// Runs a future on simulated time.
fn simulate<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(work)
}

/// Observes which call sends, what precedes it and whether a health check calls the provider, in successful attempts.
async fn observe(kit: &SharedKit) {
    if !Need::Provider.is_met(kit) {
        return;
    }
    for tenant in 0..TENANTS {
        let host = TestHost::new(kit);
        if host.bind(tenant).await.is_ok()
            && let Ok(receipt) = host.attempt(tenant, 0).await
        {
            kit.observe(tenant, &host.wire.recorded(), &receipt);
        }
    }
    let (host, sessions) = TestHost::with_sessions(kit);
    if host.bind(0).await.is_ok() && host.attempt(0, 0).await.is_ok() {
        kit.observe_sessions(calls(&sessions));
    }
    for message in &kit.outbound().more {
        let host = TestHost::new(kit);
        if host.send_json(0, message, "observe", |options| options).await.is_ok() {
            kit.observe_before(&host.wire.recorded());
        }
    }
    for tenant in 0..TENANTS {
        let host = TestHost::new(kit);
        if let Ok(bound) = host.bind(tenant).await
            && let Some(half) = host.orchestrator.engine.registry.entry(kit.name.as_str()).ok().and_then(|entry| entry.sends().ok())
        {
            kit.observe_table(tenant, half.capabilities(&bound.state).unwrap_or(kit.descriptor.capabilities));
            kit.observe_idempotency(host.idempotency(half.as_ref(), &bound.state));
        }
    }
    let host = TestHost::new(kit);
    let _ = host.orchestrator.health(&TestHost::id(0), kit.name.as_str()).await;
    kit.observe_health(host.wire.calls() > 0);
}
