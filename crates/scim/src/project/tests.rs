//! What `attributes` and `excludedAttributes` leave of a resource.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    Registry,
    schema::{CORE_USER, ENTERPRISE_USER},
};

const ACME: &str = "urn:acme:scim:2.0:User";

/// User with an extension in which `secret` is never and `notes` only on request returned.
fn registry() -> Registry {
    let acme = json!({"id": ACME, "attributes": [
        {"name": "badge"},
        {"name": "notes", "returned": "request"},
        {"name": "secret", "returned": "never", "mutability": "writeOnly"},
        {"name": "tag", "returned": "always"},
        {"name": "seat", "type": "complex", "subAttributes": [
            {"name": "floor"},
            {"name": "map", "returned": "request"},
            {"name": "code", "returned": "never"},
            {"name": "id", "returned": "always"}
        ]}
    ]});
    let types = [json!({"name": "User", "schemaExtensions": [{"schema": ACME}]})];
    Registry::with_custom(&[acme], &types).unwrap()
}

fn resource() -> Value {
    json!({
        "schemas": [CORE_USER, ENTERPRISE_USER],
        "id": "1",
        "meta": {"resourceType": "User", "version": "W/\"1\""},
        "userName": "ada",
        "name": {"givenName": "Ada", "familyName": "King"},
        "password": "hunter2",
        "emails": [{"value": "a@x", "type": "work"}, {"type": "home"}],
        "groups": [{"value": "g", "display": "G"}],
        ENTERPRISE_USER: {"department": "D", "manager": {"value": "7", "displayName": "B"}}
    })
}

fn names(list: &str) -> Vec<String> {
    list.split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn project(resource: Value, only: &str, without: &str, just_written: bool) -> Value {
    let registry = registry();
    let projection = Projection::read(registry.user(), &names(only), &names(without)).unwrap();
    let Value::Object(mut resource) = resource else {
        panic!("a resource is an object");
    };
    projection.apply(registry.user(), &mut resource, just_written);
    Value::Object(resource)
}

/// `resource()` with nothing but `schemas`, `id` and these.
fn only(rest: Value) -> Value {
    let mut out = json!({"schemas": [CORE_USER, ENTERPRISE_USER], "id": "1"});
    for (key, value) in rest.as_object().unwrap() {
        out[key] = value.clone();
    }
    out
}

// ATTR-002, ATTR-003, ATTR-007, ATTR-009, ATTR-010, ATTR-011, GET-008
#[test]
fn attributes_names_what_is_returned() {
    let manager = format!("{ENTERPRISE_USER}:manager.value");
    let qualified = format!("{CORE_USER}:name.givenName");
    for (asked, rest) in [
        ("userName", json!({"userName": "ada"})),
        (
            "USERNAME,nope, meta.version",
            json!({"userName": "ada", "meta": {"version": "W/\"1\""}}),
        ),
        ("nope", json!({})),
        ("password", json!({})),
        ("id", json!({})),
        (
            "name.givenName,emails.value",
            json!({"name": {"givenName": "Ada"}, "emails": [{"value": "a@x"}]}),
        ),
        ("emails.display", json!({})),
        (
            "name.givenName,name",
            json!({"name": {"givenName": "Ada", "familyName": "King"}}),
        ),
        (&qualified, json!({"name": {"givenName": "Ada"}})),
        (
            &manager,
            json!({ENTERPRISE_USER: {"manager": {"value": "7"}}}),
        ),
        (
            ENTERPRISE_USER,
            json!({ENTERPRISE_USER: resource()[ENTERPRISE_USER]}),
        ),
    ] {
        assert_eq!(project(resource(), asked, "", false), only(rest), "{asked}");
    }
    let core = project(resource(), CORE_USER, "", false);
    assert!(core.get("emails").is_some() && core.get("meta").is_none());
}

// ATTR-004, ATTR-005, ATTR-007, ATTR-012
#[test]
fn excluded_attributes_are_left_out() {
    for (excluded, gone) in [
        ("id,emails", vec!["/emails"]),
        ("schemas", vec![]),
        (
            "name.givenName,meta.version",
            vec!["/name/givenName", "/meta/version"],
        ),
        ("name.givenName,name.familyName", vec!["/name"]),
        ("emails.type", vec!["/emails/0/type", "/emails/1"]),
        ("groups,nope", vec!["/groups"]),
    ] {
        let projected = project(resource(), "", excluded, false);
        let mut expected = resource();
        expected.as_object_mut().unwrap().shift_remove("password");
        for pointer in gone {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            match expected.pointer_mut(parent).unwrap() {
                Value::Object(object) => drop(object.shift_remove(key)),
                Value::Array(items) => drop(items.remove(key.parse().unwrap())),
                _ => unreachable!(),
            }
        }
        assert_eq!(projected, expected, "{excluded}");
    }
    let without = project(resource(), "", ENTERPRISE_USER, false);
    assert!(without.get(ENTERPRISE_USER).is_none());
}

// ATTR-006
#[test]
fn both_parameters_at_once_are_refused() {
    let registry = registry();
    let list = [String::from("userName")];
    let error = Projection::read(registry.user(), &list, &list).unwrap_err();
    assert_eq!(error.kind.scim_type(), Some("invalidValue"));
}

// ATTR-008, ATTR-009, GET-008, SCH-026, POST-022
#[test]
fn returned_decides_without_parameters_too() {
    let seat = json!({"floor": "1", "map": "m", "code": "c", "id": "s"});
    let stored = json!({"id": "1", ACME: {"badge": "b", "notes": "n", "secret": "s", "tag": "t", "seat": seat}});
    let notes = format!("{ACME}:notes");
    let secret = format!("{ACME}:secret,{ACME}:seat.code");
    let map = format!("{ACME}:seat.map");
    for (asked, excluded, written, expected) in [
        (
            "",
            "",
            false,
            json!({"badge": "b", "tag": "t", "seat": {"floor": "1", "id": "s"}}),
        ),
        (
            "",
            "",
            true,
            json!({"badge": "b", "notes": "n", "tag": "t", "seat": {"floor": "1", "map": "m", "id": "s"}}),
        ),
        ("", ACME, false, json!({"tag": "t"})),
        (notes.as_str(), "", false, json!({"notes": "n", "tag": "t"})),
        (
            secret.as_str(),
            "",
            true,
            json!({"tag": "t", "seat": {"id": "s"}}),
        ),
        (
            map.as_str(),
            "",
            false,
            json!({"tag": "t", "seat": {"map": "m", "id": "s"}}),
        ),
        (
            "",
            map.as_str(),
            true,
            json!({"badge": "b", "notes": "n", "tag": "t", "seat": {"floor": "1", "id": "s"}}),
        ),
    ] {
        let projected = project(stored.clone(), asked, excluded, written);
        assert_eq!(projected[ACME], expected, "{asked} {excluded} {written}");
    }
}

// ATTR-012
#[test]
fn includes_is_exact_about_derived_attributes() {
    let registry = registry();
    for (only, without, groups, meta) in [
        ("", "", true, true),
        ("userName", "", false, false),
        ("groups.value", "", true, false),
        ("GROUPS,meta.version", "", true, true),
        ("", "groups", false, true),
        ("", "groups.display,meta", true, false),
        ("nope", "", false, false),
    ] {
        let projection = Projection::read(registry.user(), &names(only), &names(without)).unwrap();
        assert_eq!(projection.includes("groups"), groups, "{only} {without}");
        assert_eq!(projection.includes("meta"), meta, "{only} {without}");
        assert!(projection.includes("id") && projection.includes("schemas"));
        assert_eq!(
            projection.is_default(),
            only.is_empty() && without.is_empty()
        );
    }
    assert!(Projection::default().is_default());
    let members = Projection::read(registry.group(), &[], &names("members")).unwrap();
    assert!(!members.includes("members"));
}

#[test]
fn the_default_half_is_what_a_default_projection_shows() {
    let registry = registry();
    let seat = json!({"floor": "1", "map": "m"});
    for (stored, expected, rest) in [
        (json!({"userName": "a"}), json!({"userName": "a"}), None),
        (
            json!({"userName": "a", ACME: {"badge": "b", "notes": "n", "secret": "s", "seat": seat}}),
            json!({"userName": "a", ACME: {"badge": "b", "seat": {"floor": "1"}}}),
            Some(json!({ACME: {"notes": "n", "secret": "s", "seat": seat}})),
        ),
        (
            json!({ACME: {"notes": "n"}}),
            json!({}),
            Some(json!({ACME: {"notes": "n"}})),
        ),
        (
            json!({ACME: {"seat": {"map": "m"}}}),
            json!({}),
            Some(json!({ACME: {"seat": {"map": "m"}}})),
        ),
    ] {
        let map = stored.as_object().unwrap().clone();
        let (default, hidden) = split_default(registry.user(), map.clone());
        assert_eq!(Value::Object(default.clone()), expected);
        assert_eq!(hidden.clone().map(Value::Object), rest);
        assert_eq!(join(default, hidden), map);
    }
}

fn any_part() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "id",
        "schemas",
        "userName",
        "name",
        "name.givenName",
        "password",
        "emails.value",
        "emails",
        "groups",
        "meta",
        "nope",
        "",
        CORE_USER,
        ENTERPRISE_USER,
        ACME,
        "urn:acme:scim:2.0:User:secret",
        "urn:acme:scim:2.0:User:notes",
        "urn:acme:scim:2.0:User:seat",
        "urn:acme:scim:2.0:User:seat.code",
        "urn:acme:scim:2.0:User:tag",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn no_projection_shows_what_is_never_returned_or_loses_what_always_is(
        parts in prop::collection::vec(any_part(), 0..5),
        exclude in any::<bool>(),
        just_written in any::<bool>(),
    ) {
        let registry = registry();
        let (only, without) = if exclude { (vec![], parts) } else { (parts, vec![]) };
        let projection = Projection::read(registry.user(), &only, &without).unwrap();
        let mut stored = resource();
        stored[ACME] = json!({"secret": "hunter2", "tag": "t", "seat": {"code": "hunter2", "floor": "1"}});
        let mut map = stored.as_object().unwrap().clone();
        projection.apply(registry.user(), &mut map, just_written);
        prop_assert!(map.contains_key("id") && map.contains_key("schemas"));
        prop_assert_eq!(&map[ACME]["tag"], "t");
        prop_assert!(!Value::Object(map.clone()).to_string().contains("hunter2"));
        prop_assert_eq!(map.contains_key("groups"), projection.includes("groups"));
        let once = map.clone();
        projection.apply(registry.user(), &mut map, just_written);
        prop_assert_eq!(once, map);
        let full = stored.as_object().unwrap().clone();
        let (default, rest) = split_default(registry.user(), full.clone());
        let mut shown = full.clone();
        Projection::default().apply(registry.user(), &mut shown, false);
        prop_assert_eq!(&default, &shown);
        prop_assert_eq!(join(default, rest), full);
    }
}
