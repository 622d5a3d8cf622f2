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

/// Acme's connection 3 keeps less; its other one, and Globex, do not.
fn keeping(log: &SyncLog, entries: Option<i64>, bodies: Option<i64>) {
    log.obey(move || {
        Ok(vec![Retention {
            tenant: ACME,
            connection: ConnectionId(3),
            entries_ms: entries.map(|days| days * DAY),
            bodies_ms: bodies.map(|days| days * DAY),
        }])
    });
}

#[test]
fn a_connection_may_keep_less_than_the_others() {
    let bench = Bench::new();
    let log = bench.open();
    let own = bench.create("own", 10);
    let other = Entry {
        connection: Some(ConnectionId(4)),
        ..bench.create("other", 10)
    };
    let foreign = Entry {
        tenant: Some(GLOBEX),
        ..bench.create("foreign", 10)
    };
    for entry in [&own, &other, &foreign] {
        log.record(entry.clone());
    }
    log.flush();
    keeping(&log, Some(7), Some(2));
    let kept = |entry: &Entry| {
        let found = log.reader().entry(entry.request).unwrap();
        found.map(|found| found.entry.request_body.kept())
    };
    bench.pass(3 * DAY);
    log.expire();
    assert_eq!(kept(&own), Some(Kept::Expired));
    assert_eq!(log.reader().window(ACME).unwrap().from, START);
    let later = bench.create("later", 10);
    log.record(later.clone());
    log.flush();

    bench.pass(5 * DAY);
    log.expire();
    assert_eq!(kept(&own), None);
    assert_eq!(kept(&later), Some(Kept::Expired));
    for entry in [&other, &foreign] {
        assert_eq!(kept(entry), Some(Kept::Whole));
    }
    let seen = |tenant, name: &str| log.reader().seen(tenant, name).unwrap().is_some();
    assert!(!seen(ACME, "own") && seen(ACME, "later"));
    assert!(seen(ACME, "other") && seen(GLOBEX, "foreign"));
    let conn = rusqlite::Connection::open(bench.path()).unwrap();
    let names: i64 = conn
        .query_row("SELECT count(*) FROM entry_name", (), |row| row.get(0))
        .unwrap();
    assert_eq!(names, 3, "the hash of a name goes with its entry");

    // The tenant's log speaks for the shorter time, and says why; others' for all of it.
    let window = log.reader().window(ACME).unwrap();
    assert_eq!(window.from, bench.now() - 7 * DAY);
    assert_eq!(window.gaps[0].kind, GapKind::Retention);
    assert!(window.is_proof(), "{window:?}");
    assert_eq!(log.reader().window(GLOBEX).unwrap().from, START);
}

#[test]
fn no_connection_keeps_more_than_the_others_and_what_is_gone_stays_gone() {
    let bench = Bench::new();
    let log = bench.open();
    log.record(bench.create("own", 10));
    log.flush();
    keeping(&log, Some(3000), Some(3000));
    bench.pass(15 * DAY);
    log.expire();
    assert_eq!(all(&log)[0].entry.request_body.kept(), Kept::Expired);
    keeping(&log, Some(10), None);
    log.expire();
    assert_eq!(all(&log), []);
    let cut = bench.now() - 10 * DAY;
    // With more time again, the window still begins where the entries do.
    keeping(&log, None, None);
    log.expire();
    assert_eq!(log.reader().window(ACME).unwrap().from, cut);
    log.record(bench.create("new", 10));
    log.flush();
    bench.pass(89 * DAY);
    log.expire();
    assert_eq!(all(&log).len(), 1);
    bench.pass(90 * DAY);
    log.expire();
    assert_eq!(all(&log), []);
    let conn = rusqlite::Connection::open(bench.path()).unwrap();
    let cuts: i64 = conn
        .query_row(
            "SELECT count(*) FROM cut WHERE entries_to < ?",
            [cut + 1],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(cuts, 0);
}

#[test]
fn a_cut_goes_on_over_more_entries_than_one_step_looks_at() {
    let bench = Bench::new();
    let log = bench.open();
    for number in 0..12_000 {
        let connection = ConnectionId(3 + number % 2);
        log.record(Entry {
            connection: Some(connection),
            ..bench.lookup(ACME, "lena")
        });
        if number % 1000 == 0 {
            log.flush();
            bench.pass(1);
        }
    }
    log.flush();
    keeping(&log, Some(1), None);
    bench.pass(2 * DAY);
    log.expire();
    let left = |connection| {
        let filter = LogFilter {
            tenant: Some(ACME),
            connection: Some(ConnectionId(connection)),
            limit: 1000,
            ..LogFilter::default()
        };
        log.reader().entries(&filter).unwrap().len()
    };
    assert_eq!((left(3), left(4)), (0, 1000));
    assert_eq!(log.stats().recorded, 12_000);
}
