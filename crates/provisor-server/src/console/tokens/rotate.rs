//! `/tokens/{owner}/{token}/rotate`: a second token beside the first, until it is used.

use askama::Template;
use axum::response::Response;
use provisor_store::{TenantId, TokenId, TokenRecord, change::NewToken};

use super::{Row, Used, create};
use crate::console::{Problem, layout::Layout, visit::Visit};

#[derive(Template)]
#[template(path = "tokens/rotate.html")]
struct Form {
    layout: Layout,
    row: Row,
    error: Option<String>,
}

/// What watches for the first request of a new token: the page's part that lives.
#[derive(Template)]
#[template(path = "tokens/watch.html")]
pub(super) struct Watch {
    owner: String,
    old: TokenId,
    new: TokenId,
    new_mark: String,
    old_mark: String,
    is_revoked: bool,
    used: Option<Used>,
}

#[derive(Template)]
#[template(path = "tokens/rotating.html")]
struct Page {
    layout: Layout,
    watch: Watch,
}

impl Watch {
    /// Where the page's part is streamed.
    pub(super) fn stream(&self) -> String {
        format!(
            "/live/tokens/{}/tok_{}/tok_{}",
            self.owner, self.old, self.new
        )
    }

    /// The page without the secret.
    pub(super) fn page(&self) -> String {
        format!(
            "/tokens/{}/tok_{}/rotate/tok_{}",
            self.owner, self.old, self.new
        )
    }

    fn new(owner: &str, old: &TokenRecord, new: &TokenRecord, now: i64) -> Self {
        let mark = |token: &TokenRecord| Row::new(token, None, None, now).mark;
        Self {
            owner: owner.to_owned(),
            old: old.id,
            new: new.id,
            new_mark: mark(new),
            old_mark: mark(old),
            is_revoked: old.revoked.is_some(),
            used: Row::new(new, None, None, now).used,
        }
    }
}

/// Says what a rotation is, and asks.
pub(in crate::console) async fn form(visit: Visit) -> Result<Response, Problem> {
    let (_, token) = super::named(&visit, "token").await?;
    ask(&visit, &token, None).await
}

async fn ask(
    visit: &Visit,
    token: &TokenRecord,
    error: Option<String>,
) -> Result<Response, Problem> {
    let failed = error.is_some();
    let tenant = visit.read().await?.tenant_by_id(token.tenant).await?;
    let page = Form {
        layout: visit.layout("Rotate a token", tenant.as_ref()),
        row: super::row(visit, token).await?,
        error,
    };
    if failed {
        return visit.page_again(&page);
    }
    visit.page(&page)
}

/// Makes the second token: like the first, with a life of its own.
pub(in crate::console) async fn begin(visit: Visit) -> Result<Response, Problem> {
    let (tenant, old) = super::named(&visit, "token").await?;
    let now = visit.now();
    let expires = match visit.form.get("expires") {
        // As long as the old one had.
        "same" => old.expires.map(|at| now.saturating_add(at - old.created)),
        days => create::life(days, now),
    };
    let new = NewToken {
        connection: old.connection,
        purpose: old.purpose.clone(),
        scopes: old.scopes,
        kind: old.kind,
        expires,
        addresses: old.addresses.clone(),
    };
    match create::issue(&visit, tenant, new).await? {
        Ok((record, plain)) => {
            let watch = Watch::new(visit.parameter("owner"), &old, &record, now);
            create::shown(&visit, &record, &plain, Some(watch)).await
        }
        Err(wrong) => ask(&visit, &old, Some(wrong)).await,
    }
}

/// Both tokens, and whether the new one was used; the secret is not shown again.
pub(in crate::console) async fn watch(visit: Visit) -> Result<Response, Problem> {
    let (tenant, old) = super::named(&visit, "token").await?;
    let (_, mut new) = super::named(&visit, "new").await?;
    note_fresh_use(&visit, tenant, &mut new);
    let watch = Watch::new(visit.parameter("owner"), &old, &new, visit.now());
    let tenant = visit.read().await?.tenant_by_id(tenant).await?;
    visit.page(&Page {
        layout: visit.layout("Rotate a token", tenant.as_ref()),
        watch,
    })
}

/// The same as a stream.
pub(in crate::console) async fn live(visit: Visit) -> Result<Response, Problem> {
    let (tenant, old) = super::named(&visit, "token").await?;
    let (_, new) = super::named(&visit, "new").await?;
    let owner = visit.parameter("owner").to_owned();
    let uses = visit.console.token_uses.clone();
    visit.live(move |mut snapshot, now| {
        let (owner, uses) = (owner.clone(), uses.clone());
        let (old, new) = (old.id, new.id);
        async move {
            let tokens = snapshot.tokens(tenant).await?;
            let find = |id: TokenId| {
                let mut known = tokens.iter();
                known.find(|token| token.id == id).cloned()
            };
            let (Some(old), Some(mut new)) = (find(old), find(new)) else {
                return Err(Problem::missing("token"));
            };
            if let Some(fresh) = uses.fresh(tenant, new.id) {
                new.last_used = Some(fresh);
            }
            let watch = Watch::new(&owner, &old, &new, now);
            watch.render().map_err(|error| Problem::internal(&error))
        }
    })
}

/// A use that is not written down yet counts too.
fn note_fresh_use(visit: &Visit, tenant: TenantId, token: &mut TokenRecord) {
    if let Some(fresh) = visit.console.token_uses.fresh(tenant, token.id) {
        token.last_used = Some(fresh);
    }
}
