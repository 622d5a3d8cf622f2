//! `/users/{tenant}/{user}`: one user, in tabs that are links.

use askama::Template;
use axum::response::Response;
use provisor_store::{Id, Stored, Tenant, target::Kind};
use scim::Value;
use serde_json::json;

use super::act::{self, Act};
use crate::{
    app_view,
    console::{
        Action, Problem,
        attributes::{self, Group},
        explained::{self, Explained},
        eyes::Eyes,
        layout::Layout,
        moment::Moment,
        requests,
        targets::object,
        visit::Visit,
    },
    why::Gathered,
};

/// A part of the page.
pub(in crate::console) struct Tab {
    pub(in crate::console) label: &'static str,
    pub(in crate::console) link: String,
    pub(in crate::console) is_on: bool,
}

/// The tabs of a page; the first has no name.
pub(in crate::console) fn tabs(
    path: &str,
    on: &str,
    all: &[(&'static str, &'static str)],
) -> Vec<Tab> {
    let known = all.iter().any(|(_, name)| *name == on);
    let tab = |(label, name): &(&'static str, &'static str)| Tab {
        label,
        link: match *name {
            "" => path.to_owned(),
            name => format!("{path}?tab={name}"),
        },
        is_on: if known { *name == on } else { name.is_empty() },
    };
    all.iter().map(tab).collect()
}

/// A team of the user.
struct Team {
    link: String,
    name: String,
    is_direct: bool,
}

/// What can be done with the user.
struct Button {
    label: &'static str,
    link: String,
    class: &'static str,
}

#[derive(Template)]
#[template(path = "users/show.html")]
struct Page {
    layout: Layout,
    tenant: Tenant,
    id: String,
    name: String,
    user_name: String,
    external_id: String,
    app_id: String,
    created: Moment,
    updated: Moment,
    deleted: Option<Moment>,
    why: Explained,
    rehire: Option<String>,
    buttons: Vec<Button>,
    tabs: Vec<Tab>,
    tab: String,
    groups: Vec<Group>,
    teams: Vec<Team>,
    requests: Vec<requests::Row>,
    json: String,
    /// How it is in each target.
    there: String,
    is_masked: bool,
}

/// The page.
pub(in crate::console) async fn show(visit: Visit) -> Result<Response, Problem> {
    let (tenant, id) = named(&visit).await?;
    let mut snapshot = visit.read().await?;
    let registry = snapshot.registry(tenant.id).await?;
    let user = snapshot
        .get(tenant.id, registry.user(), id, true, false)
        .await?;
    if user.is_none() {
        let team = snapshot
            .get(tenant.id, registry.group(), id, false, false)
            .await?;
        if team.is_some() {
            return Ok(visit.go(&format!("/teams/{}/{id}", tenant.key), None));
        }
    }
    let gathered = Gathered::read(snapshot.as_mut(), tenant.id, &id.to_string(), user).await?;
    let is_pushed = object::are_pushed(snapshot.as_mut(), &tenant).await?;
    drop(snapshot);
    let mut gathered = explained::read_log(&visit.console, tenant.id, gathered).await?;
    let Some(user) = gathered.known().cloned() else {
        return Err(Problem::missing("user"));
    };
    let (now, eyes) = (visit.now(), Eyes::of(&visit.viewer));
    let may_change = visit.viewer.may(Action::ChangeUsers);
    let is_rehire = may_change && act::rehire(&gathered).is_some();
    let view = app_view::resource(&user);
    let field = |name: &str| eyes.word(view[name].as_str().unwrap_or_default());
    let user_name = field("user_name");
    if eyes.are_masked() {
        gathered.mask(user_name.clone());
    } else {
        gathered.name.clone_from(&user_name);
    }
    let why = Explained::new(&visit, &gathered, &tenant).await?;
    let path = format!("/users/{}/{id}", tenant.key);
    let deleted = gathered.tombstone.as_ref().map(|(_, at)| *at);
    let buttons = match may_change {
        true => buttons(&path, &view, deleted.is_some()),
        false => Vec::new(),
    };
    let asked = visit.query.get("tab");
    let mut all = vec![
        ("Why", ""),
        ("Attributes", "attributes"),
        ("Teams", "teams"),
        ("Requests", "requests"),
        ("SCIM JSON", "json"),
    ];
    if is_pushed {
        all.push(("Targets", "targets"));
    }
    let tab = all.iter().find(|(_, name)| *name == asked);
    let attributes = eyes.attributes(attributes::all(&user)?);
    let log = gathered.log.as_ref();
    let logged = log.map_or(&[][..], |log| &log.requests);
    visit.page(&Page {
        layout: visit.layout(&user_name, Some(&tenant)),
        name: super::name(&view, eyes),
        external_id: field("external_id"),
        app_id: field("app_id"),
        created: Moment::new(user.created, now),
        updated: Moment::new(user.modified, now),
        deleted: deleted.map(|at| Moment::new(at, now)),
        rehire: is_rehire.then(|| format!("{path}/{}", Act::Link.name())),
        buttons,
        tabs: tabs(&path, asked, &all),
        tab: tab.map_or("", |(_, name)| *name).to_owned(),
        groups: attributes::groups(&user, &attributes),
        teams: teams(&user, &tenant),
        requests: requests::rows(logged, &gathered.connections, eyes, now),
        json: attributes::json_text(&user, attributes, groups(&user)),
        is_masked: eyes.are_masked(),
        there: match tab {
            Some((_, "targets")) => {
                object::everywhere(&visit, &tenant, Kind::User, &id.to_string()).await?
            }
            _ => String::new(),
        },
        id: id.to_string(),
        why,
        user_name,
        tenant,
    })
}

/// The tenant and the id that the path names.
pub(in crate::console) async fn named(visit: &Visit) -> Result<(Tenant, Id), Problem> {
    let tenant = visit.tenant(visit.parameter("tenant")).await?;
    let id = visit.parameter("id").parse::<Id>();
    let id = id.map_err(|_| Problem::missing("user or team"))?;
    Ok((tenant, id))
}

fn buttons(path: &str, view: &Value, is_deleted: bool) -> Vec<Button> {
    let acts = match (is_deleted, view["active"] != Value::Bool(false)) {
        (true, _) => [Act::Restore, Act::Erase].as_slice(),
        (false, true) => &[Act::Deactivate, Act::Delete, Act::Erase],
        (false, false) => &[Act::Reactivate, Act::Delete, Act::Erase],
    };
    let button = |act: &Act| Button {
        label: act.label(),
        link: format!("{path}/{}", act.name()),
        class: match act {
            Act::Delete | Act::Erase => "btn--danger",
            _ => "",
        },
    };
    acts.iter().map(button).collect()
}

fn teams(user: &Stored, tenant: &Tenant) -> Vec<Team> {
    let teams = user.teams.iter().flatten().map(|team| Team {
        link: format!("/teams/{}/{}", tenant.key, team.id),
        name: team.display.clone(),
        is_direct: team.direct,
    });
    teams.collect()
}

fn groups(user: &Stored) -> Value {
    let teams = user.teams.iter().flatten().map(|team| {
        json!({
            "value": team.id.to_string(),
            "display": team.display,
            "type": if team.direct { "direct" } else { "indirect" },
        })
    });
    teams.collect()
}
