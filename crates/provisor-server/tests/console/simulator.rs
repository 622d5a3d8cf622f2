//! `/simulator`: a made-up company moves in, is watched, stopped, and cleared.

use std::time::Duration;

use provisor_server::Settings;
use provisor_store::{Change, Role, Store, Tenant, TenantId};
use scim::resource::Incoming;
use scim_client::simulator::{Provider, Scenario};

use crate::{
    browser::{Browser, Events},
    world::World,
};

const FORM: &[(&str, &str)] = &[
    ("provider", "okta"),
    ("scenario", "first-sync"),
    ("people", "30"),
    ("teams", "3"),
    ("seed", "7"),
    ("pace", "fast"),
];

fn with<'f>(changes: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let kept = FORM
        .iter()
        .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    kept.copied().chain(changes.iter().copied()).collect()
}

/// Starts one: its page.
async fn start(browser: &mut Browser, changes: &[(&str, &str)]) -> String {
    browser.get("/simulator").await.expect(200);
    browser.post("/simulator", &with(changes)).await.location()
}

/// The next fragment of a live part.
async fn fragment(events: &mut Events) -> String {
    let (name, html) = events.next().await.unwrap();
    assert_eq!(name, "fragment");
    html
}

/// The page once the simulation has ended.
async fn ended(browser: &mut Browser, path: &str) -> String {
    loop {
        let page = browser.get(path).await.expect(200);
        if page.contains("data-ended") {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_company_moves_in_and_is_cleared() {
    let world = World::new().await;
    world.tenant("acme").await;
    let mut owner = world.as_role(Role::Owner).await;
    let at = start(&mut owner, &[]).await;
    assert_eq!(at, "/simulator/1");
    let page = ended(&mut owner, &at).await;
    for shown in [
        "Everything is as it should be",
        "30 users, 3 teams and",
        "People assigned",
        "GET /Users?startIndex=1&#38;count=2",
        "CAP",
        "deletion for good: it sends none",
        "provisor simulate okta --target URL --token-file FILE --users 30 --teams 3 --seed 7 --scenario first-sync --pace fast --assert",
        "/users?tenant=simulated-okta-1",
        "/log?tenant=simulated-okta-1",
        "This is simulated data",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("pvr_scim"), "{page}");
    for at in [
        "/users?tenant=simulated-okta-1",
        "/teams?tenant=simulated-okta-1",
        "/log?tenant=simulated-okta-1",
        "/tenants/simulated-okta-1",
        "/connections/simulated-okta-1/1",
        "/connections/simulated-okta-1/1/settings",
        "/setup/simulated-okta-1/1",
        "/tokens?tenant=simulated-okta-1",
    ] {
        let page = owner.get(at).await.expect(200);
        assert!(page.contains("This is simulated data"), "{at}: {page}");
        assert!(page.contains("/tenants/simulated-okta-1/delete"), "{at}");
    }
    let page = owner.get("/tenants/acme").await.expect(200);
    assert!(!page.contains("simulated"), "{page}");
    let page = owner.get("/simulator").await.expect(200);
    assert!(page.contains("as it should be"), "{page}");
    // Its token is gone with it, and is no reason to warn.
    let page = owner.get("/tokens").await.expect(200);
    assert!(!page.contains("Simulator: first-sync"), "{page}");

    let page = owner
        .get("/tenants/simulated-okta-1/delete")
        .await
        .expect(200);
    assert!(
        page.contains("30 users and 3 teams") && !page.contains("name=\"typed\""),
        "{page}"
    );
    let clear = owner.post("/tenants/simulated-okta-1/delete", &[]).await;
    assert_eq!(clear.location(), "/tenants");
    owner.get("/tenants/simulated-okta-1").await.expect(404);
    let page = owner.get(&at).await.expect(200);
    assert!(page.contains("is cleared"), "{page}");
    // A customer's tenant goes by its typed key alone.
    owner.get("/tenants/acme/delete").await.expect(200);
    owner.post("/tenants/acme/delete", &[]).await.expect(422);

    let audit = world.audit().await;
    let told = audit.iter().map(|entry| (&*entry.actor, &*entry.action));
    let told: Vec<_> = told
        .filter(|(_, action)| *action != "session.open")
        .take(5)
        .collect();
    let owner = "person:owner@example.com";
    assert_eq!(
        told,
        [
            (owner, "tenant.delete"),
            ("system", "token.revoke"),
            (owner, "token.create"),
            (owner, "connection.create"),
            (owner, "simulation.start"),
        ]
    );
    assert_eq!(audit[0].before["simulated"], true);
}

#[tokio::test]
async fn what_runs_is_followed_and_stopped_and_runs_alone() {
    let world = World::new().await;
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/").await.expect(200);
    assert!(page.contains("Try with simulated Okta"), "{page}");
    let page = world
        .as_role(Role::Auditor)
        .await
        .get("/")
        .await
        .expect(200);
    assert!(!page.contains("Try with"), "{page}");
    let slow = [("scenario", "joiner-mover-leaver"), ("pace", "real")];
    let at = start(&mut owner, &slow).await;
    let page = owner.get(&at).await.expect(200);
    assert!(
        page.contains("<progress") && page.contains("Stop</button>"),
        "{page}"
    );
    assert!(page.contains("--pace real --rounds 3"), "{page}");
    let mut progress = owner.follow("/live/simulator/1/progress").await;
    let mut part = fragment(&mut progress).await;
    while !part.contains("People assigned") {
        part = fragment(&mut progress).await;
    }
    // Its token ends within the day, which is nobody's trouble.
    let page = owner.get("/").await.expect(200);
    assert!(!page.contains("Simulator: "), "{page}");
    owner.get("/simulator").await.expect(200);
    let page = owner.post("/simulator", FORM).await.expect(422);
    assert!(page.contains("One simulation runs already"), "{page}");
    owner.get(&at).await.expect(200);
    let stopped = owner.post("/simulator/1/stop", &[]).await;
    assert_eq!(stopped.location(), at);
    while !part.contains("data-ended") {
        part = fragment(&mut progress).await;
    }
    assert!(part.contains("Stopped before its end"), "{part}");
    let page = owner.get(&at).await.expect(200);
    assert!(!page.contains("Stop</button>"), "{page}");
    let actions: Vec<_> = world.audit().await;
    let stops = actions.iter().filter(|one| one.action == "simulation.stop");
    assert_eq!(stops.count(), 1);
    // A second press does nothing, and is not told.
    owner.post("/simulator/1/stop", &[]).await.location();
    let audit = world.audit().await;
    let stops = audit.iter().filter(|one| one.action == "simulation.stop");
    assert_eq!(stops.count(), 1);
    // The next one may come.
    let at = start(&mut owner, &[("provider", "google")]).await;
    let page = ended(&mut owner, &at).await;
    assert!(page.contains("teams: it pushes none"), "{page}");
}

/// What `provisor import` writes, without any token.
fn import(user_name: &str) -> Change {
    let mut attributes = serde_json::Map::new();
    attributes.insert("userName".to_owned(), user_name.into());
    Change::Import {
        incoming: Incoming {
            attributes,
            members: None,
        },
        app_id: None,
    }
}

#[tokio::test]
async fn what_others_may_have_brought_goes_by_the_typed_key_alone() {
    let world = World::new().await;
    let mut owner = world.as_role(Role::Owner).await;
    // What was deleted has left its key.
    let key = "simulated-okta-1";
    let delete = format!("/tenants/{key}/delete");
    for by_token in [true, false] {
        let at = start(&mut owner, &[("people", "3"), ("teams", "1")]).await;
        ended(&mut owner, &at).await;
        let tenant = tenant(&world.store, key).await;
        let page = owner.get(&delete).await.expect(200);
        assert!(page.contains("All of them are made up"), "{page}");
        if by_token {
            let (token, _) = world.token(&tenant, "a real one").await;
            world.user(&token, "lena@acme.example", "Lena").await;
        } else {
            world.write(tenant.id, import("lena@acme.example")).await;
        }
        let page = owner.get(&delete).await.expect(200);
        assert!(page.contains("not all of it is known"), "{page}");
        assert!(!page.contains("All of them are made up"), "{page}");
        owner.post(&delete, &[]).await.expect(422);
        owner.get(&format!("/tenants/{key}")).await.expect(200);
        let gone = owner.post(&delete, &[("typed", key)]).await;
        assert_eq!(gone.location(), "/tenants");
    }
}

#[tokio::test]
async fn clearing_ends_what_still_runs() {
    let world = World::new().await;
    let mut owner = world.as_role(Role::Owner).await;
    let slow = [("scenario", "joiner-mover-leaver"), ("pace", "real")];
    let at = start(&mut owner, &slow).await;
    owner
        .get("/tenants/simulated-okta-1/delete")
        .await
        .expect(200);
    owner
        .post("/tenants/simulated-okta-1/delete", &[])
        .await
        .location();
    let page = ended(&mut owner, &at).await;
    assert!(page.contains("Stopped before its end"), "{page}");
}

/// The tenant of a simulation, once it is there.
async fn tenant(store: &impl Store, key: &str) -> Tenant {
    loop {
        if let Some(tenant) = store.read().await.unwrap().tenant(key).await.unwrap() {
            return tenant;
        }
        tokio::task::yield_now().await;
    }
}

/// Whether the only token of a tenant is revoked.
async fn is_revoked(store: &impl Store, tenant: TenantId) -> bool {
    let tokens = store.read().await.unwrap().tokens(tenant).await.unwrap();
    let [token] = tokens.as_slice() else {
        panic!("{tokens:?}")
    };
    token.revoked.is_some()
}

#[tokio::test]
async fn what_loses_its_tenant_or_its_token_ends() {
    let world = World::new().await;
    let mut owner = world.as_role(Role::Owner).await;
    let slow = [("scenario", "joiner-mover-leaver"), ("pace", "real")];
    let at = start(&mut owner, &slow).await;
    let first = tenant(&world.store, "simulated-okta-1").await;
    // As the API and the command line do.
    let delete = Change::DeleteTenant { chunk: 1 };
    world.write(first.id, delete).await;
    let page = ended(&mut owner, &at).await;
    let why = "Stopped before its end: its tenant was deleted.";
    assert!(page.contains(why), "{page}");

    let at = start(&mut owner, &slow).await;
    // What was deleted has left its key.
    let second = tenant(&world.store, "simulated-okta-1").await;
    let tokens = world.store.read().await.unwrap().tokens(second.id).await;
    let revoke = Change::RevokeToken {
        id: tokens.unwrap()[0].id,
    };
    world.write(second.id, revoke).await;
    let page = ended(&mut owner, &at).await;
    let why = "Stopped before its end: its token was revoked.";
    assert!(page.contains(why), "{page}");
    let audit = world.audit().await;
    let revoked = audit.iter().filter(|one| one.action == "token.revoke");
    assert_eq!(revoked.count(), 1);
}

#[tokio::test]
async fn what_runs_ends_with_the_server() {
    let world = World::new().await;
    let mut owner = world.as_role(Role::Owner).await;
    let slow = [("scenario", "joiner-mover-leaver"), ("pace", "real")];
    start(&mut owner, &slow).await;
    let mut progress = owner.follow("/live/simulator/1/progress").await;
    while !fragment(&mut progress).await.contains("Joiners") {}
    drop(progress);
    let tenant = tenant(&world.store, "simulated-okta-1").await;
    assert!(!is_revoked(&world.store, tenant.id).await);
    let (store, _folder) = world.stop().await;
    assert!(is_revoked(&store, tenant.id).await);
    // Otherwise it would tell its changes to nobody for some minutes.
    let tasks = tokio::runtime::Handle::current().metrics();
    while tasks.num_alive_tasks() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_hangs_up_leaves_nothing_half_begun() {
    let world = World::new().await;
    let mut owner = world.as_role(Role::Owner).await;
    owner.get("/simulator").await.expect(200);
    let left = owner.post_and_leave("/simulator", FORM).await;
    let tenant = tenant(&world.store, "simulated-okta-1").await;
    // Connection and token wait.
    let other = rusqlite::Connection::open(world.store.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    drop(left);
    // By the time of this answer the server knows.
    owner.get("/simulator").await.expect(200);
    other.execute_batch("ROLLBACK").unwrap();
    while owner.get("/simulator/1").await.status != 200 {}
    ended(&mut owner, "/simulator/1").await;
    assert!(is_revoked(&world.store, tenant.id).await);
}

#[tokio::test]
async fn what_is_wrong_is_said_in_the_form_and_nothing_is_made() {
    let world = World::new().await;
    let mut owner = world.as_role(Role::Owner).await;
    for (changes, said) in [
        (
            ("provider", "nobody"),
            "Choose one of the identity providers",
        ),
        (("scenario", "peace"), "Choose one of the scenarios"),
        (("pace", "slow"), "Choose one of the paces"),
        (("seed", "x"), "“x” is no seed"),
        (("people", ""), "is no number of people"),
        (("people", "10001"), "from 1 to 10000"),
        (("teams", "501"), "from 0 to 500"),
    ] {
        owner.get("/simulator").await.expect(200);
        let page = owner
            .post("/simulator", &with(&[changes]))
            .await
            .expect(422);
        assert!(page.contains(said), "{said}: {page}");
    }
    let tenants = world.store.read().await.unwrap().tenants("", 9).await;
    assert_eq!(tenants.unwrap(), []);
}

#[tokio::test]
async fn failures_lead_to_the_log_and_name_nobody_to_masked_eyes() {
    let settings = Settings {
        // No user fits.
        max_body: 300,
        ..Settings::default()
    };
    let world = World::with(settings).await;
    let mut owner = world.as_role(Role::Owner).await;
    let at = start(&mut owner, &[("people", "3"), ("teams", "1")]).await;
    let page = ended(&mut owner, &at).await;
    assert!(
        page.contains("assign ") && page.contains("@northwind.example") && page.contains("413"),
        "{page}"
    );
    assert!(page.contains("never arrived"), "{page}");
    let (_, from) = page.split_once("href=\"/log/req_").unwrap();
    let (id, _) = from.split_once('"').unwrap();
    world.log.flush();
    let request = owner.get(&format!("/log/req_{id}")).await.expect(200);
    assert!(request.contains("This is simulated data"), "{request}");
    let mut support = world.as_role(Role::Support).await;
    for at in [at.as_str(), "/users?tenant=simulated-okta-1", "/simulator"] {
        let page = support.get(at).await.expect(200);
        assert!(!page.contains("@northwind.example"), "{page}");
    }
    let page = support.get(&at).await.expect(200);
    assert!(!page.contains("owner@example.com"), "{page}");
    assert!(page.contains("hidden from your role"), "{page}");
    assert!(page.contains("They name people"), "{page}");
    let mut found = support.follow("/live/simulator/1/found").await;
    let part = fragment(&mut found).await;
    assert!(part.contains("hidden from your role"), "{part}");
    assert!(!part.contains("@northwind.example"), "{part}");
}

#[tokio::test]
async fn who_has_not_all_tenants_starts_and_sees_nothing() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let mut owner = world.as_role(Role::Owner).await;
    let at = start(&mut owner, &[]).await;
    ended(&mut owner, &at).await;
    let kim = world
        .person("kim@example.com", Role::Operator, &[&acme])
        .await;
    let mut kim = world.signed_in(kim).await;
    let page = kim.get("/simulator").await.expect(200);
    assert!(page.contains("need all tenants"), "{page}");
    assert!(!page.contains("simulated-okta-1"), "{page}");
    kim.post("/simulator", FORM).await.expect(403);
    kim.get("/settings").await.expect(200);
    kim.post("/simulator/1/stop", &[]).await.expect(404);
    kim.get(&at).await.expect(404);
    // Who has its tenant sees it, and may not stop it.
    let played = tenant(&world.store, "simulated-okta-1").await;
    let lee = world
        .person("lee@example.com", Role::Operator, &[&played])
        .await;
    let mut lee = world.signed_in(lee).await;
    let page = lee.get(&at).await.expect(200);
    assert!(!page.contains("Run it again"), "{page}");
    lee.post("/simulator/1/stop", &[]).await.expect(403);
    let mut auditor = world.as_role(Role::Auditor).await;
    let page = auditor.get(&at).await.expect(200);
    assert!(page.contains("As it should be") || page.contains("as it should be"));
    assert!(!page.contains(">Clear<") && !page.contains("Run it again"));
}

#[tokio::test]
async fn every_provider_and_every_scenario_can_be_chosen_and_the_last_ten_are_kept() {
    let world = World::new().await;
    // Somebody has a customer of this key, who is nobody's simulation.
    world.tenant("simulated-ping-1").await;
    let mut owner = world.as_role(Role::Owner).await;
    let small = [("people", "12"), ("teams", "2")];
    let providers = Provider::ALL.map(|provider| ("provider", provider.name()));
    let scenarios = Scenario::ALL.map(|scenario| ("scenario", scenario.name()));
    let mut last = 0;
    for choice in providers.into_iter().chain(scenarios) {
        let at = start(&mut owner, &[small[0], small[1], choice]).await;
        let page = ended(&mut owner, &at).await;
        assert!(
            page.contains("Everything is as it should be"),
            "{choice:?}: {page}"
        );
        last += 1;
        assert_eq!(at, format!("/simulator/{last}"));
    }
    let page = owner.get("/simulator").await.expect(200);
    assert_eq!(page.matches("<tr><td><a href=\"/simulator/").count(), 10);
    owner.get("/simulator/11").await.expect(404);
    owner.get("/simulator/12").await.expect(200);
    let page = owner.get("/tenants/simulated-ping-1").await.expect(200);
    assert!(!page.contains("This is simulated data"), "{page}");
    owner.get("/tenants/simulated-ping-2").await.expect(200);
}
