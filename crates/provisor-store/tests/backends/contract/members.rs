//! Membership.

use provisor_store::{Change, Id, TenantId, change::ConnectionSettings};
use scim::{Fired, Kind, Map, Tolerance, Value, patch::apply_steps};
use serde_json::json;

use super::bench::{Bench, assert_refused, read_patch, refs};

fn one(op: &str, members: &[Id]) -> Value {
    json!([{ "op": op, "path": "members", "value": refs(members) }])
}

pub(crate) async fn steps_are_idempotent(bench: &Bench) {
    let users = bench.users(5).await;
    let team = bench.team("T", &users[..1]).await;
    let element =
        |id: Id| json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]);
    let clear = json!([{ "op": "remove", "path": "members" }]);
    for (patch, then, events) in [
        (one("add", &users[..3]), &users[..3], 1),
        (one("remove", &users[1..2]), &[users[0], users[2]][..], 1),
        (one("remove", &users[3..]), &[users[0], users[2]], 0),
        (element(users[2]), &users[..1], 1),
        (one("replace", &users[1..4]), &users[1..4], 1),
        (one("replace", &users[2..5]), &users[2..5], 1),
        (clear, &[], 1),
    ] {
        let (version, seq) = (bench.version("Group", team).await, bench.last_seq().await);
        bench.later(1);
        let written = bench.patch("Group", team, patch.clone()).await.unwrap();
        assert_eq!(bench.members(team).await, then, "{patch}");
        assert_eq!(written.stored.version, version + events);
        assert_eq!(bench.last_seq().await, seq + events);
        let again = bench.patch("Group", team, patch.clone()).await.unwrap();
        assert!(
            !again.changed && again.stored.version == version + events,
            "{patch}"
        );
    }
    for user in &users {
        assert_eq!(bench.version("User", *user).await, 1);
    }
    // Several steps of one request: only what came of them is told.
    let seq = bench.last_seq().await;
    let several = json!([
        { "op": "add", "path": "members", "value": refs(&users) },
        { "op": "remove", "path": "members", "value": refs(&users[1..]) },
        { "op": "add", "path": "members", "value": refs(&users[2..3]) },
    ]);
    bench.patch("Group", team, several).await.unwrap();
    let events = bench.events_after(seq).await;
    assert_eq!(events.len(), 1);
    let expected = [users[0].to_string(), users[2].to_string()];
    assert_eq!(
        events[0].detail,
        json!({ "added": expected, "removed": [] })
    );
}

fn unknown(number: usize) -> String {
    format!("0192f0c4-0000-7000-8000-{number:012x}")
}

pub(crate) async fn unknown_members_are_named(bench: &Bench) {
    let user = bench.user("anna").await;
    let role = bench
        .post("Role", json!({ "displayName": "R" }))
        .await
        .unwrap()
        .stored
        .id;
    let team = bench.team("T", &[user]).await;
    let gone = bench.user("gone").await;
    bench.delete("User", gone).await.unwrap();
    let many: Vec<Value> = (0..12).map(|it| json!({ "value": unknown(it) })).collect();
    for (members, count, named) in [
        (json!([{ "value": gone.to_string() }]), 1, gone.to_string()),
        (json!([{ "value": role.to_string() }]), 1, role.to_string()),
        (
            json!([{ "value": "nonsense" }, { "value": user.to_string() }]),
            1,
            "nonsense".into(),
        ),
        (
            json!([{ "value": user.to_string().to_uppercase() }]),
            1,
            "-7".into(),
        ),
        (json!(many), 12, unknown(9)),
    ] {
        let count = format!("{count} of the members");
        let body = json!({ "displayName": "T", "members": members });
        let says = [count.as_str(), named.as_str(), "Create them first"];
        let detail = assert_refused(
            bench.post("Group", body.clone()).await,
            Kind::UnknownMember,
            &says,
        );
        assert!(!detail.contains(&unknown(10)), "{detail}");
        assert_refused(
            bench.put("Group", team, body).await,
            Kind::UnknownMember,
            &says,
        );
        for op in ["add", "replace"] {
            let patch = json!([{ "op": op, "path": "members", "value": members }]);
            assert_refused(
                bench.patch("Group", team, patch).await,
                Kind::UnknownMember,
                &says,
            );
        }
        let patch = json!([{ "op": "remove", "path": "members", "value": members }]);
        bench.patch("Group", team, patch).await.unwrap();
        bench
            .put(
                "Group",
                team,
                json!({ "displayName": "T", "members": refs(&[user]) }),
            )
            .await
            .unwrap();
    }
}

pub(crate) async fn unknown_members_are_left_out_where_forgiven(bench: &Bench) {
    let okta = ConnectionSettings {
        profile: Some("okta".into()),
        ..ConnectionSettings::default()
    };
    bench.set(okta).await.unwrap();
    let user = bench.user("anna").await;
    let mixed = json!([{ "value": unknown(1) }, { "value": user.to_string() }, { "value": "odd" }]);
    let body = json!({ "displayName": "T", "members": mixed });
    assert_refused(
        bench.post("Group", body.clone()).await,
        Kind::UnknownMember,
        &[],
    );
    let team = bench.team("T", &[]).await;
    let put = bench.put("Group", team, body.clone()).await.unwrap();
    assert!(put.fired.set.contains(Tolerance::DropUnknownMembers));
    assert_eq!(bench.members(team).await, [user]);
    let mut dropped = bench.events().await.pop().unwrap().detail["dropped"].clone();
    dropped
        .as_array_mut()
        .unwrap()
        .sort_by_key(Value::to_string);
    assert_eq!(dropped, json!([unknown(1), "odd"]));
    assert!(!bench.put("Group", team, body).await.unwrap().changed);
    let replace = json!([{ "op": "replace", "path": "members", "value": mixed }]);
    assert!(!bench.patch("Group", team, replace).await.unwrap().changed);
    let add = json!([{ "op": "add", "path": "members", "value": mixed }]);
    assert_refused(
        bench.patch("Group", team, add).await,
        Kind::UnknownMember,
        &[],
    );
}

pub(crate) async fn teams_cannot_contain_themselves(bench: &Bench) {
    let a = bench.team("A", &[]).await;
    let b = bench.team("B", &[a]).await;
    let c = bench.team("C", &[b]).await;
    for (team, member) in [(a, a), (a, b), (a, c), (b, c)] {
        let refused = bench.patch("Group", team, one("add", &[member])).await;
        assert_refused(refused, Kind::InvalidValue, &["would contain itself"]);
        let put = json!({ "displayName": "X", "members": refs(&[member]) });
        assert_refused(bench.put("Group", team, put).await, Kind::InvalidValue, &[]);
    }
    bench.patch("Group", c, one("add", &[a])).await.unwrap();
    // Not through a deleted team either, for it may come back.
    bench.delete("Group", b).await.unwrap();
    bench.patch("Group", c, one("remove", &[a])).await.unwrap();
    let refused = bench.patch("Group", a, one("add", &[c])).await;
    assert_refused(refused, Kind::InvalidValue, &[]);
    bench
        .system(bench.tenant, Change::Restore { id: b })
        .await
        .unwrap();
    assert_eq!(bench.members(c).await, [b]);
    // Once the step between is taken out, the order may turn.
    bench.patch("Group", b, one("remove", &[a])).await.unwrap();
    bench.patch("Group", a, one("add", &[c])).await.unwrap();
}

pub(crate) async fn nested_teams_are_indirect(bench: &Bench) {
    let users = bench.users(2).await;
    let a = bench.team("A", &users).await;
    let b = bench.team("B", &[a, users[1]]).await;
    let c = bench.team("C", &[b, a]).await;
    assert_eq!(
        bench.teams(users[0]).await,
        [(a, true), (b, false), (c, false)]
    );
    assert_eq!(
        bench.teams(users[1]).await,
        [(a, true), (b, true), (c, false)]
    );
    for (team, all) in [(a, &users[..]), (b, &users), (c, &users)] {
        let filter = format!("groups.value eq \"{team}\"");
        assert_eq!(bench.find("User", &filter).await, all);
    }
    let in_b = format!("groups[value eq \"{b}\" and type eq \"direct\"]");
    assert_eq!(bench.find("User", &in_b).await, users[1..]);
    bench.delete("Group", b).await.unwrap();
    assert_eq!(bench.teams(users[0]).await, [(a, true), (c, false)]);
    bench.patch("Group", c, one("remove", &[a])).await.unwrap();
    assert_eq!(bench.teams(users[1]).await, [(a, true)]);
    bench
        .system(bench.tenant, Change::Restore { id: b })
        .await
        .unwrap();
    assert_eq!(
        bench.teams(users[0]).await,
        [(a, true), (b, false), (c, false)]
    );
}

pub(crate) async fn a_deleted_member_changes_its_teams(bench: &Bench) {
    let users = bench.users(2).await;
    let a = bench.team("A", &users).await;
    let b = bench.team("B", &users[..1]).await;
    let seq = bench.last_seq().await;
    bench.later(10);
    bench.delete("User", users[0]).await.unwrap();
    assert_eq!(bench.told(seq).await, ["user.deleted"]);
    let event = bench.events().await.pop().unwrap();
    assert_eq!(
        event.detail,
        json!({ "memberships": [a.to_string(), b.to_string()] })
    );
    for (team, members) in [(a, &users[1..]), (b, &[])] {
        let stored = bench.get("Group", team).await.unwrap();
        assert_eq!((stored.version, stored.modified), (2, bench.now()));
        assert_eq!(bench.members(team).await, members);
    }
    // A list without the deleted member is no change.
    let same = bench
        .put("Group", b, json!({ "displayName": "B" }))
        .await
        .unwrap();
    assert!(!same.changed);

    let id = users[0];
    bench
        .system(bench.tenant, Change::Restore { id })
        .await
        .unwrap();
    let event = bench.events().await.pop().unwrap();
    assert_eq!(event.type_name(), "user.restored");
    assert_eq!(
        event.detail,
        json!({ "memberships": [a.to_string(), b.to_string()] })
    );
    assert_eq!(bench.members(a).await, users);
    assert_eq!(bench.version("Group", a).await, 3);
    assert_eq!(bench.version("User", id).await, 3);
}

pub(crate) async fn what_was_removed_meanwhile_stays_removed(bench: &Bench) {
    let users = bench.users(2).await;
    let put = bench.team("A", &users).await;
    let patched = bench.team("B", &users).await;
    let cleared = bench.team("C", &users).await;
    let kept = bench.team("D", &users).await;
    let id = users[0];
    bench.delete("User", id).await.unwrap();
    let seq = bench.last_seq().await;
    let body = json!({ "displayName": "A", "members": refs(&users[1..]) });
    assert!(!bench.put("Group", put, body).await.unwrap().changed);
    assert!(
        !bench
            .patch("Group", patched, one("remove", &[id]))
            .await
            .unwrap()
            .changed
    );
    assert_eq!(bench.last_seq().await, seq);
    bench
        .patch(
            "Group",
            cleared,
            json!([{ "op": "remove", "path": "members" }]),
        )
        .await
        .unwrap();
    bench
        .system(bench.tenant, Change::Restore { id })
        .await
        .unwrap();
    assert_eq!(bench.teams(id).await, [(kept, true)]);
}

pub(crate) async fn events_list_at_most_500_members(bench: &Bench) {
    let users = bench.users(1_201).await;
    let seq = bench.last_seq().await;
    let team = bench.team("Big", &users).await;
    bench
        .put(
            "Group",
            team,
            json!({ "displayName": "Big", "members": refs(&users[..300]) }),
        )
        .await
        .unwrap();
    bench
        .patch(
            "Group",
            team,
            json!([{ "op": "replace", "path": "members", "value": refs(&users[250..900]) }]),
        )
        .await
        .unwrap();
    let sizes: Vec<_> = bench
        .events_after(seq)
        .await
        .iter()
        .filter(|event| event.type_name() == "team.members_changed")
        .map(|event| {
            let size = |name: &str| event.detail[name].as_array().unwrap().len();
            (size("added"), size("removed"))
        })
        .collect();
    assert_eq!(
        sizes,
        [
            (500, 0),
            (500, 0),
            (201, 0),
            (0, 500),
            (0, 401),
            (500, 0),
            (100, 250)
        ]
    );
    let requests: std::collections::HashSet<_> = bench
        .events_after(seq)
        .await
        .into_iter()
        .map(|event| event.request)
        .collect();
    assert_eq!(requests.len(), 3);
    assert_eq!(bench.version("Group", team).await, 3);
    assert_eq!(bench.members(team).await, users[250..900]);
}

pub(crate) async fn member_pages_go_on_where_they_ended(bench: &Bench) {
    let users = bench.users(10).await;
    let team = bench.team("T", &users).await;
    let page = async |after, limit| {
        let mut view = bench.view().await;
        let page = view
            .members(bench.tenant, team, after, limit)
            .await
            .unwrap()
            .unwrap();
        page.iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 4).await, users[..4]);
    bench.delete("User", users[3]).await.unwrap();
    assert_eq!(page(Some(users[3]), 4).await, users[4..8]);
    let id = users[7];
    bench
        .system(bench.tenant, Change::Erase { id })
        .await
        .unwrap();
    assert_eq!(page(Some(id), 4).await, users[8..]);
    let mut view = bench.view().await;
    assert_eq!(
        view.members(bench.tenant, users[0], None, 1).await.unwrap(),
        None
    );
}

pub(crate) async fn filters_of_a_patch_look_at_members_within_bounds(bench: &Bench) {
    const OPERATIONS: usize = 1_000;
    let users = bench.users(2_001).await;
    let team = bench.team("Big", &users).await;
    let remove = |filter: String| json!({ "op": "remove", "path": format!("members[{filter}]") });
    let named = |user: usize| remove(format!("display eq \"user-{user:05}\""));
    let filters: Vec<Value> = (0..OPERATIONS).map(named).collect();
    let replaced = json!({ "op": "replace", "path": "members", "value": refs(&users) });
    let (version, seq) = (bench.version("Group", team).await, bench.last_seq().await);
    // Those whom the PATCH itself adds count as well.
    for first in [None, Some(replaced)] {
        let operations: Vec<Value> = first.into_iter().chain(filters.clone()).collect();
        assert_refused(
            bench.patch("Group", team, json!(operations)).await,
            Kind::TooMany,
            &["2001 members each", "by their ids", "fewer operations"],
        );
    }
    assert_eq!(bench.version("Group", team).await, version);
    assert_eq!(bench.last_seq().await, seq);
    assert_eq!(bench.members(team).await, users);

    bench
        .patch("Group", team, json!(filters[..5]))
        .await
        .unwrap();
    assert_eq!(bench.members(team).await, users[5..]);
    let by_ids: Vec<Value> = users[..OPERATIONS]
        .iter()
        .map(|user| json!({ "op": "remove", "path": "members", "value": refs(&[*user]) }))
        .collect();
    bench.patch("Group", team, json!(by_ids)).await.unwrap();
    assert_eq!(bench.members(team).await, users[OPERATIONS..]);
}

/// A stream of numbers that is the same every time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or(0) % sides
    }

    pub(crate) fn some(&mut self, of: &[Id]) -> Vec<Id> {
        (0..self.roll(5)).map(|_| of[self.roll(of.len())]).collect()
    }
}

pub(crate) async fn patch_equals_its_definition(bench: &Bench) {
    let mut all = bench.users(8).await;
    all.push(bench.team("N1", &[]).await);
    all.push(bench.team("N2", &[]).await);
    let strangers: Vec<Id> = (0..3).map(|it| unknown(it).parse().unwrap()).collect();
    let team = bench.team("T", &all[..3]).await;
    let kind = bench.kind("Group").await;
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut done, mut refused, mut several) = (0, 0, 0);
    for round in 0..800 {
        // The second half in the profile whose filters may match one member.
        if round == 400 {
            let interop = ConnectionSettings {
                profile: Some("interop".into()),
                ..ConnectionSettings::default()
            };
            bench.set(interop).await.unwrap();
        }
        let profile = bench.caller().await.profile();
        let operations: Vec<Value> = (0..=dice.roll(4))
            .map(|_| {
                let mut members = dice.some(&all);
                if dice.roll(6) == 0 {
                    members.extend(dice.some(&strangers));
                }
                let path = match dice.roll(5) {
                    0 => "members[type eq \"Group\"]".to_owned(),
                    1 => "members[display sw \"user-0000\" and not (display ew \"3\")]".to_owned(),
                    2 => format!(
                        "members[value eq \"{}\" or value eq \"{}\"]",
                        all[dice.roll(all.len())],
                        all[dice.roll(all.len())]
                    ),
                    _ => format!("members[value eq \"{}\"]", all[dice.roll(all.len())]),
                };
                match dice.roll(9) {
                    0 => json!({ "op": "remove", "path": "members" }),
                    1 | 2 => json!({ "op": "replace", "path": "members", "value": refs(&members) }),
                    3 => json!({ "op": "remove", "path": "members", "value": refs(&members) }),
                    4 | 5 => json!({ "op": "remove", "path": path }),
                    6 if !profile.narrow_patch => json!({ "op": "replace", "value": { "displayName": format!("T{}", dice.roll(3)), "members": refs(&members) } }),
                    _ => json!({ "op": "add", "path": "members", "value": refs(&members) }),
                }
            })
            .collect();
        let operations = json!(operations);
        let patch = read_patch(&kind, operations.clone(), &profile).unwrap();
        let (steps, _) = patch
            .split_members(&kind, &profile, &mut Fired::default())
            .unwrap();
        let mut expected: Vec<String> = bench
            .members(team)
            .await
            .iter()
            .map(Id::to_string)
            .collect();
        let (users, groups) = (bench.find("User", "").await, bench.find("Group", "").await);
        let applied = apply_steps(&mut expected, &steps, |id| {
            let mut element = Map::new();
            let at = all.iter().position(|known| known.to_string() == id);
            if let Some(at) = at {
                let (name, display) = match at {
                    8.. => ("Group", format!("N{}", at - 7)),
                    _ => ("User", format!("user-{at:05}")),
                };
                element.insert("type".into(), name.into());
                element.insert("display".into(), display.into());
            }
            element
        });
        let known = |id: &String| {
            let id: Id = id.parse().unwrap();
            users.contains(&id) || groups.contains(&id)
        };
        let answer = bench.patch("Group", team, operations.clone()).await;
        if let Err(error) = applied {
            assert_refused(answer, error.kind, &[]);
            several += 1;
            continue;
        }
        if !expected.iter().all(known) {
            assert_refused(answer, Kind::UnknownMember, &[]);
            refused += 1;
            continue;
        }
        answer.unwrap();
        done += 1;
        expected.sort();
        let mut members: Vec<String> = bench
            .members(team)
            .await
            .iter()
            .map(Id::to_string)
            .collect();
        members.sort();
        assert_eq!(members, expected, "{operations}");
    }
    assert!(
        done > 200 && refused > 20 && several > 10,
        "{done} {refused} {several}"
    );
}

pub(crate) async fn a_member_is_called_what_it_was_added_as(bench: &Bench) {
    let users = bench.users(3).await;
    let team = bench.team("T", &[]).await;
    let labels = async || -> Vec<(Id, String)> {
        let mut view = bench.view().await;
        let members = view.members(bench.tenant, team, None, 10).await.unwrap();
        let members = members.unwrap().into_iter();
        members
            .map(|member| (member.id, member.label().to_owned()))
            .collect()
    };
    let named =
        |id: Id, display: Option<&str>| json!({ "value": id.to_string(), "display": display });
    let add = json!([{ "op": "add", "path": "members", "value": [
        named(users[0], Some("The first")), named(users[1], None), named(users[2], Some(""))
    ] }]);
    bench.patch("Group", team, add).await.unwrap();
    let own = bench.attributes("User", users[1]).await["userName"]
        .as_str()
        .unwrap()
        .to_owned();
    let third = bench.attributes("User", users[2]).await["userName"]
        .as_str()
        .unwrap()
        .to_owned();
    let before = labels().await;
    assert_eq!(before[0], (users[0], "The first".to_owned()));
    assert_eq!(before[1], (users[1], own));
    assert_eq!(before[2], (users[2], third));
    // An element that is there is not changed, so nothing is written.
    let again = json!({ "displayName": "T", "members": [
        named(users[0], Some("Another name")), named(users[1], Some("X")), named(users[2], None)
    ] });
    assert!(!bench.put("Group", team, again).await.unwrap().changed);
    assert_eq!(labels().await, before);
    // By a filter it goes under the name it is shown with.
    let remove = json!([{ "op": "remove", "path": "members[display eq \"the first\"]" }]);
    bench.patch("Group", team, remove).await.unwrap();
    assert_eq!(bench.members(team).await, users[1..]);
    let rejoin = json!([
        { "op": "add", "path": "members", "value": [named(users[0], Some("A"))] },
        { "op": "remove", "path": "members", "value": [named(users[0], None)] },
        { "op": "add", "path": "members", "value": [named(users[0], Some("B"))] },
    ]);
    bench.patch("Group", team, rejoin).await.unwrap();
    assert_eq!(labels().await[0], (users[0], "B".to_owned()));
}

pub(crate) async fn who_left_a_team_is_known(bench: &Bench) {
    let users = bench.users(4).await;
    let team = bench.team("T", &users[..2]).await;
    let deleted = bench.team("D", &users[2..3]).await;
    let left = async |id: Id| -> bool {
        let mut view = bench.view().await;
        let kind = bench.kind("User").await;
        let stored = view
            .get(bench.tenant, &kind, id, true, false)
            .await
            .unwrap();
        stored.unwrap().left_team
    };
    for id in &users {
        assert!(!left(*id).await);
    }
    bench
        .patch("Group", team, one("remove", &users[..1]))
        .await
        .unwrap();
    bench.delete("Group", deleted).await.unwrap();
    assert!(left(users[0]).await && left(users[2]).await);
    assert!(!left(users[1]).await && !left(users[3]).await);
    let expire = Change::Expire {
        tombstones_before: bench.now() + 1,
        chunk: 100,
    };
    bench
        .system(provisor_store::TenantId::SYSTEM, expire)
        .await
        .unwrap();
    assert!(left(users[2]).await && !left(users[1]).await);
}

async fn count(bench: &Bench, team: Id) -> Option<u64> {
    let mut view = bench.view().await;
    let briefs = view.briefs(bench.tenant, &[team]).await.unwrap();
    briefs.get(&team).map(|brief| brief.members)
}

pub(crate) async fn a_team_knows_how_many_its_members_are(bench: &Bench) {
    let system = |change| bench.system(bench.tenant, change);
    let users = bench.users(4).await;
    let team = bench.team("T", &users[..3]).await;
    assert_eq!(count(bench, team).await, Some(3));
    let inner = bench.team("Inner", &[]).await;
    for (patch, expected) in [
        (one("add", &[users[0], users[3], inner]), 5),
        (one("remove", &users[..1]), 4),
        (one("replace", &users[..3]), 3),
        (one("add", &[inner]), 4),
    ] {
        bench.patch("Group", team, patch.clone()).await.unwrap();
        assert_eq!(count(bench, team).await, Some(expected), "{patch}");
    }
    // Who is deleted is not counted, whatever happens to the team meanwhile; who is restored is.
    bench.delete("User", users[0]).await.unwrap();
    bench.delete("Group", inner).await.unwrap();
    assert_eq!(count(bench, team).await, Some(2));
    bench.delete("User", users[1]).await.unwrap();
    let only = one("replace", &users[2..3]);
    bench.patch("Group", team, only).await.unwrap();
    assert_eq!(count(bench, team).await, Some(1));
    system(Change::Restore { id: users[1] }).await.unwrap();
    assert_eq!(count(bench, team).await, Some(1));
    bench
        .patch("Group", team, one("add", &users[..2]))
        .await
        .unwrap_err();
    bench
        .patch("Group", team, one("add", &users[1..2]))
        .await
        .unwrap();
    // A team that comes back counts anew: its members went and came while it was away.
    bench.delete("Group", team).await.unwrap();
    bench.delete("User", users[1]).await.unwrap();
    let mut view = bench.view().await;
    let ids = [team, users[1], Id([9; 16])];
    let briefs = view.briefs(bench.tenant, &ids).await.unwrap();
    drop(view);
    assert_eq!(briefs.len(), 2);
    let shown = |id: Id| {
        (
            &*briefs[&id].name,
            briefs[&id].is_team,
            briefs[&id].is_deleted,
        )
    };
    assert_eq!(shown(team), ("T", true, true));
    assert!(!shown(users[1]).1 && shown(users[1]).2);
    system(Change::Restore { id: team }).await.unwrap();
    assert_eq!(count(bench, team).await, Some(1));
    system(Change::Restore { id: users[1] }).await.unwrap();
    assert_eq!(count(bench, team).await, Some(2));
}

pub(crate) async fn who_came_and_went_is_told(bench: &Bench) {
    // More than one event holds.
    let users = bench.users(1100).await;
    let told = async |user: Id| {
        let mut view = bench.view().await;
        let events = view
            .membership_events(bench.tenant, user, 10)
            .await
            .unwrap();
        let lists = |event: &provisor_store::Event, list: &str| {
            let ids = event.detail[list].as_array().unwrap();
            ids.iter().any(|id| *id == user.to_string())
        };
        let event = |event: &provisor_store::Event| {
            let name = event.document.as_ref().unwrap()["displayName"].clone();
            let name = name.as_str().unwrap().to_owned();
            (name, lists(event, "added"), lists(event, "removed"))
        };
        events.iter().map(event).collect::<Vec<_>>()
    };
    let big = bench.team("Big", &users).await;
    for at in [0, 499, 500, 1099] {
        assert_eq!(
            told(users[at]).await,
            [("Big".to_owned(), true, false)],
            "{at}"
        );
    }
    let other = bench.team("Other", &users[..1]).await;
    // What leaves stands behind what comes, in the same events.
    let late = bench.user("late").await;
    let swap = json!([
        { "op": "add", "path": "members", "value": refs(&[late]) },
        { "op": "remove", "path": "members", "value": refs(&users[..1000]) },
    ]);
    bench.patch("Group", big, swap).await.unwrap();
    for at in [498, 499, 998, 999] {
        let both = [
            ("Big".to_owned(), false, true),
            ("Big".to_owned(), true, false),
        ];
        assert_eq!(told(users[at]).await, both, "{at}");
    }
    assert_eq!(told(users[1000]).await, [("Big".to_owned(), true, false)]);
    assert_eq!(told(late).await, [("Big".to_owned(), true, false)]);
    let three = [
        ("Big", false, true),
        ("Other", true, false),
        ("Big", true, false),
    ];
    let three = three.map(|(name, added, removed)| (name.to_owned(), added, removed));
    assert_eq!(told(users[0]).await, three);
    // It outlives the deletion of the user, and ends with its erasure.
    bench.delete("Group", other).await.unwrap();
    bench.delete("User", users[0]).await.unwrap();
    assert_eq!(told(users[0]).await, three);
    bench
        .system(bench.tenant, Change::Erase { id: users[0] })
        .await
        .unwrap();
    assert_eq!(told(users[0]).await, []);
    let mut view = bench.view().await;
    let foreign = bench.new_tenant("beta").await;
    let events = view.membership_events(foreign, late, 10).await.unwrap();
    assert_eq!(events, []);
}

pub(crate) async fn what_was_told_of_memberships_outlives_their_rows(bench: &Bench) {
    let users = bench.users(2).await;
    let told = async |user: Id| {
        let mut view = bench.view().await;
        let events = view.membership_events(bench.tenant, user, 10).await;
        let teams = events.unwrap().into_iter().map(|event| event.resource);
        teams.collect::<Vec<_>>()
    };
    let (kept, ended) = (
        bench.team("Kept", &users).await,
        bench.team("Ended", &users).await,
    );
    let both = [ended, kept];
    // Let go while deleted, when no event tells of it.
    bench.delete("User", users[0]).await.unwrap();
    let body = json!({ "displayName": "Kept", "members": refs(&users[1..]) });
    bench.put("Group", kept, body).await.unwrap();
    let restore = Change::Restore { id: users[0] };
    bench.system(bench.tenant, restore).await.unwrap();
    assert_eq!(bench.teams(users[0]).await.len(), 1);
    assert_eq!(told(users[0]).await, both);
    // Until the team's tombstone goes, and after that.
    bench.delete("Group", ended).await.unwrap();
    assert_eq!(told(users[1]).await, both);
    bench.later(1);
    let expire = Change::Expire {
        tombstones_before: bench.now(),
        chunk: 1000,
    };
    bench.system(TenantId::SYSTEM, expire).await.unwrap();
    let restored = bench.system(bench.tenant, Change::Restore { id: ended });
    assert_refused(restored.await, Kind::NotFound, &[]);
    for user in users {
        assert_eq!(told(user).await, both);
    }
    assert_eq!(bench.backend.check(), Vec::<String>::new());
}
