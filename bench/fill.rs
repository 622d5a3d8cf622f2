//! Fills a new database and its sync log for `bench/pages`, through the store's own doors, and
//! prints what the pages are then asked for:
//!
//! `fill DATABASE LOG USERS ENTRIES` makes 25 tenants with a connection each, in the first of them
//! USERS users and 300 teams, one with a tenth of the users as members, and ENTRIES requests in the
//! log, spread over five days until now: of every ten, eight in the first tenant; mostly changes
//! that succeeded, one in twelve refused for one of many reasons, deletions and requests with a
//! revoked token rare.

use std::{
    error::Error,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use provisor_store::{
    Actor, Cause, Change, Clock, Connection, Id, LogSettings, Origin, Outcome, PeopleChange,
    RequestId, Role, Scope, Store, SyncLog, TenantId, TokenId, TokenKind,
    change::{ConnectionSettings, NewToken},
    log::{Entry, Operation},
    sqlite::{SqliteSettings, SqliteStore},
};
use scim::{Fired, Map, Profile, ResourceType, Value};
use serde_json::json;

type Answer<T> = Result<T, Box<dyn Error>>;

const DAY: i64 = 86_400_000;
const TENANTS: usize = 25;
const TEAMS: usize = 300;
/// Changes of one transaction.
const BATCH: usize = 100;
/// Entries that wait for the log's writer at most.
const WAITING: usize = 5_000;

const GIVEN: [&str; 48] = [
    "Aisha", "Alice", "Amir", "Ana", "Anna", "Ben", "Bianca", "Carlos", "Chen", "Chloé", "Daniel",
    "Diego", "Elena", "Emma", "Erik", "Fatima", "Felix", "Gabriel", "Grace", "Hannah", "Hugo",
    "Ines", "Ivan", "Jamal", "James", "Jonas", "José", "Julia", "Kai", "Kenji", "Lars", "Lena",
    "Liam", "Lucía", "Maria", "Mei", "Mohammed", "Nadia", "Noah", "Olga", "Omar", "Paul", "Priya",
    "Sam", "Sofia", "Tom", "Yuki", "Zoë",
];
const SYLLABLES: [&str; 30] = [
    "an", "ber", "bo", "chi", "da", "der", "el", "fer", "gar", "gu", "hal", "in", "ka", "ler",
    "lo", "ma", "men", "mo", "nak", "or", "pe", "ra", "ri", "san", "sen", "ta", "tiz", "ven",
    "wal", "zu",
];

/// One thing after the other, always the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

struct Filler {
    store: SqliteStore,
    now: Arc<AtomicI64>,
}

/// A tenant with what its requests come through.
struct Place {
    tenant: TenantId,
    connection: Connection,
    token: TokenId,
    revoked: TokenId,
}

impl Filler {
    async fn write(&self, tenant: TenantId, change: Change) -> Answer<Outcome> {
        let origin = Origin {
            tenant,
            request: RequestId::random(),
            actor: Actor::System,
            address: None,
        };
        let outcome = self.store.write(origin, change).await;
        outcome.map_err(|error| format!("{error:?}").into())
    }

    async fn place(&self, number: usize) -> Answer<Place> {
        let (key, name) = match number {
            0 => ("acme".to_owned(), "Acme Corporation".to_owned()),
            _ => (
                format!("customer-{number:02}"),
                format!("Customer {number}"),
            ),
        };
        let made = self.write(TenantId::SYSTEM, Change::CreateTenant { key, name });
        let Outcome::Tenant(tenant) = made.await? else {
            return Err("no tenant".into());
        };
        let settings = ConnectionSettings {
            name: Some("Okta".to_owned()),
            idp: Some("okta".to_owned()),
            profile: Some("okta".to_owned()),
            ..ConnectionSettings::default()
        };
        let made = self.write(tenant.id, Change::CreateConnection(settings));
        let Outcome::Connection(connection) = made.await? else {
            return Err("no connection".into());
        };
        let mut tokens = Vec::new();
        for purpose in ["Okta", "Okta, old"] {
            let new = NewToken {
                connection: Some(connection.id),
                purpose: purpose.to_owned(),
                scopes: [Scope::Scim].into_iter().collect(),
                kind: TokenKind::Scim,
                expires: None,
                addresses: Vec::new(),
            };
            let Outcome::Token(token, _) = self.write(tenant.id, Change::CreateToken(new)).await?
            else {
                return Err("no token".into());
            };
            tokens.push(token.id);
        }
        let (token, revoked) = (tokens[0], tokens[1]);
        self.write(tenant.id, Change::RevokeToken { id: revoked })
            .await?;
        Ok(Place {
            tenant: tenant.id,
            connection,
            token,
            revoked,
        })
    }

    /// Creates these, in as many transactions as it takes.
    async fn create(
        &self,
        tenant: TenantId,
        kind: &Arc<ResourceType>,
        bodies: Vec<Value>,
    ) -> Answer<Vec<Id>> {
        let mut ids = Vec::with_capacity(bodies.len());
        for bodies in bodies.chunks(BATCH) {
            let mut changes = Vec::new();
            for body in bodies {
                let body: Map<String, Value> = body.as_object().cloned().unwrap_or_default();
                let incoming =
                    scim::resource::read(kind, body, &Profile::GENERIC, &mut Fired::default())?;
                let kind = kind.clone();
                changes.push(Change::Create { kind, incoming });
            }
            let several = Change::Several {
                changes,
                stop_after: None,
            };
            let Outcome::Several(made) = self.write(tenant, several).await? else {
                return Err("not several".into());
            };
            for one in made {
                match one {
                    Ok(Outcome::Resource(written)) => ids.push(written.stored.id),
                    other => return Err(format!("{other:?}").into()),
                }
            }
            self.now.fetch_add(1_000, Relaxed);
        }
        Ok(ids)
    }
}

fn person(number: usize) -> Value {
    let mut dice = Dice(number as u64 * 7 + 3);
    let given = GIVEN[dice.below(GIVEN.len())];
    let mut family = String::new();
    for _ in 0..2 + dice.below(2) {
        family.push_str(SYLLABLES[dice.below(SYLLABLES.len())]);
    }
    let family = family[..1].to_uppercase() + &family[1..];
    let plain: String = given.chars().filter(char::is_ascii).collect();
    let name = format!("{plain}.{family}{number}@acme.example.com").to_lowercase();
    let department = ["Support", "Sales", "Research", "Finance", "Operations"][dice.below(5)];
    json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        ],
        "externalId": format!("00u{number:012}"),
        "userName": name,
        "name": { "givenName": given, "familyName": family, "formatted": format!("{given} {family}") },
        "displayName": format!("{given} {family}"),
        "title": "Engineer", "locale": "en-US", "timezone": "Europe/Berlin",
        "active": !number.is_multiple_of(50),
        "emails": [{ "value": name, "type": "work", "primary": true }],
        "phoneNumbers": [{ "value": format!("+49-30-{number:07}"), "type": "work" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
            { "employeeNumber": number.to_string(), "department": department },
    })
}

/// One request of the log.
fn entry(number: usize, at: i64, places: &[Place], users: &[Id], dice: &mut Dice) -> Entry {
    let in_first = dice.below(10) < 8;
    let place = &places[if in_first {
        0
    } else {
        dice.below(places.len())
    }];
    let user = dice.below(users.len());
    let about = (place.tenant == places[0].tenant).then(|| users[user]);
    let body = person(user);
    let name = body["userName"].as_str().unwrap_or_default().to_owned();
    let is_rare = number % 4_000 == 17;
    let is_strange = number % 5_000 == 23;
    let (operation, method, mut status) = match dice.below(20) {
        _ if is_rare => (Operation::Delete, "DELETE", 204),
        0..3 => (Operation::Create, "POST", 201),
        3..8 => (Operation::Replace, "PUT", 200),
        8..18 => (Operation::Patch, "PATCH", 200),
        18 => (Operation::Lookup, "GET", 200),
        _ => (Operation::Get, "GET", 200),
    };
    let mut refused = None;
    if is_strange {
        (status, refused) = (401, Some((Cause::TokenRevoked, "The token was revoked.")));
    } else if dice.below(12) == 0 {
        let (code, cause, detail) = match dice.below(60) {
            0..30 => (
                409,
                Cause::Uniqueness,
                "userName is already used by another user.",
            ),
            30..45 => (
                400,
                Cause::InvalidValue,
                "emails[0].value has 300 characters.",
            ),
            45..55 => (404, Cause::NotFound, "There is no User with this id."),
            55..59 => (
                400,
                Cause::DomainNotAllowed,
                "The domain is not one of the connection's.",
            ),
            _ => (
                412,
                Cause::VersionConflict,
                "The resource has changed meanwhile.",
            ),
        };
        (status, refused) = (code, Some((cause, detail)));
    }
    let sent = match operation {
        Operation::Create | Operation::Replace => body.to_string(),
        Operation::Patch => json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "path": "title", "value": "Lead" }],
        })
        .to_string(),
        _ => String::new(),
    };
    let answered = match status {
        204 => String::new(),
        200 | 201 => json!({ "id": about.map(|id| id.to_string()), "userName": name }).to_string(),
        _ => json!({ "status": status.to_string(), "detail": refused.map(|(_, detail)| detail) })
            .to_string(),
    };
    let query = match operation {
        Operation::Lookup => format!("filter=userName+eq+%22{name}%22"),
        _ => String::new(),
    };
    Entry {
        duration_us: 300 + dice.below(4_000) as u64 * (1 + u64::from(dice.below(100) == 0) * 20),
        tenant: Some(place.tenant),
        connection: (!is_strange).then_some(place.connection.id),
        token: Some(if is_strange {
            place.revoked
        } else {
            place.token
        }),
        client: "Okta SCIM Client 1.0.0".to_owned(),
        address: Some([192, 0, 2, 7].into()),
        method: method.to_owned(),
        path: match about {
            Some(id) if method != "POST" && query.is_empty() => format!("/scim/v2/Users/{id}"),
            _ => "/scim/v2/Users".to_owned(),
        },
        query,
        resource_type: Some("User".to_owned()),
        resource: about,
        cause: refused.map(|(cause, _)| cause),
        detail: refused.map_or(String::new(), |(_, detail)| detail.to_owned()),
        request_body: provisor_store::log::Body::new(sent.as_bytes(), 16 * 1024),
        response_body: provisor_store::log::Body::new(answered.as_bytes(), 16 * 1024),
        names: vec![name, about.map_or(String::new(), |id| id.to_string())],
        ..Entry::new(RequestId::random(), at, operation, status)
    }
}

#[tokio::main]
async fn main() -> Answer<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [database, log, users, entries] = &arguments[..] else {
        return Err("usage: fill DATABASE LOG USERS ENTRIES".into());
    };
    let (users, entries): (usize, usize) = (users.parse()?, entries.parse()?);
    let end = Clock::system().now();
    let begin = end - 5 * DAY;
    let now = Arc::new(AtomicI64::new(begin - DAY));
    let clock = {
        let now = now.clone();
        Clock::from_fn(move || now.load(Relaxed))
    };
    let store = SqliteStore::open(
        Path::new(database),
        SqliteSettings::default(),
        clock.clone(),
    )?;
    let filler = Filler {
        store,
        now: now.clone(),
    };
    let owner = PeopleChange::Add {
        email: "owner@example.com".to_owned(),
        name: "Owner".to_owned(),
        role: Role::Owner,
        tenants: None,
    };
    filler
        .write(TenantId::SYSTEM, Change::People(owner))
        .await?;
    let mut places = Vec::new();
    for number in 0..TENANTS {
        places.push(filler.place(number).await?);
    }
    let acme = places[0].tenant;
    let registry = filler.store.read().await?.registry(acme).await?;
    let people = (0..users).map(person).collect();
    let people = filler.create(acme, registry.user(), people).await?;
    let teams = (0..TEAMS).map(|number| {
        let size = match number {
            0 => users / 10,
            _ => 5 + number % 200,
        };
        let members = (0..size).map(|at| &people[(number * 977 + at * 10) % people.len()]);
        let members: Vec<Value> = members.map(|id| json!({ "value": id.to_string() })).collect();
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": format!("{} {number}", ["Everyone", "Support", "Sales", "Admins"][number % 4]),
            "members": members,
        })
    });
    let teams: Vec<Value> = teams.collect();
    let mut made = Vec::new();
    for team in teams {
        made.extend(filler.create(acme, registry.group(), vec![team]).await?);
    }
    filler.store.close();
    now.store(begin, Relaxed);
    let settings = LogSettings {
        max_bytes: 8 << 30,
        ..LogSettings::default()
    };
    let sync_log = SyncLog::open(Path::new(log), settings, clock)?;
    let mut dice = Dice(1);
    let mut strange = String::new();
    for number in 0..entries {
        let at = begin + 5 * DAY * number as i64 / entries as i64;
        now.store(at, Relaxed);
        let entry = entry(number, at, &places, &people, &mut dice);
        if number + 1_000 == entries {
            strange = entry.request.to_string();
        }
        sync_log.record(entry);
        if number % WAITING == 0 {
            sync_log.flush();
        }
    }
    sync_log.close();
    let stats = sync_log.stats();
    if stats.dropped > 0 {
        return Err(format!("the log dropped {} entries", stats.dropped).into());
    }
    let user = &people[people.len() / 2];
    println!(
        "{}",
        json!({
            "user": user.to_string(), "userName": person(people.len() / 2)["userName"],
            "team": made[0].to_string(), "small_team": made[7].to_string(),
            "connection": places[0].connection.id.0, "request": strange,
        })
    );
    Ok(())
}
