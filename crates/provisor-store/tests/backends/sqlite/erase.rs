//! Who is erased is nowhere in the file and its journal.

use std::fs;

use provisor_store::{
    Change, Clock, Id, Store, TenantId,
    sqlite::{SqliteSettings, SqliteStore},
};
use serde_json::json;

use super::{File, plain};

const ADDRESS: &str = "lena.ortiz@acme.com";

impl File {
    /// Whether file or journal hold this text, in any case.
    fn holds(&self, text: &str) -> bool {
        ["directory.db", "directory.db-wal"].iter().any(|name| {
            let bytes = fs::read(self.folder.path().join(name)).unwrap_or_default();
            let bytes = bytes.to_ascii_lowercase();
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        })
    }
}

async fn person(store: &SqliteStore, tenant: TenantId, name: &str, notes: &str) {
    let body = json!({
        "userName": name, "displayName": "Lena Ortiz", "externalId": name, "title": notes,
        "emails": [{ "value": name, "primary": true }],
    });
    plain::create(store, tenant, "User", body).await.unwrap();
}

async fn find(store: &SqliteStore, tenant: TenantId, name: &str) -> Id {
    let mut view = store.read().await.unwrap();
    let search = plain::search(&format!("userName eq \"{name}\""));
    let page = view.search(tenant, &search).await.unwrap().unwrap();
    page.resources[0].id
}

async fn erase(store: &SqliteStore, tenant: TenantId, name: &str) {
    let id = find(store, tenant, name).await;
    plain::write(store, tenant, Change::Erase { id })
        .await
        .unwrap();
}

#[tokio::test]
async fn an_erased_address_is_not_left_in_file_or_journal() {
    let file = File::new();
    let store = file.with(SqliteSettings::default(), Clock::system());
    let tenant = plain::tenant(&store).await.unwrap();
    plain::user(&store, tenant, "other@acme.com").await.unwrap();
    // In pages of its own, and several times in those.
    person(
        &store,
        tenant,
        ADDRESS,
        &format!("{ADDRESS} ").repeat(2_000),
    )
    .await;
    assert!(file.holds(ADDRESS));
    erase(&store, tenant, ADDRESS).await;
    assert!(store.empty_journal().unwrap());
    assert!(!file.holds(ADDRESS));
    assert!(file.holds("other@acme.com"));
    plain::user(&store, tenant, "next@acme.com").await.unwrap();
    assert!(!file.holds(ADDRESS));
}

#[tokio::test]
async fn compacted_a_file_holds_nothing_in_unused_space_either() {
    let file = File::new();
    let store = file.with(SqliteSettings::default(), Clock::system());
    let tenant = plain::tenant(&store).await.unwrap();
    // Names in no order split pages, and what moves leaves its bytes where it was.
    let name = |number: u32| format!("{:08x}.{ADDRESS}", number.wrapping_mul(0x9e37_79b1));
    for number in 0..400 {
        person(&store, tenant, &name(number), "").await;
    }
    for number in 0..400 {
        erase(&store, tenant, &name(number)).await;
    }
    plain::user(&store, tenant, "other@acme.com").await.unwrap();
    assert!(store.compact().unwrap());
    assert!(!file.holds(ADDRESS));
    assert_eq!(plain::users(&store, tenant).await, ["other@acme.com"]);
    plain::user(&store, tenant, "next@acme.com").await.unwrap();
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_journal_that_is_read_is_left_for_later() {
    let file = File::new();
    let store = file.with(SqliteSettings::default(), Clock::system());
    let tenant = plain::tenant(&store).await.unwrap();
    person(&store, tenant, ADDRESS, "").await;
    let mut view = store.read().await.unwrap();
    assert_eq!(view.tenants("", 10).await.unwrap().len(), 1);
    erase(&store, tenant, ADDRESS).await;
    assert!(!store.empty_journal().unwrap());
    drop(view);
    assert!(store.empty_journal().unwrap());
    assert!(!file.holds(ADDRESS));
}
