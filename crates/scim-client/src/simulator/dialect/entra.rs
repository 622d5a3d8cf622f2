//! Microsoft Entra ID, in its default dialect and with the flag `aadOptscim062020`.

mod roles;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::{Joined, Sent, TeamCall, group, single, user};
use crate::{
    resource::{ENTERPRISE, GROUP, USER},
    simulator::{
        company::Member,
        grant::{self, Grants},
        message::{Grade, Kind},
        person::{self, Attribute, Person},
        wire::{Voice, Wire},
    },
};

/// No capture shows which User-Agent Entra sends, so it has the client's own.
pub(crate) const VOICE: Voice = Voice {
    headers: &[],
    content_type: "application/scim+json",
    typed_delete: false,
    // Whether it obeys Retry-After is not settled; a report of 2025 says so.
    patience: 3,
    stubbornness: 1,
    finds_again: true,
};

/// What an administrator maps, in the order in which operations stand in a PATCH.
pub(crate) const MAPPING: &[Attribute] = &[
    Attribute::UserName,
    Attribute::Active,
    Attribute::DisplayName,
    Attribute::WorkEmail,
    Attribute::Mobile,
    Attribute::Street,
    Attribute::Title,
    Attribute::GivenName,
    Attribute::FamilyName,
    Attribute::Formatted,
    Attribute::ExternalId,
    Attribute::EmployeeNumber,
    Attribute::Department,
    Attribute::NickName,
    Attribute::Manager,
];

const PAGES: &str = "Microsoft, SCIM endpoint for user provisioning";
const COMPLIANCE: &str = "Microsoft, known issues of SCIM compliance";

static TEST: Kind = Kind {
    says: "Test Connection and the start of each cycle: a user that cannot exist",
    sends: "GET /Users?filter=userName+eq+\"GUID\"",
    grade: Grade::Doc,
    source: PAGES,
};
static SCHEMAS: Kind = Kind {
    says: "A gallery application reads the schemas",
    sends: "GET /Schemas",
    grade: Grade::Doc,
    source: PAGES,
};
static LOOK_UP: Kind = Kind {
    says: "Does the person match somebody?",
    sends: "GET /Users?filter=userName+eq+\"…\"",
    grade: Grade::Doc,
    source: PAGES,
};
static LOOK_UP_EMAIL: Kind = Kind {
    says: "With --identifier email: does the address match somebody's?",
    sends: "GET /Users?filter=emails[type+eq+\"work\"].value+eq+\"…\"",
    grade: Grade::Doc,
    source: PAGES,
};
static LOOK_UP_EXTERNAL_ID: Kind = Kind {
    says: "With --identifier externalId: does its own id match?",
    sends: "GET /Users?filter=externalId+eq+\"…\"",
    grade: Grade::Doc,
    source: PAGES,
};
static CREATE: Kind = Kind {
    says: "The person is created, with meta and an empty list of roles",
    sends: "POST /Users",
    grade: Grade::Doc,
    source: PAGES,
};
static READ: Kind = Kind {
    says: "The person is read before an update",
    sends: "GET /Users/{id}",
    grade: Grade::Doc,
    source: PAGES,
};
static UPDATE: Kind = Kind {
    says: "One operation for each attribute, capitalised",
    sends: "PATCH /Users/{id} [Replace …, Add …]",
    grade: Grade::Doc,
    source: COMPLIANCE,
};
static UPDATE_FLAG: Kind = Kind {
    says: "List values by path, all others joined in one replace without a path",
    sends: "PATCH /Users/{id} [replace …, replace {…}]",
    grade: Grade::Doc,
    source: COMPLIANCE,
};
static ACTIVE: Kind = Kind {
    says: "Disabled or restored, with text for the boolean",
    sends: "PATCH /Users/{id} [Replace active \"False\"]",
    grade: Grade::Doc,
    source: COMPLIANCE,
};
static ACTIVE_FLAG: Kind = Kind {
    says: "Disabled or restored",
    sends: "PATCH /Users/{id} [replace active false]",
    grade: Grade::Doc,
    source: COMPLIANCE,
};
static PURGE: Kind = Kind {
    says: "Deleted for good, thirty days after the soft deletion",
    sends: "DELETE /Users/{id}",
    grade: Grade::Doc,
    source: PAGES,
};
static MANAGER: Kind = Kind {
    says: "The manager, as plain text",
    sends: "PATCH /Users/{id} [Add urn:…:User:manager \"id\"]",
    grade: Grade::ThirdParty,
    source: "SCIM-SDK, azure-docs issue 11784",
};
static MANAGER_CHECK: Kind = Kind {
    says: "Is this the manager already?",
    sends: "GET /Users?filter=id+eq+\"…\"+and+manager+eq+\"…\"&attributes=id",
    grade: Grade::Doc,
    source: PAGES,
};
static MANAGER_LIST: Kind = Kind {
    says: "Another manager, unqualified, as a list of one with a $ref",
    sends: "PATCH /Users/{id} [Add manager [{$ref, value}]]",
    grade: Grade::Doc,
    source: PAGES,
};
static MANAGER_REMOVE: Kind = Kind {
    says: "No manager any more",
    sends: "PATCH /Users/{id} [Remove urn:…:User:manager]",
    grade: Grade::Inferred,
    source: "the validation tests name it and show no body",
};
static TEAM_LOOK_UP: Kind = Kind {
    says: "Does the team match one?",
    sends: "GET /Groups?excludedAttributes=members&filter=displayName+eq+\"…\"",
    grade: Grade::Doc,
    source: PAGES,
};
static TEAM_CREATE: Kind = Kind {
    says: "The team is created without members, with Microsoft's own second URN",
    sends: "POST /Groups",
    grade: Grade::Doc,
    source: PAGES,
};
static TEAM_ADD: Kind = Kind {
    says: "Members join; several such requests at once",
    sends: "PATCH /Groups/{id} [Add members [{$ref: null, value}]]",
    grade: Grade::Doc,
    source: PAGES,
};
static TEAM_REMOVE: Kind = Kind {
    says: "A member leaves, named in the value",
    sends: "PATCH /Groups/{id} [Remove members [{$ref: null, value}]]",
    grade: Grade::Doc,
    source: COMPLIANCE,
};
static TEAM_REMOVE_FLAG: Kind = Kind {
    says: "A member leaves, named in the path",
    sends: "PATCH /Groups/{id} [remove members[value eq \"…\"]]",
    grade: Grade::Doc,
    source: COMPLIANCE,
};
static TEAM_CHECK: Kind = Kind {
    says: "Is this person a member of this team?",
    sends: "GET /Groups?filter=id+eq+\"…\"+and+members+eq+\"…\"&attributes=id",
    grade: Grade::Inferred,
    source: "the pages describe it and show no bytes",
};
static TEAM_READ: Kind = Kind {
    says: "The team is read without its members",
    sends: "GET /Groups/{id}?excludedAttributes=members",
    grade: Grade::Doc,
    source: PAGES,
};
static TEAM_RENAME: Kind = Kind {
    says: "The team has a new name",
    sends: "PATCH /Groups/{id} [Replace displayName]",
    grade: Grade::Doc,
    source: PAGES,
};
static TEAM_DELETE: Kind = Kind {
    says: "The team is deleted",
    sends: "DELETE /Groups/{id}",
    grade: Grade::Doc,
    source: PAGES,
};

/// One of Entra's dialects.
#[derive(Debug)]
pub(crate) struct Entra {
    /// With the flag `aadOptscim062020`.
    pub(crate) flag: bool,
    /// An application of the gallery.
    pub(crate) gallery: bool,
    /// What people are matched by.
    pub(crate) matching: Attribute,
    /// How application roles are mapped.
    pub(crate) grants: Grants,
    /// Whether teams are matched by `externalId` instead of their name.
    pub(crate) teams_by_external_id: bool,
    pub(crate) mapping: &'static [Attribute],
}

/// Members in one PATCH. Microsoft publishes that several share one, not how many.
const MEMBERS: usize = 20;
/// Requests for one team at once. Not published either.
const AT_ONCE: usize = 4;

impl Entra {
    pub(super) fn kinds(&self) -> Vec<&'static Kind> {
        let first = [&TEST, &SCHEMAS, &LOOK_UP, &CREATE, &READ];
        let own: [&Kind; 3] = if self.flag {
            [&UPDATE_FLAG, &ACTIVE_FLAG, &TEAM_REMOVE_FLAG]
        } else {
            [&UPDATE, &ACTIVE, &TEAM_REMOVE]
        };
        let rest = [
            &PURGE,
            &MANAGER,
            &MANAGER_CHECK,
            &MANAGER_LIST,
            &MANAGER_REMOVE,
            &TEAM_LOOK_UP,
            &TEAM_CREATE,
            &TEAM_ADD,
            &TEAM_CHECK,
            &TEAM_READ,
            &TEAM_RENAME,
            &TEAM_DELETE,
            &LOOK_UP_EMAIL,
            &LOOK_UP_EXTERNAL_ID,
            &roles::CREATE,
            &roles::SET,
            &roles::ADD,
            &roles::REPLACE,
        ];
        first.iter().chain(&own).chain(&rest).copied().collect()
    }

    pub(super) async fn test(&self, wire: &Wire<'_>) -> Sent<()> {
        let nobody = self.look_up("cf4d78e8-cc4f-4d5d-b8b9-183561c0104a");
        wire.get(&TEST, "/Users".to_owned(), Some(nobody)).await?;
        if self.gallery {
            wire.get(&SCHEMAS, "/Schemas".to_owned(), None).await?;
        }
        Ok(())
    }

    fn look_up(&self, value: &str) -> String {
        let filter = format!("{} eq {}", self.matching.path(), Value::from(value));
        format!("filter={}", form(&filter))
    }

    pub(super) async fn join(&self, wire: &Wire<'_>, person: &Person) -> Sent<Joined> {
        let value = self.matching.of(person).unwrap_or_default();
        let query = self.look_up(value.as_str().unwrap_or_default());
        let kind = match self.matching {
            Attribute::WorkEmail => &LOOK_UP_EMAIL,
            Attribute::ExternalId => &LOOK_UP_EXTERNAL_ID,
            _ => &LOOK_UP,
        };
        let found = wire.get(kind, "/Users".to_owned(), Some(query)).await?;
        let Some(found) = single(kind, &found)? else {
            let id = self.create(wire, person).await?;
            return Ok(Joined { id, matched: false });
        };
        let id = found["id"].as_str().unwrap_or_default().to_owned();
        let differs = |attribute: &Attribute| {
            attribute
                .of(person)
                .map(|now| (*attribute, attribute.read(found), now))
        };
        let changed = self.attributes().filter_map(|one| differs(&one));
        self.patch(
            wire,
            &id,
            changed.filter(|(_, was, now)| was.as_ref() != Some(now)),
        )
        .await?;
        let roles = grant::values(&found["roles"]);
        if !person.roles.iter().all(|role| roles.contains(&*role.value)) {
            self.patch_roles(wire, &id, person).await?;
        }
        Ok(Joined { id, matched: true })
    }

    pub(super) async fn create(&self, wire: &Wire<'_>, person: &Person) -> Sent<String> {
        let plain: Vec<Attribute> = self.attributes().collect();
        let mut body = person::user(person, &plain);
        body["meta"] = json!({"resourceType": "User"});
        if self.grants == Grants::None {
            body["schemas"] = json!([USER, ENTERPRISE]);
            body["roles"] = json!([]);
            return wire.post(&CREATE, "/Users", &body).await;
        }
        body["roles"] = self.roles(person);
        wire.post(&roles::CREATE, "/Users", &body).await
    }

    /// What is mapped and no reference.
    fn attributes(&self) -> impl Iterator<Item = Attribute> {
        self.mapping
            .iter()
            .copied()
            .filter(|one| *one != Attribute::Manager)
    }

    pub(super) async fn update(
        &self,
        wire: &Wire<'_>,
        id: &str,
        before: &Person,
        person: &Person,
    ) -> Sent<()> {
        let changed = self.attributes().filter_map(|one| {
            let (was, now) = (one.of(before), one.of(person)?);
            (was.as_ref() != Some(&now)).then_some((one, was, now))
        });
        let changed: Vec<_> = changed.collect();
        let roles_change = before.roles != person.roles;
        if changed.is_empty() && !roles_change {
            return Ok(());
        }
        wire.get(&READ, user(id), None).await?;
        self.patch(wire, id, changed.into_iter()).await?;
        if roles_change {
            self.patch_roles(wire, id, person).await?;
        }
        Ok(())
    }

    /// Attributes with what they were and are.
    async fn patch(
        &self,
        wire: &Wire<'_>,
        id: &str,
        changed: impl Iterator<Item = (Attribute, Option<Value>, Value)>,
    ) -> Sent<()> {
        let mut operations = Vec::new();
        let mut joined = json!({});
        for (attribute, was, now) in changed {
            let op = match (was.is_some(), self.flag) {
                (true, false) => "Replace",
                (false, false) => "Add",
                (true, true) => "replace",
                (false, true) => "add",
            };
            let now = self.value(&now);
            if self.flag && op == "replace" && !attribute.is_typed() {
                joined[attribute.path()] = now;
            } else {
                operations.push(json!({"op": op, "path": attribute.path(), "value": now}));
            }
        }
        if joined.as_object().is_some_and(|joined| !joined.is_empty()) {
            operations.push(json!({"op": "replace", "value": joined}));
        }
        if operations.is_empty() {
            return Ok(());
        }
        let kind = if self.flag { &UPDATE_FLAG } else { &UPDATE };
        wire.patch(kind, user(id), operations.into()).await
    }

    /// Booleans are text, unless the flag is set.
    fn value(&self, value: &Value) -> Value {
        match value {
            Value::Bool(true) if !self.flag => "True".into(),
            Value::Bool(false) if !self.flag => "False".into(),
            value => value.clone(),
        }
    }

    pub(super) async fn activate(&self, wire: &Wire<'_>, id: &str, active: bool) -> Sent<()> {
        let op = if self.flag { "replace" } else { "Replace" };
        let kind = if self.flag { &ACTIVE_FLAG } else { &ACTIVE };
        let value = self.value(&active.into());
        wire.patch(
            kind,
            user(id),
            json!([{"op": op, "path": "active", "value": value}]),
        )
        .await
    }

    pub(super) async fn purge(&self, wire: &Wire<'_>, id: &str) -> Sent<()> {
        wire.delete(&PURGE, user(id)).await
    }

    /// The reference from a person to the manager, after all people are there.
    pub(super) async fn manager(
        &self,
        wire: &Wire<'_>,
        id: &str,
        before: Option<&str>,
        manager: Option<&str>,
    ) -> Sent<()> {
        if before == manager || !self.mapping.contains(&Attribute::Manager) {
            return Ok(());
        }
        let add = if self.flag { "add" } else { "Add" };
        let path = Attribute::Manager.path();
        match (before, manager) {
            (_, None) => {
                let op = if self.flag { "remove" } else { "Remove" };
                wire.patch(&MANAGER_REMOVE, user(id), json!([{"op": op, "path": path}]))
                    .await
            }
            (None, Some(manager)) => {
                let operations = json!([{"op": add, "path": path, "value": manager}]);
                wire.patch(&MANAGER, user(id), operations).await
            }
            (Some(_), Some(manager)) => {
                let filter = format!("id eq \"{id}\" and manager eq \"{manager}\"");
                let query = format!("filter={}&attributes=id", form(&filter));
                let found = wire
                    .get(&MANAGER_CHECK, "/Users".to_owned(), Some(query))
                    .await?;
                if found["totalResults"] == 1 {
                    return Ok(());
                }
                let reference = format!("http://localhost/scim/Users/{manager}");
                let value = json!([{"$ref": reference, "value": manager}]);
                let operations = json!([{"op": add, "path": "manager", "value": value}]);
                wire.patch(&MANAGER_LIST, user(id), operations).await
            }
        }
    }

    /// The team without its members.
    pub(super) async fn push(&self, wire: &Wire<'_>, team: &TeamCall) -> Sent<String> {
        let filter = if self.teams_by_external_id {
            format!("externalId eq {}", Value::from(&*team.own_id))
        } else {
            format!("displayName eq {}", Value::from(&*team.name))
        };
        let query = format!("excludedAttributes=members&filter={}", form(&filter));
        let found = wire
            .get(&TEAM_LOOK_UP, "/Groups".to_owned(), Some(query))
            .await?;
        if let Some(found) = single(&TEAM_LOOK_UP, &found)? {
            return Ok(found["id"].as_str().unwrap_or_default().to_owned());
        }
        let mut schemas = vec![GROUP];
        if !self.flag {
            schemas
                .push("http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group");
        }
        let body = json!({
            "schemas": schemas,
            "externalId": team.own_id,
            "displayName": team.name,
            "meta": {"resourceType": "Group"},
        });
        wire.post(&TEAM_CREATE, "/Groups", &body).await
    }

    /// Adds and removes members; `known` if the team was there in an earlier cycle, where Entra asks first.
    pub(super) async fn members(
        &self,
        wire: &Wire<'_>,
        id: &str,
        add: &[Member],
        remove: &[Member],
        known: bool,
    ) -> Sent<()> {
        if known {
            for member in add.iter().chain(remove).take(1) {
                let filter = format!("id eq \"{id}\" and members eq \"{}\"", member.id);
                let query = format!("filter={}&attributes=id", form(&filter));
                wire.get(&TEAM_CHECK, "/Groups".to_owned(), Some(query))
                    .await?;
            }
        }
        let values = |members: &[Member]| -> Vec<Value> {
            let value = |member: &Member| match self.flag {
                true => json!({"value": member.id}),
                false => json!({"$ref": null, "value": member.id}),
            };
            members.iter().map(value).collect()
        };
        let mut patches: Vec<(&'static Kind, Value)> = Vec::new();
        for some in add.chunks(MEMBERS) {
            let op = if self.flag { "add" } else { "Add" };
            let add = json!([{"op": op, "path": "members", "value": values(some)}]);
            patches.push((&TEAM_ADD, add));
        }
        for member in remove {
            patches.push(if self.flag {
                let path = format!("members[value eq \"{}\"]", member.id);
                (&TEAM_REMOVE_FLAG, json!([{"op": "remove", "path": path}]))
            } else {
                let value = values(std::slice::from_ref(member));
                (
                    &TEAM_REMOVE,
                    json!([{"op": "Remove", "path": "members", "value": value}]),
                )
            });
        }
        let patches = patches
            .into_iter()
            .map(|(kind, operations)| wire.patch(kind, group(id), operations));
        // Collected, so that the compiler sees that this may go from thread to thread.
        stream::iter(patches.collect::<Vec<_>>())
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        let query = Some("excludedAttributes=members".to_owned());
        wire.get(&TEAM_READ, group(id), query).await?;
        Ok(())
    }

    pub(super) async fn rename(&self, wire: &Wire<'_>, id: &str, team: &TeamCall) -> Sent<()> {
        let op = if self.flag { "replace" } else { "Replace" };
        let operations = json!([{"op": op, "path": "displayName", "value": team.name}]);
        wire.patch(&TEAM_RENAME, group(id), operations).await
    }

    pub(super) async fn delete_team(&self, wire: &Wire<'_>, id: &str) -> Sent<()> {
        wire.delete(&TEAM_DELETE, group(id)).await
    }
}

/// As forms are encoded: `+` for a space.
fn form(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}
