//! Pages that look so far and no farther.

use super::*;

/// A log of what often happens, with one of each thing that seldom does, oldest first.
fn log_with_rarities(bench: &Bench) -> SyncLog {
    let log = bench.open();
    let rare = [
        (Operation::Delete, 204, ACME),
        (Operation::Patch, 412, ACME),
        (Operation::Patch, 200, GLOBEX),
        (Operation::Create, 201, ACME),
    ];
    for (operation, status, tenant) in rare {
        for step in 0..10 {
            // Now and then several in one millisecond.
            bench.pass(if step % 4 == 0 { 1000 } else { 0 });
            log.record(bench.lookup(ACME, "lena"));
        }
        bench.pass(1000);
        log.record(Entry {
            operation,
            status,
            ..bench.lookup(tenant, "rare")
        });
    }
    log.flush();
    log
}

fn filters() -> Vec<LogFilter> {
    let all = LogFilter::default;
    let both = Whose::Named(vec![ACME, GLOBEX]);
    let mut filters = vec![
        all(),
        LogFilter {
            operation: Some(Operation::Delete),
            ..all()
        },
        LogFilter {
            operation: Some(Operation::Create),
            ..all()
        },
        LogFilter {
            operation: Some(Operation::Bulk),
            ..all()
        },
        LogFilter {
            status: Some(412..=412),
            ..all()
        },
        LogFilter {
            status: Some(200..=201),
            ..all()
        },
        LogFilter {
            show: Show::Errors,
            ..all()
        },
        LogFilter {
            show: Show::ErrorsAndWrites,
            ..all()
        },
        LogFilter {
            name: Some("rare".to_owned()),
            tenant: Some(ACME),
            ..all()
        },
    ];
    for name in ["lena", "rare"] {
        filters.push(LogFilter {
            name: Some(name.to_owned()),
            tenant: Some(ACME),
            show: Show::All,
            ..all()
        });
    }
    let many = Whose::Named((1..=20).map(TenantId).collect());
    for filter in filters.clone() {
        filters.push(LogFilter {
            whose: many.clone(),
            tenant: None,
            ..filter
        });
    }
    for filter in filters.clone() {
        let of_one = LogFilter {
            tenant: Some(GLOBEX),
            ..filter.clone()
        };
        filters.extend([
            of_one,
            LogFilter {
                whose: both.clone(),
                tenant: None,
                ..filter
            },
        ]);
    }
    filters
}

#[test]
fn pages_together_are_what_one_question_finds() {
    let bench = Bench::new();
    let log = log_with_rarities(&bench);
    let reader = log.reader();
    let mut early = 0;
    for filter in filters() {
        let expected = reader.entries(&filter).unwrap();
        for (most, limit) in [(1, 3), (7, 3), (7, 100), (1000, 5)] {
            let mut filter = LogFilter {
                limit,
                ..filter.clone()
            };
            let mut found: Vec<Logged> = Vec::new();
            loop {
                let page = reader.page_within(&filter, most).unwrap();
                found.extend(page.entries.iter().cloned());
                early += usize::from(page.ended.is_some());
                let is_full = page.entries.len() == limit;
                let next = page.ended.or(page.entries.last().map(Logged::place));
                match next {
                    Some(next) if is_full || page.ended.is_some() => {
                        assert!(
                            filter.before.is_none_or(|before| next < before),
                            "{filter:?}"
                        );
                        filter.before = Some(next);
                    }
                    _ => break,
                }
            }
            assert_eq!(found, expected, "{filter:?} by {most}");
        }
    }
    assert!(early > 50, "{early} pages ended early");
}

#[test]
fn what_has_an_index_is_found_at_once() {
    let bench = Bench::new();
    let log = log_with_rarities(&bench);
    let rare = LogFilter {
        operation: Some(Operation::Delete),
        ..LogFilter::default()
    };
    let refused = LogFilter {
        status: Some(412..=412),
        ..LogFilter::default()
    };
    for filter in [rare, refused] {
        let page = log.reader().page_within(&filter, 2).unwrap();
        assert_eq!((page.entries.len(), page.ended), (1, None), "{filter:?}");
    }
}

#[test]
fn a_page_stays_within_its_time() {
    let bench = Bench::new();
    let log = log_with_rarities(&bench);
    let filter = LogFilter {
        since: Some(bench.now() - 5_500),
        operation: Some(Operation::Bulk),
        ..LogFilter::default()
    };
    let page = log.reader().page_within(&filter, 10).unwrap();
    assert_eq!(page, LogPage::default(), "all of it was looked at");
}

#[test]
fn a_name_that_is_everywhere_is_looked_at_so_far() {
    let bench = Bench::new();
    let log = log_with_rarities(&bench);
    let filter = LogFilter {
        name: Some("lena".to_owned()),
        tenant: Some(ACME),
        operation: Some(Operation::Bulk),
        ..LogFilter::default()
    };
    let page = log.reader().page_within(&filter, 30).unwrap();
    assert_eq!(page.entries, []);
    let ended = page.ended.unwrap();
    let rest = LogFilter {
        before: Some(ended),
        ..filter
    };
    let rest = log.reader().page_within(&rest, 30).unwrap();
    assert_eq!(rest, LogPage::default(), "nine more are all");
}
