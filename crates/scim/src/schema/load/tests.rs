//! Schema documents, good and broken.

use serde_json::json;

use crate::{Registry, Schema, Value, schema::*};

fn builtin(urn: &str) -> Value {
    Registry::builtin().schema(urn).unwrap().to_json()
}

fn find<'v>(schema: &'v Value, attribute: &str) -> &'v Value {
    let mut found = schema;
    let mut list = "attributes";
    for name in attribute.split('.') {
        found = found[list]
            .as_array()
            .unwrap()
            .iter()
            .find(|definition| definition["name"] == name)
            .unwrap_or_else(|| panic!("{attribute}"));
        list = "subAttributes";
    }
    found
}

// DISC-015
#[test]
fn what_is_published_can_be_read_again() {
    for schema in Registry::builtin().schemas() {
        let published = schema.to_json();
        let read = Schema::from_json(&published).unwrap_or_else(|e| panic!("{}: {e}", schema.id));
        assert_eq!(read.to_json(), published);
        assert_eq!(published["schemas"], json!([SCHEMA]));
    }
}

// DISC-016, DISC-017, DISC-018, DISC-022, IOP-004
#[test]
fn published_definitions_are_complete() {
    fn walk(urn: &str, definition: &Value, depth: usize) {
        let name = definition["name"].as_str().unwrap();
        let kind = definition["type"].as_str().unwrap();
        for key in ["multiValued", "required"] {
            assert!(definition[key].is_boolean(), "{urn} {name} {key}");
        }
        for key in ["mutability", "returned", "description"] {
            assert!(
                !definition[key].as_str().unwrap().is_empty(),
                "{urn} {name} {key}"
            );
        }
        assert_eq!(
            definition["uniqueness"].is_string(),
            kind != "complex",
            "{urn} {name}"
        );
        assert_eq!(
            definition["referenceTypes"].is_array(),
            kind == "reference",
            "{urn} {name}"
        );
        if kind == "reference" || kind == "binary" {
            assert_eq!(definition["caseExact"], true, "{urn} {name}");
        }
        if kind == "complex" {
            assert!(depth == 0 || urn == SCHEMA, "{urn} {name}");
            for sub in definition["subAttributes"].as_array().unwrap() {
                walk(urn, sub, depth + 1);
            }
        }
    }
    for schema in Registry::builtin().schemas() {
        for definition in schema.to_json()["attributes"].as_array().unwrap() {
            walk(&schema.id, definition, 0);
        }
    }
    for typed in ["emails", "phoneNumbers", "ims", "photos", "addresses"] {
        let path = format!("{typed}.type");
        let user = builtin(CORE_USER);
        assert!(find(&user, &path)["canonicalValues"].is_array(), "{path}");
    }
}

// DISC-019, DISC-020, DISC-021, SCH-017, IOP-002, SCH-026
#[test]
fn verified_errata_are_applied() {
    for (urn, attribute, key, expected) in [
        (CORE_GROUP, "displayName", "required", json!(true)),
        (CORE_GROUP, "members.display", "type", json!("string")),
        (CORE_USER, "groups.$ref", "referenceTypes", json!(["Group"])),
        (CORE_USER, "userName", "caseExact", json!(false)),
        (CORE_USER, "userName", "uniqueness", json!("server")),
        (CORE_USER, "x509Certificates.value", "type", json!("binary")),
        (CORE_USER, "groups", "mutability", json!("readOnly")),
        (ENTERPRISE_USER, "manager.value", "caseExact", json!(true)),
        (
            ENTERPRISE_USER,
            "manager.displayName",
            "mutability",
            json!("readOnly"),
        ),
        (
            RESOURCE_TYPE,
            "schemaExtensions",
            "multiValued",
            json!(true),
        ),
        (RESOURCE_TYPE, "name", "uniqueness", json!("server")),
        (RESOURCE_TYPE, "endpoint", "uniqueness", json!("server")),
        (
            SERVICE_PROVIDER_CONFIG,
            "authenticationSchemes.type",
            "required",
            json!(true),
        ),
        (
            SERVICE_PROVIDER_CONFIG,
            "etag.supported",
            "type",
            json!("boolean"),
        ),
    ] {
        assert_eq!(
            find(&builtin(urn), attribute)[key],
            expected,
            "{attribute} {key}"
        );
    }
    let registry = Registry::builtin();
    let user = registry.user();
    let external_id = user.attribute("EXTERNALID").unwrap();
    assert!(external_id.case_exact && external_id.uniqueness == Uniqueness::None);
    let id = user.attribute("id").unwrap();
    assert!(id.case_exact && id.returned == Returned::Always);
    let password = user.attribute("password").unwrap();
    assert_eq!(password.returned, Returned::Never);
    let published = builtin(CORE_USER);
    let names = published["attributes"].as_array().unwrap();
    assert!(
        names
            .iter()
            .all(|definition| definition["name"] != "password")
    );
}

// DISC-007, DISC-011, IOP-001
#[test]
fn every_resource_type_names_published_schemas() {
    let registry = Registry::builtin();
    for resource_type in registry.resource_types() {
        let published = resource_type.to_json();
        assert_eq!(published["id"], published["name"]);
        assert!(
            registry
                .schema(published["schema"].as_str().unwrap())
                .is_some()
        );
        for extension in published["schemaExtensions"].as_array().unwrap() {
            assert!(
                registry
                    .schema(extension["schema"].as_str().unwrap())
                    .is_some()
            );
            assert!(extension["required"].is_boolean());
        }
        let segment = published["endpoint"]
            .as_str()
            .unwrap()
            .trim_start_matches('/');
        assert!(registry.by_endpoint(segment).is_some());
    }
    assert_eq!(registry.user().name, "User");
    assert_eq!(registry.group().name, "Group");
}

fn schema_of(attribute: Value) -> Value {
    json!({"id": "urn:example:1.0:Thing", "attributes": [attribute]})
}

// SCH-002
#[test]
fn a_bare_name_has_the_default_characteristics() {
    let schema = Schema::from_json(&schema_of(json!({"name": "colour"}))).unwrap();
    assert_eq!(schema.name, "Thing");
    let colour = schema.attribute("Colour").unwrap();
    assert_eq!(
        (
            colour.kind,
            colour.multi_valued,
            colour.required,
            colour.case_exact
        ),
        (Type::String, false, false, false)
    );
    assert_eq!(
        (colour.mutability, colour.returned, colour.uniqueness),
        (Mutability::ReadWrite, Returned::Default, Uniqueness::None)
    );
}

// SCH-001, DISC-017
#[test]
fn unsound_schemas_are_refused_with_their_place() {
    let complex = |inner: Value| json!({"name": "a", "type": "complex", "subAttributes": [inner]});
    for (document, named) in [
        (json!([]), "JSON object"),
        (json!({"attributes": [{"name": "a"}]}), "id"),
        (json!({"id": "Thing", "attributes": [{"name": "a"}]}), "id"),
        (
            json!({"id": "urn:a b", "attributes": [{"name": "a"}]}),
            "id",
        ),
        (json!({"id": "urn:x:y"}), "attributes"),
        (json!({"id": "urn:x:y", "attributes": []}), "attributes"),
        (
            json!({"id": "urn:x:y", "attribute": [{"name": "a"}]}),
            "attribute",
        ),
        (schema_of(json!({"name": "1a"})), "1a"),
        (schema_of(json!({"name": "a.b"})), "a.b"),
        (schema_of(json!({"name": "a b"})), "a b"),
        (schema_of(json!({"name": ""})), "\"\""),
        (schema_of(json!({"type": "string"})), "nothing"),
        (schema_of(json!({"name": "a", "type": "text"})), "text"),
        (
            schema_of(json!({"name": "a", "multivalue": true})),
            "multivalue",
        ),
        (
            schema_of(json!({"name": "a", "required": "yes"})),
            "required",
        ),
        (
            schema_of(json!({"name": "a", "mutability": "readonly"})),
            "readonly",
        ),
        (
            schema_of(json!({"name": "a", "type": "complex"})),
            "subAttributes",
        ),
        (
            schema_of(json!({"name": "a", "subAttributes": [{"name": "b"}]})),
            "complex",
        ),
        (
            schema_of(json!({"name": "a", "referenceTypes": ["User"]})),
            "referenceTypes",
        ),
        (
            schema_of(complex(complex(json!({"name": "b"})))),
            "complex inside",
        ),
        (
            schema_of(
                json!({"name": "a", "type": "complex", "uniqueness": "server", "subAttributes": [{"name": "b"}]}),
            ),
            "unique",
        ),
        (
            schema_of(
                json!({"name": "a", "type": "complex", "multiValued": true, "subAttributes": [{"name": "primary"}]}),
            ),
            "primary",
        ),
        (
            json!({"id": "urn:x:y", "attributes": [{"name": "a"}, {"name": "A"}]}),
            "twice",
        ),
    ] {
        let error = Schema::from_json(&document).unwrap_err();
        assert_eq!(error.kind.scim_type(), Some("invalidValue"));
        assert!(error.detail.contains(named), "{named}: {}", error.detail);
    }
}

// SCH-019, SCH-020
#[test]
fn a_tenant_adds_schemas_and_resource_types() {
    let thing = schema_of(json!({"name": "colour", "required": true}));
    let badge = json!({"id": "urn:acme:2.0:User", "attributes": [{"name": "badge"}]});
    let types = [
        json!({"name": "Device", "endpoint": "/Devices", "schema": "urn:example:1.0:thing"}),
        json!({"name": "User", "schemaExtensions": [{"schema": "urn:acme:2.0:User", "required": true}]}),
    ];
    let registry = Registry::with_custom(&[thing, badge], &types).unwrap();
    let device = registry.by_endpoint("Devices").unwrap();
    assert_eq!(device.schema.id, "urn:example:1.0:Thing");
    assert!(registry.schema("urn:acme:2.0:user").is_some());
    assert_eq!(registry.user().extensions.len(), 2);
    assert!(registry.user().extensions[1].required);
    assert_eq!(Registry::builtin().user().extensions.len(), 1);
    // What is published can be sent back.
    let published: Vec<Value> = registry
        .resource_types()
        .iter()
        .map(|it| it.to_json())
        .collect();
    let schemas: Vec<Value> = registry.schemas()[8..]
        .iter()
        .map(|it| it.to_json())
        .collect();
    let again = Registry::with_custom(&schemas, &published[4..]).unwrap();
    assert_eq!(again.by_name("Device"), registry.by_name("Device"));
}

#[test]
fn unsound_resource_types_are_refused() {
    let thing = schema_of(json!({"name": "colour"}));
    let with_id = json!({"id": "urn:x:id", "attributes": [{"name": "ID"}]});
    let schemas = [thing.clone(), with_id];
    let urn = "urn:example:1.0:Thing";
    for (types, named) in [
        (vec![json!("Device")], "JSON object"),
        (vec![json!({"endpoint": "/D", "schema": urn})], "name"),
        (vec![json!({"name": "D", "schema": urn})], "endpoint"),
        (
            vec![json!({"name": "D", "endpoint": "D", "schema": urn})],
            "endpoint",
        ),
        (
            vec![json!({"name": "D", "endpoint": "/D/E", "schema": urn})],
            "endpoint",
        ),
        (
            vec![json!({"name": "D", "endpoint": "/bulk", "schema": urn})],
            "taken",
        ),
        (
            vec![json!({"name": "D", "endpoint": "/Users", "schema": urn})],
            "taken",
        ),
        (
            vec![json!({"name": "D", "endpoint": "/.search", "schema": urn})],
            "endpoint",
        ),
        (vec![json!({"name": "D", "endpoint": "/D"})], "schema"),
        (
            vec![json!({"name": "D", "endpoint": "/D", "schema": "urn:none"})],
            "urn:none",
        ),
        (
            vec![json!({"name": "D", "endpoint": "/D", "schema": "urn:x:id"})],
            "every resource",
        ),
        (
            vec![json!({"name": "D", "id": "E", "endpoint": "/D", "schema": urn})],
            "id",
        ),
        (
            vec![json!({"name": "User", "endpoint": "/People"})],
            "built in",
        ),
        (
            vec![json!({"name": "D", "endpoint": "/D", "schema": urn, "path": "/D"})],
            "path",
        ),
        (
            vec![
                json!({"name": "D", "endpoint": "/D", "schema": urn}),
                json!({"name": "d", "endpoint": "/E", "schema": urn}),
            ],
            "twice",
        ),
        (
            vec![json!({"name": "User", "schemaExtensions": [{"schema": urn}, {"schema": urn}]})],
            "twice",
        ),
        (
            vec![
                json!({"name": "D", "endpoint": "/D", "schema": urn, "schemaExtensions": [{"schema": urn}]}),
            ],
            "base schema",
        ),
    ] {
        let error = Registry::with_custom(&schemas, &types).unwrap_err();
        assert!(error.detail.contains(named), "{named}: {}", error.detail);
    }
    let builtin = json!({"id": CORE_USER, "attributes": [{"name": "a"}]});
    assert!(Registry::with_custom(&[builtin], &[]).is_err());
    assert!(Registry::with_custom(&[thing.clone(), thing], &[]).is_err());
}
