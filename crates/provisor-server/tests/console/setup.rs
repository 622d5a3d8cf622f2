//! `/setup/…`: guides with their listener, and customers' administrators who came by a link.

mod session;

use provisor_store::{Change, Role, Store, change::ConnectionSettings};

use crate::world::{NOW, World};

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
        ("ping", "SCIM base URL"),
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
        for part in [
            "When it sends",
            "Easily got wrong",
            "How this page was checked",
        ] {
            assert!(page.contains(part), "{idp}: {part}");
        }
        assert!(page.contains("/tokens/new?tenant=acme"), "{idp}: {page}");
        assert!(
            page.contains("Waiting") || page.contains("waiting"),
            "{idp}: {page}"
        );
    }
}

/// Every way of its own to go wrong is told in each guide, in the provider's words.
#[tokio::test]
async fn each_guide_names_the_cause_and_the_fix_in_its_own_words() {
    let world = World::new().await;
    let mut owner = world.as_role(Role::Owner).await;
    let guides = [
        ("okta", "SCIM connector base URL", "Authorization"),
        ("entra", "Tenant URL", "Secret Token"),
        ("onelogin", "SCIM Base URL", "SCIM Bearer Token"),
        ("jumpcloud", "Base URL", "Token Key"),
        ("google", "Endpoint URL", "Access token"),
        ("ping", "SCIM base URL", "OAuth Access Token"),
        ("keycloak", "SCIM 2.0 endpoint", "Auth password/token"),
        ("authentik", "URL", "Token"),
        ("other", "the base URL", "the token"),
    ];
    let another = world.tenant("another").await;
    let (stranger, _) = world.token(&another, "of another").await;
    for ((idp, url, token_field), now) in guides.into_iter().zip((NOW..).step_by(2000)) {
        let tenant = world.tenant(idp).await;
        let mut snapshot = world.store.read().await.unwrap();
        let id = snapshot.connections(tenant.id).await.unwrap()[0].id;
        drop(snapshot);
        let settings = format!("/connections/{idp}/{id}/settings");
        owner.get(&settings).await.expect(200);
        let form = [("name", idp), ("idp", idp), ("domains", "acme.com")];
        owner.post(&settings, &form).await.location();
        let (token, _) = world.token(&tenant, "good").await;
        let (short, _) = world.token_until(&tenant, "short", Some(now + 1000)).await;
        world.pass(2000);
        let users = format!("/t/{idp}/scim/v2/Users");
        let doubled = format!("{users}/Users");
        let outside = USER.replace("acme.com", "other.com");
        for (method, path, token, body, status) in [
            ("GET", &doubled, &token, "", 404),
            ("GET", &users, &stranger, "", 401),
            ("GET", &users, &short, "", 401),
            ("POST", &users, &token, &outside, 400),
        ] {
            let answer = world.logged(method, path, token, body).await;
            assert_eq!(answer, status, "{idp}: {method} {path}");
        }
        let pause = ConnectionSettings {
            paused: Some(true),
            ..ConnectionSettings::default()
        };
        world
            .write(
                tenant.id,
                Change::SetConnection {
                    id,
                    settings: pause,
                },
            )
            .await;
        assert_eq!(world.logged("GET", &users, &token, "").await, 503, "{idp}");
        let page = owner.get(&format!("/setup/{idp}/{id}")).await.expect(200);
        for told in [
            &format!("End {url} at /scim/v2, without /Users or /Groups"),
            &format!("Paste a token of this connection at {token_field}"),
            &format!("Make a new token on this page, paste it at {token_field}"),
            "have its domain added to the connection",
            "Resume the connection",
        ] {
            assert!(page.contains(told), "{idp}: {told}\n{page}");
        }
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

#[tokio::test]
async fn no_tenants_key_stands_in_the_way_of_its_guide_or_of_a_setup_link() {
    let world = World::new().await;
    let mut owner = world.as_role(Role::Owner).await;
    for key in ["link", "leave", "tokens", "setup"] {
        world.tenant(key).await;
        let page = owner.get(&format!("/setup/{key}/1")).await.expect(200);
        assert!(page.contains(&format!("/t/{key}/scim/v2")), "{key}: {page}");
        let mut live = owner.follow(&format!("/live/setup/{key}/1")).await;
        assert_eq!(live.next().await.unwrap().0, "fragment", "{key}");
        owner
            .get(&format!("/connections/{key}/1"))
            .await
            .expect(200);
        let links = format!("/connections/{key}/1/links");
        let page = owner.post(&links, &[]).await.expect(200);
        let (_, rest) = page.split_once("id=\"link\"").expect("a link is shown");
        let url = rest.split_once('>').unwrap().1.split('<').next().unwrap();
        let path = url.split_once(&world.address.to_string()).unwrap().1;
        let page = world.browser().get(path).await.expect(200);
        assert!(page.contains("Open the setup page"), "{key}: {page}");
    }
}
