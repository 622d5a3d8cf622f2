//! Requests without ceremony.

use provisor_store::{
    Actor, Change, Origin, Outcome, PageStart, RequestId, Search, Store, StoreError, TenantId,
    WriteError, sqlite::SqliteStore,
};
use scim::{Profile, Value};
use serde_json::json;

use crate::contract::bench;

pub(crate) fn system(tenant: TenantId) -> Origin {
    Origin {
        tenant,
        request: RequestId::random(),
        actor: Actor::System,
        address: None,
    }
}

pub(crate) async fn write(
    store: &SqliteStore,
    tenant: TenantId,
    change: Change,
) -> Result<Outcome, StoreError> {
    store
        .write(system(tenant), change)
        .await
        .map_err(|error| match error {
            WriteError::Store(error) => error,
            WriteError::Refused(refusal) => panic!("{refusal:?}"),
        })
}

pub(crate) async fn tenant(store: &SqliteStore) -> Result<TenantId, StoreError> {
    tenant_named(store, "acme").await
}

pub(crate) async fn tenant_named(store: &SqliteStore, key: &str) -> Result<TenantId, StoreError> {
    let change = Change::CreateTenant {
        key: key.into(),
        name: String::new(),
    };
    match write(store, TenantId::SYSTEM, change).await? {
        Outcome::Tenant(tenant) => Ok(tenant.id),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn create(
    store: &SqliteStore,
    tenant: TenantId,
    kind: &str,
    body: Value,
) -> Result<(), StoreError> {
    let registry = scim::Registry::builtin();
    let kind = registry.by_name(kind).cloned().expect("a built-in type");
    let incoming = bench::read(&kind, body, &Profile::GENERIC).expect("a good resource");
    write(
        store,
        tenant,
        Change::Create {
            kind,
            incoming,
            half: false,
        },
    )
    .await
    .map(drop)
}

pub(crate) async fn user(
    store: &SqliteStore,
    tenant: TenantId,
    name: &str,
) -> Result<(), StoreError> {
    create(store, tenant, "User", json!({ "userName": name })).await
}

/// A search of users.
pub(crate) fn search(filter: &str) -> Search {
    let kind = scim::Registry::builtin().user().clone();
    let filter = (!filter.is_empty()).then(|| bench::resolve(&kind, filter));
    Search {
        types: vec![(kind, filter)],
        sort: Vec::new(),
        start: PageStart::Index(1),
        count: usize::MAX,
        teams: false,
        members: false,
        identifier: provisor_store::Identifier::UserName,
        token: None,
        fingerprint: String::new(),
    }
}

/// The userNames there are, in order of creation.
pub(crate) async fn users(store: &SqliteStore, tenant: TenantId) -> Vec<String> {
    let mut view = store.read().await.expect("a view");
    let answer = view.search(tenant, &search("")).await;
    let page = answer.expect("a search").expect("a page");
    let name = |stored| {
        bench::attributes(stored)["userName"]
            .as_str()
            .map(str::to_owned)
    };
    page.resources.iter().filter_map(name).collect()
}
