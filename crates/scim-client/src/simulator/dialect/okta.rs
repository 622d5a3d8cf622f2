//! Okta: an organisation's own application, which PUTs everything, and one of the catalogue, which PATCHes.

mod entitlement;

use serde_json::{Value, json};

pub(super) use entitlement::discover;
pub(crate) use entitlement::grantable;

use entitlement::{
    CREATE_ENTITLED, GRANTABLE, GRANTABLE_TEST, RESOURCE_TYPES, SCHEMAS, WRITE_ENTITLED, entitle,
};

use super::{Joined, Sent, TeamCall, group, single, user};
use crate::{
    resource::GROUP,
    resources::segment,
    simulator::{
        company::Member,
        look_up::LookUp,
        message::{Grade, Kind},
        person::{self, Attribute, Person},
        wire::{Voice, Wire},
    },
};

/// How Okta sends everything, by captures of real traffic.
pub(crate) const VOICE: Voice = Voice {
    headers: &[
        ("accept", "application/scim+json"),
        ("accept-charset", "utf-8"),
        ("accept-encoding", "gzip,deflate"),
        ("user-agent", "Okta SCIM Client 1.0.0"),
        ("connection", "Keep-Alive"),
    ],
    content_type: "application/scim+json; charset=utf-8",
    typed_delete: true,
    // Obeys Retry-After exactly, ten attempts (Okta's concept page on SCIM).
    patience: 10,
    stubbornness: 1,
    finds_again: true,
};

/// What an administrator maps.
pub(crate) const MAPPING: &[Attribute] = &[
    Attribute::UserName,
    Attribute::GivenName,
    Attribute::MiddleName,
    Attribute::FamilyName,
    Attribute::WorkEmail,
    Attribute::DisplayName,
    Attribute::Locale,
    Attribute::ExternalId,
    Attribute::Active,
    Attribute::Title,
    Attribute::Department,
    Attribute::EmployeeNumber,
];

const REFERENCE: &str = "Okta, SCIM 2.0 protocol reference";
const LOG: &str = "field log of an organisation's own Okta application, 2026";
const FORUM: &str = "devforum.okta.com thread 27262";
const GUIDE: &str = "Okta, SCIM guide of 2018, with raw messages";

static TEST: Kind = Kind {
    says: "Test Connector Configuration",
    sends: "GET /Users?startIndex=1&count=2",
    grade: Grade::Cap,
    source: LOG,
};
static TEST_GROUPS: Kind = Kind {
    says: "Test Connector Configuration, Import Groups ticked",
    sends: "GET /Groups?startIndex=1&count=100",
    grade: Grade::Doc,
    source: GUIDE,
};
static IMPORT: Kind = Kind {
    says: "Import, a page of 100",
    sends: "GET /Users?startIndex=1&count=100",
    grade: Grade::Doc,
    source: REFERENCE,
};
static LOOK_UP: Kind = Kind {
    says: "Is the person there already?",
    sends: "GET /Users?filter=userName%20eq%20\"…\"&startIndex=1&count=100",
    grade: Grade::Cap,
    source: LOG,
};
static LOOK_UP_EMAIL: Kind = Kind {
    says: "With --identifier email: userName is compared with the address",
    sends: "GET /Users?filter=userName%20eq%20\"address\"&startIndex=1&count=100",
    grade: Grade::Doc,
    source: REFERENCE,
};
static LOOK_UP_EMAIL_EQ: Kind = Kind {
    says: "With --identifier email-eq: the name that the field of the form has",
    sends: "GET /Users?filter=email%20eq%20\"address\"&startIndex=1&count=100",
    grade: Grade::Inferred,
    source: "the field is free text, guides say to type email; no capture shows the filter",
};
static LOOK_UP_EMAILS_EQ: Kind = Kind {
    says: "With --identifier emails-eq: as an old page has it",
    sends: "GET /Users?filter=emails%20eq%20\"address\"&startIndex=1&count=100",
    grade: Grade::Doc,
    source: "Okta, page of the SCIM beta",
};
static CREATE: Kind = Kind {
    says: "The person is created, with groups and a placeholder password",
    sends: "POST /Users",
    grade: Grade::Cap,
    source: LOG,
};
static READ: Kind = Kind {
    says: "The person is read before a change",
    sends: "GET /Users/{id}",
    grade: Grade::Cap,
    source: LOG,
};
static WRITE: Kind = Kind {
    says: "The person is written back whole, id, meta and groups included",
    sends: "PUT /Users/{id}",
    grade: Grade::Cap,
    source: LOG,
};
static WRITE_AGAIN: Kind = Kind {
    says: "Assigned again: the profile follows within seconds",
    sends: "PUT /Users/{id}",
    grade: Grade::Cap,
    source: FORUM,
};
static PASSWORD: Kind = Kind {
    says: "A password is pushed",
    sends: "PUT /Users/{id} with password",
    grade: Grade::Doc,
    source: REFERENCE,
};
static PATCH_PASSWORD: Kind = Kind {
    says: "A password is pushed",
    sends: "PATCH /Users/{id} [replace {password}]",
    grade: Grade::Inferred,
    source: "the reference says PATCH and shows no body",
};
static PATCH_ACTIVE: Kind = Kind {
    says: "The person is activated or deactivated, without a path",
    sends: "PATCH /Users/{id} [replace {active}]",
    grade: Grade::Doc,
    source: REFERENCE,
};
static TEAM_LOOK_UP: Kind = Kind {
    says: "Is the team there already?",
    sends: "GET /Groups?filter=displayName%20eq%20\"…\"&startIndex=1&count=100",
    grade: Grade::Cap,
    source: LOG,
};
static TEAM_CREATE: Kind = Kind {
    says: "The team is created; members carry value and display alone",
    sends: "POST /Groups",
    grade: Grade::Doc,
    source: REFERENCE,
};
static TEAM_READ: Kind = Kind {
    says: "The team is read",
    sends: "GET /Groups/{id}",
    grade: Grade::Cap,
    source: LOG,
};
static TEAM_WRITE: Kind = Kind {
    says: "The team is written whole, with all members",
    sends: "PUT /Groups/{id}",
    grade: Grade::Doc,
    source: REFERENCE,
};
static TEAM_PATCH: Kind = Kind {
    says: "Members leave one by one and join in one operation; up to 100 changes a request",
    sends: "PATCH /Groups/{id} [remove members[value eq \"…\"]…, add members […]]",
    grade: Grade::Doc,
    source: REFERENCE,
};
static TEAM_RENAME: Kind = Kind {
    says: "The name, with the read-only id; also sent with each membership update",
    sends: "PATCH /Groups/{id} [replace {id, displayName}]",
    grade: Grade::Doc,
    source: REFERENCE,
};
static TEAM_REPLACE: Kind = Kind {
    says: "Push Now: all members are replaced",
    sends: "PATCH /Groups/{id} [replace members […]]",
    grade: Grade::Doc,
    source: REFERENCE,
};
static TEAM_DELETE: Kind = Kind {
    says: "Unlinked and deleted in the target; a Content-Type without a body",
    sends: "DELETE /Groups/{id}",
    grade: Grade::Doc,
    source: GUIDE,
};

/// One of Okta's two ways.
#[derive(Debug)]
pub(crate) struct Okta {
    /// An application of the catalogue.
    pub(crate) patches: bool,
    pub(crate) identifier: LookUp,
    /// Whether people are given roles and entitlements.
    pub(crate) entitled: bool,
    pub(crate) mapping: &'static [Attribute],
}

/// The most changes in one PATCH; the application's publisher sets 100 to 1,000.
const BATCH: usize = 100;

impl Okta {
    pub(super) fn kinds(&self) -> Vec<&'static Kind> {
        let both = [
            &TEST,
            &TEST_GROUPS,
            &IMPORT,
            &LOOK_UP,
            &CREATE,
            &READ,
            &WRITE,
        ];
        let groups = [&TEAM_LOOK_UP, &TEAM_CREATE];
        let rest: &[&Kind] = if self.patches {
            &[
                &PATCH_ACTIVE,
                &PATCH_PASSWORD,
                &TEAM_PATCH,
                &TEAM_RENAME,
                &TEAM_REPLACE,
                &TEAM_DELETE,
            ]
        } else {
            &[
                &WRITE_AGAIN,
                &PASSWORD,
                &TEAM_READ,
                &TEAM_WRITE,
                &TEAM_DELETE,
            ]
        };
        let chosen = [
            &LOOK_UP_EMAIL,
            &LOOK_UP_EMAIL_EQ,
            &LOOK_UP_EMAILS_EQ,
            &RESOURCE_TYPES,
            &SCHEMAS,
            &GRANTABLE,
            &GRANTABLE_TEST,
            &CREATE_ENTITLED,
            &WRITE_ENTITLED,
        ];
        let always = both.iter().chain(&groups).chain(rest);
        always.chain(&chosen).copied().collect()
    }

    pub(super) async fn test(&self, wire: &Wire<'_>) -> Sent<()> {
        let query = |query: &str| Some(query.to_owned());
        wire.get(&TEST, "/Users".to_owned(), query("startIndex=1&count=2"))
            .await?;
        wire.get(
            &TEST_GROUPS,
            "/Groups".to_owned(),
            query("startIndex=1&count=100"),
        )
        .await?;
        Ok(())
    }

    /// Reads page by page until `totalResults`.
    pub(super) async fn import(&self, wire: &Wire<'_>) -> Sent<()> {
        let mut start = 1;
        loop {
            let query = format!("startIndex={start}&count=100");
            let page = wire.get(&IMPORT, "/Users".to_owned(), Some(query)).await?;
            start += 100;
            if start > page["totalResults"].as_u64().unwrap_or(0) {
                return Ok(());
            }
        }
    }

    pub(super) async fn join(&self, wire: &Wire<'_>, person: &Person) -> Sent<Joined> {
        let (kind, attribute, value) = match self.identifier {
            LookUp::Email => (&LOOK_UP_EMAIL, "userName", &person.email),
            LookUp::EmailEq => (&LOOK_UP_EMAIL_EQ, "email", &person.email),
            LookUp::EmailsEq => (&LOOK_UP_EMAILS_EQ, "emails", &person.email),
            _ => (&LOOK_UP, "userName", &person.user_name),
        };
        let query = look_up(attribute, value);
        let found = wire.get(kind, "/Users".to_owned(), Some(query)).await?;
        let Some(found) = single(kind, &found)? else {
            let id = self.create(wire, person).await?;
            return Ok(Joined { id, matched: false });
        };
        let id = found["id"].as_str().unwrap_or_default().to_owned();
        // Only somebody who was assigned before is inactive.
        if found["active"] == false {
            if self.patches {
                activate(wire, &id, true).await?;
            } else {
                self.write(wire, &WRITE, &id, person, None).await?;
                self.write(wire, &WRITE_AGAIN, &id, person, None).await?;
                return Ok(Joined { id, matched: true });
            }
        }
        self.write(wire, &WRITE, &id, person, None).await?;
        Ok(Joined { id, matched: true })
    }

    pub(super) async fn create(&self, wire: &Wire<'_>, person: &Person) -> Sent<String> {
        let mut body = person::user(person, self.mapping);
        body["groups"] = json!([]);
        // A placeholder, also where passwords are not pushed.
        body["password"] = "1mz050nq".into();
        if self.entitled {
            entitle(&mut body, person);
            return wire.post(&CREATE_ENTITLED, "/Users", &body).await;
        }
        wire.post(&CREATE, "/Users", &body).await
    }

    /// What GET gives, with the mapped attributes overwritten.
    async fn write(
        &self,
        wire: &Wire<'_>,
        kind: &'static Kind,
        id: &str,
        person: &Person,
        password: Option<&str>,
    ) -> Sent<()> {
        let mut body = wire.get(&READ, user(id), None).await?;
        person::merge(&mut body, person, self.mapping);
        if let Some(password) = password {
            body["password"] = password.into();
        }
        let mut kind = kind;
        if self.entitled {
            entitle(&mut body, person);
            if *kind == WRITE {
                kind = &WRITE_ENTITLED;
            }
        }
        wire.put(kind, user(id), None, &body).await
    }

    pub(super) async fn update(&self, wire: &Wire<'_>, id: &str, person: &Person) -> Sent<()> {
        self.write(wire, &WRITE, id, person, None).await
    }

    pub(super) async fn leave(&self, wire: &Wire<'_>, id: &str, person: &Person) -> Sent<()> {
        if self.patches {
            return activate(wire, id, false).await;
        }
        self.write(wire, &WRITE, id, person, None).await
    }

    pub(super) async fn password(&self, wire: &Wire<'_>, id: &str, person: &Person) -> Sent<()> {
        let password = "N3w-Passw0rd";
        if self.patches {
            let replace = json!([{"op": "replace", "value": {"password": password}}]);
            return wire.patch(&PATCH_PASSWORD, user(id), replace).await;
        }
        self.write(wire, &PASSWORD, id, person, Some(password))
            .await
    }

    pub(super) async fn push(&self, wire: &Wire<'_>, team: &TeamCall) -> Sent<String> {
        let query = look_up("displayName", &team.name);
        let found = wire
            .get(&TEAM_LOOK_UP, "/Groups".to_owned(), Some(query))
            .await?;
        let found = single(&TEAM_LOOK_UP, &found)?;
        let found = found.and_then(|found| found["id"].as_str());
        if self.patches {
            return match found {
                Some(id) => {
                    replace_members(wire, id, &team.members).await?;
                    Ok(id.to_owned())
                }
                None => {
                    let body = whole(None, &team.name, &[]);
                    let id = wire.post(&TEAM_CREATE, "/Groups", &body).await?;
                    patch_members(wire, &id, &team.members, &[]).await?;
                    Ok(id)
                }
            };
        }
        let id = match found {
            Some(id) => id.to_owned(),
            None => {
                let body = whole(None, &team.name, &team.members);
                wire.post(&TEAM_CREATE, "/Groups", &body).await?
            }
        };
        wire.get(&TEAM_READ, group(&id), None).await?;
        let body = whole(Some(&id), &team.name, &team.members);
        wire.put(&TEAM_WRITE, group(&id), None, &body).await?;
        Ok(id)
    }

    pub(super) async fn members(
        &self,
        wire: &Wire<'_>,
        id: &str,
        team: &TeamCall,
        add: &[Member],
        remove: &[Member],
    ) -> Sent<()> {
        if !self.patches {
            return self.write_team(wire, id, team).await;
        }
        patch_members(wire, id, add, remove).await?;
        rename(wire, id, &team.name).await
    }

    pub(super) async fn rename(&self, wire: &Wire<'_>, id: &str, team: &TeamCall) -> Sent<()> {
        if self.patches {
            return rename(wire, id, &team.name).await;
        }
        self.write_team(wire, id, team).await
    }

    pub(super) async fn push_now(&self, wire: &Wire<'_>, id: &str, team: &TeamCall) -> Sent<()> {
        if self.patches {
            return replace_members(wire, id, &team.members).await;
        }
        self.write_team(wire, id, team).await
    }

    async fn write_team(&self, wire: &Wire<'_>, id: &str, team: &TeamCall) -> Sent<()> {
        wire.get(&TEAM_READ, group(id), None).await?;
        let body = whole(None, &team.name, &team.members);
        wire.put(&TEAM_WRITE, group(id), None, &body).await
    }

    pub(super) async fn delete_team(&self, wire: &Wire<'_>, id: &str) -> Sent<()> {
        wire.delete(&TEAM_DELETE, group(id)).await
    }
}

fn look_up(attribute: &str, value: &str) -> String {
    let filter = format!("{attribute} eq {}", Value::from(value));
    format!("filter={}&startIndex=1&count=100", segment(&filter))
}

async fn activate(wire: &Wire<'_>, id: &str, active: bool) -> Sent<()> {
    let replace = json!([{"op": "replace", "value": {"active": active}}]);
    wire.patch(&PATCH_ACTIVE, user(id), replace).await
}

async fn rename(wire: &Wire<'_>, id: &str, name: &str) -> Sent<()> {
    let replace = json!([{"op": "replace", "value": {"id": id, "displayName": name}}]);
    wire.patch(&TEAM_RENAME, group(id), replace).await
}

fn refs(members: &[Member]) -> Vec<Value> {
    let members = members.iter();
    members
        .map(|member| json!({"value": member.id, "display": member.user_name}))
        .collect()
}

/// A whole team, as Okta's samples show one.
fn whole(id: Option<&str>, name: &str, members: &[Member]) -> Value {
    let mut team = json!({"schemas": [GROUP], "displayName": name, "members": refs(members)});
    if let Some(id) = id {
        team["id"] = id.into();
    }
    team
}

async fn patch_members(wire: &Wire<'_>, id: &str, add: &[Member], remove: &[Member]) -> Sent<()> {
    let changes: Vec<(&Member, bool)> = remove
        .iter()
        .map(|member| (member, false))
        .chain(add.iter().map(|member| (member, true)))
        .collect();
    for batch in changes.chunks(BATCH) {
        let mut operations = Vec::new();
        let mut joining = Vec::new();
        for (member, joins) in batch {
            if *joins {
                joining.push((*member).clone());
            } else {
                let path = format!("members[value eq \"{}\"]", member.id);
                operations.push(json!({"op": "remove", "path": path}));
            }
        }
        if !joining.is_empty() {
            operations.push(json!({"op": "add", "path": "members", "value": refs(&joining)}));
        }
        wire.patch(&TEAM_PATCH, group(id), operations.into())
            .await?;
    }
    Ok(())
}

/// All members at once as far as a batch goes; what is more follows.
async fn replace_members(wire: &Wire<'_>, id: &str, members: &[Member]) -> Sent<()> {
    let (first, more) = members.split_at(members.len().min(BATCH));
    let replace = json!([{"op": "replace", "path": "members", "value": refs(first)}]);
    wire.patch(&TEAM_REPLACE, group(id), replace).await?;
    patch_members(wire, id, more, &[]).await
}
