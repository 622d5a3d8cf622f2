//! `/Groups` and `/Groups/{id}`.

use serde_json::json;

use crate::house::{House, team};

#[tokio::test]
async fn a_team_is_patched_with_204_and_its_tag() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let (lena, max) = (client.user("lena").await, client.user("max").await);
    let id = client.team("Support", &[&lena]).await;
    let path = format!("/Groups/{id}");
    let before = client.get(&path).await;
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": max }] }]);
    let patched = client.patch(&path, add.clone()).await;
    // PAT-008, ETAG-009
    assert_eq!((patched.status, patched.bytes.len()), (204, 0));
    assert_ne!(patched.etag(), before.etag());
    let after = client.get(&path).await;
    assert_eq!(after.etag(), patched.etag());
    assert_eq!(after.json()["members"].as_array().unwrap().len(), 2);
    assert_eq!(
        client.patch(&path, add.clone()).await.etag(),
        patched.etag()
    );
    // PAT-009, PAT-010
    let shown = client
        .patch(&format!("{path}?attributes=displayName"), add.clone())
        .await
        .expect(200);
    assert_eq!(shown["displayName"], "Support");
    assert!(shown.get("members").is_none());
    let shown = client
        .patch(&format!("{path}?excludedAttributes=displayName"), add)
        .await
        .expect(200);
    assert_eq!(shown["members"].as_array().unwrap().len(), 2);
    assert!(shown.get("displayName").is_none());
    // GRP-008
    let user = client.get(&format!("/Users/{max}")).await.expect(200);
    assert_eq!(user["groups"][0]["value"], id);
    assert_eq!(user["groups"][0]["display"], "Support");
    assert_eq!(
        user["groups"][0]["$ref"],
        format!("http://scim.test/scim/v2/Groups/{id}")
    );
}

#[tokio::test]
async fn a_put_replaces_the_members_and_writes_only_the_difference() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let mut users = Vec::new();
    for number in 0..20 {
        users.push(client.user(&format!("user{number}")).await);
    }
    let all: Vec<&str> = users.iter().map(String::as_str).collect();
    let id = client.team("Support", &all[..19]).await;
    let path = format!("/Groups/{id}");
    let replaced = client.put(&path, team("Support", &all[1..])).await;
    let members = replaced.expect(200)["members"].clone();
    assert_eq!(members.as_array().unwrap().len(), 19);
    // PUT-014
    // One event tells of the two that differ.
    let (first, last) = house.logged(&replaced).entry.events.unwrap();
    assert_eq!(first, last);
    let again = client.put(&path, team("Support", &all[1..])).await;
    assert_eq!(house.logged(&again).entry.events, None);
    assert_eq!(again.etag(), replaced.etag());
    // PUT-013, ATTR-001
    let small = client
        .put(
            &format!("{path}?attributes=displayName"),
            team("Support", &all),
        )
        .await
        .expect(200);
    assert!(small.get("members").is_none());
}

#[tokio::test]
async fn a_member_nobody_knows_is_refused_by_name() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let (_, other) = house.tenant("other").await;
    let foreign = other.user("lena").await;
    let id = client.team("Support", &[]).await;
    let path = format!("/Groups/{id}");
    for unknown in [
        foreign.as_str(),
        "0197ffff-ffff-7fff-bfff-ffffffffffff",
        "x",
    ] {
        let add = json!([{ "op": "add", "path": "members", "value": [{ "value": unknown }] }]);
        // ADD-012, TEN-005
        for reply in [
            client.post("/Groups", team("Other", &[unknown])).await,
            client.put(&path, team("Support", &[unknown])).await,
            client.patch(&path, add).await,
        ] {
            let detail = reply.refused(400, "invalidValue");
            assert!(detail.contains(unknown), "{detail}");
            assert_eq!(house.cause(&reply), "unknown_member");
        }
    }
    assert_eq!(client.ids("/Groups").await, [id]);
}

#[tokio::test]
async fn with_the_okta_profile_a_put_leaves_unknown_members_out_and_says_so() {
    let house = House::new().await;
    let (_, client) = house.profile("acme", "okta").await;
    let lena = client.user("lena").await;
    let id = client.team("Support", &[]).await;
    let unknown = "0197ffff-ffff-7fff-bfff-ffffffffffff";
    let reply = client
        .put(&format!("/Groups/{id}"), team("Support", &[&lena, unknown]))
        .await;
    let members = reply.expect(200)["members"].clone();
    assert_eq!(members.as_array().unwrap().len(), 1);
    let entry = house.logged(&reply).entry;
    let note = entry
        .fired
        .notes
        .iter()
        .find(|(rule, _)| rule.as_str() == "drop_unknown_members");
    assert!(note.unwrap().1.contains(unknown));
    let (first, _) = entry.events.unwrap();
    assert!(first > 0);
}

#[tokio::test]
async fn who_leaves_leaves_every_team_and_a_team_that_goes_leaves_every_user() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let (lena, max) = (client.user("lena").await, client.user("max").await);
    let inner = client.team("Inner", &[&lena, &max]).await;
    let outer = client.team("Outer", &[&inner]).await;
    // GRP-004, USR-011
    let user = client.get(&format!("/Users/{lena}")).await.expect(200);
    let groups = user["groups"].as_array().unwrap();
    let kind = |id: &str| {
        let found = groups.iter().find(|group| group["value"] == id);
        found.unwrap()["type"].clone()
    };
    assert_eq!(
        (kind(&inner), kind(&outer)),
        (json!("direct"), json!("indirect"))
    );
    let members = client.get(&format!("/Groups/{outer}")).await.expect(200)["members"].clone();
    assert_eq!(members[0]["type"], "Group");
    // DEL-006
    client.delete(&format!("/Users/{lena}")).await.expect(204);
    let members = client.get(&format!("/Groups/{inner}")).await.expect(200)["members"].clone();
    assert_eq!(members.as_array().unwrap().len(), 1);
    client.delete(&format!("/Groups/{inner}")).await.expect(204);
    let user = client.get(&format!("/Users/{max}")).await.expect(200);
    assert!(user.get("groups").is_none());
    let outer = client.get(&format!("/Groups/{outer}")).await.expect(200);
    assert!(outer.get("members").is_none());
}

#[tokio::test]
async fn two_teams_may_share_a_name_unless_the_connection_forbids_it() {
    use provisor_store::change::ConnectionSettings;
    let house = House::new().await;
    let (tenant, client) = house.tenant("acme").await;
    let first = client.team("Support", &[]).await;
    // GRP-006
    let second = client.team("Support", &[]).await;
    client
        .delete(&format!("/Groups/{second}"))
        .await
        .expect(204);
    let unique = ConnectionSettings {
        unique_team_names: Some(true),
        ..ConnectionSettings::default()
    };
    house.set(&tenant, unique).await;
    let refused = client.post("/Groups", team("support", &[])).await;
    let detail = refused.refused(409, "uniqueness");
    assert!(
        detail.contains(&first) || detail.contains("upport"),
        "{detail}"
    );
}

#[tokio::test]
async fn sixty_four_clients_lose_no_member() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let team = client.team("Support", &[]).await;
    let writers = (0..64).map(|number| {
        let (client, path) = (client.clone(), format!("/Groups/{team}"));
        tokio::spawn(async move {
            for turn in 0..2 {
                let id = client.user(&format!("user{number}-{turn}")).await;
                let add = json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
                client.patch(&path, add).await.expect(204);
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let members = client.get(&format!("/Groups/{team}")).await.expect(200)["members"].clone();
    assert_eq!(members.as_array().unwrap().len(), 128);
}
