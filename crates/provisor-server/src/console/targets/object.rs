//! `/targets/{tenant}/{target}/object`: why one user or team is in the target as it is; and in each target, for its own page.

use askama::Template;
use axum::response::Response;
use provisor_store::{
    Snapshot, Tenant,
    target::{Kind, Target, TargetObject},
};

use super::{Line, Sight, act, named, path};
use crate::{
    console::{Problem, eyes::Eyes, layout::Layout, moment::Moment, visit::Visit},
    outbound::{
        Stopped, view,
        why::{Explained, explain},
    },
};

#[derive(Template)]
#[template(path = "targets/object.html")]
struct Page {
    layout: Layout,
    tenant: Tenant,
    target: Target,
    path: String,
    name: String,
    sentence: String,
    object: Option<TargetObject>,
    key: String,
    remote: String,
    due: Option<Moment>,
    lines: Vec<Line>,
    source: String,
}

/// How a user or team is in one target, in a line.
pub(in crate::console) struct There {
    name: String,
    link: String,
    state: &'static str,
    /// Its page for this target; empty while the target has nothing to do with it.
    more: String,
    sentence: String,
}

#[derive(Template)]
#[template(path = "targets/there.html")]
struct Everywhere {
    all: Vec<There>,
}

/// Whether a tenant's users and teams are pushed anywhere.
pub(in crate::console) async fn are_pushed(
    snapshot: &mut dyn Snapshot,
    tenant: &Tenant,
) -> Result<bool, Problem> {
    let targets = snapshot.targets(Some(tenant.id)).await?;
    Ok(targets.iter().any(|target| !target.is_fed_from_files()))
}

/// Why a user or team of the directory is in each target as it is.
pub(in crate::console) async fn everywhere(
    visit: &Visit,
    tenant: &Tenant,
    kind: Kind,
    local: &str,
) -> Result<String, Problem> {
    let targets = visit.read().await?.targets(Some(tenant.id)).await?;
    let mut all = Vec::new();
    for target in targets.iter().filter(|one| !one.is_fed_from_files()) {
        let sight = Sight::new(Eyes::of(&visit.viewer), target);
        let link = path(&tenant.key, target.id);
        // One whose settings cannot be used says so on its own page.
        let (more, sentence) = match told(visit, target, kind, local, sight).await {
            Ok(explained) => (explained.is_something(), explained.sentence),
            Err(stopped) => (false, format!("{stopped}.")),
        };
        all.push(There {
            name: target.name.clone(),
            more: match more {
                true => format!("{link}/object?kind={}&id={local}", kind.as_str()),
                false => String::new(),
            },
            link,
            state: view::state(target),
            sentence,
        });
    }
    let part = Everywhere { all };
    part.render().map_err(|error| Problem::internal(&error))
}

/// What can be said of one in a target, to who looks.
async fn told(
    visit: &Visit,
    target: &Target,
    kind: Kind,
    local: &str,
    sight: Sight,
) -> Result<Explained, Stopped> {
    let shown = |remote: &str| sight.remote(kind, remote);
    let target = sight.target(target);
    let mut explained = explain(&visit.console.store, &target, kind, local, shown).await?;
    let known = explained.known.as_ref();
    if sight.eyes.are_masked() && known.is_some_and(|known| known.error.is_some()) {
        "It could not be pushed; the target's words are hidden from your role."
            .clone_into(&mut explained.sentence);
    }
    Ok(explained)
}

/// The page.
pub(in crate::console) async fn show(visit: Visit) -> Result<Response, Problem> {
    let (tenant, target) = named(&visit).await?;
    let kind = match visit.query.get("kind") {
        "team" => Kind::Team,
        _ => Kind::User,
    };
    let local = visit.query.get("id").to_owned();
    let sight = Sight::new(Eyes::of(&visit.viewer), &target);
    let shown = |remote: &str| sight.remote(kind, remote);
    let explained = told(&visit, &target, kind, &local, sight)
        .await
        .map_err(|stopped| act::problem(&stopped))?;
    if !explained.is_something() {
        return Err(Problem::missing("user or team in this target's log"));
    }
    let Explained {
        known,
        entries,
        sentence,
    } = explained;
    let now = visit.now();
    let path = path(&tenant.key, target.id);
    let label = known.as_ref().map_or("", |known| &known.label);
    let name = sight.name(kind, &local, label);
    let remote = known.as_ref().and_then(|known| known.remote.as_deref());
    let places = if kind == Kind::Team { "teams" } else { "users" };
    visit.page(&Page {
        layout: visit.layout(&name, Some(&tenant)),
        lines: entries
            .iter()
            .map(|entry| Line::new(entry, &path, sight, now))
            .collect(),
        due: known
            .as_ref()
            .and_then(|known| known.due)
            .map(|due| Moment::new(due, now)),
        source: match target.is_fed_from_files() {
            true => String::new(),
            false => format!("/{places}/{}/{local}", tenant.key),
        },
        remote: remote.map(shown).unwrap_or_default(),
        key: sight.key(kind, &local),
        object: known,
        name,
        sentence,
        path,
        tenant,
        target,
    })
}
