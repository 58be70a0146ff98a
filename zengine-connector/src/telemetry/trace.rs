//! W3C trace context (<https://www.w3.org/TR/trace-context/>).

use std::fmt;

use crate::runtime::Rng;

/// A valid `traceparent`: the ids of a call's trace and of the span that caused it.
///
/// ```
/// use zengine_connector::{runtime::SystemRng, telemetry::TraceParent};
///
/// let parent = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
/// let child = parent.child(&SystemRng);
/// assert_eq!(child.trace_id(), parent.trace_id());
/// assert!(child.is_sampled());
/// assert_eq!(TraceParent::parse("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace: u128,
    parent: u64,
    flags: u8,
}

impl TraceParent {
    /// Parses the header. `None` if it is invalid; an invalid one must not be passed on.
    ///
    /// Of a version later than 00, reads the fields of version 00, as the specification requires.
    pub fn parse(header: &str) -> Option<Self> {
        let (fields, rest) = header.split_at_checked(55)?;
        let mut parts = fields.split('-');
        let version = hex(parts.next()?, 2)?;
        let (trace, parent, flags) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?, hex(parts.next()?, 2)?);
        let ends_here = if version == 0 { rest.is_empty() } else { rest.is_empty() || rest.starts_with('-') };
        if version == 0xff || trace == 0 || parent == 0 || !ends_here {
            return None;
        }
        Some(Self { trace, parent: u64::try_from(parent).ok()?, flags: u8::try_from(flags).ok()? & KNOWN_FLAGS })
    }

    /// The root of a new trace.
    pub fn new(rng: &dyn Rng, sampled: bool) -> Self {
        let mut bytes = [0; 16];
        rng.fill(&mut bytes);
        // A trace id of zeros is invalid; it becomes 1.
        Self { trace: u128::from_be_bytes(bytes).max(1), parent: span(rng), flags: u8::from(sampled) }
    }

    /// The same trace with a new span id, to pass on.
    #[must_use = "returns the child; the parent is not changed"]
    pub fn child(&self, rng: &dyn Rng) -> Self {
        Self { parent: span(rng), ..*self }
    }

    /// The trace's id: 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// The id of the span that made the call: 16 hexadecimal digits.
    pub fn parent_id(&self) -> String {
        format!("{:016x}", self.parent)
    }

    /// Returns `true` if the caller records this trace.
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }
}

/// The flags `sampled` and `random trace id`.
const KNOWN_FLAGS: u8 = 3;

fn span(rng: &dyn Rng) -> u64 {
    let mut bytes = [0; 8];
    rng.fill(&mut bytes);
    u64::from_be_bytes(bytes).max(1)
}

/// Parses exactly `digits` lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let all = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    all.then(|| u128::from_str_radix(text, 16).ok())?
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.parent, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::runtime::SystemRng;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn invalid_headers_are_dropped() {
        for bad in [
            "",
            "00",
            &GOOD.to_uppercase(),
            &GOOD[..54],
            &format!("{GOOD}-00"),
            &format!("{GOOD} "),
            &GOOD.replacen("00-", "ff-", 1),
            &GOOD.replacen("00-", "0g-", 1),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0é",
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_known() {
        let later = GOOD.replacen("00-", "01-", 1);
        for header in [later.clone(), format!("{later}-what-comes-next")] {
            assert_eq!(TraceParent::parse(&header).unwrap().to_string(), GOOD);
        }
        assert_eq!(TraceParent::parse(&format!("{later}x")), None);
    }

    #[test]
    fn a_child_has_a_span_of_its_own() {
        let parent = TraceParent::parse(GOOD).unwrap();
        let child = parent.child(&SystemRng);
        assert_eq!((child.trace_id(), child.is_sampled()), (parent.trace_id(), true));
        assert_ne!(child.parent_id(), parent.parent_id());
        assert!(!TraceParent::new(&SystemRng, false).is_sampled());
    }

    /// Draws the same bytes every time.
    #[derive(Debug)]
    struct Fixed([u8; 16]);

    impl crate::runtime::Rng for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.copy_from_slice(&self.0[..buffer.len()]);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(bytes in any::<[u8; 16]>(), sampled in any::<bool>()) {
            let trace = TraceParent::new(&Fixed(bytes), sampled);
            prop_assert_eq!(TraceParent::parse(&trace.to_string()), Some(trace));
        }

        #[test]
        fn no_header_panics(header in any::<String>()) {
            prop_assert_eq!(TraceParent::parse(&header), None);
        }
    }
}
