//! Short texts put together without an allocation.

/// Lends `parts` as one text. Keys and ids are short: texts up to 128 bytes are built on the stack.
pub(super) fn joined<T>(parts: &[&str], lend: impl FnOnce(&str) -> T) -> T {
    let mut room = [0; 128];
    let length: usize = parts.iter().map(|part| part.len()).sum();
    if length > room.len() {
        return lend(&parts.concat());
    }
    let mut at = 0;
    for part in parts {
        room[at..at + part.len()].copy_from_slice(part.as_bytes());
        at += part.len();
    }
    match std::str::from_utf8(&room[..length]) {
        Ok(text) => lend(text),
        // Texts beside each other are a text; there is no other case.
        Err(_) => lend(&parts.concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_texts_are_joined() {
        let long = "é".repeat(100);
        assert_eq!(joined(&["a", "", "é"], str::to_owned), "aé");
        assert_eq!(joined(&["a", &long], str::to_owned), format!("a{long}"));
        assert_eq!(joined(&[], str::len), 0);
    }
}
