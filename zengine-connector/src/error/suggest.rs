//! Suggestions for misspelled names.

/// The known name closest to a text, whatever the case of its letters, if it is close enough to be a misspelling.
pub(crate) fn closest<'n>(text: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    known
        .into_iter()
        .map(|name| (distance(&text.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= name.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The edit distance of two texts: insertions, deletions, replacements and swaps of neighbours. Reads at most 128
/// characters of each.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(128).collect(), b.chars().take(128).collect());
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["ses-email", "sns-sms", "whatsapp-meta-cloud"];

    #[test]
    fn a_slip_finds_the_name_that_was_meant() {
        for (text, meant) in [
            ("whatsapp-meta", Some("whatsapp-meta-cloud")),
            ("whatsapp_meta_cloud", Some("whatsapp-meta-cloud")),
            ("ses-emial", Some("ses-email")),
            ("sms-sns", Some("sns-sms")),
            ("SNS_SMS", Some("sns-sms")),
            ("carrier-pigeon", None),
            ("", None),
        ] {
            assert_eq!(closest(text, KNOWN), meant, "{text}");
        }
    }

    #[test]
    fn distance_counts_single_slips() {
        for (a, b, slips) in [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("kitten", "sitting", 3), ("same", "same", 0)] {
            assert_eq!((distance(a, b), distance(b, a)), (slips, slips), "{a} {b}");
        }
    }
}
