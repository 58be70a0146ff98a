//! The JSON Schemas in `docs/schemas/` are what the types say. `BLESS=1 cargo test --test schemas` writes them anew.

use std::path::Path;

use zengine_connector::schema::{self, Schema};

#[test]
fn published_schemas_are_those_of_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate stands in the workspace").join("docs/schemas");
    let published: [(&str, Schema); 3] = [
        ("inbound-event.json", schema::inbound_event()),
        ("outbound-message.json", schema::outbound_message()),
        ("domain-event.json", schema::domain_event()),
    ];
    for (name, schema) in published {
        let file = folder.join(name);
        let actual = format!("{:#}\n", schema.as_value());
        if std::env::var_os("BLESS").is_some() {
            std::fs::create_dir_all(&folder).expect("docs can be written");
            std::fs::write(&file, &actual).expect("docs can be written");
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == actual, "docs/schemas/{name} is not what the types say; run with BLESS=1 and look at the difference");
    }
}
