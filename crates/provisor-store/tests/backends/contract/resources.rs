//! Reading and writing single resources.

use std::sync::Arc;

use provisor_store::{Change, Id, Precondition, change::ConnectionSettings};
use scim::{Kind, Profile, ResourceType, Value};
use serde_json::json;

use super::bench::{Bench, assert_refused, read, refs, written};

pub(crate) async fn round_trip(bench: &Bench) {
    let cases = [
        (
            "User",
            json!({
                "userName": "Anna", "displayName": "Anna A.", "externalId": "e1",
                "name": { "familyName": "A" }, "active": true,
                "emails": [{ "value": "anna@example.com", "type": "work", "primary": true }],
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "employeeNumber": "7" },
            }),
            json!({ "userName": "anna2", "title": "Dr", "active": true }),
        ),
        (
            "Group",
            json!({ "displayName": "Team", "externalId": "g1" }),
            json!({ "displayName": "Other" }),
        ),
        (
            "Role",
            json!({ "displayName": "Boss", "description": "x" }),
            json!({ "displayName": "Chief" }),
        ),
        (
            "Entitlement",
            json!({ "displayName": "Seat", "description": "x", "type": "License" }),
            json!({ "displayName": "Chair", "type": "License" }),
        ),
    ];
    for (kind, first, second) in cases {
        let before = bench.last_seq().await;
        let made = bench.post(kind, first.clone()).await.unwrap();
        assert!(made.changed && made.created);
        let id = made.stored.id;
        let got = bench.get(kind, id).await.unwrap();
        assert_eq!(got.version, 1);
        assert_eq!((got.created, got.modified), (bench.now(), bench.now()));
        let mut stored = serde_json::Value::Object(bench.attributes(kind, id).await);
        stored.as_object_mut().unwrap().remove("schemas");
        assert_eq!(stored, first, "{kind}");

        bench.later(5);
        let replaced = bench.put(kind, id, second.clone()).await.unwrap();
        assert!(replaced.changed && !replaced.created);
        assert_eq!(replaced.stored.version, 2);
        assert_eq!(replaced.stored.modified, bench.now());
        let again = bench.put(kind, id, second.clone()).await.unwrap();
        assert!(!again.changed && again.events.is_none());
        assert_eq!(again.stored.version, 2);

        let patch = json!([{ "op": "replace", "path": "displayName", "value": "Patched" }]);
        let patched = bench.patch(kind, id, patch.clone()).await.unwrap();
        assert_eq!(patched.stored.version, 3);
        let again = bench.patch(kind, id, patch).await.unwrap();
        assert!(!again.changed);
        assert_eq!(bench.attributes(kind, id).await["displayName"], "Patched");

        bench.delete(kind, id).await.unwrap();
        assert_eq!(bench.get(kind, id).await, None);
        let word = match kind {
            "User" => "user",
            "Group" => "team",
            _ => "resource",
        };
        let expected: Vec<String> = ["created", "updated", "updated", "deleted"]
            .iter()
            .map(|event| format!("{word}.{event}"))
            .collect();
        assert_eq!(bench.told(before).await, expected);
    }
}

/// An extension of User and a resource type with a schema of its own.
pub(crate) fn custom_documents() -> [Value; 4] {
    [
        json!({
            "id": "urn:example:schemas:Badge", "name": "Badge",
            "attributes": [
                { "name": "badgeNumber", "type": "string", "uniqueness": "server" },
                { "name": "lockers", "type": "string", "multiValued": true },
                { "name": "pin", "type": "string", "returned": "request" },
            ],
        }),
        json!({
            "id": "urn:example:schemas:Device", "name": "Device",
            "attributes": [
                { "name": "serial", "type": "string", "required": true, "uniqueness": "server",
                  "caseExact": true },
                { "name": "displayName", "type": "string", "caseExact": true },
                { "name": "groups", "type": "string", "multiValued": true },
                { "name": "weight", "type": "integer", "uniqueness": "server" },
            ],
        }),
        json!({
            "name": "User",
            "schemaExtensions": [{ "schema": "urn:example:schemas:Badge", "required": false }],
        }),
        json!({
            "name": "Device", "endpoint": "/Devices", "schema": "urn:example:schemas:Device",
        }),
    ]
}

pub(crate) async fn custom_types_and_extensions(bench: &Bench) {
    for document in custom_documents() {
        bench
            .system(bench.tenant, Change::PutSchema { document })
            .await
            .unwrap();
    }
    let badge = "urn:example:schemas:Badge";
    let user = json!({
        "userName": "u", "active": true,
        (badge): { "badgeNumber": "7", "lockers": ["a", "b"], "pin": "1" },
    });
    let id = bench.post("User", user.clone()).await.unwrap().stored.id;
    let mut stored = bench.attributes("User", id).await;
    stored.shift_remove("schemas");
    assert_eq!(Value::Object(stored), user);

    let device = json!({
        "serial": "S1", "displayName": "Mine", "groups": ["x"], "weight": 3,
    });
    let id = bench
        .post("Device", device.clone())
        .await
        .unwrap()
        .stored
        .id;
    let mut stored = bench.attributes("Device", id).await;
    stored.shift_remove("schemas");
    assert_eq!(Value::Object(stored), device);
    // A read-only path makes PATCH look at the whole resource; its own `groups` stays.
    let patch = json!([
        { "op": "replace", "path": "id", "value": id.to_string() },
        { "op": "replace", "path": "weight", "value": 4 },
    ]);
    let patched = bench.patch("Device", id, patch).await.unwrap();
    assert!(patched.changed);
    assert_eq!(bench.attributes("Device", id).await["groups"], json!(["x"]));
    assert_eq!(bench.find("Device", "displayName eq \"Mine\"").await, [id]);
    assert_eq!(bench.find("Device", "displayName eq \"mine\"").await, []);
    assert_eq!(bench.find("Device", "serial eq \"S1\"").await, [id]);
    assert_eq!(bench.find("Device", "weight eq 4").await, [id]);
    assert_eq!(
        bench
            .view()
            .await
            .count(bench.tenant, &*bench.kind("Device").await)
            .await
            .unwrap(),
        1
    );
    bench.delete("Device", id).await.unwrap();
    assert_eq!(bench.find("Device", "").await, []);
}

pub(crate) async fn a_change_that_changes_nothing_writes_nothing(bench: &Bench) {
    let user = bench.user("anna").await;
    let team = bench.team("T", &[user]).await;
    let parent = bench.team("P", &[team]).await;
    let full = bench.get("Group", team).await.unwrap();
    let seq = bench.last_seq().await;
    bench.later(1_000);
    let id = user.to_string();
    let none: Vec<super::bench::Answer> = vec![
        bench.put("User", user, json!({ "userName": "anna", "active": true })).await,
        bench.put("User", user, json!({ "userName": "anna" })).await,
        bench.patch("User", user, json!([{ "op": "replace", "path": "active", "value": "True" }])).await,
        bench.patch("User", user, json!([{ "op": "remove", "path": "title" }])).await,
        bench.put("Group", team, json!({ "displayName": "T", "members": [{ "value": id }] })).await,
        bench.put("Group", team, json!({ "displayName": "T" })).await,
        bench.patch("Group", team, json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }])).await,
        bench.patch("Group", team, json!([
            { "op": "add", "path": "members", "value": [{ "value": id }] },
            { "op": "replace", "path": "members", "value": [{ "value": id }, { "value": id }] },
        ])).await,
        bench.patch("Group", parent, json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }])).await,
    ];
    for (at, answer) in none.into_iter().enumerate() {
        let written = answer.unwrap();
        assert!(!written.changed && written.events.is_none(), "{at}");
        assert_eq!(written.stored.version, 1, "{at}");
    }
    assert_eq!(bench.get("Group", team).await.unwrap(), full);
    assert_eq!(bench.last_seq().await, seq);
}

pub(crate) async fn preconditions_are_decided_on_the_version_there_is(bench: &Bench) {
    let id = bench.user("anna").await;
    let body = |title: &str| json!({ "userName": "anna", "title": title });
    for (precondition, holds) in [
        (Precondition::Exists, true),
        (Precondition::OneOf(vec![2]), true),
        (Precondition::OneOf(vec![2]), false),
        (Precondition::OneOf(vec![9, 3]), true),
        (Precondition::OneOf(Vec::new()), false),
        (Precondition::Absent, false),
    ] {
        let before = bench.version("User", id).await;
        let text = format!("{before} {precondition:?}");
        let answer = bench
            .put_if("User", id, body(&text), Some(precondition))
            .await;
        if holds {
            assert_eq!(answer.unwrap().stored.version, before + 1);
        } else {
            assert_refused(answer, Kind::PreconditionFailed, &["W/\"", "Read it again"]);
            assert_eq!(bench.version("User", id).await, before);
        }
    }
    let kind = bench.kind("User").await;
    let stale = Some(Precondition::OneOf(vec![1]));
    let patch = json!([{ "op": "add", "path": "title", "value": "x" }]);
    let answer = bench.patch_if("User", id, patch, stale.clone()).await;
    assert_refused(answer, Kind::PreconditionFailed, &[]);
    let change = Change::Delete {
        kind,
        id,
        precondition: stale,
    };
    assert_refused(bench.write(change).await, Kind::PreconditionFailed, &[]);
}

pub(crate) async fn put_keeps_active_and_members_that_are_left_out(bench: &Bench) {
    let user = bench.user("anna").await;
    let team = bench.team("T", &[user]).await;
    bench
        .put("User", user, json!({ "userName": "anna", "active": false }))
        .await
        .unwrap();
    bench
        .put("User", user, json!({ "userName": "anna", "title": "x" }))
        .await
        .unwrap();
    assert_eq!(bench.attributes("User", user).await["active"], false);
    bench
        .put("Group", team, json!({ "displayName": "U" }))
        .await
        .unwrap();
    assert_eq!(bench.members(team).await, [user]);
    bench
        .put("Group", team, json!({ "displayName": "U", "members": [] }))
        .await
        .unwrap();
    assert_eq!(bench.members(team).await, []);

    // Keycloak's extensions leave the key out when the last member has left.
    for profile in ["rfc", "keycloak"] {
        bench
            .set(ConnectionSettings {
                profile: Some(profile.into()),
                ..ConnectionSettings::default()
            })
            .await
            .unwrap();
        bench
            .put(
                "Group",
                team,
                json!({ "displayName": "U", "members": [{ "value": user.to_string() }] }),
            )
            .await
            .unwrap();
        bench
            .put("Group", team, json!({ "displayName": "U" }))
            .await
            .unwrap();
        assert_eq!(bench.members(team).await, [], "{profile}");
    }
    bench
        .put("User", user, json!({ "userName": "anna" }))
        .await
        .unwrap();
    assert_eq!(bench.attributes("User", user).await["active"], false);
}

pub(crate) async fn deactivation_and_reactivation_have_events_of_their_own(bench: &Bench) {
    let seq = bench.last_seq().await;
    let id = bench.user("anna").await;
    for active in [false, true] {
        let patch = json!([{ "op": "replace", "path": "active", "value": active }]);
        bench.patch("User", id, patch).await.unwrap();
    }
    bench
        .patch(
            "User",
            id,
            json!([{ "op": "add", "path": "title", "value": "x" }]),
        )
        .await
        .unwrap();
    let told = [
        "user.created",
        "user.deactivated",
        "user.reactivated",
        "user.updated",
    ];
    assert_eq!(bench.told(seq).await, told);
    let events = bench.events_after(seq).await;
    assert_eq!(
        events[3].detail,
        json!({ "changed": ["title"], "previous": { "title": null } })
    );
    assert_eq!(events[3].document.as_ref().unwrap()["title"], "x");
    assert_eq!(events[1].detail["previous"], json!({ "active": true }));
}

pub(crate) async fn imported_people_are_created_or_linked(bench: &Bench) {
    let kind = bench.kind("User").await;
    let import = async |name: &str, app_id: Option<&str>| {
        let incoming = read(&kind, json!({ "userName": name }), &Profile::GENERIC).unwrap();
        let app_id = app_id.map(str::to_owned);
        let change = Change::Import { incoming, app_id };
        written(bench.system(bench.tenant, change).await).unwrap()
    };
    let made = import("anna", Some("42")).await;
    assert!(made.created);
    assert_eq!(made.stored.app_id.as_deref(), Some("42"));
    let same = import("ANNA", Some("42")).await;
    assert!(!same.changed && same.stored.id == made.stored.id);
    let other = import("anna", Some("43")).await;
    assert!(other.changed && !other.created);
    assert!(!import("anna", None).await.changed);
    let event = bench.events().await.pop().unwrap();
    assert_eq!(event.app_id.as_deref(), Some("43"));
    assert_eq!(
        event.detail,
        json!({ "changed": ["app_id"], "previous": { "app_id": "42" } })
    );
}

pub(crate) async fn exported_resources_are_adopted_under_their_ids(bench: &Bench) {
    let id: Id = "0192f0c4-0000-7000-8000-0000000000ff".parse().unwrap();
    let user = bench.kind("User").await;
    let group = bench.kind("Group").await;
    let adopt = async |kind: &Arc<ResourceType>, id, body: Value, app_id: Option<&str>| {
        let incoming = read(kind, body, &Profile::GENERIC).unwrap();
        let (kind, app_id) = (kind.clone(), app_id.map(str::to_owned));
        let change = Change::Adopt {
            kind,
            id,
            incoming,
            app_id,
        };
        written(bench.system(bench.tenant, change).await)
    };
    let anna = json!({ "userName": "anna" });
    assert!(
        adopt(&user, id, anna.clone(), Some("7"))
            .await
            .unwrap()
            .created
    );
    assert!(
        !adopt(&user, id, anna.clone(), Some("7"))
            .await
            .unwrap()
            .changed
    );
    let seq = bench.last_seq().await;
    let both = adopt(
        &user,
        id,
        json!({ "userName": "anna", "title": "x" }),
        Some("8"),
    )
    .await
    .unwrap();
    assert!(both.changed);
    assert_eq!(both.events, Some((seq + 1, seq + 2)));
    assert_eq!(both.stored.app_id.as_deref(), Some("8"));
    let body = json!({ "displayName": "T", "members": [{ "value": id.to_string() }] });
    assert_refused(
        adopt(&group, id, body.clone(), None).await,
        Kind::Uniqueness,
        &["belongs to another"],
    );
    let team = "0192f0c4-0000-7000-8000-0000000000fe".parse().unwrap();
    adopt(&group, team, body, None).await.unwrap();
    assert_eq!(bench.members(team).await, [id]);
    let twin = adopt(&user, team, json!({ "userName": "Anna" }), None).await;
    assert_refused(twin, Kind::Uniqueness, &[&id.to_string()]);
    bench.delete("User", id).await.unwrap();
    assert_refused(
        adopt(&user, id, anna, None).await,
        Kind::Uniqueness,
        &["Restore"],
    );
    // Ids made afterwards are still above all minted before.
    let next = bench.user("berta").await;
    assert!(bench.user("carla").await > next);
}

pub(crate) async fn no_resource_grows_without_end(bench: &Bench) {
    const LIMIT: usize = 1 << 20;
    let says = [
        "1048576 are the limit",
        "fewer or shorter values",
        "nothing was changed",
    ];
    let with_title = |length: usize| json!({ "userName": "anna", "title": "x".repeat(length) });
    let refused = bench.post("User", with_title(LIMIT)).await;
    assert_refused(refused, Kind::InvalidValue, &says);
    let anna = bench.post("User", with_title(LIMIT - 500)).await.unwrap();
    let anna = anna.stored.id;
    let seq = bench.last_seq().await;
    assert_refused(
        bench.put("User", anna, with_title(LIMIT)).await,
        Kind::InvalidValue,
        &says,
    );
    let more = |number: usize| json!([{ "op": "add", "path": "emails", "value": [{ "value": format!("anna{number:090}@example.com") }] }]);
    let mut added = 0;
    while bench.patch("User", anna, more(added)).await.is_ok() {
        added += 1;
        assert!(added < 10, "it grows without end");
    }
    assert!(added > 0);
    let refused = bench.patch("User", anna, more(added)).await;
    assert_refused(refused, Kind::InvalidValue, &says);
    let stored = bench.get("User", anna).await.unwrap();
    assert!(stored.document.len() <= LIMIT);
    assert_eq!(bench.last_seq().await, seq + added as i64);

    // What is full can still be changed, and a team's members take no place in it.
    let less = json!([{ "op": "remove", "path": "emails" }]);
    bench.patch("User", anna, less).await.unwrap();
    let members = bench.users(3).await;
    let body = json!({ "displayName": "x".repeat(LIMIT - 200), "members": refs(&members) });
    let team = bench.post("Group", body).await.unwrap().stored.id;
    assert_eq!(bench.members(team).await, members);
}
