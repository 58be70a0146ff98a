//! Webhook bodies of the sizes that the budgets name. All of it is made up.

use std::fmt::Write as _;

/// One text message: 519 bytes.
pub(crate) fn text() -> String {
    wrap(&change(0, 1, 52))
}

/// One message of 1.3 KB that came through an advertisement.
pub(crate) fn referral() -> String {
    let mut text = String::new();
    let _ = write!(
        text,
        r#"{{"value":{{"messaging_product":"whatsapp",{METADATA},"contacts":[{}],"messages":[{{"referral":{{"source_url":"https://fb.example/1a2b3c4d5e","source_id":"120210000000000001","source_type":"ad","headline":"Chat with the shop","body":"Every size is in stock this week. Write to us and we put a pair aside for you.","media_type":"image","image_url":"https://cdn.example/v/t45.1600-4/1234567890_n.jpg?stp=dst-jpg&_nc_cat=101","ctwa_clid":"ARAkLkA8rmlFeiCktEJQ-QTwRiyYHAFDLMNDBH0CD3qpjd0HR4irJ6LEkR7JwFF4XvnO2E4Nx0-eM-GABDLOPaOdRMv-_zfUQ2a"}},{}}}]}},"field":"messages"}}"#,
        contact(1),
        message(1, 330),
    );
    wrap(&text)
}

/// A batch in which every message is a change of its own: 65 KB for 100.
pub(crate) fn batch_of_changes(messages: usize) -> String {
    let changes: Vec<_> = (0..messages).map(|n| change(n, 1, 267)).collect();
    wrap(&changes.join(","))
}

/// A batch of one change with all messages and contacts in its two lists: 50 KB for 100.
pub(crate) fn batch_of_messages(messages: usize) -> String {
    wrap(&change(0, messages, 290))
}

const METADATA: &str = r#""metadata":{"display_phone_number":"15550783881","phone_number_id":"106540352242922"}"#;

fn wrap(changes: &str) -> String {
    format!(r#"{{"object":"whatsapp_business_account","entry":[{{"id":"102290129340398","changes":[{changes}]}}]}}"#)
}

fn change(first: usize, messages: usize, text_bytes: usize) -> String {
    let range = first..first + messages;
    let contacts: Vec<_> = range.clone().map(contact).collect();
    let messages: Vec<_> = range.map(|n| format!("{{{}}}", message(n, text_bytes))).collect();
    format!(
        r#"{{"value":{{"messaging_product":"whatsapp",{METADATA},"contacts":[{}],"messages":[{}]}},"field":"messages"}}"#,
        contacts.join(","),
        messages.join(",")
    )
}

fn contact(n: usize) -> String {
    format!(r#"{{"profile":{{"name":"Customer {n:04}"}},"wa_id":"1650555{n:04}"}}"#)
}

fn message(n: usize, text_bytes: usize) -> String {
    let text: String = "Is the blue one still there in a larger size? ".chars().cycle().take(text_bytes).collect();
    format!(
        r#""from":"1650555{n:04}","id":"wamid.HBgLMTY1MDU1NT{n:04}FQIAEhgUM0EwRDYzQUMyMkNEMUVGOTI3NkMA","timestamp":"17493{n:05}","type":"text","text":{{"body":"{text}"}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_of_the_size_that_their_row_says() {
        let near = |body: String, bytes: usize| {
            assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok());
            assert!(body.len().abs_diff(bytes) * 10 < bytes, "{} instead of {bytes}", body.len());
        };
        near(text(), 519);
        near(referral(), 1_300);
        near(batch_of_changes(100), 65_000);
        near(batch_of_messages(100), 50_000);
        near(batch_of_messages(2_100), 1_048_576);
    }
}
