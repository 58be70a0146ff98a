//! Cards side by side.

use serde_json::{Value, json};
use zengine_connector::message::{Carousel, CarouselCard, Media, MediaKind};

use super::cx::{Cx, Object};
use super::interactive::{cta_url, product};
use super::media;

const CARD_TEXT: u64 = 160;
const BUTTON: u64 = 20;

/// The shape that all cards of one carousel must share.
#[derive(PartialEq)]
enum Shape<'a> {
    Link(MediaKind),
    Replies(MediaKind, usize),
    Product(&'a str),
}

pub(super) fn action(cx: &mut Cx, at: &str, carousel: &Carousel) -> Value {
    let at = format!("{at}/cards");
    cx.check.rule("carousel.count").count(at.as_str(), carousel.cards.len(), 2, 10);
    let mut shapes = carousel.cards.iter().map(shape);
    if let Some(first) = shapes.next() {
        let alike = shapes.all(|shape| shape == first);
        cx.require("carousel.alike", alike, at.as_str(), "all cards need the same kind of header, the same buttons and the same catalogue");
    }
    let cards: Value = carousel.cards.iter().enumerate().map(|(i, item)| card(cx, &format!("{at}/{i}"), i, item)).collect();
    json!({"cards": cards})
}

fn shape(card: &CarouselCard) -> Option<Shape<'_>> {
    match card {
        CarouselCard::Link { media, .. } => Some(Shape::Link(media.kind)),
        CarouselCard::Replies { media, buttons, .. } => Some(Shape::Replies(media.kind, buttons.len())),
        CarouselCard::Product { catalog, .. } => Some(Shape::Product(catalog)),
        _ => None,
    }
}

fn card(cx: &mut Cx, at: &str, index: usize, card: &CarouselCard) -> Value {
    let object = Object::new().with("card_index", index);
    match card {
        CarouselCard::Link { media, body, label, url } => {
            let object = picture(cx, at, object, media, body.as_deref());
            object.with("action", cta_url(cx, at, label, url)).into()
        }
        CarouselCard::Replies { media, body, buttons } => {
            let object = picture(cx, at, object, media, body.as_deref());
            cx.check.rule("carousel.buttons").count(format!("{at}/buttons"), buttons.len(), 1, 3);
            for (i, button) in buttons.iter().enumerate() {
                cx.label_of(&format!("{at}/buttons/{i}/id"), &button.id, BUTTON);
                cx.label_of(&format!("{at}/buttons/{i}/title"), &button.title, BUTTON);
            }
            let buttons: Value = buttons
                .iter()
                .map(|button| json!({"type": "quick_reply", "quick_reply": {"id": button.id, "title": button.title}}))
                .collect();
            object.with("action", json!({"buttons": buttons})).into()
        }
        CarouselCard::Product { catalog, sku } => object.with("type", "product").with("action", product(cx, at, catalog, sku)).into(),
        _ => {
            cx.check.rule("carousel.kind").add(at, "WhatsApp does not have this kind of card");
            Value::Null
        }
    }
}

/// Meta's examples call every card with a picture `cta_url`, whichever buttons it has.
fn picture(cx: &mut Cx, at: &str, object: Object, item: &Media, body: Option<&str>) -> Object {
    let shown = matches!(item.kind, MediaKind::Image | MediaKind::Video);
    cx.require("carousel.media", shown, format!("{at}/media/kind"), "a card shows an image or a video");
    let kind = item.kind.as_str();
    let header = Object::new().with("type", kind).with(kind, media::bare(cx, &format!("{at}/media"), item));
    let object = object.with("type", "cta_url").with("header", header);
    let Some(body) = body.filter(|body| !body.is_empty()) else { return object };
    cx.text(format!("{at}/body"), body, CARD_TEXT);
    cx.require("carousel.body", body.matches('\n').count() <= 2, format!("{at}/body"), "at most 2 line breaks");
    object.with("body", json!({"text": body}))
}
