//! `/targets/{tenant}/{target}/object`: why one user or team is in the target as it is.

use askama::Template;
use axum::response::Response;
use provisor_store::{
    Tenant,
    target::{Kind, Target, TargetObject},
};

use super::{Line, Sight, act, named, path};
use crate::{
    console::{Problem, eyes::Eyes, layout::Layout, moment::Moment, visit::Visit},
    outbound::why::{Explained, explain},
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
    let explained = explain(&visit.console.store, &target, kind, &local, shown)
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
    let is_failed = known.as_ref().is_some_and(|known| known.error.is_some());
    let sentence = match sight.eyes.are_masked() && is_failed {
        true => "It could not be pushed; the target's words are hidden from your role.".to_owned(),
        false => sentence,
    };
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
