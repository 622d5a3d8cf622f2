//! Steps on member rows do what the PATCH of the whole team does.

use proptest::prelude::*;
use serde_json::json;

use super::{map, team};
use crate::{
    Error, Fired, Map, Profile, Registry, Value,
    patch::{MemberStep, Patch, apply_steps},
    resource::Member,
};

fn read(operations: Value, profile: &Profile) -> Patch {
    let registry = Registry::builtin();
    let body = map(json!({ "schemas": [crate::message::PATCH_OP], "Operations": operations }));
    Patch::read(
        registry.by_name("Group").unwrap(),
        &body,
        profile,
        100,
        &mut Fired::default(),
    )
    .unwrap_or_else(|error| panic!("{operations}: {error:?}"))
}

/// What the tenant knows about a member.
fn describe(id: &str) -> Map<String, Value> {
    let kind = if id < "e" { "User" } else { "Group" };
    map(json!({ "type": kind, "display": format!("The {id}") }))
}

fn element(id: &str) -> Value {
    let mut element = describe(id);
    element.insert("value".into(), json!(id));
    Value::Object(element)
}

fn steps(operations: Value) -> (Vec<MemberStep>, usize) {
    let registry = Registry::builtin();
    let group = registry.by_name("Group").unwrap();
    let (steps, rest) = read(operations, &Profile::GENERIC)
        .split_members(group, &Profile::GENERIC, &mut Fired::default())
        .unwrap();
    (steps, rest.operations.len())
}

#[test]
fn each_form_becomes_a_step_in_order() {
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let members = |names: &[&str]| ids(names).into_iter().map(Member::from).collect::<Vec<_>>();
    let (given, rest) = steps(json!([
        { "op": "remove", "path": "members" },
        { "op": "add", "path": "members", "value": [{ "value": "x" }, { "value": "y" }, { "value": "x" }] },
        { "op": "replace", "value": { "displayName": "N", "id": "g1", "members": [{ "value": "z" }] } },
        { "op": "remove", "path": "members[value eq \"z\"]" },
        { "op": "remove", "path": "members[value eq \"a\" or value eq \"B\"]" },
        { "op": "remove", "path": "members", "value": [{ "value": "q" }] },
        { "op": "replace", "path": "members", "value": [] },
        { "op": "remove", "path": "members[type eq \"User\"]" },
        { "op": "remove", "path": "members", "value": [] },
        { "op": "add", "path": "members", "value": [] }
    ]));
    assert_eq!(rest, 2);
    assert_eq!(
        given[..7],
        [
            MemberStep::Clear,
            MemberStep::Add(members(&["x", "y"])),
            MemberStep::Replace(members(&["z"])),
            MemberStep::Remove(ids(&["z"])),
            MemberStep::Remove(ids(&["a", "B"])),
            MemberStep::Remove(ids(&["q"])),
            MemberStep::Clear,
        ]
    );
    assert!(matches!(given[7], MemberStep::RemoveMatching(_)));
    assert_eq!(given.len(), 8);
}

#[test]
fn two_hundred_thousand_members_are_read_in_one_operation() {
    // REP-014
    let members: Vec<Value> = (0..200_000)
        .map(|i| json!({ "value": format!("m{i}") }))
        .collect();
    let (given, _) = steps(json!([{ "op": "replace", "path": "members", "value": members }]));
    assert!(matches!(&given[..], [MemberStep::Replace(ids)] if ids.len() == 200_000));
}

#[test]
fn fifty_operations_in_one_patch() {
    // GRP-007
    let operations: Vec<Value> = (0..50)
        .map(|i| json!({ "op": "add", "path": "members", "value": [{ "value": format!("m{i}") }] }))
        .collect();
    assert_eq!(steps(json!(operations)).0.len(), 50);
}

fn id() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "c", "d", "e", "f", "g", "A"])
}

fn filter() -> impl Strategy<Value = String> {
    let term = prop_oneof![
        4 => id().prop_map(|id| format!("value eq \"{id}\"")),
        1 => id().prop_map(|id| format!("value ne \"{id}\"")),
        1 => id().prop_map(|id| format!("value gt \"{id}\"")),
        1 => id().prop_map(|id| format!("display ew \" {id}\"")),
        1 => Just("type eq \"group\"".to_owned()),
        1 => Just("type pr".to_owned()),
        1 => Just("$ref pr".to_owned()),
    ];
    term.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

fn operation() -> impl Strategy<Value = Value> {
    let list = || prop::collection::vec(id(), 0..5);
    let elements = |ids: Vec<&str>| Value::Array(ids.into_iter().map(element).collect());
    prop_oneof![
        3 => list().prop_map(move |ids| json!({ "op": "add", "path": "members", "value": elements(ids) })),
        1 => id().prop_map(|id| json!({ "op": "Add", "path": "MEMBERS", "value": element(id) })),
        1 => list().prop_map(move |ids| json!({ "op": "replace", "path": "members", "value": elements(ids) })),
        1 => list().prop_map(move |ids| json!({ "op": "add", "value": { "Members": elements(ids), "displayName": "N" } })),
        1 => list().prop_map(move |ids| json!({ "op": "replace", "value": { "members": elements(ids) } })),
        1 => Just(json!({ "op": "replace", "path": "members", "value": null })),
        1 => Just(json!({ "op": "remove", "path": "members" })),
        2 => list().prop_map(|ids| {
            let ids: Vec<Value> = ids.iter().map(|id| json!({ "$ref": null, "value": id })).collect();
            json!({ "op": "remove", "path": "members", "value": ids })
        }),
        1 => id().prop_map(|id| json!({ "op": "remove", "path": "members", "value": id })),
        4 => filter().prop_map(|filter| json!({ "op": "remove", "path": format!("members[{filter}]") })),
        1 => Just(json!({ "op": "replace", "path": "displayName", "value": "Other" })),
    ]
}

proptest! {
    #[test]
    fn steps_and_rest_equal_the_patch_of_the_whole_team(
        start in prop::collection::hash_set(id(), 0..6),
        operations in prop::collection::vec(operation(), 1..8),
        narrow in any::<bool>(),
    ) {
        let registry = Registry::builtin();
        let group = registry.by_name("Group").unwrap();
        let profile = if narrow { &Profile::INTEROP } else { &Profile::GENERIC };
        let operations: Vec<Value> = operations
            .into_iter()
            .filter(|operation| !narrow || operation["path"].is_string())
            .collect();
        prop_assume!(!operations.is_empty());
        let patch = read(json!(operations), profile);
        let fired = &mut Fired::default();

        let mut whole = map(team());
        whole.insert("members".into(), start.iter().map(|id| element(id)).collect());
        let applied = patch.apply(group, &mut whole, profile, fired);

        let (steps, rest) = patch.split_members(group, profile, fired).unwrap();
        let mut members: Vec<String> = start.iter().map(|id| (*id).to_owned()).collect();
        let stepped = apply_steps(&mut members, &steps, describe);
        let kind = |result: Result<(), Error>| result.map_err(|error| error.kind);
        prop_assert_eq!(kind(stepped), kind(applied.clone()));
        if applied.is_err() {
            return Ok(());
        }
        let mut own = map(team());
        own.shift_remove("members");
        rest.apply(group, &mut own, profile, fired).unwrap();

        let left: Vec<&str> = whole
            .get("members")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|member| member["value"].as_str())
            .collect();
        prop_assert_eq!(&members, &left);
        whole.shift_remove("members");
        prop_assert_eq!(whole, own);
    }
}
