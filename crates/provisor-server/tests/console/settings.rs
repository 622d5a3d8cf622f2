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

#[tokio::test]
async fn single_keys_can_be_switched_off_and_stay_off() {
    let world = World::new().await;
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/users").await.expect(200);
    assert!(
        page.contains("<dialog id=\"keys\"") && !page.contains("data-keys=\"off\""),
        "{page}"
    );
    owner.get("/settings").await.expect(200);
    let answer = owner.post("/settings/keys", &[("keys", "off")]).await;
    assert_eq!(answer.location(), "/settings");
    for path in ["/settings", "/users"] {
        let page = owner.get(path).await.expect(200);
        assert!(
            page.contains("<html lang=\"en\" data-keys=\"off\">"),
            "{page}"
        );
    }
    owner.get("/settings").await.expect(200);
    owner.post("/settings/keys", &[("keys", "on")]).await;
    let page = owner.get("/users").await.expect(200);
    assert!(!page.contains("data-keys=\"off\""), "{page}");
}

#[tokio::test]
async fn the_dialog_lists_a_key_for_every_place_that_the_viewer_has() {
    let world = World::new().await;
    for role in Role::ALL {
        let page = world
            .as_role(*role)
            .await
            .get("/settings")
            .await
            .expect(200);
        let (_, dialog) = page.split_once("<dialog id=\"keys\"").unwrap();
        let mut keys: Vec<&str> = page
            .split("data-go=\"")
            .skip(1)
            .map(|rest| &rest[..1])
            .collect();
        for key in &keys {
            assert!(
                dialog.contains(&format!("<kbd>g</kbd> <kbd>{key}</kbd>")),
                "{key}: {dialog}"
            );
        }
        let places = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), places, "a key leads to one place");
    }
}
