//! `/tenants/{key}/tokens` and `/tokens`: bearer tokens of a tenant, and of operators.

use provisor_store::{
    Change, Connection, Outcome, Scope, Scopes, TenantId, TokenId, TokenKind, TokenRecord,
    change::NewToken,
};
use scim::Value;
use serde::Deserialize;

use super::{
    Answer, ApiError, Call,
    answer::segment,
    page::{self, PageQuery},
};
use crate::{app_view, connection_choice};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantToken {
    purpose: String,
    scopes: Vec<String>,
    connection: Option<String>,
    profile: Option<String>,
    expires: Option<String>,
    #[serde(default)]
    addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OperatorToken {
    purpose: String,
    scopes: Vec<String>,
    expires: Option<String>,
    #[serde(default)]
    addresses: Vec<String>,
}

fn view(call: &Call, token: &TokenRecord, connections: &[Connection]) -> Value {
    let link = token
        .connection
        .and_then(|id| connections.iter().find(|connection| connection.id == id));
    let name = link.map(|connection| connection.name.as_str());
    app_view::token(token, name, call.state.clock.now())
}

fn text(id: TokenId) -> String {
    format!("tok_{id}")
}

fn number(text: &str) -> Option<TokenId> {
    let digits = text.strip_prefix("tok_")?;
    let canonical = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    canonical.then(|| digits.parse().ok().map(TokenId))?
}

/// A tenant's tokens, or the operators'.
pub(super) async fn list(mut call: Call) -> Result<Answer, ApiError> {
    let query: PageQuery = call.query()?;
    let size = page::size(query.limit, &call.state.settings)?;
    let after = match &query.after {
        Some(after) => Some(number(after).ok_or_else(|| page::bad_after(after))?),
        None => None,
    };
    let tenant = call.tenant_id();
    let tokens = call.snapshot().await?.tokens(tenant).await?;
    let connections = connections(&mut call).await?;
    let (tokens, next) = page::cut(tokens, after, size, |token| token.id);
    let data = tokens.iter().map(|token| view(&call, token, &connections));
    Ok(page::answer(data.collect(), next.map(text)))
}

/// A token of a tenant: for SCIM (then it belongs to a connection) or for this API.
pub(super) async fn create(call: Call) -> Result<Answer, ApiError> {
    let new: TenantToken = call.json()?;
    let (kind, scopes) = scopes(&new.scopes)?;
    let expires = expires(&call, new.expires.as_deref())?;
    let connection = match kind {
        TokenKind::Scim => {
            let (name, profile) = (new.connection.as_deref(), new.profile.as_deref());
            let store = call.state.store.clone();
            Some(connection_choice::choose(store.as_ref(), &call.origin(), name, profile).await?)
        }
        TokenKind::Api if new.connection.is_some() || new.profile.is_some() => {
            return Err(ApiError::invalid(
                "\"connection\" and \"profile\" are for SCIM tokens. Leave them out, or use the \
                 scope scim or scim:read.",
            ));
        }
        TokenKind::Api => None,
    };
    let token = NewToken {
        connection: connection.as_ref().map(|connection| connection.id),
        purpose: new.purpose,
        scopes,
        kind,
        expires,
        addresses: new.addresses,
    };
    issue(call, token, connection.as_slice()).await
}

/// A token of an operator, for this API.
pub(super) async fn create_for_operator(call: Call) -> Result<Answer, ApiError> {
    let new: OperatorToken = call.json()?;
    let (kind, scopes) = scopes(&new.scopes)?;
    if kind == TokenKind::Scim {
        return Err(ApiError::invalid(
            "\"scopes\": a SCIM token belongs to a tenant. Create it with POST \
             /api/v1/tenants/{key}/tokens.",
        ));
    }
    let token = NewToken {
        connection: None,
        purpose: new.purpose,
        scopes,
        kind,
        expires: expires(&call, new.expires.as_deref())?,
        addresses: new.addresses,
    };
    issue(call, token, &[]).await
}

async fn issue(
    mut call: Call,
    token: NewToken,
    connections: &[Connection],
) -> Result<Answer, ApiError> {
    let (record, secret) = match call.write(Change::CreateToken(token)).await? {
        Outcome::Token(record, secret) => (record, secret),
        other => return Err(ApiError::internal(&format!("{other:?} is no token"))),
    };
    let mut body = view(&call, &record, connections);
    body["secret"] = secret.reveal().into();
    let mut location = format!("/api/v1/tokens/{}", text(record.id));
    if call.tenant_id() != TenantId::SYSTEM {
        let tenant = call.tenant()?;
        location = format!(
            "/api/v1/tenants/{}/tokens/{}",
            segment(&tenant.key),
            text(record.id)
        );
        if record.kind == TokenKind::Scim {
            body["scim_url"] = call.scim_url(tenant).into();
        }
    }
    Ok(Answer::created(body, location))
}

/// Ends a token. Ending an ended one answers the same.
pub(super) async fn revoke(mut call: Call) -> Result<Answer, ApiError> {
    let shown = call.parameter("id").to_owned();
    let unknown = || ApiError::not_found("token", &shown);
    let id = number(&shown).ok_or_else(unknown)?;
    let tenant = call.tenant_id();
    let tokens = call.snapshot().await?.tokens(tenant).await?;
    if !tokens.iter().any(|token| token.id == id) {
        return Err(unknown());
    }
    let connections = connections(&mut call).await?;
    match call.write(Change::RevokeToken { id }).await? {
        Outcome::Revoked(token) => Ok(Answer::ok(view(&call, &token, &connections))),
        other => Err(ApiError::internal(&format!("{other:?} is no revocation"))),
    }
}

async fn connections(call: &mut Call) -> Result<Vec<Connection>, ApiError> {
    match call.tenant_id() {
        TenantId::SYSTEM => Ok(Vec::new()),
        tenant => Ok(call.snapshot().await?.connections(tenant).await?),
    }
}

/// Reads scopes; they decide whether it is a SCIM or an API token.
fn scopes(names: &[String]) -> Result<(TokenKind, Scopes), ApiError> {
    let mut scopes = Vec::new();
    for name in names {
        let scope: Scope = name
            .parse()
            .map_err(|reason| ApiError::invalid(format!("\"scopes\": {reason}.")))?;
        scopes.push(scope);
    }
    let scim = |scope: &Scope| matches!(scope, Scope::Scim | Scope::ScimRead);
    let kind = if scopes.is_empty() {
        return Err(ApiError::invalid(
            "\"scopes\" is empty; a token without scopes can do nothing. Use scim for an identity \
             provider, or directory:read, events:read, log:read, admin for this API.",
        ));
    } else if scopes.iter().all(scim) {
        TokenKind::Scim
    } else if scopes.iter().any(scim) {
        return Err(ApiError::invalid(
            "\"scopes\" mixes SCIM scopes with API scopes. Create one token for the identity \
             provider and another for the API.",
        ));
    } else {
        TokenKind::Api
    };
    Ok((kind, scopes.into_iter().collect()))
}

/// Reads `expires`, which lies in the future.
fn expires(call: &Call, text: Option<&str>) -> Result<Option<i64>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let at = scim::datetime::parse(text).ok_or_else(|| {
        ApiError::invalid(format!(
            "\"expires\" is \"{text}\", which is no time of the form 2027-01-31T00:00:00Z."
        ))
    })?;
    let at = at.as_millisecond();
    if at <= call.state.clock.now() {
        return Err(ApiError::invalid(format!(
            "\"expires\" is {text}, which is past. Use a time in the future, or leave it out."
        )));
    }
    Ok(Some(at))
}
