//! The trait and its contract.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use scim::{ResourceType, Value};

use crate::{
    AuditEntry, AuditQuery, Brief, Caller, Change, Connection, ConnectionId, DeletedName, Denied,
    Event, Id, Link, Look, Looked, MemberRef, Origin, Outcome, Page, PasswordHash, Person,
    PersonId, PlainToken, Refusal, Search, Secret, Session, StoreError, Stored, TargetView, Tenant,
    TenantId, TokenQuery, TokenRecord, Totals, WriteError, people::Presence,
};

/// Where a tenant's directory lives.
///
/// The contract, which `tests/backends/contract.rs` tests on every backend:
///
/// 1. A write is answered after it is durable; what is answered is never lost. A refused or
///    failed write leaves nothing behind.
/// 2. Writes of one tenant are serial: the final state equals some order of them. A racing
///    write is never lost; uniqueness, versions and membership are decided inside the transaction.
/// 3. A change that changes nothing makes no version, no time stamp, no event and no write.
/// 4. Every change of a resource makes its events in the same transaction; `seq` is dense and in
///    commit order per tenant, also for a reader beside many writers.
/// 5. Whatever belongs to another tenant answers exactly like something unknown.
/// 6. A search answers exactly what `scim`'s pure evaluator answers on every resource.
/// 7. A revoked or expired token, a paused connection and a changed schema count from the next
///    read on, also when another process changed them.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Opens one consistent view for one request. It must be dropped with the request.
    async fn read(&self) -> Result<Box<dyn Snapshot>, StoreError>;

    /// Makes a change: the one door for SCIM, bulk, import, API and command line.
    async fn write(&self, origin: Origin, change: Change) -> Result<Outcome, WriteError>;
}

/// One consistent view of the store.
#[async_trait]
pub trait Snapshot: TargetView {
    /// Who presents this token, if it is valid now.
    ///
    /// The refusal is 401 with the same text for every reason; its cause is for the operator's
    /// log. `address` is where the request comes from.
    async fn caller(
        &mut self,
        token: &PlainToken,
        address: Option<std::net::IpAddr>,
    ) -> Result<Result<Arc<Caller>, Denied>, StoreError>;

    /// One resource of a type, with teams or members if asked for.
    async fn get(
        &mut self,
        tenant: TenantId,
        kind: &Arc<ResourceType>,
        id: Id,
        teams: bool,
        members: bool,
    ) -> Result<Option<Stored>, StoreError>;

    /// A page of a query. Scans are bounded; the refusal is 400 `tooMany`.
    async fn search(
        &mut self,
        tenant: TenantId,
        search: &Search,
    ) -> Result<Result<Page, Refusal>, StoreError>;

    /// A page of what matches, looked for within bounds; what one look leaves the next one finds.
    async fn look(
        &mut self,
        tenant: TenantId,
        look: &Look,
    ) -> Result<Result<Looked, Refusal>, StoreError>;

    /// A page of a team's members in order of joining the directory, after this id.
    async fn members(
        &mut self,
        tenant: TenantId,
        team: Id,
        after: Option<Id>,
        limit: usize,
    ) -> Result<Option<Vec<MemberRef>>, StoreError>;

    /// Those of these users and teams that there are, or were until lately.
    async fn briefs(
        &mut self,
        tenant: TenantId,
        ids: &[Id],
    ) -> Result<HashMap<Id, Brief>, StoreError>;

    /// Events that told of a user or team becoming a member of a team or ceasing to be one, newest
    /// first. Not told is what an older version of this program wrote, nor that a team was deleted.
    async fn membership_events(
        &mut self,
        tenant: TenantId,
        member: Id,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError>;

    /// Events after `after`, at most `limit`, in order; with the tenant's last `seq`.
    async fn events(
        &mut self,
        tenant: TenantId,
        after: i64,
        limit: usize,
    ) -> Result<(Vec<Event>, i64), StoreError>;

    /// Events of one resource, newest first.
    async fn events_of(
        &mut self,
        tenant: TenantId,
        resource: Id,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError>;

    /// A deleted resource that can still be restored, by id, or by the userName it had.
    async fn tombstone(
        &mut self,
        tenant: TenantId,
        id: Option<Id>,
        user_name: Option<&str>,
    ) -> Result<Option<(Stored, i64)>, StoreError>;

    /// Deleted users that can still be restored, in order of their ids, after this id, each with
    /// the time of its deletion. `name` narrows to whose userName is, or contains, this text.
    async fn deleted_users(
        &mut self,
        tenant: TenantId,
        name: DeletedName<'_>,
        after: Option<Id>,
        limit: usize,
    ) -> Result<Vec<(Stored, i64)>, StoreError>;

    /// Tenants by key, after this key, at most `limit`; tenants being deleted are left out.
    async fn tenants(&mut self, after: &str, limit: usize) -> Result<Vec<Tenant>, StoreError>;

    /// A tenant by its key.
    async fn tenant(&mut self, key: &str) -> Result<Option<Tenant>, StoreError>;

    /// A tenant by its slug.
    async fn tenant_by_slug(&mut self, slug: &str) -> Result<Option<Tenant>, StoreError>;

    /// A tenant's connections, in order of creation.
    async fn connections(&mut self, tenant: TenantId) -> Result<Vec<Connection>, StoreError>;

    /// A tenant's tokens, in order of creation; [`TenantId::SYSTEM`] for the operators'.
    async fn tokens(&mut self, tenant: TenantId) -> Result<Vec<TokenRecord>, StoreError>;

    /// A tenant by its number.
    async fn tenant_by_id(&mut self, id: TenantId) -> Result<Option<Tenant>, StoreError>;

    /// How much there is in these tenants; `None`: in all.
    async fn totals(&mut self, tenants: Option<&[TenantId]>) -> Result<Totals, StoreError>;

    /// Tokens over all tenants, newest first.
    async fn find_tokens(&mut self, query: &TokenQuery) -> Result<Vec<TokenRecord>, StoreError>;

    /// The session whose cookie has this secret, if it is open now.
    async fn session(&mut self, secret: &Secret) -> Result<Option<Arc<Session>>, StoreError>;

    /// A person's sessions that are open now, the latest used first.
    async fn sessions(&mut self, person: PersonId) -> Result<Vec<Session>, StoreError>;

    /// Everybody who may sign in, by e-mail.
    async fn people(&mut self) -> Result<Vec<Person>, StoreError>;

    /// When each person was here; who never was is left out.
    async fn presences(&mut self) -> Result<Vec<Presence>, StoreError>;

    /// People's one-time links that were neither used nor taken back, newest first; expired ones too.
    async fn person_links(&mut self) -> Result<Vec<Link>, StoreError>;

    /// A person by e-mail, in any case, with the hash of the password.
    async fn person(
        &mut self,
        email: &str,
    ) -> Result<Option<(Person, Option<PasswordHash>)>, StoreError>;

    /// The one-time link with this secret, used or not.
    async fn link(&mut self, secret: &Secret) -> Result<Option<Link>, StoreError>;

    /// The setup links of a connection, newest first.
    async fn setup_links(
        &mut self,
        tenant: TenantId,
        connection: ConnectionId,
    ) -> Result<Vec<Link>, StoreError>;

    /// Entries of the audit, newest first.
    async fn audit(&mut self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError>;

    /// A tenant's registry.
    async fn registry(&mut self, tenant: TenantId) -> Result<Arc<scim::Registry>, StoreError>;

    /// A tenant's custom schema and resource type documents.
    async fn custom_schemas(&mut self, tenant: TenantId) -> Result<Vec<Value>, StoreError>;

    /// Number of resources of a type.
    async fn count(&mut self, tenant: TenantId, kind: &ResourceType) -> Result<u64, StoreError>;
}
