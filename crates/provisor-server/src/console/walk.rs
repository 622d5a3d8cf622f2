//! Lists over all tenants of a viewer: one tenant after the other by key, each in order of creation.

use std::collections::VecDeque;

use provisor_store::{
    DeletedName, Id, Identifier, PageStart, Search, Snapshot, Stored, Tenant, search::Position,
};
use scim::{
    Fired, Profile,
    filter::{Expression, Limits},
};

use super::{Problem, visit::Visit};

/// Rows of a page.
const PAGE: usize = 50;
/// Tenants that are looked into for one page; a link leads on to the others.
const TENANTS: usize = 200;
/// Stands between a tenant's key and an id; no key has it.
const BETWEEN: char = '~';

/// What a list shows.
pub(super) enum Wanted<'w> {
    /// Resources of this type that match a SCIM filter; empty: all.
    Present(&'static str, String),
    /// Deleted users.
    Deleted(DeletedName<'w>),
}

/// A page of a list.
#[derive(Default)]
pub(super) struct Found {
    pub(super) rows: Vec<Row>,
    /// Where the next page begins.
    pub(super) next: Option<String>,
    /// What could not be searched, and why.
    pub(super) notes: Vec<String>,
}

/// A resource with its tenant.
pub(super) struct Row {
    pub(super) tenant: Tenant,
    pub(super) stored: Stored,
    /// When it was deleted, if it was.
    pub(super) deleted: Option<i64>,
}

/// The tenants of a viewer from this key on, by key; one more than are looked into.
pub(super) async fn tenants(
    visit: &Visit,
    snapshot: &mut dyn Snapshot,
    from: &str,
    most: usize,
) -> Result<Vec<Tenant>, Problem> {
    let Some(ids) = visit.viewer.tenants() else {
        let mut found: Vec<Tenant> = snapshot.tenant(from).await?.into_iter().collect();
        found.extend(snapshot.tenants(from, most).await?);
        return Ok(found);
    };
    let mut found = Vec::new();
    for id in ids {
        found.extend(snapshot.tenant_by_id(*id).await?);
    }
    found.retain(|tenant| tenant.key.as_str() >= from);
    found.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(found)
}

/// A page of what is wanted, in one tenant or in all that the viewer sees.
pub(super) async fn page(
    visit: &Visit,
    only: Option<&Tenant>,
    wanted: &Wanted<'_>,
) -> Result<Found, Problem> {
    let (key, after) = match visit.query.get("after").split_once(BETWEEN) {
        Some((key, id)) => (key, id.parse::<Id>().ok()),
        None => ("", None),
    };
    let mut snapshot = visit.read().await?;
    let tenants = match only {
        Some(tenant) => vec![tenant.clone()],
        None => tenants(visit, snapshot.as_mut(), key, TENANTS + 1).await?,
    };
    let mut tenants = VecDeque::from(tenants);
    let mut found = Found::default();
    let mut looked = 0;
    while let Some(tenant) = tenants.pop_front() {
        if looked == TENANTS || found.rows.len() == PAGE {
            found.next = Some(format!("{}{BETWEEN}", tenant.key));
            break;
        }
        looked += 1;
        let after = after.filter(|_| tenant.key == key);
        let room = PAGE - found.rows.len();
        let more = part(snapshot.as_mut(), &tenant, wanted, after, room, &mut found).await?;
        if more && let Some(last) = found.rows.last() {
            found.next = Some(format!("{}{BETWEEN}{}", tenant.key, last.stored.id));
            break;
        }
    }
    Ok(found)
}

/// What one tenant gives; true if there is more.
async fn part(
    snapshot: &mut dyn Snapshot,
    tenant: &Tenant,
    wanted: &Wanted<'_>,
    after: Option<Id>,
    room: usize,
    found: &mut Found,
) -> Result<bool, Problem> {
    let row = |stored, deleted| Row {
        tenant: tenant.clone(),
        stored,
        deleted,
    };
    let (name, filter) = match wanted {
        Wanted::Present(name, filter) => (*name, filter),
        Wanted::Deleted(name) => {
            let mut users = snapshot
                .deleted_users(tenant.id, *name, after, room + 1)
                .await?;
            let more = users.len() > room;
            users.truncate(room);
            let rows = users.into_iter().map(|(user, at)| row(user, Some(at)));
            found.rows.extend(rows);
            return Ok(more);
        }
    };
    let registry = snapshot.registry(tenant.id).await?;
    let Some(kind) = registry.by_name(name) else {
        return Ok(false);
    };
    let resolved = match filter.as_str() {
        "" => None,
        text => match Expression::parse(text, &Limits::default()).and_then(|expression| {
            expression.resolve(kind, &Profile::GENERIC, &mut Fired::default())
        }) {
            Ok(filter) => Some(filter),
            Err(error) => {
                found.notes = vec![error.detail];
                return Ok(false);
            }
        },
    };
    let search = Search {
        types: vec![(kind.clone(), resolved)],
        sort: vec![None],
        start: match after {
            Some(id) => PageStart::After(Position {
                id,
                sorted_by: None,
            }),
            None => PageStart::Index(1),
        },
        count: room,
        teams: false,
        members: false,
        identifier: Identifier::UserName,
        token: None,
        fingerprint: format!("console {name} {room} {filter}"),
    };
    match snapshot.search(tenant.id, &search).await? {
        Ok(page) => {
            found
                .rows
                .extend(page.resources.into_iter().map(|stored| row(stored, None)));
            Ok(page.more)
        }
        Err(refusal) => {
            let note = format!("{}: {}", tenant.name, refusal.error.detail);
            found.notes.push(note);
            Ok(false)
        }
    }
}

/// A text as a filter's value.
pub(super) fn quoted(text: &str) -> String {
    scim::Value::from(text).to_string()
}
