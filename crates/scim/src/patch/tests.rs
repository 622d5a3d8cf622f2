//! The rules of PATCH, one by one.

mod members;

use serde_json::json;

use super::*;
use crate::{Kind, Registry, Tolerance};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

fn ana() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "id": "u1",
        "userName": "ana",
        "name": { "familyName": "Parker", "givenName": "Ana" },
        "active": true,
        "emails": [
            { "value": "ana@x.org", "type": "work", "primary": true },
            { "value": "ana@home.org", "type": "home" }
        ],
        "meta": { "resourceType": "User", "created": "2026-01-01T00:00:00Z" },
        "groups": [{ "value": "g1", "display": "Team" }],
        ENTERPRISE: { "department": "Sales" }
    })
}

fn team() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "id": "g1",
        "displayName": "Team",
        "members": [{ "value": "a" }, { "value": "b" }, { "value": "c" }]
    })
}

/// Applies operations with a profile; the resource after it, or the error.
fn run(
    profile: &Profile,
    type_name: &str,
    before: Value,
    operations: Value,
) -> Result<(Value, Fired), Error> {
    let registry = Registry::builtin();
    let resource_type = registry.by_name(type_name).unwrap();
    let body = map(json!({ "schemas": [crate::message::PATCH_OP], "Operations": operations }));
    let mut fired = Fired::default();
    let patch = Patch::read(resource_type, &body, profile, 100, &mut fired)?;
    let original = map(before);
    let mut resource = original.clone();
    match patch.apply(resource_type, &mut resource, profile, &mut fired) {
        Ok(()) => Ok((Value::Object(resource), fired)),
        Err(error) => {
            assert_eq!(resource, original, "changed in spite of {error}");
            Err(error)
        }
    }
}

fn user(operations: Value) -> Value {
    match run(&Profile::GENERIC, "User", ana(), operations.clone()) {
        Ok((after, _)) => after,
        Err(error) => panic!("{operations}: {error:?}"),
    }
}

fn refused(profile: &Profile, operations: Value) -> Kind {
    match run(profile, "User", ana(), operations.clone()) {
        Ok((after, _)) => panic!("{operations} gave {after}"),
        Err(error) => error.kind,
    }
}

/// The profiles that read PATCH as RFC 7644 does.
fn by_the_rfc() -> impl Iterator<Item = &'static Profile> {
    Profile::ALL.iter().filter(|profile| !profile.narrow_patch)
}

/// What one operation makes of an attribute, by JSON pointer.
#[track_caller]
fn gives(operation: Value, pointer: &str, expected: Value) {
    let after = user(json!([operation]));
    assert_eq!(
        after.pointer(pointer).cloned().unwrap_or(Value::Null),
        expected,
        "{operation}"
    );
}

/// In the other profiles each is as RFC 7644 says.
#[test]
fn the_interoperability_profile_narrows_patch() {
    // IOP-003, IOP-009, IOP-010, IOP-011
    let narrow = Profile::INTEROP;
    for (operation, kind) in [
        (
            json!({ "op": "replace", "value": { "title": "Lead" } }),
            Kind::InvalidSyntax,
        ),
        (
            json!({ "op": "replace", "path": "emails[type eq \"work\"]", "value": { "value": "x@x.org" } }),
            Kind::InvalidPath,
        ),
        (
            json!({ "op": "replace", "path": "emails[value ew \".org\"].type", "value": "other" }),
            Kind::InvalidFilter,
        ),
        (
            json!({ "op": "remove", "path": "emails[value ew \".org\"].type" }),
            Kind::InvalidFilter,
        ),
        (
            json!({ "op": "remove", "path": "emails[value ew \".org\"]" }),
            Kind::InvalidFilter,
        ),
    ] {
        assert_eq!(refused(&narrow, json!([operation])), kind, "{operation}");
        run(&Profile::RFC, "User", ana(), json!([operation])).unwrap();
    }
    let unknown = json!([{ "op": "add", "path": "nikName", "value": "x" }]);
    assert_eq!(refused(&narrow, unknown.clone()), Kind::InvalidSyntax);
    assert_eq!(refused(&Profile::RFC, unknown), Kind::InvalidPath);

    let name = |op: &str, profile: &Profile| {
        let operation = json!([{ "op": op, "path": "name", "value": { "givenName": "Mia" } }]);
        let (after, _) = run(profile, "User", ana(), operation).unwrap();
        after["name"].clone()
    };
    let merged = json!({ "familyName": "Parker", "givenName": "Mia" });
    assert_eq!(name("replace", &narrow), json!({ "givenName": "Mia" }));
    assert_eq!(name("replace", &Profile::RFC), merged);
    assert_eq!(name("add", &narrow), merged);
    // A value goes as a whole by a filter alone: the draft leaves no other way to take one member out.
    let operation = json!([{ "op": "remove", "path": "members[value eq \"b\"]" }]);
    let (after, _) = run(&narrow, "Group", team(), operation).unwrap();
    assert_eq!(after["members"].as_array().unwrap().len(), 2);
    let several = json!([{ "op": "remove", "path": "members[value ne \"b\"]" }]);
    let error = run(&narrow, "Group", team(), several.clone()).unwrap_err();
    assert_eq!(error.kind, Kind::InvalidFilter);
    let (after, _) = run(&Profile::RFC, "Group", team(), several).unwrap();
    assert_eq!(after["members"], json!([{ "value": "b" }]));
}

#[test]
fn a_message_is_a_patch_op_with_operations() {
    let registry = Registry::builtin();
    let resource_type = registry.by_name("User").unwrap();
    let read = |body: Value, profile: &Profile| {
        Patch::read(resource_type, &map(body), profile, 2, &mut Fired::default())
            .map(|patch| patch.operations.len())
            .map_err(|error| error.kind)
    };
    let op = json!({ "op": "replace", "path": "nickName", "value": "x" });
    let schemas = [crate::message::PATCH_OP];
    // PAT-002
    assert_eq!(
        read(json!({ "Operations": [op] }), &Profile::RFC),
        Err(Kind::InvalidSyntax)
    );
    assert_eq!(
        read(
            json!({ "schemas": ["urn:x"], "Operations": [op] }),
            &Profile::RFC
        ),
        Err(Kind::InvalidSyntax)
    );
    assert_eq!(
        read(json!({ "Operations": [op] }), &Profile::GENERIC),
        Ok(1)
    );
    // PAT-003
    for operations in [json!(null), json!({}), json!([]), json!("x"), json!([1])] {
        assert_eq!(
            read(
                json!({ "schemas": schemas, "Operations": operations }),
                &Profile::GENERIC
            ),
            Err(Kind::InvalidSyntax)
        );
    }
    assert_eq!(
        read(json!({ "schemas": schemas }), &Profile::GENERIC),
        Err(Kind::InvalidSyntax)
    );
    for (operations, expected) in [
        (json!([]), Ok(0)),
        (json!(null), Err(Kind::InvalidSyntax)),
        (json!({}), Err(Kind::InvalidSyntax)),
    ] {
        let body = json!({ "schemas": schemas, "Operations": operations });
        assert_eq!(read(body, &Profile::ENTRA), expected);
    }
    // PAT-004
    for name in [
        json!("move"),
        json!("copy"),
        json!("test"),
        json!(null),
        json!(1),
    ] {
        let op = json!({ "op": name, "path": "nickName", "value": "x" });
        assert_eq!(
            read(
                json!({ "schemas": schemas, "Operations": [op] }),
                &Profile::GENERIC
            ),
            Err(Kind::InvalidSyntax)
        );
    }
    // PAT-005
    let op = json!({ "OP": "RePlace", "Path": "nickNAME", "VALUE": "x" });
    assert_eq!(
        read(
            json!({ "Schemas": schemas, "OPERATIONS": [op] }),
            &Profile::RFC
        ),
        Ok(1)
    );
    let three = json!({ "schemas": schemas, "Operations": [op, op, op] });
    assert_eq!(read(three, &Profile::GENERIC), Err(Kind::PayloadTooLarge));
}

#[test]
fn a_path_names_an_attribute_or_selects_values() {
    for path in [
        // PAT-011
        "name.familyName",
        "nickName",
        // PAT-016, PAT-028
        "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName",
        "URN:ietf:params:scim:schemas:extension:enterprise:2.0:user:DEPARTMENT",
        "emails[type eq \"work\"].display",
        "department",
    ] {
        let op = json!({ "op": "replace", "path": path, "value": "x" });
        assert!(
            run(&Profile::GENERIC, "User", ana(), json!([op])).is_ok(),
            "{path}"
        );
    }
    for path in [
        // PAT-012, PAT-014, PAT-015, PAT-030
        "",
        "a..b",
        "1x",
        "nope",
        "emails[0]",
        "/emails/0",
        "emails[0].value",
        "name.a.b",
        "name.nope",
        "emails[type eq \"work\"].nope",
        "emails[type eq \"work\"].value.x",
        "userName[value eq \"x\"]",
        "name[familyName eq \"x\"]",
        "nope[type eq \"x\"]",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:nope",
        "urn:x:y",
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "emails.type.value",
        "[type eq \"x\"]",
        "emails[]",
        " ",
        "emails[type eq \"work\"]x",
    ] {
        for profile in by_the_rfc() {
            let op = json!({ "op": "replace", "path": path, "value": "x" });
            assert_eq!(refused(profile, json!([op])), Kind::InvalidPath, "{path}");
        }
    }
    for path in [
        // PAT-013
        "emails[type zz \"work\"]",
        "emails[type eq]",
        "emails[nope eq \"x\"]",
        "emails[type eq \"work",
        "emails[type eq \"work\"",
        "emails[' eq true].value",
        "emails[",
    ] {
        let op = json!({ "op": "replace", "path": path, "value": "x" });
        let kind = refused(&Profile::GENERIC, json!([op]));
        assert!(
            matches!(kind, Kind::InvalidFilter | Kind::InvalidPath),
            "{path}: {kind:?}"
        );
    }
    for (path, kind) in [
        (json!(5), Kind::InvalidPath),
        (json!(["x"]), Kind::InvalidPath),
    ] {
        assert_eq!(
            refused(
                &Profile::GENERIC,
                json!([{ "op": "add", "path": path, "value": 1 }])
            ),
            kind
        );
    }
}

#[test]
fn add_sets_merges_and_appends() {
    let add = |path: &str, value: Value| json!({ "op": "add", "path": path, "value": value });
    // ADD-003, ADD-006
    gives(add("nickName", json!("Babs")), "/nickName", json!("Babs"));
    gives(add("userName", json!("B")), "/userName", json!("B"));
    // ADD-004
    gives(
        add("name", json!({ "middleName": "X" })),
        "/name",
        json!({ "familyName": "Parker", "givenName": "Ana", "middleName": "X" }),
    );
    // ADD-005
    let new = json!({ "value": "n@x.org", "type": "other" });
    for value in [json!([new]), new.clone()] {
        gives(add("emails", value), "/emails/2", new.clone());
    }
    // ADD-007, PAT-025
    for same in [
        json!([{ "value": "ana@x.org", "type": "work", "primary": true }]),
        json!({ "type": "WORK", "value": "ANA@x.org" }),
        json!([]),
        json!(null),
    ] {
        let after = user(json!([add("emails", same)]));
        assert_eq!(after["emails"].as_array().unwrap().len(), 2);
        assert_eq!(after["emails"][0]["primary"], json!(true));
    }
    // ADD-008
    gives(
        add("emails[type eq \"work\"].display", json!("A")),
        "/emails/0/display",
        json!("A"),
    );
    gives(
        add("emails[type eq \"work\"]", json!({ "display": "A" })),
        "/emails/0/display",
        json!("A"),
    );
    gives(
        add("emails[type eq \"work\"]", json!({ "display": "A" })),
        "/emails/0/value",
        json!("ana@x.org"),
    );
    // ADD-001
    assert_eq!(
        refused(
            &Profile::GENERIC,
            json!([{ "op": "add", "path": "nickName" }])
        ),
        Kind::InvalidValue
    );
    assert_eq!(
        refused(&Profile::GENERIC, json!([{ "op": "add" }])),
        Kind::InvalidValue
    );
}

#[test]
fn without_match_an_element_is_created_from_the_filter_or_refused() {
    let op =
        |op: &str, path: &str, value: Value| json!([{ "op": op, "path": path, "value": value }]);
    // ADD-009
    let path = "phoneNumbers[type eq \"Mobile\"].value";
    let after = user(op("Add", path, json!("+1 555 0100")));
    assert_eq!(
        after["phoneNumbers"],
        json!([{ "type": "Mobile", "value": "+1 555 0100" }])
    );
    assert_eq!(
        refused(&Profile::RFC, op("add", path, json!("1"))),
        Kind::NoTarget
    );
    let after = user(op(
        "add",
        "roles[primary eq \"True\"].value",
        json!("Admin"),
    ));
    assert_eq!(
        after["roles"],
        json!([{ "primary": true, "value": "Admin" }])
    );
    let after = user(op(
        "add",
        "addresses[type eq \"work\"]",
        json!({ "country": "DE" }),
    ));
    assert_eq!(
        after["addresses"],
        json!([{ "type": "work", "country": "DE" }])
    );
    // REP-008
    for profile in [Profile::GENERIC, Profile::OKTA, Profile::RFC] {
        for path in [
            "emails[type eq \"nope\"].value",
            "ims[primary eq true].value",
            "emails[type eq \"nope\"]",
        ] {
            let value = if path.ends_with(']') {
                json!({ "value": "x" })
            } else {
                json!("x")
            };
            assert_eq!(
                refused(&profile, op("replace", path, value)),
                Kind::NoTarget,
                "{path}"
            );
        }
    }
    let (after, fired) = run(
        &Profile::ENTRA,
        "User",
        ana(),
        op("Replace", path, json!("2")),
    )
    .unwrap();
    assert_eq!(
        after["phoneNumbers"],
        json!([{ "type": "Mobile", "value": "2" }])
    );
    assert!(fired.set.contains(Tolerance::ReplaceCreates));
    for path in [
        "addresses[type eq \"work\" or type eq \"home\"].formatted",
        "addresses[type ne \"work\" and type eq \"home\" and not (type eq \"x\")].formatted",
        "phoneNumbers[value eq \"1\"].value",
        "phoneNumbers[type eq null].value",
        "phoneNumbers[type eq \"a\" and type eq \"b\"].value",
    ] {
        assert_eq!(
            refused(&Profile::ENTRA, op("add", path, json!("2"))),
            Kind::NoTarget,
            "{path}"
        );
    }
}

#[test]
fn replace_sets_merges_and_replaces_lists() {
    let replace =
        |path: &str, value: Value| json!({ "op": "replace", "path": path, "value": value });
    // REP-002, REP-004
    gives(
        replace("displayName", json!("D")),
        "/displayName",
        json!("D"),
    );
    // REP-003
    gives(
        replace("emails", json!([{ "value": "n@x.org" }])),
        "/emails",
        json!([{ "value": "n@x.org" }]),
    );
    // REP-005
    gives(
        replace("name", json!({ "givenName": "B", "familyName": null })),
        "/name",
        json!({ "givenName": "B" }),
    );
    gives(
        replace("name", json!({})),
        "/name",
        json!({ "familyName": "Parker", "givenName": "Ana" }),
    );
    // REP-006
    gives(
        replace("emails[type eq \"work\"]", json!({ "value": "n@x.org" })),
        "/emails/0",
        json!({ "value": "n@x.org", "type": "work", "primary": true }),
    );
    // REP-007
    gives(
        replace("emails[type eq \"home\"].value", json!("h")),
        "/emails/1/value",
        json!("h"),
    );
    let all = user(json!([replace("emails.display", json!("post"))]));
    assert_eq!(all["emails"][0]["display"], all["emails"][1]["display"]);
    gives(
        replace("phoneNumbers.value", json!("1")),
        "/phoneNumbers",
        json!([{ "value": "1" }]),
    );
    // REP-009
    let missing = json!([{ "op": "replace", "path": "nickName" }]);
    assert_eq!(refused(&Profile::GENERIC, missing), Kind::InvalidValue);
    // REP-010
    for (path, pointer) in [("name", "/name"), ("emails", "/emails")] {
        gives(replace(path, json!(null)), pointer, json!(null));
        gives(replace(path, json!([])), pointer, json!(null));
    }
    gives(replace("name", json!("")), "/name", json!(null));
    gives(
        replace("emails[type eq \"work\"].primary", json!(null)),
        "/emails/0/primary",
        json!(null),
    );
    assert_eq!(
        refused(&Profile::GENERIC, json!([replace("userName", json!(null))])),
        Kind::MissingRequired
    );
    // PAT-022
    for (path, value) in [
        ("active", json!("maybe")),
        ("emails", json!([5, []])),
        ("name", json!("x")),
    ] {
        assert_eq!(
            refused(&Profile::GENERIC, json!([replace(path, value)])),
            Kind::InvalidValue,
            "{path}"
        );
    }
    // REP-012
    for text in ["False", "false"] {
        gives(replace("active", json!(text)), "/active", json!(false));
    }
    assert_eq!(
        refused(&Profile::RFC, json!([replace("active", json!("False"))])),
        Kind::InvalidValue
    );
}

#[test]
fn remove_takes_values_attributes_and_sub_attributes() {
    let remove = |path: &str| json!({ "op": "remove", "path": path });
    // REM-001
    for op in [
        json!({ "op": "remove" }),
        json!({ "op": "remove", "value": { "nickName": 1 } }),
    ] {
        assert_eq!(refused(&Profile::GENERIC, json!([op])), Kind::NoTarget);
    }
    // REM-002, REM-003, REM-011
    for (path, pointer) in [
        ("active", "/active"),
        ("emails", "/emails"),
        ("name", "/name"),
        ("name.familyName", "/name/familyName"),
        // REM-004, REM-005, REM-006
        ("emails[value co \"ana\"]", "/emails"),
        (
            "emails[type eq \"work\" and value ew \"x.org\"].primary",
            "/emails/0/primary",
        ),
        // REM-012
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        ),
    ] {
        gives(remove(path), pointer, json!(null));
    }
    let left = user(json!([remove(
        "emails[type eq \"work\" and value ew \"x.org\"]"
    )]));
    assert_eq!(
        left["emails"],
        json!([{ "value": "ana@home.org", "type": "home" }])
    );
    // REM-008, REM-009
    for path in [
        "nickName",
        "emails[type eq \"nope\"]",
        "phoneNumbers",
        "phoneNumbers.value",
        "title",
    ] {
        assert_eq!(user(json!([remove(path), remove(path)])), ana(), "{path}");
    }
    // REM-007, PAT-020
    for path in [
        "userName",
        "id",
        "meta",
        "meta.created",
        "groups",
        "schemas",
        "groups[value eq \"g1\"]",
    ] {
        assert_eq!(
            refused(&Profile::GENERIC, json!([remove(path)])),
            Kind::Mutability,
            "{path}"
        );
    }
}

#[test]
fn remove_with_values_takes_only_those() {
    for profile in Profile::ALL {
        for (value, left) in [
            // REM-010
            (json!([{ "$ref": null, "value": "b" }]), vec!["a", "c"]),
            (
                json!([{ "value": "b", "type": "User" }, { "value": "zz" }]),
                vec!["a", "c"],
            ),
            (json!({ "value": "a" }), vec!["b", "c"]),
            (json!("a"), vec!["b", "c"]),
            (json!(["a", "c"]), vec!["b"]),
            (json!([]), vec!["a", "b", "c"]),
            (json!(null), vec![]),
        ] {
            let op = json!([{ "op": "Remove", "path": "members", "value": value }]);
            let (after, fired) = run(profile, "Group", team(), op).unwrap();
            let ids: Vec<&str> = after["members"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|member| member["value"].as_str().unwrap())
                .collect();
            assert_eq!(ids, left, "{value}");
            assert_eq!(
                fired.set.contains(Tolerance::RemoveByValue),
                !value.is_null()
            );
        }
    }
    let remove = |value: Value| json!([{ "op": "remove", "path": "emails", "value": value }]);
    let kept = |value: Value| user(remove(value))["emails"].as_array().unwrap().len();
    assert_eq!(kept(json!([{ "value": "ANA@X.ORG" }])), 1);
    assert_eq!(kept(json!([{ "value": "ana@x.org", "type": "home" }])), 2);
    assert_eq!(kept(json!({ "type": "home" })), 1);
    assert_eq!(
        refused(&Profile::GENERIC, remove(json!([[]]))),
        Kind::InvalidValue
    );
    assert_eq!(
        refused(&Profile::GENERIC, remove(json!([{ "nope": 1 }]))),
        Kind::InvalidValue
    );
}

#[test]
fn without_path_each_key_is_resolved() {
    for op in ["add", "replace"] {
        // ADD-002, REP-001
        let after = user(json!([{ "op": op, "value": { "nickName": "B", "title": "T" } }]));
        assert_eq!(
            (&after["nickName"], &after["title"]),
            (&json!("B"), &json!("T"))
        );
        assert_eq!(after["name"], ana()["name"]);
        // ADD-010, ADD-011
        let value = json!({
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization": "O",
            "name.givenName": "G",
            "Name.FamilyName": "F",
            ENTERPRISE: { "Department": "R", "manager.value": "m" },
            "urn:ietf:params:scim:schemas:core:2.0:User:displayName": "D",
            "emails[type eq \"home\"].value": "h",
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "division": "V",
            "nope": null
        });
        let after = user(json!([{ "op": op, "value": value }]));
        assert_eq!(
            after[ENTERPRISE],
            json!({ "department": "R", "organization": "O", "manager": { "value": "m" }, "division": "V" })
        );
        assert_eq!(
            after["name"],
            json!({ "familyName": "F", "givenName": "G" })
        );
        assert_eq!(
            (&after["displayName"], &after["emails"][1]["value"]),
            (&json!("D"), &json!("h"))
        );
        for profile in by_the_rfc() {
            for value in [
                json!({ "nope": 1 }),
                json!({ "name.nope": 1 }),
                json!({ ENTERPRISE: { "nope": 1 } }),
                json!({ "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:nope": 1 }),
                json!({ "": 1 }),
            ] {
                assert_eq!(
                    refused(profile, json!([{ "op": op, "value": value }])),
                    Kind::InvalidPath,
                    "{value}"
                );
            }
        }
        assert_eq!(
            refused(
                &Profile::RFC,
                json!([{ "op": op, "value": { "name.givenName": "x" } }])
            ),
            Kind::InvalidPath
        );
        let foreign =
            json!([{ "op": op, "value": { "urn:x:y": { "a": 1 }, "schemas": ["urn:x:y"] } }]);
        let (after, fired) = run(&Profile::GENERIC, "User", ana(), foreign.clone()).unwrap();
        assert_eq!(after, ana());
        assert!(fired.set.contains(Tolerance::UnknownSchema));
        assert_eq!(refused(&Profile::RFC, foreign), Kind::InvalidPath);
        for value in [json!([]), json!("x"), json!(null)] {
            assert_eq!(
                refused(&Profile::GENERIC, json!([{ "op": op, "value": value }])),
                Kind::InvalidValue
            );
        }
    }
}

#[test]
fn read_only_values_may_be_repeated_but_not_changed() {
    // REP-011, PAT-020
    let same = json!([{ "op": "replace", "value": {
        "id": "u1", "meta": { "ResourceType": "User" }, "groups": [{ "value": "g1" }], "displayName": "N"
    } }]);
    let after = user(same);
    assert_eq!(after["displayName"], json!("N"));
    assert_eq!(after["meta"], ana()["meta"]);
    for op in ["add", "replace"] {
        for (path, value) in [
            ("id", json!("u2")),
            ("meta", json!({ "resourceType": "Group" })),
            ("meta.created", json!("2020-01-01T00:00:00Z")),
            ("groups", json!([])),
            ("groups", json!([{ "value": "g2" }])),
            ("manager.displayName", json!("x")),
            ("id", json!(null)),
        ] {
            assert_eq!(
                refused(
                    &Profile::GENERIC,
                    json!([{ "op": op, "path": path, "value": value }])
                ),
                Kind::Mutability,
                "{path}"
            );
        }
        let same = json!([{ "op": op, "path": "meta.created", "value": "2026-01-01T00:00:00Z" }]);
        assert_eq!(user(same), ana());
    }
}

#[test]
fn one_value_is_primary_at_most() {
    // PAT-021
    for op in [
        json!({ "op": "add", "path": "emails", "value": [{ "value": "n", "primary": true }] }),
        json!({ "op": "add", "value": { "emails": { "value": "ana@home.org", "type": "home", "primary": true } } }),
        json!({ "op": "replace", "path": "emails[type eq \"home\"].primary", "value": true }),
        json!({ "op": "replace", "path": "emails[type eq \"home\"]", "value": { "primary": "True" } }),
    ] {
        let after = user(json!([op]));
        let primary: Vec<bool> = after["emails"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["primary"] == json!(true))
            .collect();
        assert!(
            !primary[0] && primary.iter().filter(|p| **p).count() == 1,
            "{after}"
        );
        assert_eq!(after["emails"][0]["primary"], json!(false));
    }
    let two = json!([{ "op": "add", "path": "emails", "value": [
        { "value": "n", "primary": true }, { "value": "m", "primary": true }
    ] }]);
    assert_eq!(refused(&Profile::RFC, two.clone()), Kind::InvalidValue);
    let after = user(two);
    let marked = |email: &&Value| email["primary"] == json!(true);
    let emails = after["emails"].as_array().unwrap();
    assert_eq!(emails.iter().filter(marked).count(), 1, "{after}");
    assert_eq!(emails.iter().find(marked).unwrap()["value"], "n");
    let all = json!([{ "op": "replace", "path": "emails.primary", "value": true }]);
    assert_eq!(refused(&Profile::GENERIC, all), Kind::InvalidValue);
}

#[test]
fn operations_are_ordered_and_all_or_none() {
    // PAT-006
    let after = user(json!([
        { "op": "remove", "path": "emails" },
        { "op": "add", "path": "emails", "value": [{ "value": "n" }] }
    ]));
    assert_eq!(after["emails"], json!([{ "value": "n" }]));
    // PAT-007
    let failing = json!([
        { "op": "replace", "path": "displayName", "value": "changed" },
        { "op": "replace", "path": "emails[type eq \"nope\"].value", "value": "x" }
    ]);
    let error = run(&Profile::GENERIC, "User", ana(), failing).unwrap_err();
    assert_eq!(error.kind, Kind::NoTarget);
    assert!(error.detail.starts_with("Operation 2: "), "{error}");
}

#[test]
fn schemas_follow_the_extensions_in_use() {
    let core = json!(["urn:ietf:params:scim:schemas:core:2.0:User"]);
    // PAT-019, PAT-029
    for op in [
        json!({ "op": "remove", "path": "department" }),
        json!({ "op": "remove", "path": ENTERPRISE }),
        json!({ "op": "replace", "path": ENTERPRISE, "value": null }),
        // PAT-018
        json!({ "op": "remove", "path": "schemas", "value": [ENTERPRISE] }),
        json!({ "op": "remove", "path": format!("schemas[value eq \"{ENTERPRISE}\"]") }),
    ] {
        let after = user(json!([op]));
        assert_eq!(
            (&after["schemas"], after.get(ENTERPRISE)),
            (&core, None),
            "{op}"
        );
    }
    // PAT-017
    let after = user(json!([
        { "op": "remove", "path": ENTERPRISE },
        { "op": "add", "path": "schemas", "value": [ENTERPRISE] },
        { "op": "replace", "path": ENTERPRISE, "value": { "employeeNumber": "7" } }
    ]));
    assert_eq!(after["schemas"], ana()["schemas"]);
    assert_eq!(after[ENTERPRISE], json!({ "employeeNumber": "7" }));
    let unknown = json!([{ "op": "add", "path": "schemas", "value": ["urn:x"] }]);
    assert_eq!(refused(&Profile::RFC, unknown), Kind::InvalidValue);
}

#[test]
fn dialects_of_identity_providers_are_understood() {
    let manager = |value: Value| {
        let after = user(json!([{ "op": "Add", "path": "manager", "value": value }]));
        after[ENTERPRISE]["manager"].clone()
    };
    // REP-013
    assert_eq!(manager(json!("m1")), json!({ "value": "m1" }));
    assert_eq!(
        manager(json!([{ "$ref": "../Users/m1", "value": "m1" }])),
        json!({ "$ref": "../Users/m1", "value": "m1" })
    );
    assert_eq!(
        manager(json!({ "value": "m1", "displayName": "M" })),
        json!({ "value": "m1" })
    );
    assert_eq!(manager(json!("")), json!(null));
    // PAT-027
    for op in [
        json!({ "op": "replace", "value": { "password": "N3w" } }),
        json!({ "op": "replace", "path": "password", "value": "N3w" }),
    ] {
        let (after, fired) = run(&Profile::RFC, "User", ana(), json!([op])).unwrap();
        assert_eq!(after, ana());
        assert!(fired.set.contains(Tolerance::PasswordDiscarded));
        assert!(!format!("{fired:?}").contains("N3w"));
    }
    let role = "{\"id\":\"1\",\"value\":\"25\"}";
    let after = user(json!([{ "op": "Add", "path": "roles", "value": [{ "value": role }] }]));
    assert_eq!(after["roles"], json!([{ "value": role }]));
}

#[test]
fn members_are_added_and_removed_but_never_changed() {
    let group = |operations: Value| run(&Profile::GENERIC, "Group", team(), operations);
    // GRP-003
    for path in [
        "members[value eq \"a\"].value",
        "members[value eq \"a\"].display",
        "members.value",
        "members[value eq \"a\"]",
    ] {
        for op in ["add", "replace"] {
            let error = group(json!([{ "op": op, "path": path, "value": "x" }])).unwrap_err();
            assert_eq!(error.kind, Kind::Mutability, "{path}");
        }
    }
    // GRP-009
    let (after, _) = group(json!([{ "op": "add", "path": "members", "value": [
        { "value": "a", "display": "A" }, { "value": "n" }, { "value": "n" }
    ] }]))
    .unwrap();
    assert_eq!(
        after["members"],
        json!([{ "value": "a" }, { "value": "b" }, { "value": "c" }, { "value": "n" }])
    );
    for value in [
        json!([{ "display": "x" }]),
        json!([{ "value": "" }]),
        json!([7]),
        json!([{ "value": "n", "display": "x".repeat(1_025) }]),
    ] {
        let error = group(json!([{ "op": "add", "path": "members", "value": value }])).unwrap_err();
        assert_eq!(error.kind, Kind::InvalidValue, "{value}");
    }
    // GRP-005
    for op in [
        json!({ "op": "replace", "path": "members", "value": [] }),
        json!({ "op": "replace", "path": "members", "value": null }),
        json!({ "op": "replace", "value": { "members": [] } }),
        json!({ "op": "remove", "path": "members" }),
    ] {
        let (after, _) = group(json!([op])).unwrap();
        assert_eq!(after.get("members"), None, "{op}");
    }
}

#[test]
fn custom_schemas_decide_like_built_in_ones() {
    let urn = "urn:example:2.0:Badge";
    let sub = |name: &str, mutability: &str, required: bool| {
        json!({ "name": name, "type": "string", "multiValued": false, "description": "",
            "required": required, "caseExact": false, "mutability": mutability, "returned": "default", "uniqueness": "none" })
    };
    let mut number = sub("number", "immutable", false);
    number["caseExact"] = json!(true);
    let mut tags = sub("tags", "readWrite", false);
    tags["multiValued"] = json!(true);
    let mut door = sub("door", "readWrite", false);
    door["type"] = json!("complex");
    door["subAttributes"] = json!([
        sub("name", "readWrite", true),
        sub("key", "immutable", false),
        sub("code", "readWrite", false)
    ]);
    let schema = json!({ "id": urn, "name": "Badge", "description": "", "attributes": [number, tags, door] });
    let user = json!({ "id": "User", "name": "User", "endpoint": "/Users", "description": "User",
        "schema": "urn:ietf:params:scim:schemas:core:2.0:User", "schemaExtensions": [{ "schema": urn, "required": false }] });
    let registry = Registry::with_custom(&[schema], &[user]).unwrap();
    let resource_type = registry.by_name("User").unwrap();
    let badge = |profile: &Profile, operations: Value| {
        let body = map(json!({ "schemas": [crate::message::PATCH_OP], "Operations": operations }));
        let mut fired = Fired::default();
        let mut resource = map(ana());
        Patch::read(resource_type, &body, profile, 9, &mut fired)
            .and_then(|patch| patch.apply(resource_type, &mut resource, profile, &mut fired))
            .map(|()| resource.get(urn).cloned().unwrap_or_default())
            .map_err(|error| error.kind)
    };
    let on = |path: &str| format!("{urn}:{path}");
    // PAT-020
    let first = json!({ "op": "add", "path": on("number"), "value": "7" });
    assert_eq!(
        badge(&Profile::RFC, json!([first, first])),
        Ok(json!({ "number": "7" }))
    );
    for next in [
        json!({ "op": "replace", "path": on("number"), "value": "8" }),
        json!({ "op": "remove", "path": on("number") }),
        json!({ "op": "remove", "path": urn }),
    ] {
        assert_eq!(
            badge(&Profile::RFC, json!([first, next])),
            Err(Kind::Mutability),
            "{next}"
        );
    }
    let door = json!({ "op": "add", "path": on("door"), "value": { "name": "A", "key": "k" } });
    for (path, value) in [
        ("door.key", json!("l")),
        ("door.key", json!(null)),
        ("door", json!({ "key": "l" })),
    ] {
        let next = json!({ "op": "replace", "path": on(path), "value": value });
        assert_eq!(
            badge(&Profile::RFC, json!([door, next])),
            Err(Kind::Mutability),
            "{next}"
        );
    }
    // REM-007
    let next = json!({ "op": "remove", "path": on("door.name") });
    assert_eq!(
        badge(&Profile::GENERIC, json!([door, next])),
        Err(Kind::Mutability)
    );
    let lacking = json!([{ "op": "add", "path": on("door.code"), "value": "c" }]);
    assert_eq!(
        badge(&Profile::RFC, lacking.clone()),
        Err(Kind::MissingRequired)
    );
    assert_eq!(
        badge(&Profile::GENERIC, lacking),
        Ok(json!({ "door": { "code": "c" } }))
    );
    // A list of plain values.
    let tags =
        |operations: Value| badge(&Profile::GENERIC, operations).map(|badge| badge["tags"].clone());
    let add = |value: Value| json!({ "op": "add", "path": on("tags"), "value": value });
    assert_eq!(
        tags(json!([
            add(json!(["a", "b"])),
            add(json!("B")),
            add(json!("c"))
        ])),
        Ok(json!(["a", "b", "c"]))
    );
    for (remove, left) in [
        (
            json!({ "op": "remove", "path": on("tags"), "value": ["A", "zz"] }),
            json!(["b"]),
        ),
        (
            json!({ "op": "remove", "path": on("tags"), "value": "b" }),
            json!(["a"]),
        ),
        (
            json!({ "op": "remove", "path": on("tags[value eq \"a\"]") }),
            json!(["b"]),
        ),
        (
            json!({ "op": "replace", "path": on("tags[value eq \"a\"]"), "value": "z" }),
            json!(["z", "b"]),
        ),
    ] {
        assert_eq!(
            tags(json!([add(json!(["a", "b"])), remove])),
            Ok(left),
            "{remove}"
        );
    }
}

#[test]
fn a_leaver_does_not_come_back_because_active_is_null() {
    let resource_type = Registry::builtin().user().clone();
    for operation in [
        json!({ "op": "replace", "path": "active", "value": null }),
        json!({ "op": "replace", "value": { "active": null, "title": "x" } }),
    ] {
        for profile in [Profile::GENERIC, Profile::RFC] {
            let mut fired = Fired::default();
            let body = json!({ "schemas": [crate::message::PATCH_OP], "Operations": [operation] });
            let body = body.as_object().unwrap();
            let patch = Patch::read(&resource_type, body, &profile, 10, &mut fired).unwrap();
            let user =
                json!({ "schemas": [crate::schema::CORE_USER], "userName": "a", "active": false });
            let mut user = user.as_object().unwrap().clone();
            patch
                .apply(&resource_type, &mut user, &profile, &mut fired)
                .unwrap();
            assert_eq!(user["active"], json!(false), "{operation}");
            assert!(fired.set.contains(Tolerance::KeepOmitted));
        }
    }
}

/// `AppRoleAssignmentsComplex` of Entra (transcript `entra-app-roles.json`): without this an application would read JSON
/// where it looks for the name of a role.
#[test]
fn a_role_as_json_within_a_text_is_that_role_for_entra_alone() {
    let text = r#"{"id":"06b07648","value":"25","displayName":"Role1234"}"#;
    let odd = r#"{"id":"06b07648","value":25}"#;
    let roles = json!([{"value": text}, {"value": odd}, {"value": "{"}]);
    let add = || json!([{"op": "Add", "path": "roles", "value": roles}]);
    let (after, fired) = run(&Profile::ENTRA, "User", ana(), add()).unwrap();
    assert_eq!(
        after["roles"],
        json!([{"value": "25", "display": "Role1234"}, {"value": odd}, {"value": "{"}])
    );
    assert!(fired.set.contains(Tolerance::RoleInText));
    // A create gives a type, which the text lacks: it is the same role.
    let mut created = ana();
    created["roles"] =
        json!([{"value": "25", "type": "WindowsAzureActiveDirectoryRole"}, {"value": "26"}]);
    let again = json!([{"op": "Add", "path": "roles", "value": [{"value": text}]}]);
    let (after, _) = run(&Profile::ENTRA, "User", created.clone(), again).unwrap();
    let kept =
        json!({"value": "25", "display": "Role1234", "type": "WindowsAzureActiveDirectoryRole"});
    assert_eq!(after["roles"], json!([kept, {"value": "26"}]));
    let untyped = json!([{"op": "add", "path": "roles", "value": [{"value": "25"}]}]);
    let (after, _) = run(&Profile::GENERIC, "User", created, untyped).unwrap();
    assert_eq!(after["roles"].as_array().unwrap().len(), 3);
    let (after, fired) = run(&Profile::GENERIC, "User", ana(), add()).unwrap();
    assert_eq!(after["roles"][0]["value"], text);
    assert!(!fired.set.contains(Tolerance::RoleInText));
}
