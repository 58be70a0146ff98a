//! The routes of a row: those that follow from its configuration, and those that are given.

use std::collections::HashMap;

use crate::{
    error::{Error, ErrorKind, Violation},
    ids::{RouteKey, is_printable},
    registry::registered::holds_secret,
};

/// The routes to write, sorted, each once, as a writer gives them back. Of a given one that follows too, the strategy says whether it is
/// shared.
///
/// # Errors
/// `ConfigInvalid` with every violation; `/routes/0` is the first given route.
pub(super) fn fit(mut derived: Vec<RouteKey>, given: &[RouteKey], secrets: &[&str]) -> Result<Vec<RouteKey>, Error> {
    let (mut wrong, mut seen) = (vec![], HashMap::new());
    if !given.is_empty() {
        let lacking = derived.iter().filter(|route| !given.contains(route));
        wrong.extend(lacking.map(|route| Violation::new("/routes", format!("lacks the {} of the configuration", route.kind()))));
    }
    for (n, route) in given.iter().enumerate() {
        let at = format!("/routes/{n}");
        let first = *seen.entry(route).or_insert(n);
        if first != n {
            wrong.push(Violation::new(&*at, format!("repeats /routes/{first}")));
        }
        if route.is_shared() && derived.iter().any(|follows| follows.kind() == route.kind() && !follows.is_shared()) {
            wrong.push(Violation::new(&*at, "must be one tenant's: the configuration gives it a route of this kind"));
        }
        wrong.extend(violations(&at, route, secrets));
    }
    for route in derived.iter().filter(|route| !given.contains(route)) {
        wrong.extend(violations("/routes", route, secrets));
    }
    if !wrong.is_empty() {
        let error = Error::new(ErrorKind::ConfigInvalid, "the routes do not fit the configuration");
        return Err(error.with_context("field", "routes").with_violations(wrong));
    }
    derived.extend_from_slice(given);
    derived.sort();
    derived.dedup();
    Ok(derived)
}

/// The faults of one route by itself.
fn violations(at: &str, route: &RouteKey, secrets: &[&str]) -> Vec<Violation> {
    let kind = bounds(at, "kind", route.kind(), RouteKey::MAX_KIND);
    let bounds = kind.or_else(|| bounds(at, route.kind(), route.value(), RouteKey::MAX_VALUE));
    let holds = secrets.iter().any(|secret| holds_secret(route, secret)).then(|| Violation::new(at, "holds a secret"));
    let shares = (route.is_shared() && route.is_token()).then(|| Violation::new(at, "must be one tenant's: it authenticates its holder"));
    bounds.into_iter().chain(holds).chain(shares).collect()
}

fn bounds(at: &str, what: &str, text: &str, max: usize) -> Option<Violation> {
    match text.len() {
        0 => Some(Violation::new(at, format!("its {what} must not be empty"))),
        length if length > max => Some(Violation::new(at, format!("its {what} is too long")).with_sizes(max as u64, length as u64)),
        _ if !is_printable(text) => Some(Violation::new(at, format!("its {what} must not hold control characters"))),
        _ => None,
    }
}
