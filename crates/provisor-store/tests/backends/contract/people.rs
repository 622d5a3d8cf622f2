//! People, sessions and links; and the audit, which tells of every change of settings.

use std::sync::Arc;

use provisor_store::{
    Actor, AuditEntry, AuditQuery, Change, Link, LinkId, Origin, Outcome, PasswordHash,
    PeopleChange, Person, PersonId, Purpose, RequestId, Role, Secret, Session, TenantId, TokenKind,
    TokenQuery, Totals,
    change::{ConnectionSettings, NewToken, SimulationChange},
    people::{NewSession, Presence},
};
use serde_json::{Value, json};

use super::bench::{Bench, Refused, START};

const HOUR: i64 = 3_600_000;

async fn ask(bench: &Bench, change: PeopleChange) -> Result<Outcome, Refused> {
    bench.system(TenantId::SYSTEM, Change::People(change)).await
}

async fn add(bench: &Bench, email: &str, role: Role, tenants: Option<Vec<TenantId>>) -> Person {
    let change = PeopleChange::Add {
        email: email.into(),
        name: String::new(),
        role,
        tenants,
    };
    match ask(bench, change).await {
        Ok(Outcome::Person(person)) => person,
        other => panic!("{other:?}"),
    }
}

fn browser() -> NewSession {
    NewSession {
        address: "192.0.2.7".into(),
        client: "a browser".into(),
        idle: HOUR,
        lifetime: 3 * HOUR,
    }
}

async fn sign_in(bench: &Bench, id: PersonId) -> (Session, Secret) {
    let change = PeopleChange::SignIn {
        id,
        password: None,
        session: browser(),
    };
    match ask(bench, change).await {
        Ok(Outcome::Session(session, secret)) => (session, secret),
        other => panic!("{other:?}"),
    }
}

async fn new_link(bench: &Bench, purpose: Purpose) -> (Link, Secret) {
    let change = PeopleChange::CreateLink {
        purpose,
        expires: bench.now() + HOUR,
    };
    match ask(bench, change).await {
        Ok(Outcome::Link(link, secret)) => (link, secret),
        other => panic!("{other:?}"),
    }
}

async fn open(bench: &Bench, secret: &Secret) -> Option<Arc<Session>> {
    bench.view().await.session(secret).await.unwrap()
}

async fn follow(bench: &Bench, secret: &Secret) -> Result<Outcome, Refused> {
    let change = PeopleChange::UseLink {
        secret: secret.clone(),
        password: None,
        session: browser(),
    };
    ask(bench, change).await
}

/// Uses an invitation.
async fn join(bench: &Bench, secret: &Secret, hash: &str) -> Result<Outcome, Refused> {
    let change = PeopleChange::UseLink {
        secret: secret.clone(),
        password: Some(PasswordHash(hash.into())),
        session: browser(),
    };
    ask(bench, change).await
}

pub(crate) async fn sessions_end_in_time_and_by_hand(bench: &Bench) {
    let anna = add(bench, "Anna@example.com", Role::Owner, None).await;
    let (session, secret) = sign_in(bench, anna.id).await;
    assert_eq!(open(bench, &secret).await.as_deref(), Some(&session));
    assert_eq!(open(bench, &Secret::generate()).await, None);
    bench.later(HOUR - 1);
    assert!(open(bench, &secret).await.is_some());
    let uses = vec![(session.id, bench.now(), "192.0.2.8".to_owned())];
    ask(bench, PeopleChange::NoteUse(uses)).await.unwrap();
    bench.later(HOUR - 1);
    assert_eq!(open(bench, &secret).await.unwrap().address, "192.0.2.8");
    bench.later(1);
    assert_eq!(open(bench, &secret).await, None, "idle");
    let (_, kept) = sign_in(bench, anna.id).await;
    let (ended, lost) = sign_in(bench, anna.id).await;
    let end = PeopleChange::EndSession { id: ended.id };
    ask(bench, end).await.unwrap();
    assert_eq!(open(bench, &lost).await, None);
    assert!(open(bench, &kept).await.is_some());
    let mut view = bench.view().await;
    assert_eq!(view.sessions(anna.id).await.unwrap().len(), 1);
    drop(view);
    bench.later(3 * HOUR);
    assert_eq!(open(bench, &kept).await, None);
}

pub(crate) async fn who_was_here_and_who_is_invited_is_known(bench: &Bench) {
    let anna = add(bench, "anna@example.com", Role::Owner, None).await;
    let sam = add(bench, "sam@example.com", Role::Support, None).await;
    assert_eq!(bench.view().await.presences().await.unwrap(), []);
    let (first, _) = sign_in(bench, anna.id).await;
    bench.later(1000);
    let (second, _) = sign_in(bench, anna.id).await;
    let seen = async |sessions| {
        let expected = Presence {
            person: anna.id,
            last_seen: second.last_seen,
            sessions,
        };
        assert_eq!(bench.view().await.presences().await.unwrap(), [expected]);
    };
    seen(2).await;
    let end = PeopleChange::EndSession { id: first.id };
    ask(bench, end).await.unwrap();
    seen(1).await;
    bench.later(HOUR + 1);
    // What has ended by itself does not count, but tells when somebody was here.
    seen(0).await;
    let (invitation, _) = new_link(bench, Purpose::Invite(sam.id)).await;
    let (link, _) = new_link(bench, Purpose::SignIn(anna.id)).await;
    let (_, secret) = new_link(bench, Purpose::SignIn(anna.id)).await;
    follow(bench, &secret).await.unwrap();
    let links = async || -> Vec<LinkId> {
        let links = bench.view().await.person_links().await.unwrap();
        links.iter().map(|link| link.id).collect()
    };
    assert_eq!(links().await, [link.id, invitation.id]);
    bench.later(2 * HOUR);
    assert_eq!(links().await, [link.id, invitation.id], "expired, not used");
    let revoke = PeopleChange::RevokeLink { id: link.id };
    ask(bench, revoke).await.unwrap();
    assert_eq!(links().await, [invitation.id]);
}

pub(crate) async fn links_work_once(bench: &Bench) {
    let anna = add(bench, "anna@example.com", Role::Owner, None).await;
    let (_, secret) = new_link(bench, Purpose::SignIn(anna.id)).await;
    let Ok(Outcome::Session(session, _)) = follow(bench, &secret).await else {
        panic!()
    };
    assert_eq!(session.person().unwrap().email, "anna@example.com");
    let again = follow(bench, &secret).await.unwrap_err();
    assert!(again.detail.contains("was used"), "{again:?}");
    let (_, old) = new_link(bench, Purpose::SignIn(anna.id)).await;
    bench.later(HOUR);
    assert_eq!(follow(bench, &old).await.unwrap_err(), again);
    // An invitation sets the password, and does nothing without.
    let (_, secret) = new_link(bench, Purpose::Invite(anna.id)).await;
    assert!(follow(bench, &secret).await.is_err());
    join(bench, &secret, "$argon2id$x").await.unwrap();
    let found = bench.view().await.person("ANNA@example.com").await.unwrap();
    assert_eq!(found.unwrap().1, Some(PasswordHash("$argon2id$x".into())));
}

/// A link that lies in an old mail must not become a way to take an account over.
pub(crate) async fn no_link_outlives_the_password_it_could_replace(bench: &Bench) {
    let sam = add(bench, "sam@example.com", Role::Owner, None).await;
    let kim = add(bench, "kim@example.com", Role::Support, None).await;
    let password = async || {
        let found = bench.view().await.person("sam@example.com").await.unwrap();
        found.unwrap().1.unwrap().0
    };
    let (_, of_kim) = new_link(bench, Purpose::Invite(kim.id)).await;
    let (_, older) = new_link(bench, Purpose::Invite(sam.id)).await;
    let (_, sign_in) = new_link(bench, Purpose::SignIn(sam.id)).await;
    let (_, newer) = new_link(bench, Purpose::Invite(sam.id)).await;
    let spent = join(bench, &older, "$older").await.unwrap_err();
    assert!(spent.detail.contains("taken back"), "{spent:?}");
    join(bench, &newer, "$newer").await.unwrap();
    assert_eq!(join(bench, &older, "$older").await.unwrap_err(), spent);
    assert_eq!(follow(bench, &sign_in).await.unwrap_err(), spent);
    // Whoever has a password is not invited again.
    let (late, secret) = new_link(bench, Purpose::Invite(sam.id)).await;
    assert_eq!(join(bench, &secret, "$late").await.unwrap_err(), spent);
    assert_eq!(password().await, "$newer");
    let links = bench.view().await.person_links().await.unwrap();
    assert_eq!(links[0].id, late.id, "a refusal uses nothing up");

    let (_, sign_in) = new_link(bench, Purpose::SignIn(sam.id)).await;
    let set = PeopleChange::SetPassword {
        id: sam.id,
        hash: PasswordHash("$set".into()),
        keep: None,
    };
    ask(bench, set).await.unwrap();
    for link in [&sign_in, &secret] {
        assert_eq!(join(bench, link, "$late").await.unwrap_err(), spent);
    }
    assert_eq!(password().await, "$set");
    join(bench, &of_kim, "$kim").await.unwrap();
}

pub(crate) async fn a_setup_link_opens_one_connection_and_takes_its_sessions_along(bench: &Bench) {
    let purpose = Purpose::Setup(bench.tenant, bench.connection);
    let (link, secret) = new_link(bench, purpose).await;
    let Ok(Outcome::Session(session, cookie)) = follow(bench, &secret).await else {
        panic!()
    };
    assert_eq!(session.person(), None);
    assert_eq!(session.actor(), format!("setup:link_{}", link.id));
    let origin = |tenant| Origin {
        tenant,
        request: RequestId::random(),
        actor: Actor::Session(Arc::new(session.clone())),
        address: None,
    };
    let token = || {
        Change::CreateToken(NewToken {
            connection: Some(bench.connection),
            purpose: "by the customer".into(),
            scopes: [provisor_store::Scope::Scim].into_iter().collect(),
            kind: TokenKind::Scim,
            expires: None,
            addresses: Vec::new(),
        })
    };
    let made = bench.store.write(origin(bench.tenant), token()).await;
    let Ok(Outcome::Token(record, _)) = made else {
        panic!("{made:?}")
    };
    assert_eq!(record.created_by, session.actor());
    let other = bench.new_tenant("other").await;
    assert!(bench.store.write(origin(other), token()).await.is_err());
    assert!(
        bench
            .store
            .write(origin(TenantId::SYSTEM), token())
            .await
            .is_err()
    );
    let mut view = bench.view().await;
    let links = view
        .setup_links(bench.tenant, bench.connection)
        .await
        .unwrap();
    assert_eq!((links.len(), links[0].used.is_some()), (1, true));
    drop(view);
    ask(bench, PeopleChange::RevokeLink { id: link.id })
        .await
        .unwrap();
    assert_eq!(open(bench, &cookie).await, None);
    assert!(
        bench
            .store
            .write(origin(bench.tenant), token())
            .await
            .is_err()
    );
}

pub(crate) async fn a_role_is_looked_at_again_inside_the_transaction(bench: &Bench) {
    add(bench, "root@example.com", Role::Owner, None).await;
    let own = Some(vec![bench.tenant]);
    let sam = add(bench, "sam@example.com", Role::Operator, own).await;
    let other = bench.new_tenant("other").await;
    let (_, secret) = sign_in(bench, sam.id).await;
    let session = open(bench, &secret).await.unwrap();
    let pause = async |tenant, session: &Arc<Session>| {
        let origin = Origin {
            tenant,
            request: RequestId::random(),
            actor: Actor::Session(session.clone()),
            address: None,
        };
        let change = Change::SetTenant {
            name: Some(format!("at {}", bench.now())),
            suspended: None,
        };
        bench
            .store
            .write(origin, change)
            .await
            .map_err(|error| error.to_string())
    };
    pause(bench.tenant, &session).await.unwrap();
    assert_eq!(
        pause(other, &session).await.unwrap_err(),
        "There is no such tenant."
    );
    let set = PeopleChange::Set {
        id: sam.id,
        name: None,
        role: Some(Role::Support),
        tenants: None,
    };
    ask(bench, set).await.unwrap();
    let late = pause(bench.tenant, &session).await.unwrap_err();
    assert!(late.contains("role changed"), "{late}");
    // What was taken before is told, but nothing more is taken.
    let export = |rows| {
        let origin = Origin {
            tenant: bench.tenant,
            request: RequestId::random(),
            actor: Actor::Session(session.clone()),
            address: None,
        };
        let note = provisor_store::change::NoteExport {
            what: "log",
            filter: Value::Null,
            rows,
        };
        bench.store.write(origin, Change::NoteExport(note))
    };
    assert!(export(None).await.is_err());
    export(Some(7)).await.unwrap();
    let told = audit(bench, AuditQuery::default()).await;
    let told = (&*told[0].actor, &*told[0].action, &told[0].after["rows"]);
    assert_eq!(told, ("person:sam@example.com", "export.end", &7.into()));
}

pub(crate) async fn the_last_owner_stays(bench: &Bench) {
    let root = add(bench, "root@example.com", Role::Owner, None).await;
    let demote = || PeopleChange::Set {
        id: root.id,
        name: None,
        role: Some(Role::Auditor),
        tenants: None,
    };
    let remove = || PeopleChange::Remove { id: root.id };
    for change in [demote(), remove()] {
        let refused = ask(bench, change).await.unwrap_err();
        assert!(refused.detail.contains("only owner"), "{refused:?}");
    }
    let twin = PeopleChange::Add {
        email: "ROOT@example.com".into(),
        name: String::new(),
        role: Role::Owner,
        tenants: None,
    };
    assert!(
        ask(bench, twin).await.is_err(),
        "an e-mail signs in one person"
    );
    let anna = add(bench, "anna@example.com", Role::Owner, None).await;
    let (_, secret) = sign_in(bench, root.id).await;
    // An owner who never got in, and cannot any more, lets nobody in.
    let (link, _) = new_link(bench, Purpose::Invite(anna.id)).await;
    let revoke = PeopleChange::RevokeLink { id: link.id };
    ask(bench, revoke).await.unwrap();
    for change in [demote(), remove()] {
        let refused = ask(bench, change).await.unwrap_err();
        assert!(refused.detail.contains("who can sign in"), "{refused:?}");
    }
    let (_, invitation) = new_link(bench, Purpose::Invite(anna.id)).await;
    ask(bench, demote()).await.unwrap();
    let promote = PeopleChange::Set {
        id: root.id,
        name: None,
        role: Some(Role::Owner),
        tenants: None,
    };
    ask(bench, promote).await.unwrap();
    join(bench, &invitation, "$anna").await.unwrap();
    bench.later(4 * HOUR);
    let (_, secret_again) = sign_in(bench, root.id).await;
    ask(bench, remove()).await.unwrap();
    for secret in [secret, secret_again] {
        assert_eq!(open(bench, &secret).await, None);
    }
    let people = bench.view().await.people().await.unwrap();
    assert_eq!(people.len(), 1);
}

async fn audit(bench: &Bench, query: AuditQuery) -> Vec<AuditEntry> {
    let query = AuditQuery {
        limit: 100,
        ..query
    };
    bench.view().await.audit(&query).await.unwrap()
}

pub(crate) async fn changes_are_told_with_before_and_after(bench: &Bench) {
    let settings = |paused| ConnectionSettings {
        paused: Some(paused),
        ..ConnectionSettings::default()
    };
    let id = bench.connection;
    let origin = || Origin {
        tenant: bench.tenant,
        request: RequestId::random(),
        actor: Actor::CommandLine("anna".into()),
        address: "192.0.2.1".parse().ok(),
    };
    let before = audit(bench, AuditQuery::default()).await.len();
    let pause = origin();
    let request = pause.request;
    let change = |paused| Change::SetConnection {
        id,
        settings: settings(paused),
    };
    bench.store.write(pause, change(true)).await.unwrap();
    // The same again changes nothing, and is not told.
    bench.store.write(origin(), change(true)).await.unwrap();
    let entries = audit(bench, AuditQuery::default()).await;
    assert_eq!(entries.len(), before + 1);
    let told = &entries[0];
    assert_eq!((told.at, told.request), (START, request));
    assert_eq!(
        (
            told.actor.as_str(),
            told.action.as_str(),
            told.object.as_str()
        ),
        ("cli:anna", "connection.change", "other")
    );
    assert_eq!(told.address.as_deref(), Some("192.0.2.1"));
    assert_eq!(told.tenant_key.as_deref(), Some("acme"));
    assert_eq!(
        (&told.before["paused"], &told.after["paused"]),
        (&json!(false), &json!(true))
    );
    // What a person does to users is told by id; what an identity provider does is in the sync log.
    bench.store.write(origin(), change(false)).await.unwrap();
    let count = audit(bench, AuditQuery::default()).await.len();
    let lena = bench
        .post("User", json!({ "userName": "lena" }))
        .await
        .unwrap();
    assert_eq!(audit(bench, AuditQuery::default()).await.len(), count);
    let kind = bench.kind("User").await;
    let delete = Change::Delete {
        kind,
        id: lena.stored.id,
        precondition: None,
    };
    bench.store.write(origin(), delete).await.unwrap();
    let told = audit(bench, AuditQuery::default()).await.remove(0);
    assert_eq!(told.action, "resource.delete");
    assert_eq!(told.object, format!("User/{}", lena.stored.id));
    // A refused change is not told.
    let count = audit(bench, AuditQuery::default()).await.len();
    let refused = Change::CreateTenant {
        key: "acme".into(),
        name: String::new(),
    };
    bench.store.write(origin(), refused).await.unwrap_err();
    assert_eq!(audit(bench, AuditQuery::default()).await.len(), count);
}

pub(crate) async fn a_simulation_has_a_tenant_of_its_own_and_is_told(bench: &Bench) {
    let by_anna = |tenant, change| {
        let origin = Origin {
            tenant,
            request: RequestId::random(),
            actor: Actor::CommandLine("anna".into()),
            address: None,
        };
        bench.store.write(origin, Change::Simulation(change))
    };
    let begin = |key: &str| SimulationChange::Begin {
        key: key.into(),
        name: "Made up".into(),
        plan: json!({ "provider": "okta" }),
    };
    // It never takes a tenant that is there.
    let refused = by_anna(TenantId::SYSTEM, begin("acme")).await;
    refused.unwrap_err();
    let begun = by_anna(TenantId::SYSTEM, begin("made-up")).await.unwrap();
    let Outcome::Tenant(tenant) = begun else {
        panic!("{begun:?}")
    };
    assert!(tenant.simulated);
    let mut view = bench.view().await;
    let found = view.tenant("made-up").await.unwrap().unwrap();
    assert_eq!(found, tenant);
    assert!(!view.tenant("acme").await.unwrap().unwrap().simulated);
    drop(view);
    by_anna(tenant.id, SimulationChange::Stop).await.unwrap();
    let told = audit(bench, AuditQuery::default()).await;
    let told: Vec<_> = told[..2].iter().collect();
    let names = |entry: &&AuditEntry| (entry.action.clone(), entry.tenant_key.clone());
    let key = Some("made-up".to_owned());
    assert_eq!(
        told.iter().map(names).collect::<Vec<_>>(),
        [
            ("simulation.stop".to_owned(), key.clone()),
            ("simulation.start".to_owned(), key)
        ]
    );
    assert_eq!(
        told[1].after,
        json!({ "name": "Made up", "state": "active", "simulated": true, "plan": { "provider": "okta" } })
    );
}

pub(crate) async fn the_audit_outlives_a_tenant_and_is_narrowed(bench: &Bench) {
    let beta = bench.new_tenant("beta").await;
    bench
        .new_connection(beta, ConnectionSettings::default())
        .await;
    while !matches!(
        bench.system(beta, Change::DeleteTenant { chunk: 2 }).await,
        Ok(Outcome::TenantDeleted { done: true })
    ) {}
    let of_beta = AuditQuery {
        tenants: Some(vec![beta]),
        ..AuditQuery::default()
    };
    let entries = audit(bench, of_beta.clone()).await;
    let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "tenant.delete",
            "token.create",
            "connection.create",
            "tenant.create"
        ]
    );
    assert!(
        entries
            .iter()
            .all(|entry| entry.tenant_key.as_deref() == Some("beta"))
    );
    assert_eq!(entries[0].after, Value::Null);
    let narrowed = AuditQuery {
        action: Some("token.".into()),
        before: Some(entries[0].id),
        ..of_beta
    };
    let narrowed = audit(bench, narrowed).await;
    assert_eq!(narrowed.len(), 1);
    bench.later(HOUR);
    bench.new_tenant("gamma").await;
    let newest = audit(bench, AuditQuery::default()).await.remove(0);
    for (since, until, has_newest, has_older) in [
        (None, None, true, true),
        (None, Some(newest.at), false, true),
        (None, Some(newest.at + 1), true, true),
        (Some(newest.at), None, true, false),
        (Some(newest.at), Some(newest.at), false, false),
    ] {
        let query = AuditQuery {
            since,
            until,
            ..AuditQuery::default()
        };
        let found = audit(bench, query).await;
        let told = format!("{since:?} {until:?}");
        assert_eq!(
            found.iter().any(|one| one.id == newest.id),
            has_newest,
            "{told}"
        );
        assert_eq!(
            found.iter().any(|one| one.at < newest.at),
            has_older,
            "{told}"
        );
    }
    assert_eq!(narrowed[0].object, "tok_1");
}

pub(crate) async fn tokens_are_found_over_all_tenants(bench: &Bench) {
    let beta = bench.new_tenant("beta").await;
    bench.later(10);
    bench
        .new_connection(beta, ConnectionSettings::default())
        .await;
    let find = async |query: TokenQuery| -> Vec<(TenantId, i64)> {
        let query = TokenQuery { limit: 1, ..query };
        let mut view = bench.view().await;
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = view
                .find_tokens(&TokenQuery {
                    after,
                    ..query.clone()
                })
                .await
                .unwrap();
            let Some(token) = page.first() else {
                return found;
            };
            after = Some((token.created, token.tenant, token.id));
            found.push((token.tenant, token.id.0));
        }
    };
    let all = find(TokenQuery::default()).await;
    assert_eq!(all, [(beta, 1), (bench.tenant, 1)]);
    let tenants = Some(vec![bench.tenant]);
    let of_one = find(TokenQuery {
        tenants,
        ..TokenQuery::default()
    })
    .await;
    assert_eq!(of_one, [(bench.tenant, 1)]);
    let unused_since = Some(START + 5);
    let unused = find(TokenQuery {
        unused_since,
        ..TokenQuery::default()
    })
    .await;
    assert_eq!(unused, [(bench.tenant, 1)]);
    let expiring = Some((START, START + HOUR));
    assert_eq!(
        find(TokenQuery {
            expiring,
            ..TokenQuery::default()
        })
        .await,
        []
    );
    let mut view = bench.view().await;
    let totals = |tenants, connections| Totals {
        tenants,
        connections,
        users: 0,
        teams: 0,
    };
    assert_eq!(view.totals(None).await.unwrap(), totals(2, 2));
    assert_eq!(view.totals(Some(&[beta])).await.unwrap(), totals(1, 1));
    assert_eq!(view.totals(Some(&[])).await.unwrap(), totals(0, 0));
}
