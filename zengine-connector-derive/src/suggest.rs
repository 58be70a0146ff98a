//! Spellings: the nearest known word, and names in kebab and snake case.

/// Synonyms, and the key each stands for.
const SYNONYMS: [(&str, &str); 7] = [
    ("caps", "capabilities"),
    ("cfg", "config"),
    ("fixture", "contract"),
    ("idempotent", "idempotency"),
    ("message", "outbound"),
    ("msg", "outbound"),
    ("receive", "inbound"),
];

/// The word of `known` that `word` probably stands for: equal but for case, a synonym, or within one edit per three characters.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = word.to_lowercase();
    let meant = SYNONYMS.iter().find(|(from, _)| *from == word).map(|(_, to)| *to);
    let close = |k: &&str| Some(*k) == meant || distance(&word, k) <= word.len().max(k.len()).div_ceil(3).min(3);
    known.into_iter().filter(close).min_by_key(|k| if Some(*k) == meant { 0 } else { distance(&word, k) })
}

/// Edits (insert, delete, replace, swap of neighbours) between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

/// The nearest valid strategy name: lower case, everything else a single `-`, at most `max` characters. `None` when nothing is left.
pub(crate) fn kebab(text: &str, max: usize) -> Option<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    let mut name = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    name.truncate(max);
    let name = name.trim_end_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

/// A type's name in snake case; a run of capitals is one word (`SNSSms` is `sns_sms`).
pub(crate) fn snake(ident: &str) -> String {
    let chars: Vec<char> = ident.chars().collect();
    let mut out = String::new();
    for (i, &c) in chars.iter().enumerate() {
        let after = i.checked_sub(1).and_then(|p| chars.get(p));
        let starts = after.is_some_and(|p| p.is_lowercase() || p.is_ascii_digit());
        let ends_run = after.is_some_and(|p| p.is_uppercase()) && chars.get(i + 1).is_some_and(|n| n.is_lowercase());
        if c.is_uppercase() && (starts || ends_run) {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 4] = ["name", "config", "outbound", "capabilities"];

    #[test]
    fn nearest_finds_swaps_case_and_synonyms() {
        for (word, key) in
            [("nmae", "name"), ("Config", "config"), ("outbuond", "outbound"), ("capability", "capabilities"), ("msg", "outbound")]
        {
            assert_eq!(nearest(word, KEYS), Some(key), "{word}");
        }
    }

    #[test]
    fn nearest_leaves_strangers_alone() {
        for word in ["colour", "x", "description", "retries"] {
            assert_eq!(nearest(word, KEYS), None, "{word}");
        }
    }

    #[test]
    fn kebab_makes_a_valid_name_or_nothing() {
        assert_eq!(kebab("WhatsApp Meta", 64).as_deref(), Some("whatsapp-meta"));
        assert_eq!(kebab("__whats_app--2 ", 64).as_deref(), Some("whats-app-2"));
        assert_eq!(kebab("abc-def", 4).as_deref(), Some("abc"));
        assert_eq!(kebab("é!", 64), None);
    }

    #[test]
    fn snake_splits_words_and_keeps_acronyms_whole() {
        for (ident, expected) in [
            ("WhatsAppMetaCloud", "whats_app_meta_cloud"),
            ("SNSSms", "sns_sms"),
            ("Five9Digital", "five9_digital"),
            ("A", "a"),
            ("already_snake", "already_snake"),
        ] {
            assert_eq!(snake(ident), expected);
        }
    }
}
