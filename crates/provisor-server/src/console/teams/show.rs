//! `/teams/{tenant}/{team}`: one team, its members page by page, its history and requests.

use askama::Template;
use axum::response::Response;
use provisor_store::{Id, MemberRef, Tenant, target::Kind};
use serde_json::json;

use crate::{
    app_view,
    console::{
        Problem,
        attributes::{self, Group},
        called::Called,
        eyes::Eyes,
        layout::{Layout, Pager},
        moment::Moment,
        requests,
        targets::object,
        timeline::{self, Line},
        users::show::{Tab, named, tabs},
        visit::Visit,
    },
};

/// Members of a page.
const PAGE: usize = 50;
/// Events of the history.
const EVENTS: usize = 50;

struct Member {
    link: String,
    name: String,
    id: String,
    is_team: bool,
}

#[derive(Template)]
#[template(path = "teams/show.html")]
struct Page {
    layout: Layout,
    tenant: Tenant,
    id: String,
    name: String,
    external_id: String,
    created: Moment,
    updated: Moment,
    count: u64,
    tabs: Vec<Tab>,
    tab: String,
    members: Vec<Member>,
    pager: Pager,
    lines: Vec<Line>,
    requests: Vec<requests::Row>,
    groups: Vec<Group>,
    json: String,
    /// How it is in each target.
    there: String,
    is_masked: bool,
}

/// The page.
pub(in crate::console) async fn show(visit: Visit) -> Result<Response, Problem> {
    let (tenant, id) = named(&visit).await?;
    let (now, eyes) = (visit.now(), Eyes::of(&visit.viewer));
    let mut snapshot = visit.read().await?;
    let kind = snapshot.registry(tenant.id).await?.group().clone();
    let team = snapshot.get(tenant.id, &kind, id, false, false).await?;
    let team = team.ok_or_else(|| Problem::missing("team"))?;
    let after = visit.query.get("after").parse::<Id>().ok();
    let members = snapshot.members(tenant.id, id, after, PAGE + 1).await?;
    let mut members = members.unwrap_or_default();
    let more = members.len() > PAGE;
    members.truncate(PAGE);
    let next = members
        .last()
        .filter(|_| more)
        .map(|last| last.id.to_string());
    let events = snapshot.events_of(tenant.id, id, EVENTS).await?;
    let connections = snapshot.connections(tenant.id).await?;
    let told = events.iter().flat_map(timeline::told_members);
    let wanted = told.chain([id]).map(|id| (&tenant, id));
    let called = Called::read(snapshot.as_mut(), eyes, wanted).await?;
    let is_pushed = object::are_pushed(snapshot.as_mut(), &tenant).await?;
    drop(snapshot);
    let logged = requests::about(&visit.console, tenant.id, id, &events).await?;
    let view = app_view::resource(&team);
    let field = |name: &str| view[name].as_str().unwrap_or_default().to_owned();
    let path = format!("/teams/{}/{id}", tenant.key);
    let mut all = vec![
        ("Members", ""),
        ("History", "history"),
        ("Requests", "requests"),
        ("Attributes", "attributes"),
        ("SCIM JSON", "json"),
    ];
    if is_pushed {
        all.push(("Targets", "targets"));
    }
    let asked = visit.query.get("tab");
    let tab = all.iter().find(|(_, name)| *name == asked);
    // A team's own attributes name nobody; its members are masked one by one.
    let attributes = attributes::all(&team)?;
    visit.page(&Page {
        layout: visit.layout(&field("display_name"), Some(&tenant)),
        name: field("display_name"),
        external_id: field("external_id"),
        created: Moment::new(team.created, now),
        updated: Moment::new(team.modified, now),
        count: called.get(tenant.id, id).map_or(0, |team| team.members),
        tabs: tabs(&path, asked, &all),
        tab: tab.map_or("", |(_, name)| *name).to_owned(),
        members: members
            .iter()
            .map(|one| member(one, &tenant, eyes))
            .collect(),
        pager: Pager::new(&path, &visit.query, next.as_deref()),
        lines: events
            .iter()
            .map(|event| timeline::of_event(event, &tenant, &called, eyes, now))
            .collect(),
        requests: requests::rows(&logged, &connections, eyes, now),
        groups: attributes::groups(&team, &attributes),
        json: attributes::json_text(&team, attributes, json!([])),
        is_masked: eyes.are_masked(),
        there: match tab {
            Some((_, "targets")) => {
                object::everywhere(&visit, &tenant, Kind::Team, &id.to_string()).await?
            }
            _ => String::new(),
        },
        id: id.to_string(),
        tenant,
    })
}

fn member(member: &MemberRef, tenant: &Tenant, eyes: Eyes) -> Member {
    let place = if member.is_team { "teams" } else { "users" };
    let display = app_view::member(member)["display"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    Member {
        link: format!("/{place}/{}/{}", tenant.key, member.id),
        name: if member.is_team {
            display
        } else {
            eyes.word(&display)
        },
        id: member.id.to_string(),
        is_team: member.is_team,
    }
}
