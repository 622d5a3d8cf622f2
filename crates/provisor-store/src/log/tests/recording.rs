//! What is recorded, and how it is found again.

use super::*;

fn full(bench: &Bench) -> Entry {
    let mut fired = Fired::default();
    fired.record(Tolerance::StringBoolean, || "active: \"True\"".to_owned());
    Entry {
        request: RequestId::random(),
        at: bench.now(),
        duration_us: 1234,
        tenant: Some(ACME),
        connection: Some(ConnectionId(3)),
        token: Some(TokenId(4)),
        client: "Okta SCIM Client 1.0.0".to_owned(),
        address: Some("2001:db8::1".parse().unwrap()),
        method: "PATCH".to_owned(),
        path: "/scim/v2/Users/1".to_owned(),
        query: "attributes=userName".to_owned(),
        operation: Operation::Patch,
        resource_type: Some("User".to_owned()),
        resource: Some(Id([7; 16])),
        status: 409,
        cause: Some(Cause::Uniqueness),
        detail: "userName is taken".to_owned(),
        fired,
        events: Some((11, 12)),
        request_body: Body::new(br#"{"a": 1}"#, 100),
        response_body: Body::new(br#"{"b": 2}"#, 100),
        names: Vec::new(),
    }
}

#[test]
fn an_entry_comes_back_as_it_was() {
    let bench = Bench::new();
    let log = bench.open();
    let entry = full(&bench);
    log.record(entry.clone());
    log.flush();
    let found = log.reader().entry(entry.request).unwrap().unwrap();
    assert_eq!(found.entry, entry);
    assert_eq!(log.stats().recorded, 1);
    assert_eq!(log.stats().last_flush_ms, bench.now());
    assert_eq!(log.reader().entry(RequestId::random()).unwrap(), None);
}

#[test]
fn a_log_in_memory_answers_too() {
    let bench = Bench::new();
    let log = SyncLog::in_memory(LogSettings::default(), bench.clock()).unwrap();
    let entry = full(&bench);
    log.record(entry.clone());
    log.flush();
    assert_eq!(
        log.reader().entry(entry.request).unwrap().unwrap().entry,
        entry
    );
    let other = SyncLog::in_memory(LogSettings::default(), bench.clock()).unwrap();
    assert_eq!(all(&other), []);
}

#[test]
fn the_cli_reads_beside_the_server() {
    let bench = Bench::new();
    assert!(
        matches!(LogReader::open(&bench.path()), Err(StoreError::Open(text)) if text.contains("no sync log"))
    );
    let log = bench.open();
    log.record(bench.lookup(ACME, "lena@x.io"));
    log.flush();
    let reader = LogReader::open(&bench.path()).unwrap();
    assert_eq!(reader.by_name(ACME, "LENA@x.io", 10).unwrap().len(), 1);
    log.record(bench.lookup(ACME, "lena@x.io"));
    log.flush();
    assert_eq!(reader.by_name(ACME, "lena@x.io", 10).unwrap().len(), 2);
    log.close();
    assert_eq!(reader.by_name(ACME, "lena@x.io", 10).unwrap().len(), 2);
}

#[test]
fn filters_select_and_pages_are_complete() {
    let bench = Bench::new();
    let log = bench.open();
    for i in 0..30 {
        bench.pass(i % 2);
        let name = format!("user{}", i % 3);
        log.record(match i % 3 {
            0 => bench.create(&name, 10),
            1 => bench.lookup(GLOBEX, &name),
            _ => Entry {
                status: 400,
                cause: Some(Cause::InvalidFilter),
                resource: Some(Id([i as u8; 16])),
                connection: Some(ConnectionId(9)),
                ..bench.lookup(ACME, &name)
            },
        });
    }
    log.flush();
    let count = |filter: LogFilter| log.reader().entries(&filter).unwrap().len();
    let any = LogFilter::default();
    let filter = || LogFilter {
        tenant: Some(ACME),
        ..any.clone()
    };
    assert_eq!(count(any.clone()), 30);
    assert_eq!(count(filter()), 20);
    let name = |name: &str| Some(name.to_owned());
    for (filter, expected) in [
        (
            LogFilter {
                tenant: Some(GLOBEX),
                ..filter()
            },
            10,
        ),
        (
            LogFilter {
                connection: Some(ConnectionId(9)),
                ..filter()
            },
            10,
        ),
        (
            LogFilter {
                operation: Some(Operation::Create),
                ..filter()
            },
            10,
        ),
        (
            LogFilter {
                status: Some(400..=499),
                ..filter()
            },
            10,
        ),
        (
            LogFilter {
                show: Show::Errors,
                ..filter()
            },
            10,
        ),
        (
            LogFilter {
                show: Show::Writes,
                ..filter()
            },
            10,
        ),
        (
            LogFilter {
                show: Show::ErrorsAndWrites,
                ..filter()
            },
            20,
        ),
        (
            LogFilter {
                cause: Some(Cause::InvalidFilter),
                ..filter()
            },
            10,
        ),
        (
            LogFilter {
                cause: Some(Cause::Internal),
                ..filter()
            },
            0,
        ),
        (
            LogFilter {
                name: name("USER0"),
                ..filter()
            },
            10,
        ),
        (
            LogFilter {
                name: name("user1"),
                ..filter()
            },
            0,
        ),
        (
            LogFilter {
                name: name("user1"),
                tenant: Some(GLOBEX),
                ..filter()
            },
            10,
        ),
        (
            LogFilter {
                name: name("user0"),
                tenant: None,
                ..filter()
            },
            0,
        ),
        (
            LogFilter {
                resource: Some(Id([2; 16])),
                ..filter()
            },
            1,
        ),
        (
            LogFilter {
                since: Some(bench.now()),
                ..any.clone()
            },
            1,
        ),
        (
            LogFilter {
                until: Some(bench.now()),
                ..any.clone()
            },
            29,
        ),
        (
            LogFilter {
                limit: 7,
                ..filter()
            },
            7,
        ),
    ] {
        assert_eq!(count(filter.clone()), expected, "{filter:?}");
    }

    let mut page = LogFilter { limit: 7, ..any };
    let mut walked = Vec::new();
    loop {
        let found = log.reader().entries(&page).unwrap();
        let Some(last) = found.last() else { break };
        page.before = Some(last.place());
        walked.extend(found);
    }
    assert_eq!(walked, all(&log));
    assert!(
        walked.is_sorted_by(|a, b| a.place() > b.place()),
        "newest first"
    );
}

#[test]
fn a_tail_shows_each_new_entry_once_and_in_order() {
    let bench = Bench::new();
    let log = bench.open();
    log.record(bench.lookup(ACME, "before"));
    log.flush();
    let mut after = log.reader().last_id().unwrap();
    let filter = LogFilter {
        tenant: Some(ACME),
        limit: 2,
        ..LogFilter::default()
    };
    for _ in 0..5 {
        log.record(bench.lookup(ACME, "mine"));
        log.record(bench.lookup(GLOBEX, "not mine"));
    }
    log.flush();
    let mut seen = Vec::new();
    loop {
        let found = log.reader().tail(after, &filter).unwrap();
        let Some(last) = found.last() else { break };
        after = last.id;
        seen.extend(found.iter().map(|found| found.id));
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted());
}

#[test]
fn ids_are_never_used_twice() {
    let bench = Bench::new();
    let log = bench.open();
    log.record(bench.lookup(ACME, "a"));
    log.flush();
    let last = log.reader().last_id().unwrap();
    bench.pass(100 * 24 * HOUR);
    log.expire();
    assert_eq!(all(&log), []);
    log.close();
    let log = bench.open();
    log.record(bench.lookup(ACME, "b"));
    log.flush();
    assert!(log.reader().last_id().unwrap() > last);
}

#[test]
fn counted_reads_are_summed_by_second_and_their_names_found() {
    let bench = Bench::new();
    let log = bench.open();
    // The start's own walk over the names, during which sightings are rounded, is over.
    log.expire();
    for _ in 0..5 {
        log.count(&bench.counted(&["Lena@X.io", "id-1"]));
    }
    log.flush();
    bench.pass(1000);
    log.count(&bench.counted(&["lena@x.io"]));
    log.count(&Counted {
        tenant: None,
        connection: None,
        status: 401,
        ..bench.counted(&["nobody"])
    });
    log.flush();
    let reader = log.reader();
    let counts = reader.counts(Some(ACME), 0).unwrap();
    let sums: Vec<_> = counts.iter().map(|count| (count.at, count.count)).collect();
    assert_eq!(sums, [(START, 5), (START + 1000, 1)]);
    assert_eq!(counts[0].connection, Some(ConnectionId(3)));
    assert_eq!(counts[0].operation, Operation::Get);
    assert_eq!(reader.counts(Some(GLOBEX), 0).unwrap(), []);
    assert_eq!(
        reader.counts(None, 0).unwrap()[0].status,
        401,
        "for operators"
    );
    assert_eq!(log.stats().counted, 7);

    let seen = reader.seen(ACME, " LENA@x.io").unwrap().unwrap();
    assert_eq!(seen.first, START);
    assert_eq!(reader.seen(GLOBEX, "lena@x.io").unwrap(), None);
    assert_eq!(reader.seen(ACME, "nobody").unwrap(), None);
    assert_eq!(reader.seen(ACME, "max@x.io").unwrap(), None);

    log.close();
    let reader = LogReader::open(&bench.path()).unwrap();
    let last = START + 1000;
    let exact = Seen {
        first: START,
        last,
        count: 6,
    };
    assert_eq!(
        reader.seen(ACME, "lena@x.io").unwrap(),
        Some(exact),
        "all is written in the end"
    );
}

#[test]
fn names_in_entries_and_in_counts_are_one_answer() {
    let bench = Bench::new();
    let log = bench.open();
    log.record(bench.lookup(ACME, "lena"));
    bench.pass(5000);
    log.count(&bench.counted(&["lena"]));
    log.flush();
    let seen = log.reader().seen(ACME, "lena").unwrap();
    let (first, last) = (START, START + 5000);
    assert_eq!(
        seen,
        Some(Seen {
            first,
            last,
            count: 2
        })
    );
}

#[test]
fn a_name_seen_again_and_again_is_written_once_a_minute() {
    let bench = Bench::new();
    let log = bench.open();
    log.expire();
    for _ in 0..10 {
        bench.pass(1000);
        log.count(&bench.counted(&["lena"]));
        log.flush();
    }
    let seen = log.reader().seen(ACME, "lena").unwrap().unwrap();
    assert_eq!((seen.first, seen.count), (START + 1000, 1), "at least");
    bench.pass(60_000);
    log.flush();
    let seen = log.reader().seen(ACME, "lena").unwrap().unwrap();
    assert_eq!((seen.last, seen.count), (START + 10_000, 10));
}

#[test]
fn more_names_than_have_a_place_are_all_found() {
    let bench = Bench::new();
    let log = bench.open();
    for chunk in 0..20 {
        for i in 0..5000 {
            log.count(&bench.counted(&[&format!("user-{}", chunk * 5000 + i)]));
        }
        log.flush();
    }
    assert_eq!(log.stats().names_dropped, 0);
    for i in (0..100_000).step_by(997) {
        assert!(
            log.reader()
                .seen(ACME, &format!("user-{i}"))
                .unwrap()
                .is_some(),
            "{i}"
        );
    }
}

#[test]
fn reads_and_refusals_are_admitted_up_to_their_rates() {
    let bench = Bench::new();
    let log = bench.open();
    let reads = |connection, now| {
        (0..500)
            .filter(|_| log.admit_read(ACME, ConnectionId(connection), now))
            .count()
    };
    assert_eq!(reads(1, 10), 200);
    assert_eq!(reads(2, 10), 200, "each connection has its own");
    assert_eq!(reads(1, 1010), 200, "each second anew");
    let refusals = |address: &str, now| {
        let address = address.parse().unwrap();
        (0..50).filter(|_| log.admit_refusal(address, now)).count()
    };
    assert_eq!(refusals("192.0.2.1", 10), 10);
    assert_eq!(refusals("::ffff:192.0.2.1", 20), 0, "the same address");
    assert_eq!(refusals("2001:db8::1", 30), 10);
    assert_eq!(refusals("2001:db8::2", 40), 0, "the same /64");
    let more: usize = (2..200)
        .map(|i| refusals(&format!("192.0.2.{i}"), 50))
        .sum();
    assert_eq!(more, 80, "100 in all");
}

#[test]
fn no_secret_reaches_the_file() {
    let bench = Bench::new();
    let log = bench.open();
    let token = format!("pvr_scim_{}", "Canary7".repeat(10));
    let password = "canary-password";
    let body = format!(
        r#"{{"userName": "{token}", "password": "{password}", "Operations": [
            {{"op": "replace", "value": "{password}", "path": "Password"}},
            {{"op": "replace", "value": {{"urn:x:User:password": "{password}"}}}}]}}"#
    );
    let mut fired = Fired::default();
    fired.record(Tolerance::UnknownAttribute, || token.clone());
    log.record(Entry {
        client: token.clone(),
        method: token.clone(),
        path: format!("/Users/{token}"),
        query: format!("access_token={password}&filter=password%20eq%20%22{password}%22&a={token}"),
        resource_type: Some(token.clone()),
        detail: format!("no such thing: {token}."),
        fired,
        request_body: log.body(body.as_bytes()),
        response_body: log.body(format!("password={password}").as_bytes()),
        ..bench.lookup(ACME, &token)
    });
    log.count(&bench.counted(&[&token]));
    log.close();
    let file = std::fs::read(bench.path()).unwrap();
    for canary in ["Canary7", "canary-password"] {
        assert!(
            memchr::memmem::find(&file, canary.as_bytes()).is_none(),
            "{canary}"
        );
    }
    let entry = &LogReader::open(&bench.path())
        .unwrap()
        .by_name(ACME, &token, 1)
        .unwrap()[0]
        .entry;
    assert_eq!(entry.detail, "no such thing: [redacted].");
    assert_eq!(entry.response_body.kept(), Kept::NotJson);
}

#[test]
fn overlong_texts_are_cut() {
    let bench = Bench::new();
    let log = bench.open();
    let long = "ä".repeat(100_000);
    log.record(Entry {
        client: long.clone(),
        method: long.clone(),
        path: long.clone(),
        query: long.clone(),
        detail: long.clone(),
        request_body: log.body(format!("\"{long}\"").as_bytes()),
        ..bench.lookup(ACME, "lena")
    });
    log.flush();
    let filter = LogFilter {
        bodies: true,
        ..LogFilter::default()
    };
    let found = log.reader().entries(&filter).unwrap().remove(0).entry;
    assert_eq!(found.client.len(), 256);
    assert_eq!(found.path.len(), 2048);
    assert_eq!(found.request_body.kept(), Kept::Cut);
    assert_eq!(found.request_body.length(), 200_002);
    assert!((16_380..=16_384).contains(&found.request_body.bytes().len()));
    assert!(std::str::from_utf8(found.request_body.bytes()).is_ok());
}

#[test]
fn outcomes_are_told_by_connection_and_token() {
    let bench = Bench::new();
    let log = bench.open();
    let before = full(&bench);
    log.record(before.clone());
    bench.pass(HOUR);
    let since = bench.now();
    for status in [200, 201, 409] {
        let request = RequestId::random();
        log.record(Entry {
            request,
            status,
            ..full(&bench)
        });
    }
    log.record(Entry {
        request: RequestId::random(),
        connection: None,
        status: 401,
        ..full(&bench)
    });
    log.record(Entry {
        request: RequestId::random(),
        tenant: Some(GLOBEX),
        ..full(&bench)
    });
    let counted = Counted {
        at: bench.now(),
        tenant: Some(ACME),
        connection: Some(ConnectionId(3)),
        operation: Operation::Lookup,
        status: 200,
        duration_us: 700,
        names: &[],
    };
    log.count(&counted);
    log.flush();
    let told = |most| {
        let mut found = log.reader().outcomes(ACME, since, most).unwrap();
        found.sort_by_key(|one| (one.connection, one.token, one.good));
        let plain = |one: Outcomes| {
            let connection = one.connection.map(|id| id.0);
            (connection, one.token.map(|id| id.0), one.good, one.refused)
        };
        found.into_iter().map(plain).collect::<Vec<_>>()
    };
    assert_eq!(told(100), [(None, Some(4), 0, 1), (Some(3), None, 3, 1)]);
    assert_eq!(
        told(0),
        [(Some(3), None, 3, 1)],
        "the connections' are sums"
    );
}
