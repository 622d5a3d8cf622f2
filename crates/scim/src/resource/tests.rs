//! Resources as clients send them.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    Kind, Registry,
    schema::{CORE_GROUP, CORE_USER, ENTERPRISE_USER},
};

const ACME: &str = "urn:acme:scim:2.0:User";

/// The built-in registry, a User extension with every unusual characteristic, and a Device.
fn registry() -> Registry {
    let acme = json!({"id": ACME, "attributes": [
        {"name": "badge", "mutability": "immutable"},
        {"name": "secret", "mutability": "writeOnly", "returned": "never"},
        {"name": "score", "type": "integer", "mutability": "readOnly"},
        {"name": "seat", "type": "complex", "subAttributes": [
            {"name": "floor", "type": "integer"},
            {"name": "building", "mutability": "immutable"}
        ]},
        {"name": "department"}
    ]});
    let device = json!({"id": "urn:example:1.0:Device", "attributes": [
        {"name": "serial", "required": true, "caseExact": true, "mutability": "immutable"},
        {"name": "label"}
    ]});
    let warranty = json!({"id": "urn:example:1.0:Warranty", "attributes": [
        {"name": "until", "type": "dateTime", "required": true}
    ]});
    let types = [
        json!({"name": "User", "schemaExtensions": [{"schema": ACME}]}),
        json!({
            "name": "Device", "endpoint": "/Devices", "schema": "urn:example:1.0:Device",
            "schemaExtensions": [{"schema": "urn:example:1.0:Warranty", "required": true}]
        }),
    ];
    Registry::with_custom(&[acme, device, warranty], &types).unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

fn try_read(type_name: &str, body: Value, profile: Profile) -> Result<(Incoming, Fired), Error> {
    let registry = registry();
    let mut fired = Fired::default();
    let resource_type = registry.by_name(type_name).unwrap();
    let incoming = read(resource_type, object(body), &profile, &mut fired)?;
    Ok((incoming, fired))
}

fn user(mut rest: Value) -> Value {
    let mut body = json!({"schemas": [CORE_USER], "userName": "ada"});
    object(std::mem::take(&mut rest))
        .into_iter()
        .for_each(|(key, value)| body[key] = value);
    body
}

/// What is stored of a user, without `schemas` and `userName`.
fn rest_of(incoming: &Incoming) -> Value {
    let mut attributes = incoming.attributes.clone();
    attributes.shift_remove("schemas");
    attributes.shift_remove("userName");
    Value::Object(attributes)
}

fn full_user() -> Value {
    json!({
        "schemas": [CORE_USER, ENTERPRISE_USER],
        "externalId": "00u7",
        "userName": "ada@example.com",
        "name": {
            "formatted": "Dr. Ada M. King, PhD", "familyName": "King", "givenName": "Ada",
            "middleName": "Maria", "honorificPrefix": "Dr.", "honorificSuffix": "PhD"
        },
        "displayName": "Ada King",
        "nickName": "Ada",
        "profileUrl": "https://people.example.com/ada",
        "title": "Engineer",
        "userType": "Employee",
        "preferredLanguage": "en-GB",
        "locale": "en-GB",
        "timezone": "Europe/London",
        "active": true,
        "emails": [
            {"value": "ada@example.com", "type": "work", "primary": true},
            {"value": "ada@home.example", "type": "home", "display": "Ada at home"}
        ],
        "phoneNumbers": [{"value": "tel:+44-20-555-0100", "type": "work"}],
        "ims": [{"value": "ada.chat", "type": "xmpp"}],
        "photos": [{"value": "https://people.example.com/ada.jpg", "type": "photo"}],
        "addresses": [{
            "streetAddress": "12 St James's Square", "locality": "London", "region": "LDN",
            "postalCode": "SW1Y 4JH", "country": "GB", "formatted": "12 St James's Square\nLondon",
            "type": "work", "primary": true
        }],
        "entitlements": [{"value": "analysis"}],
        "roles": [{"value": "author", "primary": true}],
        "x509Certificates": [{"value": "MAMCAQE="}],
        ENTERPRISE_USER: {
            "employeeNumber": "1815", "costCenter": "4130", "organization": "Engines",
            "division": "Analytical", "department": "Notes",
            "manager": {"value": "26118915", "$ref": "../Users/26118915"}
        }
    })
}

// USR-002, USR-007, USR-008, USR-013, SCH-022, POST-013
#[test]
fn a_full_user_round_trips_in_every_profile() {
    for profile in Profile::ALL {
        let (incoming, fired) = try_read("User", full_user(), *profile).unwrap();
        assert_eq!(
            Value::Object(incoming.attributes.clone()).to_string(),
            full_user().to_string()
        );
        assert!(fired.is_empty(), "{fired:?}");
        assert_eq!(incoming.members, None);
    }
    let mut turned = full_user();
    turned["schemas"].as_array_mut().unwrap().reverse();
    let (incoming, _) = try_read("User", turned, Profile::RFC).unwrap();
    assert_eq!(Value::Object(incoming.attributes), full_user());
}

/// Each row: what is sent beside userName, what is stored of it, what fired; in every profile.
// POST-005, POST-010, POST-016, POST-017, POST-022, SCH-015, SCH-018, USR-010, USR-013, PUT-005, PUT-008
#[test]
fn what_every_profile_accepts() {
    use Tolerance::*;
    let urn = format!("{CORE_USER}:NickName");
    for (sent, stored, fired) in [
        (
            json!({"nickName": null, "emails": [], "name": {}}),
            json!({}),
            vec![],
        ),
        (json!({"nickName": ""}), json!({"nickName": ""}), vec![]),
        (
            json!({"DISPLAYNAME": "A"}),
            json!({"displayName": "A"}),
            vec![],
        ),
        (json!({urn: "A"}), json!({"nickName": "A"}), vec![]),
        (
            json!({"ID": "x", "meta": {"created": "1970"}}),
            json!({}),
            vec![ReadOnlyIgnored],
        ),
        (
            json!({"groups": [{"value": "g"}]}),
            json!({}),
            vec![ReadOnlyIgnored],
        ),
        (
            json!({"groups": [], "meta": {}, "id": null}),
            json!({}),
            vec![],
        ),
        (
            json!({"password": "s3cret"}),
            json!({}),
            vec![PasswordDiscarded],
        ),
        (
            json!({"externalId": "X"}),
            json!({"externalId": "X"}),
            vec![],
        ),
        (json!({ENTERPRISE_USER: {}}), json!({}), vec![]),
        (json!({ENTERPRISE_USER: null}), json!({}), vec![]),
        (
            json!({"schemas": [CORE_USER, ENTERPRISE_USER], ENTERPRISE_USER: {"manager": {"displayName": "B"}}}),
            json!({}),
            vec![ReadOnlyIgnored],
        ),
        (
            json!({"schemas": [CORE_USER, ACME], ACME: {"score": 5, "badge": "b"}}),
            json!({ACME: {"badge": "b"}}),
            vec![ReadOnlyIgnored],
        ),
        (
            json!({"schemas": [CORE_USER, CORE_USER]}),
            json!({}),
            vec![],
        ),
        (
            json!({"schemas": [ENTERPRISE_USER, CORE_USER.to_uppercase()]}),
            json!({}),
            vec![],
        ),
    ] {
        for profile in Profile::ALL {
            let (incoming, notes) = try_read("User", user(sent.clone()), *profile).unwrap();
            assert_eq!(rest_of(&incoming), stored, "{sent}");
            assert_eq!(notes.set.iter().collect::<Vec<_>>(), fired, "{sent}");
            assert!(!format!("{notes:?}").contains("s3cret"));
            let mut schemas = vec![CORE_USER];
            schemas.extend(
                [ENTERPRISE_USER, ACME]
                    .iter()
                    .filter(|urn| stored.get(urn).is_some()),
            );
            assert_eq!(incoming.attributes["schemas"], json!(schemas), "{sent}");
        }
    }
}

/// Each row: what is sent beside userName, what generic stores, what fired, how rfc refuses.
// POST-011, POST-012, POST-014, POST-024, IOP-003, SCH-014, SCH-021, USR-003
#[test]
fn what_generic_forgives_and_rfc_refuses() {
    use Tolerance::*;
    let syntax = Kind::InvalidSyntax;
    let department = json!({ENTERPRISE_USER: {"department": "D"}});
    for (sent, stored, fired, kind) in [
        (
            json!({"schemas": null}),
            json!({}),
            vec![InferSchemas],
            syntax,
        ),
        (
            json!({"schemas": []}),
            json!({}),
            vec![InferSchemas],
            syntax,
        ),
        (
            json!({"schemas": [ENTERPRISE_USER]}),
            json!({}),
            vec![InferSchemas],
            syntax,
        ),
        (
            json!({"schemas": CORE_USER}),
            json!({}),
            vec![WrapArray],
            Kind::InvalidValue,
        ),
        (
            json!({"schemas": [CORE_USER, "urn:x:unknown"]}),
            json!({}),
            vec![UnknownSchema],
            syntax,
        ),
        (
            json!({"urn:x:unknown": {"a": 1}}),
            json!({}),
            vec![UnknownSchema],
            syntax,
        ),
        (
            json!({"dispalyName": "A"}),
            json!({}),
            vec![UnknownAttribute],
            syntax,
        ),
        (
            json!({"name": {"given": "A"}}),
            json!({}),
            vec![UnknownAttribute],
            syntax,
        ),
        (
            department.clone(),
            department.clone(),
            vec![UnlistedExtension],
            syntax,
        ),
        (
            json!({"schemas": [CORE_USER, ENTERPRISE_USER], "department": "D"}),
            department.clone(),
            vec![BareExtensionAttribute],
            syntax,
        ),
        (
            json!({"schemas": [CORE_USER, ENTERPRISE_USER], "department": "X", ENTERPRISE_USER: {"department": "D"}}),
            department.clone(),
            vec![BareExtensionAttribute],
            syntax,
        ),
        (
            json!({"schemas": [CORE_USER, ENTERPRISE_USER], ENTERPRISE_USER: {"manager": "7"}}),
            json!({ENTERPRISE_USER: {"manager": {"value": "7"}}}),
            vec![WrapComplex],
            Kind::InvalidValue,
        ),
        (
            json!({"active": "False"}),
            json!({"active": false}),
            vec![StringBoolean],
            Kind::InvalidValue,
        ),
        (
            json!({"locale": "zz!!"}),
            json!({"locale": "zz!!"}),
            vec![LooseFormat],
            Kind::InvalidValue,
        ),
    ] {
        let (incoming, notes) = try_read("User", user(sent.clone()), Profile::GENERIC).unwrap();
        assert_eq!(rest_of(&incoming), stored, "{sent}");
        assert_eq!(notes.set.iter().collect::<Vec<_>>(), fired, "{sent}");
        assert!(!notes.notes.is_empty());
        let error = try_read("User", user(sent.clone()), Profile::RFC).unwrap_err();
        assert_eq!(error.kind, kind, "{sent}: {error}");
    }
}

// POST-009, POST-010, POST-018, GRP-001, USR-001, DISC-023, SCH-015, PUT-007
#[test]
fn what_every_profile_refuses() {
    let needs = Kind::MissingRequired;
    let device = "urn:example:1.0:Device";
    let core_urn = json!({"schemas": [CORE_USER], CORE_USER: {"userName": "a"}});
    for (type_name, body, kind, words) in [
        ("User", json!({"schemas": [CORE_USER]}), needs, "userName"),
        ("User", user(json!({"userName": ""})), needs, "userName"),
        ("User", user(json!({"userName": "  "})), needs, "userName"),
        ("User", user(json!({"userName": null})), needs, "userName"),
        (
            "User",
            user(json!({"userName": 123})),
            Kind::InvalidValue,
            "userName",
        ),
        (
            "User",
            user(json!({"active": "maybe"})),
            Kind::InvalidValue,
            "active",
        ),
        (
            "User",
            user(json!({"name": ["a", "b"]})),
            Kind::InvalidValue,
            "name",
        ),
        (
            "User",
            user(json!({"schemas": [1]})),
            Kind::InvalidValue,
            "schemas",
        ),
        (
            "User",
            user(json!({"schemas": {}})),
            Kind::InvalidValue,
            "schemas",
        ),
        (
            "User",
            user(json!({ENTERPRISE_USER: "a"})),
            Kind::InvalidValue,
            ENTERPRISE_USER,
        ),
        ("User", core_urn, Kind::InvalidSyntax, "top level"),
        (
            "User",
            user(json!({format!("{CORE_USER}:userName"): "b"})),
            Kind::InvalidSyntax,
            "twice",
        ),
        (
            "Group",
            json!({"schemas": [CORE_GROUP]}),
            needs,
            "displayName",
        ),
        (
            "Device",
            json!({"schemas": [device], "serial": "1"}),
            needs,
            "Warranty",
        ),
        (
            "Device",
            json!({"schemas": [device, "urn:example:1.0:Warranty"], "label": "x", "urn:example:1.0:Warranty": {"until": "2026-01-01T00:00:00Z"}}),
            needs,
            "serial",
        ),
    ] {
        for profile in Profile::ALL {
            let error = try_read(type_name, body.clone(), *profile).unwrap_err();
            assert_eq!((error.kind, error.kind.status()), (kind, 400), "{body}");
            assert!(error.detail.contains(words), "{words}: {}", error.detail);
        }
    }
}

// GRP-002, GRP-005, GRP-009, SCH-016, SCH-025
#[test]
fn members_are_split_off_as_ids() {
    let group =
        |members: Value| json!({"schemas": [CORE_GROUP], "displayName": "T", "members": members});
    for (members, expected) in [
        (json!([]), vec![]),
        (json!(null), vec![]),
        (json!([null, {}]), vec![]),
        (
            json!([{"value": "b", "display": "B", "$ref": null, "type": "User"}, {"Value": "a"}]),
            vec!["b", "a"],
        ),
        (
            json!([{"value": "a"}, {"value": "b"}, {"value": "a", "type": "User"}]),
            vec!["a", "b"],
        ),
    ] {
        for profile in Profile::ALL {
            let (incoming, fired) = try_read("Group", group(members.clone()), *profile).unwrap();
            let ids = |members: &Vec<Member>| members.iter().map(|m| m.id.clone()).collect();
            let found: Option<Vec<String>> = incoming.members.as_ref().map(ids);
            assert_eq!(found.unwrap(), expected);
            assert!(!incoming.attributes.contains_key("members"));
            assert!(fired.is_empty());
        }
    }
    let none = json!({"schemas": [CORE_GROUP], "displayName": "T"});
    assert_eq!(
        try_read("Group", none, Profile::RFC).unwrap().0.members,
        None
    );
    for members in [
        json!([{"display": "x"}]),
        json!([{"value": ""}]),
        json!([{"value": 7}]),
        json!([{"value": null, "type": "User"}]),
        json!([7]),
        json!([[]]),
        json!([{"value": "a", "type": 7}]),
        json!([{"value": "a", "display": "x".repeat(1_025)}]),
        json!([""]),
        json!("").clone(),
    ] {
        for profile in Profile::ALL {
            let error = try_read("Group", group(members.clone()), *profile).unwrap_err();
            assert_eq!(error.kind, Kind::InvalidValue, "{members}");
        }
    }
    for (members, tolerance) in [
        (json!(["a"]), Tolerance::WrapComplex),
        (json!({"value": "a"}), Tolerance::WrapArray),
        (
            json!([{"value": "a", "nope": 1}]),
            Tolerance::UnknownAttribute,
        ),
    ] {
        let (incoming, fired) =
            try_read("Group", group(members.clone()), Profile::GENERIC).unwrap();
        assert_eq!(incoming.members, Some(vec!["a".to_owned().into()]));
        assert!(fired.set.contains(tolerance));
        assert!(try_read("Group", group(members), Profile::RFC).is_err());
    }
}

#[test]
fn a_team_of_two_hundred_thousand_is_read_in_one_pass() {
    let members: Vec<Value> = (0..200_000)
        .map(|i| json!({"value": (i % 150_000).to_string()}))
        .collect();
    let body = json!({"schemas": [CORE_GROUP], "displayName": "T", "members": members});
    let (incoming, _) = try_read("Group", body, Profile::RFC).unwrap();
    let members = incoming.members.unwrap();
    assert_eq!(members.len(), 150_000);
    assert_eq!(members[149_999].id, "149999");
}

// POST-015
#[test]
fn a_new_user_is_active_unless_it_says_otherwise() {
    let registry = registry();
    for (sent, active) in [(json!({}), true), (json!({"active": false}), false)] {
        let (mut incoming, _) = try_read("User", user(sent), Profile::RFC).unwrap();
        complete_new(registry.user(), &mut incoming.attributes);
        assert_eq!(incoming.attributes["active"], active);
    }
    let mut group = object(json!({"displayName": "T"}));
    complete_new(registry.group(), &mut group);
    assert!(!group.contains_key("active"));
}

#[test]
fn what_the_server_adds_stands_in_the_order_of_the_schema() {
    let registry = registry();
    let mut attributes = object(json!({
        "schemas": [CORE_USER], "externalId": "x", "userName": "a",
        "emails": [{"value": "a@x"}], ENTERPRISE_USER: {"department": "D"}
    }));
    complete_new(registry.user(), &mut attributes);
    let keys: Vec<&str> = attributes.keys().map(String::as_str).collect();
    let expected = [
        "schemas",
        "externalId",
        "userName",
        "active",
        "emails",
        ENTERPRISE_USER,
    ];
    assert_eq!(keys, expected);
}

fn try_replace(stored: Value, sent: Value) -> Result<(Value, Fired), Error> {
    let registry = registry();
    let (incoming, mut fired) = try_read("User", user(sent), Profile::GENERIC)?;
    let stored = object(user(stored));
    let replaced = replace(
        registry.user(),
        &stored,
        incoming.attributes,
        &Profile::GENERIC,
        &mut fired,
    )?;
    let mut rest = Value::Object(replaced);
    let rest_object = rest.as_object_mut().unwrap();
    rest_object.shift_remove("userName");
    if rest_object["schemas"] == json!([CORE_USER]) {
        rest_object.shift_remove("schemas");
    }
    Ok((rest, fired))
}

/// Each row: what is stored, what a PUT sends, what is stored then.
// PUT-003, PUT-004, PUT-006, PUT-008, PUT-012, PUT-015, PUT-016, POST-023, SCH-018
#[test]
fn a_put_replaces_but_keeps_what_it_must() {
    let acme = json!([CORE_USER, ACME]);
    for (stored, sent, expected) in [
        (
            json!({"nickName": "A", "title": "T"}),
            json!({"title": "U"}),
            json!({"title": "U"}),
        ),
        (
            json!({"emails": [{"value": "a"}, {"value": "b"}]}),
            json!({"emails": [{"value": "c"}]}),
            json!({"emails": [{"value": "c"}]}),
        ),
        (
            json!({"active": false}),
            json!({}),
            json!({"active": false}),
        ),
        (
            json!({"active": false}),
            json!({"active": true}),
            json!({"active": true}),
        ),
        (
            json!({"active": true}),
            json!({"active": null}),
            json!({"active": true}),
        ),
        (
            json!({ENTERPRISE_USER: {"department": "D"}}),
            json!({}),
            json!({}),
        ),
        (
            json!({ACME: {"badge": "b", "secret": "s", "department": "D"}}),
            json!({}),
            json!({"schemas": acme, ACME: {"badge": "b", "secret": "s"}}),
        ),
        (
            json!({}),
            json!({ACME: {"badge": "b"}}),
            json!({"schemas": acme, ACME: {"badge": "b"}}),
        ),
        (
            json!({ACME: {"badge": "b", "secret": "s"}}),
            json!({ACME: {"badge": "B", "secret": "t"}}),
            json!({"schemas": acme, ACME: {"badge": "B", "secret": "t"}}),
        ),
        (
            json!({ACME: {"seat": {"floor": 1, "building": "x"}}}),
            json!({ACME: {"seat": {"floor": 2}}}),
            json!({"schemas": acme, ACME: {"seat": {"floor": 2, "building": "x"}}}),
        ),
    ] {
        let (replaced, _) = try_replace(stored.clone(), sent.clone()).unwrap();
        assert_eq!(replaced, expected, "{stored} {sent}");
    }
    for (stored, sent) in [
        (json!({ACME: {"badge": "b"}}), json!({ACME: {"badge": "c"}})),
        (
            json!({ACME: {"seat": {"building": "x"}}}),
            json!({ACME: {"seat": {"building": "y"}}}),
        ),
    ] {
        let error = try_replace(stored, sent).unwrap_err();
        assert_eq!(error.kind, Kind::Mutability);
        assert!(error.detail.contains(ACME));
    }
    let (_, fired) = try_replace(json!({"active": false}), json!({})).unwrap();
    assert!(fired.set.contains(Tolerance::KeepOmitted));
}

// POST-009, POST-019, GET-006
#[test]
fn a_patched_resource_is_checked_as_a_whole() {
    let registry = registry();
    let checked = |value: Value| {
        let mut attributes = object(value);
        check(registry.user(), &mut attributes).map(|()| Value::Object(attributes).to_string())
    };
    let sent = json!({
        "userName": "a", "title": null, "emails": [], "name": {"givenName": null},
        "id": "1", "meta": {"version": "v"}, ENTERPRISE_USER: {"department": null}, ACME: {"badge": "b"}
    });
    let expected = json!({
        "schemas": [CORE_USER, ACME], "userName": "a", "id": "1", "meta": {"version": "v"},
        ACME: {"badge": "b"}
    });
    assert_eq!(checked(sent), Ok(expected.to_string()));
    assert_eq!(checked(expected.clone()), Ok(expected.to_string()));
    assert_eq!(
        checked(json!({"title": "x"})).unwrap_err().kind,
        Kind::MissingRequired
    );
    let two = json!({"userName": "a", "emails": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]});
    assert_eq!(checked(two).unwrap_err().kind, Kind::InvalidValue);
}

#[test]
fn the_primary_email_is_marked_or_work_or_first() {
    for (emails, expected) in [
        (json!([]), None),
        (json!([{"type": "work"}, {"value": ""}]), None),
        (json!([{"value": "a"}, {"value": "b"}]), Some("a")),
        (
            json!([{"value": "a"}, {"value": "b", "type": "Work"}]),
            Some("b"),
        ),
        (
            json!([{"value": "a", "type": "work"}, {"value": "b", "primary": true}]),
            Some("b"),
        ),
        (
            json!([{"value": "a", "type": "work"}, {"primary": true}]),
            Some("a"),
        ),
    ] {
        let attributes = object(json!({"emails": emails}));
        assert_eq!(primary_email(&attributes), expected, "{attributes:?}");
    }
    assert_eq!(primary_email(&Map::new()), None);
}

#[test]
fn changes_are_named_by_attribute() {
    let before = object(json!({
        "schemas": [CORE_USER], "title": "a", "nickName": "n", "name": {"a": 1, "b": 2},
        ENTERPRISE_USER: {"department": "D", "division": "V"}
    }));
    let after = object(json!({
        "schemas": [CORE_USER, ACME], "title": "b", "active": true, "name": {"b": 2, "a": 1},
        ENTERPRISE_USER: {"department": "E", "division": "V"}, ACME: {"badge": "b"}
    }));
    let department = format!("{ENTERPRISE_USER}:department");
    let badge = format!("{ACME}:badge");
    let expected = vec!["title", "active", &department, &badge, "nickName"];
    assert_eq!(changed(&before, &after), expected);
    assert!(changed(&before, &before).is_empty());
}

/// Any JSON, with names and values that lead deep into the reader.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof!["True", "a@b", "AQI=", "2026-01-01T00:00:00Z", ".*"].prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((any_name(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "schemas",
            "id",
            "meta",
            "externalId",
            "userName",
            "USERNAME",
            "name",
            "givenName",
            "active",
            "emails",
            "value",
            "Value",
            "type",
            "primary",
            "$ref",
            "display",
            "manager",
            "department",
            "members",
            "displayName",
            "groups",
            "password",
            "x509Certificates",
            "locale",
            "photos",
            "badge",
            "seat",
            "floor",
            CORE_USER,
            ENTERPRISE_USER,
            ACME,
            CORE_GROUP,
            "urn:x:y",
            "urn:ietf:params:scim:schemas:core:2.0:User:title",
        ])
        .prop_map(str::to_owned),
        ".{0,8}",
    ]
}

proptest! {
    #[test]
    fn reading_what_was_read_changes_nothing(
        members in prop::collection::vec((any_name(), any_json()), 0..12),
        profile in prop::sample::select(Profile::ALL),
        type_name in prop::sample::select(vec!["User", "Group", "Device", "Role"]),
    ) {
        let mut body: Map<String, Value> = members.into_iter().collect();
        for name in ["userName", "displayName"] {
            body.insert(name.to_owned(), "x".into());
        }
        let registry = registry();
        let resource_type = registry.by_name(type_name).unwrap();
        let mut fired = Fired::default();
        let Ok(first) = read(resource_type, body, &profile, &mut fired) else {
            return Ok(());
        };
        let mut checked = first.attributes.clone();
        check(resource_type, &mut checked).unwrap();
        prop_assert_eq!(&checked, &first.attributes);
        let second = read(resource_type, first.attributes.clone(), &profile, &mut fired).unwrap();
        prop_assert_eq!(
            Value::Object(second.attributes).to_string(),
            Value::Object(first.attributes.clone()).to_string()
        );
        let replaced = replace(
            resource_type, &first.attributes, first.attributes.clone(), &profile, &mut fired,
        ).unwrap();
        prop_assert!(changed(&first.attributes, &replaced).is_empty());
    }
}
