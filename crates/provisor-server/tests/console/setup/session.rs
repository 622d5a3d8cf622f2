//! A customer's administrator: one connection, and nothing else.

use std::sync::{Arc, Mutex};

use provisor_server::console::{Access, ROUTES};
use provisor_store::{ConnectionId, Outcome, PeopleChange, PlainToken, Purpose, Role, Tenant};

use crate::{
    access::example,
    browser::Browser,
    world::{DAY, NOW, World},
};

/// The path of a new setup link, and its number.
async fn link(world: &World, tenant: &Tenant) -> (String, provisor_store::LinkId) {
    let change = PeopleChange::CreateLink {
        purpose: Purpose::Setup(tenant.id, ConnectionId(1)),
        expires: NOW + 7 * DAY,
    };
    match world.people(change).await {
        Outcome::Link(link, secret) => (format!("/setup/{}", secret.reveal()), link.id),
        other => panic!("{other:?}"),
    }
}

async fn opened(world: &World, tenant: &Tenant) -> Browser {
    let (path, _) = link(world, tenant).await;
    let mut browser = world.browser();
    browser.get(&path).await.expect(200);
    assert_eq!(browser.post(&path, &[]).await.location(), "/setup");
    browser.get("/setup").await.expect(200);
    browser
}

#[track_caller]
fn secret(page: &str) -> String {
    let (_, rest) = page.split_once("id=\"secret\"").expect("a token is shown");
    let text = rest.split_once('>').unwrap().1.split('<').next().unwrap();
    assert!(PlainToken::parse(text).is_some(), "{text}");
    text.to_owned()
}

#[tokio::test]
async fn a_link_opens_one_browser_by_its_button() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (path, _) = link(&world, &acme).await;
    let mut browser = world.browser();
    for _ in 0..2 {
        let page = browser.get(&path).await;
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert!(page.expect(200).contains("Open the setup page"));
        browser.clone().get("/setup").await.expect(401);
    }
    let mut second = browser.clone();
    let answer = browser.post(&path, &[]).await;
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert!(
        answer.header("set-cookie").contains("provisor-setup="),
        "{answer:?}"
    );
    let page = browser.get("/setup").await;
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.expect(200).contains("/t/acme/scim/v2"));
    second.post(&path, &[]).await.expect(410);
    second.get("/setup").await.expect(401);
    let audit = world.audit().await;
    assert_eq!(audit[0].action, "session.open");
    assert_eq!(audit[0].actor, "setup:link_1");
    let secret = path.rsplit('/').next().unwrap();
    assert!(!format!("{audit:?}").contains(secret));
}

#[tokio::test]
async fn the_secret_of_a_link_is_never_traced_nor_logged() {
    let traced = Traced::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(traced.clone())
        .finish();
    // The server's tasks run on this thread.
    let _guard = tracing::subscriber::set_default(subscriber);
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let person = world.person("anna@example.com", Role::Owner, &[]).await;
    for path in [
        link(&world, &acme).await.0,
        world.link(Purpose::SignIn(person)).await,
    ] {
        let secret = path.rsplit('/').next().unwrap();
        let mut browser = world.browser();
        browser.get(&path).await.expect(200);
        // Forged, used, used again, and with a wrong secret: each is told in another way.
        browser.post_with(&path, "", "", &[]).await.expect(403);
        browser.get(&path).await.expect(200);
        browser.post(&path, &[]).await.location();
        browser.clone().get(&path).await.expect(410);
        browser.get("/sign-in").await;
        browser.post(&path, &[]).await.expect(410);
        browser.get(&format!("{path}x")).await.expect(410);
        world.log.flush();
        let logged = world.log.reader().entries(&Default::default()).unwrap();
        assert!(!format!("{logged:?}").contains(secret), "{logged:?}");
        let audit = world.audit().await;
        assert!(!format!("{audit:?}").contains(secret), "{audit:?}");
        let text = traced.text();
        assert!(!text.contains(secret), "{text}");
    }
    tracing::debug!("the end");
    assert!(traced.text().contains("the end"), "it is captured at all");
}

/// Everything that is traced.
#[derive(Clone, Default)]
struct Traced(Arc<Mutex<Vec<u8>>>);

impl Traced {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl std::io::Write for Traced {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Traced {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_two_kinds_of_links_do_not_open_each_other() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (setup, _) = link(&world, &acme).await;
    let person = world.person("anna@example.com", Role::Owner, &[]).await;
    let sign_in = world.link(Purpose::SignIn(person)).await;
    let mut browser = world.browser();
    browser.get(&sign_in).await.expect(200);
    for path in [
        setup.replace("/setup/", "/link/"),
        sign_in.replace("/link/", "/setup/"),
    ] {
        browser.post(&path, &[]).await.expect(410);
        browser.get(&path).await.expect(410);
    }
    // Neither was used up by the wrong door.
    browser.get(&setup).await.expect(200);
    browser.get(&sign_in).await.expect(200);
}

#[tokio::test]
async fn a_setup_session_sees_one_connection_on_every_route() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.tenant("globex").await;
    let mut owner = world.as_role(Role::Owner).await;
    owner.get("/connections/new").await.expect(200);
    let other = [
        ("tenant", "acme"),
        ("idp", "entra"),
        ("name", "canary-entra"),
    ];
    owner.post("/connections/new", &other).await.location();
    world.token(&acme, "canary-purpose").await;
    for route in ROUTES {
        if route.path == "/setup/leave" || route.path == "/live/setup" {
            continue;
        }
        let mut setup = opened(&world, &acme).await;
        // What is there, and not a stand-in for it.
        let path = example(route.path).replace("999", "1");
        let answer = match route.method {
            "GET" => setup.get(&path).await,
            _ => setup.post(&path, &[]).await,
        };
        let told = format!("{} {path}: {}", route.method, answer.status);
        for canary in ["canary", "globex"] {
            assert!(!answer.body.contains(canary), "{told}: {}", answer.body);
        }
        match route.access {
            Access::Viewer(_) if path.starts_with("/live/") => assert_eq!(answer.status, 401),
            // A form of the wrong session is refused before anything is asked.
            Access::Viewer(_) if route.method == "POST" => assert_eq!(answer.status, 403, "{told}"),
            Access::Viewer(_) => assert!(answer.location().starts_with("/sign-in"), "{told}"),
            // The token in the path was made by another.
            Access::Setup if path.contains("tok_") => assert_eq!(answer.status, 404, "{told}"),
            Access::Setup => assert_eq!(answer.status, 200, "{told}"),
            Access::Guest => assert!(answer.status < 500, "{told}"),
        }
    }
}

#[tokio::test]
async fn a_persons_session_opens_no_setup_page_nor_the_other_way_round() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let mut owner = world.as_role(Role::Owner).await;
    owner.get("/setup").await.expect(401);
    let mut setup = opened(&world, &acme).await;
    // The same secret under the other's name.
    for (browser, from, to) in [
        (&mut owner, "provisor-session", "provisor-setup"),
        (&mut setup, "provisor-setup", "provisor-session"),
    ] {
        browser.rename_cookie(from, to);
    }
    owner.get("/setup").await.expect(401);
    assert!(setup.get("/").await.location().starts_with("/sign-in"));
}

#[tokio::test]
async fn it_makes_rotates_and_revokes_its_own_tokens_only() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (_, foreign) = world.token(&acme, "by an operator").await;
    let mut setup = opened(&world, &acme).await;
    let page = setup.post("/setup/tokens", &[]).await.expect(200);
    let first = secret(&page);
    assert_eq!(
        world
            .logged("GET", "/t/acme/scim/v2/Users", &first, "")
            .await,
        200
    );
    let page = setup.get("/setup").await.expect(200);
    let mark = format!("…{}", &first[first.len() - 4..]);
    assert!(page.contains(&mark), "{page}");
    assert!(
        !page.contains(&first) && !page.contains("by an operator"),
        "{page}"
    );
    for (path, status) in [
        (format!("/setup/tokens/tok_{foreign}/rotate"), 404),
        (format!("/setup/tokens/tok_{foreign}/revoke"), 404),
        ("/setup/tokens/tok_2/rotate".to_owned(), 200),
        ("/setup/tokens/tok_2/revoke".to_owned(), 200),
    ] {
        setup.get(&path).await.expect(status);
    }
    setup.get("/setup").await.expect(200);
    setup
        .post(&format!("/setup/tokens/tok_{foreign}/revoke"), &[])
        .await
        .expect(404);
    setup.get("/setup").await.expect(200);
    let second = secret(
        &setup
            .post("/setup/tokens/tok_2/rotate", &[])
            .await
            .expect(200),
    );
    for token in [&first, &second] {
        assert_eq!(world.logged("GET", "/scim/v2/Users", token, "").await, 200);
    }
    setup.get("/setup/tokens/tok_2/revoke").await.expect(200);
    setup
        .post("/setup/tokens/tok_2/revoke", &[])
        .await
        .location();
    assert_eq!(world.logged("GET", "/scim/v2/Users", &first, "").await, 401);
    // Another link of the same connection sees none of them.
    let mut other = opened(&world, &acme).await;
    let page = other.get("/setup").await.expect(200);
    assert!(!page.contains(&second[second.len() - 4..]), "{page}");
    other.get("/setup/tokens/tok_3/revoke").await.expect(404);
    let told: Vec<_> = world
        .audit()
        .await
        .into_iter()
        .map(|e| (e.actor, e.action))
        .collect();
    let by_link = ("setup:link_1".to_owned(), "token.revoke".to_owned());
    assert!(told.contains(&by_link), "{told:?}");
}

#[tokio::test]
async fn a_few_tokens_are_enough() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let mut setup = opened(&world, &acme).await;
    for _ in 0..5 {
        setup.get("/setup").await.expect(200);
        setup.post("/setup/tokens", &[]).await.expect(200);
    }
    setup.get("/setup").await.expect(200);
    assert_eq!(setup.post("/setup/tokens", &[]).await.location(), "/setup");
    let page = setup.get("/setup").await.expect(200);
    assert!(page.contains("There are 5 tokens already"), "{page}");
}

#[tokio::test]
async fn personal_data_is_masked() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let user = r#"{"userName":"lena.canary@acme.com"}"#;
    for expected in [201, 409] {
        assert_eq!(
            world.logged("POST", "/scim/v2/Users", &token, user).await,
            expected
        );
    }
    let mut setup = opened(&world, &acme).await;
    let page = setup.get("/setup").await.expect(200);
    assert!(
        page.contains("uniqueness") && page.contains("First user"),
        "{page}"
    );
    assert!(!page.contains("lena.canary@acme.com"), "{page}");
    let mut live = setup.follow("/live/setup").await;
    let (_, html) = live.next().await.unwrap();
    assert!(
        html.contains("uniqueness") && !html.contains("lena.canary@acme.com"),
        "{html}"
    );
}

#[tokio::test]
async fn revoking_the_link_or_leaving_ends_the_session_and_its_stream() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (path, id) = link(&world, &acme).await;
    let mut setup = world.browser();
    setup.get(&path).await.expect(200);
    setup.post(&path, &[]).await.location();
    let mut live = setup.follow("/live/setup").await;
    live.next().await.expect("what there is");
    world.people(PeopleChange::RevokeLink { id }).await;
    loop {
        match live.next().await {
            Some((name, _)) if name == "end" => break,
            Some(_) => {}
            None => panic!("the stream says that it ends"),
        }
    }
    setup.get("/setup").await.expect(401);
    let mut second = opened(&world, &acme).await;
    second.post("/setup/leave", &[]).await.location();
    second.get("/setup").await.expect(401);
    let mut third = opened(&world, &acme).await;
    world.pass(6 * DAY);
    third.get("/setup").await.expect(200);
    world.pass(2 * DAY);
    third.get("/setup").await.expect(401);
}
