//! Checks of interactive content.

use crate::message::{
    Capabilities, Header, Interactive,
    checker::{Checker, Under},
};

pub(super) fn interactive(at: &str, item: &Interactive, can: &Capabilities, check: &mut Checker) {
    match item {
        Interactive::Buttons { header, body, footer, buttons } => {
            let Some(rules) = can.buttons else { return check.rule("buttons.unsupported").add(at, "the channel has no reply buttons") };
            check.rule("buttons.body").text(Under(at, "/body"), body, 1, rules.body);
            check.rule("buttons.footer").optional(Under(at, "/footer"), footer.as_deref(), rules.footer);
            if let Some(Header::Text { text }) = header {
                check.rule("buttons.header").text(Under(at, "/header/text"), text, 1, rules.header);
            }
            check.rule("buttons.count").count(Under(at, "/buttons"), buttons.len(), 1, rules.max.into());
            for (i, button) in buttons.iter().enumerate() {
                check.rule("buttons.id").text(format!("{at}/buttons/{i}/id"), &button.id, 1, rules.id);
                check.rule("buttons.title").text(format!("{at}/buttons/{i}/title"), &button.title, 1, rules.title);
            }
            check.rule("buttons.unique").unique(Under(at, "/buttons"), buttons.iter().map(|b| b.id.as_str()), "ids must differ");
            check.rule("buttons.unique").unique(Under(at, "/buttons"), buttons.iter().map(|b| b.title.as_str()), "titles must differ");
        }
        Interactive::List { body, button, sections, .. } => {
            let Some(rules) = can.list else { return check.rule("list.unsupported").add(at, "the channel has no lists") };
            check.rule("list.body").text(Under(at, "/body"), body, 1, rules.body);
            check.rule("list.button").text(Under(at, "/button"), button, 1, rules.button);
            check.rule("list.count").count(Under(at, "/sections"), sections.len(), 1, rules.max_sections.into());
            let rows = || sections.iter().flat_map(|section| &section.rows);
            check.rule("list.count").count(Under(at, "/sections"), rows().count(), 1, rules.max_rows.into());
            for (s, section) in sections.iter().enumerate() {
                let at = format!("{at}/sections/{s}");
                check.rule("list.rows").require(!section.rows.is_empty(), Under(&at, "/rows"), "a section needs at least one row");
                check.rule("list.section").require(
                    sections.len() == 1 || section.title.as_deref().is_some_and(|title| !title.is_empty()),
                    Under(&at, "/title"),
                    "needed where there are several sections",
                );
                check.rule("list.section").optional(Under(&at, "/title"), section.title.as_deref(), rules.section);
                for (r, row) in section.rows.iter().enumerate() {
                    check.rule("list.id").text(format!("{at}/rows/{r}/id"), &row.id, 1, rules.id);
                    check.rule("list.title").text(format!("{at}/rows/{r}/title"), &row.title, 1, rules.title);
                    check.rule("list.description").optional(
                        format!("{at}/rows/{r}/description"),
                        row.description.as_deref(),
                        rules.description,
                    );
                }
            }
            check.rule("list.unique").unique(Under(at, "/sections"), rows().map(|row| row.id.as_str()), "row ids must differ");
        }
        Interactive::CtaUrl(_) => check.rule("cta_url.unsupported").require(can.cta_url, at, "the channel has no web-address button"),
        _ => check.rule("interactive.unsupported").require(can.rich_interactive, at, "the channel does not have this interactive kind"),
    }
}
