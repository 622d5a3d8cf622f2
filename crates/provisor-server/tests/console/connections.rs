//! `/connections`: list, create, settings, pause, setup links.

use provisor_store::{Change, Role, Store, TenantId};

use crate::world::{DAY, World};

const USER: &str =
    r#"{"userName":"lena@acme.com","emails":[{"value":"lena@acme.com","primary":true}]}"#;

#[tokio::test]
async fn a_connection_is_made_and_its_state_follows_what_arrives() {
    let world = World::new().await;
    world.tenant("acme").await;
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/connections/new").await.expect(200);
    assert!(page.contains("Microsoft Entra ID"), "{page}");
    let page = owner
        .post("/connections/new", &[("idp", "entra")])
        .await
        .expect(422);
    assert!(page.contains("Choose the tenant"), "{page}");
    let entra = [
        ("tenant", "acme"),
        ("idp", "entra"),
        ("identifier", "externalId"),
    ];
    let guide = owner.post("/connections/new", &entra).await.location();
    assert_eq!(guide, "/setup/acme/2");
    let page = owner.get("/connections/acme/2").await.expect(200);
    for shown in [
        "Not set up",
        "Microsoft Entra ID",
        "externalId",
        "/t/acme/scim/v2",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let acme = world
        .store
        .read()
        .await
        .unwrap()
        .tenant("acme")
        .await
        .unwrap()
        .unwrap();
    // Tokens of the world are of the first connection, `okta`.
    let (token, _) = world.token(&acme, "Okta").await;
    assert_eq!(
        world.logged("POST", "/scim/v2/Users", &token, USER).await,
        201
    );
    let page = owner.get("/connections/acme/1").await.expect(200);
    for shown in ["Healthy", "100.0 %", "of 1 requests", "First user"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert_eq!(
        world.logged("POST", "/scim/v2/Users", &token, USER).await,
        409
    );
    let page = owner.get("/connections").await.expect(200);
    assert!(
        page.contains("Failing") && page.contains("50.0 %"),
        "{page}"
    );
    world.pass(2 * DAY);
    let person = world.person("kim@example.com", Role::Auditor, &[]).await;
    let mut auditor = world.signed_in(person).await;
    let page = auditor.get("/connections/acme/1").await.expect(200);
    assert!(page.contains("Idle since"), "{page}");
}

#[tokio::test]
async fn pausing_refuses_the_next_request() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/connections/acme/1/pause").await.expect(200);
    assert!(page.contains("keep their access"), "{page}");
    owner
        .post("/connections/acme/1/pause", &[])
        .await
        .location();
    assert_eq!(world.logged("GET", "/scim/v2/Users", &token, "").await, 503);
    let page = owner.get("/connections/acme/1").await.expect(200);
    assert!(
        page.contains("Paused") && page.contains("Resume the connection"),
        "{page}"
    );
    owner
        .post("/connections/acme/1/resume", &[])
        .await
        .location();
    assert_eq!(world.logged("GET", "/scim/v2/Users", &token, "").await, 200);
}

#[tokio::test]
async fn settings_are_kept_and_a_refusal_names_the_duplicates() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    for name in ["lena", "kim"] {
        let user = format!(r#"{{"userName":"{name}@acme.com","externalId":"twice"}}"#);
        assert_eq!(
            world.logged("POST", "/scim/v2/Users", &token, &user).await,
            201
        );
    }
    let mut owner = world.as_role(Role::Owner).await;
    let path = "/connections/acme/1/settings";
    owner.get(path).await.expect(200);
    let wanted = [
        ("name", "okta"),
        ("idp", "okta"),
        ("identifier", "externalId"),
        ("domains", "Acme.com, acme.de"),
        ("reactivation", "on"),
    ];
    let page = owner.post(path, &wanted).await.expect(422);
    assert!(page.contains("used more than once: twice"), "{page}");
    assert!(
        page.contains("value=\"Acme.com, acme.de\""),
        "what was typed stays: {page}"
    );
    let mut good = wanted;
    good[2].1 = "email";
    let mut nameless = good;
    nameless[0].1 = "";
    let page = owner.post(path, &nameless).await.expect(422);
    assert!(page.contains("name has 1 to 64 letters"), "{page}");
    assert_eq!(
        owner.post(path, &good).await.location(),
        "/connections/acme/1"
    );
    let page = owner.get(path).await.expect(200);
    assert!(page.contains("value=\"acme.com, acme.de\""), "{page}");
    assert!(page.contains("name=\"reactivation\" checked"), "{page}");
    assert!(page.contains("value=\"email\" selected"), "{page}");
    let page = owner.get("/connections/acme/1").await.expect(200);
    assert!(page.contains("acme.de"), "{page}");
    // A box that is left empty is switched off.
    owner.get(path).await.expect(200);
    owner.post(path, &good[..4]).await.location();
    let page = owner.get(path).await.expect(200);
    assert!(!page.contains("name=\"reactivation\" checked"), "{page}");
}

#[tokio::test]
async fn a_new_connection_has_unique_team_names_where_it_needs_them_and_is_the_only_one() {
    let world = World::new().await;
    world.tenant("acme").await;
    let bare = Change::CreateTenant {
        key: "initech".into(),
        name: String::new(),
    };
    world.write(TenantId::SYSTEM, bare).await;
    let mut owner = world.as_role(Role::Owner).await;
    for (tenant, chosen, is_unique, lacks) in [
        ("initech", "", true, false),
        ("acme", "", false, true),
        ("acme", "off", false, false),
        ("acme", "on", true, false),
    ] {
        owner.get("/connections/new").await.expect(200);
        let name = format!("kc{chosen}");
        let fields = [
            ("tenant", tenant),
            ("name", &*name),
            ("idp", "keycloak"),
            ("unique_team_names", chosen),
        ];
        let guide = owner.post("/connections/new", &fields).await.location();
        let page = owner.get(&guide).await.expect(200);
        let says = page.contains("other connections, too");
        assert_eq!(says, lacks, "{tenant} {chosen}: {page}");
        let path = guide.replace("/setup/", "/connections/") + "/settings";
        let page = owner.get(&path).await.expect(200);
        let on = page.contains("name=\"unique_team_names\" checked");
        assert_eq!(on, is_unique, "{tenant} {chosen}: {page}");
    }
}

#[tokio::test]
async fn support_sees_no_tokens_and_no_personal_data() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta production").await;
    for expected in [201, 409] {
        assert_eq!(
            world.logged("POST", "/scim/v2/Users", &token, USER).await,
            expected
        );
    }
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/connections/acme/1").await.expect(200);
    assert!(
        page.contains("lena@acme.com") && page.contains("Okta production"),
        "{page}"
    );
    let mut support = world.as_role(Role::Support).await;
    for path in ["/connections/acme/1", "/setup/acme/1"] {
        let page = support.get(path).await.expect(200);
        assert!(page.contains("uniqueness"), "{page}");
        assert!(!page.contains("lena@acme.com"), "{page}");
        assert!(!page.contains("Okta production"), "{page}");
        assert!(
            !page.contains("method=\"post\" action=\"/connections"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn setup_links_are_shown_once_listed_and_revoked() {
    let world = World::new().await;
    world.tenant("acme").await;
    let mut owner = world.as_role(Role::Owner).await;
    owner.get("/connections/acme/1").await.expect(200);
    let page = owner
        .post("/connections/acme/1/links", &[])
        .await
        .expect(200);
    let (_, rest) = page.split_once("id=\"link\"").expect("a link is shown");
    let url = rest.split_once('>').unwrap().1.split('<').next().unwrap();
    let secret = url.rsplit('/').next().unwrap().to_owned();
    let page = owner.get("/connections/acme/1").await.expect(200);
    assert!(
        page.contains("link_2") && page.contains("in 7 days"),
        "{page}"
    );
    assert!(!page.contains(&secret), "{page}");
    assert!(!format!("{:?}", world.audit().await).contains(&secret));
    // One of another connection is not taken back from here.
    owner
        .post("/connections/acme/1/links/1/revoke", &[])
        .await
        .expect(404);
    owner.get("/connections/acme/1").await.expect(200);
    owner
        .post("/connections/acme/1/links/2/revoke", &[])
        .await
        .location();
    let page = owner.get("/connections/acme/1").await.expect(200);
    assert!(page.contains("revoked"), "{page}");
    world
        .browser()
        .get(&format!("/setup/{secret}"))
        .await
        .expect(410);
    let told: Vec<_> = world
        .audit()
        .await
        .into_iter()
        .map(|e| (e.action, e.tenant_key))
        .collect();
    let acme = || Some("acme".to_owned());
    assert_eq!(told[0], ("link.revoke".to_owned(), acme()));
    assert_eq!(told[1], ("link.create".to_owned(), acme()));
}

#[tokio::test]
async fn a_connections_requests_are_kept_for_its_own_days() {
    let world = World::new().await;
    let (acme, beta) = (world.tenant("acme").await, world.tenant("beta").await);
    for tenant in [&acme, &beta] {
        let (token, _) = world.token(tenant, "Okta").await;
        assert_eq!(
            world.logged("POST", "/scim/v2/Users", &token, USER).await,
            201
        );
    }
    let mut owner = world.as_role(Role::Owner).await;
    let path = "/connections/acme/1/settings";
    let page = owner.get(path).await.expect(200);
    assert!(
        page.contains("placeholder=\"90\"") && page.contains("placeholder=\"14\""),
        "{page}"
    );
    let settings = |days| [("name", "okta"), ("idp", "okta"), ("log_days", days)];
    for (days, says) in [
        ("a week", "is no number of days"),
        ("4000", "1 to 3650 days"),
    ] {
        let page = owner.post(path, &settings(days)).await.expect(422);
        assert!(page.contains(says), "{page}");
    }
    owner.post(path, &settings("7")).await.location();
    let page = owner.get(path).await.expect(200);
    assert!(
        page.contains("name=\"log_days\" inputmode=\"numeric\" value=\"7\""),
        "{page}"
    );
    let page = owner.get("/connections/acme/1").await.expect(200);
    assert!(
        page.contains("requests 7 days, bodies as the server has it"),
        "{page}"
    );
    let kept = || {
        world.log.expire();
        let all = world.log.reader().entries(&Default::default()).unwrap();
        all.iter().map(|one| one.entry.tenant).collect::<Vec<_>>()
    };
    world.pass(6 * DAY);
    assert_eq!(kept(), [Some(beta.id), Some(acme.id)]);
    world.pass(2 * DAY);
    assert_eq!(kept(), [Some(beta.id)]);
}

#[tokio::test]
async fn every_page_says_the_same_of_a_connection() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, id) = world.token(&acme, "Okta").await;
    let mut owner = world.as_role(Role::Owner).await;
    let mut say = async |state: &str| {
        for path in ["/", "/connections", "/connections/acme/1", "/tenants"] {
            let page = owner.get(path).await.expect(200);
            assert!(
                page.contains(&format!("</i>{state}</span>")),
                "{path} {state}: {page}"
            );
        }
    };
    say("Not set up").await;
    assert_eq!(world.logged("GET", "/scim/v2/Users", &token, "").await, 200);
    say("Healthy").await;
    // One refusal in two; the overview used to tolerate that.
    let wrong = "/scim/v2/Users?filter=x";
    assert_eq!(world.logged("GET", wrong, &token, "").await, 400);
    say("Failing").await;
    for _ in 0..10 {
        assert_eq!(world.logged("GET", "/scim/v2/Users", &token, "").await, 200);
    }
    say("Healthy").await;
    // A token that was revoked is still this connection's; one that was made up is nobody's.
    let forged = format!("{}0000000000", &token[..token.len() - 10]);
    for _ in 0..3 {
        assert_eq!(
            world.logged("GET", "/scim/v2/Users", &forged, "").await,
            401
        );
    }
    say("Healthy").await;
    world
        .write(acme.id, provisor_store::Change::RevokeToken { id })
        .await;
    for _ in 0..3 {
        assert_eq!(world.logged("GET", "/scim/v2/Users", &token, "").await, 401);
    }
    say("Failing").await;
    let pause = provisor_store::change::ConnectionSettings {
        paused: Some(true),
        ..Default::default()
    };
    let id = provisor_store::ConnectionId(1);
    let settings = pause;
    world
        .write(
            acme.id,
            provisor_store::Change::SetConnection { id, settings },
        )
        .await;
    say("Paused").await;
}
