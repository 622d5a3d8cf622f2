//! `/targets/{tenant}/{target}/object`: why one user or team is in the target as it is.

use askama::Template;
use axum::response::Response;
use provisor_store::{
    Tenant,
    target::{EntryQuery, Kind, Target, TargetObject},
};

use super::{Line, act, named, path};
use crate::{
    console::{Action, Problem, layout::Layout, moment::Moment, visit::Visit},
    outbound::{
        TargetSettings,
        plan::{Absence, Desired},
        settings::SourceKind,
        source::{Scope, Source},
        view,
    },
};

/// Lines of the log that the page shows.
const LINES: usize = 100;

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
    let place = (tenant.id, target.id);
    let settings = TargetSettings::of(&target).map_err(|error| Problem::internal(&error))?;
    let mut snapshot = visit.read().await?;
    let known = snapshot
        .target_by_local(place, kind, std::slice::from_ref(&local))
        .await?
        .pop()
        .flatten();
    let query = EntryQuery {
        object: Some((kind, local.clone())),
        limit: LINES,
        ..EntryQuery::default()
    };
    let entries = snapshot.target_log(place, &query).await?;
    drop(snapshot);
    if known.is_none() && entries.is_empty() {
        return Err(Problem::missing("user or team in this target's log"));
    }
    let desired = match settings.source {
        // What the files said is not kept.
        SourceKind::Files => None,
        SourceKind::Tenant => Some(desired(&visit, &settings, &tenant, kind, &local).await?),
    };
    let desired = desired.unwrap_or(Desired::Absent(Absence::Deleted));
    let masked = !visit.viewer.may(Action::SeePersonal);
    let now = visit.now();
    let path = path(&tenant.key, target.id);
    let label = known
        .as_ref()
        .map(|known| known.label.clone())
        .filter(|label| !label.is_empty());
    let name = match masked && kind == Kind::User {
        true => local.clone(),
        false => label.unwrap_or_else(|| local.clone()),
    };
    let sentence = match (
        masked,
        known.as_ref().and_then(|known| known.error.as_ref()),
    ) {
        (true, Some(_)) => {
            "It could not be pushed; the target's words are hidden from your role.".to_owned()
        }
        _ if settings.source == SourceKind::Files
            && known.as_ref().is_some_and(|known| known.error.is_none()) =>
        {
            "It is as the files said when they were last pushed.".to_owned()
        }
        _ => view::why(&settings, known.as_ref(), &desired),
    };
    let places = if kind == Kind::Team { "teams" } else { "users" };
    visit.page(&Page {
        layout: visit.layout(&name),
        lines: entries
            .iter()
            .map(|entry| Line::new(entry, &path, masked, now))
            .collect(),
        due: known
            .as_ref()
            .and_then(|known| known.due)
            .map(|due| Moment::new(due, now)),
        source: match settings.source {
            SourceKind::Tenant => format!("/{places}/{}/{local}", tenant.key),
            SourceKind::Files => String::new(),
        },
        object: known,
        name,
        sentence,
        path,
        tenant,
        target,
    })
}

async fn desired(
    visit: &Visit,
    settings: &TargetSettings,
    tenant: &Tenant,
    kind: Kind,
    local: &str,
) -> Result<Desired, Problem> {
    let asked = async {
        let source = Source::tenant(visit.console.store.clone(), tenant.id).await?;
        let scope = Scope::new(settings, &source)?;
        let found = source
            .load(kind, &[local.to_owned()])
            .await?
            .pop()
            .flatten();
        Ok(scope.desired(kind, local, found.as_ref()))
    };
    asked.await.map_err(|stopped| act::problem(&stopped))
}
