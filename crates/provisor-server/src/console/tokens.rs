//! `/tokens`: bearer tokens of tenants and operators.

pub(super) mod create;
pub(super) mod revoke;
pub(super) mod rotate;

use std::collections::HashMap;

use askama::Template;
use axum::response::Response;
use provisor_store::{
    Scope, Snapshot, Tenant, TenantId, TokenId, TokenKind, TokenQuery, TokenRecord,
};

use super::{
    Action, Problem,
    layout::{Layout, Pager},
    moment::{DAY, Moment},
    visit::Visit,
};

/// Rows of a page.
const PAGE: usize = 50;
/// A token that was not used for so long is one too many.
const UNUSED: i64 = 30 * DAY;
/// Before its end a token is marked for so long.
const SOON: i64 = 30 * DAY;
/// Stands for the operators where a path has a tenant's key; no key is so.
const OPERATORS: &str = "-";

/// A token as lists show it.
pub(super) struct Row {
    pub(super) id: TokenId,
    /// The tenant's key, or [`OPERATORS`].
    pub(super) owner: String,
    /// The tenant's name.
    pub(super) tenant: String,
    pub(super) purpose: String,
    /// `pvr_scim_…3fQa`
    pub(super) mark: String,
    pub(super) scopes: Vec<&'static str>,
    pub(super) connection: String,
    pub(super) created: Moment,
    pub(super) created_by: String,
    pub(super) expires: Option<Moment>,
    pub(super) ends_soon: bool,
    pub(super) has_ended: bool,
    pub(super) revoked: Option<Moment>,
    pub(super) used: Option<Used>,
}

/// The last use of a token.
pub(super) struct Used {
    pub(super) at: Moment,
    pub(super) address: String,
    pub(super) client: String,
}

#[derive(Template)]
#[template(path = "tokens/list.html")]
struct Page {
    layout: Layout,
    rows: Vec<Row>,
    chips: Vec<Chip>,
    /// The tenant that the list is narrowed to.
    tenant: Option<Tenant>,
    pager: Pager,
    may_change: bool,
    is_filtered: bool,
    pattern: &'static str,
}

/// A filter that can be switched.
struct Chip {
    label: &'static str,
    link: String,
    is_on: bool,
}

/// The list.
pub(super) async fn list(visit: Visit) -> Result<Response, Problem> {
    let now = visit.now();
    let query = &visit.query;
    let tenant = match query.given("tenant") {
        Some(key) => Some(visit.tenant(key).await?),
        None => None,
    };
    let filter = query.get("filter");
    let chips = [
        ("All", ""),
        ("Unused for 30 days", "unused"),
        ("No expiry", "no-expiry"),
        ("With revoked ones", "revoked"),
    ];
    let chips = chips.map(|(label, name)| Chip {
        label,
        link: format!("/tokens?{}", query.with("filter", name)),
        is_on: filter == name,
    });
    let mut snapshot = visit.read().await?;
    let mut found = snapshot
        .find_tokens(&TokenQuery {
            tenants: match &tenant {
                Some(tenant) => Some(vec![tenant.id]),
                None => visit.viewer.tenants().map(<[_]>::to_vec),
            },
            unused_since: (filter == "unused").then_some(now - UNUSED),
            without_expiry: filter == "no-expiry",
            expiring: None,
            revoked: filter == "revoked",
            after: query.given("after").and_then(position),
            limit: PAGE + 1,
        })
        .await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found
        .last()
        .filter(|_| more)
        .map(|token| format!("{}.{}.{}", token.created, token.tenant, token.id));
    let rows = rows(snapshot.as_mut(), &found, now).await?;
    drop(snapshot);
    visit.page(&Page {
        layout: visit.layout("API tokens", tenant.as_ref()),
        rows,
        chips: chips.into(),
        is_filtered: !filter.is_empty() || tenant.is_some(),
        tenant,
        pager: Pager::new("/tokens", query, next.as_deref()),
        may_change: visit.viewer.may(Action::ChangeTokens),
        pattern: provisor_store::token::PATTERN,
    })
}

/// `/accounts/tokens/`, where guides of other products lead.
pub(super) async fn moved(visit: Visit) -> Result<Response, Problem> {
    Ok(visit.go("/tokens", None))
}

/// Where a page ended: created, tenant, number.
fn position(text: &str) -> Option<(i64, TenantId, TokenId)> {
    let mut numbers = text.split('.').map(str::parse);
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(created)), Some(Ok(tenant)), Some(Ok(token))) => {
            Some((created, TenantId(tenant), TokenId(token)))
        }
        _ => None,
    }
}

/// Tokens as rows, with the names of their tenants and connections.
pub(super) async fn rows(
    snapshot: &mut dyn Snapshot,
    tokens: &[TokenRecord],
    now: i64,
) -> Result<Vec<Row>, Problem> {
    let mut owners = HashMap::new();
    for token in tokens {
        if token.tenant != TenantId::SYSTEM && !owners.contains_key(&token.tenant) {
            let tenant = snapshot.tenant_by_id(token.tenant).await?;
            let connections = snapshot.connections(token.tenant).await?;
            owners.insert(token.tenant, (tenant, connections));
        }
    }
    let rows = tokens.iter().map(|token| {
        let owner = owners.get(&token.tenant);
        let tenant = owner.and_then(|(tenant, _)| tenant.as_ref());
        let connection = owner.and_then(|(_, connections)| {
            let mut known = connections.iter();
            known.find(|known| Some(known.id) == token.connection)
        });
        Row::new(
            token,
            tenant,
            connection.map(|connection| connection.name.as_str()),
            now,
        )
    });
    Ok(rows.collect())
}

impl Row {
    fn new(
        token: &TokenRecord,
        tenant: Option<&Tenant>,
        connection: Option<&str>,
        now: i64,
    ) -> Self {
        let kind = match token.kind {
            TokenKind::Scim => "scim",
            TokenKind::Api => "api",
        };
        Self {
            id: token.id,
            owner: tenant
                .map_or(OPERATORS, |tenant| tenant.key.as_str())
                .to_owned(),
            tenant: tenant
                .map_or("All (operators)", |tenant| tenant.name.as_str())
                .to_owned(),
            purpose: token.purpose.clone(),
            mark: format!("pvr_{kind}_…{}", token.last4),
            scopes: token.scopes.iter().map(Scope::as_str).collect(),
            connection: connection.unwrap_or_default().to_owned(),
            created: Moment::new(token.created, now),
            created_by: token.created_by.clone(),
            expires: token.expires.map(|at| Moment::new(at, now)),
            ends_soon: token.expires.is_some_and(|at| now < at && at < now + SOON),
            has_ended: token.expires.is_some_and(|at| at <= now),
            revoked: token.revoked.map(|at| Moment::new(at, now)),
            used: token.last_used.as_ref().map(|last| Used {
                at: Moment::new(last.at, now),
                address: last.address.clone(),
                client: last.client.clone(),
            }),
        }
    }

    /// True if it can still be used.
    pub(super) fn is_live(&self) -> bool {
        self.revoked.is_none() && !self.has_ended
    }
}

/// The tenant and the token that the path names, if the viewer may know of them.
async fn named(visit: &Visit, parameter: &str) -> Result<(TenantId, TokenRecord), Problem> {
    let missing = || Problem::missing("token");
    let owner = visit.parameter("owner");
    let tenant = if owner == OPERATORS {
        // Of the operators' tokens, only who has all tenants knows.
        match visit.viewer.tenants() {
            None => TenantId::SYSTEM,
            Some(_) => return Err(missing()),
        }
    } else {
        visit.tenant(owner).await?.id
    };
    let id = number(visit.parameter(parameter)).ok_or_else(missing)?;
    let tokens = visit.read().await?.tokens(tenant).await?;
    let found = tokens.into_iter().find(|token| token.id == id);
    found.map(|token| (tenant, token)).ok_or_else(missing)
}

/// `tok_3`
fn number(text: &str) -> Option<TokenId> {
    text.strip_prefix("tok_")?.parse().ok().map(TokenId)
}

/// One token as a row.
async fn row(visit: &Visit, token: &TokenRecord) -> Result<Row, Problem> {
    let mut snapshot = visit.read().await?;
    let tokens = std::slice::from_ref(token);
    let mut rows = rows(snapshot.as_mut(), tokens, visit.now()).await?;
    rows.pop().ok_or_else(|| Problem::missing("token"))
}
