//! Files that cannot be used: every error says what happened and what to do, and nothing is lost.

use std::{fs, io::Write, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use provisor_store::{
    Clock, Store, StoreError,
    sqlite::{SqliteSettings, SqliteStore},
};
use rusqlite::Connection;
use serde_json::json;
use sha2::Digest;

use super::{File, plain};

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    let settings = SqliteSettings {
        busy_timeout: Duration::from_millis(50),
        ..SqliteSettings::default()
    };
    SqliteStore::open(path, settings, Clock::system())
}

#[track_caller]
fn assert_says(error: &StoreError, texts: &[&str]) {
    let said = error.to_string();
    for text in texts {
        assert!(said.contains(text), "{said}");
    }
}

#[test]
fn a_file_of_something_else_is_refused_untouched() {
    let file = File::new();
    let text = "This is a shopping list, not a database. ".repeat(200);
    for content in [
        text.as_bytes(),
        &[0; 5_000][..],
        b"SQLite format 3\0 and then something else",
    ] {
        fs::write(file.path(), content).unwrap();
        let error = open(&file.path()).unwrap_err();
        assert_says(
            &error,
            &[
                "directory.db",
                "damaged or not a Provisor database",
                "restore",
            ],
        );
        assert_eq!(fs::read(file.path()).unwrap(), content);
    }
}

#[test]
fn another_programs_database_is_refused_untouched() {
    let file = File::new();
    let connection = Connection::open(file.path()).unwrap();
    connection
        .execute_batch("CREATE TABLE resource (x); INSERT INTO resource VALUES (1)")
        .unwrap();
    drop(connection);
    let error = open(&file.path()).unwrap_err();
    assert_says(&error, &["directory.db", "another program", "--database"]);
    let connection = Connection::open(file.path()).unwrap();
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn a_newer_or_an_edited_schema_is_refused() {
    for (change, says) in [
        (
            "INSERT INTO migration SELECT max(version) + 1, 'future', checksum, at FROM migration",
            [
                "has schema version",
                "start it with the version that wrote it",
            ],
        ),
        (
            "UPDATE migration SET checksum = x'00'",
            ["0001 directory", "another edition of the program"],
        ),
    ] {
        let file = File::new();
        let store = open(&file.path()).unwrap();
        plain::tenant(&store).await.unwrap();
        drop(store);
        let connection = Connection::open(file.path()).unwrap();
        connection.execute_batch(change).unwrap();
        drop(connection);
        let error = open(&file.path()).unwrap_err();
        assert_says(&error, &says);
    }
}

#[tokio::test]
async fn who_knows_only_an_older_schema_writes_no_more() {
    let file = File::new();
    let store = open(&file.path()).unwrap();
    let tenant = plain::tenant(&store).await.unwrap();
    plain::user(&store, tenant, "anna").await.unwrap();
    // A newer command beside the server brings the file forward.
    let newer = Connection::open(file.path()).unwrap();
    newer
        .execute_batch(
            "INSERT INTO migration SELECT max(version) + 1, 'future', checksum, at FROM migration",
        )
        .unwrap();
    let error = plain::user(&store, tenant, "ben").await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { .. }), "{error}");
    assert_eq!(plain::users(&store, tenant).await, ["anna"]);
}

/// A file as version 1 of the schema left it comes forward with everything in it.
#[tokio::test]
async fn a_file_of_the_first_schema_comes_forward() {
    let file = File::new();
    let first = include_str!("../../../migrations/directory/0001.sql");
    let connection = Connection::open(file.path()).unwrap();
    connection.execute_batch(first).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL,
               checksum BLOB NOT NULL, at INTEGER NOT NULL) STRICT;
             INSERT INTO tenant VALUES (1, 'acme', 'acme', 'Acme', 0, 0);
             INSERT INTO tenant_tally VALUES (1, 5, x'00000000000000000000000000000000', 0, 0, 0, 99);
             INSERT INTO tally VALUES (1, 1, 1), (1, 2, 1);
             UPDATE counter SET n = 3 WHERE name = 'k';
             INSERT INTO resource (k, tenant_id, kind, id, name, version, created, modified, display, doc)
               VALUES (1, 1, 1, x'01000000000000000000000000000000', 'anna', 2, 0, 0, 'anna',
                       '{\"userName\":\"anna\"}'),
                      (3, 1, 2, x'05000000000000000000000000000000', NULL, 1, 0, 0, 'Team',
                       '{\"displayName\":\"Team\"}');
             INSERT INTO search_key VALUES (1, 2, 'displayName', 'team', 3, 0);
             INSERT INTO member VALUES (1, 3, 1), (1, 3, 2);
             INSERT INTO tombstone (tenant_id, id, deleted, k, kind, name, version, created, modified, display, doc)
               VALUES (1, x'02000000000000000000000000000000', 0, 2, 1, 'ben', 1, 0, 0, 'ben',
                       '{\"userName\":\"ben\"}');",
        )
        .unwrap();
    for (seq, kind, id) in [(1, 0, 1), (2, 0, 2), (3, 1, 1), (4, 0, 3), (5, 1, 1)] {
        let mut resource = [0u8; 16];
        resource[0] = id;
        connection
            .execute(
                "INSERT INTO event (tenant_id, seq, kind, type, resource, at, detail, request)
                 VALUES (1, ?1, ?2, 'User', ?3, 0, '{}', zeroblob(16))",
                (seq, kind, resource),
            )
            .unwrap();
    }
    connection
        .execute(
            "INSERT INTO migration VALUES (1, '0001 directory', ?1, 0)",
            [sha2::Sha256::digest(first).as_slice()],
        )
        .unwrap();
    drop(connection);
    let store = open(&file.path()).unwrap();
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
    let mut view = store.read().await.unwrap();
    let mut team = [0u8; 16];
    team[0] = 5;
    let (tenant, team) = (provisor_store::TenantId(1), provisor_store::Id(team));
    let briefs = view.briefs(tenant, &[team]).await.unwrap();
    assert_eq!(briefs[&team].members, 1, "the deleted one is not counted");
    for (id, expected) in [(1, vec![5, 3, 1]), (2, vec![2]), (3, vec![4]), (4, vec![])] {
        let mut resource = [0u8; 16];
        resource[0] = id;
        let events = view
            .events_of(
                provisor_store::TenantId(1),
                provisor_store::Id(resource),
                10,
            )
            .await
            .unwrap();
        let found: Vec<i64> = events.iter().map(|event| event.seq).collect();
        assert_eq!(found, expected, "{id}");
    }
}

#[test]
fn a_folder_or_a_place_that_cannot_be_written_is_refused() {
    let file = File::new();
    let folder = file.path();
    fs::create_dir(&folder).unwrap();
    assert_says(
        &open(&folder).unwrap_err(),
        &["directory.db", "cannot open"],
    );
    let inside_a_file = folder.join("plain");
    fs::write(&inside_a_file, "").unwrap();
    assert_says(
        &open(&inside_a_file.join("x.db")).unwrap_err(),
        &["cannot create the folder"],
    );
}

#[tokio::test]
async fn a_read_only_file_is_refused_and_whole() {
    let file = File::new();
    let store = open(&file.path()).unwrap();
    let tenant = plain::tenant(&store).await.unwrap();
    plain::user(&store, tenant, "anna").await.unwrap();
    drop(store);
    let mode = |mode| fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o444);
    // Who may write everything, as root may, is not refused.
    if fs::OpenOptions::new()
        .write(true)
        .open(file.path())
        .is_err()
    {
        assert_says(
            &open(&file.path()).unwrap_err(),
            &["directory.db", "may write the file"],
        );
    }
    mode(0o600);
    let store = open(&file.path()).unwrap();
    assert_eq!(plain::users(&store, tenant).await, ["anna"]);
}

#[tokio::test]
async fn damage_is_named_when_it_is_met() {
    let file = File::new();
    let store = open(&file.path()).unwrap();
    let tenant = plain::tenant(&store).await.unwrap();
    for number in 0..300 {
        plain::user(&store, tenant, &format!("user-{number}"))
            .await
            .unwrap();
    }
    drop(store);
    let mut bytes = fs::read(file.path()).unwrap();
    let (first, last) = (8 * 4096, bytes.len());
    bytes[first..last].fill(0xa5);
    fs::write(file.path(), bytes).unwrap();
    // It may open, since the first pages are good; what it meets then it says.
    match open(&file.path()) {
        Err(error) => assert_says(&error, &["damaged"]),
        Ok(store) => {
            let answer = plain::user(&store, tenant, "anna").await;
            assert_says(
                &answer.unwrap_err(),
                &["damaged", "restore the last backup"],
            );
            match store.check() {
                Ok(wrong) => assert!(!wrong.is_empty()),
                Err(error) => assert_says(&error, &["damaged"]),
            }
        }
    }
}

#[tokio::test]
async fn a_lock_of_another_process_is_waited_for_and_then_named() {
    let file = File::new();
    let store = open(&file.path()).unwrap();
    let tenant = plain::tenant(&store).await.unwrap();
    let other = Connection::open(file.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = plain::user(&store, tenant, "anna").await.unwrap_err();
    assert_says(&refused, &["cannot be written now", "another process"]);
    assert_eq!(plain::users(&store, tenant).await, Vec::<String>::new());
    other.execute_batch("ROLLBACK").unwrap();
    plain::user(&store, tenant, "anna").await.unwrap();

    // A lock that goes in time is not noticed.
    let patient = file.with(SqliteSettings::default(), Clock::system());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting = tokio::spawn(async move { plain::user(&patient, tenant, "berta").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    other.execute_batch("ROLLBACK").unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(plain::users(&store, tenant).await, ["anna", "berta"]);
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_backup_is_one_state_and_nothing_but_one_file() {
    let file = File::new();
    let store = open(&file.path()).unwrap();
    let tenant = plain::tenant(&store).await.unwrap();
    for number in 0..50 {
        plain::user(&store, tenant, &format!("user-{number:02}"))
            .await
            .unwrap();
    }
    let copy = file.folder.path().join("copy.db");
    let (mut last, mut all) = (0, 0);
    store
        .backup(&copy, &mut |done, pages| (last, all) = (done, pages))
        .unwrap();
    assert!(last == all && all > 10);
    plain::user(&store, tenant, "later").await.unwrap();
    let names = fs::read_dir(file.folder.path()).unwrap();
    let copies = names.filter(|name| {
        name.as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("copy")
    });
    assert_eq!(copies.count(), 1);
    let restored = open(&copy).unwrap();
    assert_eq!(plain::users(&restored, tenant).await.len(), 50);
    assert_eq!(restored.check().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn secrets_are_made_once() {
    let file = File::new();
    let store = open(&file.path()).unwrap();
    let first = store.secret("cursor").unwrap();
    assert_eq!(open(&file.path()).unwrap().secret("cursor").unwrap(), first);
    assert_ne!(store.secret("other").unwrap(), first);
}

#[tokio::test]
async fn check_finds_what_contradicts_itself() {
    for damage in [
        "UPDATE tally SET n = n + 1 WHERE kind = 1",
        "DELETE FROM search_key WHERE attribute = 'displayName' AND kind = 2",
        "UPDATE search_key SET k = k + 1000 WHERE attribute = 'displayName' AND kind = 2",
        "UPDATE resource SET name = 'other' WHERE name = 'anna'",
        "DELETE FROM event WHERE seq = 2",
        "UPDATE tenant_tally SET nested = 7",
        "INSERT INTO member VALUES (1, 1, 12345, NULL, 0)",
        "UPDATE resource SET members = 3 WHERE kind = 2",
        "INSERT INTO former_member VALUES (99, 1, 1)",
        "UPDATE event SET previous = 1 WHERE seq = 4",
        "UPDATE resource SET last_event = 1 WHERE name = 'anna'",
        "UPDATE counter SET n = 1 WHERE name = 'k'",
        "INSERT INTO tally VALUES (99, 1, 1)",
    ] {
        let file = File::new();
        let store = open(&file.path()).unwrap();
        let tenant = plain::tenant(&store).await.unwrap();
        plain::user(&store, tenant, "anna").await.unwrap();
        let team = json!({ "displayName": "T" });
        plain::create(&store, tenant, "Group", team).await.unwrap();
        assert_eq!(store.check().unwrap(), Vec::<String>::new());
        let connection = Connection::open(file.path()).unwrap();
        assert!(connection.execute(damage, []).unwrap() > 0, "{damage}");
        assert_ne!(store.check().unwrap(), Vec::<String>::new(), "{damage}");
    }
}

/// Fills the disk as far as this process can tell: files may not grow beyond a limit.
#[tokio::test]
async fn a_full_disk_refuses_and_keeps_what_was_acknowledged() {
    let file = File::new();
    let output = super::child::run(
        "sqlite::file::writes_until_the_disk_is_full",
        &file.path(),
        Some("2000"),
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let acknowledged = text
        .lines()
        .filter_map(|line| line.strip_prefix("ok "))
        .count();
    let refused = text.lines().find_map(|line| line.strip_prefix("refused "));
    std::io::stderr().write_all(&output.stderr).unwrap();
    let refused = refused.unwrap_or_else(|| panic!("{text}"));
    assert!(refused.contains("cannot be written now"), "{refused}");
    assert!(text.contains("read beside it"), "{text}");
    assert!(acknowledged > 50, "{acknowledged}");
    let store = open(&file.path()).unwrap();
    let users = plain::users(&store, provisor_store::TenantId(1)).await;
    assert_eq!(users.len(), acknowledged);
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
    plain::user(&store, provisor_store::TenantId(1), "again")
        .await
        .unwrap();
}

/// The child of the test above.
#[tokio::test]
async fn writes_until_the_disk_is_full() {
    let Some(path) = super::child::path() else {
        return;
    };
    println!();
    let store = open(&path).unwrap();
    let tenant = plain::tenant(&store).await.unwrap();
    for number in 0..20_000 {
        match plain::user(&store, tenant, &format!("user-{number}")).await {
            Ok(()) => println!("ok {number}"),
            Err(error) => {
                println!("refused {error}");
                break;
            }
        }
    }
    if !plain::users(&store, tenant).await.is_empty() {
        println!("read beside it");
    }
}

#[test]
fn several_may_open_a_new_file_at_once() {
    for _ in 0..5 {
        let file = File::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    file.with(SqliteSettings::default(), Clock::system());
                });
            }
        });
        let store = open(&file.path()).unwrap();
        assert_eq!(store.check().unwrap(), Vec::<String>::new());
    }
}
