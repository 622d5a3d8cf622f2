//! `/settings`: one's own sessions and password.

mod people;

use provisor_store::{PeopleChange, Role};

use crate::world::World;

#[tokio::test]
async fn a_session_is_ended_from_another_one() {
    let world = World::new().await;
    let person = world.person("anna@example.com", Role::Owner, &[]).await;
    let mut lost = world.signed_in(person).await;
    let mut here = world.signed_in(person).await;
    let page = here.get("/settings").await.expect(200);
    assert_eq!(page.matches("/settings/sessions/").count(), 2, "{page}");
    assert!(page.contains("this browser"), "{page}");
    let answer = here.post("/settings/sessions/1/end", &[]).await;
    assert_eq!(answer.location(), "/settings");
    let page = here.get("/settings").await.expect(200);
    assert!(page.contains("The session is ended."), "{page}");
    assert!(
        !here
            .get("/settings")
            .await
            .expect(200)
            .contains("is ended."),
        "told once"
    );
    assert_eq!(lost.get("/").await.location(), "/sign-in");
    // Somebody else's looks like none.
    let mut other = world.as_role(Role::Operator).await;
    other.get("/settings").await.expect(200);
    other
        .post("/settings/sessions/2/end", &[])
        .await
        .expect(404);
    here.get("/").await.expect(200);
}

#[tokio::test]
async fn a_role_counts_at_once_and_a_removed_person_is_out() {
    let world = World::new().await;
    world.person("root@example.com", Role::Owner, &[]).await;
    let person = world.person("anna@example.com", Role::Operator, &[]).await;
    let mut browser = world.signed_in(person).await;
    browser.get("/tokens").await.expect(200);
    let set = PeopleChange::Set {
        id: person,
        name: None,
        role: Some(Role::Support),
        tenants: None,
    };
    world.people(set).await;
    let page = browser.get("/tokens").await.expect(403);
    assert!(page.contains("You are signed in as support"), "{page}");
    world.people(PeopleChange::Remove { id: person }).await;
    assert_eq!(browser.get("/").await.location(), "/sign-in");
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_other_sessions() {
    let world = World::new().await;
    let person = world.person("anna@example.com", Role::Owner, &[]).await;
    let mut here = world.signed_in(person).await;
    here.get("/settings").await.expect(200);
    let first = [("password", "several good words")];
    assert_eq!(
        here.post("/settings/password", &first).await.location(),
        "/settings"
    );
    let mut other = world.signed_in(person).await;
    let wrong = [("old", "wrong"), ("password", "other good words")];
    let page = here.post("/settings/password", &wrong).await.expect(422);
    assert!(page.contains("not your password"), "{page}");
    other.get("/").await.expect(200);
    let right = [
        ("old", "several good words"),
        ("password", "other good words"),
    ];
    assert_eq!(
        here.post("/settings/password", &right).await.location(),
        "/settings"
    );
    here.get("/").await.expect(200);
    assert_eq!(other.get("/").await.location(), "/sign-in");
}
