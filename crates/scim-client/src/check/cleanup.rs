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

/// A list in which a run leaves something, and the attribute that bears its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct List {
    endpoint: &'static str,
    attribute: &'static str,
}

/// Groups before their members.
const LISTS: [List; 2] = [
    List {
        endpoint: "Groups",
        attribute: "displayName",
    },
    List {
        endpoint: "Users",
        attribute: "userName",
    },
];

/// Resources on a page that is asked for, and how many pages of a list are read at most.
const PAGE: usize = 100;
const PAGES: usize = 50;

/// A list of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    tenant: Tenant,
    list: List,
}

/// One page of a list.
struct Page {
    resources: Vec<Value>,
    total: Option<usize>,
}

/// What a run leaves behind.
pub(super) struct LeftOver {
    /// What could not be deleted.
    pub(super) paths: Vec<String>,
    /// The lists that may hold more, and could not be read to their end.
    pub(super) may_be_left_over: Vec<String>,
}

impl Tenant {
    /// A path as a report names it.
    fn tell(self, path: &str) -> String {
        match self {
            Tenant::First => path.to_owned(),
            Tenant::Second => format!("{path} (second tenant)"),
        }
    }
}

/// The endpoint at which a request creates. A search is a POST as well, and creates nothing.
fn creates(request: &Request) -> Option<&str> {
    let endpoint = request.path.trim_matches('/');
    let creates = request.method == Method::POST && !endpoint.contains(['/', '.']);
    creates.then_some(endpoint)
}

/// A page of a list; `None` for anything else.
async fn page(client: &Client, list: List, query: &str) -> Option<Page> {
    let request = Request::get(format!("/{}", list.endpoint)).query(query);
    let answer = client.send(&request).await.ok()?.answer;
    let mut body = answer.is_success().then(|| answer.json()).flatten()?;
    let total = body["totalResults"].as_u64();
    let total = total.and_then(|total| usize::try_from(total).ok());
    let resources = match body["Resources"].take() {
        Value::Array(resources) => resources,
        // RFC 7644 section 3.4.2 lets an empty list go without it.
        Value::Null if total == Some(0) => Vec::new(),
        _ => return None,
    };
    Some(Page { resources, total })
}

impl World<'_> {
    /// Whether a check may send this. Nothing is deleted but what the run created, alone or in a Bulk job: what a
    /// check takes from an answer may be anybody's, where the server is wrong about filters.
    pub(super) fn admit(&self, tenant: Tenant, request: &Request) -> Step {
        if self.stopping.load(Ordering::Relaxed) {
            return Err(Stop::NotRun("the run was stopped".to_owned()));
        }
        match self
            .deleted_by(request)
            .iter()
            .find(|path| !self.is_own(tenant, path))
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

    /// Whether the run created what stands there in that tenant, or knows that nobody else did, or its id says so: by the mark, or by a reference to the same job.
    fn is_own(&self, tenant: Tenant, path: &str) -> bool {
        let Some((_, id)) = path.trim_start_matches('/').split_once('/') else {
            return false;
        };
        // These lead elsewhere once they stand in a URL, an empty one to the whole endpoint.
        let dots = id.to_ascii_lowercase().replace("%2e", ".");
        let strays = id.contains(['/', '\\', '?', '#']) || dots.trim_matches('.').is_empty();
        if strays {
            return false;
        }
        let path = path.to_owned();
        let deletable = self.deletable();
        id.starts_with(&self.mark)
            || id.starts_with("bulkId:")
            || deletable.contains(&Own { tenant, path })
    }

    /// Notes that nobody but the run has something there, in that tenant.
    pub(super) fn may_delete(&self, tenant: Tenant, path: &str) {
        let path = path.to_owned();
        self.deletable().insert(Own { tenant, path });
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
        let Some(endpoint) = creates(request) else {
            return;
        };
        // What fails within the server, or behind a proxy, may be stored; what is not implemented is not.
        if answer.status >= 500 && answer.status != 501 {
            self.may_leave(tenant, request);
        }
        if !answer.is_success() {
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
                match (parts.next(), parts.next()) {
                    (Some(id), Some(endpoint)) => self.own(tenant, endpoint, id),
                    _ => self.may_leave(tenant, request),
                }
            }
        } else if let Some(id) = body["id"].as_str() {
            self.own(tenant, endpoint, id);
        } else if answer.status == 201
            && let Some(id) = answer.header("location").and_then(last)
        {
            self.own(tenant, endpoint, &id);
        } else {
            self.may_leave(tenant, request);
        }
    }

    /// Notes that a request may have created something whose id is not known.
    pub(super) fn may_leave(&self, tenant: Tenant, request: &Request) {
        let Some(endpoint) = creates(request) else {
            return;
        };
        let mut places = self
            .may_be_left_over
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for list in LISTS {
            if endpoint == "Bulk" || endpoint.eq_ignore_ascii_case(list.endpoint) {
                places.insert(Place { tenant, list });
            }
        }
    }

    /// Takes a resource for one of the run's.
    fn own(&self, tenant: Tenant, endpoint: &str, id: &str) {
        let path = format!("/{endpoint}/{id}");
        self.may_delete(tenant, &path);
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
    /// what could not be deleted, and what may be there without having been found.
    pub(super) async fn clean_all(&self) -> LeftOver {
        self.clean().await;
        let mut may_be_left_over = Vec::new();
        let mut left = BTreeSet::new();
        for tenant in [Tenant::First, Tenant::Second] {
            let Some(client) = self.client_of(tenant) else {
                continue;
            };
            for list in LISTS {
                let place = Place { tenant, list };
                if self.has(Feature::Filter) {
                    left.extend(self.clean_found(client, place).await);
                }
                // That a search finds nobody does not say that nobody is there.
                if self.may_hold(place) && !self.clean_listed(client, place).await {
                    may_be_left_over.push(tenant.tell(&format!("/{}", list.endpoint)));
                }
            }
        }
        left.extend(std::mem::take(&mut *self.made()));
        LeftOver {
            paths: left.iter().map(|own| own.tenant.tell(&own.path)).collect(),
            may_be_left_over,
        }
    }

    /// Whether a list may hold something whose id is not known.
    fn may_hold(&self, place: Place) -> bool {
        let places = self
            .may_be_left_over
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        places.contains(&place)
    }

    /// Deletes what a search for the mark finds. Gives what is found again, whatever its deletion was answered with.
    async fn clean_found(&self, client: &Client, place: Place) -> Vec<Own> {
        let Place { tenant, list } = place;
        let filter = encoded(&format!("{} sw \"{}\"", list.attribute, self.mark));
        let query = format!("filter={filter}&count={PAGE}");
        let mut tried = BTreeSet::new();
        // An answer is a page; the next is asked for until one shows nothing new.
        loop {
            let Some(page) = page(client, list, &query).await else {
                return Vec::new();
            };
            let all = page.resources.len();
            let found = self.marked(list, page);
            // A filter that is not heeded shows others.
            if found.len() < all {
                return Vec::new();
            }
            let own = |id: &String| Own {
                tenant,
                path: format!("/{}/{id}", list.endpoint),
            };
            let again: Vec<Own> = found.iter().map(own).collect();
            let new: Vec<_> = found.into_iter().filter(|id| !tried.contains(id)).collect();
            if new.is_empty() {
                // A search may lag behind, and show who is gone.
                let is_there = async |own: &Own| {
                    let sent = client.send(&Request::get(&own.path)).await;
                    sent.map_or(true, |sent| ![404, 410].contains(&sent.answer.status))
                };
                let mut left = Vec::new();
                for own in again {
                    if is_there(&own).await {
                        left.push(own);
                    }
                }
                return left;
            }
            for id in new {
                self.own(tenant, list.endpoint, &id);
                tried.insert(id);
            }
            self.clean().await;
        }
    }

    /// Reads a list page by page and deletes what bears the mark. False if it could not be read to its end.
    async fn clean_listed(&self, client: &Client, place: Place) -> bool {
        let Place { tenant, list } = place;
        let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
        let mut whole = false;
        for _ in 0..PAGES {
            let query = format!("startIndex={}&count={PAGE}", seen.len() + 1);
            let Some(page) = page(client, list, &query).await else {
                break;
            };
            let (before, total) = (seen.len(), page.total);
            let ids = page.resources.iter().filter_map(|one| one["id"].as_str());
            seen.extend(ids.map(str::to_owned));
            found.extend(self.marked(list, page));
            whole = total.is_some_and(|total| seen.len() >= total);
            if whole || seen.len() == before {
                break;
            }
        }
        // Only now: what is deleted would move the pages behind it.
        for id in found {
            self.own(tenant, list.endpoint, &id);
        }
        self.clean().await;
        whole
    }

    /// The ids whose name has the mark of this run: the name decides, not the filter.
    fn marked(&self, list: List, page: Page) -> Vec<String> {
        let ours = |resource: &Value| {
            let name = resource[list.attribute].as_str().unwrap_or_default();
            name.to_ascii_lowercase().starts_with(&self.mark)
        };
        let id = |resource: Value| Some(resource["id"].as_str()?.to_owned());
        let resources = page.resources.into_iter();
        resources.filter(ours).filter_map(id).collect()
    }

    /// Whether it is gone.
    async fn remove(&self, own: &Own) -> bool {
        let client = self
            .client_of(own.tenant)
            .filter(|_| self.is_own(own.tenant, &own.path));
        let Some(client) = client else {
            return false;
        };
        let status = async |method| {
            let sent = client.send(&Request::new(method, &own.path)).await;
            sent.map_or(0, |exchange| exchange.answer.status)
        };
        match status(Method::DELETE).await {
            200..=299 | 404 | 410 => true,
            // Some servers fail at what is not there.
            _ => [404, 410].contains(&status(Method::GET).await),
        }
    }

    fn client_of(&self, tenant: Tenant) -> Option<&Client> {
        match tenant {
            Tenant::First => Some(self.client),
            Tenant::Second => self.second,
        }
    }

    fn deletable(&self) -> MutexGuard<'_, BTreeSet<Own>> {
        self.deletable
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn made(&self) -> MutexGuard<'_, Vec<Own>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
