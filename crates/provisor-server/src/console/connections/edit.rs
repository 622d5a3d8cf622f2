//! `/connections/new` and a connection's settings: one form for both.

use askama::Template;
use axum::response::Response;
use provisor_store::{Change, Connection, Identifier, Tenant, change::ConnectionSettings};
use scim::Profile;

use super::{named, path};
use crate::{
    console::{
        Problem,
        fields::Fields,
        layout::{Flash, Layout},
        setup::guide,
        tenants,
        visit::Visit,
    },
    new_connection::{self, Made},
};

/// How many tenants the form lists.
const LISTED: usize = 200;

#[derive(Template)]
#[template(path = "connections/edit.html")]
struct Form {
    layout: Layout,
    title: String,
    back: String,
    /// To choose from, for a new connection; an existing one stays in its tenant.
    tenants: Vec<Choice>,
    is_new: bool,
    name: String,
    idps: Vec<Choice>,
    profiles: Vec<Choice>,
    identifiers: Vec<Choice>,
    domains: String,
    reactivation: bool,
    unique_team_names: bool,
    /// What a new connection may have of it.
    team_names: Vec<Choice>,
    log_days: String,
    log_body_days: String,
    /// Days that the server keeps entries and bodies: the most.
    most: (i64, i64),
    error: Option<String>,
}

/// One of several things to choose.
struct Choice {
    value: String,
    label: String,
    is_on: bool,
}

const IDENTIFIERS: &[(Identifier, &str)] = &[
    (Identifier::UserName, "userName"),
    (
        Identifier::Email,
        "email: the primary e-mail, unique in the tenant",
    ),
    (Identifier::ExternalId, "externalId, unique in the tenant"),
];

/// Asks for a new connection.
pub(in crate::console) async fn form(visit: Visit) -> Result<Response, Problem> {
    let page = new_form(&visit, None).await?;
    visit.page(&page)
}

/// Makes it.
pub(in crate::console) async fn create(visit: Visit) -> Result<Response, Problem> {
    let wrong = match visit.form.given("tenant") {
        None => "Choose the tenant that the connection is for.".to_owned(),
        Some(key) => {
            let tenant = visit.tenant(key).await?;
            match read(&visit.form) {
                Ok(mut settings) => {
                    settings.unique_team_names = match visit.form.get("unique_team_names") {
                        "on" => Some(true),
                        "off" => Some(false),
                        _ => None,
                    };
                    let (store, origin) = (&*visit.console.store, visit.origin(tenant.id));
                    let outcome = new_connection::make(store, &origin, settings).await;
                    match Visit::refusal(outcome)? {
                        Ok(new) => return Ok(made(&visit, &tenant, new)),
                        Err(wrong) => wrong,
                    }
                }
                Err(wrong) => wrong,
            }
        }
    };
    let page = new_form(&visit, Some(wrong)).await?;
    visit.page_again(&page)
}

fn made(visit: &Visit, tenant: &Tenant, made: Made) -> Response {
    let connection = made.connection;
    let guide = format!("/setup/{}/{}", tenant.key, connection.id);
    let done = format!("“{}” is there. Set it up with this guide.", connection.name);
    let flash = match made.lacks {
        Some(lacks) => Flash::failed(format!("{done} {lacks}")),
        None => Flash::done(done),
    };
    visit.go(&guide, Some(flash))
}

/// Shows an existing connection's settings.
pub(in crate::console) async fn settings(visit: Visit) -> Result<Response, Problem> {
    let (tenant, connection) = named(&visit).await?;
    let sent = as_fields(&connection);
    let page = Form {
        title: format!("Settings of “{}”", connection.name),
        back: path(&tenant.key, connection.id),
        ..form_of(&visit, Some(&tenant), &sent, None)
    };
    visit.page(&page)
}

/// Changes them; a refusal, such as a list of duplicates, is shown in the form.
pub(in crate::console) async fn change(visit: Visit) -> Result<Response, Problem> {
    let (tenant, connection) = named(&visit).await?;
    let id = connection.id;
    let wrong = match read(&visit.form) {
        Ok(mut settings) => {
            // Only a new one may go without and is named after the provider; the store refuses this.
            settings.name.get_or_insert_default();
            let change = Change::SetConnection { id, settings };
            match visit.try_write(tenant.id, change).await? {
                Ok(_) => {
                    let done = "The settings are changed, and count from the next request on.";
                    return Ok(visit.go(&path(&tenant.key, id), Some(Flash::done(done))));
                }
                Err(wrong) => wrong,
            }
        }
        Err(wrong) => wrong,
    };
    visit.page_again(&Form {
        title: format!("Settings of “{}”", connection.name),
        back: path(&tenant.key, id),
        ..form_of(&visit, Some(&tenant), &visit.form, Some(wrong))
    })
}

async fn new_form(visit: &Visit, error: Option<String>) -> Result<Form, Problem> {
    let sent = match error {
        Some(_) => &visit.form,
        None => &visit.query,
    };
    let chosen = sent.get("tenant");
    let (found, _) = tenants::page(visit, LISTED).await?;
    let choice = |tenant: Tenant| Choice {
        is_on: tenant.key == chosen,
        label: format!("{} ({})", tenant.name, tenant.key),
        value: tenant.key,
    };
    Ok(Form {
        title: "New connection".to_owned(),
        back: "/connections".to_owned(),
        tenants: found.into_iter().map(choice).collect(),
        is_new: true,
        ..form_of(visit, None, sent, error)
    })
}

fn form_of(visit: &Visit, tenant: Option<&Tenant>, sent: &Fields, error: Option<String>) -> Form {
    let choice = |value: &str, label: &str, chosen: &str| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        is_on: value == chosen,
    };
    let idp = sent.given("idp").unwrap_or("okta");
    let mut idps: Vec<Choice> = guide::all()
        .iter()
        .map(|guide| choice(guide.idp(), capital(&guide.name), idp))
        .collect();
    if !idps.iter().any(|known| known.is_on) {
        // What the connection was named by API or command line stays choosable.
        idps.push(choice(idp, idp, idp));
    }
    let profile = sent.get("profile");
    let mut profiles = vec![choice("", "As the identity provider needs", profile)];
    profiles.extend(
        Profile::ALL
            .iter()
            .map(|known| choice(known.name, known.name, profile)),
    );
    let team_names = [
        ("", "As the identity provider needs"),
        ("on", "Unique in the tenant"),
        ("off", "Any"),
    ];
    let names = sent.get("unique_team_names");
    let team_names = team_names.map(|(value, label)| choice(value, label, names));
    let identifier = sent.given("identifier").unwrap_or("userName");
    let identifiers = IDENTIFIERS
        .iter()
        .map(|(known, label)| choice(known.as_str(), label, identifier));
    Form {
        layout: visit.layout("Connection", tenant),
        title: String::new(),
        back: String::new(),
        tenants: Vec::new(),
        is_new: false,
        name: sent.get("name").to_owned(),
        idps,
        profiles,
        identifiers: identifiers.collect(),
        domains: sent.get("domains").to_owned(),
        reactivation: sent.given("reactivation").is_some(),
        unique_team_names: sent.given("unique_team_names").is_some(),
        team_names: team_names.into(),
        log_days: sent.get("log_days").to_owned(),
        log_body_days: sent.get("log_body_days").to_owned(),
        most: visit.console.log.days(),
        error,
    }
}

fn capital(name: &str) -> &str {
    match name {
        "your identity provider" => "Another one",
        name => name,
    }
}

/// A connection as the form sends it.
fn as_fields(connection: &Connection) -> Fields {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("name", &connection.name);
    form.append_pair("idp", &connection.idp);
    form.append_pair("profile", connection.profile.name);
    form.append_pair("identifier", connection.identifier.as_str());
    form.append_pair("domains", &connection.domains.join(", "));
    for (name, is_on) in [
        ("reactivation", connection.reactivation),
        ("unique_team_names", connection.unique_team_names),
    ] {
        if is_on {
            form.append_pair(name, "on");
        }
    }
    for (name, days) in [
        ("log_days", connection.log_days),
        ("log_body_days", connection.log_body_days),
    ] {
        if let Some(days) = days {
            form.append_pair(name, &days.to_string());
        }
    }
    Fields::parse(form.finish().as_bytes())
}

/// What the form asks for.
fn read(form: &Fields) -> Result<ConnectionSettings, String> {
    let identifier = match form.given("identifier") {
        Some(name) => Some(
            name.parse::<Identifier>()
                .map_err(|wrong| format!("{wrong}."))?,
        ),
        None => None,
    };
    let domains = form
        .get("domains")
        .split([',', ' ', '\n', '\r'])
        .filter(|text| !text.is_empty());
    Ok(ConnectionSettings {
        name: form.given("name").map(str::to_owned),
        idp: form.given("idp").map(str::to_owned),
        profile: form.given("profile").map(str::to_owned),
        identifier,
        domains: Some(domains.map(str::to_owned).collect()),
        reactivation: Some(form.given("reactivation").is_some()),
        unique_team_names: Some(form.given("unique_team_names").is_some()),
        paused: None,
        log_days: Some(days(form, "log_days")?),
        log_body_days: Some(days(form, "log_body_days")?),
    })
}

/// A number of days; an empty field is as the server has it.
fn days(form: &Fields, name: &str) -> Result<u16, String> {
    let Some(text) = form.given(name) else {
        return Ok(0);
    };
    text.parse().map_err(|_| {
        format!("“{text}” is no number of days. Write one like 30, or leave the field empty.")
    })
}
