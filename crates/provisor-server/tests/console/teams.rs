//! `/teams`: teams, their members page by page, and their history.

use provisor_store::Role;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_team_shows_members_nested_teams_history_and_requests() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let mut members = Vec::new();
    for number in 0..60 {
        let name = format!("u{number:02}@acme.com");
        let id = world
            .user(&token, &name, &format!("Person {number:02}"))
            .await;
        members.push(json!({ "value": id }));
    }
    let inner = json!({ "displayName": "Night shift" });
    let (_, inner) = world.scim(&token, "POST", "Groups", &inner).await;
    members.push(json!({ "value": inner["id"] }));
    let team = json!({ "displayName": "Support L2", "externalId": "00g1", "members": members });
    let (status, team) = world.scim(&token, "POST", "Groups", &team).await;
    assert_eq!(status, 201, "{team}");
    let id = team["id"].as_str().unwrap();

    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/teams?q=support").await.expect(200);
    assert!(
        page.contains("Support L2") && page.contains("00g1"),
        "{page}"
    );
    assert!(!page.contains("Night shift"), "{page}");
    let base = format!("/teams/acme/{id}");
    let page = owner.get(&base).await.expect(200);
    assert!(
        page.contains("Person 00") && !page.contains("Person 59"),
        "{page}"
    );
    let (before, _) = page.split_once("\" rel=\"next\"").unwrap();
    let next = before.rsplit_once("href=\"").unwrap().1;
    let page = owner.get(next).await.expect(200);
    assert!(
        page.contains("Person 59") && !page.contains("Person 00"),
        "{page}"
    );
    assert!(
        page.contains("Night shift") && page.contains(">team<"),
        "{page}"
    );
    let page = owner.get(&format!("{base}?tab=history")).await.expect(200);
    assert!(
        page.contains("+ member ") && page.contains("and 56 more"),
        "{page}"
    );
    let page = owner.get(&format!("{base}?tab=requests")).await.expect(200);
    assert!(page.contains("req_"), "{page}");
    let page = owner.get(&format!("{base}?tab=json")).await.expect(200);
    assert!(page.contains("Support L2"), "{page}");
    // A team's id where a user is looked for leads to the team.
    let to = owner.get(&format!("/users/acme/{id}")).await.location();
    assert_eq!(to, base);
}

#[tokio::test]
async fn teams_of_other_tenants_are_unknown() {
    let world = World::new().await;
    let (acme, beta) = (world.tenant("acme").await, world.tenant("beta").await);
    let (token, _) = world.token(&acme, "Okta").await;
    let team = json!({ "displayName": "Secret project" });
    let (_, team) = world.scim(&token, "POST", "Groups", &team).await;
    let id = team["id"].as_str().unwrap();
    let person = world
        .person("ora@example.com", Role::Operator, &[&beta])
        .await;
    let mut ora = world.signed_in(person).await;
    let page = ora.get("/teams").await.expect(200);
    assert!(!page.contains("Secret"), "{page}");
    ora.get(&format!("/teams/acme/{id}")).await.expect(404);
    ora.get(&format!("/teams/beta/{id}")).await.expect(404);
    let gone = world
        .scim(&token, "DELETE", &format!("Groups/{id}"), &Value::Null)
        .await;
    assert_eq!(gone.0, 204);
    let mut owner = world.as_role(Role::Owner).await;
    owner.get(&format!("/teams/acme/{id}")).await.expect(404);
}
