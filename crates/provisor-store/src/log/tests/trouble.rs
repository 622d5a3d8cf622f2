//! Full queues, crashes and damaged files: the log says what it does not know.

use super::*;

/// Stops the writer until the returned end is dropped.
fn hold(log: &SyncLog) -> Sender<()> {
    let (go_on, until) = bounded(0);
    log.0.sender.send(Message::Hold(until)).unwrap();
    go_on
}

#[test]
fn a_full_queue_drops_counts_and_records_a_gap() {
    let bench = Bench::with(LogSettings {
        queue_entries: 10,
        ..LogSettings::default()
    });
    let log = bench.open();
    log.flush();
    let held = hold(&log);
    for i in 0..30 {
        bench.pass(1);
        log.record(Entry {
            duration_us: 5000,
            ..bench.lookup(ACME, &format!("user{i}"))
        });
    }
    let dropped = log.stats().dropped;
    assert!((19..=21).contains(&dropped), "{dropped}");
    drop(held);
    log.flush();
    assert_eq!(all(&log).len() as u64, 30 - dropped);
    let window = log.reader().window(ACME).unwrap();
    let [gap] = window.gaps[..] else {
        panic!("{window:?}")
    };
    assert_eq!((gap.kind, gap.count), (GapKind::Dropped, Some(dropped)));
    assert!(gap.from > START + 9 && gap.to == START + 35, "{gap:?}");
    assert!(!window.is_proof());
}

#[test]
fn the_queue_is_bounded_in_bytes_too() {
    let bench = Bench::with(LogSettings {
        queue_bytes: 100_000,
        ..LogSettings::default()
    });
    let log = bench.open();
    let held = hold(&log);
    for _ in 0..30 {
        log.record(bench.create("lena", 10_000));
    }
    assert_eq!(log.stats().dropped, 21);
    drop(held);
    log.flush();
    assert_eq!(log.0.shared.queued_bytes.load(Relaxed), 0);
    log.record(bench.create("lena", 10_000));
    log.flush();
    assert_eq!(log.stats().recorded, 10);
}

#[test]
fn counting_beyond_the_buffers_drops_names_and_says_so() {
    let bench = Bench::new();
    let log = bench.open();
    let held = hold(&log);
    for i in 0..40_000 {
        log.count(&bench.counted(&[&i.to_string()]));
    }
    drop(held);
    log.flush();
    let dropped = log.stats().names_dropped;
    assert!(dropped > 0);
    assert_eq!(log.stats().counted, 40_000);
    let kind = GapKind::NamesDropped;
    assert!(
        gaps(&log).contains(&(kind, START, START, Some(dropped))),
        "{:?}",
        gaps(&log)
    );
}

#[test]
fn counted_reads_are_a_gap_for_bodies_only() {
    let bench = Bench::new();
    let log = bench.open();
    log.count(&bench.counted(&["lena"]));
    bench.pass(30_000);
    log.count(&bench.counted(&["lena"]));
    bench.pass(600_000);
    log.count(&bench.counted(&["lena"]));
    log.flush();
    let second = START + 630_000;
    assert_eq!(
        gaps(&log),
        [
            (GapKind::Counted, START, START + 30_999, Some(2)),
            (GapKind::Counted, second, second + 999, Some(1)),
        ]
    );
    assert!(log.reader().window(ACME).unwrap().is_proof());
    assert_eq!(log.reader().window(GLOBEX).unwrap().gaps, []);
}

#[test]
fn an_orderly_restart_is_a_gap_that_hides_nothing() {
    let bench = Bench::new();
    let log = bench.open();
    bench.pass(1000);
    drop(log);
    bench.pass(5000);
    let log = bench.open();
    assert_eq!(
        gaps(&log),
        [(GapKind::Stopped, START + 1000, START + 6000, None)]
    );
    let window = log.reader().window(ACME).unwrap();
    assert_eq!((window.from, window.to), (START, START + 6000));
    assert!(window.is_proof());
}

#[test]
fn a_crash_is_a_gap_from_the_last_flush_to_the_start() {
    let bench = Bench::new();
    let log = bench.open();
    log.record(bench.lookup(ACME, "lena"));
    bench.pass(1000);
    log.flush();
    let copy = bench.crashed();
    bench.pass(9000);
    let after = bench.try_open(&copy).unwrap();
    assert_eq!(
        gaps(&after),
        [(GapKind::Crashed, START + 1000, START + 10_000, None)]
    );
    assert!(!after.reader().window(ACME).unwrap().is_proof());
    assert_eq!(after.reader().by_name(ACME, "lena", 10).unwrap().len(), 1);
    after.record(after_entry(&bench));
    after.flush();
    assert_eq!(after.reader().last_id().unwrap(), 2);
}

fn after_entry(bench: &Bench) -> Entry {
    bench.lookup(ACME, "after")
}

#[test]
fn closing_writes_everything_and_later_entries_are_dropped() {
    let bench = Bench::new();
    let log = bench.open();
    for _ in 0..100 {
        log.record(bench.lookup(ACME, "lena"));
    }
    log.close();
    log.close();
    log.flush();
    log.expire();
    log.record(bench.lookup(ACME, "late"));
    log.count(&bench.counted(&["late"]));
    assert_eq!(log.stats().dropped, 1);
    let reader = LogReader::open(&bench.path()).unwrap();
    assert_eq!(reader.by_name(ACME, "lena", 1000).unwrap().len(), 100);
}

#[test]
fn a_disabled_log_drops_and_answers_why() {
    let log = SyncLog::disabled();
    log.record(Entry::new(RequestId::random(), 1, Operation::Get, 200));
    log.flush();
    assert_eq!(log.stats().dropped, 1);
    let error = log.reader().last_id().unwrap_err();
    assert!(error.to_string().contains("switched off"), "{error}");
}

#[test]
fn a_damaged_file_is_put_aside_and_a_new_one_says_so() {
    for damage in [
        &b"this is no database, but long enough to be looked at"[..],
        &[0xFF; 8192],
    ] {
        let bench = Bench::new();
        std::fs::write(bench.path(), damage).unwrap();
        let log = bench.open();
        log.record(bench.lookup(ACME, "lena"));
        log.flush();
        assert_eq!(all(&log).len(), 1);
        assert_eq!(gaps(&log), [(GapKind::Replaced, 0, START, None)]);
        let aside = format!("{}.corrupt-{START}", bench.path().display());
        assert_eq!(std::fs::read(aside).unwrap(), damage);
    }
}

#[test]
fn a_file_damaged_while_it_is_written_is_replaced_and_the_loss_is_said() {
    let bench = Bench::with(LogSettings::default());
    let log = bench.open();
    for _ in 0..200 {
        log.record(bench.create("lena", 5000));
    }
    log.flush();
    assert_eq!(all(&log).len(), 200);
    log.expire();
    // A write by another connection makes the writer read its pages again.
    let conn = rusqlite::Connection::open(bench.path()).unwrap();
    conn.execute_batch("UPDATE about SET born_at = born_at; PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(conn);
    let length = std::fs::metadata(bench.path()).unwrap().len();
    std::fs::write(bench.path(), vec![0x55; length as usize]).unwrap();
    bench.pass(10);
    // Whether a flush or housekeeping meets the damage first, it is met soon.
    let mut sent = 200;
    let replaced = |log: &SyncLog| {
        let window = log.reader().window(ACME);
        window.is_ok_and(|window| window.gaps.iter().any(|gap| gap.kind == GapKind::Replaced))
    };
    while !replaced(&log) {
        assert!(sent < 220, "{:?}", log.reader().window(ACME));
        log.record(bench.create("max", 100));
        sent += 1;
        log.flush();
    }
    let window = log.reader().window(ACME).unwrap();
    assert_eq!(window.from, START + 10);
    let stats = log.stats();
    assert_eq!(stats.recorded + stats.dropped, sent);
    assert_eq!(window.is_proof(), stats.dropped == 0);
    log.record(bench.create("eve", 100));
    log.flush();
    assert_eq!(log.reader().by_name(ACME, "eve", 10).unwrap().len(), 1);
}

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let bench = Bench::new();
    bench.open().close();
    let conn = rusqlite::Connection::open(bench.path()).unwrap();
    conn.execute("INSERT INTO migration VALUES (9, '0009', x'00', 0)", ())
        .unwrap();
    drop(conn);
    let newer =
        |result: Result<(), StoreError>| matches!(result, Err(StoreError::Newer { found: 9, .. }));
    assert!(newer(bench.try_open(&bench.path()).map(drop)));
    assert!(newer(LogReader::open(&bench.path()).map(drop)));
}

#[test]
fn a_folder_that_is_not_there_is_an_error_that_says_what_to_do() {
    let bench = Bench::new();
    let error = bench
        .try_open(&bench.folder.path().join("no/such/log.db"))
        .unwrap_err();
    assert!(
        error.to_string().contains("check that the folder exists"),
        "{error}"
    );
}

#[test]
fn what_cannot_be_written_is_dropped_counted_and_said_when_it_can_be_again() {
    let bench = Bench::new();
    let log = bench.open();
    log.flush();
    // Another writer holds the lock longer than the log waits, or the disk is full: SQLite refuses.
    let conn = rusqlite::Connection::open(bench.path()).unwrap();
    conn.execute_batch(
        "CREATE TRIGGER refuse BEFORE INSERT ON entry BEGIN SELECT raise(ABORT, 'full'); END",
    )
    .unwrap();
    log.record(bench.lookup(ACME, "lost"));
    log.count(&bench.counted(&["lost-too"]));
    bench.pass(10);
    log.flush();
    assert_eq!((log.stats().dropped, log.stats().names_dropped), (2, 1));
    conn.execute_batch("DROP TRIGGER refuse").unwrap();
    log.record(bench.lookup(ACME, "kept"));
    log.count(&bench.counted(&["lost-too"]));
    log.flush();
    let kinds: Vec<_> = gaps(&log).iter().map(|gap| (gap.0, gap.3)).collect();
    assert!(kinds.contains(&(GapKind::Dropped, Some(2))), "{kinds:?}");
    assert!(
        kinds.contains(&(GapKind::NamesDropped, Some(1))),
        "{kinds:?}"
    );
    assert!(log.reader().seen(ACME, "lost-too").unwrap().is_some());
    assert_eq!(log.reader().seen(ACME, "lost").unwrap(), None);
}
