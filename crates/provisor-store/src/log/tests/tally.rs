//! Sums by half hour, connection and cause.

use super::*;

fn refused(bench: &Bench, tenant: Option<TenantId>, cause: Cause) -> Entry {
    Entry {
        tenant,
        connection: tenant.map(|_| ConnectionId(3)),
        cause: Some(cause),
        ..Entry::new(RequestId::random(), bench.now(), Operation::Create, 409)
    }
}

#[test]
fn requests_are_summed_by_half_hour_and_connection_counted_ones_too() {
    let bench = Bench::new();
    let log = bench.open();
    let start = bench.now();
    log.record(bench.lookup(ACME, "lena"));
    log.count(&bench.counted(&[]));
    log.record(refused(&bench, Some(GLOBEX), Cause::Uniqueness));
    log.record(refused(&bench, None, Cause::TokenUnknown));
    log.flush();
    bench.pass(SLOT_MS);
    log.record(bench.lookup(ACME, "lena"));
    log.flush();
    let reader = log.reader();
    let sums = |whose: &Whose, since| {
        let sums = reader.by_half_hour(whose, since).unwrap();
        let pairs = sums.iter().map(|(_, sum)| (sum.requests, sum.errors));
        pairs.collect::<Vec<_>>()
    };
    let named = |tenants: &[TenantId]| Whose::Named(tenants.to_vec());
    assert_eq!(sums(&Whose::All, start), [(4, 2), (1, 0)]);
    assert_eq!(sums(&Whose::Tenants, start), [(3, 1), (1, 0)]);
    assert_eq!(sums(&named(&[ACME]), start), [(2, 0), (1, 0)]);
    assert_eq!(sums(&named(&[GLOBEX]), start), [(1, 1)]);
    assert_eq!(sums(&named(&[]), start), []);
    assert_eq!(sums(&Whose::All, bench.now()), [(1, 0)]);
    let links = reader
        .by_connection(&named(&[ACME, GLOBEX]), start)
        .unwrap();
    let of_acme = links.iter().find(|(tenant, ..)| *tenant == ACME).unwrap();
    assert_eq!((of_acme.2.requests, of_acme.2.last_at), (3, bench.now()));
    assert_eq!(links.len(), 2);
}

#[test]
fn refusals_are_summed_by_tenant_and_cause() {
    let bench = Bench::new();
    let log = bench.open();
    for cause in [Cause::Uniqueness, Cause::Uniqueness, Cause::InvalidFilter] {
        log.record(refused(&bench, Some(ACME), cause));
        bench.pass(1000);
    }
    log.record(refused(&bench, Some(GLOBEX), Cause::Uniqueness));
    log.record(refused(&bench, None, Cause::TokenUnknown));
    log.record(bench.lookup(ACME, "lena"));
    log.flush();
    let found = |filter: LogFilter| {
        let found = log.reader().by_cause(&filter).unwrap();
        assert_eq!(found.since, None);
        let all = found
            .refusals
            .iter()
            .map(|one| (one.tenant, one.cause.unwrap(), one.count));
        all.collect::<Vec<_>>()
    };
    let all = found(LogFilter::default());
    assert_eq!(all[0], (Some(ACME), Cause::Uniqueness, 2));
    assert_eq!(all.len(), 4, "{all:?}");
    let of_tenants = found(LogFilter {
        whose: Whose::Tenants,
        ..LogFilter::default()
    });
    assert_eq!(of_tenants.len(), 3, "{of_tenants:?}");
    assert!(of_tenants.iter().all(|(tenant, ..)| tenant.is_some()));
    let of_beta = LogFilter {
        whose: Whose::Named(vec![GLOBEX]),
        ..LogFilter::default()
    };
    assert_eq!(found(of_beta), [(Some(GLOBEX), Cause::Uniqueness, 1)]);
    let late = LogFilter {
        since: Some(bench.now()),
        tenant: Some(ACME),
        ..LogFilter::default()
    };
    assert_eq!(found(late), []);
}

#[test]
fn several_tenants_are_listed_as_one_log() {
    let bench = Bench::new();
    let log = bench.open();
    for number in 0..6 {
        let tenant = [ACME, GLOBEX, TenantId(9)][number % 3];
        log.record(refused(&bench, Some(tenant), Cause::Uniqueness));
        bench.pass(1000);
    }
    log.record(refused(&bench, None, Cause::TokenUnknown));
    log.flush();
    for show in [Show::All, Show::Errors] {
        let mut filter = LogFilter {
            whose: Whose::Named(vec![ACME, GLOBEX]),
            show,
            limit: 3,
            ..LogFilter::default()
        };
        let first = log.reader().entries(&filter).unwrap();
        let tenants: Vec<_> = first.iter().map(|one| one.entry.tenant.unwrap()).collect();
        assert_eq!(tenants, [GLOBEX, ACME, GLOBEX]);
        filter.before = first.last().map(Logged::place);
        assert_eq!(log.reader().entries(&filter).unwrap().len(), 1);
        filter.before = None;
        filter.limit = 0;
        assert_eq!(log.reader().tail(0, &filter).unwrap().len(), 4);
        filter.whose = Whose::Tenants;
        assert_eq!(log.reader().entries(&filter).unwrap().len(), 6);
        assert_eq!(log.reader().tail(0, &filter).unwrap().len(), 6);
    }
}

#[test]
fn sums_go_with_their_time() {
    let bench = Bench::new();
    let log = bench.open();
    log.record(bench.lookup(ACME, "lena"));
    log.flush();
    bench.pass(LogSettings::default().entry_retention_ms + SLOT_MS);
    log.record(bench.lookup(ACME, "lena"));
    log.flush();
    log.expire();
    let left = log.reader().by_half_hour(&Whose::All, 0).unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn causes_say_when_they_do_not_tell_all() {
    let bench = Bench::new();
    let log = bench.open();
    for cause in [Cause::InvalidFilter, Cause::Uniqueness, Cause::Uniqueness] {
        bench.pass(1000);
        log.record(refused(&bench, Some(ACME), cause));
    }
    log.flush();
    let filter = LogFilter::default();
    let told = |most| log.reader().by_cause_within(&filter, most).unwrap();
    assert_eq!(told(4).since, None);
    let cut = told(2);
    assert_eq!(cut.since, Some(bench.now() - 1000));
    assert_eq!(cut.refusals.len(), 1);
}

#[test]
fn durations_are_told_of_all_requests() {
    let bench = Bench::new();
    let log = bench.open();
    let start = bench.now();
    log.count(&bench.counted(&[]));
    for micros in [900, 40_000] {
        log.record(Entry {
            duration_us: micros,
            ..refused(&bench, Some(GLOBEX), Cause::Uniqueness)
        });
    }
    log.flush();
    bench.pass(SLOT_MS);
    log.count(&bench.counted(&[]));
    log.flush();
    let took = |whose: Whose, since| log.reader().took(&whose, since).unwrap();
    let all = took(Whose::All, start);
    assert_eq!((all.requests(), all.within(500)), (4, Some(768)));
    assert_eq!(all.within(990), Some(49_152));
    assert_eq!(
        took(Whose::Named(vec![GLOBEX]), start).within(500),
        Some(1024)
    );
    assert_eq!(took(Whose::All, bench.now()).requests(), 1);
    assert_eq!(took(Whose::Named(Vec::new()), start).within(500), None);
}
