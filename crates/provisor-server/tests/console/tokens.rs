//! `/tokens`: list, create, rotate, revoke.

use provisor_store::{PlainToken, Role};

use crate::world::{DAY, World};

const NEW: [(&str, &str); 4] = [
    ("tenant", "acme"),
    ("purpose", "Okta production"),
    ("scope", "scim"),
    ("expires", "365"),
];

/// The token that a page shows.
#[track_caller]
fn secret(page: &str) -> String {
    let (_, rest) = page.split_once("id=\"secret\"").expect("a token is shown");
    let text = rest.split_once('>').unwrap().1.split('<').next().unwrap();
    assert!(PlainToken::parse(text).is_some(), "{text}");
    text.to_owned()
}

#[tokio::test]
async fn a_token_is_shown_once_and_told_in_the_audit() {
    let world = World::new().await;
    world.tenant("acme").await;
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/tokens").await.expect(200);
    assert!(page.contains("There is no token yet"), "{page}");
    owner.get("/tokens/new").await.expect(200);
    let page = owner.post("/tokens/new", &NEW).await.expect(200);
    let secret = secret(&page);
    assert!(
        page.contains("pvr_(scim|api)_") && page.contains("data-copy=\"pattern\""),
        "the pattern for secret scanning: {page}"
    );
    // The canary: nothing that is shown or kept afterwards has it.
    for path in [
        "/",
        "/tokens",
        "/tokens?filter=revoked",
        "/settings",
        "/tokens/acme/tok_1/rotate",
        "/tokens/acme/tok_1/revoke",
    ] {
        let page = owner.get(path).await.expect(200);
        assert!(!page.contains(&secret), "{path}");
        assert!(!page.contains(&secret[30..50]), "{path}");
    }
    let page = owner.get("/tokens").await.expect(200);
    let mark = format!("pvr_scim_…{}", &secret[secret.len() - 4..]);
    for shown in [
        mark.as_str(),
        "Okta production",
        "acme",
        "okta",
        "person:owner@example.com",
        "in 365 days",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let audit = world.audit().await;
    assert_eq!(
        (
            audit[0].actor.as_str(),
            audit[0].action.as_str(),
            audit[0].object.as_str(),
            audit[0].tenant_key.as_deref()
        ),
        (
            "person:owner@example.com",
            "token.create",
            "tok_1",
            Some("acme")
        )
    );
    assert_eq!(audit[0].after["purpose"], "Okta production");
    assert!(!format!("{audit:?}").contains(&secret[30..50]));
}

#[tokio::test]
async fn a_wrong_form_comes_back_with_what_was_typed() {
    let world = World::new().await;
    world.tenant("acme").await;
    let mut owner = world.as_role(Role::Owner).await;
    owner.get("/tokens/new").await.expect(200);
    for (fields, says) in [
        (&[("purpose", "<b>x</b>")][..], "Choose at least one scope"),
        (
            &[("purpose", "<b>x</b>"), ("scope", "scim")],
            "Choose the tenant",
        ),
        (
            &[
                ("purpose", "<b>x</b>"),
                ("scope", "scim"),
                ("scope", "admin"),
                ("tenant", "acme"),
            ],
            "Make two",
        ),
        (
            &[("purpose", "<b>x</b>"), ("scope", "scim"), ("tenant", "-")],
            "belongs to a tenant",
        ),
        (
            &[
                ("purpose", "<b>x</b>"),
                ("scope", "scim"),
                ("tenant", "acme"),
                ("connection", "none"),
            ],
            "no connection",
        ),
        (
            &[
                ("purpose", "<b>x</b>"),
                ("scope", "scim"),
                ("tenant", "acme"),
                ("addresses", "nowhere"),
            ],
            "no network address",
        ),
    ] {
        let page = owner.post("/tokens/new", fields).await.expect(422);
        assert!(page.contains(says), "{says}: {page}");
        assert!(page.contains("&#60;b&#62;x&#60;/b&#62;"), "{page}");
    }
    let unknown = [("purpose", "x"), ("scope", "scim"), ("tenant", "nobody")];
    owner.post("/tokens/new", &unknown).await.expect(404);
}

#[tokio::test]
async fn filters_find_what_nobody_needs() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.token(&acme, "old and unused").await;
    world.pass(31 * DAY);
    world
        .token_until(&acme, "young", Some(crate::world::NOW + 100 * DAY))
        .await;
    let mut auditor = world.as_role(Role::Auditor).await;
    for (filter, shown) in [
        ("", ["old and unused", "young"].as_slice()),
        ("unused", &["old and unused"]),
        ("no-expiry", &["old and unused"]),
    ] {
        let page = auditor
            .get(&format!("/tokens?filter={filter}"))
            .await
            .expect(200);
        for purpose in ["old and unused", "young"] {
            assert_eq!(
                page.contains(purpose),
                shown.contains(&purpose),
                "{filter}: {purpose}"
            );
        }
        assert!(
            !page.contains("/revoke"),
            "an auditor changes nothing: {page}"
        );
    }
}

#[tokio::test]
async fn a_long_list_has_pages() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    for number in 0..51 {
        world.token(&acme, &format!("number {number}.")).await;
    }
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/tokens").await.expect(200);
    assert!(
        page.contains("number 50.") && !page.contains("number 0."),
        "the newest first"
    );
    let (_, rest) = page
        .split_once("href=\"/tokens?after=")
        .expect("a next page");
    let after = rest.split('"').next().unwrap();
    let page = owner
        .get(&format!("/tokens?after={after}"))
        .await
        .expect(200);
    assert!(
        page.contains("number 0.") && !page.contains("number 1."),
        "{page}"
    );
    assert!(page.contains("First page"), "{page}");
}

#[tokio::test]
async fn revoking_asks_first_and_counts_at_once() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.token(&acme, "Okta").await;
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/tokens/acme/tok_1/revoke").await.expect(200);
    assert!(page.contains("It was never used."), "{page}");
    assert_eq!(
        owner
            .post("/tokens/acme/tok_1/revoke", &[])
            .await
            .location(),
        "/tokens"
    );
    let page = owner.get("/tokens").await.expect(200);
    assert!(page.contains("is revoked. The next request"), "{page}");
    let page = owner.get("/tokens?filter=revoked").await.expect(200);
    assert!(page.contains("tag--err"), "{page}");
    assert_eq!(world.audit().await[0].action, "token.revoke");
}

#[tokio::test]
async fn people_of_one_tenant_know_nothing_of_another() {
    let world = World::new().await;
    let (acme, beta) = (world.tenant("acme").await, world.tenant("beta").await);
    world.token(&acme, "Okta of acme").await;
    world.token(&beta, "Okta of beta").await;
    let person = world
        .person("bo@example.com", Role::Operator, &[&beta])
        .await;
    let mut browser = world.signed_in(person).await;
    let page = browser.get("/tokens").await.expect(200);
    assert!(
        page.contains("Okta of beta") && !page.contains("acme"),
        "{page}"
    );
    let page = browser.get("/tokens/new").await.expect(200);
    assert!(
        !page.contains("acme") && !page.contains("operator's token"),
        "{page}"
    );
    for path in [
        "/tokens?tenant=acme",
        "/tokens/acme/tok_1/revoke",
        "/tokens/acme/tok_1/rotate",
        "/tokens/-/tok_1/revoke",
        "/live/tokens/acme/tok_1/tok_1",
    ] {
        let page = browser.get(path).await.expect(404);
        assert!(!page.contains("Okta of acme"), "{page}");
    }
    browser
        .post("/tokens/acme/tok_1/revoke", &[])
        .await
        .expect(404);
    let fields = [
        ("tenant", "acme"),
        ("purpose", "x"),
        ("scope", "directory:read"),
    ];
    browser.post("/tokens/new", &fields).await.expect(404);
    let fields = [
        ("tenant", "-"),
        ("purpose", "x"),
        ("scope", "directory:read"),
    ];
    browser.post("/tokens/new", &fields).await.expect(404);
}

#[tokio::test]
async fn the_old_address_leads_here() {
    let world = World::new().await;
    let mut owner = world.as_role(Role::Owner).await;
    assert_eq!(owner.get("/accounts/tokens/").await.location(), "/tokens");
}

#[tokio::test]
async fn a_rotation_waits_for_the_first_request() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.token(&acme, "Okta").await;
    let mut owner = world.as_role(Role::Owner).await;
    owner.get("/tokens/acme/tok_1/rotate").await.expect(200);
    let page = owner
        .post("/tokens/acme/tok_1/rotate", &[("expires", "90")])
        .await
        .expect(200);
    let token = secret(&page);
    assert!(
        page.contains("data-live=\"/live/tokens/acme/tok_1/tok_2\""),
        "{page}"
    );
    let waiting = owner
        .get("/tokens/acme/tok_1/rotate/tok_2")
        .await
        .expect(200);
    assert!(waiting.contains("Waiting for the new token"), "{waiting}");
    assert!(!waiting.contains(&token), "{waiting}");
    let mut events = owner.follow("/live/tokens/acme/tok_1/tok_2").await;
    let (name, html) = events.next().await.unwrap();
    assert_eq!(name, "fragment");
    assert!(html.contains("Waiting for the new token"), "{html}");
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str())];
    world
        .browser()
        .ask("GET", "/scim/v2/Users?count=1", &headers)
        .await;
    let (_, html) = events.next().await.unwrap();
    assert!(html.contains("made its first request"), "{html}");
    assert!(html.contains("data-said=\"The new token"), "{html}");
    assert!(html.contains("/tokens/acme/tok_1/revoke"), "{html}");
}
