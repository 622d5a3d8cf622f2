//! Lists over all tenants of a viewer: one tenant after the other by key, each in order of creation.
//!
//! A page looks so far and no farther, and says where it ended: in a large directory what is seldom
//! takes several looks, each of them soon.

use provisor_store::{DeletedName, Id, Look, Snapshot, Stored, Tenant};
use scim::{
    Fired, Profile,
    filter::{Expression, Limits},
};

use super::{Problem, visit::Visit};

/// Rows of a page.
const PAGE: usize = 50;
/// Tenants that are looked into for one page; a link leads on to the others.
const TENANTS: usize = 200;
/// How much one page looks at; see [`Look::most`].
const LOOKED_AT: u32 = 20_000;
/// Stands between the parts of a place; no tenant's key has it.
const BETWEEN: char = '~';

/// What a list shows.
pub(super) enum Wanted<'w> {
    /// Resources of this type that match SCIM filters: in all tenants those of the first filter, then
    /// in all those of the next. An empty filter: all.
    Present(&'static str, Vec<String>),
    /// Deleted users.
    Deleted(DeletedName<'w>),
}

impl Wanted<'_> {
    fn filters(&self) -> usize {
        match self {
            Wanted::Present(_, filters) => filters.len(),
            Wanted::Deleted(_) => 1,
        }
    }
}

/// A page of a list.
#[derive(Default)]
pub(super) struct Found {
    pub(super) rows: Vec<Row>,
    /// Where the next page begins.
    pub(super) next: Option<String>,
    /// It ended before it was full and before everything was looked at.
    pub(super) ended_early: bool,
    /// What could not be searched, and why.
    pub(super) notes: Vec<String>,
}

/// Where a page begins or ended.
struct Place<'p> {
    /// The place of the filter.
    filter: usize,
    /// The tenant's key.
    key: &'p str,
    /// After this resource of the tenant.
    after: Option<Id>,
}

impl<'p> Place<'p> {
    fn parse(text: &'p str) -> Self {
        let mut parts = text.split(BETWEEN);
        let filter = parts.next().and_then(|filter| filter.parse().ok());
        Self {
            filter: filter.unwrap_or(0),
            key: parts.next().unwrap_or_default(),
            after: parts.next().and_then(|id| id.parse().ok()),
        }
    }

    fn text(&self) -> String {
        let id = self.after.map_or(String::new(), |id| id.to_string());
        format!("{}{BETWEEN}{}{BETWEEN}{id}", self.filter, self.key)
    }
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
    let begin = Place::parse(visit.query.get("after"));
    let mut snapshot = visit.read().await?;
    let mut found = Found::default();
    let (mut looked, mut left) = (0, LOOKED_AT);
    for filter in begin.filter..wanted.filters() {
        let is_first = filter == begin.filter;
        let key = if is_first { begin.key } else { "" };
        let tenants = match only {
            Some(tenant) => vec![tenant.clone()],
            None => tenants(visit, snapshot.as_mut(), key, TENANTS + 1).await?,
        };
        for tenant in tenants {
            let mut place = Place {
                filter,
                key: &tenant.key,
                after: begin.after.filter(|_| is_first && tenant.key == key),
            };
            if looked == TENANTS || found.rows.len() == PAGE || left == 0 {
                found.ended_early = found.rows.len() < PAGE;
                found.next = Some(place.text());
                return Ok(found);
            }
            looked += 1;
            let part = part(
                snapshot.as_mut(),
                &tenant,
                wanted,
                &place,
                (PAGE - found.rows.len(), left),
            );
            let part = part.await?;
            left = left.saturating_sub(part.spent);
            found.notes.extend(part.note);
            found.rows.extend(part.rows);
            if part.next.is_some() {
                place.after = part.next;
                found.ended_early = found.rows.len() < PAGE;
                found.next = Some(place.text());
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// What one tenant gives.
#[derive(Default)]
struct Part {
    rows: Vec<Row>,
    /// Where there is more.
    next: Option<Id>,
    spent: u32,
    note: Option<String>,
}

/// Looks into one tenant from a place on, for so many rows and so long.
async fn part(
    snapshot: &mut dyn Snapshot,
    tenant: &Tenant,
    wanted: &Wanted<'_>,
    place: &Place<'_>,
    (room, most): (usize, u32),
) -> Result<Part, Problem> {
    let row = |stored, deleted| Row {
        tenant: tenant.clone(),
        stored,
        deleted,
    };
    let (name, filter) = match wanted {
        Wanted::Present(name, filters) => (*name, filters.get(place.filter)),
        Wanted::Deleted(name) => {
            let mut users = snapshot
                .deleted_users(tenant.id, *name, place.after, room + 1)
                .await?;
            let more = users.len() > room;
            users.truncate(room);
            return Ok(Part {
                next: users.last().filter(|_| more).map(|(user, _)| user.id),
                rows: users
                    .into_iter()
                    .map(|(user, at)| row(user, Some(at)))
                    .collect(),
                ..Part::default()
            });
        }
    };
    let registry = snapshot.registry(tenant.id).await?;
    let Some(kind) = registry.by_name(name) else {
        return Ok(Part::default());
    };
    let noted = |note| Part {
        note: Some(note),
        ..Part::default()
    };
    let filter = match filter.map_or("", String::as_str) {
        "" => None,
        text => match Expression::parse(text, &Limits::default()).and_then(|expression| {
            expression.resolve(kind, &Profile::GENERIC, &mut Fired::default())
        }) {
            Ok(filter) => Some(filter),
            Err(error) => return Ok(noted(error.detail)),
        },
    };
    let look = Look {
        kind: kind.clone(),
        filter,
        after: place.after,
        count: room,
        most,
    };
    match snapshot.look(tenant.id, &look).await? {
        Ok(looked) => Ok(Part {
            rows: looked
                .resources
                .into_iter()
                .map(|stored| row(stored, None))
                .collect(),
            next: looked.next,
            spent: looked.spent,
            note: None,
        }),
        Err(refusal) => Ok(noted(format!("{}: {}", tenant.name, refusal.error.detail))),
    }
}

/// A text as a filter's value.
pub(super) fn quoted(text: &str) -> String {
    scim::Value::from(text).to_string()
}
