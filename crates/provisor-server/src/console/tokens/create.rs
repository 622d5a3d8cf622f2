//! `/tokens/new`: a new token, shown once.

use askama::Template;
use axum::response::Response;
use provisor_store::{
    Change, Connection, Outcome, PlainToken, Scope, Scopes, Tenant, TenantId, TokenKind,
    TokenRecord, change::NewToken,
};

use super::{OPERATORS, Row};
use crate::{
    connection_choice,
    console::{Problem, layout::Layout, moment::DAY, visit::Visit},
};

/// How many tenants the form lists; beyond, the key is typed.
const LISTED: usize = 200;

/// What a token can do, in the form's words.
const SCOPES: &[(Scope, &str)] = &[
    (
        Scope::Scim,
        "An identity provider creates and changes users and teams",
    ),
    (Scope::ScimRead, "Reads over SCIM, changes nothing"),
    (Scope::DirectoryRead, "Your app reads users and teams"),
    (Scope::EventsRead, "Your app follows what changed"),
    (Scope::LogRead, "Reads the sync log"),
    (Scope::Admin, "Everything in the API"),
];

const LIVES: &[(&str, &str)] = &[
    ("90", "90 days"),
    ("365", "1 year"),
    ("730", "2 years"),
    ("never", "Never"),
];

#[derive(Template)]
#[template(path = "tokens/new.html")]
struct Form {
    layout: Layout,
    tenants: Vec<Tenant>,
    may_serve_all: bool,
    owner: String,
    purpose: String,
    connection: String,
    addresses: String,
    scopes: Vec<Choice>,
    lives: Vec<Choice>,
    error: Option<String>,
}

/// One of several things to choose.
struct Choice {
    value: &'static str,
    label: &'static str,
    is_on: bool,
}

/// The token, this once.
#[derive(Template)]
#[template(path = "tokens/created.html")]
pub(super) struct Created {
    pub(super) layout: Layout,
    pub(super) row: Row,
    pub(super) secret: String,
    pub(super) scim_url: String,
    pub(super) pattern: &'static str,
    /// In a rotation: the token it takes the place of, and what watches for its first request.
    pub(super) rotation: Option<super::rotate::Watch>,
}

/// Asks what the token is for.
pub(in crate::console) async fn form(visit: Visit) -> Result<Response, Problem> {
    let page = page(&visit, None).await?;
    visit.page(&page)
}

async fn page(visit: &Visit, error: Option<String>) -> Result<Form, Problem> {
    let mut tenants = visit.read().await?.tenants("", LISTED).await?;
    tenants.retain(|tenant| visit.viewer.person.covers(tenant.id));
    let sent = if error.is_some() {
        &visit.form
    } else {
        &visit.query
    };
    let chosen: Vec<&str> = sent.all("scope").collect();
    let life = sent.given("expires").unwrap_or("365");
    Ok(Form {
        layout: visit.layout("New token", None),
        tenants,
        may_serve_all: visit.viewer.tenants().is_none(),
        owner: sent.given("tenant").unwrap_or_default().to_owned(),
        purpose: sent.get("purpose").to_owned(),
        connection: sent.get("connection").to_owned(),
        addresses: sent.get("addresses").to_owned(),
        scopes: SCOPES
            .iter()
            .map(|(scope, label)| Choice {
                value: scope.as_str(),
                label,
                is_on: match chosen.is_empty() {
                    true => *scope == Scope::Scim,
                    false => chosen.contains(&scope.as_str()),
                },
            })
            .collect(),
        lives: LIVES
            .iter()
            .map(|(value, label)| Choice {
                value,
                label,
                is_on: *value == life,
            })
            .collect(),
        error,
    })
}

/// Makes the token and shows it, this once.
pub(in crate::console) async fn create(visit: Visit) -> Result<Response, Problem> {
    match try_create(&visit).await? {
        Ok((record, plain)) => shown(&visit, &record, &plain, None).await,
        Err(wrong) => {
            let page = page(&visit, Some(wrong)).await?;
            visit.page_again(&page)
        }
    }
}

type Made = Result<(TokenRecord, PlainToken), String>;

async fn try_create(visit: &Visit) -> Result<Made, Problem> {
    let form = &visit.form;
    let (kind, scopes) = match scopes(form.all("scope")) {
        Ok(read) => read,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let owner = form.get("tenant");
    let tenant = match owner {
        "" => return Ok(Err("Choose the tenant that the token is for.".to_owned())),
        OPERATORS if visit.viewer.tenants().is_none() => TenantId::SYSTEM,
        OPERATORS => return Err(Problem::missing("tenant")),
        key => visit.tenant(key).await?.id,
    };
    let connection = match kind {
        TokenKind::Scim if tenant == TenantId::SYSTEM => {
            return Ok(Err(
                "A token with scope scim belongs to a tenant. Choose one.".to_owned(),
            ));
        }
        TokenKind::Scim => match connection(visit, tenant).await? {
            Ok(connection) => Some(connection.id),
            Err(wrong) => return Ok(Err(wrong)),
        },
        TokenKind::Api => None,
    };
    let new = NewToken {
        connection,
        purpose: form.get("purpose").to_owned(),
        scopes,
        kind,
        expires: life(form.get("expires"), visit.now()),
        addresses: form
            .get("addresses")
            .split([',', ' ', '\n', '\r'])
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    issue(visit, tenant, new).await
}

/// Makes a token.
pub(super) async fn issue(visit: &Visit, tenant: TenantId, new: NewToken) -> Result<Made, Problem> {
    match visit.try_write(tenant, Change::CreateToken(new)).await? {
        Ok(Outcome::Token(record, plain)) => Ok(Ok((record, plain))),
        Ok(other) => Err(Problem::internal(&format!("{other:?} is no token"))),
        Err(wrong) => Ok(Err(wrong)),
    }
}

/// Shows a token, this once.
pub(super) async fn shown(
    visit: &Visit,
    record: &TokenRecord,
    plain: &PlainToken,
    rotation: Option<super::rotate::Watch>,
) -> Result<Response, Problem> {
    let tenant = visit.read().await?.tenant_by_id(record.tenant).await?;
    visit.page(&Created {
        layout: visit.layout("Your new token", tenant.as_ref()),
        row: super::row(visit, record).await?,
        secret: plain.reveal().to_owned(),
        scim_url: format!("{}/scim/v2", visit.channel.origin),
        pattern: provisor_store::token::PATTERN,
        rotation,
    })
}

async fn connection(
    visit: &Visit,
    tenant: TenantId,
) -> Result<Result<Connection, String>, Problem> {
    let name = visit.form.given("connection");
    let store = visit.console.store.as_ref();
    match connection_choice::choose(store, &visit.origin(tenant), name, None).await {
        Ok(connection) => Ok(Ok(connection)),
        Err(provisor_store::WriteError::Refused(refusal)) => Ok(Err(refusal.error.detail)),
        Err(error) => Err(error.into()),
    }
}

/// Days from now, or for ever.
pub(super) fn life(days: &str, now: i64) -> Option<i64> {
    let days: i64 = days.parse().ok()?;
    Some(now.saturating_add(days.saturating_mul(DAY)))
}

/// Reads scopes; they decide whether it is a SCIM or an API token.
fn scopes<'s>(names: impl Iterator<Item = &'s str>) -> Result<(TokenKind, Scopes), String> {
    let scopes = names.map(str::parse).collect::<Result<Vec<Scope>, _>>()?;
    let scim = |scope: &Scope| matches!(scope, Scope::Scim | Scope::ScimRead);
    let kind = match scopes.iter().filter(|scope| scim(scope)).count() {
        _ if scopes.is_empty() => {
            return Err("Choose at least one scope; a token without can do nothing.".to_owned());
        }
        0 => TokenKind::Api,
        count if count == scopes.len() => TokenKind::Scim,
        _ => {
            return Err(
                "A token is for SCIM or for the API, so that a leaked one opens one door. \
                        Make two."
                    .to_owned(),
            );
        }
    };
    Ok((kind, scopes.into_iter().collect()))
}
