//! Values of each type, good and broken.

use serde_json::json;

use super::*;
use crate::{Kind, Schema};

/// One attribute of every kind.
fn attribute(name: &str) -> Attribute {
    let schema = Schema::from_json(&json!({"id": "urn:example:1.0:Kinds", "attributes": [
        {"name": "text"},
        {"name": "flag", "type": "boolean"},
        {"name": "ratio", "type": "decimal"},
        {"name": "count", "type": "integer"},
        {"name": "when", "type": "dateTime"},
        {"name": "bytes", "type": "binary"},
        {"name": "link", "type": "reference"},
        {"name": "page", "type": "reference", "referenceTypes": ["external"]},
        {"name": "tags", "multiValued": true},
        {"name": "locale"},
        {"name": "timezone"},
        {"name": "preferredLanguage"},
        {"name": "country"},
        {"name": "x509Certificates", "type": "binary", "multiValued": true},
        {"name": "secret", "mutability": "writeOnly", "returned": "never"},
        {"name": "owner", "type": "complex", "subAttributes": [
            {"name": "value", "required": true},
            {"name": "note"},
            {"name": "displayName", "mutability": "readOnly"}
        ]},
        {"name": "person", "type": "complex", "subAttributes": [{"name": "givenName"}]},
        {"name": "emails", "type": "complex", "multiValued": true, "subAttributes": [
            {"name": "value"},
            {"name": "type"},
            {"name": "primary", "type": "boolean"},
            {"name": "labels", "multiValued": true}
        ]}
    ]}))
    .unwrap();
    Attribute::clone(schema.attribute(name).unwrap())
}

fn try_read(
    name: &str,
    value: Value,
    profile: Profile,
) -> Result<(Option<Value>, Vec<Tolerance>), Error> {
    let mut fired = Fired::default();
    let read = read(&attribute(name), value, name, &profile, &mut fired)?;
    Ok((read, fired.set.iter().collect()))
}

/// Each row: attribute, value, what both profiles make of it.
// SCH-004, SCH-005, SCH-006, SCH-007, SCH-008, SCH-009, SCH-013, SCH-015, SCH-016
#[test]
fn values_of_the_right_type_are_kept_as_sent() {
    for (name, value) in [
        ("text", json!("a")),
        ("text", json!("")),
        ("text", json!("\u{1F600} é")),
        ("flag", json!(false)),
        ("ratio", json!(1.5)),
        ("ratio", json!(-3)),
        ("count", json!(9_223_372_036_854_775_807_i64)),
        ("count", json!(i64::MIN)),
        ("when", json!("2026-01-01T00:00:00Z")),
        ("when", json!("2026-01-01T00:00:00.123456+02:00")),
        ("when", json!("9999-12-31T23:59:59Z")),
        ("bytes", json!("AQI=")),
        ("bytes", json!("AQI")),
        ("bytes", json!("-_8=")),
        ("bytes", json!("+/8")),
        ("bytes", json!("")),
        ("link", json!("Users/123")),
        ("link", json!("../v2/Users/1%20")),
        ("link", json!("urn:x:y")),
        ("page", json!("https://example.com/a?b#c")),
        ("tags", json!(["a", "b"])),
        ("locale", json!("en_US")),
        ("locale", json!("zh-Hant-TW")),
        ("timezone", json!("America/Argentina/Ushuaia")),
        ("timezone", json!("Etc/GMT+5")),
        ("preferredLanguage", json!("da, en-GB;q=0.8, *;q=0.1")),
        ("country", json!("US")),
        ("x509Certificates", json!(["MAMCAQE="])),
        ("owner", json!({"value": "1", "note": "n"})),
        ("emails", json!([{"value": "a@x", "labels": ["l"]}])),
    ] {
        for profile in [Profile::GENERIC, Profile::RFC] {
            let read = try_read(name, value.clone(), profile);
            assert_eq!(read, Ok((Some(value.clone()), vec![])), "{name} {value}");
        }
    }
    for (name, value) in [
        ("text", json!(null)),
        ("tags", json!([])),
        ("tags", json!([null])),
        ("emails", json!([null, {}])),
        ("emails", json!([{"value": null}])),
        ("person", json!({})),
        ("person", json!({"givenName": null})),
        ("flag", json!(null)),
    ] {
        for profile in [Profile::GENERIC, Profile::RFC] {
            let read = try_read(name, value.clone(), profile);
            assert_eq!(read, Ok((None, vec![])), "{name} {value}");
        }
    }
}

// POST-018, SCH-004, SCH-005, SCH-006, SCH-007, SCH-008, SCH-011
#[test]
fn values_of_the_wrong_type_are_refused_in_every_profile() {
    for (name, value, words) in [
        ("text", json!(123), "text must be text, not the number 123."),
        ("text", json!(true), "text must be text, not true."),
        (
            "text",
            json!({"value": "a"}),
            "text must be text, not an object.",
        ),
        (
            "text",
            json!(["a", "b"]),
            "text must be text, not a list of 2.",
        ),
        (
            "flag",
            json!("maybe"),
            "flag must be true or false, not the text \"maybe\".",
        ),
        ("flag", json!(1), "flag"),
        ("ratio", json!("1.5"), "ratio must be a number"),
        ("count", json!(1.0), "whole number"),
        ("count", json!(1e3), "whole number"),
        ("count", json!(1.5), "whole number"),
        ("count", json!(u64::MAX), "64 bits"),
        ("count", json!("1"), "whole number"),
        ("when", json!("2026-01-01"), "date and time"),
        ("when", json!("yesterday"), "date and time"),
        ("when", json!("2026-02-30T00:00:00Z"), "date and time"),
        ("when", json!(1), "date and time"),
        ("bytes", json!("@@"), "base64"),
        ("bytes", json!("a"), "base64"),
        ("link", json!(1), "URI"),
        ("tags", json!([1]), "tags must be text"),
        ("tags", json!([["a", "b"]]), "tags must be text"),
        ("person", json!(5), "object of sub-attributes"),
        ("person", json!("Jo"), "object of sub-attributes"),
        (
            "person",
            json!({"givenName": {"a": 1}}),
            "person.givenName must be text",
        ),
        (
            "emails",
            json!([{"value": {"a": 1}}]),
            "emails.value must be text, not an object.",
        ),
        ("emails", json!([{"primary": 1}]), "emails.primary"),
        ("emails", json!([[{"value": "a"}]]), "emails"),
        ("secret", json!([1, 2]), "secret must be text"),
    ] {
        for profile in [Profile::GENERIC, Profile::RFC] {
            let error = try_read(name, value.clone(), profile).unwrap_err();
            assert_eq!(error.kind, Kind::InvalidValue, "{name} {value}");
            assert!(error.detail.contains(words), "{words}: {}", error.detail);
        }
    }
}

/// Each row: attribute, value, what is stored where it is forgiven, by what.
// SCH-004, SCH-014, SCH-025, USR-003, USR-004, USR-009, USR-012
#[test]
fn tolerances_forgive_in_generic_and_not_in_rfc() {
    use Tolerance::*;
    for (name, value, expected, tolerance) in [
        ("flag", json!("True"), json!(true), StringBoolean),
        ("flag", json!("false"), json!(false), StringBoolean),
        ("owner", json!("271"), json!({"value": "271"}), WrapComplex),
        ("owner", json!(""), json!(null), WrapComplex),
        ("person", json!(""), json!(null), WrapComplex),
        (
            "owner",
            json!([{"value": "271"}]),
            json!({"value": "271"}),
            UnwrapArray,
        ),
        ("person", json!([]), json!(null), UnwrapArray),
        ("text", json!(["a"]), json!("a"), UnwrapArray),
        (
            "emails",
            json!({"value": "a@x"}),
            json!([{"value": "a@x"}]),
            WrapArray,
        ),
        ("emails", json!({}), json!(null), WrapArray),
        (
            "emails",
            json!(["a@x"]),
            json!([{"value": "a@x"}]),
            WrapComplex,
        ),
        ("tags", json!("a"), json!(["a"]), WrapArray),
        (
            "emails",
            json!([
                {"value": "a@x"},
                {"value": "b@x", "primary": true},
                {"value": "c@x", "primary": true},
                {"value": "d@x", "primary": true}
            ]),
            json!([
                {"value": "a@x"},
                {"value": "b@x", "primary": true},
                {"value": "c@x", "primary": false},
                {"value": "d@x", "primary": false}
            ]),
            ExtraPrimary,
        ),
        (
            "owner",
            json!({"note": "n"}),
            json!({"note": "n"}),
            MissingSubAttribute,
        ),
        (
            "owner",
            json!({"value": "1", "nope": 1}),
            json!({"value": "1"}),
            UnknownAttribute,
        ),
        ("link", json!("not a uri"), json!("not a uri"), LooseFormat),
        ("link", json!("a%2"), json!("a%2"), LooseFormat),
        ("page", json!("not-a-uri"), json!("not-a-uri"), LooseFormat),
        ("locale", json!("zz!!"), json!("zz!!"), LooseFormat),
        (
            "timezone",
            json!("(UTC+01:00) Berlin"),
            json!("(UTC+01:00) Berlin"),
            LooseFormat,
        ),
        (
            "preferredLanguage",
            json!("en;q=2"),
            json!("en;q=2"),
            LooseFormat,
        ),
        ("country", json!("USA"), json!("USA"), LooseFormat),
        (
            "x509Certificates",
            json!(["AQI="]),
            json!(["AQI="]),
            LooseFormat,
        ),
    ] {
        let (read, fired) = try_read(name, value.clone(), Profile::GENERIC).unwrap();
        assert_eq!(read.unwrap_or_default(), expected, "{name} {value}");
        assert_eq!(fired, vec![tolerance], "{name} {value}");
        let error = try_read(name, value.clone(), Profile::RFC).unwrap_err();
        assert_eq!(error.kind.status(), 400, "{name} {value}");
    }
}

#[test]
fn unknown_and_missing_sub_attributes_have_their_own_kinds() {
    let unknown = try_read("owner", json!({"value": "1", "nope": 1}), Profile::RFC).unwrap_err();
    assert_eq!(unknown.kind, Kind::InvalidSyntax);
    assert!(unknown.detail.contains("nope") && unknown.detail.contains("note"));
    let missing = try_read("owner", json!({"note": "n"}), Profile::RFC).unwrap_err();
    assert_eq!(missing.kind, Kind::MissingRequired);
}

// SCH-012, POST-005
#[test]
fn names_become_canonical_and_read_only_parts_are_dropped() {
    let sent = json!({"VALUE": "1", "displayname": "Boss"});
    let (read, fired) = try_read("owner", sent, Profile::RFC).unwrap();
    assert_eq!(read, Some(json!({"value": "1"})));
    assert_eq!(fired, vec![Tolerance::ReadOnlyIgnored]);
    let (_, fired) = try_read(
        "owner",
        json!({"value": "1", "displayName": null}),
        Profile::RFC,
    )
    .unwrap();
    assert!(fired.is_empty());
}

// POST-019
#[test]
fn at_most_one_value_is_primary() {
    let two = json!([{"value": "a", "primary": true}, {"value": "b", "primary": true}]);
    let error = try_read("emails", two, Profile::RFC).unwrap_err();
    assert_eq!(error.kind, Kind::InvalidValue);
    let one = json!([{"value": "a", "primary": true}, {"value": "b", "primary": false}]);
    assert!(try_read("emails", one, Profile::RFC).is_ok());
}

// POST-020
#[test]
fn equal_elements_are_stored_once() {
    let (few, _) = try_read("tags", json!(["a", "b", "a"]), Profile::RFC).unwrap();
    assert_eq!(few, Some(json!(["a", "b"])));
    let many: Vec<String> = (0..1000).map(|i| (i % 100).to_string()).collect();
    let (read, _) = try_read("tags", json!(many), Profile::RFC).unwrap();
    assert_eq!(read, Some(json!(many[..100])));
}

#[test]
fn one_element_is_read_alone() {
    let mut fired = Fired::default();
    let emails = attribute("emails");
    let read = read_single(
        &emails,
        json!({"Value": "a"}),
        "emails",
        &Profile::RFC,
        &mut fired,
    );
    assert_eq!(read, Ok(Some(json!({"value": "a"}))));
    let list = json!([{"value": "a"}]);
    assert!(read_single(&emails, list, "emails", &Profile::GENERIC, &mut fired).is_err());
}

// USR-006
#[test]
fn secrets_are_not_repeated_in_messages() {
    let attribute = Attribute {
        kind: Type::Boolean,
        ..attribute("secret")
    };
    let mut fired = Fired::default();
    let error = read(
        &attribute,
        json!("hunter2"),
        "secret",
        &Profile::RFC,
        &mut fired,
    )
    .unwrap_err();
    assert!(!error.detail.contains("hunter2"));
}
