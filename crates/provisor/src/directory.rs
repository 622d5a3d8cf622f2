//! The directory as commands use it: found by what people type, changed in their name.

use std::sync::Arc;

use provisor_store::{
    Actor, Change, Connection, Id, Identifier, Origin, Outcome, PageStart, RequestId, Search,
    Snapshot, Store, Stored, Tenant, TenantId, WriteError, change::Written, search::Position,
};
use scim::{Fired, Profile, ResourceType, filter};

use crate::failure::Failure;

/// A store, and who changes it.
#[derive(Clone)]
pub(crate) struct Directory {
    store: Arc<dyn Store>,
    person: String,
}

impl Directory {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        let person = ["USER", "LOGNAME", "USERNAME"]
            .iter()
            .find_map(|variable| std::env::var(variable).ok())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "unknown".to_owned());
        Self { store, person }
    }

    /// One consistent view.
    pub(crate) async fn read(&self) -> Result<Box<dyn Snapshot>, Failure> {
        Ok(self.store.read().await?)
    }

    /// Makes a change in the name of the person at the command line.
    pub(crate) async fn write(&self, tenant: TenantId, change: Change) -> Result<Outcome, Failure> {
        Ok(self.try_write(tenant, change).await?)
    }

    /// As [`Directory::write`], with the store's own error.
    pub(crate) async fn try_write(
        &self,
        tenant: TenantId,
        change: Change,
    ) -> Result<Outcome, WriteError> {
        self.store.write(self.origin(tenant), change).await
    }

    /// The store itself, for rules that the server shares.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The same, for work that goes on beside.
    pub(crate) fn shared(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    /// The person at the command line.
    pub(crate) fn origin(&self, tenant: TenantId) -> Origin {
        Origin {
            tenant,
            request: RequestId::random(),
            actor: Actor::CommandLine(self.person.clone()),
            address: None,
        }
    }

    /// The tenant with this key.
    pub(crate) async fn tenant(&self, key: &str) -> Result<Tenant, Failure> {
        self.read().await?.tenant(key).await?.ok_or_else(|| {
            Failure::not_found(format!(
                "There is no tenant \"{key}\". `provisor tenant list` shows all."
            ))
        })
    }

    /// A tenant's resource type.
    pub(crate) async fn resource_type(
        &self,
        tenant: &Tenant,
        name: &str,
    ) -> Result<Arc<ResourceType>, Failure> {
        let registry = self.read().await?.registry(tenant.id).await?;
        registry
            .by_name(name)
            .cloned()
            .ok_or_else(|| Failure::not_found(format!("There is no resource type \"{name}\".")))
    }

    /// The user or team a person means: by id, else by the given attributes in their order.
    pub(crate) async fn find(
        &self,
        tenant: &Tenant,
        kind: &Arc<ResourceType>,
        attributes: &[&str],
        name: &str,
    ) -> Result<Option<Stored>, Failure> {
        let mut snapshot = self.read().await?;
        if let Ok(id) = name.parse::<Id>() {
            return Ok(snapshot.get(tenant.id, kind, id, true, false).await?);
        }
        for attribute in attributes {
            let mut search = page(kind, Some(&equals(attribute, name)), None, 2)?;
            search.teams = true;
            let answer = snapshot.search(tenant.id, &search).await??;
            let mut found = answer.resources;
            if found.len() > 1 {
                let ids: Vec<_> = found.iter().map(|stored| stored.id.to_string()).collect();
                return Err(Failure::failed(format!(
                    "{} have {attribute} \"{name}\". Name one by its id: {}{}",
                    if answer.total > 2 { "Several" } else { "Two" },
                    ids.join(", "),
                    if answer.total > 2 { ", …" } else { "" },
                )));
            }
            if let Some(stored) = found.pop() {
                return Ok(Some(stored));
            }
        }
        Ok(None)
    }
}

/// What a resource became, or a failure for an outcome that does not belong to the change.
pub(crate) fn written(outcome: Outcome) -> Result<Written, Failure> {
    match outcome {
        Outcome::Resource(written) => Ok(written),
        other => Err(unexpected(&other)),
    }
}

/// The store answered a change with the outcome of another one.
pub(crate) fn unexpected(outcome: &Outcome) -> Failure {
    Failure::failed(format!(
        "The database answered something unexpected: {outcome:?}. Please report this."
    ))
}

/// `attribute eq "value"`; a filter's strings are JSON strings (RFC 7644 section 3.4.2.2).
fn equals(attribute: &str, value: &str) -> String {
    format!("{attribute} eq {}", scim::Value::from(value))
}

/// A page over one resource type in order of creation, after a resource, narrowed by a filter.
pub(crate) fn page(
    kind: &Arc<ResourceType>,
    filter: Option<&str>,
    after: Option<Id>,
    count: usize,
) -> Result<Search, Failure> {
    let filter = match filter {
        Some(text) => {
            let expression = filter::Expression::parse(text, &filter::Limits::default())?;
            Some(expression.resolve(kind, &Profile::GENERIC, &mut Fired::default())?)
        }
        None => None,
    };
    Ok(Search {
        types: vec![(kind.clone(), filter)],
        sort: vec![None],
        start: match after {
            Some(id) => PageStart::After(Position {
                id,
                sorted_by: None,
            }),
            None => PageStart::Index(1),
        },
        count,
        teams: false,
        members: false,
        identifier: Identifier::UserName,
        token: None,
        fingerprint: String::new(),
    })
}

/// The tenant's connection with this name, or its only one.
pub(crate) fn connection<'c>(
    connections: &'c [Connection],
    tenant: &str,
    name: Option<&str>,
) -> Result<&'c Connection, Failure> {
    let names = || {
        let names: Vec<_> = connections
            .iter()
            .map(|connection| format!("\"{}\"", connection.name))
            .collect();
        names.join(", ")
    };
    match (name, connections) {
        (_, []) => Err(Failure::not_found(format!(
            "Tenant \"{tenant}\" has no connection. Make one with `provisor connection create --tenant {tenant}`."
        ))),
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure::failed(format!(
            "Tenant \"{tenant}\" has several connections: {}. Name one with --name.",
            names()
        ))),
        (Some(name), _) => connections
            .iter()
            .find(|connection| connection.name == name)
            .ok_or_else(|| {
                Failure::not_found(format!(
                    "Tenant \"{tenant}\" has no connection \"{name}\". It has {}.",
                    names()
                ))
            }),
    }
}
