//! `/api`: the documentation, from the description of the API.

use provisor_store::Role;

use crate::world::World;

#[tokio::test]
async fn every_noun_has_a_page_with_its_operations() {
    let world = World::new().await;
    let mut support = world.as_role(Role::Support).await;
    let page = support.get("/api").await.expect(200);
    assert!(page.contains("/tenants/{key}/log/{request}"), "{page}");
    let mut nouns = Vec::new();
    for part in page.split("<h2><a href=\"/api/").skip(1) {
        nouns.push(part.split('"').next().unwrap().to_owned());
    }
    assert!(nouns.len() >= 8, "{nouns:?}");
    for noun in &nouns {
        let page = support.get(&format!("/api/{noun}")).await.expect(200);
        assert!(page.contains("curl "), "{noun}");
        assert!(page.contains("<h3>Answers</h3>"), "{noun}");
    }
    let page = support.get("/api/tokens").await.expect(200);
    for shown in [
        "POST</b> /api/v1/tenants/{key}/tokens",
        "NewToken",
        "purpose",
        "scopes",
        "201",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    support.get("/api/nothing").await.expect(404);
}
