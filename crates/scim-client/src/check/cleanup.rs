//! What a run may delete, removing it, and saying what could not be removed.

use std::{
    collections::BTreeSet,
    sync::{MutexGuard, PoisonError, atomic::Ordering},
};

use reqwest::Method;
use serde_json::Value;

use super::{
    assertion::{Step, Stop},
    probe::{Feature, World, encoded},
};
use crate::{
    client::Client,
    exchange::{Exchange, Request},
};

/// Whose client is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tenant {
    First,
    Second,
}

/// What the run created: a path below the base URL, in the tenant in which it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Own {
    tenant: Tenant,
    path: String,
}

impl World<'_> {
    /// Whether a check may send this. Nothing is deleted but what the run created, alone or in a Bulk job: what a
    /// check takes from an answer may be anybody's, where the server is wrong about filters.
    pub(super) fn admit(&self, request: &Request) -> Step {
        if self.stopping.load(Ordering::Relaxed) {
            return Err(Stop::NotRun("the run was stopped".to_owned()));
        }
        match self
            .deleted_by(request)
            .iter()
            .find(|path| !self.is_own(path))
        {
            None => Ok(()),
            Some(path) => Err(Stop::NotRun(format!(
                "DELETE {path} was not sent: this run did not create it"
            ))),
        }
    }

    /// The paths that a request deletes.
    fn deleted_by(&self, request: &Request) -> Vec<String> {
        if request.method == Method::DELETE {
            return vec![request.path.clone()];
        }
        let body = request.body.as_deref().unwrap_or_default();
        let job: Value = match request.path.as_str() {
            "/Bulk" => serde_json::from_slice(body).unwrap_or_default(),
            _ => return Vec::new(),
        };
        let deletes = |operation: &&Value| {
            let method = operation["method"].as_str().unwrap_or_default();
            method.eq_ignore_ascii_case("DELETE")
        };
        let path = |operation: &Value| {
            let path = operation["path"].as_str().unwrap_or_default();
            let below = path.strip_prefix(self.client.base()).unwrap_or(path);
            below.to_owned()
        };
        let operations = job["Operations"].as_array().into_iter().flatten();
        operations.filter(deletes).map(path).collect()
    }

    /// Whether the run created what stands there, or its id says so: by the mark, or by a reference to the same job.
    fn is_own(&self, path: &str) -> bool {
        let Some((_, id)) = path.trim_start_matches('/').split_once('/') else {
            return false;
        };
        // These lead elsewhere once they stand in a URL, an empty one to the whole endpoint.
        let dots = id.to_ascii_lowercase().replace("%2e", ".");
        let strays = id.contains(['/', '\\', '?', '#']) || dots.trim_matches('.').is_empty();
        let created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        !strays
            && (id.starts_with(&self.mark) || id.starts_with("bulkId:") || created.contains(path))
    }

    /// Notes what an exchange created or deleted, so that it can be cleaned up.
    pub(super) fn note(&self, tenant: Tenant, exchange: &Exchange) {
        let Exchange {
            request, answer, ..
        } = exchange;
        if request.method == Method::DELETE && answer.is_success() {
            let gone = |own: &Own| own.tenant == tenant && own.path == request.path;
            self.made().retain(|own| !gone(own));
        }
        let endpoint = request.path.trim_matches('/');
        // A search is a POST as well, and creates nothing.
        let creates = request.method == Method::POST && !endpoint.contains(['/', '.']);
        if !creates || !answer.is_success() {
            return;
        }
        let last = |location: &str| {
            Some(
                location
                    .trim_end_matches('/')
                    .rsplit_once('/')?
                    .1
                    .to_owned(),
            )
        };
        let body = answer.json().unwrap_or(Value::Null);
        if let Some(results) = body["Operations"].as_array() {
            for result in results {
                let failed = result["status"]
                    .to_string()
                    .replace('"', "")
                    .starts_with(['4', '5']);
                if result["method"] != "POST" || failed {
                    continue;
                }
                let mut parts = result["location"].as_str().unwrap_or_default().rsplit('/');
                if let (Some(id), Some(endpoint)) = (parts.next(), parts.next()) {
                    self.own(tenant, endpoint, id);
                }
            }
        } else if let Some(id) = body["id"].as_str() {
            self.own(tenant, endpoint, id);
        } else if answer.status == 201
            && let Some(id) = answer.header("location").and_then(last)
        {
            self.own(tenant, endpoint, &id);
        }
    }

    /// Takes a resource for one of the run's.
    fn own(&self, tenant: Tenant, endpoint: &str, id: &str) {
        let path = format!("/{endpoint}/{id}");
        let mut created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        created.insert(path.clone());
        self.made().push(Own { tenant, path });
    }

    /// Deletes what the check that just ended has created, the latest first: groups before their members.
    pub(super) async fn clean(&self) {
        let made = std::mem::take(&mut *self.made());
        for own in made.into_iter().rev() {
            if !self.remove(&own).await {
                self.made().push(own);
            }
        }
    }

    /// Deletes what is left of the run, in both tenants, also what was created by a request that had no answer. Gives
    /// what could not be deleted.
    pub(super) async fn clean_all(&self) -> Vec<String> {
        self.clean().await;
        for tenant in [Tenant::First, Tenant::Second] {
            for (endpoint, attribute) in [("Groups", "displayName"), ("Users", "userName")] {
                // A list is a page; the next is asked for until one shows nothing new.
                let mut tried = BTreeSet::new();
                loop {
                    let found = self.marked(tenant, endpoint, attribute).await;
                    let new: Vec<_> = found.into_iter().filter(|id| !tried.contains(id)).collect();
                    if new.is_empty() {
                        break;
                    }
                    for id in new {
                        self.own(tenant, endpoint, &id);
                        tried.insert(id);
                    }
                    self.clean().await;
                }
            }
        }
        let told = |own: Own| match own.tenant {
            Tenant::First => own.path,
            Tenant::Second => format!("{} (second tenant)", own.path),
        };
        let left: BTreeSet<Own> = std::mem::take(&mut *self.made()).into_iter().collect();
        left.into_iter().map(told).collect()
    }

    /// The ids whose name has the mark of this run. A server may not filter as it should: the name decides.
    async fn marked(&self, tenant: Tenant, endpoint: &str, attribute: &str) -> Vec<String> {
        let Some(client) = self.client_of(tenant).filter(|_| self.has(Feature::Filter)) else {
            return Vec::new();
        };
        let filter = encoded(&format!("{attribute} sw \"{}\"", self.mark));
        let request =
            Request::get(format!("/{endpoint}")).query(format!("filter={filter}&count=100"));
        let Ok(exchange) = client.send(&request).await else {
            return Vec::new();
        };
        let body = exchange.answer.json().unwrap_or(Value::Null);
        let found = body["Resources"].as_array().into_iter().flatten();
        let ours = |resource: &&Value| {
            let name = resource[attribute].as_str().unwrap_or_default();
            name.to_ascii_lowercase().starts_with(&self.mark)
        };
        let id = |resource: &Value| Some(resource["id"].as_str()?.to_owned());
        found.filter(ours).filter_map(id).collect()
    }

    /// Whether it is gone.
    async fn remove(&self, own: &Own) -> bool {
        let client = self
            .client_of(own.tenant)
            .filter(|_| self.is_own(&own.path));
        let Some(client) = client else {
            return false;
        };
        let request = Request::new(Method::DELETE, &own.path);
        match client.send(&request).await {
            Ok(exchange) => {
                exchange.answer.is_success() || [404, 410].contains(&exchange.answer.status)
            }
            Err(_) => false,
        }
    }

    fn client_of(&self, tenant: Tenant) -> Option<&Client> {
        match tenant {
            Tenant::First => Some(self.client),
            Tenant::Second => self.second,
        }
    }

    fn made(&self) -> MutexGuard<'_, Vec<Own>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
