//! What goes, and that the log says so.

use super::*;

const DAY: i64 = 24 * HOUR;

#[test]
fn bodies_go_before_entries_and_length_and_hash_stay() {
    let bench = Bench::new();
    let log = bench.open();
    let entry = bench.create("lena", 10);
    log.record(entry.clone());
    log.flush();
    bench.pass(15 * DAY);
    log.expire();
    let found = log.reader().entry(entry.request).unwrap().unwrap().entry;
    assert_eq!(found.request_body.kept(), Kept::Expired);
    assert_eq!(found.request_body.bytes(), b"");
    assert_eq!(found.request_body.length(), entry.request_body.length());
    assert_eq!(found.request_body.sha256(), entry.request_body.sha256());
    assert_eq!(found.response_body.kept(), Kept::Nothing);
    assert_eq!(
        log.reader().window(ACME).unwrap().from,
        START,
        "names are still there"
    );
}

#[test]
fn after_its_time_everything_is_gone_and_the_window_begins_later() {
    let bench = Bench::new();
    let log = bench.open();
    log.record(bench.create("old", 10));
    log.count(&bench.counted(&["old-counted"]));
    log.flush();
    bench.pass(50 * DAY);
    log.record(bench.create("new", 10));
    log.count(&bench.counted(&["new-counted", "old-counted"]));
    log.flush();
    bench.pass(41 * DAY);
    log.expire();
    let horizon = START + DAY;
    assert_eq!(all(&log).len(), 1);
    let seen = |name: &str| log.reader().seen(ACME, name).unwrap().is_some();
    assert!(!seen("old") && seen("new") && seen("new-counted") && seen("old-counted"));
    assert_eq!(log.reader().counts(Some(ACME), 0).unwrap().len(), 1);
    let window = log.reader().window(ACME).unwrap();
    assert_eq!(window.from, horizon);
    assert!(gaps(&log).contains(&(GapKind::Retention, 0, horizon, Some(1))));
    assert!(window.is_proof(), "the window is whole: {window:?}");

    bench.pass(60 * DAY);
    log.expire();
    assert_eq!(all(&log), []);
    assert!(!seen("old-counted"));
    assert_eq!(log.reader().counts(Some(ACME), 0).unwrap(), []);
    log.flush();
    let conn = rusqlite::Connection::open(bench.path()).unwrap();
    for table in ["entry", "body", "entry_name", "name", "counted"] {
        let rows: i64 = conn
            .query_row(&format!("SELECT count(*) FROM {table}"), (), |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(rows, 0, "{table}");
    }
}

#[test]
fn it_happens_hourly_without_being_asked() {
    let bench = Bench::new();
    let log = bench.open();
    log.record(bench.create("old", 10));
    log.flush();
    bench.pass(91 * DAY);
    // Housekeeping goes on between flushes, in steps.
    while !all(&log).is_empty() {
        log.flush();
    }
}

#[test]
fn walks_over_long_indexes_find_everything() {
    let bench = Bench::new();
    let log = bench.open();
    for chunk in 0..10 {
        for i in 0..5000 {
            log.count(&bench.counted(&[&format!("user-{}", chunk * 5000 + i)]));
        }
        log.flush();
    }
    bench.pass(91 * DAY);
    log.count(&bench.counted(&["user-7"]));
    log.expire();
    let conn = rusqlite::Connection::open(bench.path()).unwrap();
    let names: i64 = conn
        .query_row("SELECT count(*) FROM name", (), |row| row.get(0))
        .unwrap();
    assert_eq!(names, 1);
}

#[test]
fn the_file_never_grows_beyond_its_size_and_the_oldest_goes_first() {
    let max_bytes = 2 << 20;
    let bench = Bench::with(LogSettings {
        max_bytes,
        ..LogSettings::default()
    });
    let log = bench.open();
    let mut last = None;
    for _ in 0..40 {
        for _ in 0..20 {
            bench.pass(1);
            let entry = bench.create(&format!("user-{}", bench.now()), 10_000);
            last = Some(entry.request);
            log.record(entry);
        }
        log.flush();
        let size = std::fs::metadata(bench.path()).unwrap().len();
        assert!(size <= max_bytes, "{size}");
    }
    let last = last.unwrap();
    assert!(log.reader().entry(last).unwrap().is_some());
    let entries = all(&log);
    assert!((50..250).contains(&entries.len()), "{}", entries.len());
    assert_eq!(log.stats().dropped, 0);
    let oldest = entries.last().unwrap().entry.at;
    let window = log.reader().window(ACME).unwrap();
    assert!(window.from > START && window.from <= oldest);
    let cut = window
        .gaps
        .iter()
        .find(|gap| gap.kind == GapKind::Size)
        .unwrap();
    assert_eq!(cut.count, Some(800 - entries.len() as u64));
    assert!(window.is_proof());
}

#[test]
fn names_alone_cannot_fill_the_file_either() {
    let max_bytes = 2 << 20;
    let bench = Bench::with(LogSettings {
        max_bytes,
        ..LogSettings::default()
    });
    let log = bench.open();
    for _ in 0..100 {
        bench.pass(HOUR / 2);
        for i in 0..1000 {
            log.count(&bench.counted(&[&format!("user-{}-{i}", bench.now())]));
        }
        log.flush();
        log.flush();
    }
    let stats = log.stats();
    assert!(stats.file_bytes <= max_bytes, "{stats:?}");
    assert_eq!(stats.names_dropped, 0);
    let window = log.reader().window(ACME).unwrap();
    assert!(window.from > START);
    let name = format!("user-{}-999", bench.now());
    assert!(log.reader().seen(ACME, &name).unwrap().is_some());
}

#[test]
fn names_are_found_in_every_stretch_and_go_with_the_oldest() {
    let bench = Bench::new();
    let log = bench.open();
    log.record(bench.create("anna", 10));
    for number in 0..2 * crate::log::file::STRETCH {
        log.record(bench.create(&format!("filler-{}", number % 7), 10));
        if number % 500 == 0 {
            log.flush();
        }
    }
    bench.pass(10 * DAY);
    log.record(bench.create("anna", 10));
    log.flush();
    let named = || log.reader().by_name(ACME, "anna", 10).unwrap().len();
    assert_eq!(named(), 2);
    assert_eq!(log.reader().seen(ACME, "anna").unwrap().unwrap().count, 2);
    let stretches = || -> Vec<i64> {
        let conn = rusqlite::Connection::open(bench.path()).unwrap();
        let mut all = conn.prepare("SELECT stretch FROM stretch").unwrap();
        let found = all.query_map((), |row| row.get(0)).unwrap();
        found.collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(stretches(), [0, 1, 2]);
    bench.pass(85 * DAY);
    log.expire();
    assert_eq!(named(), 1);
    assert_eq!(stretches(), [2]);
}
