//! Suggestions for misspelled names.

use strsim::osa_distance;

/// The known name closest to a text, if it is close enough to be a misspelling. Reads at most 128 characters of the text.
pub(crate) fn closest<'n>(text: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let text: String = text.chars().take(128).collect();
    known
        .into_iter()
        .map(|name| (osa_distance(&text, name), name))
        .filter(|(distance, name)| *distance <= name.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
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
            ("carrier-pigeon", None),
            ("", None),
        ] {
            assert_eq!(closest(text, KNOWN), meant, "{text}");
        }
    }
}
