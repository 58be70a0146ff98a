//! Carousels and limited-time offers.

use serde_json::Value;

use super::super::component::{ComponentKind, items, word};
use super::super::limits::TemplateForm;
use super::Check;

impl Check {
    pub(super) fn carousel(&mut self, at: &str, carousel: &Value) {
        if self.form == TemplateForm::Card {
            return self.out.rule("carousel_nested").add(at, "a card has no carousel");
        }
        self.is_marketing("carousel_category");
        let cards = items(carousel, "cards");
        let at = format!("{at}/cards");
        self.count("carousel_cards", &at, cards.len());
        let form = std::mem::replace(&mut self.form, TemplateForm::Card);
        for (n, card) in cards.iter().enumerate() {
            self.components(&format!("{at}/{n}/components"), items(card, "components").iter());
        }
        self.form = form;
        let Some(first) = cards.first().map(shape) else { return };
        for (n, _) in cards.iter().enumerate().filter(|(_, card)| shape(card) != first) {
            self.out.rule("carousel_uniform").add(format!("{at}/{n}"), "every card has the same components and kinds of buttons");
        }
    }

    pub(super) fn offer(&mut self, at: &str, component: &Value) {
        self.is_marketing("lto_category");
        let text = component.pointer("/limited_time_offer/text").and_then(Value::as_str).unwrap_or_default();
        self.length("offer_text_max", format!("{at}/limited_time_offer/text"), text);
    }

    /// Checks that the category is marketing, if it is one.
    fn is_marketing(&mut self, rule: &'static str) {
        let fits = matches!(self.category, TemplateForm::Marketing | TemplateForm::Any);
        self.out.rule(rule).require(fits, "/category", "must be MARKETING for such a component");
    }
}

/// The parts that all cards have in common, in any order: kinds of components, the header's format and the kinds of buttons.
fn shape(card: &Value) -> Vec<(String, String, Vec<String>)> {
    let kinds = |part: &Value| items(part, "buttons").iter().map(|button| word(button, "type")).collect();
    let parts = items(card, "components").iter();
    let mut shape: Vec<_> = parts.map(|part| (ComponentKind::of(part).as_str().to_owned(), word(part, "format"), kinds(part))).collect();
    shape.sort_unstable();
    shape
}
