//! Whatever stands in a PATCH, the answer is a changed resource or a refusal, and a team's steps
//! agree with the whole.

#[path = "fuzz/driver.rs"]
mod driver;

use std::collections::HashSet;

use scim::{
    Fired, Map, Profile, Registry, ResourceType, Value, json,
    patch::{MemberStep, Patch, apply_steps},
};

const PIECES: &[&str] = &[
    "\"op\":\"add\"",
    "\"op\":\"replace\"",
    "\"op\":\"remove\"",
    "\"path\":",
    "\"value\":",
    "null",
    "[]",
    "{}",
    "true",
    "\"True\"",
    "\"members\"",
    "\"members[value eq \\\"a\\\"]\"",
    "\"emails[type eq \\\"work\\\"].value\"",
    "\"emails.value\"",
    "\"name.familyName\"",
    "\"manager\"",
    "\"active\"",
    "\"schemas\"",
    "\"id\"",
    "\"primary\":true,",
    "\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"",
    "[value eq \\\"a\\\"]",
    ".value",
];

const RESOURCES: [(&str, &str); 2] = [
    (
        "User",
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "id":"1","userName":"ana","name":{"familyName":"P","givenName":"A"},"active":true,
        "emails":[{"value":"ana@x.org","type":"work","primary":true},{"value":"a","type":"home"}],
        "addresses":[{"type":"work","country":"DE"}],"meta":{"resourceType":"User"},"groups":[{"value":"g1"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"S","manager":{"value":"m"}}}"#,
    ),
    (
        "Group",
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"1","displayName":"T",
        "members":[{"value":"a"},{"value":"b"},{"value":"c"}]}"#,
    ),
];

// PAT-007
#[test]
fn patch_never_panics_and_is_all_or_none() {
    let registry = Registry::builtin();
    let resources = RESOURCES.map(|(name, text)| {
        let resource = json::parse_object(text.as_bytes()).expect("the resource is JSON");
        (registry.by_name(name).expect("is built in"), resource)
    });
    driver::run("patch", PIECES, |input| {
        let Ok(body) = json::parse_object(input) else {
            return;
        };
        for (resource_type, resource) in &resources {
            for profile in [&Profile::ENTRA, &Profile::RFC] {
                attempt(&body, resource_type, resource, profile);
            }
        }
    });
}

fn attempt(
    body: &Map<String, Value>,
    resource_type: &ResourceType,
    before: &Map<String, Value>,
    profile: &Profile,
) {
    let mut fired = Fired::default();
    let Ok(patch) = Patch::read(resource_type, body, profile, 100, &mut fired) else {
        return;
    };
    patch.names_read_only();
    let mut whole = before.clone();
    let applied = patch.apply(resource_type, &mut whole, profile, &mut fired);
    if let Err(error) = &applied {
        assert!((400..500).contains(&error.kind.status()), "{error:?}");
        assert_eq!(&whole, before);
    } else {
        let mut again = whole.clone();
        assert_eq!(scim::resource::check(resource_type, &mut again), Ok(()));
        assert_eq!(again, whole, "the result is canonical");
    }
    if resource_type.is_group() {
        split(
            patch,
            resource_type,
            before,
            profile,
            applied.ok().map(|()| whole),
        );
    }
}

/// The steps on member rows and the rest do what the whole did.
fn split(
    patch: Patch,
    resource_type: &ResourceType,
    before: &Map<String, Value>,
    profile: &Profile,
    whole: Option<Map<String, Value>>,
) {
    let mut fired = Fired::default();
    let Ok((steps, rest)) = patch.split_members(resource_type, profile, &mut fired) else {
        assert!(whole.is_none());
        return;
    };
    let ids = |resource: &Map<String, Value>| -> Vec<String> {
        let members = resource.get("members").and_then(Value::as_array);
        members
            .into_iter()
            .flatten()
            .filter_map(|member| member["value"].as_str().map(str::to_owned))
            .collect()
    };
    let mut members = ids(before);
    let stepped = apply_steps(&mut members, &steps, |_| Map::new());
    assert_eq!(
        stepped,
        Ok(()),
        "no profile here lets a filter match one alone"
    );
    let unique: HashSet<&String> = members.iter().collect();
    assert_eq!(unique.len(), members.len(), "each member once");
    let mut own = before.clone();
    own.shift_remove("members");
    let applied = rest.apply(resource_type, &mut own, profile, &mut fired);
    assert_eq!(applied.is_ok(), whole.is_some());
    // Filters on what only the tenant knows of a member cannot agree here.
    let filtered = steps
        .iter()
        .any(|step| matches!(step, MemberStep::RemoveMatching(_)));
    if let Some(mut whole) = whole
        && !filtered
    {
        assert_eq!(ids(&whole), members);
        whole.shift_remove("members");
        assert_eq!(whole, own);
    }
}
