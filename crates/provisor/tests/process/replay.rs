//! The event feed as the serial order of all changes: replayed, and compared with what is there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::client::Client;

/// The directory as of some event.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    /// Last `seq` that was applied.
    pub(crate) seq: i64,
    pub(crate) users: BTreeMap<String, Map<String, Value>>,
    pub(crate) teams: BTreeMap<String, Team>,
    /// Every event that was applied.
    pub(crate) events: Vec<Value>,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Team {
    pub(crate) attributes: Map<String, Value>,
    pub(crate) members: BTreeSet<String>,
}

impl Replay {
    /// Reads the whole feed of `acme`; `each` sees the state after every event.
    #[track_caller]
    pub(crate) fn of(app: &mut Client, mut each: impl FnMut(&Replay, &Value)) -> Self {
        let mut replay = Self::default();
        loop {
            let path = format!("/api/v1/tenants/acme/events?after={}&limit=500", replay.seq);
            let page = app.get(&path).expect(200).json();
            for event in page["data"].as_array().expect("a list of events") {
                replay.apply(event);
                each(&replay, event);
            }
            if page["last_seq"] == replay.seq {
                return replay;
            }
        }
    }

    /// Applies one event, which must fit the state: each change was decided on exactly this.
    fn apply(&mut self, event: &Value) {
        self.seq += 1;
        assert_eq!(event["seq"], self.seq, "the order has a gap");
        let id = text(&event["data"]["id"]);
        let attributes = event["data"]["attributes"].as_object().cloned();
        let attributes = attributes.unwrap_or_default();
        match text(&event["type"]).as_str() {
            "user.created" => {
                let before = self.users.insert(id, attributes);
                assert_eq!(before, None, "{event}");
            }
            "user.updated" | "user.deactivated" | "user.reactivated" => {
                let before = self.users.insert(id, attributes.clone());
                follows(&before.expect("it was created"), &attributes, event);
            }
            "user.deleted" => {
                self.users.remove(&id).expect("it was created");
                self.teams.values_mut().for_each(|team| {
                    team.members.remove(&id);
                });
            }
            "team.created" => {
                let team = Team {
                    attributes,
                    members: BTreeSet::new(),
                };
                assert_eq!(self.teams.insert(id, team), None, "{event}");
            }
            "team.updated" => {
                let team = self.teams.get_mut(&id).expect("it was created");
                follows(&team.attributes, &attributes, event);
                team.attributes = attributes;
            }
            "team.members_changed" => {
                let team = self.teams.get_mut(&id).expect("it was created");
                for member in ids(&event["added"]) {
                    assert!(team.members.insert(member), "added twice: {event}");
                }
                for member in ids(&event["removed"]) {
                    assert!(team.members.remove(&member), "no member: {event}");
                }
            }
            "team.deleted" => {
                self.teams.remove(&id).expect("it was created");
            }
            // Roles that a new tenant comes with.
            "resource.created" => {}
            other => panic!("no such event in these tests: {other}"),
        }
        self.events.push(event.clone());
    }

    /// What GET answers is exactly what the events say.
    #[track_caller]
    pub(crate) fn assert_is(&self, scim: &mut Client) {
        let users = list(scim, "Users");
        let ids: BTreeSet<&String> = users.keys().collect();
        assert_eq!(ids, self.users.keys().collect(), "users");
        for (id, user) in &users {
            assert_eq!(&own(user), &self.users[id], "user {id}");
        }
        let teams = list(scim, "Groups");
        let ids: BTreeSet<&String> = teams.keys().collect();
        assert_eq!(ids, self.teams.keys().collect(), "teams");
        for (id, team) in &teams {
            let expected = &self.teams[id];
            assert_eq!(&own(team), &expected.attributes, "team {id}");
            assert_eq!(members(team), expected.members, "members of {id}");
        }
        // The other side of membership, derived from the same rows.
        for (id, user) in &users {
            let groups: BTreeSet<String> = ids_of(&user["groups"]);
            let expected = self.teams.iter();
            let expected = expected.filter(|(_, team)| team.members.contains(id));
            let expected: BTreeSet<String> = expected.map(|(team, _)| team.clone()).collect();
            assert_eq!(groups, expected, "groups of {id}");
        }
    }
}

/// Nothing but what `changed` names differs, and `previous` is what was there.
#[track_caller]
fn follows(before: &Map<String, Value>, after: &Map<String, Value>, event: &Value) {
    let changed: BTreeSet<String> = ids(&event["changed"]);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (old, new) = (before.get(name), after.get(name));
        if old == new || name == "schemas" {
            continue;
        }
        assert!(
            changed
                .iter()
                .any(|path| path.split('.').next() == Some(name)),
            "{name} changed from {old:?} to {new:?}, which is not named: {event}"
        );
        if let Some(previous) = event["previous"].get(name) {
            assert_eq!(previous, old.unwrap_or(&Value::Null), "{event}");
        }
    }
}

/// All resources of an endpoint, by id.
#[track_caller]
pub(crate) fn list(scim: &mut Client, endpoint: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    loop {
        let start = found.len() + 1;
        let path = format!("/scim/v2/{endpoint}?startIndex={start}&count=500");
        let page = scim.get(&path).expect(200).json();
        for one in page["Resources"].as_array().into_iter().flatten() {
            assert_eq!(found.insert(text(&one["id"]), one.clone()), None);
        }
        if json!(found.len()) == page["totalResults"] {
            return found;
        }
    }
}

/// A resource's members.
pub(crate) fn members(team: &Value) -> BTreeSet<String> {
    ids_of(&team["members"])
}

fn ids_of(list: &Value) -> BTreeSet<String> {
    let list = list.as_array().into_iter().flatten();
    list.map(|one| text(&one["value"])).collect()
}

fn ids(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().map(text).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The attributes that are its own: the events carry no others.
pub(crate) fn own(resource: &Value) -> Map<String, Value> {
    let mut own = resource.as_object().cloned().unwrap_or_default();
    for derived in ["id", "meta", "groups", "members"] {
        own.remove(derived);
    }
    own
}
