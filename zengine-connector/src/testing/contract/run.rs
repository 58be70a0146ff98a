//! Running one case.

use std::{any::Any, panic, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use super::{
    Fixture, Need, Skipped,
    cases::CASES,
    kit::{Kit, Shared, TENANTS},
    world::World,
};

/// What a case ends in: nothing, or the reason why it did not run. What is not as promised panics.
pub(crate) type Done = Result<(), Skipped>;

/// One case of the list.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) family: &'static str,
    pub(crate) needs: &'static [Need],
    pub(crate) run: for<'a> fn(&'a Shared) -> Pin<Box<dyn Future<Output = Done> + 'a>>,
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As promised.
    Passed,
    /// It did not run, and why.
    Skipped(String),
    /// Something is not as promised, and what.
    Failed(String),
}

/// The names of all cases, in the order of the list.
pub fn case_names() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|case| case.name)
}

/// Runs one case and says how it ended, for tests of the kit itself and of deliberately broken strategies.
///
/// # Panics
/// Where there is no case of that name.
pub fn verdict<F: Fixture>(case: &str) -> Verdict {
    let run = panic::catch_unwind(AssertUnwindSafe(|| ended::<F>(find(case))));
    match run {
        Ok(Ok(())) => Verdict::Passed,
        Ok(Err(Skipped(why))) => Verdict::Skipped(why),
        Err(said) => Verdict::Failed(panic_text(&*said)),
    }
}

/// Runs one case as a test: prints why it is skipped, panics where something is not as promised.
#[allow(clippy::print_stdout, reason = "a test tells why it does nothing")]
pub fn run<F: Fixture>(case: &str) {
    if let Err(Skipped(why)) = ended::<F>(find(case)) {
        println!("skipped: {why}");
    }
}

/// Lists who skips what; fails where a half that the strategy declares is not tested at all.
///
/// # Panics
/// Where it is not, or where an exception names no case.
#[allow(clippy::print_stdout, reason = "a test tells what is not tested")]
pub fn run_skips<F: Fixture>() {
    let kit = Arc::new(Kit::of::<F>());
    simulate(learn(&kit));
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

/// Why a case does not run, if it does not.
fn unmet(kit: &Kit, case: &Case) -> Option<Skipped> {
    if let Some((_, why)) = kit.exceptions.iter().find(|(name, _)| *name == case.name) {
        return Some(Skipped(format!("an exception: {why}")));
    }
    case.needs.iter().find(|need| !need.is_met(kit)).map(|need| Skipped::needs(need.as_str()))
}

fn ended<F: Fixture>(case: &Case) -> Done {
    let kit = Arc::new(Kit::of::<F>());
    let listening = kit.logs.listen();
    let done = simulate(async {
        learn(&kit).await;
        match unmet(&kit, case) {
            Some(skipped) => Err(skipped),
            None => (case.run)(&kit).await,
        }
    });
    drop(listening);
    // Whatever a case is about, nobody's data stands in the logs.
    for line in kit.logs.lines() {
        kit.assert_clean("a log line", &line);
    }
    done
}

/// Runs on simulated time.
fn simulate<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(work)
}

/// Finds out which call sends, what comes before it and whether a health check asks, from attempts that succeed.
async fn learn(kit: &Shared) {
    if !Need::Provider.is_met(kit) {
        return;
    }
    for tenant in 0..TENANTS {
        let world = World::new(kit);
        if let Ok(receipt) = world.attempt(tenant, 0).await {
            kit.learn(tenant, &world.wire.made(), &receipt);
        }
    }
    for message in &kit.outbound().more {
        let world = World::new(kit);
        if world.send_json(0, message, "learn", |options| options).await.is_ok() {
            kit.learn_before(&world.wire.made());
        }
    }
    let world = World::new(kit);
    let _ = world.orchestrator.health(&World::id(0), kit.name.as_str()).await;
    kit.learn_health(world.wire.calls() > 0);
}

/// What somebody who panicked said.
pub(crate) fn panic_text(said: &(dyn Any + Send)) -> String {
    let text = said.downcast_ref::<String>().map(String::as_str).or_else(|| said.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}
