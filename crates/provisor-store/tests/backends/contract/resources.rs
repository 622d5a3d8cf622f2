//! Reading and writing single resources.

use serde_json::json;

use super::bench::Bench;

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
