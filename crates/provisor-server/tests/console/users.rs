//! `/users`: who sees whom, what is found, and what people do to users.

use provisor_store::Role;
use serde_json::{Value, json};

use crate::world::World;

fn patch(operations: Value) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    })
}

#[tokio::test]
async fn the_list_is_searched_filtered_and_kept_to_the_viewers_tenants() {
    let world = World::new().await;
    let (acme, beta) = (world.tenant("acme").await, world.tenant("beta").await);
    let (of_acme, _) = world.token(&acme, "Okta").await;
    let (of_beta, _) = world.token(&beta, "Okta").await;
    let lena = world.user(&of_acme, "lena@acme.com", "Lena Ortiz").await;
    let kim = world.user(&of_acme, "kim@acme.com", "Kim Moss").await;
    world.user(&of_beta, "bo@beta.com", "Bo Beta").await;
    let off = patch(json!([{ "op": "replace", "path": "active", "value": false }]));
    let path = format!("Users/{kim}");
    assert!(world.scim(&of_acme, "PATCH", &path, &off).await.0 < 300);

    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/users").await.expect(200);
    for name in ["Lena Ortiz", "Kim Moss", "Bo Beta"] {
        assert!(page.contains(name), "{page}");
    }
    for (query, found, missing) in [
        ("q=ortiz", "Lena Ortiz", "Kim Moss"),
        ("q=LENA@acme.com", "Lena Ortiz", "Bo Beta"),
        ("q=ext-bo@beta.com", "Bo Beta", "Kim Moss"),
        ("state=inactive", "Kim Moss", "Lena Ortiz"),
        ("state=active", "Lena Ortiz", "Kim Moss"),
        ("tenant=beta", "Bo Beta", "Lena Ortiz"),
    ] {
        let page = owner.get(&format!("/users?{query}")).await.expect(200);
        assert!(page.contains(found), "{query}: {page}");
        assert!(!page.contains(missing), "{query}: {page}");
    }
    // What takes something away is asked in another tone than what only gives.
    for (act, id, tone) in [
        ("delete", &lena, "problem--err"),
        ("deactivate", &lena, "problem--err"),
        ("reactivate", &kim, "btn--primary"),
    ] {
        let page = owner
            .get(&format!("/users/acme/{id}/{act}"))
            .await
            .expect(200);
        assert!(page.contains(tone), "{act}: {page}");
        assert_eq!(
            page.contains("btn--danger-filled"),
            tone == "problem--err",
            "{act}"
        );
    }
    let page = owner.get("/users?q=nobody%22+or+id").await.expect(200);
    assert!(page.contains("No user is like that"), "{page}");

    let ora = world
        .person("ora@example.com", Role::Operator, &[&beta])
        .await;
    let mut ora = world.signed_in(ora).await;
    let page = ora.get("/users").await.expect(200);
    assert!(page.contains("Bo Beta") && !page.contains("Lena"), "{page}");
    for path in [
        "/users?tenant=acme".to_owned(),
        format!("/users/acme/{lena}"),
        format!("/users/beta/{lena}"),
        format!("/users/acme/{lena}/deactivate"),
    ] {
        let page = ora.get(&path).await.expect(404);
        assert!(!page.contains("Lena"), "{path}: {page}");
    }
    ora.get("/users").await.expect(200);
    let path = format!("/users/acme/{lena}/delete");
    ora.get("/settings").await.expect(200);
    ora.post(&path, &[]).await.expect(404);
    assert_eq!(
        world
            .scim(&of_acme, "GET", &format!("Users/{lena}"), &Value::Null)
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn pages_go_on_over_tenants_and_end() {
    let world = World::new().await;
    for key in ["a", "b", "c"] {
        let tenant = world.tenant(key).await;
        let (token, _) = world.token(&tenant, "Okta").await;
        for number in 0..30 {
            let name = format!("{key}{number:02}@x.com");
            world
                .user(&token, &name, &format!("Name {key}{number:02}"))
                .await;
        }
    }
    let mut owner = world.as_role(Role::Owner).await;
    let (mut path, mut seen) = ("/users".to_owned(), Vec::new());
    loop {
        let page = owner.get(&path).await.expect(200);
        let names = page
            .split("<b>Name ")
            .skip(1)
            .map(|rest| rest[..3].to_owned());
        seen.extend(names);
        let Some((before, _)) = page.split_once("\" rel=\"next\"") else {
            break;
        };
        let link = before.rsplit_once("href=\"").unwrap().1;
        path = link.replace("&#38;", "&");
        assert!(seen.len() < 200, "{path}");
    }
    let expected: Vec<String> = ["a", "b", "c"]
        .iter()
        .flat_map(|key| (0..30).map(move |number| format!("{key}{number:02}")))
        .collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn support_sees_masked_values_and_finds_by_whole_names_alone() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let lena = world
        .user(&token, "lena.ortiz@acme.com", "Lena Ortiz")
        .await;
    let change = patch(json!([{ "op": "replace", "value": { "title": "Zebrakeeper" } }]));
    let path = format!("Users/{lena}");
    world.pass(1000);
    assert!(world.scim(&token, "PATCH", &path, &change).await.0 < 300);
    let group = json!({ "displayName": "Support", "members": [{ "value": lena }] });
    let (_, team) = world.scim(&token, "POST", "Groups", &group).await;
    let team = team["id"].as_str().unwrap();
    let again = json!({ "userName": "lena.ortiz@acme.com" });
    assert_eq!(world.scim(&token, "POST", "Users", &again).await.0, 409);

    let mut support = world.as_role(Role::Support).await;
    let base = format!("/users/acme/{lena}");
    for path in [
        "/users".to_owned(),
        base.clone(),
        format!("{base}?tab=attributes"),
        format!("{base}?tab=teams"),
        format!("{base}?tab=requests"),
        format!("{base}?tab=json"),
        format!("/teams/acme/{team}"),
        format!("/why?q={lena}"),
    ] {
        let page = support.get(&path).await.expect(200).to_lowercase();
        for personal in ["ortiz", "lena ", "zebra", "lena."] {
            assert!(!page.contains(personal), "{path} tells {personal}: {page}");
        }
    }
    let page = support.get(&base).await.expect(200);
    assert!(page.contains("l***@acme.com"), "{page}");
    assert!(!page.contains("/deactivate"), "{page}");
    // Parts of a name find nothing; the whole does.
    for (query, finds) in [
        ("lena", false),
        ("lena.ortiz@", false),
        ("Lena Ortiz", false),
        ("ext-lena.ortiz@acme.com", false),
        ("LENA.ortiz@acme.com", true),
    ] {
        for state in ["", "&state=active"] {
            let query = query.replace(' ', "+");
            let page = support
                .get(&format!("/users?q={query}{state}"))
                .await
                .expect(200);
            assert_eq!(page.contains(&base), finds, "{query}: {page}");
        }
    }
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get(&format!("{base}?tab=json")).await.expect(200);
    assert!(page.contains("Zebrakeeper"), "{page}");
    owner.get(&format!("{base}/delete")).await.expect(200);
    owner.post(&format!("{base}/delete"), &[]).await.location();
    for (query, finds) in [("lena", false), ("lena.ortiz@acme.com", true)] {
        let path = format!("/users?state=deleted&q={query}");
        let page = support.get(&path).await.expect(200);
        assert_eq!(page.contains(&base), finds, "{query}: {page}");
        let page = owner.get(&path).await.expect(200);
        assert!(page.contains("Lena Ortiz"), "{query}: {page}");
    }
}

#[tokio::test]
async fn the_page_tells_attributes_teams_requests_and_what_changed() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let lena = world.user(&token, "lena@acme.com", "Lena <b>Ortiz").await;
    let group = json!({ "displayName": "Support L2", "members": [{ "value": lena }] });
    world.scim(&token, "POST", "Groups", &group).await;
    world.pass(1000);
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let change = patch(
        json!([{ "op": "replace", "value": { "title": "Lead", urn: { "department": "Sales" } } }]),
    );
    let path = format!("Users/{lena}");
    assert!(world.scim(&token, "PATCH", &path, &change).await.0 < 300);
    let mut owner = world.as_role(Role::Owner).await;
    let base = format!("/users/acme/{lena}");
    let page = owner.get(&base).await.expect(200);
    for told in [
        "is in the directory and active since",
        "Path of the last change",
        "+ title: &#34;Lead&#34;",
        "user.updated (event",
        "patch through connection &#34;okta&#34;",
        "Lena &#60;b&#62;Ortiz",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    for (tab, told) in [
        ("attributes", "lena@acme.com (work, primary)"),
        (
            "attributes",
            "<dt class=\"mono\">department</dt><dd>Sales</dd>",
        ),
        ("teams", "Support L2"),
        ("requests", "req_"),
        ("json", "&#34;userName&#34;: &#34;lena@acme.com&#34;"),
        ("json", "data-copy=\"json\""),
    ] {
        let page = owner.get(&format!("{base}?tab={tab}")).await.expect(200);
        assert!(page.contains(told), "{tab} {told}: {page}");
    }
    for path in ["/users/acme/nonsense", "/users/nobody/x"] {
        owner.get(path).await.expect(404);
    }
}

#[tokio::test]
async fn what_people_do_is_done_through_the_one_door_and_audited() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let lena = world.user(&token, "lena@acme.com", "Lena Ortiz").await;
    let mut owner = world.as_role(Role::Owner).await;
    let base = format!("/users/acme/{lena}");
    for (act, told, audited, status) in [
        ("deactivate", "inactive", "resource.change", 200),
        ("reactivate", "Active", "resource.change", 200),
        ("delete", "It can still be restored", "resource.delete", 404),
        ("restore", "The user is back", "resource.restore", 200),
    ] {
        world.pass(1000);
        let path = format!("{base}/{act}");
        let page = owner.get(&path).await.expect(200);
        assert!(page.contains("lena@acme.com"), "{page}");
        assert_eq!(owner.post(&path, &[]).await.location(), base, "{act}");
        let page = owner.get(&base).await.expect(200);
        assert!(page.contains(told), "{act}: {page}");
        let audit = world.audit().await;
        assert_eq!(audit[0].action, audited, "{act}");
        assert!(audit[0].object.contains(&lena), "{act}: {:?}", audit[0]);
        // The sync log does not have it, so nothing leads there.
        let link = format!("/log/{}", audit[0].request);
        assert!(!page.contains(&link), "{act}: {page}");
        assert!(page.contains("/log/req_"), "{act}: {page}");
        let read = world
            .scim(&token, "GET", &format!("Users/{lena}"), &Value::Null)
            .await;
        assert_eq!(read.0, status, "{act}");
    }
    // What does not suit the state is refused, and nothing is done.
    owner.get(&format!("{base}/restore")).await.expect(409);
    owner.get(&format!("{base}/promote")).await.expect(404);
    owner.get(&format!("{base}/link")).await.expect(409);
    for role in [Role::Support, Role::Auditor] {
        let mut other = world.as_role(role).await;
        other.get("/settings").await.expect(200);
        other.post(&format!("{base}/delete"), &[]).await.expect(403);
    }
}

#[tokio::test]
async fn a_restore_that_is_refused_says_why() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let lena = world.user(&token, "lena@acme.com", "Lena Ortiz").await;
    world
        .scim(&token, "DELETE", &format!("Users/{lena}"), &Value::Null)
        .await;
    world.user(&token, "lena@acme.com", "Another Lena").await;
    let mut owner = world.as_role(Role::Owner).await;
    let path = format!("/users/acme/{lena}/restore");
    owner.get(&path).await.expect(200);
    owner.post(&path, &[]).await.location();
    let page = owner.get(&format!("/users/acme/{lena}")).await.expect(200);
    assert!(page.contains("Nothing was changed:"), "{page}");
}

#[tokio::test]
async fn an_erasure_asks_for_the_name_and_leaves_nothing_in_directory_and_log() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let lena = world.user(&token, "lena@acme.com", "Lena Ortiz").await;
    world.scim(&token, "GET", "Users", &Value::Null).await;
    let mut owner = world.as_role(Role::Owner).await;
    let base = format!("/users/acme/{lena}");
    let path = format!("{base}/erase");
    owner.get(&path).await.expect(200);
    for wrong in ["", "kim@acme.com"] {
        let page = owner.post(&path, &[("typed", wrong)]).await.expect(422);
        assert!(page.contains("Nothing was changed"), "{page}");
    }
    owner.get(&base).await.expect(200);
    owner.get(&path).await.expect(200);
    let typed = [("typed", "lena@acme.com")];
    assert_eq!(owner.post(&path, &typed).await.location(), "/users");
    let page = owner.get("/users").await.expect(200);
    assert!(page.contains("The user is erased. 2 entries"), "{page}");
    assert!(page.contains("Receipt: evt_"), "{page}");
    owner.get(&base).await.expect(404);
    world.log.flush();
    let all = world.log.reader().entries(&provisor_store::log::LogFilter {
        bodies: true,
        ..provisor_store::log::LogFilter::default()
    });
    let all = format!("{:?}", all.unwrap());
    assert!(!all.contains("lena"), "{all}");
    assert_eq!(
        world.log.reader().seen(acme.id, "lena@acme.com").unwrap(),
        None
    );
    assert_eq!(world.audit().await[0].action, "user.erase");
    let mut snapshot = provisor_store::Store::read(&world.store).await.unwrap();
    let (events, _) = snapshot.events(acme.id, 0, 100).await.unwrap();
    assert!(!format!("{events:?}").contains("lena"), "{events:?}");
}

#[tokio::test]
async fn a_rehire_is_linked_to_the_user_there_was() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let kim = world.user(&token, "kim@acme.com", "Kim Moss").await;
    let mut owner = world.as_role(Role::Owner).await;
    let base = format!("/users/acme/{kim}");
    let off = patch(json!([{ "op": "replace", "path": "active", "value": false }]));
    world.pass(1000);
    world
        .scim(&token, "PATCH", &format!("Users/{kim}"), &off)
        .await;
    let page = owner.get(&base).await.expect(200);
    assert!(!page.contains("Link and reactivate"), "{page}");
    world.pass(1000);
    let again = json!({ "userName": "kim@acme.com", "externalId": "new-kim", "active": true });
    let (status, refusal) = world.scim(&token, "POST", "Users", &again).await;
    assert_eq!(status, 409, "{refusal}");
    let page = owner.get(&base).await.expect(200);
    assert!(page.contains("Link and reactivate"), "{page}");
    assert!(page.contains("reactivation_conflict"), "{page}");
    let page = owner.get(&format!("{base}/link")).await.expect(200);
    assert!(page.contains("Its externalId becomes “new-kim”"), "{page}");
    world.pass(1000);
    assert_eq!(
        owner.post(&format!("{base}/link"), &[]).await.location(),
        base
    );
    let read = world
        .scim(&token, "GET", &format!("Users/{kim}"), &Value::Null)
        .await;
    assert_eq!(read.1["active"], true, "{}", read.1);
    assert_eq!(read.1["externalId"], "new-kim", "{}", read.1);
    let page = owner.get(&base).await.expect(200);
    assert!(!page.contains("Link and reactivate"), "{page}");
    owner.get(&format!("{base}/link")).await.expect(409);
}
