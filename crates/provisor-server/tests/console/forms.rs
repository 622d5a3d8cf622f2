//! Forms of other sites and of other sessions are refused.

use provisor_store::Role;

use crate::world::World;

#[tokio::test]
async fn a_form_needs_the_token_of_its_session() {
    let world = World::new().await;
    let mut owner = world.as_role(Role::Owner).await;
    let mut other = world.as_role(Role::Operator).await;
    owner.get("/settings").await.expect(200);
    other.get("/settings").await.expect(200);
    let origin = format!("http://{}", world.address);
    assert_ne!(owner.csrf, other.csrf);
    for csrf in ["", "0123456789abcdef0123456789abcdef", &other.csrf] {
        let page = owner
            .post_with("/sign-out", csrf, &origin, &[])
            .await
            .expect(403);
        assert!(page.contains("from another session"), "{page}");
    }
    owner.get("/settings").await.expect(200);
    assert_eq!(owner.post("/sign-out", &[]).await.location(), "/sign-in");
    assert!(
        owner
            .get("/settings")
            .await
            .location()
            .starts_with("/sign-in")
    );
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let world = World::new().await;
    let mut owner = world.as_role(Role::Owner).await;
    owner.get("/settings").await.expect(200);
    let csrf = owner.csrf.clone();
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
    ] {
        let page = owner
            .post_with("/sign-out", &csrf, origin, &[])
            .await
            .expect(403);
        assert!(page.contains("another site"), "{page}");
    }
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let body = format!("csrf={csrf}");
    // Without Origin, the browser's own word counts.
    let foreign = [kind, ("Sec-Fetch-Site", "cross-site")];
    owner
        .send("POST", "/sign-out", &foreign, &body)
        .await
        .expect(403);
    owner
        .send("POST", "/sign-out", &[kind], &body)
        .await
        .expect(403);
    let own = [kind, ("Sec-Fetch-Site", "same-origin")];
    let answer = owner.send("POST", "/sign-out", &own, &body).await;
    assert_eq!(answer.location(), "/sign-in");
}

#[tokio::test]
async fn the_theme_is_a_form_too() {
    let world = World::new().await;
    let mut browser = world.as_role(Role::Support).await;
    browser.get("/settings").await.expect(200);
    let fields = [("theme", "dark"), ("to", "/settings")];
    assert_eq!(
        browser.post("/theme", &fields).await.location(),
        "/settings"
    );
    let page = browser.get("/settings").await.expect(200);
    assert!(
        page.contains("<html lang=\"en\" data-theme=\"dark\">"),
        "{page}"
    );
    let fields = [("theme", "javascript"), ("to", "//evil.example")];
    assert_eq!(browser.post("/theme", &fields).await.location(), "/");
    let page = browser.get("/settings").await.expect(200);
    assert!(page.contains("<html lang=\"en\">"), "{page}");
}
