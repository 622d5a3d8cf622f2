//! `/audit`: list, filters, files, within the viewer's tenants.

use provisor_store::Role;

use crate::world::{DAY, World};

const NEW: [(&str, &str); 4] = [
    ("tenant", "acme"),
    ("purpose", "=cmd|' /C calc'!A0"),
    ("scope", "scim"),
    ("expires", "365"),
];

#[tokio::test]
async fn what_was_done_is_listed_and_found() {
    let world = World::new().await;
    world.tenant("acme").await;
    world.pass(2 * DAY);
    let mut owner = world.as_role(Role::Owner).await;
    owner.get("/tokens/new").await.expect(200);
    owner.post("/tokens/new", &NEW).await.expect(200);
    let page = owner.get("/audit").await.expect(200);
    for shown in [
        "person:owner@example.com",
        "token.create",
        "tok_1",
        "tenant.create",
        "2 days ago",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    for (query, has_token, has_tenant) in [
        ("action=token.", true, false),
        ("last=24h", true, false),
        ("actor=system", false, true),
        ("actor=person%3Aowner%40example.com", true, false),
        ("object=tok_1", true, false),
        ("until=2026-11-24T00:00:00Z", false, true),
        ("since=2026-11-24T00:00:00Z", true, false),
        ("since=2026-11-24T00:00:00Z&last=30d", true, false),
        (
            "since=2026-11-23T00:00:00Z&until=2026-11-26T00:00:00Z",
            true,
            true,
        ),
        ("tenant=acme&action=tenant.", false, true),
    ] {
        let page = owner.get(&format!("/audit?{query}")).await.expect(200);
        assert_eq!(page.contains("token.create<"), has_token, "{query}: {page}");
        assert_eq!(
            page.contains("tenant.create<"),
            has_tenant,
            "{query}: {page}"
        );
    }
    owner.get("/audit?tenant=nobody").await.expect(404);
    owner.get("/audit?last=1y").await.expect(400);
    owner.get("/audit?until=yesterday").await.expect(400);
    owner.get("/audit?after=x").await.expect(400);
    owner.get("/audit/export?last=1y").await.expect(400);
    let page = owner.get("/audit?action=export.").await.expect(200);
    assert!(!page.contains("export.begin<"), "nothing was begun: {page}");
    let page = owner.get("/audit?actor=nobody").await.expect(200);
    assert!(page.contains("No entry is like that"), "{page}");
}

#[tokio::test]
async fn pages_follow_and_files_have_all() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    for number in 0..60 {
        world.token(&acme, &format!("=formula {number}")).await;
    }
    let mut auditor = world.as_role(Role::Auditor).await;
    let page = auditor.get("/audit?action=token.").await.expect(200);
    assert_eq!(page.matches("token.create<").count(), 50, "{page}");
    let (_, rest) = page.split_once("class=\"pager\"").unwrap();
    let next = rest
        .split("href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let next = next.replace("&#38;", "&");
    let page = auditor.get(&next).await.expect(200);
    assert_eq!(page.matches("token.create<").count(), 10, "{page}");
    let lines = auditor.get("/audit/export?action=token.").await.expect(200);
    assert_eq!(lines.lines().count(), 60);
    let first: scim::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["action"], "token.create");
    let csv = auditor.get("/audit/export?action=token.&format=csv").await;
    assert!(
        csv.header("content-disposition")
            .contains("provisor-audit.csv")
    );
    let csv = csv.expect(200);
    assert!(csv.starts_with("number,at,actor,"), "{csv}");
    assert_eq!(csv.lines().count(), 61);
}

#[tokio::test]
async fn tenants_are_apart_and_support_sees_none() {
    let world = World::new().await;
    let (acme, beta) = (world.tenant("acme").await, world.tenant("beta").await);
    world.token(&acme, "Okta of acme").await;
    let person = world
        .person("bo@example.com", Role::Auditor, &[&beta])
        .await;
    let mut of_beta = world.signed_in(person).await;
    for path in ["/audit", "/audit/export", "/audit/export?format=csv"] {
        let page = of_beta.get(path).await.expect(200);
        assert!(page.contains("tenant.create"), "{page}");
        assert!(
            !page.contains("acme") && !page.contains("session.open"),
            "{page}"
        );
    }
    of_beta.get("/audit?tenant=acme").await.expect(404);
    let mut support = world.as_role(Role::Support).await;
    support.get("/audit").await.expect(403);
    support.get("/audit/export").await.expect(403);
}
