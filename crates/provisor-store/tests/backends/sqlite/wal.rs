//! The write-ahead log: bounded under load, whatever reads meanwhile.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use provisor_store::{Clock, Store, sqlite::SqliteSettings};

use super::{File, plain};

/// 16,000 pages are when the writer lets it start again; as many more may come until a moment
/// without readers.
const BOUND: u64 = 2 * 16_000 * 4_096;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wal_stays_bounded_under_load_with_readers() {
    let file = File::new();
    let store = file.with(SqliteSettings::default(), Clock::system());
    let tenant = plain::tenant(&store).await.unwrap();
    let wal = file.folder.path().join("directory.db-wal");
    let changes = if std::env::var_os("LONG").is_some() {
        60_000
    } else {
        12_000
    };
    let done = Arc::new(AtomicBool::new(false));
    let largest = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (store, done, wal, largest) =
                (store.clone(), done.clone(), wal.clone(), largest.clone());
            tokio::spawn(async move {
                while !done.load(Relaxed) {
                    let mut view = store.read().await.unwrap();
                    view.events(tenant, 0, 5).await.unwrap();
                    tokio::task::yield_now().await;
                    drop(view);
                    let length = fs::metadata(&wal).map_or(0, |file| file.len());
                    largest.fetch_max(length, Relaxed);
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
            })
        })
        .collect();
    let next = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let (store, next) = (store.clone(), next.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= changes {
                        return;
                    }
                    plain::user(&store, tenant, &format!("user-{number}"))
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    done.store(true, Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    let largest = largest.load(Relaxed);
    println!("the WAL had at most {} pages", largest / 4_096);
    assert!(largest < BOUND, "{largest}");
    let metrics = store.metrics();
    assert!(metrics.changes.load(Relaxed) > changes);
    assert_eq!(metrics.waiting.load(Relaxed), 0);
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
    drop(store);
    assert!(!wal.exists(), "the last to close empties it");
}

#[tokio::test]
async fn a_reader_keeps_its_view_while_others_write() {
    let file = File::new();
    let store = file.with(SqliteSettings::default(), Clock::system());
    let tenant = plain::tenant(&store).await.unwrap();
    let mut view = store.read().await.unwrap();
    let before = view.events(tenant, 0, 10).await.unwrap();
    for number in 0..50 {
        plain::user(&store, tenant, &format!("user-{number}"))
            .await
            .unwrap();
    }
    assert_eq!(view.events(tenant, 0, 10).await.unwrap(), before);
    drop(view);
    let mut view = store.read().await.unwrap();
    assert_eq!(view.events(tenant, 0, 10).await.unwrap().1, before.1 + 50);
}

#[tokio::test]
async fn a_closed_store_refuses_changes_and_reads_on() {
    let file = File::new();
    let store = file.with(SqliteSettings::default(), Clock::system());
    let tenant = plain::tenant(&store).await.unwrap();
    plain::user(&store, tenant, "anna").await.unwrap();
    store.close();
    store.close();
    let error = plain::user(&store, tenant, "berta").await.unwrap_err();
    assert!(error.to_string().contains("shutting down"), "{error}");
    assert_eq!(plain::users(&store, tenant).await, ["anna"]);
}
