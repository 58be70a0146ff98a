//! The plan of webhook deliveries without faults.

use std::time::Duration;

/// The plan of webhook deliveries.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Number of deliveries of every POST.
    pub(in crate::sandbox) copies: u32,
    /// Maximum updates in one POST, and maximum time to collect them.
    pub(in crate::sandbox) batch: Option<(usize, Duration)>,
    /// The pauses before redeliveries, by the emulator's clock.
    pub(in crate::sandbox) redelivery: Vec<Duration>,
    /// Maximum time for the callback to respond, in real time.
    pub(in crate::sandbox) timeout: Duration,
}

impl Plan {
    /// One POST per update; an immediate redelivery, then three with growing pauses; ten seconds to respond.
    pub(in crate::sandbox) fn new() -> Self {
        let pause = Duration::from_millis;
        Self {
            copies: 1,
            batch: None,
            redelivery: vec![pause(0), pause(400), pause(1_600), pause(5_000)],
            timeout: Duration::from_secs(10),
        }
    }
}

/// Pauses of redeliveries for `total`: none, a minute, then double the pause each time, at most 12 hours.
pub(in crate::sandbox) fn decreasing(total: Duration) -> Vec<Duration> {
    let (mut pauses, mut pause, mut spent) = (vec![Duration::ZERO], Duration::from_secs(60), Duration::ZERO);
    while spent + pause <= total {
        pauses.push(pause);
        spent += pause;
        pause = (pause * 2).min(Duration::from_secs(12 * 3_600));
    }
    pauses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redeliveries_get_rarer_and_end() {
        let week = Duration::from_secs(7 * 86_400);
        let pauses = decreasing(week);
        assert_eq!(pauses[..3], [Duration::ZERO, Duration::from_secs(60), Duration::from_secs(120)]);
        assert!(pauses.iter().sum::<Duration>() <= week && pauses.len() < 40, "{}", pauses.len());
    }
}
