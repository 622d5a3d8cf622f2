//! `/`: the overview, of what the viewer sees.

use provisor_store::{
    Cause, ConnectionId, RequestId, Role, Tenant,
    log::{Entry, Operation},
};

use crate::world::{DAY, NOW, World};

#[tokio::test]
async fn it_counts_and_warns_within_the_viewers_tenants() {
    let world = World::new().await;
    let (acme, beta) = (world.tenant("acme").await, world.tenant("beta").await);
    world
        .token_until(&acme, "Okta of acme", Some(NOW + 6 * DAY))
        .await;
    world
        .token_until(&beta, "Okta of beta", Some(NOW + 40 * DAY))
        .await;
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/").await.expect(200);
    assert!(
        page.contains("<dt>Tenants</dt><dd>2<small>2 connections</small></dd>"),
        "{page}"
    );
    assert!(page.contains("“Okta of acme” of acme expires"), "{page}");
    assert!(page.contains("in 6 days"), "{page}");
    assert!(!page.contains("Okta of beta"), "{page}");
    assert!(page.contains("Nobody has arrived yet"), "{page}");
    let of_beta = world
        .person("bo@example.com", Role::Operator, &[&beta])
        .await;
    let page = world.signed_in(of_beta).await.get("/").await.expect(200);
    assert!(page.contains("<dt>Tenants</dt><dd>1<small>"), "{page}");
    assert!(!page.contains("acme"), "{page}");
    // Who expired locks somebody out: it is told for a week.
    for (days, is_told) in [(7, true), (7, false)] {
        world.pass(days * DAY);
        let email = format!("{is_told}@example.com");
        let person = world.person(&email, Role::Owner, &[]).await;
        let page = world.signed_in(person).await.get("/").await.expect(200);
        assert_eq!(
            page.contains("“Okta of acme” of acme expired"),
            is_told,
            "{page}"
        );
    }
}

#[tokio::test]
async fn requests_and_refusals_are_told_within_the_viewers_tenants() {
    let world = World::new().await;
    let (acme, beta) = (world.tenant("acme").await, world.tenant("beta").await);
    let refused = |tenant: Option<&Tenant>, cause| Entry {
        tenant: tenant.map(|tenant| tenant.id),
        connection: tenant.map(|_| ConnectionId(1)),
        cause: Some(cause),
        ..Entry::new(RequestId::random(), NOW, Operation::Create, 409)
    };
    for _ in 0..3 {
        world.log.record(Entry {
            duration_us: 700,
            ..refused(Some(&acme), Cause::Uniqueness)
        });
    }
    world.log.record(refused(None, Cause::TokenUnknown));
    world.log.record(Entry {
        status: 201,
        cause: None,
        duration_us: 9_000,
        ..refused(Some(&beta), Cause::Uniqueness)
    });
    world.log.flush();
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/").await.expect(200);
    for shown in [
        "acme: 3 refused in the last hour (uniqueness)",
        "No tenant: 1 refused in the last hour (token_unknown)",
        "/log?last=1h&#38;cause=uniqueness&#38;tenant=acme",
        "<dt>Requests, 24 h</dt><dd>5<small>20.0 % succeeded</small>",
        "5 requests in 24 hours, 4 of them refused",
        "<dt>Answered within, 24 h</dt><dd>0.8 / 13 ms<small>",
        "okta is failing",
        "Healthy",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let person = world
        .person("bo@example.com", Role::Support, &[&beta])
        .await;
    let page = world.signed_in(person).await.get("/").await.expect(200);
    assert!(page.contains("<dd>1<small>100.0 % succeeded"), "{page}");
    for hidden in ["acme", "uniqueness", "token_unknown", "failing"] {
        assert!(!page.contains(hidden), "{hidden}: {page}");
    }
}
