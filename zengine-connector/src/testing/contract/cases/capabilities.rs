//! The capability table is correct: listed content is accepted up to its limit; content over a limit or not listed is
//! refused before any call, with a violation that names the field.

use serde_json::{Value, json};

use super::prelude::*;
use crate::{
    error::ErrorKind,
    message::{ButtonRules, Capabilities, Length, ListRules, MediaKind, MediaRule, SmsParts, Unit},
    pipeline::Outcome,
};

/// The channel of a tenant, with its capability table.
struct Channel<'k> {
    kit: &'k SharedKit,
    tenant: usize,
    can: Capabilities,
}

/// Runs a case for each capability table of the sample tenants.
async fn each(kit: &SharedKit, case: impl AsyncFn(&Channel<'_>) -> CaseResult) -> CaseResult {
    for (tenant, can) in kit.tables() {
        case(&Channel { kit, tenant, can }).await?;
    }
    Ok(())
}

/// A text of exactly this length, with characters that count differently in other units.
fn fill(length: Length) -> String {
    let max = usize::try_from(length.max.min(1 << 20)).unwrap_or(1 << 20);
    match length.unit {
        Unit::Chars => "é😀".chars().cycle().take(max).collect(),
        Unit::Utf16 => format!("{}{}", "😀".repeat(max / 2), if max % 2 == 1 { "a" } else { "" }),
        Unit::Bytes => format!("{}{}", "é".repeat(max / 2), if max % 2 == 1 { "a" } else { "" }),
        Unit::Gsm7 => "a".repeat(max),
    }
}

/// A text of this length, unique for each number.
fn numbered(n: usize, length: Length) -> String {
    let head = n.to_string();
    let rest = Length::of(length.max.saturating_sub(head.len() as u64), length.unit);
    format!("{head}{}", fill(rest))
}

/// The length of the longest plain ASCII text, of which each character counts as one in every unit.
fn plain_max(can: &Capabilities, max: Length) -> u64 {
    let parts = can.sms_parts.map(|parts| if parts == 1 { 160 } else { u64::from(parts) * 153 });
    [Some(max.max), can.text_also.map(|also| also.max), parts].into_iter().flatten().min().unwrap_or(max.max)
}

/// A text at a channel's limits, with characters that count differently if they fit.
fn longest(can: &Capabilities, max: Length) -> String {
    let plain = plain_max(can, max);
    let fits = |text: &String| {
        [Some(max), can.text_also].into_iter().flatten().all(|limit| limit.unit.count(text) <= limit.max)
            && can.sms_parts.is_none_or(|parts| SmsParts::of(text).parts <= parts.into())
    };
    let texts = [fill(max), fill(Length::chars(plain / 4)), fill(Length::bytes(plain))];
    texts.into_iter().find(fits).unwrap_or_else(|| "a".repeat(usize::try_from(plain).unwrap_or_default()))
}

/// A text one unit longer than allowed.
fn beyond(length: Length) -> String {
    format!("{}a", fill(length))
}

impl Channel<'_> {
    /// The sample message with another content.
    fn with(&self, content: Value) -> Value {
        let mut message = self.kit.message(0);
        message["content"] = content;
        message
    }

    /// Checks that a message passes every local check and a call is made. The provider's response does not matter.
    async fn accepted(&self, what: &str, message: &Value) {
        let host = TestHost::new(self.kit);
        match host.send_json(self.tenant, message, "accepted-1", |options| options).await {
            Ok(Outcome::Failed(end)) if end.error.kind() == ErrorKind::MessageInvalid || end.error.kind() == ErrorKind::Unsupported => {
                panic!("{what} is listed, and refused in the attempt: {}", end.error);
            }
            Ok(_) => assert!(host.wire.calls() > 0, "{what} is listed, and nothing left"),
            Err(error) => panic!("{what} is listed, and refused: {error}"),
        }
    }

    /// Checks that at least one of several forms of a message is accepted.
    async fn one_is_accepted(&self, what: &str, messages: &[Value]) {
        let mut refusals = vec![];
        for message in messages {
            let host = TestHost::new(self.kit);
            match host.send_json(self.tenant, message, "accepted-1", |options| options).await {
                Ok(_) if host.wire.calls() > 0 => return,
                Ok(outcome) => refusals.push(format!("{outcome:?}")),
                Err(error) => refusals.push(error.to_string()),
            }
        }
        panic!("{what} is listed, and refused: {}", refusals.join(" / "));
    }

    /// Checks that a message is refused before any call, with a violation that points into this field.
    async fn refused(&self, what: &str, message: &Value, field: &str) {
        let host = TestHost::new(self.kit);
        let sent = host.send_json(self.tenant, message, "refused-1", |options| options).await;
        assert_eq!(host.wire.calls(), 0, "{what} must be refused before anything leaves");
        let error = match sent {
            Err(error) => error,
            Ok(outcome) => panic!("{what} must be refused: {outcome:?}"),
        };
        assert!(matches!(error.kind(), ErrorKind::MessageInvalid | ErrorKind::Unsupported), "{what}: {error}");
        assert!(error.violations().iter().any(|found| found.pointer.starts_with(field)), "{what}: no violation names {field}: {error}");
        assert!(host.stores.claim_count() == 0, "{what}: a message that can never be sent must take no claim");
    }

    /// A file of a kind, in each form that a strategy may require.
    fn files(&self, kind: MediaKind, mime: Option<&str>, bytes: Option<u64>, caption: Option<&str>) -> Vec<Value> {
        let sources = [
            json!({ "type": "url", "url": "https://files.example.com/file" }),
            json!({ "type": "handle", "id": "1000001" }),
            json!({ "type": "inline", "data": "aGVsbG8=" }),
            json!({ "type": "store", "key": "files/1" }),
        ];
        let mut files = vec![];
        for source in sources {
            for animated in [false, true] {
                let mut content = json!({ "type": "media", "kind": kind.as_str(), "source": source, "animated": animated });
                for (key, value) in [("mime", json!(mime)), ("bytes", json!(bytes)), ("caption", json!(caption))] {
                    if !value.is_null() {
                        content[key] = value;
                    }
                }
                if kind == MediaKind::Document {
                    content["filename"] = "file".into();
                }
                files.push(self.with(content));
            }
        }
        files
    }
}

/// Text: at the limit, one beyond, and empty.
pub(crate) async fn text_is_accepted_up_to_its_limit(kit: &SharedKit) -> CaseResult {
    each(kit, async |channel| {
        let text = |body: String| channel.with(json!({ "type": "text", "body": body }));
        let Some(max) = channel.can.text else {
            channel.refused("text", &text("a".to_owned()), "/content").await;
            return Ok(());
        };
        channel.accepted("text at its limit", &text(longest(&channel.can, max))).await;
        channel.accepted("one character", &text("a".to_owned())).await;
        let plain = plain_max(&channel.can, max);
        if plain <= 1 << 20 {
            channel.accepted("plain text at its limit", &text(fill(Length::of(plain, Unit::Gsm7)))).await;
            channel.refused("text over its limit", &text(beyond(Length::of(plain, Unit::Gsm7))), "/content/body").await;
        }
        channel.refused("an empty text", &text(String::new()), "/content/body").await;
        Ok(())
    })
    .await
}

/// A long text of accents and emoji reaches the provider whole: neither cut nor split inside a character.
pub(crate) async fn a_long_text_is_sent_whole(kit: &SharedKit) -> CaseResult {
    each(kit, async |channel| {
        let Some(max) = channel.can.text else { return Ok(()) };
        let body = longest(&channel.can, Length::of(max.max.min(10_000), max.unit));
        let host = TestHost::new(channel.kit);
        let outcome =
            host.send_json(channel.tenant, &channel.with(json!({ "type": "text", "body": body })), "long-1", |options| options).await;
        assert!(matches!(outcome, Ok(Outcome::Delivered(_))), "{outcome:?}");
        let sent: String = host.wire.effects().iter().map(super::super::wire::RecordedCall::printed).collect();
        assert!(sent.contains(&body) || sent.replace('\n', "").contains(&body), "the text does not reach the provider whole");
        Ok(())
    })
    .await
}

/// Text formats: listed ones are accepted, others refused.
pub(crate) async fn text_formats_are_as_listed(kit: &SharedKit) -> CaseResult {
    each(kit, async |channel| {
        let can = &channel.can;
        for (format, listed) in [("markdown", can.markdown), ("html", can.html)] {
            let message = channel.with(json!({ "type": "text", "body": "hello", "format": format }));
            if listed {
                channel.accepted(format, &message).await;
            } else {
                channel.refused(format, &message, "/content/format").await;
            }
        }
        Ok(())
    })
    .await
}

const KINDS: [MediaKind; 5] = [MediaKind::Image, MediaKind::Audio, MediaKind::Video, MediaKind::Document, MediaKind::Sticker];

/// Files: each listed kind up to its size and of its types, as bytes if these are listed; other kinds are refused.
pub(crate) async fn media_is_accepted_as_listed(kit: &SharedKit) -> CaseResult {
    each(kit, async |channel| {
        for kind in KINDS {
            let name = kind.as_str();
            let Some(rule) = channel.can.media_rule(kind) else {
                channel.refused(name, &channel.files(kind, None, None, None)[0], "/content").await;
                continue;
            };
            let MediaRule { max_bytes, mimes, .. } = *rule;
            let files = channel.files(kind, Some(mimes.first().copied().unwrap_or("application/pdf")), None, None);
            let inline: Vec<_> = files.into_iter().filter(|file| file["content"]["source"]["type"] == "inline").collect();
            match channel.can.media_bytes {
                Some(_) => channel.one_is_accepted(&format!("{name} as bytes"), &inline).await,
                None => channel.refused(&format!("{name} as bytes"), &inline[0], "/content/source").await,
            }
            for mime in mimes.iter().copied().map(Some).chain(mimes.is_empty().then_some(None)) {
                channel
                    .one_is_accepted(&format!("{name} of {mime:?} at its size"), &channel.files(kind, mime, Some(max_bytes), None))
                    .await;
            }
            if let Some(more) = max_bytes.checked_add(1) {
                let over = &channel.files(kind, mimes.first().copied(), Some(more), None)[0];
                channel.refused(&format!("{name} over its size"), over, "/content/bytes").await;
            }
            if !mimes.is_empty() {
                let odd = &channel.files(kind, Some("application/x-odd"), None, None)[0];
                channel.refused(&format!("{name} of another type"), odd, "/content/mime").await;
            }
        }
        Ok(())
    })
    .await
}

/// Captions: up to their limit; refused if not listed.
pub(crate) async fn captions_are_accepted_as_listed(kit: &SharedKit) -> CaseResult {
    each(kit, async |channel| {
        let rules: Vec<_> = KINDS.into_iter().filter_map(|kind| channel.can.media_rule(kind)).collect();
        for rule in rules {
            let (name, mime) = (rule.kind.as_str(), rule.mimes.first().copied());
            let file = |caption: &str| channel.files(rule.kind, mime, None, Some(caption));
            match rule.caption {
                Some(max) => {
                    channel.one_is_accepted(&format!("{name} with a caption at its limit"), &file(&fill(max))).await;
                    if max.max <= 1 << 20 {
                        channel.refused(&format!("{name} with a caption over its limit"), &file(&beyond(max))[0], "/content/caption").await;
                    }
                }
                None => channel.refused(&format!("{name} with a caption"), &file("a")[0], "/content/caption").await,
            }
        }
        Ok(())
    })
    .await
}

/// Reply buttons: as many and as long as listed, and one more.
pub(crate) async fn buttons_are_accepted_up_to_their_limits(kit: &SharedKit) -> CaseResult {
    each(kit, async |channel| {
        let message = |body: String, buttons: Vec<(String, String)>| {
            let buttons: Vec<_> = buttons.into_iter().map(|(id, title)| json!({ "id": id, "title": title })).collect();
            channel.with(json!({ "type": "interactive", "kind": "buttons", "body": body, "buttons": buttons }))
        };
        let plain = |n: u32| (0..n).map(|n| (format!("id-{n}"), format!("Title {n}"))).collect::<Vec<_>>();
        let Some(ButtonRules { max, title, id, body, .. }) = channel.can.buttons else {
            channel.refused("reply buttons", &message("body".into(), plain(1)), "/content").await;
            return Ok(());
        };
        let full = (0..max.min(100) as usize).map(|n| (numbered(n, Length::chars(id.max.min(200))), numbered(n, cut(title)))).collect();
        channel.accepted("as many buttons as listed, at their limits", &message(fill(cut(body)), full)).await;
        channel.refused("one button too many", &message("body".into(), plain(max + 1)), "/content/buttons").await;
        channel.refused("no button", &message("body".into(), vec![]), "/content/buttons").await;
        if title.max <= 1 << 20 {
            let long = vec![("id".to_owned(), beyond(title))];
            channel.refused("a title too long", &message("body".into(), long), "/content/buttons/0/title").await;
            channel.refused("a body too long", &message(beyond(body), plain(1)), "/content/body").await;
        }
        Ok(())
    })
    .await
}

/// Reduces a practically unlimited length to one that can be sent.
fn cut(length: Length) -> Length {
    Length::of(length.max.min(5000), length.unit)
}

/// Lists: as many rows as listed, as long as listed, and one more.
pub(crate) async fn lists_are_accepted_up_to_their_limits(kit: &SharedKit) -> CaseResult {
    each(kit, async |channel| {
    let message = |body: String, button: String, rows: Vec<Value>| {
        let list = json!({ "type": "interactive", "kind": "list", "body": body, "button": button, "sections": [{ "title": "Rows", "rows": rows }] });
        channel.with(list)
    };
    let plain = |n: u32| (0..n).map(|n| json!({ "id": format!("id-{n}"), "title": format!("Row {n}") })).collect::<Vec<_>>();
    let Some(rules) = channel.can.list else {
        channel.refused("a list", &message("body".into(), "Choose".into(), plain(1)), "/content").await;
        return Ok(());
    };
    let ListRules { max_rows, button, title, description, body, .. } = rules;
    let full = (0..max_rows.min(100) as usize)
        .map(|n| json!({ "id": format!("id-{n}"), "title": numbered(n, cut(title)), "description": fill(cut(description)) }))
        .collect();
    channel.accepted("as many rows as listed, at their limits", &message(fill(cut(body)), fill(cut(button)), full)).await;
    channel.refused("one row too many", &message("body".into(), "Choose".into(), plain(max_rows + 1)), "/content/sections").await;
    if title.max <= 1 << 20 {
        let row = json!({ "id": "id", "title": beyond(title) });
        channel.refused("a row's title too long", &message("body".into(), "Choose".into(), vec![row]), "/content/sections/0/rows/0/title")
            .await;
        channel.refused("a button too long", &message("body".into(), beyond(button), plain(1)), "/content/button").await;
    }
    Ok(())
    })
    .await
}

/// Contact cards: as many as listed, and one more.
pub(crate) async fn contacts_are_accepted_up_to_their_limit(kit: &SharedKit) -> CaseResult {
    each(kit, async |channel| {
        let cards = |n: u32| {
            let card = json!({ "name": { "formatted_name": "Ana Lima", "first_name": "Ana" }, "phones": [{ "value": "+15557310009" }] });
            channel.with(json!({ "type": "contacts", "contacts": vec![card; n as usize] }))
        };
        match channel.can.contacts {
            None => channel.refused("contact cards", &cards(1), "/content").await,
            Some(max) => {
                channel.accepted("as many contact cards as listed", &cards(max.min(2000))).await;
                channel.refused("one contact card too many", &cards(max + 1), "/content/contacts").await;
            }
        }
        Ok(())
    })
    .await
}

/// Yes-or-no capabilities: accepted if listed, refused otherwise.
pub(crate) async fn yes_or_no_capabilities_are_as_listed(kit: &SharedKit) -> CaseResult {
    each(kit, async |channel| {
        let can = &channel.can;
        // Without an open conversation there is nothing to end: see the family `conversations`.
        let talks = channel.kit.outbound().conversations.is_some();
        let cta = json!({ "type": "interactive", "kind": "cta_url", "body": "b", "label": "Open", "url": "https://shop.example/1" });
        let table = [
            ("location", can.location, json!({ "type": "location", "latitude": 1.5, "longitude": 2.5, "name": "n", "address": "a" })),
            ("reaction", can.reaction, json!({ "type": "reaction", "target": "m-1", "emoji": "👍" })),
            ("template", can.template, json!({ "type": "template", "name": "order_ready", "language": "en" })),
            ("typing", can.typing, json!({ "type": "typing", "target": "m-1" })),
            ("read mark", can.read_mark, json!({ "type": "read_mark", "target": "m-1" })),
            ("the end of a conversation", can.session, json!({ "type": "session", "kind": "end", "reason": "agent" })),
            (
                "a change of a conversation",
                can.session,
                json!({ "type": "session", "kind": "change", "change": "joined", "participant": "agent" }),
            ),
            ("an answer to a choice", can.choice, json!({ "type": "interactive_reply", "id": "b", "title": "t", "source": "button" })),
            ("web-address button", can.cta_url, cta),
            ("e-mail", can.email.is_some(), json!({ "type": "email", "subject": "s", "text": "t" })),
        ];
        for (what, listed, content) in table {
            let message = channel.with(content);
            if listed && talks && message["content"]["type"] == "session" {
                continue;
            }
            if listed {
                channel.accepted(what, &message).await;
            } else {
                channel.refused(what, &message, "/content").await;
            }
        }
        // These need provider-specific JSON to be accepted.
        let rich = json!({ "type": "interactive", "kind": "location_request", "body": "b" });
        for (what, listed, content) in
            [("rich interactive", can.rich_interactive, rich), ("native JSON", can.native, json!({ "type": "native", "value": {} }))]
        {
            if !listed {
                channel.refused(what, &channel.with(content), "/content").await;
            }
        }
        Ok(())
    })
    .await
}

/// E-mail: as many recipients as listed and one more, and each part as listed.
pub(crate) async fn e_mail_is_accepted_as_listed(kit: &SharedKit) -> CaseResult {
    each(kit, async |channel| {
        let mail = |members: Value| {
            let mut content = json!({ "type": "email", "subject": "s", "text": "t" });
            for (name, value) in members.as_object().into_iter().flatten() {
                content[name] = value.clone();
            }
            channel.with(content)
        };
        let Some(rules) = channel.can.email else {
            channel.refused("an e-mail", &mail(json!({})), "/content").await;
            return Ok(());
        };
        let is_open = rules.headers.iter().any(|allowed| allowed.ends_with('*'));
        assert!(
            !is_open || !rules.reserved_headers.is_empty(),
            "any header field of a pattern may be set, also those that steer the provider: list them in EmailRules::reserved_headers"
        );
        let copies = |count: u32| json!({ "cc": (0..count).map(|n| format!("Reader <reader-{n}@mail.example>")).collect::<Vec<_>>() });
        if rules.max_recipients <= 2000 {
            channel.accepted("as many recipients as listed", &mail(copies(rules.max_recipients.saturating_sub(1)))).await;
            channel.refused("one recipient too many", &mail(copies(rules.max_recipients)), "/content").await;
        }
        channel.refused("two mailboxes in one", &mail(json!({ "cc": ["a@mail.example, b@mail.example"] })), "/content/cc/0").await;
        channel
            .refused("a header field that hides a recipient", &mail(json!({ "headers": { "Bcc": "a@mail.example" } })), "/content/headers")
            .await;
        for reserved in rules.reserved_headers {
            let name = reserved.replace('*', "kit");
            if !rules.allows_header(&name) {
                channel
                    .refused("a header field that steers the provider", &mail(json!({ "headers": { name: "1" } })), "/content/headers")
                    .await;
            }
        }
        let link = json!({ "https": "https://shop.example/u/1", "one_click": true });
        let ics = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Shop//EN\r\nMETHOD:PUBLISH\r\nEND:VCALENDAR\r\n";
        let file =
            json!({ "kind": "document", "source": { "type": "inline", "data": "aGVsbG8=" }, "mime": "text/plain", "filename": "a.txt" });
        let logo = json!({ "media": file, "content_id": "logo" });
        let parts = [
            ("html", rules.html, json!("<p>t</p>")),
            ("attachments", rules.max_attachments > 0 && channel.can.media_bytes.is_some(), json!([{ "media": file }])),
            ("attachments", rules.inline && rules.max_attachments > 0 && channel.can.media_bytes.is_some(), json!([logo])),
            ("calendar", rules.calendar, json!({ "method": "publish", "ics": ics })),
            ("unsubscribe", rules.unsubscribe, link),
            ("thread", rules.thread, json!({ "in_reply_to": "<1@mail.example>" })),
            ("tags", rules.tags.is_some(), json!({ "team": "a" })),
            ("track", rules.tracking, json!({ "open": false })),
        ];
        for (part, listed, value) in parts {
            let mut members = json!({ part: value });
            if rules.html && part == "attachments" {
                members["html"] = "<img src=\"cid:logo\">".into();
            }
            let message = mail(members);
            if listed {
                channel.accepted(part, &message).await;
            } else {
                channel.refused(part, &message, "/content").await;
            }
        }
        Ok(())
    })
    .await
}

/// A message that quotes another.
pub(crate) async fn quotes_are_as_listed(kit: &SharedKit) -> CaseResult {
    each(kit, async |channel| {
        let mut message = channel.kit.message(0);
        message["reply_to"] = "m-1".into();
        if channel.can.quote {
            channel.accepted("a quote", &message).await;
        } else {
            channel.refused("a quote", &message, "/reply_to").await;
        }
        Ok(())
    })
    .await
}

/// Inbound-only content is refused, and so is a message without a recipient.
pub(crate) async fn content_that_cannot_be_sent_is_refused(kit: &SharedKit) -> CaseResult {
    each(kit, async |channel| {
        let contents = [
            json!({ "type": "flow_reply", "text": "{}" }),
            json!({ "type": "unknown", "provider_type": "hologram" }),
            json!({ "type": "compound", "parts": [{ "type": "text", "body": "a" }, { "type": "text", "body": "b" }] }),
        ];
        for content in contents {
            let what = content["type"].as_str().unwrap_or_default().to_owned();
            channel.refused(&what, &channel.with(content), "/content").await;
        }
        let mut no_recipient = channel.kit.message(0);
        no_recipient["to"] = json!({ "ids": [] });
        channel.refused("a message without a recipient", &no_recipient, "/to").await;
        Ok(())
    })
    .await
}
