//! WhatsApp's capabilities, as data (Meta's message reference: text, media, interactive messages).

use zengine_connector::message::{ButtonRules, Capabilities, Length, ListRules, MediaKind, MediaRule, Unit};

/// WhatsApp's capabilities, with limits counted in Unicode characters.
pub const CAPABILITIES: Capabilities = capabilities(Unit::Chars, MEDIA_CHARS);

/// WhatsApp's capabilities, with limits counted in UTF-16 units, for tenants that choose the stricter reading.
pub(crate) const CAPABILITIES_UTF16: Capabilities = capabilities(Unit::Utf16, MEDIA_UTF16);

const MEDIA_CHARS: &[MediaRule] = &media(Unit::Chars);
const MEDIA_UTF16: &[MediaRule] = &media(Unit::Utf16);

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

const fn capabilities(unit: Unit, media: &'static [MediaRule]) -> Capabilities {
    Capabilities::NONE
        .with_text(Length::of(4096, unit))
        .with_media(media)
        .with_media_bytes(100 * MIB)
        .with_buttons(ButtonRules {
            max: 3,
            title: Length::of(20, unit),
            id: Length::of(256, unit),
            body: Length::of(1024, unit),
            footer: Length::of(60, unit),
            header: Length::of(60, unit),
        })
        .with_list(ListRules {
            max_sections: 10,
            max_rows: 10,
            button: Length::of(20, unit),
            section: Length::of(24, unit),
            title: Length::of(24, unit),
            description: Length::of(72, unit),
            id: Length::of(200, unit),
            body: Length::of(4096, unit),
        })
        .with_contacts(257)
        .with_cta_url()
        .with_rich_interactive()
        .with_location()
        .with_reaction()
        .with_template()
        .with_typing()
        .with_read_mark()
        .with_quote()
        .with_native()
}

const fn media(unit: Unit) -> [MediaRule; 5] {
    let caption = Some(Length::of(1024, unit));
    [
        MediaRule { kind: MediaKind::Image, max_bytes: 5 * MIB, mimes: &["image/jpeg", "image/png"], caption },
        MediaRule { kind: MediaKind::Video, max_bytes: 16 * MIB, mimes: &["video/mp4", "video/3gpp"], caption },
        MediaRule {
            kind: MediaKind::Audio,
            max_bytes: 16 * MIB,
            mimes: &["audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"],
            caption: None,
        },
        // Any valid MIME type is let through in practice.
        MediaRule { kind: MediaKind::Document, max_bytes: 100 * MIB, mimes: &[], caption },
        // Of an animated sticker; the mapper holds still ones to 100 KiB.
        MediaRule { kind: MediaKind::Sticker, max_bytes: 500 * KIB, mimes: &["image/webp"], caption: None },
    ]
}
