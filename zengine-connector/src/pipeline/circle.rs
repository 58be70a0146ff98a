//! Detection of pages that go in a circle. Their places are opaque texts of a store's own, so only an equal one tells.

/// The places of a walk over pages, of which it keeps one at a time (Brent's algorithm).
#[derive(Default)]
pub(super) struct Circle {
    kept: Option<String>,
    /// The steps since that place was kept, and the number of them after which it is replaced.
    steps: u64,
    until: u64,
}

impl Circle {
    /// Takes the next place. Returns `true` if the walk was there before; at the latest after three times the places that it
    /// visited until then.
    pub(super) fn closes_at(&mut self, place: &str) -> bool {
        if self.kept.as_deref() == Some(place) {
            return true;
        }
        if self.steps == self.until {
            self.kept = Some(place.to_owned());
            (self.steps, self.until) = (0, self.until.saturating_mul(2).max(1));
        }
        self.steps += 1;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_that_ends_is_no_circle() {
        let mut circle = Circle::default();
        assert!((0..10_000).all(|n| !circle.closes_at(&n.to_string())));
    }

    #[test]
    fn every_circle_is_found_soon() {
        for (tail, length) in [(0, 1), (0, 2), (1, 1), (5, 3), (3, 50), (100, 7), (64, 64)] {
            let mut circle = Circle::default();
            let steps = (0..1000).position(|n| circle.closes_at(&(if n < tail { n } else { tail + (n - tail) % length }).to_string()));
            assert!(steps.is_some_and(|steps| steps <= 3 * (tail + length)), "{tail} {length}: {steps:?}");
        }
    }
}
