//! The timestamp of a line.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::fmt::temporal::DateTimePrinter;

const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// The last timestamp: within one second only the milliseconds change.
#[derive(Debug, Default)]
pub(super) struct Stamp {
    second: u64,
    text: String,
}

impl Stamp {
    /// Writes a time as RFC 3339 with milliseconds in UTC.
    pub(super) fn print(&mut self, now: SystemTime, into: &mut String) {
        let time = || jiff::Timestamp::try_from(now).unwrap_or_default();
        let Ok(since) = now.duration_since(UNIX_EPOCH) else {
            let _ = PRINTER.print_timestamp(&time(), into);
            return;
        };
        if self.second != since.as_secs() || self.text.is_empty() {
            self.text.clear();
            let _ = PRINTER.print_timestamp(&time(), &mut self.text);
            self.second = since.as_secs();
        }
        // The text ends in three digits and `Z`.
        let (milliseconds, digit) = (since.subsec_millis(), |digit| char::from_digit(digit % 10, 10).unwrap_or('0'));
        into.push_str(self.text.len().checked_sub(4).and_then(|end| self.text.get(..end)).unwrap_or_default());
        into.extend([digit(milliseconds / 100), digit(milliseconds / 10), digit(milliseconds), 'Z']);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_time_is_printed_as_if_it_were_the_first() {
        let mut stamp = Stamp::default();
        for ms in [0, 1, 999, 1_000, 1_761_955_200_000, 1_761_955_200_007, 1_761_955_200_070, 1_761_955_199_999, 250_000_000_000_123] {
            let now = UNIX_EPOCH + Duration::from_millis(ms) + Duration::from_nanos(999_999);
            let (mut printed, mut expected) = (String::new(), String::new());
            stamp.print(now, &mut printed);
            PRINTER.print_timestamp(&jiff::Timestamp::try_from(now).unwrap_or_default(), &mut expected).unwrap();
            assert_eq!(printed, expected);
        }
        let mut before = String::new();
        stamp.print(UNIX_EPOCH - Duration::from_millis(1), &mut before);
        assert_eq!(before, "1969-12-31T23:59:59.999Z");
    }
}
