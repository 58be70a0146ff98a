#![allow(clippy::needless_pass_by_value, reason = "members are given as they are written")]

use serde_json::{Value, json};

use crate::message::{Capabilities, EmailRules, Length, Message as _, OutboundMessage, TagRules};

const TAGS: TagRules = TagRules { max: 2, name: Length::chars(10), value: Length::chars(10), words: true };
const RULES: EmailRules = EmailRules::new(4, 1_000)
    .with_attachments(2)
    .with_refused_extensions(&["exe"])
    .with_headers(&["X-*", "Precedence"], 2)
    .with_tags(TAGS)
    .with_html()
    .with_templates()
    .with_inline()
    .with_calendar()
    .with_unsubscribe()
    .with_thread()
    .with_tracking()
    .with_configuration_set();

fn can(rules: EmailRules) -> Capabilities {
    Capabilities::NONE.with_email(rules).with_media_bytes(600)
}

/// The violations in an e-mail with these members beside subject and text.
#[track_caller]
fn found(rules: EmailRules, members: Value) -> Vec<String> {
    let mut content = json!({ "type": "email", "subject": "s", "text": "t" });
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::Null => drop(content.as_object_mut().unwrap().remove(name)),
            value => content[name] = value.clone(),
        }
    }
    message(rules, json!({ "to": "ana@customer.example", "content": content }))
}

#[track_caller]
fn message(rules: EmailRules, message: Value) -> Vec<String> {
    let message: OutboundMessage = serde_json::from_value(message).unwrap();
    message.validate(&can(rules)).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[track_caller]
fn refuses(members: Value, expected: &[&str]) {
    assert_eq!(found(RULES, members.clone()), expected, "{members}");
}

fn file(more: Value) -> Value {
    let mut file = json!({ "media": { "kind": "document", "source": { "type": "inline", "data": "JVBERi0xLjQK" } } });
    for (name, value) in more.as_object().unwrap() {
        file["media"][name] = value.clone();
    }
    file
}

#[test]
fn every_part_passes_where_the_channel_takes_it_and_is_refused_at_its_place_where_not() {
    let ics = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n";
    let mut logo = file(json!({ "mime": "image/png", "filename": "Prüf \"a'b\";.png" }));
    logo["content_id"] = "logo@1".into();
    let members = json!({
        "from": "Acme <news@shop.example>",
        "cc": ["\"Lopez, Bo\" <bo@x.example>"],
        "bcc": [{ "address": "eve@bücher.example" }],
        "reply_to": ["Hilfe Büro <help@shop.example>"],
        "html": "<p>\tt\r\n</p><img src=\"cid:logo@1\">",
        "attachments": [logo],
        "calendar": { "method": "request", "ics": ics },
        "headers": { "X-Ref": "Größe", "precedence": "bulk" },
        "unsubscribe": { "https": "https://shop.example/u?a=1", "mailto": "mailto:leave@shop.example?subject=a", "one_click": true },
        "thread": { "in_reply_to": "<17@shop.example>", "references": ["<odd>", "<17@shop.example>"] },
        "tags": { "team": "orders_1" },
        "configuration_set": "main",
        "track": { "open": false }
    });
    assert_eq!(found(RULES, members.clone()), [""; 0]);
    let plain = EmailRules::new(4, 1_000);
    let places: Vec<_> = found(plain, members).into_iter().map(|found| found.split(": ").next().unwrap().to_owned()).collect();
    assert_eq!(
        places,
        [
            "/content/html",
            "/content/attachments/0",
            "/content/attachments",
            "/content/calendar",
            "/content/headers",
            "/content/headers/X-Ref",
            "/content/headers/precedence",
            "/content/unsubscribe",
            "/content/thread",
            "/content/tags",
            "/content/configuration_set",
            "/content/track",
        ]
    );
    assert_eq!(
        message(plain, json!({ "to": "a@b.example", "content": { "type": "email", "template": "t" } })),
        ["/content/template: the channel takes no templates for e-mail"]
    );
}

#[test]
fn recipients_are_checked_and_counted_together() {
    let boxes = |count: usize| (0..count).map(|n| format!("r{n}@x.example")).collect::<Vec<_>>();
    assert_eq!(found(RULES, json!({ "cc": boxes(2), "bcc": boxes(1) })), [""; 0]);
    refuses(
        json!({ "cc": boxes(2), "bcc": boxes(2) }),
        &["/content: too many recipients in all, those in cc and bcc included (limit 4, actual 5)"],
    );
    refuses(json!({ "reply_to": boxes(26) }), &["/content/reply_to: too many (limit 25, actual 26)"]);
    refuses(
        json!({ "cc": ["a@b.example", "<a@b.example>, c@d.example"], "reply_to": ["help@shop.example\nX: y"] }),
        &[
            "/content/cc/1: one mailbox is meant, neither a list nor a group; a name with such characters is written in quotes",
            "/content/reply_to/0: a mailbox holds no line break, control character or direction mark",
        ],
    );
    refuses(
        json!({ "from": { "name": "Eve\r\nBcc: x@evil.example", "address": "news@shop.example" } }),
        &["/content/from/name: a name holds no line break, control character or direction mark"],
    );
}

#[test]
fn the_recipient_is_checked_as_an_address() {
    let to = |to: Value| message(RULES, json!({ "to": to, "content": { "type": "email", "subject": "s", "text": "t" } }));
    for fine in [json!("ana+orders@customer.example"), json!("info@bücher.example"), json!("+15551230001")] {
        assert_eq!(to(fine), [""; 0]);
    }
    let long = format!("{}@customer.example", "a".repeat(65));
    for (bad, expected) in [
        (json!(long), "/to: too long before the @, in bytes (limit 64, actual 65)"),
        (json!("ana@customer.example."), "/to: a part of the domain is empty"),
        (json!("ana@localhost"), "/to: a domain ends with a dot and a top-level name"),
        (json!("jösé@customer.example"), "/to: the channel takes no characters outside ASCII before the @"),
        (
            json!({ "ids": [{ "kind": "email", "value": "ana@customer.example" }], "name": "Ana\r\nBcc: x@evil.example" }),
            "/to/name: must not hold line breaks or control characters",
        ),
    ] {
        assert_eq!(to(bad), [expected]);
    }
    assert_eq!(found(RULES.with_international(), json!({ "cc": ["jösé@customer.example"] })), [""; 0]);
    refuses(json!({ "cc": ["jösé@customer.example"] }), &["/content/cc/0: the channel takes no characters outside ASCII before the @"]);
}

#[test]
fn subject_text_and_template_go_together_and_hold_no_control_characters() {
    assert_eq!(found(RULES, json!({ "subject": "\u{200f}שלום", "text": "a\tb\r\nc\u{200f}" })), [""; 0]);
    refuses(json!({ "subject": null }), &["/content/subject: needed without a template"]);
    refuses(json!({ "text": null }), &["/content/text: text, HTML or a template is needed"]);
    refuses(json!({ "text": "", "html": "<p>x</p>" }), &["/content/text: must not be empty"]);
    refuses(json!({ "text": "a\u{0}b" }), &["/content/text: must not hold control characters"]);
    refuses(json!({ "html": "a\u{9b}b" }), &["/content/html: must not hold control characters"]);
    for subject in ["Hi\r\nBcc: x@evil.example", "Hi\u{2028}x", "Hi\tx"] {
        refuses(json!({ "subject": subject }), &["/content/subject: must not hold line breaks or control characters"]);
    }
    refuses(json!({ "subject": "s".repeat(999) }), &["/content/subject: too long, in characters (limit 998, actual 999)"]);
    refuses(json!({ "data": {} }), &["/content/data: data needs a template"]);
    refuses(json!({ "template": "welcome" }), &["/content/template: stands in place of subject, text and HTML"]);
    let template = |data: Value| json!({ "subject": null, "text": null, "template": "welcome", "data": data });
    assert_eq!(found(RULES, template(json!({ "name": "Ana" }))), [""; 0]);
    refuses(template("{\"name\":\"Ana\"}".into()), &["/content/data: must be a JSON object, not a string that holds one"]);
    refuses(template(json!([1])), &["/content/data: must be a JSON object"]);
    refuses(template(json!({ "a": "b".repeat(262_144) })), &["/content/data: too long, in bytes (limit 262144, actual 262152)"]);
}

const MIME: &str = "/content/attachments/0/media/mime: must be a MIME type of one part, with no parameters but charset, codecs and method";

#[test]
fn files_are_checked_each_and_as_a_whole() {
    let one = |file: Value| json!({ "attachments": [file] });
    for (file, expected) in [
        (file(json!({ "filename": "../../etc/passwd.pdf" })), "/content/attachments/0/media/filename: must be a name without a path"),
        (file(json!({ "filename": "..\\run.pdf" })), "/content/attachments/0/media/filename: must be a name without a path"),
        (file(json!({ "filename": "a.exe::$DATA" })), "/content/attachments/0/media/filename: must be a name without a path"),
        (
            file(json!({ "filename": "a\r\nX y.pdf" })),
            "/content/attachments/0/media/filename: must not hold line breaks or control characters",
        ),
        (file(json!({ "filename": "a\u{3164}.pdf" })), "/content/attachments/0/media/filename: must not hold invisible characters"),
        (file(json!({ "filename": "invoice\u{200b}.pdf" })), "/content/attachments/0/media/filename: must not hold invisible characters"),
        (
            file(json!({ "filename": "=?utf-8?q?a=2Eexe?=" })),
            "/content/attachments/0/media/filename: must not look like an encoded word (=?charset?q?text?=): mail programs show another text",
        ),
        (
            file(json!({ "filename": "setup.EXE. \u{a0}" })),
            "/content/attachments/0/media/filename: the channel refuses files with this ending",
        ),
        (file(json!({ "mime": "application/pdf\r\nX: y" })), MIME),
        (file(json!({ "mime": "pdf" })), MIME),
        (file(json!({ "mime": "application/pdf; name=invoice.exe" })), MIME),
        (file(json!({ "mime": "multipart/mixed; charset=utf-8" })), MIME),
        (file(json!({ "mime": "text/plain; charset" })), MIME),
        (
            file(json!({ "source": { "type": "url", "url": "https://shop.example/a.pdf" } })),
            "/content/attachments/0/media/source: the channel takes no address of a file: give its bytes, or a file of the media store",
        ),
        (
            file(json!({ "source": { "type": "store", "key": "a" }, "bytes": 601 })),
            "/content/attachments/0/media/source: the file is too large, in bytes (limit 600, actual 601)",
        ),
    ] {
        refuses(one(file), &[expected]);
    }
    let named = |id: &str, inline: Option<bool>| {
        let mut file = file(json!({}));
        file["content_id"] = id.into();
        if let Some(inline) = inline {
            file["inline"] = inline.into();
        }
        file
    };
    let mut nameless = file(json!({}));
    nameless["inline"] = true.into();
    refuses(one(nameless), &["/content/attachments/0/content_id: needed for a file that the HTML shows"]);
    refuses(one(named(&"x".repeat(79), None)), &["/content/attachments/0/content_id: too long, in bytes (limit 78, actual 79)"]);
    refuses(
        one(named("<logo>", None)),
        &["/content/attachments/0/content_id: must be letters, digits and signs of ASCII, without brackets"],
    );
    refuses(
        json!({ "html": "cid:a", "attachments": [named("a", None), named("a", Some(false))] }),
        &["/content/attachments: content ids must differ"],
    );
    let three = json!({ "attachments": [file(json!({})), file(json!({})), file(json!({}))] });
    refuses(three, &["/content/attachments: too many (limit 2, actual 3)"]);
}

#[test]
fn an_ending_is_read_without_invisible_characters() {
    for name in ["setup.e\u{200b}xe", "setup.exe\u{2060}", "fdp.\u{202e}exe", "setup.\u{ad}EXE"] {
        let found = found(RULES, json!({ "attachments": [file(json!({ "filename": name }))] }));
        assert!(found.len() == 2 && found[1].ends_with("the channel refuses files with this ending"), "{name:?}: {found:?}");
    }
}

#[test]
fn a_picture_that_the_html_does_not_name_is_a_warning() {
    let picture = |id: &str| {
        let mut picture = file(json!({}));
        picture["content_id"] = id.into();
        json!([picture])
    };
    let warning = [
        "/content/attachments/0/content_id: warning: the HTML does not name this file: name it in the HTML as cid:, or set `inline` to false",
    ];
    for html in [json!("<p>logo</p>"), json!("<img src=\"cid:other\">"), Value::Null] {
        refuses(json!({ "html": html, "attachments": picture("logo@1") }), &warning);
    }
    for html in ["<img src=\"cid:logo@1\">", "<img src='cid:logo%401'>"] {
        assert_eq!(found(RULES, json!({ "html": html, "attachments": picture("logo@1") })), [""; 0]);
    }
    let template = json!({ "subject": null, "text": null, "template": "welcome", "attachments": picture("logo") });
    assert_eq!(found(RULES, template), [""; 0]);
}

#[test]
fn no_text_of_a_header_looks_like_an_encoded_word() {
    let at = |pointer: &str| format!("{pointer}: must not look like an encoded word (=?charset?q?text?=): mail programs show another text");
    let word = "=?utf-8?b?QWNtZSBCYW5r?=";
    refuses(json!({ "subject": format!("Re: {word}") }), &[&at("/content/subject")]);
    refuses(json!({ "from": { "name": word, "address": "a@b.example" } }), &[&at("/content/from/name")]);
    refuses(json!({ "headers": { "X-A": word } }), &[&at("/content/headers/X-A")]);
    let to = json!({ "ids": [{ "kind": "email", "value": "ana@customer.example" }], "name": word });
    assert_eq!(message(RULES, json!({ "to": to, "content": { "type": "email", "subject": "s", "text": word } })), [at("/to/name")]);
    assert_eq!(found(RULES, json!({ "subject": "a =?b?c? d?" })), [""; 0]);
}

#[test]
fn the_size_is_that_of_encoded_files() {
    let stored = |bytes: u64| file(json!({ "source": { "type": "store", "key": "a" }, "bytes": bytes }));
    // 545 bytes are 728 digits in 10 lines.
    let text = |bytes: usize| json!({ "text": "t".repeat(bytes - 1), "attachments": [stored(545)] });
    assert_eq!(found(RULES, text(252)), [""; 0]);
    let over = "the e-mail is too large once its files are encoded, in bytes";
    refuses(text(253), &[&format!("/content/attachments: {over} (limit 1000, actual 1001)")]);
    refuses(json!({ "text": "t".repeat(1_000) }), &[&format!("/content: {over} (limit 1000, actual 1001)")]);
    let endless = EmailRules::new(1, u64::MAX).with_attachments(9);
    assert_eq!(found(endless, json!({ "attachments": [stored(u64::MAX), stored(u64::MAX)] })).len(), 2);
}

#[test]
fn header_fields_are_those_that_the_channel_allows() {
    let name = |name: &str| json!({ "headers": { name: "x" } });
    for (bad, at, message) in [
        ("Bcc", "Bcc", "this header field has a member of its own, or is written by the channel"),
        ("content-type", "content-type", "this header field has a member of its own, or is written by the channel"),
        ("Priority", "Priority", "the channel does not allow this header field"),
        ("Bad Name", "*", "the name of a header field is visible ASCII without a colon"),
        ("X:a", "*", "the name of a header field is visible ASCII without a colon"),
        ("X-Ä", "*", "the name of a header field is visible ASCII without a colon"),
        ("X-a\r\nBcc", "*", "the name of a header field is visible ASCII without a colon"),
    ] {
        refuses(name(bad), &[&format!("/content/headers/{at}: {message}")]);
    }
    let long = format!("X-{}", "a".repeat(125));
    refuses(name(&long), &["/content/headers/*: too long, in bytes (limit 126, actual 127)"]);
    let value = |value: &str| json!({ "headers": { "X-A": value } });
    refuses(value(""), &["/content/headers/X-A: too short (limit 1, actual 0)"]);
    refuses(value("a\r\nBcc: x"), &["/content/headers/X-A: must not hold line breaks or control characters"]);
    refuses(value(&"a".repeat(999)), &["/content/headers/X-A: too long, in bytes (limit 998, actual 999)"]);
    refuses(json!({ "headers": { "X-A": "1", "x-a": "2" } }), &["/content/headers: names must differ in more than case"]);
    refuses(json!({ "headers": { "X-A": "1", "X-B": "2", "X-C": "3" } }), &["/content/headers: too many (limit 2, actual 3)"]);
}

#[test]
fn ways_to_unsubscribe_are_addresses() {
    let refuses = |ways: Value, expected: &str| refuses(json!({ "unsubscribe": ways }), &[expected]);
    refuses(json!({}), "/content/unsubscribe: needs an https or a mailto address");
    refuses(json!({ "mailto": "mailto:a@b.example", "one_click": true }), "/content/unsubscribe/one_click: needs an https address");
    for https in [
        "http://shop.example/u",
        "https://",
        "https:///u",
        "https://a@shop.example",
        "https://shop.example/u>, <x:",
        "https://shop.example/\r\nX: y",
    ] {
        refuses(json!({ "https": https }), "/content/unsubscribe/https: must be an https:// address in ASCII");
    }
    for mailto in [
        "a@b.example",
        "mailto:",
        "mailto:a",
        "mailto:a@b.example,c@d.example",
        "mailto:a%40b.example%2Cc@d.example",
        "mailto:a%3Fbcc=c@d.example",
        "mailto:a@b.example?subject=a b",
        "mailto:a@b.example?bcc=c@d.example",
        "mailto:a@b.example?%62cc=c@d.example",
        "mailto:a@b.example?subject=x&to=c@d.example",
        "mailto:a@b.example?subject=x&amp;subject=y",
        "mailto:a@b.example?subject=x&subject=y",
        "mailto:a@b.example?subject=x%0D%0ABcc:c@d.example",
        "mailto:a@b.example?subject=%3D?utf-8?q?x?%3D",
        "mailto:a@b.example?body=%00",
        "mailto:a@b.example?body=%4",
        "mailto:a@b.example?body=%ff",
        "mailto:a@b.example?body=x#y",
        "mailto:a@b.example?",
    ] {
        let expected = "/content/unsubscribe/mailto: must be mailto: and one address, in ASCII, with no fields but subject and body";
        refuses(json!({ "mailto": mailto }), expected);
    }
    for mailto in ["mailto:a%2Bb@c.example", "mailto:a@b.example?subject=leave%20me&body=1%0D%0A2", "mailto:a@b.example?body=a=b?"] {
        assert_eq!(found(RULES, json!({ "unsubscribe": { "mailto": mailto } })), [""; 0], "{mailto}");
    }
    let long = format!("https://shop.example/{}", "u".repeat(880));
    refuses(json!({ "https": long }), "/content/unsubscribe/https: too long, in bytes (limit 900, actual 901)");
}

#[test]
fn threads_tags_and_invitations_are_bounded() {
    refuses(
        json!({ "thread": { "in_reply_to": "17@shop.example", "references": ["<a b>", "<>"] } }),
        &[
            "/content/thread/in_reply_to: must be a message id: <, visible ASCII, >",
            "/content/thread/references/0: must be a message id: <, visible ASCII, >",
            "/content/thread/references/1: must be a message id: <, visible ASCII, >",
        ],
    );
    refuses(
        json!({ "thread": { "in_reply_to": "<a@b>", "references": vec!["<a@b>"; 101] } }),
        &["/content/thread/references: too many (limit 100, actual 101)"],
    );
    refuses(
        json!({ "tags": { "team:x": "a", "abcdefghijk": "é" } }),
        &[
            "/content/tags/abcdefghijk: too long, in characters (limit 10, actual 11)",
            "/content/tags/abcdefghijk: name and value are letters, digits, _ and -",
            "/content/tags/*: name and value are letters, digits, _ and -",
        ],
    );
    refuses(json!({ "tags": { "a": "1", "b": "2", "c": "3" } }), &["/content/tags: too many (limit 2, actual 3)"]);
    let ics = "BEGIN:VCALENDAR\nMETHOD:CANCEL\nEND:VCALENDAR";
    refuses(
        json!({ "calendar": { "method": "request", "ics": ics } }),
        &["/content/calendar/method: must be the METHOD that the iCalendar object names once"],
    );
    refuses(
        json!({ "calendar": { "method": "request", "ics": "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nMETH\r\n OD:CANCEL\r\nEND:VCALENDAR" } }),
        &["/content/calendar/method: must be the METHOD that the iCalendar object names once"],
    );
    refuses(
        json!({ "calendar": { "method": "cancel", "ics": &ics[1..] } }),
        &["/content/calendar/ics: must be one iCalendar object, from BEGIN:VCALENDAR to END:VCALENDAR"],
    );
    let second = "BEGIN:VCALENDAR\r\nMETHOD:CANCEL\r\nEND:VCALENDAR\r\nBEGIN;X=1:VCALENDAR\r\nEND:VCALENDAR";
    refuses(
        json!({ "calendar": { "method": "cancel", "ics": second } }),
        &["/content/calendar/ics: must be one iCalendar object, from BEGIN:VCALENDAR to END:VCALENDAR"],
    );
    refuses(json!({ "configuration_set": "a\nb" }), &["/content/configuration_set: must not hold line breaks or control characters"]);
}

#[test]
fn no_violation_and_no_debug_text_repeats_content() {
    let canary = "canary\u{0}";
    let message: OutboundMessage = serde_json::from_value(json!({
        "to": "canary@x",
        "content": {
            "type": "email", "subject": canary, "text": canary, "html": canary, "template": canary, "data": canary,
            "from": canary, "cc": [canary], "bcc": [{ "name": canary, "address": canary }], "reply_to": [canary],
            "attachments": [{ "media": { "kind": "document", "source": { "type": "url", "url": canary }, "filename": canary }, "content_id": canary }],
            "calendar": { "method": "add", "ics": canary },
            "headers": { canary: canary },
            "unsubscribe": { "https": canary, "mailto": canary },
            "thread": { "in_reply_to": canary, "references": [canary] },
            "tags": { canary: canary },
            "configuration_set": canary
        }
    }))
    .unwrap();
    let found = message.validate(&can(RULES)).unwrap_err();
    let crate::Content::Email(email) = &message.content else { panic!() };
    let printed = format!(
        "{found:?} {message:?} {email:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        email.from, email.cc, email.calendar, email.unsubscribe, email.thread, email.attachments
    );
    assert!(found.len() > 20 && !printed.contains("canary"), "{printed}");
}

#[test]
fn every_violation_of_an_e_mail_names_its_rule() {
    let members = json!({
        "subject": "", "text": "", "cc": ["x"], "headers": { "Bcc": "a" }, "tags": { "a b": "c" }, "unsubscribe": { "one_click": true },
        "thread": { "in_reply_to": "x", "references": [] }, "calendar": { "method": "request", "ics": "x" },
        "attachments": [file(json!({ "filename": "a/b.exe" })), file(json!({})), file(json!({}))],
    });
    let mut content = json!({ "type": "email" });
    content.as_object_mut().unwrap().append(&mut members.as_object().unwrap().clone());
    let message: OutboundMessage = serde_json::from_value(json!({ "to": "ana@customer.example", "content": content })).unwrap();
    let violations = message.validate(&can(RULES)).unwrap_err();
    assert!(violations.len() > 10, "{violations:?}");
    for violation in violations {
        assert!(violation.rule.as_deref().is_some_and(|rule| rule.starts_with("email.")), "{violation}");
    }
}

#[test]
fn an_e_mail_goes_to_one_address_and_to_further_ones_in_copy() {
    let to = json!([{ "kind": "email", "value": "ana@customer.example" }, { "kind": "email", "value": "ben@customer.example" }]);
    let found = message(RULES, json!({ "to": { "ids": to }, "content": { "type": "email", "subject": "s", "text": "t" } }));
    assert!(found.len() == 1 && found[0].starts_with("/to: a message has one e-mail address in `to`"), "{found:?}");
}
