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
    assert!(page.contains("<td class=\"r\">61</td>"), "{page}");
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
        page.contains(">Person 00</a>") && page.contains("and 56 more"),
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

#[tokio::test]
async fn who_came_and_went_is_told_by_name_on_both_sides() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let lena = world.user(&token, "lena@acme.com", "Lena Ortiz").await;
    let kim = world.user(&token, "kim@acme.com", "Kim Moss").await;
    let team = json!({ "displayName": "Support L2", "members": [{ "value": lena }] });
    let (_, team) = world.scim(&token, "POST", "Groups", &team).await;
    let team = team["id"].as_str().unwrap();
    let path = format!("Groups/{team}");
    let change = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [
            { "op": "remove", "path": format!("members[value eq \"{lena}\"]") },
            { "op": "add", "path": "members", "value": [{ "value": kim }] },
        ],
    });
    world.pass(1000);
    assert_eq!(world.scim(&token, "PATCH", &path, &change).await.0, 204);

    let mut owner = world.as_role(Role::Owner).await;
    let history = format!("/teams/acme/{team}?tab=history");
    let page = owner.get(&history).await.expect(200);
    for line in [
        format!("<span class=\"del\">- <a href=\"/users/acme/{lena}\">Lena Ortiz</a></span>"),
        format!("<span class=\"add\">+ <a href=\"/users/acme/{kim}\">Kim Moss</a></span>"),
    ] {
        assert!(page.contains(&line), "{line}: {page}");
    }
    let link = format!("<a href=\"/teams/acme/{team}\">Support L2</a>");
    let user = format!("/users/acme/{lena}");
    let page = owner.get(&user).await.expect(200);
    for told in ["Added to team", "Removed from team"] {
        let line = format!("<b>{told}</b> {link}");
        assert!(page.contains(&line), "{line}: {page}");
    }
    let page = owner.get(&format!("/users/acme/{kim}")).await.expect(200);
    assert!(
        page.contains("Added to team") && !page.contains("Removed from team"),
        "{page}"
    );
    // Who sees values masked sees no name of a user here either.
    let mut support = world.as_role(Role::Support).await;
    let page = support.get(&history).await.expect(200);
    assert!(
        page.contains("Support L2") && page.contains(&lena),
        "{page}"
    );
    assert!(!page.contains("Ortiz") && !page.contains("Moss"), "{page}");
    // A team that is gone is still told by its name, and has no page to lead to.
    let gone = world.scim(&token, "DELETE", &path, &Value::Null).await;
    assert_eq!(gone.0, 204);
    let page = owner.get(&user).await.expect(200);
    assert!(
        page.contains("<b>Removed from team</b> Support L2"),
        "{page}"
    );
    assert!(!page.contains(&format!("/teams/acme/{team}")), "{page}");
}
