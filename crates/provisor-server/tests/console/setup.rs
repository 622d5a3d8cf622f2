//! `/setup/…`: guides with their listener, and customers' administrators who came by a link.

mod session;

use provisor_store::Role;

use crate::world::World;

const USER: &str = r#"{"userName":"lena@acme.com","active":true}"#;

#[tokio::test]
async fn every_provider_has_a_guide_with_its_own_words() {
    let world = World::new().await;
    world.tenant("acme").await;
    let mut owner = world.as_role(Role::Owner).await;
    for (idp, words) in [
        ("okta", "SCIM connector base URL"),
        ("entra", "Secret Token"),
        ("onelogin", "SCIM Bearer Token"),
        ("jumpcloud", "Token Key"),
        ("google", "Endpoint URL"),
        ("ping", "SCIM BASE URL"),
        ("keycloak", "SCIM 2.0 endpoint"),
        ("authentik", "Backchannel Providers"),
        ("other", "Unique identifier"),
    ] {
        owner.get("/connections/new").await.expect(200);
        let form = [
            ("tenant", "acme"),
            ("idp", idp),
            ("name", &format!("my-{idp}")),
        ];
        let guide = owner.post("/connections/new", &form).await.location();
        let page = owner.get(&guide).await.expect(200);
        assert!(page.contains(words), "{idp}: {page}");
        assert!(page.contains("/t/acme/scim/v2</code>"), "{idp}: {page}");
        assert!(page.contains("/tokens/new?tenant=acme"), "{idp}: {page}");
        assert!(
            page.contains("Waiting") || page.contains("waiting"),
            "{idp}: {page}"
        );
    }
}

#[tokio::test]
async fn the_listener_ticks_off_live_what_arrives_and_names_the_fix() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let mut owner = world.as_role(Role::Owner).await;
    owner.get("/connections/acme/1/settings").await.expect(200);
    let form = [("name", "okta"), ("idp", "okta"), ("domains", "acme.com")];
    owner
        .post("/connections/acme/1/settings", &form)
        .await
        .location();
    let (token, id) = world.token(&acme, "Okta").await;
    let mut live = owner.follow("/live/setup/acme/1").await;
    let base = "/t/acme/scim/v2";
    let lena = format!("{base}/Users");
    let outside = USER.replace("acme.com", "other.com");
    for (method, path, token, body, status, heard) in [
        (
            "GET",
            &lena,
            "nonsense",
            "",
            401,
            "Paste a token of this connection at Authorization",
        ),
        (
            "GET",
            &format!("{base}/Users/Users"),
            &token,
            "",
            404,
            "End SCIM connector base URL at /scim/v2",
        ),
        (
            "GET",
            &lena,
            &token,
            "",
            200,
            "Test call answered<br><span class=\"sm subtle\">test browser",
        ),
        (
            "POST",
            &lena,
            &token,
            &outside,
            400,
            "have its domain added",
        ),
        (
            "POST",
            &lena,
            &token,
            USER,
            201,
            "First user<br><span class=\"sm subtle\">test browser",
        ),
        (
            "POST",
            &format!("{base}/Groups"),
            &token,
            r#"{"displayName":"Support"}"#,
            201,
            "First team<br><span class=\"sm subtle\">test browser",
        ),
    ] {
        assert_eq!(
            world.logged(method, path, token, body).await,
            status,
            "{path}"
        );
        loop {
            let (name, html) = live.next().await.expect("a fragment");
            assert_eq!(name, "fragment");
            if html.contains(heard) {
                // What is done is announced when it arrives, what failed stands there.
                let step = heard.split("<br>").next().unwrap();
                let said = html.contains(&format!("data-said=\"{step}\""));
                assert_eq!(said, heard.contains("<br>"), "{html}");
                break;
            }
        }
    }
    world
        .write(acme.id, provisor_store::Change::RevokeToken { id })
        .await;
    assert_eq!(world.logged("GET", &lena, &token, "").await, 401);
    loop {
        let (_, html) = live.next().await.expect("a fragment");
        if html.contains("The token was revoked. Make a new token") {
            break;
        }
    }
}

#[tokio::test]
async fn the_listener_does_not_mix_connections_up() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let mut owner = world.as_role(Role::Owner).await;
    owner.get("/connections/new").await.expect(200);
    let entra = [("tenant", "acme"), ("idp", "entra")];
    owner.post("/connections/new", &entra).await.location();
    // Both requests are the first connection's, the refused one too.
    let (token, id) = world.token(&acme, "Okta").await;
    assert_eq!(
        world.logged("POST", "/scim/v2/Users", &token, USER).await,
        201
    );
    world
        .write(acme.id, provisor_store::Change::RevokeToken { id })
        .await;
    assert_eq!(world.logged("GET", "/scim/v2/Users", &token, "").await, 401);
    let page = owner.get("/setup/acme/2").await.expect(200);
    assert!(
        !page.contains("token_revoked") && !page.contains("class=\"ok\""),
        "{page}"
    );
    let page = owner.get("/setup/acme/1").await.expect(200);
    assert!(
        page.contains("token_revoked") && page.contains("class=\"ok\""),
        "{page}"
    );
}
