//! `/`: the overview, of what the viewer sees.

use provisor_store::Role;

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
    assert!(page.contains("<dt>Tenants</dt><dd>2</dd>"), "{page}");
    assert!(page.contains("“Okta of acme” of acme expires"), "{page}");
    assert!(page.contains("in 6 days"), "{page}");
    assert!(!page.contains("Okta of beta"), "{page}");
    assert!(page.contains("Nobody has arrived yet"), "{page}");
    let of_beta = world
        .person("bo@example.com", Role::Operator, &[&beta])
        .await;
    let page = world.signed_in(of_beta).await.get("/").await.expect(200);
    assert!(page.contains("<dt>Tenants</dt><dd>1</dd>"), "{page}");
    assert!(!page.contains("acme"), "{page}");
}
