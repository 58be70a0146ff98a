//! The limiter against models: a bucket of tokens, and a record of every call.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{
    pauses::{LONGEST_PAUSE, LONGEST_SHARED_PAUSE},
    turns::{MAX_WAITING_OF_ONE, NO_ROOM},
    *,
};
use crate::error::Scope;

const LONGEST: Duration = Duration::from_secs(5);
const MS: fn(u64) -> Duration = Duration::from_millis;

fn limits() -> Limits {
    Limits::default()
}

fn limiter() -> Limiter {
    Limiter::new(&limits(), SharedScopes::new(&limits()))
}

fn scopes(declare: impl FnOnce(&mut Scopes)) -> Scopes {
    let mut scopes = Scopes::default();
    declare(&mut scopes);
    scopes
}

fn sender(rate: Rate) -> Scopes {
    scopes(|scopes| {
        scopes.sender("+15550001111", rate);
    })
}

/// Makes the call if it may go now.
fn made(turn: LimiterAnswer<'_>) -> bool {
    match turn {
        LimiterAnswer::Now(tokens) => {
            if let Some(tokens) = tokens {
                tokens.use_up();
            }
            true
        }
        _ => false,
    }
}

fn refusal(turn: &LimiterAnswer<'_>) -> Refusal {
    match turn {
        LimiterAnswer::Refused(refusal) => *refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// The textbook's bucket of tokens, in nanoseconds of refilling: another formulation of the same promise.
struct TokenBucket {
    level: u64,
    full: u64,
    cost: u64,
    at: Duration,
}

impl TokenBucket {
    fn new(cost: u64, burst: u32) -> Self {
        let full = cost * u64::from(burst);
        Self { level: full, full, cost, at: Duration::ZERO }
    }

    fn passes(&mut self, now: Duration) -> bool {
        self.level = self.full.min(self.level + nanos(now.saturating_sub(self.at)));
        self.at = now;
        let passes = self.level >= self.cost;
        if passes {
            self.level -= self.cost;
        }
        passes
    }
}

proptest! {
    /// Without waiting, each decision is that of a bucket of tokens.
    #[test]
    fn every_decision_is_that_of_a_bucket_of_tokens(
        micros in 1_u64..5_000, burst in 1_u32..20, arrivals in prop::collection::vec(0_u64..8_000, 1..200),
    ) {
        let (limiter, rate) = (limiter(), Rate::per(1000, Duration::from_micros(micros * 1000)).burst(burst));
        let (mut bucket, mut now) = (TokenBucket::new(micros * 1000, burst), Duration::ZERO);
        for gap in arrivals {
            now += Duration::from_micros(gap);
            let passes = made(limiter.enter(&sender(rate), now, Duration::ZERO, false));
            prop_assert_eq!(passes, bucket.passes(now), "at {:?}", now);
        }
    }
}

/// One event of a random history: after a gap a call arrives, or a waiting one is dropped.
#[derive(Clone, Debug)]
struct Arrival {
    gap_ms: u64,
    sender: u8,
    recipient: u8,
    drop: bool,
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let arrival = (0_u64..400, 0_u8..2, 0_u8..4, prop::bool::weighted(0.2)).prop_map(|(gap_ms, sender, recipient, drop)| Arrival {
        gap_ms,
        sender,
        recipient,
        drop,
    });
    prop::collection::vec(arrival, 1..150)
}

/// The rates of the history, with the name of each scope in the model.
fn rates(arrival: &Arrival) -> [(String, Rate); 3] {
    [
        ("account".into(), Rate::per(10, Duration::from_secs(1)).burst(6)),
        (format!("sender {}", arrival.sender), Rate::per(4, Duration::from_secs(1)).burst(3)),
        (format!("recipient {}", arrival.recipient), Rate::per(1, Duration::from_secs(2)).burst(2)),
    ]
}

proptest! {
    /// Whatever arrives and is dropped: no scope ever sees more than its burst and its rate allow, between any two calls; nobody waits longer
    /// than allowed, and who is refused would have.
    #[test]
    fn no_window_holds_more_than_burst_and_rate(history in arrivals()) {
        let limiter = limiter();
        let mut calls: HashMap<String, (Rate, Vec<Duration>)> = HashMap::new();
        let mut waiting: Vec<(Duration, Box<Reservation<'_>>, Arrival)> = Vec::new();
        let mut open: Vec<(Duration, Box<Reservation<'_>>)> = Vec::new();
        let mut now = Duration::from_secs(100);
        let made = |arrival: &Arrival, at: Duration, calls: &mut HashMap<String, (Rate, Vec<Duration>)>| {
            for (name, rate) in rates(arrival) {
                calls.entry(name).or_insert_with(|| (rate, vec![])).1.push(at);
            }
        };
        for arrival in history {
            now += MS(arrival.gap_ms);
            open.retain(|(until, _)| *until > now);
            while let Some(due) = waiting.iter().position(|(at, ..)| *at <= now) {
                let (at, reservation, due) = waiting.swap_remove(due);
                reservation.use_up();
                made(&due, at, &mut calls);
            }
            if arrival.drop && !waiting.is_empty() {
                drop(waiting.swap_remove(usize::from(arrival.recipient) % waiting.len()));
                continue;
            }
            let [account, sender, recipient] = rates(&arrival);
            let scopes = scopes(|scopes| {
                scopes.account(account.1).sender(&sender.0, sender.1).recipient(&recipient.0, recipient.1);
            });
            match limiter.enter(&scopes, now, LONGEST, false) {
                // A call that came is not always made: a later stage refuses it, now or a while later.
                LimiterAnswer::Now(Some(tokens)) if arrival.drop => open.push((now + MS(arrival.gap_ms * 7), tokens)),
                LimiterAnswer::Now(Some(tokens)) => {
                    tokens.use_up();
                    made(&arrival, now, &mut calls);
                }
                LimiterAnswer::Now(None) => prop_assert!(false, "it has rates"),
                LimiterAnswer::In(wait, reservation) => {
                    prop_assert!(wait > Duration::ZERO && wait <= LONGEST);
                    waiting.push((now + wait, reservation, arrival));
                }
                LimiterAnswer::Refused(refusal) => prop_assert!(refusal.wait > LONGEST && !refusal.paused),
            }
        }
        for (at, reservation, arrival) in waiting {
            reservation.use_up();
            made(&arrival, at, &mut calls);
        }
        for (name, (rate, mut times)) in calls {
            times.sort();
            for (first, from) in times.iter().enumerate() {
                for (last, to) in times.iter().enumerate().skip(first) {
                    let refilled = nanos(to.saturating_sub(*from)) / rate.interval();
                    let most = u64::from(u32::try_from(rate.tolerance() / rate.interval()).unwrap()) + 1 + refilled;
                    prop_assert!(((last - first + 1) as u64) <= most, "{name}: {} calls from {from:?} to {to:?}", last - first + 1);
                }
            }
        }
    }
}

#[test]
fn calls_of_one_scope_go_in_the_order_in_which_they_came() {
    let (limiter, now) = (limiter(), Duration::from_secs(10));
    let mut turns = vec![];
    for _ in 0..20 {
        match limiter.enter(&sender(Rate::per_second(10)), now, LONGEST, false) {
            LimiterAnswer::Now(tokens) => {
                tokens.unwrap().use_up();
                turns.push(Duration::ZERO);
            }
            LimiterAnswer::In(wait, reservation) => {
                turns.push(wait);
                reservation.use_up();
            }
            LimiterAnswer::Refused(refusal) => panic!("{refusal:?}"),
        }
    }
    assert_eq!(turns, (0..20).map(|n| MS(100 * n)).collect::<Vec<_>>());
}

#[test]
fn a_call_that_waits_for_its_recipient_holds_no_other_back() {
    let (limiter, now) = (limiter(), Duration::from_secs(10));
    let to = |recipient: &str| {
        scopes(|scopes| {
            scopes.account(Rate::per_second(10).burst(2)).recipient(recipient, Rate::per(1, Duration::from_secs(4)));
        })
    };
    assert!(made(limiter.enter(&to("a"), now, LONGEST, false)));
    let waits = limiter.enter(&to("a"), now, LONGEST, false);
    assert!(matches!(waits, LimiterAnswer::In(time, _) if time == Duration::from_secs(4)));
    assert!(made(limiter.enter(&to("b"), now, LONGEST, false)), "the account's second token is free");
    // At its own turn the waiting call has its token of the account: of two further ones, one waits.
    let later = now + MS(3_990);
    assert!(made(limiter.enter(&to("c"), later, Duration::ZERO, false)));
    assert!(matches!(limiter.enter(&to("d"), later, Duration::ZERO, false), LimiterAnswer::Refused(_)));
}

#[test]
fn a_refused_call_takes_no_token_of_any_scope() {
    let (limiter, now) = (limiter(), Duration::from_secs(10));
    let both = scopes(|scopes| {
        scopes.account(Rate::per_second(1).burst(3)).recipient("a", Rate::per_hour(1));
    });
    assert!(made(limiter.enter(&both, now, LONGEST, false)));
    for _ in 0..10 {
        let refused = refusal(&limiter.enter(&both, now, LONGEST, false));
        assert_eq!((refused.scope, refused.paused, refused.wait), (Scope::Recipient, false, Duration::from_secs(3600)));
    }
    let account = scopes(|scopes| {
        scopes.account(Rate::per_second(1).burst(3));
    });
    assert_eq!((0..5).filter(|_| made(limiter.enter(&account, now, Duration::ZERO, false))).count(), 2);
}

#[test]
fn a_dropped_call_gives_its_turn_back() {
    let (limiter, now, rate) = (limiter(), Duration::from_secs(10), Rate::per_second(1));
    assert!(made(limiter.enter(&sender(rate), now, LONGEST, false)));
    for _ in 0..100 {
        let LimiterAnswer::In(wait, reservation) = limiter.enter(&sender(rate), now, LONGEST, false) else { panic!("it waits") };
        assert_eq!(wait, Duration::from_secs(1));
        drop(reservation);
    }
    assert!(limiter.is_idle(now + Duration::from_secs(1)), "nothing is left of them");
}

/// The bulkhead, the breaker, a store or the caller may end a call between its turn and the provider.
#[test]
fn a_call_that_came_and_is_not_made_gives_its_token_back_also_after_others() {
    let (limiter, now, rate) = (limiter(), Duration::from_secs(10), Rate::per_hour(1).burst(3));
    let enter = |after: u64| limiter.enter(&sender(rate), now + MS(after), Duration::ZERO, false);
    for _ in 0..100 {
        assert!(matches!(enter(0), LimiterAnswer::Now(Some(_))), "dropped at once");
    }
    let LimiterAnswer::Now(Some(first)) = enter(0) else { panic!("it has a token") };
    assert!(made(enter(100)) && made(enter(200)) && !made(enter(300)));
    drop(first);
    assert!(made(enter(400)) && !made(enter(500)), "one came back and no more");
    // It takes as long as if the one that was given back had never come.
    let hour = 3_600_000;
    assert!(!made(enter(hour + 99)) && made(enter(hour + 100)) && !made(enter(2 * hour + 99)) && made(enter(2 * hour + 100)));
}

#[test]
fn very_many_calls_under_way_keep_no_list_of_them() {
    let (limiter, now) = (limiter(), Duration::from_secs(10));
    let rate = Rate::per_second(1).burst(10_000);
    let open: Vec<_> = (0..9_000).map(|_| limiter.enter(&sender(rate), now, Duration::ZERO, false)).collect();
    assert!(limiter.own.lock().iter().all(|bucket| bucket.given() <= 65));
    drop(open);
    assert!((0..10_000).filter(|_| made(limiter.enter(&sender(rate), now, Duration::ZERO, false))).count() >= 1_000);
    assert!(limiter.own.lock().iter().all(|bucket| bucket.given() <= 65));
}

/// A bucket of its own that is idle is forgotten by the look for room, and needs a new place.
#[test]
fn a_call_never_passes_uncounted_where_its_own_idle_bucket_made_the_room() {
    let limits = Limits { max_scopes: 16, ..limits() };
    let limiter = Limiter::new(&limits, SharedScopes::new(&limits));
    let to = |names: &[String]| {
        scopes(|scopes| {
            for name in names {
                scopes.recipient(name, Rate::per(1, Duration::from_secs(6)));
            }
        })
    };
    let name = |n: usize| format!("+155500011{n:02}");
    assert!(made(limiter.enter(&to(&[name(0)]), MS(1), LONGEST, false)));
    let late = 7_000;
    for n in 1..16 {
        assert!(made(limiter.enter(&to(&[name(n)]), MS(late), LONGEST, false)));
    }
    // The first is idle: with it forgotten there is one place for two.
    let both = to(&[name(0), name(99)]);
    assert_eq!(refusal(&limiter.enter(&both, MS(late + 1), LONGEST, false)).wait, NO_ROOM);
    assert!(made(limiter.enter(&to(&[name(99)]), MS(late + 2), LONGEST, false)), "nothing was taken");
}

#[test]
fn two_rates_of_one_scope_both_hold() {
    let (limiter, mut now) = (limiter(), Duration::from_secs(10));
    let both = || {
        scopes(|scopes| {
            scopes.sender("a", Rate::per_second(1)).sender("a", Rate::per_day(1).burst(3));
        })
    };
    let mut passed = 0;
    for _ in 0..10 {
        passed += usize::from(made(limiter.enter(&both(), now, Duration::ZERO, false)));
        now += Duration::from_secs(1);
    }
    assert_eq!(passed, 3);
}

#[test]
fn a_slow_rate_of_one_tenant_for_a_shared_key_slows_down_no_other() {
    let shared = SharedScopes::new(&limits());
    let [a, b] = [Limiter::new(&limits(), shared.clone()), Limiter::new(&limits(), shared)];
    let of = |rate: Rate| {
        scopes(|scopes| {
            scopes.shared("key", rate);
        })
    };
    let mut now = Duration::from_secs(10);
    assert!(made(a.enter(&of(Rate::per_second(50)), now, LONGEST, false)));
    let LimiterAnswer::In(wait, waiting) = a.enter(&of(Rate::per_second(50)), now, LONGEST, false) else { panic!("it waits") };
    assert!(made(b.enter(&of(Rate::per_day(1)), now, LONGEST, false)));
    now += wait;
    waiting.use_up();
    for _ in 0..100 {
        assert!(!made(b.enter(&of(Rate::per_day(1)), now, LONGEST, false)), "its own rate holds");
        now += MS(20);
        assert!(made(a.enter(&of(Rate::per_second(50)), now, Duration::ZERO, false)));
    }
    // Their throttled answers hold for both, but not for a day.
    assert_eq!(a.pause(&of(Rate::per_second(50)), Scope::Shared, Some(LONGEST_PAUSE), Some(LONGEST_PAUSE), now).0, LONGEST_SHARED_PAUSE);
    now += MS(20);
    assert!(refusal(&b.enter(&of(Rate::per_second(9)), now, LONGEST, false)).paused);
    now += LONGEST_SHARED_PAUSE;
    assert!(made(a.enter(&of(Rate::per_second(50)), now, LONGEST, false)));
    assert_eq!(a.pause(&of(Rate::per_second(50)), Scope::Shared, Some(LONGEST), Some(LONGEST_PAUSE), now).0, LONGEST_SHARED_PAUSE);
}

#[test]
fn one_tenant_does_not_take_all_turns_of_a_shared_key() {
    let shared = SharedScopes::new(&limits());
    let [a, b] = [Limiter::new(&limits(), shared.clone()), Limiter::new(&limits(), shared)];
    let key = scopes(|scopes| {
        scopes.shared("key", Rate::per_second(10));
    });
    let (now, long) = (Duration::from_secs(10), Duration::from_secs(1_000));
    let mut waiting: Vec<_> = (0..=MAX_WAITING_OF_ONE).map(|_| a.enter(&key, now, long, false)).collect();
    assert!(matches!(waiting.last(), Some(LimiterAnswer::In(wait, _)) if *wait == MS(25_600)));
    assert_eq!(refusal(&a.enter(&key, now, long, false)).scope, Scope::Shared);
    assert!(matches!(b.enter(&key, now, long, false), LimiterAnswer::In(wait, _) if wait == MS(25_700)), "behind a quarter");
    waiting.pop();
    assert!(matches!(a.enter(&key, now, long, false), LimiterAnswer::In(..)), "one went away");
    drop(waiting);
    assert_eq!(a.waiting.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[test]
fn one_tenant_does_not_take_all_turns_of_a_slow_shared_key() {
    let shared = SharedScopes::new(&limits());
    let [a, b] = [Limiter::new(&limits(), shared.clone()), Limiter::new(&limits(), shared)];
    let key = scopes(|scopes| {
        scopes.shared("key", Rate::per_second(10));
    });
    let (now, long) = (Duration::from_secs(10), Duration::from_secs(5));
    let mut of_a: Vec<_> = (0..50).map(|_| a.enter(&key, now, long, false)).collect();
    let refused = of_a.iter().filter(|turn| matches!(turn, LimiterAnswer::Refused(_))).count();
    assert_eq!((refused, refusal(&of_a[49]).scope), (24, Scope::Shared), "one at once, 25 in the first half of the time");
    let waits = b.enter(&key, now, long, false);
    assert!(matches!(waits, LimiterAnswer::In(wait, _) if wait == MS(2_600)), "{waits:?}");
    // The first that waits may wait the whole time.
    of_a.clear();
    let of_b: Vec<_> = (0..26).map(|_| b.enter(&key, now, long, false)).collect();
    assert!(matches!(a.enter(&key, now, long, false), LimiterAnswer::In(wait, _) if wait > MS(2_500)), "{}", of_b.len());
}

#[test]
fn a_corrected_rate_takes_effect_at_once() {
    let (limiter, now) = (limiter(), Duration::from_secs(10));
    assert!(made(limiter.enter(&sender(Rate::per_day(1)), now, LONGEST, false)));
    assert!(matches!(limiter.enter(&sender(Rate::per_day(1)), now, LONGEST, false), LimiterAnswer::Refused(_)));
    assert!(made(limiter.enter(&sender(Rate::per_second(10)), now, LONGEST, false)));
    assert!(matches!(limiter.enter(&sender(Rate::per_second(10)), now, LONGEST, false), LimiterAnswer::In(wait, _) if wait == MS(100)));
    assert!(made(limiter.enter(&sender(Rate::per_hour(1)), now, LONGEST, false)));
    assert!(matches!(limiter.enter(&sender(Rate::per_hour(1)), now, LONGEST, false), LimiterAnswer::Refused(_)));
}

#[test]
fn a_call_that_waits_less_than_others_is_told_the_time_behind_them() {
    let (limiter, now, rate) = (limiter(), Duration::from_secs(10), Rate::per_second(1).burst(3));
    let mut waiting = vec![];
    for _ in 0..500 {
        waiting.push(limiter.enter(&sender(rate), now, Duration::from_secs(1000), false));
    }
    assert!(matches!(&waiting[499], LimiterAnswer::In(wait, _) if *wait == Duration::from_secs(497)));
    for longest in [0, 1, 250, 497] {
        let refused = refusal(&limiter.enter(&sender(rate), now, Duration::from_secs(longest), false));
        assert_eq!((refused.paused, refused.wait), (false, Duration::from_secs(498)));
    }
}

#[test]
fn a_turn_that_came_is_given_back_unless_the_call_was_made() {
    let (limiter, now, rate) = (limiter(), Duration::from_secs(10), Rate::per(1, Duration::from_secs(4)));
    assert!(made(limiter.enter(&sender(rate), now, LONGEST, false)));
    let LimiterAnswer::In(wait, reservation) = limiter.enter(&sender(rate), now, LONGEST, false) else { panic!("it waits") };
    drop(reservation);
    let LimiterAnswer::In(_, reservation) = limiter.enter(&sender(rate), (now + wait).saturating_sub(MS(1)), LONGEST, false) else {
        panic!("it waits")
    };
    reservation.use_up();
    assert!(matches!(limiter.enter(&sender(rate), now + wait, Duration::ZERO, false), LimiterAnswer::Refused(_)));
}

#[test]
fn rule_45_a_pause_holds_back_its_scope_and_not_its_owner() {
    let (limiter, now, second) = (limiter(), Duration::from_secs(10), Duration::from_secs(1));
    let from = |number: &str| {
        scopes(|scopes| {
            scopes.account(None).sender(number, None);
        })
    };
    let (pause, begins) = limiter.pause(&from("a"), Scope::Sender, Some(4 * second), None, now);
    assert_eq!((pause, begins), (4 * second, true));
    let refused = refusal(&limiter.enter(&from("a"), now + second, LONGEST, false));
    assert_eq!((refused.scope, refused.paused, refused.wait), (Scope::Sender, true, 3 * second));
    assert!(made(limiter.enter(&from("b"), now, LONGEST, false)));
    assert!(matches!(limiter.enter(&from("a"), now + 3 * second, LONGEST, true), LimiterAnswer::In(wait, _) if wait == second));
    assert!(made(limiter.enter(&from("a"), now + 4 * second, LONGEST, false)));
    // Answers to calls under way do not shorten it; an answer for which the call has no scope pauses the account.
    assert_eq!(limiter.pause(&from("a"), Scope::Sender, Some(second), None, now + second), (3 * second, false));
    limiter.pause(&from("a"), Scope::Shared, Some(second), None, now + 9 * second);
    assert_eq!(refusal(&limiter.enter(&from("b"), now + 9 * second, LONGEST, false)).scope, Scope::Account);
    assert_eq!(
        limiter.pauses(now + 9 * second).iter().map(|paused| (paused.scope, paused.count)).collect::<Vec<_>>(),
        [(Scope::Account, 1)]
    );
}

#[test]
fn rule_45_a_growing_pause_doubles_until_a_call_is_accepted() {
    let (limiter, minute) = (limiter(), Duration::from_secs(60));
    let scopes = scopes(|scopes| {
        scopes.shared("123456789012/eu-west-1", None);
    });
    let mut now = minute;
    let pause = |now| limiter.pause(&scopes, Scope::Shared, Some(10 * minute), Some(60 * minute), now).0;
    for minutes in [10, 20, 40, 60, 60] {
        assert_eq!(pause(now), minutes * minute);
        assert_eq!(pause(now + minute), (minutes - 1).max(10) * minute, "answers to calls under way do not double it");
        now += minutes.max(11) * minute + minute;
    }
    limiter.accepted(&scopes, now);
    assert_eq!(pause(now), 10 * minute);
    // Long after the last one it is forgotten too.
    assert_eq!(pause(now + 80 * minute), 10 * minute);
}

#[test]
fn rule_45_an_ordinary_pause_in_between_does_not_end_the_growth() {
    let (limiter, minute) = (limiter(), Duration::from_secs(60));
    let scopes = scopes(|scopes| {
        scopes.shared("123456789012/eu-west-1", None);
    });
    let pause = |longest, asked, now| limiter.pause(&scopes, Scope::Shared, Some(asked), longest, now).0;
    assert_eq!(pause(Some(60 * minute), 10 * minute, minute), 10 * minute);
    assert_eq!(pause(None, MS(1000), 12 * minute), MS(1000));
    assert_eq!(pause(Some(60 * minute), 10 * minute, 13 * minute), 20 * minute);
}

#[test]
fn rule_45_an_account_is_paused_although_recipients_take_up_all_room() {
    let limits = Limits { max_scopes: 16, ..limits() };
    let limiter = Limiter::new(&limits, SharedScopes::new(&limits));
    for n in 0..16 {
        let of_one = scopes(|scopes| {
            scopes.recipient(&format!("+155500011{n:02}"), Rate::per_day(1));
        });
        assert!(made(limiter.enter(&of_one, MS(1), LONGEST, false)));
    }
    let account = scopes(|scopes| {
        scopes.account(None);
    });
    assert_eq!(limiter.pause(&account, Scope::Account, Some(MS(9000)), None, MS(2)), (MS(9000), true));
    assert!(refusal(&limiter.enter(&account, MS(3), LONGEST, false)).paused);
}

#[test]
fn rule_45_a_pause_that_another_answer_lengthened_is_told_as_a_pause() {
    let limiter = limiter();
    let account = scopes(|scopes| {
        scopes.account(None);
    });
    limiter.pause(&account, Scope::Account, Some(MS(60_000)), None, MS(0));
    assert!(refusal(&limiter.enter(&account, MS(5_000), LONGEST, true)).paused);
}

#[test]
fn rule_45_a_shared_pause_and_rate_hold_for_every_tenant_of_the_key() {
    let shared = SharedScopes::new(&limits());
    let tenants = [Limiter::new(&limits(), shared.clone()), Limiter::new(&limits(), shared)];
    let now = Duration::from_secs(10);
    let of = |key: &str| {
        scopes(|scopes| {
            scopes.shared(key, Rate::per_second(1).burst(5));
        })
    };
    let passed = (0..20).filter(|n| made(tenants[n % 2].enter(&of("eu"), now, Duration::ZERO, false))).count();
    assert_eq!(passed, 5);
    tenants[0].pause(&of("eu"), Scope::Shared, Some(LONGEST), None, now);
    assert!(refusal(&tenants[1].enter(&of("eu"), now, LONGEST, false)).paused);
    assert!(made(tenants[1].enter(&of("us"), now, LONGEST, false)));
    assert_eq!(tenants[1].pauses(now), [Paused { scope: Scope::Shared, count: 1, left: LONGEST }]);
}

/// A scope that cannot be counted is not let through, idle ones make room, and memory has an end.
#[test]
fn a_hundred_thousand_recipients_are_bounded() {
    let (limiter, now) = (limiter(), Duration::from_secs(10));
    let to = |n: u32| {
        scopes(|scopes| {
            scopes.recipient(&format!("+1555{n:07}"), Rate::per(1, Duration::from_secs(6)));
        })
    };
    let (mut passed, mut refused) = (0, 0);
    for n in 0..100_000 {
        match limiter.enter(&to(n), now, LONGEST, false) {
            LimiterAnswer::Now(tokens) => {
                tokens.unwrap().use_up();
                passed += 1;
            }
            LimiterAnswer::Refused(Refusal { scope: Scope::Recipient, paused: false, wait }) if wait == NO_ROOM => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((passed, refused), (65_536, 34_464));
    limiter.pause(&to(99_999), Scope::Recipient, Some(LONGEST), None, now);
    assert_eq!(limiter.own.lock().len(), limits().max_scopes);
    let later = now + Duration::from_secs(7);
    assert!(made(limiter.enter(&to(99_999), later, LONGEST, false)));
    assert_eq!(limiter.own.lock().len(), 1, "idle ones are forgotten");
}

#[test]
fn many_threads_never_pass_more_than_the_burst() {
    let (limiter, now) = (limiter(), Duration::from_secs(10));
    let passed: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let limiter = &limiter;
                scope.spawn(move || {
                    (0..100).filter(|_| made(limiter.enter(&sender(Rate::per_hour(1).burst(50)), now, LONGEST, false))).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(passed, 50);
}
