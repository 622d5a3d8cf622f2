//! `/setup/tokens…`: tokens of the one connection, made, rotated and revoked by a customer's
//! administrator, who sees only those made through the same link.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use provisor_store::{
    Change, Outcome, PlainToken, TokenId, TokenKind, TokenRecord, change::NewToken,
};

use super::{guide::Guide, session::SetupVisit};
use crate::console::{
    Problem, answer,
    connections::show::{SCOPES, base_url},
    layout::{Confirm, Flash, Layout},
    link::no_referrer,
    moment::{DAY, Moment},
};

/// A token lives so long.
const LIFE: i64 = 365 * DAY;
/// Tokens made through one link that may be good at the same time.
const MOST: usize = 5;

/// A token as the page shows it.
pub(super) struct Own {
    pub(super) id: TokenId,
    pub(super) last4: String,
    pub(super) created: Moment,
    pub(super) expires: Option<Moment>,
    pub(super) used: Option<Moment>,
}

/// The good tokens that were made through this link.
pub(super) fn own(visit: &SetupVisit, tokens: &[TokenRecord]) -> Vec<Own> {
    let now = visit.now();
    let moment = |at: i64| Moment::new(at, now);
    good(visit, tokens)
        .map(|token| Own {
            id: token.id,
            last4: token.last4.clone(),
            created: moment(token.created),
            expires: token.expires.map(moment),
            used: token.last_used.as_ref().map(|last| moment(last.at)),
        })
        .collect()
}

fn good<'t>(
    visit: &'t SetupVisit,
    tokens: &'t [TokenRecord],
) -> impl Iterator<Item = &'t TokenRecord> {
    let now = visit.now();
    tokens.iter().filter(move |token| {
        let is_over = token.expires.is_some_and(|at| at <= now);
        visit.made(token) && token.revoked.is_none() && !is_over
    })
}

async fn all(visit: &SetupVisit) -> Result<Vec<TokenRecord>, Problem> {
    let mut snapshot = visit.console.store.read().await?;
    Ok(snapshot.tokens(visit.tenant.id).await?)
}

/// The good token that the path names, if it was made through this link.
async fn named(visit: &SetupVisit) -> Result<TokenRecord, Problem> {
    let id = visit.parameter("token").strip_prefix("tok_");
    let id = id.and_then(|id| id.parse().ok()).map(TokenId);
    let tokens = all(visit).await?;
    let found = good(visit, &tokens)
        .find(|token| Some(token.id) == id)
        .cloned();
    found.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "There is no such token",
            "It was revoked, has expired, or was not made through this setup link.",
            "Go back to the setup page; it lists the tokens that you can change.",
        )
    })
}

#[derive(Template)]
#[template(path = "setup/token.html")]
struct Created {
    layout: Layout,
    guide: &'static Guide,
    secret: String,
    base_url: String,
    expires: Option<Moment>,
    /// Takes the place of the token that ends so.
    replaces: Option<String>,
}

/// Makes a token and shows it, this once.
pub(in crate::console) async fn create(visit: SetupVisit) -> Result<Response, Problem> {
    issue(&visit, None).await
}

async fn issue(visit: &SetupVisit, old: Option<&TokenRecord>) -> Result<Response, Problem> {
    let tokens = all(visit).await?;
    if good(visit, &tokens).count() >= MOST {
        let wrong = format!(
            "There are {MOST} tokens already that were made here. Revoke one that is not used."
        );
        return Ok(back(visit, Flash::failed(wrong)));
    }
    let guide = Guide::of(&visit.connection.idp);
    let new = NewToken {
        connection: Some(visit.connection.id),
        purpose: format!("{}, by setup link", guide.name),
        scopes: SCOPES.into_iter().collect(),
        kind: TokenKind::Scim,
        expires: Some(visit.now().saturating_add(LIFE)),
        addresses: old.map(|old| old.addresses.clone()).unwrap_or_default(),
    };
    match visit.try_write(Change::CreateToken(new)).await? {
        Ok(Outcome::Token(record, plain)) => shown(visit, &record, &plain, old),
        Ok(other) => Err(Problem::internal(&format!("{other:?} is no token"))),
        Err(wrong) => Ok(back(visit, Flash::failed(wrong))),
    }
}

fn shown(
    visit: &SetupVisit,
    record: &TokenRecord,
    plain: &PlainToken,
    old: Option<&TokenRecord>,
) -> Result<Response, Problem> {
    let page = Created {
        layout: visit.layout("Your token"),
        guide: Guide::of(&visit.connection.idp),
        secret: plain.reveal().to_owned(),
        base_url: base_url(&visit.channel.origin, &visit.tenant),
        expires: record.expires.map(|at| Moment::new(at, visit.now())),
        replaces: old.map(|old| old.last4.clone()),
    };
    Ok(no_referrer(visit.page(&page)?))
}

fn back(visit: &SetupVisit, flash: Flash) -> Response {
    no_referrer(visit.go("/setup", Some(flash)))
}

#[derive(Template)]
#[template(path = "setup/confirm.html")]
struct Question {
    layout: Layout,
    confirm: Confirm,
}

fn question(
    visit: &SetupVisit,
    title: String,
    button: &str,
    consequences: &[&str],
) -> Result<Response, Problem> {
    let page = Question {
        layout: visit.layout(&title),
        confirm: Confirm {
            title,
            consequences: consequences.iter().map(|&text| text.to_owned()).collect(),
            button: button.to_owned(),
            back: "/setup".to_owned(),
            typed: None,
            error: None,
        },
    };
    Ok(no_referrer(answer::page(StatusCode::OK, &page)?))
}

/// Says what a rotation is, and asks.
pub(in crate::console) async fn ask_rotate(visit: SetupVisit) -> Result<Response, Problem> {
    let token = named(&visit).await?;
    question(
        &visit,
        format!("Rotate the token …{}?", token.last4),
        "Make the new token",
        &[
            "A second token is made and shown once. Both work.",
            "Paste it into the identity provider; the setup page tells when it was used first.",
            "Then revoke the old one there.",
        ],
    )
}

/// Makes a second token beside the first.
pub(in crate::console) async fn rotate(visit: SetupVisit) -> Result<Response, Problem> {
    let token = named(&visit).await?;
    issue(&visit, Some(&token)).await
}

/// Says what will happen, and asks.
pub(in crate::console) async fn ask_revoke(visit: SetupVisit) -> Result<Response, Problem> {
    let token = named(&visit).await?;
    question(
        &visit,
        format!("Revoke the token …{}?", token.last4),
        "Revoke the token",
        &[
            "Whoever uses it is refused from the next request on.",
            "It cannot be taken back. To go on without an outage, rotate it instead.",
        ],
    )
}

/// Ends the token.
pub(in crate::console) async fn revoke(visit: SetupVisit) -> Result<Response, Problem> {
    let token = named(&visit).await?;
    let flash = match visit
        .try_write(Change::RevokeToken { id: token.id })
        .await?
    {
        Ok(_) => Flash::done(format!("The token …{} is revoked.", token.last4)),
        Err(wrong) => Flash::failed(wrong),
    };
    Ok(back(&visit, flash))
}
