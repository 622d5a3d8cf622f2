//! Events, tombstones, restoring and erasing.

use provisor_store::{Change, DeletedName, Id, Outcome, TenantId, event::EventKind};
use scim::Kind;
use serde_json::{Value, json};

use super::bench::{Bench, START, assert_refused, refs};

pub(crate) async fn every_change_has_exactly_its_events(bench: &Bench) {
    let user = bench.user("anna").await;
    let team = bench.team("T", &[user]).await;
    let caller = bench.caller().await;
    let seq = bench.last_seq().await;
    bench.later(7);
    let body = json!({ "displayName": "U", "members": [] });
    let both = bench.put("Group", team, body).await.unwrap();
    assert_eq!(both.events, Some((seq + 1, seq + 2)));
    let events = bench.events_after(seq).await;
    assert_eq!(
        bench.told(seq).await,
        ["team.updated", "team.members_changed"]
    );
    for event in &events {
        assert_eq!(event.resource, team);
        assert_eq!(event.at, START + 7);
        assert_eq!(event.tenant, bench.tenant);
        assert_eq!(event.token, Some(format!("tok_{}", caller.token.id)));
        assert_eq!(event.connection.as_deref(), Some("other"));
        assert_eq!(event.actor, None);
        assert_eq!(event.document.as_ref().unwrap()["displayName"], "U");
        assert_eq!(event.id(), format!("evt_{}_{}", bench.tenant, event.seq));
    }
    assert_eq!(
        events[0].detail,
        json!({ "changed": ["displayName"], "previous": { "displayName": "T" } })
    );
    assert_eq!(
        events[1].detail,
        json!({ "added": [], "removed": [user.to_string()] })
    );
    assert_eq!(events[0].request, events[1].request);

    let mut view = bench.view().await;
    let of_team = view.events_of(bench.tenant, team, 3).await.unwrap();
    let kinds: Vec<_> = of_team.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            EventKind::MembersChanged,
            EventKind::Updated,
            EventKind::MembersChanged
        ]
    );
    let (some, last) = view.events(bench.tenant, seq, 1).await.unwrap();
    assert_eq!((some.len(), last), (1, seq + 2));

    // A refusal writes nothing.
    assert_refused(
        bench.post("User", json!({ "userName": "ANNA" })).await,
        Kind::Uniqueness,
        &[],
    );
    assert_refused(
        bench.delete("User", team).await,
        Kind::NotFound,
        &[&team.to_string()],
    );
    assert_eq!(bench.last_seq().await, seq + 2);
}

pub(crate) async fn deleted_resources_come_back(bench: &Bench) {
    let users = bench.users(3).await;
    let team = bench.team("T", &users).await;
    let parent = bench.team("P", &[team]).await;
    let restore = async |id| bench.system(bench.tenant, Change::Restore { id }).await;
    assert_refused(restore(users[0]).await, Kind::NotFound, &[]);
    let before = bench.attributes("User", users[0]).await;
    bench.delete("User", users[0]).await.unwrap();
    assert_refused(bench.delete("User", users[0]).await, Kind::NotFound, &[]);
    // Its name is taken meanwhile.
    let twin = bench.user("USER-00000").await;
    assert_refused(
        restore(users[0]).await,
        Kind::Uniqueness,
        &[&twin.to_string()],
    );
    bench.delete("User", twin).await.unwrap();
    restore(users[0]).await.unwrap();
    assert_eq!(bench.attributes("User", users[0]).await, before);
    assert_eq!(
        bench.find("User", "userName eq \"user-00000\"").await,
        [users[0]]
    );
    assert_refused(restore(users[0]).await, Kind::NotFound, &[]);

    bench.delete("Group", team).await.unwrap();
    assert_eq!(bench.teams(users[1]).await, []);
    bench.delete("User", users[1]).await.unwrap();
    let seq = bench.last_seq().await;
    restore(team).await.unwrap();
    assert_eq!(
        bench.told(seq).await,
        ["team.restored", "team.members_changed"]
    );
    let events = bench.events_after(seq).await;
    assert_eq!(
        events[0].detail,
        json!({ "memberships": [parent.to_string()] })
    );
    let there = [users[0].to_string(), users[2].to_string()];
    assert_eq!(events[1].detail, json!({ "added": there, "removed": [] }));
    restore(users[1]).await.unwrap();
    assert_eq!(bench.members(team).await, users);
}

pub(crate) async fn erased_people_leave_no_trace(bench: &Bench) {
    let body = json!({
        "userName": "secretname", "displayName": "Secretname S.",
        "emails": [{ "value": "secretname@x.org" }],
    });
    let erase = async |id| bench.system(bench.tenant, Change::Erase { id }).await;
    for buried in [false, true] {
        let id = bench.post("User", body.clone()).await.unwrap().stored.id;
        let other = bench.user("other").await;
        let team = bench.team("T", &[id, other]).await;
        bench
            .patch(
                "User",
                id,
                json!([{ "op": "add", "path": "title", "value": "secretname" }]),
            )
            .await
            .unwrap();
        if buried {
            bench.delete("User", id).await.unwrap();
        }
        assert!(matches!(
            erase(id).await,
            Ok(Outcome::Deleted { events: Some(_) })
        ));
        assert_eq!(bench.get("User", id).await, None);
        assert_eq!(bench.members(team).await, [other]);
        assert_eq!(bench.version("Group", team).await, 2);
        let mut view = bench.view().await;
        assert!(
            view.tombstone(bench.tenant, Some(id), None)
                .await
                .unwrap()
                .is_none()
        );
        let events = bench.events().await;
        assert!(!format!("{events:?}").contains("ecretname"));
        let last = events.last().unwrap();
        assert_eq!(
            (last.type_name().as_str(), last.resource),
            ("user.erased", id)
        );
        assert_eq!(last.detail["receipt"].as_str().unwrap().len(), 64);
        assert_refused(erase(id).await, Kind::NotFound, &[]);
        assert_refused(erase(team).await, Kind::NotFound, &[]);
        bench.delete("User", other).await.unwrap();
    }
}

pub(crate) async fn old_tombstones_go(bench: &Bench) {
    let users = bench.users(4).await;
    let child = bench.team("C", &users).await;
    let team = bench.team("T", &[users[0], users[1], child]).await;
    let parent = bench.team("P", &[team, child]).await;
    for (kind, id) in [("Group", child), ("Group", team), ("User", users[0])] {
        bench.delete(kind, id).await.unwrap();
    }
    bench.later(1_000);
    bench.delete("User", users[1]).await.unwrap();
    let expire = async |chunk| {
        let change = Change::Expire {
            tombstones_before: START + 1_000,
            chunk,
        };
        match bench.system(TenantId::SYSTEM, change).await {
            Ok(Outcome::Done(rows)) => rows,
            other => panic!("{other:?}"),
        }
    };
    for _ in 0..100 {
        assert!(expire(2).await <= 2);
        assert_eq!(bench.backend.check(), Vec::<String>::new());
    }
    assert_eq!(expire(1_000).await, 0);
    for id in [child, team, users[0]] {
        let restored = bench.system(bench.tenant, Change::Restore { id }).await;
        assert_refused(restored, Kind::NotFound, &[]);
    }
    bench
        .system(bench.tenant, Change::Restore { id: users[1] })
        .await
        .unwrap();
    assert_eq!(bench.teams(users[1]).await, []);
    bench
        .put(
            "Group",
            parent,
            json!({ "displayName": "P", "members": refs(&users[2..]) }),
        )
        .await
        .unwrap();
}

pub(crate) async fn tombstones_are_found(bench: &Bench) {
    let mut ids: Vec<Id> = Vec::new();
    for title in ["first", "second"] {
        let body = json!({ "userName": "Anna", "title": title });
        ids.push(bench.post("User", body).await.unwrap().stored.id);
        bench.delete("User", ids[ids.len() - 1]).await.unwrap();
        bench.later(5);
    }
    let mut view = bench.view().await;
    let tenant = bench.tenant;
    for (id, name, found) in [
        (Some(ids[0]), None, Some((ids[0], START))),
        (Some(ids[1]), None, Some((ids[1], START + 5))),
        (None, Some("ANNA"), Some((ids[1], START + 5))),
        (None, Some("nobody"), None),
        (None, None, None),
    ] {
        let got = view.tombstone(tenant, id, name).await.unwrap();
        assert_eq!(got.as_ref().map(|(stored, at)| (stored.id, *at)), found);
        if let Some((stored, _)) = got {
            let document: Value = serde_json::from_slice(&stored.document).unwrap();
            assert_eq!(document["userName"], "Anna");
        }
    }
}

pub(crate) async fn deleted_users_are_listed_page_by_page(bench: &Bench) {
    let mut ids: Vec<Id> = Vec::new();
    for name in ["Anna@acme.com", "bo@acme.com", "annabel@acme.com"] {
        let id = bench.user(name).await;
        bench.delete("User", id).await.unwrap();
        ids.push(id);
    }
    let team = bench.team("anna's team", &[]).await;
    bench.delete("Group", team).await.unwrap();
    bench.user("anna-is-there").await;
    ids.sort_unstable();
    let other = bench.new_tenant("other").await;
    let mut view = bench.view().await;
    let mut list = async |tenant, name, after, limit| -> Vec<Id> {
        let found = view
            .deleted_users(tenant, name, after, limit)
            .await
            .unwrap();
        assert!(found.iter().all(|(_, at)| *at >= START));
        found.iter().map(|(user, _)| user.id).collect()
    };
    let tenant = bench.tenant;
    assert_eq!(list(tenant, DeletedName::Any, None, 10).await, ids);
    assert_eq!(list(tenant, DeletedName::Any, None, 2).await, ids[..2]);
    assert_eq!(
        list(tenant, DeletedName::Any, Some(ids[1]), 2).await,
        ids[2..]
    );
    let contains = DeletedName::Contains("NNA");
    assert_eq!(list(tenant, contains, None, 10).await.len(), 2);
    assert_eq!(
        list(tenant, DeletedName::Is("anna@ACME.com"), None, 10)
            .await
            .len(),
        1
    );
    assert_eq!(list(tenant, DeletedName::Is("anna"), None, 10).await, []);
    assert_eq!(list(other, DeletedName::Any, None, 10).await, []);
}

pub(crate) async fn the_events_of_a_resource_outlive_it(bench: &Bench) {
    let other = bench.user("other").await;
    let id = bench.user("anna").await;
    let team = bench.team("T", &[id]).await;
    for title in ["one", "two"] {
        let patch = json!([{ "op": "replace", "path": "title", "value": title }]);
        bench.patch("User", id, patch).await.unwrap();
        let patch = json!([{ "op": "replace", "path": "displayName", "value": title }]);
        bench.patch("Group", team, patch).await.unwrap();
    }
    let told = async |id: Id, limit: usize| -> Vec<String> {
        let mut view = bench.view().await;
        let events = view.events_of(bench.tenant, id, limit).await.unwrap();
        assert!(events.is_sorted_by(|a, b| a.seq > b.seq));
        events.iter().map(|event| event.type_name()).collect()
    };
    assert_eq!(told(other, 10).await, ["user.created"]);
    assert_eq!(
        told(team, 10).await,
        [
            "team.updated",
            "team.updated",
            "team.members_changed",
            "team.created"
        ]
    );
    bench.delete("User", id).await.unwrap();
    let all = [
        "user.deleted",
        "user.updated",
        "user.updated",
        "user.created",
    ];
    assert_eq!(told(id, 10).await, all);
    assert_eq!(told(id, 2).await, all[..2]);
    let expire = Change::Expire {
        tombstones_before: bench.now() + 1,
        chunk: 100,
    };
    bench.system(TenantId::SYSTEM, expire).await.unwrap();
    assert_eq!(told(id, 10).await, all);
    let tenant_b = bench.new_tenant("b").await;
    let mut view = bench.view().await;
    assert!(view.events_of(tenant_b, id, 10).await.unwrap().is_empty());
}
