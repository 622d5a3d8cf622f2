//! `/tenants/{key}/users` and `/tenants/{key}/teams`.

use serde_json::{Value, json};

use crate::world::World;

async fn walk(world: &World, path: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut at = path.to_owned();
    loop {
        let page = world.get(&world.operator, &at).await.expect(200);
        found.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else {
            return found;
        };
        assert!(!page["data"].as_array().unwrap().is_empty());
        at = format!("{path}&after={next}");
    }
}

#[tokio::test]
async fn a_user_is_shown_as_the_app_sees_it() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let id = world.user(acme, "lena").await;
    let shown = world
        .get(&world.operator, &format!("/tenants/acme/users/{id}"))
        .await
        .expect(200);
    let expected = json!({
        "id": id,
        "user_name": "lena",
        "external_id": "00u-lena",
        "email": "lena@acme.example",
        "display_name": "Person lena",
        "given_name": "Lena",
        "family_name": "Ortiz",
        "active": true,
        "app_id": null,
        "created": "2026-11-23T10:42:05.114Z",
        "updated": "2026-11-23T10:42:05.114Z",
        "version": 1
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(shown[name], *value, "{name}");
    }
    assert_eq!(shown["attributes"]["emails"][0]["type"], "home");
    assert!(shown["attributes"].get("id").is_none());

    let id = world
        .create(acme, "User", json!({ "userName": "bare" }))
        .await;
    let bare = world
        .get(&world.operator, &format!("/tenants/acme/users/{id}"))
        .await
        .expect(200);
    for name in [
        "external_id",
        "email",
        "display_name",
        "given_name",
        "family_name",
        "app_id",
    ] {
        assert_eq!(bare[name], Value::Null, "{name}");
    }
    assert_eq!(bare["active"], true);
}

#[tokio::test]
async fn users_are_found_by_what_is_indexed_and_only_by_it() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let globex = world.tenant("globex").await;
    let lena = world.user(acme, "lena").await;
    world.user(acme, "max").await;
    world.user(globex, "lena").await;
    let quoted = world
        .create(acme, "User", json!({ "userName": "a\"b\\c" }))
        .await;
    for (query, expected) in [
        ("email=LENA@acme.example", vec![&lena]),
        ("email=lena@home.example", vec![&lena]),
        ("user_name=Lena", vec![&lena]),
        ("external_id=00u-lena", vec![&lena]),
        ("external_id=00U-lena", vec![]),
        ("user_name=lena&email=lena@acme.example", vec![&lena]),
        ("user_name=max&email=lena@acme.example", vec![]),
        ("user_name=a%22b%5Cc", vec![&quoted]),
        (
            "user_name=x%22%20or%20userName%20pr%20or%20userName%20eq%20%22x",
            vec![],
        ),
        ("user_name=", vec![]),
    ] {
        let page = world
            .get(&world.operator, &format!("/tenants/acme/users?{query}"))
            .await;
        let page = page.expect(200);
        let ids: Vec<_> = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|u| &u["id"])
            .collect();
        assert_eq!(ids, expected, "{query}");
    }
}

#[tokio::test]
async fn pages_cover_every_user_once_in_order_of_creation() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let mut created = Vec::new();
    for n in 0..23 {
        created.push(json!(world.user(acme, &format!("user{n}")).await));
    }
    for limit in [1, 5, 23, 100] {
        let found = walk(&world, &format!("/tenants/acme/users?limit={limit}")).await;
        let ids: Vec<_> = found.into_iter().map(|user| user["id"].clone()).collect();
        assert_eq!(ids, created, "limit {limit}");
    }
}

#[tokio::test]
async fn a_page_stays_bounded_however_large_the_users_are() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let title = "x".repeat(900 << 10);
    for n in 0..12 {
        let body = json!({ "userName": format!("user{n}"), "title": title });
        world.create(acme, "User", body).await;
    }
    let page = world
        .get(&world.operator, "/tenants/acme/users")
        .await
        .expect(200);
    let count = page["data"].as_array().unwrap().len();
    assert!((2..12).contains(&count), "{count}");
    assert_eq!(
        walk(&world, "/tenants/acme/users?limit=100").await.len(),
        12
    );
}

#[tokio::test]
async fn teams_their_members_and_a_users_teams() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let mut people = Vec::new();
    for n in 0..7 {
        people.push(world.user(acme, &format!("user{n}")).await);
    }
    let support = world.team(acme, "Support", &people).await;
    let all = world
        .team(acme, "Everybody", std::slice::from_ref(&support))
        .await;

    let team = world
        .get(&world.operator, &format!("/tenants/acme/teams/{support}"))
        .await;
    let team = team.expect(200);
    assert_eq!(team["display_name"], "Support");
    assert_eq!(team["attributes"].get("members"), None);

    let members = walk(
        &world,
        &format!("/tenants/acme/teams/{support}/members?limit=3"),
    )
    .await;
    let ids: Vec<_> = members
        .iter()
        .map(|member| member["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, people);
    assert_eq!(
        members[0],
        json!({ "id": people[0], "type": "user", "display": "Person user0" })
    );
    let members = walk(
        &world,
        &format!("/tenants/acme/teams/{all}/members?limit=3"),
    )
    .await;
    assert_eq!(
        members,
        [json!({ "id": support, "type": "team", "display": "Support" })]
    );

    let path = format!("/tenants/acme/users/{}/teams", people[0]);
    let teams = world.get(&world.operator, &path).await.expect(200);
    assert_eq!(
        teams,
        json!({ "data": [
            { "id": support, "display_name": "Support", "direct": true },
            { "id": all, "display_name": "Everybody", "direct": false },
        ], "next": null })
    );
    let found = walk(&world, "/tenants/acme/teams?display_name=support").await;
    assert_eq!(found, [team]);
}

#[tokio::test]
async fn a_user_is_no_team_and_odd_ids_are_nobody() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let user = world.user(acme, "lena").await;
    let team = world.team(acme, "Support", &[]).await;
    let upper = user.to_uppercase();
    for path in [
        format!("users/{team}"),
        format!("users/{team}/teams"),
        format!("teams/{user}"),
        format!("teams/{user}/members"),
        format!("users/{upper}"),
        "users/lena".into(),
        "teams/%00/members".into(),
        "users/..%2F..%2Ftokens".into(),
    ] {
        let path = format!("/tenants/acme/{path}");
        world
            .get(&world.operator, &path)
            .await
            .refused(404, "not_found");
    }
}
