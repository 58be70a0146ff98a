//! One pass over a text that is known to be JSON, noting where each value stands.

/// Where a value stands.
pub(super) struct Node {
    /// Its first byte.
    pub(super) start: u32,
    /// The byte after its last.
    pub(super) end: u32,
    /// The node after this value and all that is inside it.
    pub(super) next: u32,
    /// Whether it is a string with escapes in it.
    pub(super) escaped: bool,
}

/// The values of a JSON text in document order, containers before what is inside them; names of members are values too.
///
/// The text must be JSON: that is not checked again. `None` where it is too long to be counted in 32 bits.
pub(super) fn split(text: &str) -> Option<Vec<Node>> {
    u32::try_from(text.len()).ok()?;
    let bytes = text.as_bytes();
    let mut nodes = Vec::with_capacity(text.len() / 8);
    let mut open = Vec::with_capacity(16);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let (end, escaped) = match byte {
            b'{' | b'[' => {
                open.push(nodes.len());
                (at + 1, false)
            }
            b'}' | b']' => {
                at += 1;
                let next = nodes.len();
                if let Some(node) = open.pop().and_then(|index| nodes.get_mut(index)) {
                    close(node, at, next)?;
                }
                continue;
            }
            b'"' => end_of_string(bytes, at + 1),
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            _ => (
                at + bytes[at..].iter().take_while(|byte| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r')).count(),
                false,
            ),
        };
        let mut node = Node { start: u32::try_from(at).ok()?, end: 0, next: 0, escaped };
        close(&mut node, end, nodes.len() + 1)?;
        nodes.push(node);
        at = end;
    }
    Some(nodes)
}

fn close(node: &mut Node, end: usize, next: usize) -> Option<()> {
    (node.end, node.next) = (u32::try_from(end).ok()?, u32::try_from(next).ok()?);
    Some(())
}

/// The byte after the quote that ends the string, and whether there are escapes before it.
fn end_of_string(bytes: &[u8], mut at: usize) -> (usize, bool) {
    let mut escaped = false;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return (at + 1, escaped),
            b'\\' => {
                escaped = true;
                at += 2;
            }
            _ => at += 1,
        }
    }
    (bytes.len(), escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_stands_where_its_text_is() {
        let text = r#" {"a" : [1, -2.5e3 ,true],"b\"}":{} , "c":"x\\"} "#;
        let nodes = split(text).unwrap();
        let values: Vec<_> = nodes.iter().map(|node| &text[node.start as usize..node.end as usize]).collect();
        let expected = [
            r#"{"a" : [1, -2.5e3 ,true],"b\"}":{} , "c":"x\\"}"#,
            "\"a\"",
            "[1, -2.5e3 ,true]",
            "1",
            "-2.5e3",
            "true",
            r#""b\"}""#,
            "{}",
            "\"c\"",
            r#""x\\""#,
        ];
        assert_eq!(values, expected);
        assert_eq!(nodes.iter().map(|node| node.next).collect::<Vec<_>>(), [10, 2, 6, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(nodes.iter().filter(|node| node.escaped).count(), 2);
    }

    #[test]
    fn what_is_no_json_does_not_panic() {
        for text in ["", "\"", "\"\\", "]", "{]", "[}", "é", "[[", "tru"] {
            assert!(split(text).is_some(), "{text}");
        }
    }
}
