//! Targets: their settings, what is known of each user and team there, and their log.

use provisor_store::{
    Actor, AuditQuery, Change, Id, Origin, Outcome, RequestId, TargetChange, TargetId, TenantId,
    WriteError,
    target::{
        EntryQuery, Kind, KnownMembers, NewEntry, Report, Sealed, Target, TargetEntry, TargetObject,
    },
};
use scim::{Profile, Value};
use serde_json::json;

use super::bench::{Bench, read};

fn operator(bench: &Bench) -> Origin {
    Origin {
        tenant: bench.tenant,
        request: RequestId::random(),
        actor: Actor::CommandLine("anna".to_owned()),
        address: None,
    }
}

async fn change(bench: &Bench, change: TargetChange) -> Result<Outcome, WriteError> {
    bench
        .store
        .write(operator(bench), Change::Target(change))
        .await
}

async fn create(bench: &Bench, name: &str) -> Target {
    let create = TargetChange::Create {
        name: name.to_owned(),
        settings: json!({ "url": "https://a.example/scim" }),
    };
    match change(bench, create).await {
        Ok(Outcome::Target(target)) => target,
        other => panic!("{other:?}"),
    }
}

async fn mark(bench: &Bench, id: TargetId, locals: &[&str], cursor: i64) {
    let objects = locals.iter().map(|local| (Kind::User, (*local).to_owned()));
    let mark = TargetChange::Mark {
        id,
        objects: objects.collect(),
        cursor: Some(cursor),
        whole: Some(1),
        differ: false,
    };
    change(bench, mark).await.unwrap();
}

async fn due(bench: &Bench, id: TargetId) -> Vec<TargetObject> {
    let mut snapshot = bench.store.read().await.unwrap();
    let due = snapshot.target_due((bench.tenant, id), Kind::User, bench.clock.now(), None, 10);
    due.await.unwrap()
}

async fn report(bench: &Bench, id: TargetId, report: Report) {
    let reports = vec![report];
    change(bench, TargetChange::Report { id, reports })
        .await
        .unwrap();
}

fn done(object: &TargetObject, remote: &str) -> Report {
    Report {
        object: TargetObject {
            remote: Some(remote.to_owned()),
            label: "lena".to_owned(),
            sent: Some(vec![7; 32]),
            names: "userName,title".to_owned(),
            due: None,
            ..object.clone()
        },
        gone: false,
        members: Vec::new(),
        entries: vec![NewEntry {
            action: "create",
            ok: true,
            status: Some(201),
            detail: json!({ "attributes": ["userName", "title"] }),
        }],
    }
}

pub(crate) async fn targets_are_named_once_and_their_settings_told(bench: &Bench) {
    let target = create(bench, "crm").await;
    assert!(!target.active && target.whole == 1);
    let twin = TargetChange::Create {
        name: "crm".to_owned(),
        settings: Value::Null,
    };
    let refused = change(bench, twin).await.unwrap_err();
    assert!(
        refused.to_string().contains("already has a target"),
        "{refused}"
    );

    mark(bench, target.id, &["a"], 7).await;
    let set = |settings: Option<Value>, credentials| TargetChange::Set {
        id: target.id,
        name: None,
        settings,
        active: Some(true),
        credentials,
    };
    change(bench, set(None, Some(Some(Sealed(vec![1, 2, 3])))))
        .await
        .unwrap();
    let known = bench
        .store
        .read()
        .await
        .unwrap()
        .targets(None)
        .await
        .unwrap();
    assert_eq!(known.len(), 1);
    assert!(known[0].active && known[0].whole == 0);
    assert_eq!(
        (known[0].cursor, &known[0].credentials),
        (7, &Some(Sealed(vec![1, 2, 3])))
    );
    // Other settings mean that what was sent may be wrong now.
    change(
        bench,
        set(Some(json!({ "url": "https://b.example" })), None),
    )
    .await
    .unwrap();
    let known = bench
        .store
        .read()
        .await
        .unwrap()
        .targets(Some(bench.tenant))
        .await
        .unwrap();
    assert_eq!(known[0].whole, 1);

    let mut snapshot = bench.store.read().await.unwrap();
    let told = snapshot
        .audit(&AuditQuery {
            limit: 10,
            ..AuditQuery::default()
        })
        .await
        .unwrap();
    let actions: Vec<_> = told.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        actions[..4],
        // Secret and activation were set at once.
        [
            "target.change",
            "target.credentials",
            "target.change",
            "target.create"
        ]
    );
    let text = format!("{told:?}");
    assert!(
        text.contains("b.example") && !text.contains("[1, 2, 3]"),
        "{text}"
    );
}

pub(crate) async fn what_changed_during_a_push_stays_due(bench: &Bench) {
    let target = create(bench, "crm").await;
    mark(bench, target.id, &["a", "b"], 1).await;
    let first = due(bench, target.id).await;
    assert_eq!(
        first
            .iter()
            .map(|one| one.local.as_str())
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
    // The source changes a while it is pushed.
    mark(bench, target.id, &["a"], 2).await;
    report(bench, target.id, done(&first[0], "r1")).await;
    report(bench, target.id, done(&first[1], "r2")).await;
    let still = due(bench, target.id).await;
    assert_eq!(still.len(), 1);
    assert_eq!(
        (still[0].local.as_str(), still[0].remote.as_deref()),
        ("a", Some("r1"))
    );
    report(bench, target.id, done(&still[0], "r1")).await;
    assert!(due(bench, target.id).await.is_empty());

    let mut snapshot = bench.store.read().await.unwrap();
    let place = (bench.tenant, target.id);
    let remotes = ["r2".to_owned(), "nobody".to_owned()];
    let found = snapshot
        .target_by_remote(place, Kind::User, &remotes)
        .await
        .unwrap();
    assert_eq!(found[0].as_ref().map(|one| one.local.as_str()), Some("b"));
    assert!(found[1].is_none());
    let counts = snapshot.target_counts(place).await.unwrap();
    assert_eq!(
        (counts.linked, counts.due, counts.troubled),
        ([2, 0], [0, 0], [0, 0])
    );
    let query = EntryQuery {
        object: Some((Kind::User, "a".to_owned())),
        limit: 10,
        ..EntryQuery::default()
    };
    assert_eq!(snapshot.target_log(place, &query).await.unwrap().len(), 2);
    let newest = EntryQuery {
        limit: 1,
        ..EntryQuery::default()
    };
    let newest = snapshot.target_log(place, &newest).await.unwrap();
    assert_eq!(
        (newest[0].n, newest[0].label.as_str(), newest[0].status),
        (3, "lena", Some(201))
    );
}

pub(crate) async fn what_fails_comes_back_in_its_time(bench: &Bench) {
    let target = create(bench, "crm").await;
    mark(bench, target.id, &["a"], 1).await;
    let object = due(bench, target.id).await.remove(0);
    let failed = Report {
        object: TargetObject {
            due: Some(bench.clock.now() + 60_000),
            attempts: 1,
            error: Some("the target answered 500".to_owned()),
            ..object
        },
        gone: false,
        members: Vec::new(),
        entries: Vec::new(),
    };
    report(bench, target.id, failed).await;
    assert!(due(bench, target.id).await.is_empty());
    let place = (bench.tenant, target.id);
    let next = bench
        .store
        .read()
        .await
        .unwrap()
        .target_next_due(place)
        .await
        .unwrap();
    assert_eq!(next, Some(bench.clock.now() + 60_000));
    bench.later(60_000);
    let again = due(bench, target.id).await;
    assert_eq!((again[0].attempts, again[0].state()), (1, "retrying"));
    let mut gone = done(&again[0], "r");
    gone.gone = true;
    report(bench, target.id, gone).await;
    assert!(due(bench, target.id).await.is_empty());
}

pub(crate) async fn members_in_a_target_are_a_set(bench: &Bench) {
    let target = create(bench, "crm").await;
    let place = (bench.tenant, target.id);
    let steps = [
        (KnownMembers::Are(vec!["1".into(), "2".into()]), 2),
        (KnownMembers::Added(vec!["2".into(), "3".into()]), 3),
        (KnownMembers::Removed(vec!["1".into(), "9".into()]), 2),
        (KnownMembers::Are(Vec::new()), 0),
    ];
    for (step, count) in steps {
        let team = TargetObject {
            remote: Some("r".to_owned()),
            label: "Sales".to_owned(),
            ..TargetObject::unknown(Kind::Team, "t")
        };
        let one = Report {
            object: team,
            gone: false,
            members: vec![step],
            entries: Vec::new(),
        };
        report(bench, target.id, one).await;
        let known = bench
            .store
            .read()
            .await
            .unwrap()
            .target_members(place, "t")
            .await
            .unwrap();
        assert_eq!(known.len(), count);
    }
}

pub(crate) async fn a_target_goes_with_all_its_rows(bench: &Bench) {
    let target = create(bench, "crm").await;
    mark(bench, target.id, &["a", "b", "c"], 1).await;
    for object in due(bench, target.id).await {
        let remote = format!("r{}", object.local);
        report(bench, target.id, done(&object, &remote)).await;
    }
    let mut calls = 0;
    loop {
        calls += 1;
        let remove = TargetChange::Remove {
            id: target.id,
            chunk: 2,
        };
        match change(bench, remove).await.unwrap() {
            Outcome::TargetRemoved { done: true } => break,
            Outcome::TargetRemoved { done: false } => {}
            other => panic!("{other:?}"),
        }
        // Its name is free from the first call on, and it is seen no more.
        assert!(
            bench
                .store
                .read()
                .await
                .unwrap()
                .targets(None)
                .await
                .unwrap()
                .is_empty()
        );
    }
    assert!(calls > 2);
    let again = create(bench, "crm").await;
    assert!(again.id > target.id, "a number is not given twice");
    let query = EntryQuery {
        limit: 10,
        ..EntryQuery::default()
    };
    let mut snapshot = bench.store.read().await.unwrap();
    assert!(
        snapshot
            .target_log((bench.tenant, again.id), &query)
            .await
            .unwrap()
            .is_empty()
    );
}

pub(crate) async fn old_lines_of_a_targets_log_go(bench: &Bench) {
    let target = create(bench, "crm").await;
    mark(bench, target.id, &["a", "b"], 1).await;
    let both = due(bench, target.id).await;
    report(bench, target.id, done(&both[0], "r1")).await;
    bench.later(1000);
    report(bench, target.id, done(&both[1], "r2")).await;
    let before = bench.clock.now();
    let expire = TargetChange::ExpireLog { before, chunk: 10 };
    let system = TenantId::SYSTEM;
    let origin = Origin {
        tenant: system,
        ..operator(bench)
    };
    bench
        .store
        .write(origin, Change::Target(expire))
        .await
        .unwrap();
    let query = EntryQuery {
        limit: 10,
        ..EntryQuery::default()
    };
    let mut snapshot = bench.store.read().await.unwrap();
    let left = snapshot
        .target_log((bench.tenant, target.id), &query)
        .await
        .unwrap();
    assert_eq!(
        left.iter()
            .map(|entry| entry.local.as_str())
            .collect::<Vec<_>>(),
        ["b"]
    );
}

pub(crate) async fn another_tenants_targets_are_unknown(bench: &Bench) {
    let target = create(bench, "crm").await;
    let other = bench.new_tenant("other").await;
    let origin = Origin {
        tenant: other,
        ..operator(bench)
    };
    let ask = TargetChange::Ask {
        id: target.id,
        compare: false,
    };
    let refused = bench
        .store
        .write(origin, Change::Target(ask))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("no such target"), "{refused}");
    assert!(
        bench
            .store
            .read()
            .await
            .unwrap()
            .targets(Some(other))
            .await
            .unwrap()
            .is_empty()
    );
}

pub(crate) async fn an_erased_user_leaves_no_name_in_a_targets_log(bench: &Bench) {
    let user = bench.user("lena").await;
    let local = user.to_string();
    let target = create(bench, "crm").await;
    mark(bench, target.id, &[&local], 1).await;
    let object = due(bench, target.id).await.remove(0);
    report(bench, target.id, done(&object, "r1")).await;
    bench
        .store
        .write(operator(bench), Change::Erase { id: user })
        .await
        .unwrap();
    let place = (bench.tenant, target.id);
    let query = EntryQuery {
        limit: 10,
        ..EntryQuery::default()
    };
    let mut snapshot = bench.store.read().await.unwrap();
    let log = snapshot.target_log(place, &query).await.unwrap();
    assert_eq!((log[0].label.as_str(), &log[0].detail), ("", &json!({})));
    let known = snapshot
        .target_by_local(place, Kind::User, &[local])
        .await
        .unwrap();
    assert_eq!(
        known[0].as_ref().map(|one| one.remote.as_deref()),
        Some(Some("r1"))
    );
}

pub(crate) async fn an_erased_user_leaves_no_key_of_the_files_in_a_target(bench: &Bench) {
    let user = bench.user("lena@old.example").await;
    let renamed = json!({ "userName": "lena", "emails": [{ "value": "lena@new.example" }] });
    bench.put("User", user, renamed).await.unwrap();
    let other = bench.user("4711").await;
    let from_files = create(bench, "hr").await;
    let set = TargetChange::Set {
        id: from_files.id,
        name: None,
        settings: Some(json!({ "source": "files" })),
        active: None,
        credentials: None,
    };
    change(bench, set).await.unwrap();
    let from_tenant = create(bench, "crm").await;
    // Keys that are names, in any case; one that is none, of somebody called so; and other people's.
    let keys = ["Lena@Old.example", "lena@new.example", "17", "otto", "4711"];
    let labels = ["Lena@Old.example", "lena2", "LENA", "otto", "Lenard"];
    for target in [&from_files, &from_tenant] {
        mark(bench, target.id, &keys, 1).await;
        let due = due(bench, target.id).await;
        for (key, label) in keys.iter().zip(labels) {
            let object = due.iter().find(|object| object.local == *key).unwrap();
            let mut told = done(object, &format!("r-{key}"));
            told.object.label = label.to_owned();
            report(bench, target.id, told).await;
        }
    }
    for id in [user, other] {
        bench
            .store
            .write(operator(bench), Change::Erase { id })
            .await
            .unwrap();
    }
    let mut snapshot = bench.store.read().await.unwrap();
    let mut known = async |target: &Target| {
        let place = (bench.tenant, target.id);
        let known = snapshot
            .target_objects(place, Kind::User, false, "", 10)
            .await
            .unwrap();
        let query = EntryQuery {
            limit: 10,
            ..EntryQuery::default()
        };
        let log = snapshot.target_log(place, &query).await.unwrap();
        assert_eq!((known.len(), log.len()), (5, 5));
        let lines = log.into_iter().map(|line| (line.local, line.label));
        let mut lines: Vec<_> = lines.collect();
        lines.sort();
        let rows = known.into_iter().map(|row| (row.local, row.label));
        let rows: Vec<_> = rows.collect();
        assert_eq!(rows, lines);
        rows
    };
    let pair = |key: &str, label: &str| (key.to_owned(), label.to_owned());
    // What is to go from the target stays known, under keys that say nothing.
    assert_eq!(
        known(&from_files).await,
        [
            pair("17", ""),
            pair(&format!("erased-{user}"), ""),
            pair(&format!("erased-{user}-2"), ""),
            pair(&format!("erased-{other}"), ""),
            pair("otto", "otto"),
        ]
    );
    // Where keys are ids of the directory, a number is nobody's name.
    assert!(known(&from_tenant).await.contains(&pair("4711", "Lenard")));
}

async fn fed_from_files(bench: &Bench, name: &str) -> Target {
    let target = create(bench, name).await;
    let set = TargetChange::Set {
        id: target.id,
        name: None,
        settings: Some(json!({ "source": "files" })),
        active: None,
        credentials: None,
    };
    change(bench, set).await.unwrap();
    target
}

async fn erase(bench: &Bench, id: Id) {
    let erase = Change::Erase { id };
    bench.store.write(operator(bench), erase).await.unwrap();
}

/// Rows of users, and lines of the log, of a target.
async fn all(bench: &Bench, target: &Target) -> (Vec<TargetObject>, Vec<TargetEntry>) {
    let place = (bench.tenant, target.id);
    let mut snapshot = bench.store.read().await.unwrap();
    let query = EntryQuery {
        limit: 100,
        ..EntryQuery::default()
    };
    let known = snapshot.target_objects(place, Kind::User, false, "", 100);
    let known = known.await.unwrap();
    (known, snapshot.target_log(place, &query).await.unwrap())
}

pub(crate) async fn a_key_that_was_passed_on_is_erased_where_it_was_theirs(bench: &Bench) {
    let user = bench.user("lena").await;
    let renamed = json!({ "userName": "lena.b" });
    bench.put("User", user, renamed).await.unwrap();
    let target = fed_from_files(bench, "hr").await;
    for label in ["lena", "otto"] {
        mark(bench, target.id, &["lena"], 1).await;
        let mut told = done(&due(bench, target.id).await[0], "r1");
        told.object.label = label.to_owned();
        report(bench, target.id, told).await;
    }
    erase(bench, user).await;
    let (known, log) = all(bench, &target).await;
    let row = (known[0].local.as_str(), known[0].label.as_str());
    assert_eq!(row, ("lena", "otto"));
    let lines = log
        .iter()
        .map(|line| (line.local.as_str(), line.label.as_str()));
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    let alias = format!("erased-{user}");
    assert_eq!(lines, [(alias.as_str(), ""), ("lena", "otto")]);
}

pub(crate) async fn who_is_erased_during_a_push_has_no_name_after_it(bench: &Bench) {
    let user = bench.user("lena").await;
    let from_files = fed_from_files(bench, "hr").await;
    let from_tenant = create(bench, "crm").await;
    let id = user.to_string();
    let mut told = Vec::new();
    for (target, key) in [(&from_files, "lena"), (&from_tenant, id.as_str())] {
        mark(bench, target.id, &[key], 1).await;
        let mut done = done(&due(bench, target.id).await[0], "r1");
        done.object.error = Some("lena is refused".to_owned());
        done.entries[0].detail = json!({ "reason": "lena is refused" });
        told.push((target, done));
    }
    erase(bench, user).await;
    for (target, done) in told {
        report(bench, target.id, done).await;
        let (known, log) = all(bench, target).await;
        assert_eq!(log.len(), 1);
        let all = format!("{known:?} {log:?}");
        assert!(!all.contains("lena"), "{all}");
        let is_due = known.iter().all(|row| row.due.is_some());
        assert!(is_due, "that it has to go stays to be done");
        let mut made = known
            .iter()
            .filter(|row| row.remote.as_deref() == Some("r1"));
        assert!(made.next().is_some() && made.next().is_none(), "{all}");
    }
}

pub(crate) async fn a_user_of_files_is_erased_as_often_as_it_is_asked(bench: &Bench) {
    let target = fed_from_files(bench, "hr").await;
    let user = bench.user("lena").await;
    for n in 0..2 {
        if n > 0 {
            // Brought back from an export.
            let kind = bench.kind("User").await;
            let incoming = read(&kind, json!({ "userName": "lena" }), &Profile::GENERIC);
            let incoming = incoming.unwrap();
            let adopt = Change::Adopt {
                kind,
                id: user,
                incoming,
                app_id: None,
            };
            bench.store.write(operator(bench), adopt).await.unwrap();
        }
        mark(bench, target.id, &["lena"], 1).await;
        let due = due(bench, target.id).await;
        let row = due.iter().find(|row| row.local == "lena").unwrap();
        report(bench, target.id, done(row, &format!("r{n}"))).await;
        erase(bench, user).await;
    }
    let (known, _) = all(bench, &target).await;
    let keys: Vec<&str> = known.iter().map(|row| row.local.as_str()).collect();
    let alias = format!("erased-{user}");
    assert_eq!(keys, [alias.clone(), format!("{alias}-2")]);
}

pub(crate) async fn a_target_that_knows_somebody_keeps_its_source(bench: &Bench) {
    let target = fed_from_files(bench, "hr").await;
    let set = |settings| TargetChange::Set {
        id: target.id,
        name: None,
        settings: Some(settings),
        active: None,
        credentials: None,
    };
    change(bench, set(json!({ "source": "tenant" })))
        .await
        .unwrap();
    change(bench, set(json!({ "source": "files" })))
        .await
        .unwrap();
    mark(bench, target.id, &["lena"], 1).await;
    let refused = change(bench, set(json!({ "source": "tenant" }))).await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("its source cannot be changed")
    );
    // Also when all that is left of them is a line.
    let mut gone = done(&due(bench, target.id).await[0], "r1");
    gone.gone = true;
    report(bench, target.id, gone).await;
    assert!(change(bench, set(json!({}))).await.is_err());
    change(bench, set(json!({ "source": "files", "update": false })))
        .await
        .unwrap();
}
