//! Somebody new, and the one-time link that lets them in, shown once.

use askama::Template;
use axum::response::Response;
use provisor_store::{Change, Outcome, PeopleChange, Person, Purpose, Role, TenantId};

use super::{
    INVITATION, PEOPLE, SIGN_IN, change, meaning, named, path,
    tenants::{self, Choice},
};
use crate::console::{Problem, layout::Layout, moment::Moment, visit::Visit};

#[derive(Template)]
#[template(path = "people/new.html")]
struct Form {
    layout: Layout,
    email: String,
    name: String,
    roles: Vec<RoleChoice>,
    choice: Choice,
    error: Option<String>,
}

/// A role to choose.
pub(super) struct RoleChoice {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) is_on: bool,
}

/// Every role, the least first, with the one that is chosen.
pub(super) fn roles(chosen: Role) -> Vec<RoleChoice> {
    let all = Role::ALL.iter().rev();
    all.map(|role| RoleChoice {
        name: role.as_str(),
        meaning: meaning(*role),
        is_on: *role == chosen,
    })
    .collect()
}

/// The link, this once.
#[derive(Template)]
#[template(path = "people/link.html")]
struct Made {
    layout: Layout,
    email: String,
    is_invitation: bool,
    url: String,
    expires: Moment,
    back: String,
}

/// Asks who it is.
pub(in crate::console) async fn form(visit: Visit) -> Result<Response, Problem> {
    visit.page(&Form {
        layout: visit.layout("Invite somebody", None),
        email: String::new(),
        name: String::new(),
        roles: roles(Role::Support),
        choice: Choice::new(&visit, true, &[]).await?,
        error: None,
    })
}

/// Adds the person and shows the invitation, this once.
pub(in crate::console) async fn create(visit: Visit) -> Result<Response, Problem> {
    match try_add(&visit).await? {
        Ok(person) => show_link(&visit, &person).await,
        Err(wrong) => {
            let page = Form {
                layout: visit.layout("Invite somebody", None),
                email: visit.form.get("email").to_owned(),
                name: visit.form.get("name").to_owned(),
                roles: roles(visit.form.get("role").parse().unwrap_or(Role::Support)),
                choice: Choice::sent(&visit).await?,
                error: Some(wrong),
            };
            visit.page_again(&page)
        }
    }
}

async fn try_add(visit: &Visit) -> Result<Result<Person, String>, Problem> {
    let role: Role = match visit.form.get("role").parse() {
        Ok(role) => role,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let tenants = match tenants::chosen(visit, role).await? {
        Ok(tenants) => tenants,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let add = PeopleChange::Add {
        email: visit.form.get("email").to_owned(),
        name: visit.form.get("name").to_owned(),
        role,
        tenants,
    };
    change(visit, add).await
}

/// Makes a new link for somebody: an invitation, until they have used one.
pub(in crate::console) async fn link(visit: Visit) -> Result<Response, Problem> {
    let person = named(&visit).await?;
    show_link(&visit, &person).await
}

async fn show_link(visit: &Visit, person: &Person) -> Result<Response, Problem> {
    let is_invitation = !person.has_password;
    let (purpose, life) = match is_invitation {
        true => (Purpose::Invite(person.id), INVITATION),
        false => (Purpose::SignIn(person.id), SIGN_IN),
    };
    let expires = visit.now().saturating_add(life);
    let change = Change::People(PeopleChange::CreateLink { purpose, expires });
    let outcome = visit.write(TenantId::SYSTEM, change).await?;
    let Outcome::Link(_, secret) = outcome else {
        return Err(Problem::internal(&"a link was to be made, and was not"));
    };
    visit.page(&Made {
        layout: visit.layout(
            match is_invitation {
                true => "Invitation",
                false => "Sign-in link",
            },
            None,
        ),
        email: person.email.clone(),
        is_invitation,
        url: format!("{}/link/{}", visit.channel.origin, secret.reveal()),
        expires: Moment::new(expires, visit.now()),
        back: path(person.id),
    })
}

impl Form {
    fn back(&self) -> &'static str {
        PEOPLE
    }
}
