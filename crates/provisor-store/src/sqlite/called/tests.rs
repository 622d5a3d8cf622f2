//! Between a look at the logs and the transaction that erases anything may happen.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::{super::claim::tests::Directory, *};
use crate::{
    Actor, Change, Origin, RequestId,
    sqlite::write::{Transaction, Verdict},
};

const TARGET: i64 = 1;

/// A directory with a user called lena and a target that is fed from files.
fn directory() -> (Directory, Id) {
    let mut directory = Directory::new();
    directory.create("User", json!({ "userName": "lena" }));
    let tenant = directory.tenant;
    directory
        .connection
        .execute(
            "INSERT INTO target VALUES (?1, ?2, 'hr', '{\"source\":\"files\"}', 0, NULL, 0, 0, 0, 0, 0, '', 0)",
            params![tenant.0, TARGET],
        )
        .unwrap();
    let id = directory
        .connection
        .query_row("SELECT id FROM resource", [], |row| row.get(0));
    (directory, Id(id.unwrap()))
}

fn log(directory: &Directory, (n, at): (i64, i64), local: &str, label: &str) {
    let tenant = directory.tenant;
    directory
        .connection
        .execute(
            "INSERT INTO target_log VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, 'update', 1, 200, '{}')",
            params![tenant.0, TARGET, n, at, local, label],
        )
        .unwrap();
}

fn read(directory: &Directory, id: Id) -> Option<Arc<Lines>> {
    let lines = Lines::examine(&directory.connection, directory.tenant, id).unwrap();
    lines.map(Arc::new)
}

fn erase(directory: &mut Directory, id: Id, lines: Option<Arc<Lines>>) {
    let origin = Origin {
        tenant: directory.tenant,
        request: RequestId::random(),
        actor: Actor::System,
        address: None,
    };
    let mut transaction =
        Transaction::begin(&directory.connection, &mut directory.rules, 1).unwrap();
    let verdict = transaction.apply(&origin, &Change::Erase { id }, &[], lines.as_ref());
    assert!(matches!(verdict, Ok(Verdict::Done(_))), "{verdict:?}");
    transaction.commit().unwrap();
}

/// What the lines call somebody, in their order.
fn labels(directory: &Directory) -> Vec<String> {
    let mut labels = directory
        .connection
        .prepare("SELECT label FROM target_log ORDER BY n")
        .unwrap();
    let labels = labels.query_map([], |row| row.get(0)).unwrap();
    labels.collect::<Result<_, _>>().unwrap()
}

#[test]
fn lines_that_came_since_are_blanked_too() {
    let (mut directory, id) = directory();
    log(&directory, (1, 1), "7", "Lena");
    log(&directory, (2, 1), "8", "otto");
    let lines = read(&directory, id);
    log(&directory, (3, 1), "9", "lena");
    log(&directory, (4, 1), "8", "otto");
    erase(&mut directory, id, lines);
    assert_eq!(labels(&directory), ["", "otto", "", "otto"]);
}

#[test]
fn who_is_called_otherwise_by_now_is_found_by_that() {
    let (mut directory, id) = directory();
    log(&directory, (1, 1), "7", "lea");
    log(&directory, (2, 1), "8", "otto");
    let lines = read(&directory, id);
    directory.replace("User", id, json!({ "userName": "lea" }));
    erase(&mut directory, id, lines);
    assert_eq!(labels(&directory), ["", "otto"]);
}

#[test]
fn what_another_erasure_left_without_a_name_is_found_by_its_key() {
    let (mut directory, id) = directory();
    directory.replace("User", id, json!({ "userName": "lina" }));
    directory.create("User", json!({ "userName": "otto" }));
    let otto =
        directory
            .connection
            .query_row("SELECT id FROM resource WHERE name = 'otto'", [], |row| {
                row.get(0)
            });
    log(&directory, (1, 1), "lena", "otto");
    let lines = read(&directory, id);
    erase(&mut directory, Id(otto.unwrap()), None);
    erase(&mut directory, id, lines);
    let mut locals = directory
        .connection
        .prepare("SELECT local FROM target_log")
        .unwrap();
    let local: String = locals.query_row([], |row| row.get(0)).unwrap();
    assert_eq!(local, format!("erased-{id}"));
}

#[test]
fn a_log_that_began_anew_is_read_whole() {
    let (mut directory, id) = directory();
    log(&directory, (1, 1), "8", "otto");
    log(&directory, (2, 1), "8", "otto");
    let lines = read(&directory, id);
    let connection = &directory.connection;
    connection.execute("DELETE FROM target_log", []).unwrap();
    log(&directory, (1, 2), "7", "lena");
    log(&directory, (2, 2), "8", "otto");
    erase(&mut directory, id, lines);
    assert_eq!(labels(&directory), ["", "otto"]);
}

#[test]
fn a_long_log_does_not_hold_the_writer() {
    let (mut directory, id) = directory();
    directory.connection.execute_batch("BEGIN").unwrap();
    for n in 1..=5_000 {
        log(&directory, (n, 1), "8", "otto");
    }
    directory.connection.execute_batch("COMMIT").unwrap();
    log(&directory, (5_001, 1), "7", "lena");
    let lines = read(&directory, id);
    let steps = Arc::new(Mutex::new(0));
    let counted = steps.clone();
    let count = move || {
        *counted.lock().unwrap() += 1;
        false
    };
    directory
        .connection
        .progress_handler(100, Some(count))
        .unwrap();
    erase(&mut directory, id, lines);
    // To read every line takes some steps for each.
    let hundreds = *steps.lock().unwrap();
    assert!(hundreds < 50, "{hundreds}00 steps");
    assert_eq!(labels(&directory)[5_000], "");
}
