//! `/tenants`: list, create, rename, suspend, resume, delete.

use provisor_store::Role;

use crate::world::World;

#[tokio::test]
async fn a_tenant_is_made_renamed_and_told_in_the_audit() {
    let world = World::new().await;
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/tenants").await.expect(200);
    assert!(page.contains("There is no tenant yet"), "{page}");
    let wrong = [("key", "with spaces"), ("name", "<b>Acme</b>")];
    let page = owner.post("/tenants", &wrong).await.expect(422);
    assert!(page.contains("role=\"alert\""), "{page}");
    assert!(page.contains("value=\"with spaces\""), "{page}");
    assert!(!page.contains("<b>Acme"), "{page}");
    let right = [("key", "acme"), ("name", "Acme Corp")];
    assert_eq!(
        owner.post("/tenants", &right).await.location(),
        "/tenants/acme"
    );
    let page = owner.get("/tenants/acme").await.expect(200);
    assert!(page.contains("No identity provider is connected"), "{page}");
    assert!(page.contains("/t/acme/scim/v2"), "{page}");
    owner
        .post("/tenants/acme", &[("name", "Acme Ltd")])
        .await
        .location();
    let page = owner
        .post("/tenants/acme", &[("name", " ")])
        .await
        .expect(422);
    assert!(page.contains("A tenant has a name"), "{page}");
    let page = owner.get("/tenants").await.expect(200);
    assert!(page.contains("Acme Ltd"), "{page}");
    let told: Vec<_> = world.audit().await.into_iter().map(|e| e.action).collect();
    assert_eq!(told[..2], ["tenant.change", "tenant.create"]);
}

#[tokio::test]
async fn a_suspended_tenant_is_refused_at_once_until_it_is_resumed() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let mut owner = world.as_role(Role::Owner).await;
    assert_eq!(world.logged("GET", "/scim/v2/Users", &token, "").await, 200);
    let page = owner.get("/tenants/acme/suspend").await.expect(200);
    assert!(page.contains("Nothing is removed"), "{page}");
    owner.post("/tenants/acme/suspend", &[]).await.location();
    assert_eq!(world.logged("GET", "/scim/v2/Users", &token, "").await, 403);
    let page = owner.get("/connections").await.expect(200);
    assert!(page.contains("Paused"), "{page}");
    owner.get("/tenants/acme").await.expect(200);
    owner.post("/tenants/acme/resume", &[]).await.location();
    assert_eq!(world.logged("GET", "/scim/v2/Users", &token, "").await, 200);
}

#[tokio::test]
async fn deleting_wants_the_key_typed() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/tenants/acme/delete").await.expect(200);
    assert!(
        page.contains("0 users, 0 teams and 1 connections"),
        "{page}"
    );
    let page = owner
        .post("/tenants/acme/delete", &[("typed", "Acme")])
        .await;
    assert!(page.expect(422).contains("is not acme"));
    owner.get("/tenants/acme").await.expect(200);
    let typed = [("typed", "acme")];
    assert_eq!(
        owner.post("/tenants/acme/delete", &typed).await.location(),
        "/tenants"
    );
    owner.get("/tenants/acme").await.expect(404);
    assert_eq!(world.logged("GET", "/scim/v2/Users", &token, "").await, 401);
}

#[tokio::test]
async fn who_has_some_tenants_sees_those_and_makes_none() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.tenant("globex").await;
    let person = world
        .person("op@example.com", Role::Operator, &[&acme])
        .await;
    let mut operator = world.signed_in(person).await;
    for path in ["/tenants", "/connections"] {
        let page = operator.get(path).await.expect(200);
        assert!(page.contains("acme") && !page.contains("globex"), "{page}");
    }
    for path in [
        "/tenants/globex",
        "/connections/globex/1",
        "/setup/globex/1",
    ] {
        operator.get(path).await.expect(404);
    }
    operator.get("/tenants").await.expect(200);
    operator
        .post("/tenants", &[("key", "own")])
        .await
        .expect(403);
    operator
        .post("/tenants/globex/suspend", &[])
        .await
        .expect(404);
    operator.get("/tenants/acme/delete").await.expect(403);
    let typed = [("typed", "acme")];
    operator
        .post("/tenants/acme/delete", &typed)
        .await
        .expect(403);
    operator.post("/tenants/acme/suspend", &[]).await.location();
}

#[tokio::test]
async fn long_lists_have_pages() {
    let world = World::new().await;
    for n in 0..51 {
        world.tenant(&format!("t{n:02}")).await;
    }
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/tenants").await.expect(200);
    assert!(page.contains("/tenants/t49\"") && !page.contains("/tenants/t50\""));
    assert!(page.contains("/tenants?after=t49"), "{page}");
    let page = owner.get("/tenants?after=t49").await.expect(200);
    assert!(page.contains("/tenants/t50\"") && !page.contains("rel=\"next\""));
}
