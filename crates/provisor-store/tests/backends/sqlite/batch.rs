//! The batches of the writer: one bad change does not take the others with it.

use provisor_store::{Clock, Store, sqlite::SqliteSettings};
use rusqlite::Connection;
use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use super::{File, plain};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_fails_while_writing_fails_alone() {
    for ending in ["ABORT", "ROLLBACK", "FAIL"] {
        let file = File::new();
        let store = file.with(SqliteSettings::default(), Clock::system());
        let tenant = plain::tenant(&store).await.unwrap();
        let other = Connection::open(file.path()).unwrap();
        other
            .execute_batch(&format!(
                "CREATE TRIGGER poison BEFORE INSERT ON event WHEN NEW.doc LIKE '%poison%'
                 BEGIN SELECT RAISE({ending}, 'poisoned'); END;
                 BEGIN IMMEDIATE"
            ))
            .unwrap();
        let mut tasks = Vec::new();
        for number in 0..40 {
            let store = store.clone();
            let name = match number % 10 {
                7 => format!("poison-{number}"),
                _ => format!("user-{number:02}"),
            };
            tasks.push(tokio::spawn(async move {
                (name.clone(), plain::user(&store, tenant, &name).await)
            }));
        }
        // Held back until all wait, so that they come in one batch.
        while store.metrics().waiting.load(Relaxed) < 40 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        other.execute_batch("ROLLBACK").unwrap();
        for task in tasks {
            let (name, answer) = task.await.unwrap();
            assert_eq!(
                answer.is_err(),
                name.starts_with("poison"),
                "{name} {answer:?}"
            );
            if let Err(error) = answer {
                assert!(error.to_string().contains("poisoned"), "{error}");
            }
        }
        assert_eq!(plain::users(&store, tenant).await.len(), 36);
        assert!(store.metrics().reruns.load(Relaxed) > 0);
        let mut view = store.read().await.unwrap();
        // A role, an entitlement and the users.
        assert_eq!(view.events(tenant, 0, 0).await.unwrap().1, 38);
        drop(view);
        other.execute_batch("DROP TRIGGER poison").unwrap();
        plain::user(&store, tenant, "poison-7").await.unwrap();
        assert_eq!(store.check().unwrap(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_whose_request_has_gone_stops() {
    let file = File::new();
    let store = file.with(SqliteSettings::default(), Clock::system());
    let tenant = plain::tenant(&store).await.unwrap();
    for number in 0..600 {
        plain::user(&store, tenant, &format!("user-{number}"))
            .await
            .unwrap();
    }
    for _ in 0..20 {
        let mut view = store.read().await.unwrap();
        let search = plain::search("not (userName eq \"x\")");
        let before = store.metrics().scans.load(Relaxed);
        let gone = tokio::time::timeout(Duration::from_micros(300), view.search(tenant, &search));
        if gone.await.is_err() {
            // The view is of no use any more, and says so; unless its search still waited for the
            // turn of the one before.
            let begun = store.metrics().scans.load(Relaxed) > before;
            assert_eq!(view.events(tenant, 0, 1).await.is_err(), begun);
        }
    }
    assert_eq!(plain::users(&store, tenant).await.len(), 600);
    plain::user(&store, tenant, "anna").await.unwrap();
}
