//! Tenants, connections, tokens, schemas.

use std::net::IpAddr;

use provisor_store::{
    Actor, Cause, Change, Origin, Outcome, PlainToken, RequestId, Scope, Store, TenantId,
    TenantState, TokenId, TokenKind, WriteError,
    change::{ConnectionSettings, NewToken},
    record::LastUse,
};
use scim::Kind;
use serde_json::{Value, json};

use super::{
    bench::{Bench, START, assert_refused, read},
    resources::custom_documents,
};

/// The cause of the refusal, or none.
async fn denied(store: &dyn Store, token: &PlainToken, address: Option<&str>) -> Option<Cause> {
    let address = address.map(|text| text.parse::<IpAddr>().unwrap());
    let mut view = store.read().await.unwrap();
    let answer = view.caller(token, address).await.unwrap();
    answer.err().map(|denied| {
        let error = denied.refusal.error;
        if error.kind == Kind::Unauthorized {
            assert!(
                error
                    .detail
                    .starts_with("The bearer token is not valid here")
            );
        }
        denied.refusal.cause
    })
}

async fn token(bench: &Bench, new: NewToken) -> PlainToken {
    match bench.system(bench.tenant, Change::CreateToken(new)).await {
        Ok(Outcome::Token(_, plain)) => plain,
        other => panic!("{other:?}"),
    }
}

fn api() -> NewToken {
    NewToken {
        connection: None,
        purpose: "app".into(),
        scopes: [Scope::EventsRead].into_iter().collect(),
        kind: TokenKind::Api,
        expires: None,
        addresses: Vec::new(),
    }
}

pub(crate) async fn tokens_are_checked(bench: &Bench) {
    let store = &*bench.store;
    assert_eq!(denied(store, &bench.token, None).await, None);
    let forged = PlainToken::generate(TokenKind::Scim, bench.tenant, bench.token.token());
    assert_eq!(
        denied(store, &forged, None).await,
        Some(Cause::TokenUnknown)
    );
    assert_eq!(denied(store, &bench.token, None).await, None);
    let nobody = PlainToken::generate(TokenKind::Scim, TenantId(77), TokenId(1));
    assert_eq!(
        denied(store, &nobody, None).await,
        Some(Cause::TokenUnknown)
    );

    let expires = Some(START + 1_000);
    let short = token(bench, NewToken { expires, ..api() }).await;
    let addresses = vec!["10.0.0.0/8".to_owned(), "2001:db8::1".to_owned()];
    let bound = token(bench, NewToken { addresses, ..api() }).await;
    for (address, cause) in [
        (Some("10.1.2.3"), None),
        (Some("2001:db8::1"), None),
        (Some("11.1.2.3"), Some(Cause::AddressNotAllowed)),
        (None, Some(Cause::AddressNotAllowed)),
    ] {
        assert_eq!(denied(store, &bound, address).await, cause);
    }
    assert_eq!(denied(store, &short, None).await, None);
    bench.later(1_000);
    assert_eq!(denied(store, &short, None).await, Some(Cause::TokenExpired));

    let caller = bench.caller().await;
    assert_eq!(caller.tenant.as_ref().unwrap().key, "acme");
    assert_eq!(caller.connection.as_ref().unwrap().id, bench.connection);
    assert!(caller.token.scopes.has(Scope::Scim) && !caller.token.scopes.has(Scope::Admin));

    for bad in [
        NewToken {
            purpose: " ".into(),
            ..api()
        },
        NewToken {
            addresses: vec!["10.0.0.0/33".into()],
            ..api()
        },
        NewToken {
            expires: Some(START),
            ..api()
        },
        NewToken {
            kind: TokenKind::Scim,
            ..api()
        },
    ] {
        bench
            .system(bench.tenant, Change::CreateToken(bad))
            .await
            .unwrap_err();
    }
    let operator = bench
        .system(TenantId::SYSTEM, Change::CreateToken(api()))
        .await;
    let Ok(Outcome::Token(record, plain)) = operator else {
        panic!("{operator:?}");
    };
    assert_eq!(
        (record.tenant, record.created_by.as_str()),
        (TenantId::SYSTEM, "system")
    );
    assert_eq!(denied(store, &plain, None).await, None);
    assert!(bench.caller_of(&plain).await.tenant.is_none());
    let mut view = bench.view().await;
    assert_eq!(view.tokens(TenantId::SYSTEM).await.unwrap().len(), 1);
    assert_eq!(view.tokens(bench.tenant).await.unwrap().len(), 3);
}

pub(crate) async fn revocation_counts_at_once_everywhere(bench: &Bench) {
    let other = bench.backend.open(bench.clock.clone());
    let second = bench.new_token(bench.tenant, bench.connection).await;
    for store in [&bench.store, &other] {
        assert_eq!(denied(&**store, &second, None).await, None);
    }
    let caller = bench.caller_of(&second).await;
    let id = second.token();
    let revoke = async || {
        let origin = Origin {
            tenant: bench.tenant,
            request: RequestId::random(),
            actor: Actor::CommandLine("anna".into()),
            address: None,
        };
        match other
            .write(origin, Change::RevokeToken { id })
            .await
            .unwrap()
        {
            Outcome::Revoked(record) => record.revoked,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(revoke().await, Some(START));
    bench.later(5);
    assert_eq!(revoke().await, Some(START));
    for store in [&bench.store, &other] {
        assert_eq!(
            denied(&**store, &second, None).await,
            Some(Cause::TokenRevoked)
        );
        assert_eq!(denied(&**store, &bench.token, None).await, None);
    }
    // A change that was let in before is looked at again.
    let kind = bench.kind("User").await;
    let incoming = read(&kind, json!({ "userName": "late" }), &caller.profile()).unwrap();
    let late = bench
        .store
        .write(
            bench.origin(&caller),
            Change::Create {
                kind,
                incoming,
                half: false,
            },
        )
        .await;
    let Err(WriteError::Refused(refusal)) = late else {
        panic!("{late:?}");
    };
    assert_eq!(refusal.cause, Cause::TokenRevoked);
    assert_eq!(bench.find("User", "").await, []);
    let unknown = bench
        .system(bench.tenant, Change::RevokeToken { id: TokenId(99) })
        .await;
    assert_refused(unknown, Kind::NotFound, &["tok_99"]);
}

pub(crate) async fn paused_and_suspended_refuse(bench: &Bench) {
    let store = &*bench.store;
    let pause = async |paused| {
        let paused = Some(paused);
        bench
            .set(ConnectionSettings {
                paused,
                ..ConnectionSettings::default()
            })
            .await
            .unwrap();
    };
    let suspend = async |suspended| {
        let change = Change::SetTenant {
            name: None,
            suspended: Some(suspended),
        };
        bench.system(bench.tenant, change).await.unwrap();
    };
    pause(true).await;
    assert_eq!(
        denied(store, &bench.token, None).await,
        Some(Cause::ConnectionPaused)
    );
    pause(false).await;
    suspend(true).await;
    assert_eq!(
        denied(store, &bench.token, None).await,
        Some(Cause::TenantSuspended)
    );
    let tenant = bench.view().await.tenant("acme").await.unwrap().unwrap();
    assert_eq!(tenant.state, TenantState::Suspended);
    suspend(false).await;
    assert_eq!(denied(store, &bench.token, None).await, None);
    let rename = |name: &str| Change::SetTenant {
        name: Some(name.into()),
        suspended: None,
    };
    bench
        .system(bench.tenant, rename(" Acme Ltd "))
        .await
        .unwrap();
    let nameless = bench.system(bench.tenant, rename(" ")).await;
    assert_refused(nameless, Kind::InvalidValue, &["has a name"]);
    assert_eq!(
        bench.caller().await.tenant.as_ref().unwrap().name,
        "Acme Ltd"
    );
    // What changes nothing makes nobody read again.
    let revision = bench.caller().await.revision;
    suspend(false).await;
    pause(false).await;
    assert_eq!(bench.caller().await.revision, revision);
}

pub(crate) async fn a_queued_change_goes_by_the_newest_settings(bench: &Bench) {
    let addresses = vec!["10.0.0.0/8".to_owned()];
    let bound = NewToken {
        connection: Some(bench.connection),
        kind: TokenKind::Scim,
        addresses,
        ..api()
    };
    let bound = token(bench, bound).await;
    let caller = {
        let mut view = bench.view().await;
        let address = Some("10.1.1.1".parse().unwrap());
        view.caller(&bound, address).await.unwrap().unwrap()
    };
    let domains = Some(vec!["example.com".into()]);
    bench
        .set(ConnectionSettings {
            domains,
            ..ConnectionSettings::default()
        })
        .await
        .unwrap();
    let kind = bench.kind("User").await;
    let create = async |name: &str| {
        let incoming = read(&kind, json!({ "userName": name }), &caller.profile()).unwrap();
        let change = Change::Create {
            kind: kind.clone(),
            incoming,
            half: false,
        };
        super::bench::short(bench.store.write(bench.origin(&caller), change).await)
    };
    assert_refused(create("a@out.org").await, Kind::DomainNotAllowed, &[]);
    create("a@example.com").await.unwrap();

    // Nor is anything written by a schema that is not the tenant's any more.
    for document in custom_documents() {
        bench
            .system(bench.tenant, Change::PutSchema { document })
            .await
            .unwrap();
    }
    assert_refused(
        create("b@example.com").await,
        Kind::Unavailable,
        &["send it again"],
    );
}

pub(crate) async fn a_connection_keeps_its_log_for_days_of_its_own(bench: &Bench) {
    let kept = async || {
        let connections = bench.view().await.connections(bench.tenant).await.unwrap();
        (connections[0].log_days, connections[0].log_body_days)
    };
    assert_eq!(kept().await, (None, None));
    for (days, body_days, expected) in [
        (Some(30), None, (Some(30), None)),
        (None, Some(3), (Some(30), Some(3))),
        (Some(3650), Some(0), (Some(3650), None)),
        (Some(0), None, (None, None)),
    ] {
        let settings = ConnectionSettings {
            log_days: days,
            log_body_days: body_days,
            ..ConnectionSettings::default()
        };
        bench.set(settings).await.unwrap();
        assert_eq!(kept().await, expected);
    }
    let too_long = ConnectionSettings {
        log_days: Some(3651),
        ..ConnectionSettings::default()
    };
    assert_refused(bench.set(too_long).await, Kind::InvalidValue, &["3650"]);
}

pub(crate) async fn connections_are_named_once(bench: &Bench) {
    let create = async |settings| {
        bench
            .system(bench.tenant, Change::CreateConnection(settings))
            .await
    };
    let named = |name: &str| ConnectionSettings {
        name: Some(name.into()),
        ..ConnectionSettings::default()
    };
    assert_refused(create(named("other")).await, Kind::Uniqueness, &["other"]);
    assert_refused(create(named("two words")).await, Kind::InvalidValue, &[]);
    for settings in [
        ConnectionSettings {
            profile: Some("none".into()),
            ..named("x")
        },
        ConnectionSettings {
            domains: Some(vec!["nodot".into()]),
            ..named("x")
        },
    ] {
        assert_refused(create(settings).await, Kind::InvalidValue, &[]);
    }
    for (idp, profile) in [
        ("entra", "entra"),
        ("keycloak", "keycloak"),
        ("authentik", "generic"),
    ] {
        let settings = ConnectionSettings {
            idp: Some(idp.into()),
            ..ConnectionSettings::default()
        };
        let Ok(Outcome::Connection(made)) = create(settings).await else {
            panic!("not made");
        };
        assert_eq!((made.name.as_str(), made.profile.name), (idp, profile));
    }
    let taken = bench.set(named("entra")).await;
    assert_refused(taken, Kind::Uniqueness, &[]);
    let connections = bench.view().await.connections(bench.tenant).await.unwrap();
    assert_eq!(
        connections
            .iter()
            .map(|it| it.name.as_str())
            .collect::<Vec<_>>(),
        ["other", "entra", "keycloak", "authentik"]
    );

    for (key, good) in [
        ("b.C_d-9", true),
        ("", false),
        ("-a", false),
        ("a b", false),
        ("é", false),
    ] {
        let change = Change::CreateTenant {
            key: key.into(),
            name: String::new(),
        };
        assert_eq!(
            bench.system(TenantId::SYSTEM, change).await.is_ok(),
            good,
            "{key}"
        );
    }
    let twin = Change::CreateTenant {
        key: "acme".into(),
        name: String::new(),
    };
    assert_refused(
        bench.system(TenantId::SYSTEM, twin).await,
        Kind::Uniqueness,
        &["acme"],
    );
    bench.new_tenant("B-C.D_9").await;
    let mut view = bench.view().await;
    let tenants = view.tenants("", 10).await.unwrap();
    let slugs: Vec<_> = tenants
        .iter()
        .map(|it| (it.key.as_str(), it.slug.as_str()))
        .collect();
    assert_eq!(
        slugs,
        [
            ("B-C.D_9", "b-c-d-9-2"),
            ("acme", "acme"),
            ("b.C_d-9", "b-c-d-9")
        ]
    );
    assert_eq!(view.tenants("B-C.D_9", 1).await.unwrap()[0].key, "acme");
    assert_eq!(
        view.tenant_by_slug("b-c-d-9").await.unwrap().unwrap().key,
        "b.C_d-9"
    );
}

async fn filled(bench: &Bench) {
    let users = bench.users(20).await;
    let team = bench.team("T", &users).await;
    bench.team("P", &[team]).await;
    bench.delete("User", users[0]).await.unwrap();
    for document in custom_documents() {
        bench
            .system(bench.tenant, Change::PutSchema { document })
            .await
            .unwrap();
    }
    let used = LastUse {
        at: 1,
        address: String::new(),
        client: String::new(),
    };
    let note = Change::NoteTokenUse(vec![(bench.tenant, bench.token.token(), used)]);
    bench.system(TenantId::SYSTEM, note).await.unwrap();
}

pub(crate) async fn tenants_are_deleted_in_chunks(bench: &Bench) {
    filled(bench).await;
    let other = bench.new_tenant("other").await;
    let mut calls = 0;
    loop {
        calls += 1;
        match bench
            .system(bench.tenant, Change::DeleteTenant { chunk: 10 })
            .await
        {
            Ok(Outcome::TenantDeleted { done: true }) => break,
            Ok(Outcome::TenantDeleted { done: false }) => {}
            other => panic!("{other:?}"),
        }
        // From the first call on it looks gone, and its key is free.
        assert_eq!(
            denied(&*bench.store, &bench.token, None).await,
            Some(Cause::TokenUnknown)
        );
        let mut view = bench.view().await;
        assert_eq!(view.tenant("acme").await.unwrap(), None);
        assert_eq!(view.tenants("", 10).await.unwrap().len(), 1);
        drop(view);
        let import = Change::CreateConnection(ConnectionSettings::default());
        assert_refused(
            bench.system(bench.tenant, import).await,
            Kind::NotFound,
            &[],
        );
        assert_eq!(bench.backend.check(), Vec::<String>::new());
    }
    assert!(calls > 5, "{calls}");
    let again = bench.new_tenant("acme").await;
    assert!(again.0 > other.0);
    let mut view = bench.view().await;
    assert!(view.events(bench.tenant, 0, 10).await.unwrap().0.is_empty());
    let roles = view
        .registry(again)
        .await
        .unwrap()
        .by_name("Role")
        .cloned()
        .unwrap();
    assert_eq!(view.count(again, &roles).await.unwrap(), 1);
    assert_eq!(view.count(bench.tenant, &roles).await.unwrap(), 0);
    let late = LastUse {
        at: 2,
        address: String::new(),
        client: String::new(),
    };
    let note = Change::NoteTokenUse(vec![(bench.tenant, bench.token.token(), late)]);
    bench.system(TenantId::SYSTEM, note).await.unwrap();
}

pub(crate) async fn an_interrupted_deletion_is_finished(bench: &Bench) {
    filled(bench).await;
    bench
        .system(bench.tenant, Change::DeleteTenant { chunk: 10 })
        .await
        .unwrap();
    let mut rounds = 0;
    loop {
        rounds += 1;
        let expire = Change::Expire {
            tombstones_before: 0,
            chunk: 10,
        };
        match bench.system(TenantId::SYSTEM, expire).await {
            Ok(Outcome::Done(0)) => break,
            Ok(Outcome::Done(rows)) => assert!(rows <= 10),
            other => panic!("{other:?}"),
        }
    }
    assert!(rounds > 5);
    let done = bench
        .system(bench.tenant, Change::DeleteTenant { chunk: 10 })
        .await;
    assert!(matches!(done, Ok(Outcome::TenantDeleted { done: true })));
}

pub(crate) async fn schemas_change_within_bounds(bench: &Bench) {
    let put = async |document: Value| {
        bench
            .system(bench.tenant, Change::PutSchema { document })
            .await
    };
    let remove = async |id: &str| {
        let id = id.into();
        bench
            .system(bench.tenant, Change::RemoveSchema { id })
            .await
    };
    let [badge, device, user, kind] = custom_documents();
    assert!(
        put(kind.clone()).await.is_err(),
        "its schema is not there yet"
    );
    for document in [&badge, &device, &user, &kind] {
        put(document.clone()).await.unwrap();
    }
    let revision = bench.caller().await.revision;
    let thing = bench
        .post("Device", json!({ "serial": "1" }))
        .await
        .unwrap()
        .stored
        .id;
    let person = json!({ "userName": "a", "urn:example:schemas:Badge": { "pin": "1" } });
    let person = bench.post("User", person).await.unwrap().stored.id;

    for (path, value) in [
        ("/attributes/0/type", json!("integer")),
        ("/attributes/0/caseExact", json!(true)),
        ("/attributes/0/uniqueness", json!("none")),
        ("/attributes/1/multiValued", json!(false)),
        ("/attributes/2/returned", json!("default")),
        ("/attributes/0/name", json!("renamed")),
    ] {
        let mut changed = badge.clone();
        let at = path.rsplit_once('/').unwrap();
        changed.pointer_mut(at.0).unwrap()[at.1] = value;
        assert_refused(
            put(changed).await,
            Kind::Conflict,
            &["urn:example:schemas:Badge"],
        );
    }
    let mut more = badge.clone();
    more["attributes"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "floor", "type": "integer" }));
    put(more).await.unwrap();
    assert!(bench.caller().await.revision > revision);
    let floor = json!([{ "op": "add", "path": "urn:example:schemas:Badge:floor", "value": 3 }]);
    bench.patch("User", person, floor).await.unwrap();

    for id in [
        "urn:example:schemas:Badge",
        "urn:example:schemas:Device",
        "User",
        "Device",
    ] {
        assert_refused(remove(id).await, Kind::Conflict, &[]);
    }
    assert_refused(remove("nothing").await, Kind::NotFound, &[]);
    let bare = json!({ "name": "User", "schemaExtensions": [] });
    assert_refused(
        put(bare).await,
        Kind::Conflict,
        &["urn:example:schemas:Badge"],
    );
    bench.delete("Device", thing).await.unwrap();
    bench
        .put("User", person, json!({ "userName": "a" }))
        .await
        .unwrap();
    for id in [
        "User",
        "urn:example:schemas:Badge",
        "Device",
        "urn:example:schemas:Device",
    ] {
        remove(id).await.unwrap();
    }
    assert_eq!(
        bench
            .view()
            .await
            .custom_schemas(bench.tenant)
            .await
            .unwrap(),
        Vec::<Value>::new()
    );
    // A new type of the same name does not inherit what the old one left.
    put(device).await.unwrap();
    put(kind).await.unwrap();
    assert_refused(
        bench
            .system(bench.tenant, Change::Restore { id: thing })
            .await,
        Kind::NotFound,
        &["not defined"],
    );
    assert_eq!(bench.find("Device", "").await, []);
}

pub(crate) async fn token_use_is_noted(bench: &Bench) {
    let used = |at| LastUse {
        at,
        address: "10.0.0.1".into(),
        client: "curl".into(),
    };
    let revision = bench.caller().await.revision;
    for at in [5, 9, 7] {
        let note = vec![
            (bench.tenant, bench.token.token(), used(at)),
            (TenantId(99), TokenId(1), used(at)),
        ];
        bench
            .system(TenantId::SYSTEM, Change::NoteTokenUse(note))
            .await
            .unwrap();
    }
    let tokens = bench.view().await.tokens(bench.tenant).await.unwrap();
    assert_eq!(tokens[0].last_used, Some(used(9)));
    assert_eq!(bench.caller().await.revision, revision);
}
