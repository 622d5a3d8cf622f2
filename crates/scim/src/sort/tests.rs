//! Orders that RFC 7644 section 3.4.2.3 asks for.

use serde_json::json;

use super::*;
use crate::{
    Kind,
    filter::test_user::{CUSTOM, user},
    schema::ENTERPRISE_USER,
};

fn read(by: &str, order: Option<&str>, profile: &Profile) -> Result<Sort, Error> {
    Sort::read(&user(), by, order, profile, &mut Fired::default())
}

/// The resources are given in ascending order.
fn check(by: &str, ascending: &[Value]) {
    let up = read(by, None, &Profile::RFC).unwrap_or_else(|error| panic!("{by}: {error}"));
    let down = read(by, Some("Descending"), &Profile::RFC).unwrap();
    let keys: Vec<Key> = ascending
        .iter()
        .map(|resource| up.key(resource.as_object().expect("cases are objects")))
        .collect();
    for (i, a) in keys.iter().enumerate() {
        for (j, b) in keys.iter().enumerate() {
            assert_eq!(up.compare(a, b), i.cmp(&j), "{by} {i} {j}");
            assert_eq!(down.compare(a, b), j.cmp(&i), "{by} {i} {j}");
        }
    }
}

// SORT-001, SORT-003, SORT-004, SORT-005, SORT-006, SORT-007, SORT-008
#[test]
fn keys_are_ordered_by_type_with_absent_ones_last() {
    check(
        "userName",
        &[
            json!({ "userName": "a" }),
            json!({ "userName": "B" }),
            json!({ "userName": "c" }),
            json!({ "userName": "\u{c9}" }),
            json!({}),
        ],
    );
    check(
        "externalId",
        &[
            json!({ "externalId": "B" }),
            json!({ "externalId": "a" }),
            json!({ "externalId": "c" }),
        ],
    );
    check(
        "meta.created",
        &[
            json!({ "meta": { "created": "2011-05-13T05:00:00+02:00" } }),
            json!({ "meta": { "created": "2011-05-13T04:00:00Z" } }),
            json!({ "meta": { "created": "2011-05-13T04:00:00.5Z" } }),
            json!({ "meta": {} }),
        ],
    );
    check(
        "urn:ex:a-b:1.0:User:badge",
        &[
            json!({ CUSTOM: { "badge": 9 } }),
            json!({ CUSTOM: { "badge": 10 } }),
            json!({ CUSTOM: {} }),
        ],
    );
    check(
        "active",
        &[
            json!({ "active": false }),
            json!({ "active": true }),
            json!({}),
        ],
    );
    for by in ["emails", "emails.value"] {
        check(
            by,
            &[
                json!({ "emails": [{ "value": "a" }, { "value": "z" }] }),
                json!({ "emails": [{ "value": "A2" }, { "value": "b", "primary": false }] }),
                json!({ "emails": [{ "value": "a" }, { "value": "b", "primary": true }] }),
                json!({ "emails": [] }),
            ],
        );
    }
    check(
        "name.familyName",
        &[
            json!({ "name": { "familyName": "a" } }),
            json!({ "name": { "familyName": "b" } }),
            json!({ "name": { "givenName": "a" } }),
        ],
    );
    check(
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
        &[
            json!({ ENTERPRISE_USER: { "employeeNumber": "1" } }),
            json!({ ENTERPRISE_USER: { "employeeNumber": "2" } }),
            json!({}),
        ],
    );
    check(
        "urn:ex:a-b:1.0:User:tags",
        &[
            json!({ CUSTOM: { "tags": ["b", "a"] } }),
            json!({ CUSTOM: { "tags": ["C"] } }),
        ],
    );
}

// SORT-010
#[test]
fn equal_keys_tie_whatever_the_order() {
    let sort = read("userName", Some("descending"), &Profile::RFC).unwrap();
    let key = |value: Value| sort.key(value.as_object().expect("cases are objects"));
    let (a, b) = (
        key(json!({ "userName": "A" })),
        key(json!({ "userName": "a" })),
    );
    assert!(sort.compare(&a, &b).is_eq());
    let (a, b) = (key(json!({})), key(json!({ "userName": "" })));
    assert!(sort.compare(&a, &b).is_eq());
}

// SORT-002, SORT-006
#[test]
fn other_orders_and_unknown_or_complex_paths_are_refused() {
    for (by, order, kind) in [
        ("userName", Some("foo"), Kind::InvalidValue),
        ("userName", Some(""), Kind::InvalidValue),
        ("name", None, Kind::InvalidPath),
        ("meta", None, Kind::InvalidPath),
        ("addresses", None, Kind::InvalidPath),
        ("nope", None, Kind::InvalidPath),
        ("name.nope", None, Kind::InvalidPath),
        ("", None, Kind::InvalidPath),
        ("password", None, Kind::InvalidPath),
        ("urn:ex:a-b:1.0:User:secret", None, Kind::InvalidPath),
        ("urn:ex:a-b:1.0:User", None, Kind::InvalidPath),
        ("department", None, Kind::InvalidPath),
    ] {
        assert_eq!(
            read(by, order, &Profile::RFC).unwrap_err().kind,
            kind,
            "{by}"
        );
    }
    assert!(
        !read("userName", Some("ASCENDING"), &Profile::RFC)
            .unwrap()
            .descending
    );
    let bare = read("department", None, &Profile::GENERIC).unwrap();
    assert_eq!(
        bare.path.to_string(),
        format!("{ENTERPRISE_USER}:department")
    );
}
