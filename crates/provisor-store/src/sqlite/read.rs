//! One request's view: a read transaction on a connection of the pool.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use scim::{Registry, ResourceType, Value, fold::fold};

use super::{
    Shared, caller,
    get::{self, Derived},
    lists, people, rows,
    scan::Stopped,
    search::{self, Query},
};
use crate::{
    AuditEntry, AuditQuery, Brief, Caller, ConnectionId, DeletedName, Denied, Event, Id,
    Identifier, Link, Look, Looked, MemberRef, Page, PageStart, PasswordHash, Person, PersonId,
    PlainToken, Refusal, Search, Secret, Session, Snapshot, StoreError, Stored, Tenant, TenantId,
    TokenQuery, TokenRecord, Totals, event::EventKind, people::Presence, record, search::Position,
};

/// A read transaction; ended and given back when dropped.
pub(super) struct View {
    shared: Arc<Shared>,
    connection: Option<Connection>,
}

/// Stops a scan whose request has gone.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

impl View {
    pub(super) fn begin(shared: Arc<Shared>) -> Result<Self, StoreError> {
        let connection = shared.reader()?;
        connection.prepare_cached("BEGIN")?.execute([])?;
        Ok(Self {
            shared,
            connection: Some(connection),
        })
    }

    pub(super) fn connection(&self) -> Result<&Connection, StoreError> {
        self.connection.as_ref().ok_or_else(|| {
            StoreError::Failed("a view was used after its scan was cancelled".into())
        })
    }

    fn events_where(
        &self,
        condition: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<Event>, StoreError> {
        let mut statement = self
            .connection()?
            .prepare_cached(&format!("SELECT {EVENT} FROM event {condition}"))?;
        let mut found = statement.query(values)?;
        let mut events = Vec::new();
        while let Some(row) = found.next()? {
            events.push(event(row)?);
        }
        Ok(events)
    }

    /// One event, and the one before it of the same resource.
    fn event_at(&self, tenant: TenantId, seq: i64) -> Result<Option<(Event, i64)>, StoreError> {
        let mut statement = self.connection()?.prepare_cached(&format!(
            "SELECT {EVENT}, previous FROM event WHERE tenant_id = ?1 AND seq = ?2"
        ))?;
        let mut found = statement.query(params![tenant.0, seq])?;
        match found.next()? {
            Some(row) => Ok(Some((event(row)?, row.get(13)?))),
            None => Ok(None),
        }
    }

    fn kinds(&self, tenant: TenantId) -> Result<Arc<caller::Kinds>, StoreError> {
        self.shared.callers.kinds(self.connection()?, tenant)
    }

    fn number(&self, tenant: TenantId, kind: &ResourceType) -> Result<Option<i64>, StoreError> {
        match rows::builtin_kind(&kind.name) {
            Some(number) => Ok(Some(number)),
            None => Ok(self.kinds(tenant)?.number(kind)),
        }
    }

    /// Runs a query here while it reads little, else beside the threads that serve others.
    async fn query<T: Send + 'static>(
        &mut self,
        tenant: TenantId,
        search: &Search,
        is_heavy: bool,
        run: impl Fn(&Query<'_>) -> Result<T, Stopped> + Send + 'static,
    ) -> Result<Result<T, Refusal>, StoreError> {
        let cancelled = Arc::<AtomicBool>::default();
        let ask =
            move |shared: &Shared, connection: &Connection, search: &Search, beside, cancelled| {
                run(&Query {
                    connection,
                    tenant,
                    search,
                    callers: &shared.callers,
                    boundaries: &shared.boundaries,
                    settings: shared.settings,
                    now: shared.clock.now(),
                    beside,
                    cancelled,
                })
            };
        if !is_heavy {
            let connection = self.connection()?;
            match ask(&self.shared, connection, search, false, cancelled.clone()) {
                Err(Stopped::Heavy) => {}
                result => return answer(result),
            }
        }
        let shared = self.shared.clone();
        let turn = match shared.scans.take(tenant).await {
            Ok(turn) => turn,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.shared.metrics.scans.fetch_add(1, Relaxed);
        let connection = self
            .connection
            .take()
            .ok_or_else(|| StoreError::Failed("a view was used twice at once".into()))?;
        let guard = CancelOnDrop(cancelled.clone());
        let search = search.clone();
        let work = tokio::task::spawn_blocking(move || {
            let result = ask(&shared, &connection, &search, true, cancelled);
            // Not before: a scan goes on for a moment when its request has gone.
            drop(turn);
            (connection, result)
        });
        let (connection, result) = work
            .await
            .map_err(|error| StoreError::Failed(format!("a scan ended early: {error}")))?;
        drop(guard);
        self.connection = Some(connection);
        answer(result)
    }

    fn tenant_where(&self, condition: &str, value: &str) -> Result<Option<Tenant>, StoreError> {
        Ok(self
            .connection()?
            .prepare_cached(&format!(
                "SELECT {} FROM tenant WHERE state < 2 AND {condition} = ?1",
                caller::TENANT
            ))?
            .query_row([value], caller::tenant)
            .optional()?)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let ended = connection
                .prepare_cached("COMMIT")
                .and_then(|mut commit| commit.execute([]));
            // A connection that cannot end its transaction is not used again.
            if ended.is_ok() {
                self.shared.give_back(connection);
            }
        }
    }
}

/// Columns that [`event`] reads, in its order.
const EVENT: &str = "tenant_id, seq, kind, type, resource, at, doc, app_id, detail, request, \
                     connection, token, actor";

fn answer<T>(result: Result<T, Stopped>) -> Result<Result<T, Refusal>, StoreError> {
    match result {
        Ok(page) => Ok(Ok(page)),
        Err(Stopped::Refused(refusal)) => Ok(Err(refusal)),
        Err(Stopped::Failed(error)) => Err(error),
        Err(Stopped::Heavy) => Err(StoreError::Failed(
            "a search that runs beside others asked for just that".into(),
        )),
    }
}

fn event(row: &Row<'_>) -> Result<Event, StoreError> {
    let damaged = |error: serde_json::Error| StoreError::Corrupt(format!("an event: {error}"));
    let document = rows::bytes(row.get_ref(6)?);
    let document = document
        .map(|doc| serde_json::from_slice(&doc))
        .transpose()
        .map_err(damaged)?;
    let detail: String = row.get(8)?;
    let kind = usize::try_from(row.get::<_, i64>(2)?)
        .ok()
        .and_then(|number| EventKind::ALL.get(number))
        .ok_or_else(|| StoreError::Corrupt("an event of unknown kind".into()))?;
    Ok(Event {
        tenant: TenantId(row.get(0)?),
        seq: row.get(1)?,
        kind: *kind,
        resource_type: row.get(3)?,
        resource: Id(row.get(4)?),
        at: row.get(5)?,
        document,
        app_id: row.get(7)?,
        detail: serde_json::from_str(&detail).map_err(damaged)?,
        request: crate::RequestId(row.get(9)?).to_string(),
        connection: row.get(10)?,
        token: row
            .get::<_, Option<i64>>(11)?
            .map(|token| format!("tok_{token}")),
        actor: row.get(12)?,
    })
}

#[async_trait]
impl Snapshot for View {
    async fn caller(
        &mut self,
        token: &PlainToken,
        address: Option<IpAddr>,
    ) -> Result<Result<Arc<Caller>, Denied>, StoreError> {
        let now = self.shared.clock.now();
        self.shared
            .callers
            .caller(self.connection()?, token, address, now)
    }

    async fn get(
        &mut self,
        tenant: TenantId,
        kind: &Arc<ResourceType>,
        id: Id,
        teams: bool,
        members: bool,
    ) -> Result<Option<Stored>, StoreError> {
        let Some(number) = self.number(tenant, kind)? else {
            return Ok(None);
        };
        let connection = self.connection()?;
        match get::resource(connection, tenant, number, id)? {
            Some(row) => {
                let derived = Derived { teams, members };
                get::stored(connection, tenant, kind, row, derived).map(Some)
            }
            None => Ok(None),
        }
    }

    async fn search(
        &mut self,
        tenant: TenantId,
        search: &Search,
    ) -> Result<Result<Page, Refusal>, StoreError> {
        let is_heavy = search::is_heavy(search);
        self.query(tenant, search, is_heavy, |query| query.run())
            .await
    }

    async fn look(
        &mut self,
        tenant: TenantId,
        look: &Look,
    ) -> Result<Result<Looked, Refusal>, StoreError> {
        let start = match look.after {
            Some(id) => PageStart::After(Position {
                id,
                sorted_by: None,
            }),
            None => PageStart::Index(1),
        };
        let search = Search {
            types: vec![(look.kind.clone(), look.filter.clone())],
            sort: Vec::new(),
            start,
            count: look.count,
            teams: false,
            members: false,
            identifier: Identifier::UserName,
            token: None,
            fingerprint: String::new(),
        };
        let most = look.most;
        self.query(tenant, &search, false, move |query| query.look(most))
            .await
    }

    async fn members(
        &mut self,
        tenant: TenantId,
        team: Id,
        after: Option<Id>,
        limit: usize,
    ) -> Result<Option<Vec<MemberRef>>, StoreError> {
        let connection = self.connection()?;
        let Some(row) = get::resource(connection, tenant, rows::TEAM, team)? else {
            return Ok(None);
        };
        let after = match after {
            Some(id) => match get::row_number_ever(connection, tenant, id)? {
                Some(k) => k,
                None => get::row_number_before(connection, tenant, id)?,
            },
            None => 0,
        };
        get::members(connection, tenant, row.k, after, limit).map(Some)
    }

    async fn briefs(
        &mut self,
        tenant: TenantId,
        ids: &[Id],
    ) -> Result<HashMap<Id, Brief>, StoreError> {
        let connection = self.connection()?;
        let mut briefs = HashMap::new();
        for id in ids {
            if let Some(brief) = get::brief(connection, tenant, *id)? {
                briefs.insert(*id, brief);
            }
        }
        Ok(briefs)
    }

    async fn membership_events(
        &mut self,
        tenant: TenantId,
        member: Id,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let connection = self.connection()?;
        let Some(k) = get::row_number_ever(connection, tenant, member)? else {
            return Ok(Vec::new());
        };
        let mut events = Vec::new();
        for seq in get::membership_events(connection, tenant, k, limit)? {
            events.extend(self.event_at(tenant, seq)?.map(|(event, _)| event));
        }
        Ok(events)
    }

    async fn events(
        &mut self,
        tenant: TenantId,
        after: i64,
        limit: usize,
    ) -> Result<(Vec<Event>, i64), StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let events = self.events_where(
            "WHERE tenant_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
            params![tenant.0, after, limit],
        )?;
        let last = self
            .connection()?
            .prepare_cached("SELECT seq FROM tenant_tally WHERE tenant_id = ?1")?
            .query_row([tenant.0], |row| row.get(0))
            .optional()?;
        Ok((events, last.unwrap_or(0)))
    }

    async fn events_of(
        &mut self,
        tenant: TenantId,
        resource: Id,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let mut next = get::last_event(self.connection()?, tenant, resource)?;
        let mut events = Vec::new();
        while next != 0 && events.len() < limit {
            let (event, previous) = self
                .event_at(tenant, next)?
                .ok_or_else(|| StoreError::Corrupt(format!("the event {next} is missing")))?;
            events.push(event);
            next = previous;
        }
        Ok(events)
    }

    async fn tombstone(
        &mut self,
        tenant: TenantId,
        id: Option<Id>,
        user_name: Option<&str>,
    ) -> Result<Option<(Stored, i64)>, StoreError> {
        let connection = self.connection()?;
        let one = |condition: &str, value: rusqlite::types::ToSqlOutput<'_>| {
            let read = |row: &Row<'_>| -> rusqlite::Result<(_, i64, i64)> {
                Ok((
                    rows::resource(row)?,
                    row.get(rows::NEXT_COLUMN)?,
                    row.get(rows::NEXT_COLUMN + 1)?,
                ))
            };
            connection
                .prepare_cached(&format!(
                    "SELECT {}, deleted, kind FROM tombstone {condition} \
                     ORDER BY deleted DESC LIMIT 1",
                    rows::COLUMNS
                ))?
                .query_row(params![tenant.0, value], read)
                .optional()
        };
        let found = match (id, user_name) {
            (Some(id), _) => one("WHERE tenant_id = ?1 AND id = ?2", id.0.to_vec().into())?,
            (None, Some(name)) => one(
                "INDEXED BY tombstone_name WHERE tenant_id = ?1 AND kind = 1 AND name = ?2",
                fold(name).into_owned().into(),
            )?,
            (None, None) => None,
        };
        let Some((row, deleted, number)) = found else {
            return Ok(None);
        };
        let kinds = self.kinds(tenant)?;
        Ok(kinds
            .by_number(number)
            .map(|kind| (row.stored(kind), deleted)))
    }

    async fn deleted_users(
        &mut self,
        tenant: TenantId,
        name: DeletedName<'_>,
        after: Option<Id>,
        limit: usize,
    ) -> Result<Vec<(Stored, i64)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (contains, is) = match name {
            DeletedName::Any => (None, None),
            DeletedName::Contains(text) => (Some(fold(text)), None),
            DeletedName::Is(text) => (None, Some(fold(text))),
        };
        let kinds = self.kinds(tenant)?;
        let mut statement = self.connection()?.prepare_cached(&format!(
            "SELECT {}, deleted FROM tombstone \
             WHERE tenant_id = ?1 AND kind = ?2 AND id > ?3 \
               AND (?4 IS NULL OR instr(name, ?4) > 0) AND (?5 IS NULL OR name = ?5) \
             ORDER BY id LIMIT ?6",
            rows::COLUMNS
        ))?;
        let after = after.map_or(Vec::new(), |id| id.0.to_vec());
        let values = params![tenant.0, rows::USER, after, contains, is, limit];
        let read = |row: &Row<'_>| Ok((rows::resource(row)?, row.get(rows::NEXT_COLUMN)?));
        let found: Vec<(rows::Resource, i64)> = statement
            .query_map(values, read)?
            .collect::<Result<_, _>>()?;
        let users = found.into_iter().filter_map(|(row, deleted)| {
            let kind = kinds.by_number(rows::USER)?;
            Some((row.stored(kind), deleted))
        });
        Ok(users.collect())
    }

    async fn tenants(&mut self, after: &str, limit: usize) -> Result<Vec<Tenant>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement = self.connection()?.prepare_cached(&format!(
            "SELECT {} FROM tenant WHERE state < 2 AND key > ?1 ORDER BY key LIMIT ?2",
            caller::TENANT
        ))?;
        let found = statement.query_map(params![after, limit], caller::tenant)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    async fn tenant(&mut self, key: &str) -> Result<Option<Tenant>, StoreError> {
        self.tenant_where("key", key)
    }

    async fn tenant_by_slug(&mut self, slug: &str) -> Result<Option<Tenant>, StoreError> {
        self.tenant_where("slug", slug)
    }

    async fn connections(
        &mut self,
        tenant: TenantId,
    ) -> Result<Vec<record::Connection>, StoreError> {
        caller::connections(self.connection()?, tenant)
    }

    async fn tokens(&mut self, tenant: TenantId) -> Result<Vec<TokenRecord>, StoreError> {
        let mut statement = self.connection()?.prepare_cached(&format!(
            "SELECT {} FROM token t LEFT JOIN token_use u \
               ON u.tenant_id = t.tenant_id AND u.token_id = t.id \
             WHERE t.tenant_id = ?1 ORDER BY t.id",
            caller::TOKEN
        ))?;
        let found = statement.query_map([tenant.0], caller::token_record)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    async fn tenant_by_id(&mut self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        let found = caller::tenant_by_id(self.connection()?, id)?;
        Ok(found.filter(|tenant| tenant.state != crate::TenantState::Deleting))
    }

    async fn totals(&mut self, tenants: Option<&[TenantId]>) -> Result<Totals, StoreError> {
        lists::totals(self.connection()?, tenants)
    }

    async fn find_tokens(&mut self, query: &TokenQuery) -> Result<Vec<TokenRecord>, StoreError> {
        lists::find_tokens(self.connection()?, query)
    }

    async fn session(&mut self, secret: &Secret) -> Result<Option<Arc<Session>>, StoreError> {
        people::open_session(self.connection()?, secret, self.shared.clock.now())
    }

    async fn sessions(&mut self, person: PersonId) -> Result<Vec<Session>, StoreError> {
        people::sessions(self.connection()?, person, self.shared.clock.now())
    }

    async fn people(&mut self) -> Result<Vec<Person>, StoreError> {
        people::people(self.connection()?)
    }

    async fn presences(&mut self) -> Result<Vec<Presence>, StoreError> {
        people::presences(self.connection()?, self.shared.clock.now())
    }

    async fn person_links(&mut self) -> Result<Vec<Link>, StoreError> {
        people::person_links(self.connection()?)
    }

    async fn person(
        &mut self,
        email: &str,
    ) -> Result<Option<(Person, Option<PasswordHash>)>, StoreError> {
        people::person_by_email(self.connection()?, email)
    }

    async fn link(&mut self, secret: &Secret) -> Result<Option<Link>, StoreError> {
        people::link(self.connection()?, &secret.hash())
    }

    async fn setup_links(
        &mut self,
        tenant: TenantId,
        connection: ConnectionId,
    ) -> Result<Vec<Link>, StoreError> {
        people::setup_links(self.connection()?, tenant, connection)
    }

    async fn audit(&mut self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        lists::audit(self.connection()?, query)
    }

    async fn registry(&mut self, tenant: TenantId) -> Result<Arc<Registry>, StoreError> {
        Ok(self.kinds(tenant)?.registry.clone())
    }

    async fn custom_schemas(&mut self, tenant: TenantId) -> Result<Vec<Value>, StoreError> {
        let documents = caller::documents(self.connection()?, tenant)?;
        Ok(documents
            .into_iter()
            .map(|(_, _, document)| document)
            .collect())
    }

    async fn count(&mut self, tenant: TenantId, kind: &ResourceType) -> Result<u64, StoreError> {
        match self.number(tenant, kind)? {
            Some(number) => get::count(self.connection()?, tenant, number),
            None => Ok(0),
        }
    }
}
