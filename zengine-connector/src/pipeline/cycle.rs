//! Cycle detection for page cursors. A cursor is opaque, so a cycle shows only when one repeats.

/// Detects a repeated cursor in constant memory (Brent's algorithm).
#[derive(Default)]
pub(super) struct CycleDetector {
    kept: Option<String>,
    /// Steps since `kept` was stored.
    steps: u64,
    /// Steps after which it is replaced.
    until: u64,
}

impl CycleDetector {
    /// Adds the next cursor. Returns `true` once a cursor repeats, within three times as many steps as there are distinct cursors.
    pub(super) fn repeats(&mut self, cursor: &str) -> bool {
        if self.kept.as_deref() == Some(cursor) {
            return true;
        }
        if self.steps == self.until {
            self.kept = Some(cursor.to_owned());
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
    fn cursors_that_differ_are_no_cycle() {
        let mut cycle = CycleDetector::default();
        assert!((0..10_000).all(|n| !cycle.repeats(&n.to_string())));
    }

    #[test]
    fn every_cycle_is_found_soon() {
        for (tail, length) in [(0, 1), (0, 2), (1, 1), (5, 3), (3, 50), (100, 7), (64, 64)] {
            let mut cycle = CycleDetector::default();
            let steps = (0..1000).position(|n| cycle.repeats(&(if n < tail { n } else { tail + (n - tail) % length }).to_string()));
            assert!(steps.is_some_and(|steps| steps <= 3 * (tail + length)), "{tail} {length}: {steps:?}");
        }
    }
}
