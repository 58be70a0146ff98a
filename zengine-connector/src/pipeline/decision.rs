//! The decision after a failed attempt: one total function (rule 34).

use crate::error::{Fault, Reach};

/// The provider's protection against duplicates at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    /// The provider deduplicates by our key, and its window is still open.
    Native,
    /// The provider supports look-ups.
    Queryable,
    /// No protection, or its window has passed.
    None,
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Try again after a delay. When attempts or time run out, end with this.
    Retry(SendEnd),
    /// Look up at the provider first. If it is not found, continue as [`Next::Retry`].
    LookUp,
    /// End now.
    End(SendEnd),
}

/// The end of a send without another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendEnd {
    Failed,
    Unknown,
    Deferred,
}

/// The table of rule 34.
pub(crate) const fn decide(fault: Fault, reach: Reach, protection: Protection) -> Next {
    match (fault, reach) {
        // The message may have been sent: whatever the fault, only the provider's own protection allows another call.
        (_, Reach::Maybe) => match protection {
            Protection::Native => Next::Retry(SendEnd::Unknown),
            Protection::Queryable => Next::LookUp,
            Protection::None => Next::End(SendEnd::Unknown),
        },
        (Fault::Provider, Reach::NotSent) => Next::Retry(SendEnd::Failed),
        (Fault::Throttled, Reach::NotSent) => Next::Retry(SendEnd::Deferred),
        (Fault::Local | Fault::Cancelled, Reach::NotSent) => Next::End(SendEnd::Deferred),
        (Fault::Domain | Fault::Auth, _) | (_, Reach::Processed) => Next::End(SendEnd::Failed),
    }
}

/// The tokens of the retry budget that another attempt costs (rules 34 and 38).
pub(crate) const fn cost(fault: Fault, reach: Reach) -> u32 {
    match (fault, reach) {
        (Fault::Throttled, Reach::NotSent) => 2,
        // The provider was not called: its load is none.
        (Fault::Local | Fault::Cancelled, Reach::NotSent) => 0,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_34_every_pair_of_fault_and_reach_has_its_row() {
        use Fault::{Auth, Cancelled, Domain, Local, Provider, Throttled};
        use Reach::{Maybe, NotSent, Processed};
        let failed = Next::End(SendEnd::Failed);
        let table = [
            (Provider, NotSent, Next::Retry(SendEnd::Failed)),
            (Provider, Processed, failed),
            (Throttled, NotSent, Next::Retry(SendEnd::Deferred)),
            (Throttled, Processed, failed),
            (Domain, NotSent, failed),
            (Domain, Processed, failed),
            (Auth, NotSent, failed),
            (Auth, Processed, failed),
            (Local, NotSent, Next::End(SendEnd::Deferred)),
            (Local, Processed, failed),
            (Cancelled, NotSent, Next::End(SendEnd::Deferred)),
            (Cancelled, Processed, failed),
        ];
        for (fault, reach, next) in table {
            for protection in [Protection::Native, Protection::Queryable, Protection::None] {
                assert_eq!(decide(fault, reach, protection), next, "{fault:?} {reach:?}");
            }
        }
        for fault in [Provider, Throttled, Domain, Auth, Local, Cancelled] {
            assert_eq!(decide(fault, Maybe, Protection::Native), Next::Retry(SendEnd::Unknown));
            assert_eq!(decide(fault, Maybe, Protection::Queryable), Next::LookUp);
            assert_eq!(decide(fault, Maybe, Protection::None), Next::End(SendEnd::Unknown));
        }
    }

    #[test]
    fn rule_38_a_retry_after_a_throttled_answer_costs_less() {
        assert_eq!(cost(Fault::Throttled, Reach::NotSent), 2);
        for (fault, reach) in [(Fault::Provider, Reach::NotSent), (Fault::Provider, Reach::Maybe), (Fault::Throttled, Reach::Maybe)] {
            assert_eq!(cost(fault, reach), 5, "{fault:?} {reach:?}");
        }
        for fault in [Fault::Local, Fault::Cancelled] {
            assert_eq!((cost(fault, Reach::NotSent), cost(fault, Reach::Maybe)), (0, 5), "{fault:?}: the provider was not called");
        }
    }
}
