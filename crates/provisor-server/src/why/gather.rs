//! Where the facts about a name are read, for the command line and the console alike.

use std::collections::HashSet;

use provisor_store::{
    Connection, Event, Id, Identifier, PageStart, Search, Snapshot, StoreError, Stored, TenantId,
    log::{LogFilter, LogReader, Logged, Seen, Window, mask_word},
};
use scim::{
    Fired, Profile, Value,
    filter::{Expression, Limits},
};

use super::{Facts, Verdict};
use crate::app_view;

/// Requests and events that are looked at.
const LOOKED_AT: usize = 100;
/// Users that one name in the log leads to.
const FOLLOWED: usize = 10;
/// How people name users: in this order.
const NAMES: [&str; 3] = ["userName", "emails.value", "externalId"];

/// What was read about a name: what [`Facts`] borrows from.
#[derive(Debug, Default)]
pub struct Gathered {
    /// As it was asked for.
    pub name: String,
    /// The user's userName, if the directory does not know the user by `name` and only the log does.
    pub called: Option<String>,
    /// The user with this name.
    pub user: Option<Stored>,
    /// The deleted user with this name, and when it was deleted.
    pub tombstone: Option<(Stored, i64)>,
    /// Events of that user, newest first.
    pub events: Vec<Event>,
    /// Events of teams that took the user in or let the user go, newest first.
    pub memberships: Vec<Event>,
    /// The tenant's connections.
    pub connections: Vec<Connection>,
    /// What the sync log says; `None` if there is none.
    pub log: Option<Log>,
}

/// What the sync log says about a name.
#[derive(Debug)]
pub struct Log {
    /// Requests that name it, newest first.
    pub requests: Vec<Logged>,
    /// When requests spoke of it.
    pub seen: Option<Seen>,
    /// What the log speaks for.
    pub window: Window,
    /// When the tenant's last request arrived.
    pub last_request: Option<i64>,
}

/// Users with this id, userName, e-mail or externalId: at most two, by the first that anybody has.
///
/// # Errors
/// Whatever the store says.
pub async fn users_called(
    snapshot: &mut dyn Snapshot,
    tenant: TenantId,
    name: &str,
) -> Result<Vec<Stored>, StoreError> {
    let name = name.trim();
    let kind = snapshot.registry(tenant).await?.user().clone();
    if let Ok(id) = name.parse::<Id>() {
        let found = snapshot.get(tenant, &kind, id, true, false).await?;
        return Ok(found.into_iter().collect());
    }
    for attribute in NAMES {
        let text = format!("{attribute} eq {}", Value::from(name));
        let filter = Expression::parse(&text, &Limits::default()).and_then(|expression| {
            expression.resolve(&kind, &Profile::GENERIC, &mut Fired::default())
        });
        // A name that no filter can hold, since it is too long, is nobody's.
        let Ok(filter) = filter else { continue };
        let search = Search {
            types: vec![(kind.clone(), Some(filter))],
            sort: vec![None],
            start: PageStart::Index(1),
            count: 2,
            teams: true,
            members: false,
            identifier: Identifier::UserName,
            token: None,
            fingerprint: String::new(),
        };
        if let Ok(page) = snapshot.search(tenant, &search).await?
            && !page.resources.is_empty()
        {
            return Ok(page.resources);
        }
    }
    Ok(Vec::new())
}

impl Gathered {
    /// Reads the directory's part. `user` is the user with this name, if there is one.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn read(
        snapshot: &mut dyn Snapshot,
        tenant: TenantId,
        name: &str,
        user: Option<Stored>,
    ) -> Result<Self, StoreError> {
        let tombstone = match (&user, name.parse::<Id>()) {
            (Some(_), _) => None,
            (None, Ok(id)) => snapshot.tombstone(tenant, Some(id), None).await?,
            (None, Err(_)) => snapshot.tombstone(tenant, None, Some(name)).await?,
        };
        let tombstone = tombstone.filter(|(stored, _)| stored.kind.is_user());
        let known = user.as_ref().or(tombstone.as_ref().map(|(user, _)| user));
        let (events, memberships) = match known.map(|stored| stored.id) {
            Some(id) => (
                snapshot.events_of(tenant, id, LOOKED_AT).await?,
                snapshot.membership_events(tenant, id, LOOKED_AT).await?,
            ),
            None => Default::default(),
        };
        Ok(Self {
            name: name.to_owned(),
            called: None,
            events,
            memberships,
            connections: snapshot.connections(tenant).await?,
            log: None,
            user,
            tombstone,
        })
    }

    /// The user, in the directory or deleted.
    pub fn known(&self) -> Option<&Stored> {
        let deleted = self.tombstone.as_ref().map(|(stored, _)| stored);
        self.user.as_ref().or(deleted)
    }

    /// Reads the sync log's part. Blocks on the disk.
    ///
    /// # Errors
    /// Whatever the log says.
    pub fn read_log(&mut self, log: &LogReader, tenant: TenantId) -> Result<(), StoreError> {
        self.log = Some(Log::read(log, tenant, &self.names())?);
        Ok(())
    }

    /// Whom the directory does not know by this name, the log may: somebody renamed since, a
    /// deleted user's e-mail, or several who are displayed alike. Each is an answer of its own, the
    /// newest first, at most ten; its part of the log is still to be read, since a user has other
    /// names besides. Nobody if the directory knew.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn follow_log(
        &self,
        snapshot: &mut dyn Snapshot,
        tenant: TenantId,
    ) -> Result<Vec<Self>, StoreError> {
        let mut found = Vec::new();
        if self.known().is_some() {
            return Ok(found);
        }
        let kind = snapshot.registry(tenant).await?.user().clone();
        let requests = self.log.iter().flat_map(|log| &log.requests);
        let written = requests
            .map(|logged| &logged.entry)
            .filter(|entry| entry.operation.is_write() && entry.status < 400);
        let mut asked = HashSet::new();
        for id in written.filter_map(|entry| entry.resource) {
            if !asked.insert(id) {
                continue;
            }
            let user = snapshot.get(tenant, &kind, id, true, false).await?;
            let one = Self::read(snapshot, tenant, &id.to_string(), user).await?;
            let Some(known) = one.known() else { continue };
            let called = app_view::resource(known)["user_name"]
                .as_str()
                .map(str::to_owned);
            found.push(Self {
                name: self.name.clone(),
                called,
                ..one
            });
            if found.len() == FOLLOWED {
                break;
            }
        }
        Ok(found)
    }

    /// Everything a request may have called the user.
    fn names(&self) -> Vec<String> {
        let mut names = vec![self.name.clone()];
        if let Some(stored) = self.known() {
            let view = app_view::resource(stored);
            let fields = ["id", "user_name", "email", "external_id"];
            let fields = fields.iter().filter_map(|field| view.get(field)?.as_str());
            names.extend(fields.filter(|text| !text.is_empty()).map(str::to_owned));
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Masks the personal values in what the verdict tells, for who may not see them; `shown` is
    /// said instead of the name.
    pub fn mask(&mut self, shown: String) {
        self.name = shown;
        self.called = self.called.as_deref().map(mask_word);
        if let Some(log) = &mut self.log {
            let requests = std::mem::take(&mut log.requests);
            let masked = requests.into_iter().map(|logged| Logged {
                entry: logged.entry.masked(),
                ..logged
            });
            log.requests = masked.collect();
        }
    }

    /// As the verdict asks for them.
    pub fn facts(&self) -> Facts<'_> {
        let log = self.log.as_ref();
        Facts {
            name: &self.name,
            called: self.called.as_deref(),
            user: self.user.as_ref(),
            tombstone: self.tombstone.as_ref().map(|(stored, at)| (stored, *at)),
            events: &self.events,
            requests: log.map_or(&[], |log| &log.requests),
            seen: log.and_then(|log| log.seen),
            window: log.map(|log| &log.window),
            last_request: log.and_then(|log| log.last_request),
            connections: &self.connections,
        }
    }

    /// Decides.
    pub fn verdict(&self) -> Verdict {
        Verdict::of(&self.facts())
    }
}

impl Log {
    fn read(log: &LogReader, tenant: TenantId, names: &[String]) -> Result<Self, StoreError> {
        let mut requests = Vec::new();
        let mut seen: Option<Seen> = None;
        for name in names {
            let named = log.by_name(tenant, name, LOOKED_AT)?;
            let found = match named.is_empty() {
                true => log.counted_name(tenant, name)?,
                false => log.seen(tenant, name)?,
            };
            requests.extend(named);
            seen = match (seen, found) {
                (Some(a), Some(b)) => Some(Seen {
                    first: a.first.min(b.first),
                    last: a.last.max(b.last),
                    // One request may carry several of the names.
                    count: a.count.max(b.count),
                }),
                (a, b) => a.or(b),
            };
        }
        requests.sort_by_key(|logged| std::cmp::Reverse(logged.place()));
        requests.dedup_by_key(|logged| logged.id);
        let last = log.entries(&LogFilter {
            tenant: Some(tenant),
            limit: 1,
            ..LogFilter::default()
        })?;
        Ok(Self {
            requests,
            seen,
            window: log.window(tenant)?,
            last_request: last.first().map(|logged| logged.entry.at),
        })
    }
}
