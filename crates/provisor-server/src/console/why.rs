//! `/why`: what became of a person, by e-mail or userName.

use askama::Template;
use axum::response::Response;
use provisor_store::{Stored, Tenant, TenantId};

use super::{
    Action, Problem,
    explained::{self, Explained},
    eyes::Eyes,
    layout::Layout,
    users::act,
    visit::Visit,
    walk,
};
use crate::{
    app_view,
    why::{Gathered, users_called},
};

/// Tenants that are asked when none is named.
const TENANTS: usize = 200;
/// Tenants that may be chosen.
const LISTED: usize = 1_000;
/// Tenants whose verdict is told when nobody has the name.
const TOLD: usize = 10;

/// What one tenant says.
struct Answer {
    tenant: Tenant,
    why: Explained,
    /// The user's page, if there is a user.
    link: Option<String>,
    /// This answer alone.
    alone: String,
    /// Who the user is: what, and the value.
    identity: Vec<(&'static str, String)>,
    /// What would put it right, and where it is done.
    fix: Option<(&'static str, String)>,
}

/// Another tenant that knows the name.
struct Elsewhere {
    tenant: String,
    link: String,
}

#[derive(Template)]
#[template(path = "why.html")]
struct Page {
    layout: Layout,
    query: String,
    tenant: String,
    tenants: Vec<Tenant>,
    answers: Vec<Answer>,
    /// Nobody has the name, and there are more tenants than are told.
    untold: usize,
    /// Only so many tenants were asked: there are more.
    cut: Option<usize>,
    /// The chosen tenant does not know the name, but these do.
    elsewhere: Vec<Elsewhere>,
    is_masked: bool,
}

/// The form, and the answers.
pub(super) async fn show(visit: Visit) -> Result<Response, Problem> {
    let text = address(visit.query.get("q"));
    let mut snapshot = visit.read().await?;
    let mut tenants = walk::tenants(&visit, snapshot.as_mut(), "", LISTED).await?;
    drop(snapshot);
    let tenant = match visit.query.given("tenant") {
        Some(key) => Some(visit.tenant(key).await?),
        None => None,
    };
    let mut elsewhere = Vec::new();
    let asked = match &tenant {
        Some(tenant) => vec![tenant.clone()],
        None => tenants.iter().take(TENANTS).cloned().collect(),
    };
    let is_cut = tenant.is_none() && tenants.len() > TENANTS && !text.is_empty();
    let (answers, untold) = match text {
        "" => (Vec::new(), 0),
        text => answers(&visit, text, asked).await?,
    };
    if let Some(tenant) = &tenant
        && !answers.is_empty()
        && answers.iter().all(|answer| answer.identity.is_empty())
    {
        let others = tenants.iter().take(TENANTS);
        let others = others.filter(|other| other.id != tenant.id);
        elsewhere = known_to(&visit, text, others).await?;
    }
    if tenants.len() == 1 {
        tenants.clear();
    }
    visit.page(&Page {
        layout: visit.layout("Why", tenant.as_ref()),
        query: text.to_owned(),
        tenant: tenant.map_or_else(String::new, |tenant| tenant.key),
        tenants,
        answers,
        untold,
        cut: is_cut.then_some(TENANTS),
        elsewhere,
        is_masked: Eyes::of(&visit.viewer).are_masked(),
    })
}

/// A name as people paste it: `Lena Ortiz <lena@acme.com>` or `mailto:lena@acme.com`.
fn address(text: &str) -> &str {
    let inner = text
        .rsplit_once('<')
        .and_then(|(_, rest)| rest.strip_suffix('>'))
        .filter(|inner| inner.contains('@'));
    let text = inner.unwrap_or(text);
    text.strip_prefix("mailto:").unwrap_or(text).trim()
}

/// Which of these tenants have somebody of this name.
async fn known_to(
    visit: &Visit,
    text: &str,
    tenants: impl Iterator<Item = &Tenant>,
) -> Result<Vec<Elsewhere>, Problem> {
    let mut found = Vec::new();
    let mut snapshot = visit.read().await?;
    for tenant in tenants {
        if !users_called(snapshot.as_mut(), tenant.id, text)
            .await?
            .is_empty()
        {
            found.push(Elsewhere {
                tenant: tenant.name.clone(),
                link: format!("/why?{}", visit.query.with("tenant", &tenant.key)),
            });
        }
    }
    Ok(found)
}

/// The verdicts of the tenants that know the name; if none does, of the first few.
async fn answers(
    visit: &Visit,
    text: &str,
    tenants: Vec<Tenant>,
) -> Result<(Vec<Answer>, usize), Problem> {
    let mut found = Vec::new();
    for tenant in &tenants {
        let mut snapshot = visit.read().await?;
        let users = users_called(snapshot.as_mut(), tenant.id, text).await?;
        // Several people may have an e-mail; each has a verdict of its own.
        for user in users {
            let gathered = Gathered::read(snapshot.as_mut(), tenant.id, text, Some(user)).await?;
            found.push((tenant.clone(), gathered));
        }
        if found.last().is_none_or(|(last, _)| last.id != tenant.id) {
            let gathered = Gathered::read(snapshot.as_mut(), tenant.id, text, None).await?;
            if gathered.known().is_some() {
                found.push((tenant.clone(), gathered));
            }
        }
    }
    let mut untold = 0;
    if found.is_empty() {
        let mut known = seen(visit, text, &tenants).await?;
        if known.is_empty() {
            untold = tenants.len().saturating_sub(TOLD);
            known = tenants.into_iter().take(TOLD).collect();
        }
        for tenant in known {
            let mut snapshot = visit.read().await?;
            let gathered = Gathered::read(snapshot.as_mut(), tenant.id, text, None).await?;
            found.push((tenant, gathered));
        }
    }
    let mut answers = Vec::new();
    for (tenant, gathered) in found {
        // So may several be displayed alike.
        for gathered in explained::follow_log(&visit.console, tenant.id, gathered).await? {
            answers.push(answer(visit, tenant.clone(), gathered).await?);
        }
    }
    Ok((answers, untold))
}

async fn answer(visit: &Visit, tenant: Tenant, mut gathered: Gathered) -> Result<Answer, Problem> {
    let eyes = Eyes::of(&visit.viewer);
    if eyes.are_masked() {
        // What the viewer typed tells them nothing new.
        let typed = gathered.name.clone();
        gathered.mask(typed);
    }
    let link = |user: &Stored| format!("/users/{}/{}", tenant.key, user.id);
    let may_change = visit.viewer.may(Action::ChangeUsers);
    let fix = gathered.known().filter(|_| may_change);
    let fix = fix.and_then(|user| {
        let (label, act) = act::fix(&gathered)?;
        Some((label, format!("{}/{act}", link(user))))
    });
    Ok(Answer {
        identity: gathered
            .known()
            .map(|user| identity(user, &gathered, eyes))
            .unwrap_or_default(),
        fix,
        why: Explained::new(visit, &gathered, &tenant).await?,
        link: gathered.known().map(link),
        alone: format!("/why?{}", visit.query.with("tenant", &tenant.key)),
        tenant,
    })
}

fn identity(user: &Stored, gathered: &Gathered, eyes: Eyes) -> Vec<(&'static str, String)> {
    let view = app_view::resource(user);
    let field = |name: &str| eyes.word(view[name].as_str().unwrap_or_default());
    let mut connections = gathered
        .events
        .iter()
        .filter_map(|event| event.connection.clone());
    let all = [
        ("userName", field("user_name")),
        ("E-mail", field("email")),
        ("externalId", field("external_id")),
        ("Id", user.id.to_string()),
        ("Came through", connections.next().unwrap_or_default()),
    ];
    all.into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// The tenants whose log has a request that named this.
async fn seen(visit: &Visit, text: &str, tenants: &[Tenant]) -> Result<Vec<Tenant>, Problem> {
    let log = visit.console.log.clone();
    let text = text.to_owned();
    let ids: Vec<TenantId> = tenants.iter().map(|tenant| tenant.id).collect();
    let work = tokio::task::spawn_blocking(move || {
        log.flush();
        let named = ids
            .into_iter()
            .filter(|id| matches!(log.reader().seen(*id, &text), Ok(Some(_))));
        named.collect::<Vec<_>>()
    });
    let ids = work.await.map_err(|error| Problem::internal(&error))?;
    let named = tenants.iter().filter(|tenant| ids.contains(&tenant.id));
    Ok(named.cloned().collect())
}
