//! Where users and teams come from, and which of them a target is for.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use provisor_store::{
    Id, Identifier, PageStart, Search, Store, Stored, TenantId, search::Position, target::Kind,
};
use scim::{
    Fired, Map, Profile, Registry, ResourceType, Value,
    filter::{Expression, Filter, Limits},
    fold::fold,
};

use super::{
    mapping,
    plan::{Absence, Desired},
    settings::TargetSettings,
    trouble::Stopped,
};

/// How many ids or members are read at a time.
const PAGE: usize = 500;

/// Users and teams to be pushed.
#[derive(Clone)]
pub enum Source {
    /// A tenant's directory.
    Tenant(TenantSource),
    /// What files say.
    Files(Arc<Files>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Source::Tenant(_) => "Source::Tenant",
            Source::Files(_) => "Source::Files",
        })
    }
}

/// A tenant's directory.
#[derive(Clone)]
pub struct TenantSource {
    store: Arc<dyn Store>,
    tenant: TenantId,
    user: Arc<ResourceType>,
    team: Arc<ResourceType>,
}

impl std::fmt::Debug for TenantSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TenantSource({})", self.tenant)
    }
}

/// Users and teams of files, by the key the files give them.
#[derive(Debug, Default, PartialEq)]
pub struct Files {
    /// Attributes of each user.
    pub users: BTreeMap<String, Map<String, Value>>,
    /// Members of each team, by their keys.
    pub teams: BTreeMap<String, Vec<String>>,
}

impl Source {
    /// A tenant's directory.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tenant(store: Arc<dyn Store>, tenant: TenantId) -> Result<Source, Stopped> {
        let registry = store.read().await?.registry(tenant).await?;
        let kind = |name: &str| {
            let kind = registry.by_name(name).cloned();
            kind.ok_or_else(|| Stopped::Store(format!("there is no resource type {name}")))
        };
        Ok(Source::Tenant(TenantSource {
            user: kind("User")?,
            team: kind("Group")?,
            store,
            tenant,
        }))
    }

    fn kind(&self, kind: Kind) -> Arc<ResourceType> {
        match (self, kind) {
            (Source::Tenant(tenant), Kind::Team) => tenant.team.clone(),
            (Source::Tenant(tenant), _) => tenant.user.clone(),
            (Source::Files(_), kind) => {
                let name = if kind == Kind::Team { "Group" } else { "User" };
                let registry = Registry::builtin();
                registry
                    .by_name(name)
                    .cloned()
                    .expect("every registry has users and groups")
            }
        }
    }

    /// Ids in order, after one.
    pub(super) async fn ids(
        &self,
        kind: Kind,
        after: Option<&str>,
    ) -> Result<Vec<String>, Stopped> {
        let tenant = match self {
            Source::Tenant(tenant) => tenant,
            Source::Files(files) => {
                let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
                let range = (from, std::ops::Bound::Unbounded);
                return Ok(match kind {
                    Kind::Team => files
                        .teams
                        .range::<str, _>(range)
                        .take(PAGE)
                        .map(|(id, _)| id.clone())
                        .collect(),
                    _ => files
                        .users
                        .range::<str, _>(range)
                        .take(PAGE)
                        .map(|(id, _)| id.clone())
                        .collect(),
                });
            }
        };
        let start = match after.and_then(|after| after.parse::<Id>().ok()) {
            Some(id) => PageStart::After(Position {
                id,
                sorted_by: None,
            }),
            None => PageStart::Index(1),
        };
        let search = Search {
            types: vec![(self.kind(kind), None)],
            sort: vec![None],
            start,
            count: PAGE,
            teams: false,
            members: false,
            identifier: Identifier::UserName,
            token: None,
            fingerprint: String::new(),
        };
        let page = tenant
            .store
            .read()
            .await?
            .search(tenant.tenant, &search)
            .await?;
        let page = page.map_err(|refusal| Stopped::Store(refusal.error.detail.to_string()))?;
        Ok(page
            .resources
            .iter()
            .map(|stored| stored.id.to_string())
            .collect())
    }

    /// Attributes of users or teams, in the order asked for; `None` for what is not there.
    pub(crate) async fn load(
        &self,
        kind: Kind,
        locals: &[String],
    ) -> Result<Vec<Option<Map<String, Value>>>, Stopped> {
        let tenant = match self {
            Source::Tenant(tenant) => tenant,
            Source::Files(files) => {
                let found = locals.iter().map(|local| match kind {
                    Kind::Team => files.teams.get(local).map(|_| {
                        let mut team = Map::new();
                        team.insert("displayName".into(), local.as_str().into());
                        team
                    }),
                    _ => files.users.get(local).cloned(),
                });
                return Ok(found.collect());
            }
        };
        let resource_type = self.kind(kind);
        let mut snapshot = tenant.store.read().await?;
        let mut found = Vec::with_capacity(locals.len());
        for local in locals {
            let stored = match local.parse::<Id>() {
                Ok(id) => {
                    snapshot
                        .get(tenant.tenant, &resource_type, id, false, false)
                        .await?
                }
                Err(_) => None,
            };
            found.push(stored.as_ref().map(attributes).transpose()?);
        }
        Ok(found)
    }

    /// Members of a team, by their ids here.
    pub(super) async fn members(&self, team: &str) -> Result<Vec<(Kind, String)>, Stopped> {
        let tenant = match self {
            Source::Tenant(tenant) => tenant,
            Source::Files(files) => {
                let members = files.teams.get(team).into_iter().flatten();
                return Ok(members.map(|member| (Kind::User, member.clone())).collect());
            }
        };
        let Ok(team) = team.parse::<Id>() else {
            return Ok(Vec::new());
        };
        let (mut members, mut after) = (Vec::new(), None);
        let mut snapshot = tenant.store.read().await?;
        loop {
            let page = snapshot
                .members(tenant.tenant, team, after, PAGE)
                .await?
                .unwrap_or_default();
            after = page.last().map(|member| member.id);
            let full = page.len() == PAGE;
            members.extend(page.into_iter().map(|member| {
                let kind = if member.is_team {
                    Kind::Team
                } else {
                    Kind::User
                };
                (kind, member.id.to_string())
            }));
            if !full {
                return Ok(members);
            }
        }
    }

    /// Teams that users or teams belong to directly.
    pub(super) async fn teams_of(
        &self,
        kind: Kind,
        locals: &[String],
    ) -> Result<Vec<String>, Stopped> {
        let tenant = match self {
            Source::Tenant(tenant) => tenant,
            // Of files, no team is a member.
            Source::Files(_) if kind == Kind::Team => return Ok(Vec::new()),
            Source::Files(files) => {
                let locals: HashSet<&String> = locals.iter().collect();
                let teams = files.teams.iter();
                let of =
                    teams.filter(|(_, members)| members.iter().any(|one| locals.contains(one)));
                return Ok(of.map(|(team, _)| team.clone()).collect());
            }
        };
        let resource_type = self.kind(kind);
        let mut teams = std::collections::BTreeSet::new();
        for chunk in locals.chunks(PAGE) {
            let mut snapshot = tenant.store.read().await?;
            for id in chunk.iter().filter_map(|local| local.parse::<Id>().ok()) {
                let stored = snapshot
                    .get(tenant.tenant, &resource_type, id, true, false)
                    .await?;
                let of = stored.and_then(|stored| stored.teams).unwrap_or_default();
                teams.extend(
                    of.iter()
                        .filter(|team| team.direct)
                        .map(|team| team.id.to_string()),
                );
            }
        }
        Ok(teams.into_iter().collect())
    }
}

/// A resource's attributes, those returned on request among them.
fn attributes(stored: &Stored) -> Result<Map<String, Value>, Stopped> {
    let object = |bytes: &[u8]| {
        serde_json::from_slice::<Map<String, Value>>(bytes).map_err(|error| {
            Stopped::Store(format!("the document of {} is damaged: {error}", stored.id))
        })
    };
    let rest = stored.rest.as_deref().map(object).transpose()?;
    Ok(scim::project::join(object(&stored.document)?, rest))
}

/// A filter of the settings, bound to a resource type.
pub(super) fn filter(text: &str, kind: &ResourceType) -> Result<Filter, String> {
    let filter = Expression::parse(text, &Limits::default())
        .and_then(|filter| filter.resolve(kind, &Profile::GENERIC, &mut Fired::default()))
        .map_err(|error| format!("The filter {text:?} cannot be used: {}", error.detail))?;
    match NOT_IN_DOCUMENTS.iter().find(|name| filter.mentions(name)) {
        Some(name) => Err(format!(
            "The filter {text:?} cannot be used: who is pushed is decided by a resource's own attributes, and \"{name}\" is \
             none of them, so that nobody would match and all would lose their access. Filter by another attribute."
        )),
        None => Ok(filter),
    }
}

/// What a resource is answered with, but does not have of itself.
const NOT_IN_DOCUMENTS: [&str; 5] = ["groups", "members", "id", "meta", "schemas"];

/// Which users and teams a target is for, and what it should hold of them.
#[derive(Debug)]
pub struct Scope {
    users: Option<Filter>,
    teams: Option<Filter>,
    names: Vec<String>,
    settings: TargetSettings,
}

impl Scope {
    /// As the settings say.
    ///
    /// # Errors
    /// A filter that cannot be used.
    pub fn new(settings: &TargetSettings, source: &Source) -> Result<Scope, Stopped> {
        let bound = |text: &Option<String>, kind: Kind| {
            let text = text.as_deref().filter(|text| !text.trim().is_empty());
            text.map(|text| filter(text, &source.kind(kind)))
                .transpose()
                .map_err(Stopped::Settings)
        };
        Ok(Scope {
            users: bound(&settings.users, Kind::User)?,
            teams: bound(&settings.only_teams, Kind::Team)?,
            names: settings
                .team_names
                .iter()
                .map(|name| fold(name).into_owned())
                .collect(),
            settings: settings.clone(),
        })
    }

    /// What the target should hold.
    pub fn desired(&self, kind: Kind, local: &str, source: Option<&Map<String, Value>>) -> Desired {
        let Some(source) = source else {
            return Desired::Absent(Absence::Deleted);
        };
        if kind == Kind::Team {
            let name = mapping::field(source, "displayName")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let everything = self.teams.is_none() && self.names.is_empty();
            let chosen = self
                .teams
                .as_ref()
                .is_some_and(|filter| filter.matches(source))
                || self.names.contains(&fold(name).into_owned());
            return if everything || chosen {
                Desired::Present(mapping::team(local, source))
            } else {
                Desired::Absent(Absence::OutOfScope)
            };
        }
        if self
            .users
            .as_ref()
            .is_some_and(|filter| !filter.matches(source))
        {
            return Desired::Absent(Absence::OutOfScope);
        }
        if mapping::field(source, "active") == Some(&Value::Bool(false)) {
            return Desired::Absent(Absence::Inactive);
        }
        let settings = &self.settings;
        Desired::Present(mapping::user(
            local,
            source,
            settings.only_rules,
            &settings.rules,
        ))
    }
}

/// What the log calls a user or team.
pub(super) fn label(kind: Kind, source: &Map<String, Value>) -> Option<String> {
    let name = if kind == Kind::Team {
        "displayName"
    } else {
        "userName"
    };
    Some(mapping::field(source, name)?.as_str()?.to_owned())
}
