//! `/link/{secret}`: one-time links.

use provisor_store::{Outcome, PeopleChange, Purpose, Role};

use crate::world::{DAY, World};

#[tokio::test]
async fn a_link_works_once_and_only_by_its_button() {
    let world = World::new().await;
    let person = world.person("anna@example.com", Role::Owner, &[]).await;
    let link = world.link(Purpose::SignIn(person)).await;
    let mut browser = world.browser();
    for _ in 0..2 {
        // A mail scanner follows the link; nothing is used up.
        let page = browser.get(&link).await;
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        let page = page.expect(200);
        assert!(page.contains("Sign in as anna@example.com"), "{page}");
        assert!(
            browser
                .clone()
                .get("/")
                .await
                .location()
                .starts_with("/sign-in")
        );
    }
    let mut second = browser.clone();
    assert_eq!(browser.post(&link, &[]).await.location(), "/");
    browser.get("/").await.expect(200);
    let page = second.post(&link, &[]).await.expect(410);
    assert!(page.contains("works once"), "{page}");
    second.get(&link).await.expect(410);
}

#[tokio::test]
async fn old_revoked_and_wrong_links_are_all_the_same() {
    let world = World::new().await;
    let person = world.person("anna@example.com", Role::Owner, &[]).await;
    let old = world.link(Purpose::SignIn(person)).await;
    world.pass(DAY);
    let revoked = PeopleChange::CreateLink {
        purpose: Purpose::SignIn(person),
        expires: crate::world::NOW + 9 * DAY,
    };
    let Outcome::Link(record, secret) = world.people(revoked).await else {
        panic!()
    };
    world
        .people(PeopleChange::RevokeLink { id: record.id })
        .await;
    let revoked = format!("/link/{}", secret.reveal());
    let wrong = format!("/link/{}", "x".repeat(43));
    let mut pages = Vec::new();
    for path in [&old, &revoked, &wrong, "/link/x"] {
        let page = world.browser().get(path).await.expect(410);
        let (text, _) = page.split_once("Request").unwrap();
        pages.push(text.split_once("<h1>").unwrap().1.to_owned());
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "{pages:?}");
}

#[tokio::test]
async fn an_invitation_sets_a_password() {
    let world = World::new().await;
    let person = world.person("sam@example.com", Role::Support, &[]).await;
    let link = world.link(Purpose::Invite(person)).await;
    let mut browser = world.browser();
    browser.get(&link).await.expect(200);
    let page = browser
        .post(&link, &[("password", "short")])
        .await
        .expect(422);
    assert!(page.contains("at least 12"), "{page}");
    let good = [("password", "several good words")];
    assert_eq!(browser.post(&link, &good).await.location(), "/");
    browser.get("/settings").await.expect(200);
}
