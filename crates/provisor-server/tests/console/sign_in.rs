//! `/sign-in` and `/sign-out`.

use provisor_server::Settings;
use provisor_store::{PersonId, Purpose, Role};

use crate::{
    browser::Browser,
    world::{DAY, World},
};

const PASSWORD: &str = "correct horse battery";

/// Somebody who has chosen a password.
async fn with_password(world: &World, email: &str) -> (PersonId, Browser) {
    let person = world.person(email, Role::Owner, &[]).await;
    let link = world.link(Purpose::Invite(person)).await;
    let mut browser = world.browser();
    browser.get(&link).await.expect(200);
    let answer = browser.post(&link, &[("password", PASSWORD)]).await;
    assert_eq!(answer.location(), "/");
    (person, browser)
}

#[tokio::test]
async fn a_password_signs_in_and_leads_where_one_was_going() {
    let world = World::new().await;
    with_password(&world, "anna@example.com").await;
    let mut browser = world.browser();
    let to = browser.get("/tokens?filter=unused").await.location();
    assert_eq!(to, "/sign-in?to=%2Ftokens%3Ffilter%3Dunused");
    let page = browser.get(&to).await.expect(200);
    assert!(page.contains("value=\"/tokens?filter=unused\""), "{page}");
    let fields = |password: &'static str| {
        [
            ("email", " Anna@Example.com "),
            ("password", password),
            ("to", "/tokens?filter=unused"),
        ]
    };
    let page = browser
        .post("/sign-in", &fields("wrong wrong wrong"))
        .await
        .expect(401);
    assert!(page.contains("do not fit together"), "{page}");
    let answer = browser.post("/sign-in", &fields(PASSWORD)).await;
    assert_eq!(answer.location(), "/tokens?filter=unused");
    let page = browser.get("/tokens").await.expect(200);
    assert!(page.contains("anna@example.com · owner"), "{page}");
    let audit = world.audit().await;
    assert_eq!(
        (
            audit[0].actor.as_str(),
            audit[0].action.as_str(),
            audit[0].after["by"].as_str()
        ),
        ("person:anna@example.com", "session.open", Some("password"))
    );
    assert_eq!(audit[0].address.as_deref(), Some("127.0.0.1"));
    assert!(!format!("{audit:?}").contains(PASSWORD));
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let world = World::new().await;
    with_password(&world, "anna@example.com").await;
    let mut browser = world.browser();
    browser.get("/sign-in").await.expect(200);
    let guess = [("email", "anna@example.com"), ("password", "wrong")];
    for _ in 0..10 {
        browser.post("/sign-in", &guess).await.expect(401);
    }
    let right = [("email", "anna@example.com"), ("password", PASSWORD)];
    let page = browser.post("/sign-in", &right).await.expect(429);
    assert!(page.contains("Wait "), "{page}");
    world.pass(60_000);
    browser.get("/sign-in").await.expect(200);
    assert_eq!(browser.post("/sign-in", &right).await.location(), "/");
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_after_its_life() {
    let world = World::new().await;
    let (_, mut browser) = with_password(&world, "anna@example.com").await;
    world.pass(11 * 3_600_000);
    browser.get("/").await.expect(200);
    world.pass(13 * 3_600_000);
    assert_eq!(browser.get("/").await.location(), "/sign-in");
    let settings = Settings {
        session_idle: std::time::Duration::from_secs(30 * 86_400),
        ..Settings::default()
    };
    let world = World::with(settings).await;
    let (_, mut browser) = with_password(&world, "anna@example.com").await;
    world.pass(6 * DAY);
    browser.get("/").await.expect(200);
    world.pass(DAY);
    assert_eq!(browser.get("/").await.location(), "/sign-in");
}

#[tokio::test]
async fn behind_https_cookies_are_for_https_and_this_host() {
    let world = World::with(Settings {
        public_url: Some("https://scim.example.com".into()),
        ..Settings::default()
    })
    .await;
    let page = world.browser().get("/sign-in").await;
    let cookie = page.header("set-cookie");
    assert!(cookie.starts_with("__Host-provisor-guest="), "{cookie}");
    assert!(
        cookie.contains("; Path=/; HttpOnly; SameSite=Lax; Secure"),
        "{cookie}"
    );
}
