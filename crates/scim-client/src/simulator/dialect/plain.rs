//! Identity providers whose habits fit into a table: which messages, in which form.

use serde_json::{Value, json};

use super::{Joined, Sent, TeamCall, group, single, user};
use crate::{
    resource::GROUP,
    simulator::{
        company::Member,
        message::Kind,
        person::{self, Attribute, Person},
        wire::{Voice, Wire},
    },
};

/// Writes the query for an attribute with a value.
pub(crate) type AsQuery = fn(attribute: &str, value: &str) -> String;

/// An identity provider as a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain {
    pub(crate) voice: Voice,
    pub(crate) mapping: &'static [Attribute],
    pub(crate) start: Start,
    /// Asks for somebody by name; gives the query.
    pub(crate) look_up: Option<(&'static Kind, AsQuery)>,
    /// Whether it looks only when creating was answered 409.
    pub(crate) creates_first: bool,
    pub(crate) create: &'static Kind,
    pub(crate) update: (&'static Kind, Update),
    pub(crate) leave: &'static Kind,
    pub(crate) delete: Option<&'static Kind>,
    /// What its template makes of a user.
    pub(crate) shape: fn(&mut Value),
    /// The creations and updates in which some people's one address stands twice, both times as primary.
    pub(crate) two_primaries: Option<[&'static Kind; 2]>,
    pub(crate) teams: Option<Teams>,
}

/// How often one change of members is tried.
const TRIES: u32 = 5;

/// What comes first.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// One request.
    Get(&'static Kind, &'static str, Option<&'static str>),
    /// One request, and lists of everything, read page by page or just once.
    Import {
        test: (&'static Kind, &'static str, Option<&'static str>),
        list: &'static Kind,
        paged: bool,
    },
    /// A user and a group to try, deleted again.
    Trial {
        create: &'static Kind,
        create_team: &'static Kind,
        delete_team: &'static Kind,
        delete: &'static Kind,
    },
}

/// How a changed user is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Update {
    /// The whole user by PUT; `Some("")` is a bare question mark.
    Put(Option<&'static str>),
    /// Each changed attribute as an operation of one PATCH; booleans as text or not.
    Patch { text_booleans: bool },
}

/// How teams are told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Teams {
    pub(crate) look_up: Option<&'static Kind>,
    pub(crate) create: &'static Kind,
    pub(crate) members: Members,
    pub(crate) rename: &'static Kind,
    /// The new name by an operation without a path that carries the whole team.
    pub(crate) renames_whole: bool,
    /// Reads the team after a rename.
    pub(crate) compare: Option<&'static Kind>,
    pub(crate) delete: &'static Kind,
}

/// How members are told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Members {
    /// The whole team by PUT.
    Put(&'static Kind),
    /// All members by one operation; null if there are none.
    Replace(&'static Kind),
    /// Operations of one member each, so many in a request; removed by a value list. `twice` repeats an addition.
    OneByOne {
        add: &'static Kind,
        remove: &'static Kind,
        batch: usize,
        twice: bool,
    },
}

impl Plain {
    pub(super) fn kinds(&self) -> Vec<&'static Kind> {
        let mut kinds = match &self.start {
            Start::Get(kind, ..) => vec![*kind],
            Start::Import { test, list, .. } => vec![test.0, *list],
            Start::Trial {
                create,
                create_team,
                delete_team,
                delete,
            } => {
                vec![*create, *create_team, *delete_team, *delete]
            }
        };
        kinds.extend(self.look_up.map(|(kind, _)| kind));
        kinds.extend([self.create, self.update.0, self.leave]);
        kinds.extend(self.two_primaries.into_iter().flatten());
        kinds.extend(self.delete);
        if let Some(teams) = &self.teams {
            kinds.extend(teams.look_up);
            kinds.push(teams.create);
            match teams.members {
                Members::Put(kind) | Members::Replace(kind) => kinds.push(kind),
                Members::OneByOne { add, remove, .. } => kinds.extend([add, remove]),
            }
            kinds.push(teams.rename);
            kinds.extend(teams.compare);
            kinds.push(teams.delete);
        }
        let mut seen = Vec::new();
        kinds.retain(|kind| {
            !seen.contains(kind) && {
                seen.push(*kind);
                true
            }
        });
        kinds
    }

    pub(super) fn leaves_by_delete(&self) -> bool {
        self.delete.is_some_and(|delete| delete == self.leave)
    }

    pub(super) async fn test(&self, wire: &Wire<'_>) -> Sent<()> {
        match &self.start {
            Start::Get(kind, path, query)
            | Start::Import {
                test: (kind, path, query),
                ..
            } => {
                wire.get(kind, (*path).to_owned(), query.map(str::to_owned))
                    .await?;
            }
            Start::Trial {
                create,
                create_team,
                delete_team,
                delete,
            } => {
                let tester = Person {
                    user_name: "provisioning.test@northwind.example".to_owned(),
                    email: "provisioning.test@northwind.example".to_owned(),
                    given: "Provisioning".to_owned(),
                    family: "Test".to_owned(),
                    display: "Provisioning Test".to_owned(),
                    external_id: "provisioning-test".to_owned(),
                    active: true,
                    ..Person::default()
                };
                let id = wire.post(create, "/Users", &self.body(&tester)).await?;
                let team = TeamCall {
                    name: "Provisioning Test".to_owned(),
                    own_id: "provisioning-test-team".to_owned(),
                    members: Vec::new(),
                };
                let team = wire
                    .post(create_team, "/Groups", &whole(None, &team, false))
                    .await?;
                wire.delete(delete_team, group(&team)).await?;
                wire.delete(delete, user(&id)).await?;
            }
        }
        Ok(())
    }

    /// Reads all users, as far as the provider goes.
    pub(super) async fn import(&self, wire: &Wire<'_>) -> Sent<Vec<Value>> {
        let Start::Import { list, paged, .. } = &self.start else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        loop {
            let query = (!found.is_empty()).then(|| format!("startIndex={}", found.len() + 1));
            let mut page = wire.get(list, "/Users".to_owned(), query).await?;
            let Some(resources) = page["Resources"]
                .as_array_mut()
                .filter(|some| !some.is_empty())
            else {
                return Ok(found);
            };
            found.append(resources);
            let total = page["totalResults"].as_u64().unwrap_or(0);
            if !paged || found.len() as u64 >= total {
                return Ok(found);
            }
        }
    }

    fn body(&self, person: &Person) -> Value {
        let mut body = person::user(person, self.mapping);
        (self.shape)(&mut body);
        if self.two_primaries.is_some() && has_empty_address(person) {
            let again = json!({"value": person.email, "type": "home", "primary": true});
            if let Some(emails) = body["emails"].as_array_mut() {
                emails.push(again);
            }
        }
        body
    }

    /// A kind of message, or what it is for those who have one address twice.
    fn kind(&self, kind: &'static Kind, person: &Person) -> &'static Kind {
        match self.two_primaries {
            Some([create, _]) if has_empty_address(person) && kind == self.create => create,
            Some([_, update]) if has_empty_address(person) && kind == self.update.0 => update,
            _ => kind,
        }
    }

    async fn find(&self, wire: &Wire<'_>, person: &Person) -> Sent<Option<Value>> {
        let Some((kind, query)) = self.look_up else {
            return Ok(None);
        };
        let query = query("userName", &person.user_name);
        let found = wire.get(kind, "/Users".to_owned(), Some(query)).await?;
        Ok(single(kind, &found)?.cloned())
    }

    pub(super) async fn join(
        &self,
        wire: &Wire<'_>,
        person: &Person,
        known: Option<&str>,
    ) -> Sent<Joined> {
        if let Some(id) = known {
            self.update(wire, id, &Person::default(), person).await?;
            let id = id.to_owned();
            return Ok(Joined { id, matched: true });
        }
        let mut found = None;
        if !self.creates_first {
            found = self.find(wire, person).await?;
        }
        if found.is_none() {
            match self.create(wire, person).await {
                Ok(id) => return Ok(Joined { id, matched: false }),
                Err(failure) if failure.status == Some(409) && self.creates_first => {
                    found = self.find(wire, person).await?;
                    if found.is_none() {
                        return Err(failure);
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
        let found = found.unwrap_or_default();
        let id = found["id"].as_str().unwrap_or_default().to_owned();
        self.update(wire, &id, &Person::default(), person).await?;
        Ok(Joined { id, matched: true })
    }

    pub(super) async fn create(&self, wire: &Wire<'_>, person: &Person) -> Sent<String> {
        let kind = self.kind(self.create, person);
        wire.post(kind, "/Users", &self.body(person)).await
    }

    pub(super) async fn update(
        &self,
        wire: &Wire<'_>,
        id: &str,
        before: &Person,
        person: &Person,
    ) -> Sent<()> {
        let (kind, how) = self.update;
        match how {
            Update::Put(query) => self.put(wire, kind, id, person, query).await,
            Update::Patch { text_booleans } => {
                let changed = self.mapping.iter().filter_map(|one| {
                    let now = one.of(person)?;
                    let changed =
                        before.user_name.is_empty() || one.of(before).as_ref() != Some(&now);
                    changed.then(|| replace(*one, now, text_booleans))
                });
                let operations: Vec<Value> = changed.collect();
                if operations.is_empty() {
                    return Ok(());
                }
                wire.patch(kind, user(id), operations.into()).await
            }
        }
    }

    async fn put(
        &self,
        wire: &Wire<'_>,
        kind: &'static Kind,
        id: &str,
        person: &Person,
        query: Option<&str>,
    ) -> Sent<()> {
        let mut body = self.body(person);
        body["id"] = id.into();
        let kind = self.kind(kind, person);
        wire.put(kind, user(id), query.map(str::to_owned), &body)
            .await
    }

    pub(super) async fn leave(&self, wire: &Wire<'_>, id: &str, person: &Person) -> Sent<()> {
        if self.leaves_by_delete() {
            return wire.delete(self.leave, user(id)).await;
        }
        self.activate(wire, id, person).await
    }

    pub(super) async fn come_back(&self, wire: &Wire<'_>, id: &str, person: &Person) -> Sent<()> {
        self.activate(wire, id, person).await
    }

    async fn activate(&self, wire: &Wire<'_>, id: &str, person: &Person) -> Sent<()> {
        match self.update.1 {
            Update::Put(query) => self.put(wire, self.leave, id, person, query).await,
            Update::Patch { text_booleans } => {
                let active = replace(Attribute::Active, person.active.into(), text_booleans);
                wire.patch(self.leave, user(id), json!([active])).await
            }
        }
    }

    pub(super) async fn purge(&self, wire: &Wire<'_>, id: &str) -> Sent<()> {
        match self.delete {
            Some(kind) => wire.delete(kind, user(id)).await,
            None => Ok(()),
        }
    }

    pub(super) async fn push(&self, wire: &Wire<'_>, team: &TeamCall) -> Sent<String> {
        let Some(teams) = &self.teams else {
            return Ok(String::new());
        };
        let with_members = matches!(teams.members, Members::Put(_) | Members::Replace(_));
        let mut found = None;
        if !self.creates_first {
            found = self.find_team(wire, teams, team).await?;
        }
        let (id, is_new) = match found {
            Some(id) => (id, false),
            None => match wire
                .post(teams.create, "/Groups", &whole(None, team, with_members))
                .await
            {
                Ok(id) => (id, true),
                Err(failure) if failure.status == Some(409) => {
                    match self.find_team(wire, teams, team).await? {
                        Some(id) => (id, false),
                        None => return Err(failure),
                    }
                }
                Err(failure) => return Err(failure),
            },
        };
        if !(is_new && with_members) {
            self.members(wire, &id, team, &team.members, &[]).await?;
        }
        Ok(id)
    }

    async fn find_team(
        &self,
        wire: &Wire<'_>,
        teams: &Teams,
        team: &TeamCall,
    ) -> Sent<Option<String>> {
        let (Some(kind), Some((_, query))) = (teams.look_up, self.look_up) else {
            return Ok(None);
        };
        let query = query("displayName", &team.name);
        let found = wire.get(kind, "/Groups".to_owned(), Some(query)).await?;
        let id = single(kind, &found)?.and_then(|found| found["id"].as_str());
        Ok(id.map(str::to_owned))
    }

    pub(super) async fn members(
        &self,
        wire: &Wire<'_>,
        id: &str,
        team: &TeamCall,
        add: &[Member],
        remove: &[Member],
    ) -> Sent<()> {
        let Some(teams) = &self.teams else {
            return Ok(());
        };
        match teams.members {
            Members::Put(kind) => {
                wire.put(kind, group(id), None, &whole(Some(id), team, true))
                    .await
            }
            Members::Replace(kind) => {
                let all = values(&team.members);
                let all = if all.is_empty() {
                    Value::Null
                } else {
                    all.into()
                };
                let replace = json!([{"op": "replace", "path": "members", "value": all}]);
                wire.patch(kind, group(id), replace).await
            }
            Members::OneByOne {
                add: joins,
                remove: leaves,
                batch,
                twice,
            } => {
                for (kind, op, members) in [(joins, "add", add), (leaves, "remove", remove)] {
                    for some in members.chunks(batch) {
                        let one = |member: &Member| json!({"op": op, "path": "members", "value": [{"value": member.id}]});
                        let operations: Vec<Value> = some.iter().map(one).collect();
                        let times = if twice && op == "add" { 2 } else { 1 };
                        for _ in 0..times {
                            task(wire, kind, id, &operations).await?;
                        }
                    }
                }
                Ok(())
            }
        }
    }

    pub(super) async fn rename(&self, wire: &Wire<'_>, id: &str, team: &TeamCall) -> Sent<()> {
        let Some(teams) = &self.teams else {
            return Ok(());
        };
        if let Members::Put(_) = teams.members {
            return wire
                .put(teams.rename, group(id), None, &whole(Some(id), team, true))
                .await;
        }
        let replace = if teams.renames_whole {
            json!([{"op": "replace", "value": whole(Some(id), team, false)}])
        } else {
            json!([{"op": "replace", "path": "displayName", "value": team.name}])
        };
        wire.patch(teams.rename, group(id), replace).await?;
        if let Some(kind) = teams.compare {
            wire.get(kind, group(id), None).await?;
        }
        Ok(())
    }

    pub(super) async fn delete_team(&self, wire: &Wire<'_>, id: &str) -> Sent<()> {
        match &self.teams {
            Some(teams) => wire.delete(teams.delete, group(id)).await,
            None => Ok(()),
        }
    }
}

/// One change of members, which is repeated by itself: what went before it is not told again for its sake.
async fn task(wire: &Wire<'_>, kind: &'static Kind, id: &str, operations: &[Value]) -> Sent<()> {
    for _ in 1..TRIES {
        match wire.patch(kind, group(id), operations.into()).await {
            Err(failure) if failure.is_passing() => {}
            outcome => return outcome,
        }
    }
    wire.patch(kind, group(id), operations.into()).await
}

/// Whether the second of two address attributes is empty for somebody: for one in four.
fn has_empty_address(person: &Person) -> bool {
    let sum = person.external_id.bytes().map(u32::from).sum::<u32>();
    sum.is_multiple_of(4)
}

fn values(members: &[Member]) -> Vec<Value> {
    members
        .iter()
        .map(|member| json!({"value": member.id}))
        .collect()
}

fn whole(id: Option<&str>, team: &TeamCall, with_members: bool) -> Value {
    let mut body = json!({
        "schemas": [GROUP],
        "externalId": team.own_id,
        "displayName": team.name,
    });
    if with_members {
        body["members"] = values(&team.members).into();
    }
    if let Some(id) = id {
        body["id"] = id.into();
    }
    body
}

fn replace(attribute: Attribute, now: Value, text_booleans: bool) -> Value {
    let now = match now {
        Value::Bool(now) if text_booleans => now.to_string().into(),
        now => now,
    };
    json!({"op": "replace", "path": attribute.path(), "value": now})
}
