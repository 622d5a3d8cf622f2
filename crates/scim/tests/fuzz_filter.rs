//! Whatever stands in `filter` or in a PATCH path, the answer is a filter or a 400.

#[path = "fuzz/driver.rs"]
mod driver;

use scim::{
    Fired, Kind, Map, Profile, Registry, ResourceType, Value,
    filter::{Expression, Limits, ValuePath},
};
use serde_json::json;

const PIECES: &[&str] = &[
    " eq ",
    " ne ",
    " co ",
    " sw ",
    " ew ",
    " gt ",
    " ge ",
    " lt ",
    " le ",
    " pr",
    " and ",
    " or ",
    "not (",
    "(",
    ")",
    "[",
    "]",
    "].",
    "\"",
    "'",
    "\\u0041",
    "null",
    "true",
    "\"True\"",
    "1e999",
    "-0.0",
    "18446744073709551616",
    "userName",
    "emails",
    "email",
    "$ref",
    "meta.created",
    "active",
    "roles",
    "name",
    "password",
    "department",
    "schemas",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    "\"2011-05-13T04:42:34Z\"",
    "2011-05-13T04:42:34+14:00",
];

// FLT-042
#[test]
fn filter_never_panics() {
    let registry = Registry::builtin();
    let bare = Map::new();
    let full = full();
    driver::run("filter", PIECES, |input| {
        let text = String::from_utf8_lossy(input);
        if let Err(error) = ValuePath::parse(&text, &Limits::default()) {
            assert!(matches!(
                error.kind,
                Kind::InvalidPath | Kind::InvalidFilter
            ));
        }
        match Expression::parse(&text, &Limits::default()) {
            Ok(expression) => {
                for resource_type in registry.resource_types() {
                    for profile in [&Profile::GENERIC, &Profile::RFC] {
                        resolve(&expression, resource_type, profile, [&bare, &full]);
                    }
                }
            }
            Err(error) => assert_eq!(error.kind, Kind::InvalidFilter),
        }
    });
}

fn resolve(
    expression: &Expression,
    resource_type: &ResourceType,
    profile: &Profile,
    resources: [&Map<String, Value>; 2],
) {
    let mut fired = Fired::default();
    let _ = expression.resolve_at_root(resource_type, profile, &mut fired);
    let filter = match expression.resolve(resource_type, profile, &mut fired) {
        Ok(filter) => filter,
        Err(error) => return assert_eq!(error.kind, Kind::InvalidFilter),
    };
    for resource in resources {
        filter.matches(resource);
    }
    filter.required_texts();
    // What stands in logs and cursors means the same, and is strict.
    let limits = Limits {
        length: usize::MAX,
        ..Limits::default()
    };
    let canonical = filter.to_string();
    let again = Expression::parse(&canonical, &limits)
        .and_then(|again| again.resolve(resource_type, &Profile::RFC, &mut Fired::default()));
    assert!(again.as_ref() == Ok(&filter), "{canonical}");
}

fn full() -> Map<String, Value> {
    let value = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": "1",
        "userName": "bjensen",
        "name": { "familyName": "Jensen" },
        "active": true,
        "emails": [{ "value": "b@example.com", "type": "work", "primary": true }, 5, null],
        "roles": "admin",
        "displayName": ["a", "b"],
        "meta": { "created": "2011-05-13T04:42:34Z", "location": "/Users/1" },
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "manager": { "value": "2", "$ref": "../Users/2" },
        },
    });
    value.as_object().cloned().unwrap_or_default()
}
