//! `provisor person`: who may sign in to the console.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use provisor_store::{
    Change, Clock, Outcome, PeopleChange, Person as Record, Purpose, Role, TenantId,
};
use scim::Value;
use serde_json::json;

use super::{Context, argument, serve};
use crate::{
    directory::{Directory, unexpected},
    failure::Failure,
    open::Missing,
    terminal::{self, Form},
};

/// How long an invitation is good for.
const INVITATION: Duration = Duration::from_secs(7 * 86_400);
/// How long a sign-in link is good for.
const SIGN_IN: Duration = Duration::from_secs(3600);
/// The first owner, until there are real ones.
const FIRST: &str = "owner@localhost";

#[derive(Debug, Subcommand)]
pub(crate) enum Person {
    /// Let somebody sign in, and print the link that invites them
    #[command(after_help = "\
Examples:
  provisor person add anna@example.com --role owner
  provisor person add sam@example.com --role support --tenant acme --tenant beta

Roles: owner (everything), operator (everything but people), support (finds out why; personal values
masked, no tokens), auditor (sees, changes nothing). The link works once, within seven days.
Standard output carries the link and nothing else.")]
    Add {
        /// What they sign in with
        email: String,
        /// owner, operator, support or auditor
        #[arg(long)]
        role: Role,
        /// Only this tenant (repeat for more) [default: all]
        #[arg(long = "tenant", value_name = "KEY")]
        tenants: Vec<String>,
        /// Shown to others
        #[arg(long, default_value = "", hide_default_value = true)]
        name: String,
        #[command(flatten)]
        base: Base,
    },
    /// List everybody who may sign in
    #[command(after_help = "Example:\n  provisor person list --json")]
    List,
    /// Change role, tenants or name; effective at once, in open sessions too
    #[command(after_help = "\
Examples:
  provisor person set sam@example.com --role operator
  provisor person set sam@example.com --all-tenants")]
    Set {
        /// Whom
        email: String,
        /// owner, operator, support or auditor
        #[arg(long)]
        role: Option<Role>,
        /// Only this tenant (repeat for more)
        #[arg(long = "tenant", value_name = "KEY", conflicts_with = "all_tenants")]
        tenants: Vec<String>,
        /// All tenants, those to come too
        #[arg(long)]
        all_tenants: bool,
        /// Shown to others
        #[arg(long)]
        name: Option<String>,
    },
    /// Remove somebody; their sessions and links end at once
    #[command(after_help = "Example:\n  provisor person remove sam@example.com")]
    Remove {
        /// Whom
        email: String,
    },
    /// Take back somebody's invitation and other links that nobody has used yet
    #[command(after_help = "Example:\n  provisor person unlink sam@example.com")]
    Unlink {
        /// Whose
        email: String,
    },
    /// Print a link that signs somebody in once, within an hour
    #[command(after_help = "Example:\n  provisor person link anna@example.com")]
    Link {
        /// Whom
        email: String,
        #[command(flatten)]
        base: Base,
    },
}

/// What links begin with.
#[derive(Debug, Args)]
pub(crate) struct Base {
    /// File with the server's settings, for its public_url
    #[arg(long, value_name = "FILE", env = "PROVISOR_CONFIG")]
    config: Option<PathBuf>,
    /// What people call the console [default: admin_listen, else public_url, else listen]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

impl Base {
    fn url(self) -> Result<String, Failure> {
        let flags: Vec<_> = self
            .public_url
            .clone()
            .map(|url| ("public_url".to_owned(), url))
            .into_iter()
            .collect();
        let config = serve::load(self.config.as_deref(), &flags)?;
        if self.public_url.is_some() {
            return Ok(config.server.public_url.unwrap_or_default());
        }
        Ok(config.console_url(config.listen, config.admin_listen))
    }
}

impl Person {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Person::Add {
                email,
                role,
                tenants,
                name,
                base,
            } => {
                let base = base.url()?;
                let directory = context.directory_or(Missing::Create)?;
                let tenants = ids(&directory, &tenants).await?;
                let change = PeopleChange::Add {
                    email,
                    name,
                    role,
                    tenants: (!tenants.is_empty()).then_some(tenants),
                };
                let person = change_person(&directory, change).await?;
                let purpose = Purpose::Invite(person.id);
                let link = link(&directory, &context.clock, purpose, INVITATION, &base).await?;
                terminal::note(&format!(
                    "{} may sign in as {}. Give them this link; it works once, within seven days.",
                    person.email,
                    person.role.as_str()
                ));
                terminal::line(&link)
            }
            Person::List => list(context).await,
            Person::Set {
                email,
                role,
                tenants,
                all_tenants,
                name,
            } => {
                let directory = context.directory()?;
                let person = find(&directory, &email).await?;
                let named = ids(&directory, &tenants).await?;
                let change = PeopleChange::Set {
                    id: person.id,
                    name,
                    role,
                    tenants: match (all_tenants, named.is_empty()) {
                        (true, _) => Some(None),
                        (false, true) => None,
                        (false, false) => Some(Some(named)),
                    },
                };
                let person = change_person(&directory, change).await?;
                terminal::note(&format!("{} is {}.", person.email, person.role.as_str()));
                Ok(())
            }
            Person::Remove { email } => {
                let directory = context.directory()?;
                let person = find(&directory, &email).await?;
                let change = PeopleChange::Remove { id: person.id };
                change_person(&directory, change).await?;
                terminal::note(&format!("{} cannot sign in any more.", person.email));
                Ok(())
            }
            Person::Unlink { email } => {
                let directory = context.directory()?;
                let person = find(&directory, &email).await?;
                let now = context.clock.now();
                let links = directory.read().await?.person_links().await?;
                let own = links.iter().filter(|link| {
                    link.is_good(now)
                        && matches!(
                            link.purpose,
                            Purpose::Invite(id) | Purpose::SignIn(id) if id == person.id
                        )
                });
                let mut count = 0;
                for link in own {
                    let change = Change::People(PeopleChange::RevokeLink { id: link.id });
                    directory.write(TenantId::SYSTEM, change).await?;
                    count += 1;
                }
                terminal::note(&match count {
                    0 => format!("There is no open link for {}.", person.email),
                    1 => format!("The link for {} cannot be used any more.", person.email),
                    _ => format!(
                        "{count} links for {} cannot be used any more.",
                        person.email
                    ),
                });
                Ok(())
            }
            Person::Link { email, base } => {
                let base = base.url()?;
                let directory = context.directory()?;
                let person = find(&directory, &email).await?;
                let purpose = Purpose::SignIn(person.id);
                let link = link(&directory, &context.clock, purpose, SIGN_IN, &base).await?;
                terminal::line(&link)
            }
        }
    }
}

/// A link that signs the first owner in, who is made if there is nobody. `None` if there is
/// somebody and `always` is false.
pub(super) async fn first_link(
    directory: &Directory,
    clock: &Clock,
    base: &str,
    always: bool,
) -> Result<Option<String>, Failure> {
    let people = directory.read().await?.people().await?;
    let owner = match people.iter().find(|person| person.role == Role::Owner) {
        Some(_) if !always => return Ok(None),
        Some(owner) => owner.id,
        None => {
            let change = PeopleChange::Add {
                email: FIRST.to_owned(),
                name: String::new(),
                role: Role::Owner,
                tenants: None,
            };
            change_person(directory, change).await?.id
        }
    };
    let link = link(directory, clock, Purpose::SignIn(owner), SIGN_IN, base).await?;
    Ok(Some(link))
}

async fn change_person(directory: &Directory, change: PeopleChange) -> Result<Record, Failure> {
    match directory
        .write(TenantId::SYSTEM, Change::People(change))
        .await?
    {
        Outcome::Person(person) => Ok(person),
        other => Err(unexpected(&other)),
    }
}

async fn link(
    directory: &Directory,
    clock: &Clock,
    purpose: Purpose,
    life: Duration,
    base: &str,
) -> Result<String, Failure> {
    let change = Change::People(PeopleChange::CreateLink {
        purpose,
        expires: clock.now().saturating_add(argument::millis(life)),
    });
    match directory.write(TenantId::SYSTEM, change).await? {
        Outcome::Link(_, secret) => Ok(format!("{base}/link/{}", secret.reveal())),
        other => Err(unexpected(&other)),
    }
}

async fn find(directory: &Directory, email: &str) -> Result<Record, Failure> {
    let found = directory.read().await?.person(email).await?;
    found.map(|(person, _)| person).ok_or_else(|| {
        Failure::not_found(format!(
            "Nobody signs in as {email}. `provisor person list` shows everybody."
        ))
    })
}

async fn ids(directory: &Directory, keys: &[String]) -> Result<Vec<TenantId>, Failure> {
    let mut ids = Vec::with_capacity(keys.len());
    for key in keys {
        ids.push(directory.tenant(key).await?.id);
    }
    Ok(ids)
}

async fn list(context: &Context) -> Result<(), Failure> {
    let mut snapshot = context.directory()?.read().await?;
    let people = snapshot.people().await?;
    let presences = snapshot.presences().await?;
    let links = snapshot.person_links().await?;
    let mut views: Vec<Value> = Vec::with_capacity(people.len());
    for person in &people {
        let presence = presences.iter().find(|known| known.person == person.id);
        let mut invitations = links
            .iter()
            .filter(|link| !person.has_password && link.purpose == Purpose::Invite(person.id));
        let invited_until = invitations.next().map(|link| link.expires);
        let mut keys = None;
        if let Some(named) = &person.tenants {
            let mut found = Vec::new();
            for tenant in named {
                found.extend(
                    snapshot
                        .tenant_by_id(*tenant)
                        .await?
                        .map(|tenant| tenant.key),
                );
            }
            keys = Some(found);
        }
        views.push(json!({
            "email": person.email,
            "name": person.name,
            "role": person.role.as_str(),
            "tenants": keys,
            "has_password": person.has_password,
            "invited_until": invited_until.map(scim::datetime::format_millis),
            "last_seen": presence.map(|known| scim::datetime::format_millis(known.last_seen)),
            "sessions": presence.map_or(0, |known| known.sessions),
            "created": scim::datetime::format_millis(person.created),
        }));
    }
    terminal::list(
        Form::new(context.json, false),
        &[
            "email",
            "name",
            "role",
            "tenants",
            "password",
            "invited until",
            "last seen",
            "sessions",
        ],
        &views,
        |view| {
            let text = |field: &str| crate::views::text(view, field);
            vec![
                text("email"),
                text("name"),
                text("role"),
                match view["tenants"].is_null() {
                    true => "all".to_owned(),
                    false => text("tenants"),
                },
                match view["has_password"] == true {
                    true => "set".to_owned(),
                    false => "none yet".to_owned(),
                },
                text("invited_until"),
                text("last_seen"),
                text("sessions"),
            ]
        },
        Clone::clone,
    )
}
