//! The strategy's descriptor and schemas.

use serde_json::Value;
use zengine_connector::{
    Strategy,
    message::{Channel, Idempotency},
    schemars,
};
use zengine_strategies::whatsapp_meta_cloud::{CAPABILITIES, MetaApp, WhatsAppMetaCloud};

#[test]
fn the_descriptor_is_that_of_the_feature() {
    let descriptor = WhatsAppMetaCloud::DESCRIPTOR;
    assert_eq!(
        (descriptor.name, descriptor.channel, descriptor.idempotency),
        ("whatsapp-meta-cloud", Channel::WhatsApp, Idempotency::None)
    );
    assert!(descriptor.direction.outbound && descriptor.direction.inbound);
    assert_eq!(descriptor.capabilities, &CAPABILITIES);
}

#[test]
fn the_configuration_schema_names_what_is_needed_and_describes_every_field() {
    let schema = (WhatsAppMetaCloud::DESCRIPTOR.config_schema)();
    let schema = schema.as_value();
    assert_eq!(schema["required"], serde_json::json!(["phone_number_id", "waba_id", "access_token"]));
    assert_eq!(schema["additionalProperties"], false);
    described(schema);
    assert_eq!(schema["properties"]["access_token"]["x-secret"], true);
}

#[test]
fn the_apps_schema_describes_every_field() {
    let schema = schemars::schema_for!(MetaApp).to_value();
    assert_eq!(schema["required"], serde_json::json!(["app_secret", "verify_token"]));
    assert_eq!(schema["additionalProperties"], false);
    described(&schema);
}

fn described(schema: &Value) {
    for (name, field) in schema["properties"].as_object().unwrap() {
        assert!(field["description"].is_string(), "{name} has no description: {field}");
    }
}
