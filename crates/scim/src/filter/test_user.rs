//! A User with attributes of all types, for the tests of filters and sorting.

use std::sync::Arc;

use crate::{
    Attribute, ResourceType,
    schema::{
        CORE_USER, ENTERPRISE_USER, Extension, Mutability, Returned, Schema, Type, Uniqueness,
    },
};

/// `name kind flags`: `*` multi-valued, `!` caseExact, `-` never returned; sub-attributes follow.
fn attribute(spec: &str, sub_attributes: &[&str]) -> Arc<Attribute> {
    let mut words = spec.split(' ');
    let name = words.next().unwrap_or_default().to_owned();
    let kind = match words.next().unwrap_or("string") {
        "boolean" => Type::Boolean,
        "integer" => Type::Integer,
        "decimal" => Type::Decimal,
        "dateTime" => Type::DateTime,
        "binary" => Type::Binary,
        "reference" => Type::Reference,
        "complex" => Type::Complex,
        _ => Type::String,
    };
    let flags = words.next().unwrap_or_default();
    Arc::new(Attribute {
        name,
        kind,
        multi_valued: flags.contains('*'),
        description: String::new(),
        required: false,
        canonical_values: Vec::new(),
        case_exact: flags.contains('!'),
        mutability: Mutability::ReadWrite,
        returned: if flags.contains('-') {
            Returned::Never
        } else {
            Returned::Default
        },
        uniqueness: Uniqueness::None,
        reference_types: Vec::new(),
        sub_attributes: sub_attributes
            .iter()
            .map(|sub| attribute(sub, &[]))
            .collect(),
    })
}

fn schema(id: &str, attributes: Vec<Arc<Attribute>>) -> Arc<Schema> {
    Arc::new(Schema {
        id: id.to_owned(),
        name: String::new(),
        description: String::new(),
        attributes,
    })
}

/// An extension whose names need care: dots in the URN, `-`, `_` and digits.
pub(crate) const CUSTOM: &str = "urn:ex:a-b:1.0:User";

/// A User with all types.
pub(crate) fn user() -> ResourceType {
    let plural = |name: &str| {
        attribute(
            &format!("{name} complex *"),
            &[
                "value",
                "display",
                "type",
                "primary boolean",
                "$ref reference",
            ],
        )
    };
    let core = vec![
        attribute("schemas reference *!", &[]),
        attribute("id string !", &[]),
        attribute("externalId string !", &[]),
        attribute(
            "meta complex",
            &[
                "resourceType string !",
                "created dateTime",
                "lastModified dateTime",
                "location reference",
                "version string !",
            ],
        ),
        attribute("userName", &[]),
        attribute("name complex", &["familyName", "givenName"]),
        attribute("displayName", &[]),
        attribute("nickName", &[]),
        attribute("title", &[]),
        attribute("userType", &[]),
        attribute("profileUrl reference", &[]),
        attribute("active boolean", &[]),
        attribute("password string -", &[]),
        plural("emails"),
        plural("roles"),
        plural("groups"),
        plural("members"),
        attribute("addresses complex *", &["locality", "type"]),
        attribute("x509Certificates complex *", &["value binary", "type"]),
    ];
    let enterprise = vec![
        attribute("employeeNumber", &[]),
        attribute("department", &[]),
        attribute(
            "manager complex",
            &["value", "$ref reference", "displayName"],
        ),
    ];
    let custom = vec![
        attribute("my_attr-1", &[]),
        attribute("badge integer", &[]),
        attribute("score decimal", &[]),
        attribute("hired dateTime", &[]),
        attribute("key binary", &[]),
        attribute("tags string *", &[]),
        attribute("secret complex", &["value string -", "hint"]),
    ];
    let extension = |schema| Extension {
        schema,
        required: false,
    };
    ResourceType {
        name: "User".to_owned(),
        endpoint: "/Users".to_owned(),
        description: String::new(),
        schema: schema(CORE_USER, core),
        extensions: vec![
            extension(schema(ENTERPRISE_USER, enterprise)),
            extension(schema(CUSTOM, custom)),
        ],
    }
}
