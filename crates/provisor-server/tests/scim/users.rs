//! `/Users` and `/Users/{id}`: what HTTP adds to the engine's rules.

use provisor_store::{Identifier, change::ConnectionSettings};
use serde_json::json;

use crate::house::{House, user};

const UNKNOWN: &str = "/Users/0197ffff-ffff-7fff-bfff-ffffffffffff";

#[tokio::test]
async fn a_user_from_creation_to_deletion() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let created = client.post("/Users", user("lena")).await;
    // POST-001, POST-003
    let body = created.expect(201);
    let id = body["id"].as_str().unwrap().to_owned();
    let path = format!("/Users/{id}");
    let location = format!("http://scim.test/scim/v2{path}");
    // POST-002, POST-004, POST-006, DISC-006
    assert_eq!(created.header("location"), Some(location.as_str()));
    assert_eq!(body["meta"]["location"], location);
    assert_eq!(body["meta"]["resourceType"], "User");
    assert_eq!(body["meta"]["created"], body["meta"]["lastModified"]);
    // POST-025, ETAG-002, ETAG-003, ETAG-004
    assert_eq!(body["meta"]["version"], created.etag());
    assert!(created.etag().starts_with("W/\""), "{}", created.etag());
    // HTTP-019
    assert!(body["groups"].is_null());
    // GET-005
    assert!(!id.is_empty() && !id.contains("bulkId"));

    let read = client.get(&path).await;
    // GET-001, GET-002, GET-003, GET-010
    assert_eq!(read.expect(200), body);
    assert_eq!(read.header("location"), Some(location.as_str()));
    assert_eq!(read.etag(), created.etag());
    assert_eq!(read.header("content-location"), None);
    assert_eq!(body.get("nickName"), None);
    // GET-005
    // Case-exact.
    client.get(&path.to_uppercase()).await.expect(404);

    let mut whole = user("lena");
    whole["title"] = json!("Lead");
    let replaced = client.put(&path, whole.clone()).await;
    // HTTP-001, PUT-001, PUT-002
    let after = replaced.expect(200);
    assert_eq!(after["title"], "Lead");
    assert_eq!(replaced.header("location"), Some(location.as_str()));
    // GET-011, PUT-011, ETAG-009
    assert_eq!(after["id"], id);
    assert_eq!(after["meta"]["created"], body["meta"]["created"]);
    assert_ne!(after["meta"]["lastModified"], body["meta"]["lastModified"]);
    assert_ne!(replaced.etag(), created.etag());
    assert_eq!(after["meta"]["version"], replaced.etag());
    // ETAG-009
    // Nothing changed, same tag.
    assert_eq!(client.put(&path, whole).await.etag(), replaced.etag());

    let patched = client
        .patch(
            &path,
            json!([{ "op": "replace", "path": "title", "value": "Head" }]),
        )
        .await;
    // PAT-001, PAT-008, PAT-026
    let head = patched.expect(200);
    assert_eq!(head["title"], "Head");
    assert_ne!(patched.etag(), replaced.etag());
    assert_ne!(head["meta"]["lastModified"], after["meta"]["lastModified"]);
    // What changes nothing but `active` is answered without the user, with its tag.
    let active = |value: bool| json!([{ "op": "replace", "path": "active", "value": value }]);
    let off = client.patch(&path, active(false)).await;
    assert_eq!((off.status, off.bytes.len()), (204, 0));
    assert_eq!(client.get(&path).await.etag(), off.etag());
    let shown = client
        .patch(&format!("{path}?attributes=active"), active(false))
        .await;
    assert_eq!(shown.expect(200)["active"], false);
    // USR-005
    assert_eq!(client.get(&path).await.expect(200)["active"], false);
    assert_eq!(client.ids("/Users").await, [id.as_str()]);
    client.patch(&path, active(true)).await.expect(204);
    assert_eq!(client.get(&path).await.expect(200)["active"], true);

    let gone = client.delete(&path).await;
    // DEL-001
    assert_eq!((gone.status, gone.bytes.len()), (204, 0));
    // DEL-002, GET-004, PUT-010, HTTP-002, PAT-024, DEL-009
    for path in [path.as_str(), UNKNOWN, "/Users/not-an-id", "/Users/%2e%2e"] {
        client.get(path).await.refused(404, "");
        client.put(path, user("lena")).await.refused(404, "");
        client
            .patch(
                path,
                json!([{ "op": "replace", "path": "title", "value": "x" }]),
            )
            .await
            .refused(404, "");
        client.delete(path).await.refused(404, "");
    }
    // DEL-003
    assert!(client.ids("/Users").await.is_empty());
    let found = client.ids("/Users?filter=userName%20eq%20%22lena%22").await;
    assert!(found.is_empty());
    // POST-026, DEL-004, DEL-005
    // The name is free, the id is not given again.
    let again = client.post("/Users", user("lena")).await.expect(201);
    assert_ne!(again["id"], id);
}

#[tokio::test]
async fn uniqueness_is_409_in_every_verb_and_says_what_to_do() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    client.user("lena").await;
    let max = client.user("max").await;
    let path = format!("/Users/{max}");
    let rename = json!([{ "op": "replace", "path": "userName", "value": "LENA" }]);
    // POST-007, POST-008, PUT-009, PAT-023, ERR-004, SCH-023
    for reply in [
        client.post("/Users", user("LENA")).await,
        client.put(&path, user("Lena")).await,
        client.patch(&path, rename).await,
    ] {
        // ERR-009
        let detail = reply.refused(409, "uniqueness");
        assert!(detail.to_lowercase().contains("lena"), "{detail}");
        assert_eq!(house.cause(&reply), "uniqueness");
    }
    assert_eq!(client.get(&path).await.expect(200)["userName"], "max");
    // A user keeps its own name.
    client.put(&path, user("MAX")).await.expect(200);
}

#[tokio::test]
async fn of_racing_creates_and_renames_exactly_one_wins() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let mut others = Vec::new();
    for number in 0..16 {
        others.push(client.user(&format!("other{number}")).await);
    }
    let writers = (0..32).map(|number| {
        let (client, other) = (client.clone(), others[number % 16].clone());
        tokio::spawn(async move {
            let name = if number % 3 == 0 { "Lena" } else { "lena" };
            match number {
                0..16 => client.post("/Users", user(name)).await,
                _ if number % 2 == 0 => client.put(&format!("/Users/{other}"), user(name)).await,
                _ => {
                    let rename = json!([{ "op": "replace", "path": "userName", "value": name }]);
                    client.patch(&format!("/Users/{other}"), rename).await
                }
            }
        })
    });
    let mut statuses = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        statuses.push(writer.await.unwrap().status);
    }
    // POST-027, SCH-024
    let won = statuses.iter().filter(|status| **status < 300).count();
    assert_eq!(won, 1, "{statuses:?}");
    assert!(
        statuses
            .iter()
            .all(|status| *status < 300 || *status == 409)
    );
    let found = client.ids("/Users?filter=userName%20eq%20%22lena%22").await;
    assert_eq!(found.len(), 1);
}

fn by_email() -> ConnectionSettings {
    ConnectionSettings {
        identifier: Some(Identifier::Email),
        ..ConnectionSettings::default()
    }
}

#[tokio::test]
async fn with_email_as_identifier_each_lookup_finds_exactly_that_user() {
    let house = House::new().await;
    let (_, client) = house.tenant_with("acme", by_email()).await;
    for name in ["max", "kim", "len"] {
        client.user(name).await;
    }
    let id = client.user("lena").await;
    for filter in [
        r#"userName eq "lena@acme.example""#,
        r#"userName eq "LENA@Acme.Example""#,
        r#"userName eq "lena""#,
        r#"email eq "lena@acme.example""#,
        r#"emails eq "lena@acme.example""#,
        r#"emails.value eq "lena@acme.example""#,
        r#"emails[type eq "work"].value eq "lena@acme.example""#,
        r#"emails[value eq "lena@acme.example"]"#,
        r#"externalId eq "00u-lena""#,
    ] {
        let filter = filter.replace(' ', "%20").replace('"', "%22");
        let found = client.ids(&format!("/Users?filter={filter}")).await;
        assert_eq!(found, [id.as_str()], "{filter}");
    }
    // The name comes first: only without one the e-mail is asked.
    let mut named = user("someone");
    named["userName"] = json!("free@acme.example");
    let named = client.post("/Users", named).await.expect(201);
    let filter = "/Users?filter=userName%20eq%20%22free@acme.example%22";
    assert_eq!(client.ids(filter).await, [named["id"].as_str().unwrap()]);
    let reply = client
        .get("/Users?filter=userName%20eq%20%22max@acme.example%22")
        .await;
    let fired = house.logged(&reply).entry.fired;
    assert!(
        fired
            .notes
            .iter()
            .any(|(rule, _)| rule.as_str() == "user_name_is_email")
    );
}

#[tokio::test]
async fn with_email_as_identifier_a_taken_address_is_409_in_every_verb() {
    let house = House::new().await;
    let (_, client) = house.tenant_with("acme", by_email()).await;
    client.user("lena").await;
    let max = client.user("max").await;
    let path = format!("/Users/{max}");
    let mut taken = user("third");
    taken["emails"][0]["value"] = json!("LENA@acme.example");
    // An address that is somebody's userName is taken too.
    client.user("kim@acme.example").await;
    let mut named = user("fourth");
    named["emails"][0]["value"] = json!("Kim@acme.example");
    for body in [taken, named] {
        let emails = body["emails"].clone();
        let change = json!([{ "op": "replace", "path": "emails", "value": emails }]);
        for reply in [
            client.post("/Users", body.clone()).await,
            client.put(&path, body.clone()).await,
            client.patch(&path, change).await,
        ] {
            reply.refused(409, "uniqueness");
        }
    }
    let mut reverse = user("fifth");
    reverse["userName"] = json!("lena@acme.example");
    client
        .post("/Users", reverse)
        .await
        .refused(409, "uniqueness");
    client.put(&path, user("max")).await.expect(200);
}

#[tokio::test]
async fn with_email_as_identifier_racing_writers_of_one_address_leave_one() {
    let house = House::new().await;
    let (_, client) = house.tenant_with("acme", by_email()).await;
    let writers = (0..32).map(|number| {
        let client = client.clone();
        tokio::spawn(async move {
            let mut body = user(&format!("user{number}"));
            body["emails"][0]["value"] = json!("one@acme.example");
            client.post("/Users", body).await.status
        })
    });
    let mut statuses = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        statuses.push(writer.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201);
    assert!(
        statuses[1..].iter().all(|status| *status == 409),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn extension_attributes_stand_under_their_urn() {
    const URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let boss = client.user("boss").await;
    let mut body = user("lena");
    body["schemas"].as_array_mut().unwrap().push(json!(URN));
    body[URN] = json!({ "department": "Support", "manager": { "value": boss } });
    let created = client.post("/Users", body).await.expect(201);
    let id = created["id"].as_str().unwrap();
    // GET-007
    let read = client.get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!(read[URN]["department"], "Support");
    assert!(read["schemas"].as_array().unwrap().contains(&json!(URN)));
    assert!(read.get("department").is_none());
    // DEL-007, SCH-010
    // A manager who leaves stays named; the identity provider says who follows.
    client.delete(&format!("/Users/{boss}")).await.expect(204);
    let read = client.get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!(read[URN]["manager"]["value"], boss);
}

#[tokio::test]
async fn names_values_and_keys_that_look_like_code_are_data() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    // SEC-002, SEC-006, SCH-003
    for name in [
        "'; DROP TABLE resource; --",
        "\" or \"1\" eq \"1",
        "%27%20or%201=1",
        "<script>alert(1)</script>",
        "../../etc/passwd",
        "${jndi:ldap://x}",
        "Zoë Ünïcode 😀",
        "* like %",
    ] {
        let body = client.post("/Users", user(name)).await.expect(201);
        assert_eq!(body["userName"], name);
        let text = serde_json::to_string(name).unwrap();
        let filter: String = format!("userName eq {text}")
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        let found = client.ids(&format!("/Users?filter={filter}")).await;
        assert_eq!(found, [body["id"].as_str().unwrap()], "{name}");
    }
    let mut odd = user("odd");
    odd["__proto__"] = json!({ "admin": true });
    odd["constructor"] = json!("x");
    odd["x".repeat(10_000)] = json!(1);
    odd["emails"][0]["type"] = json!("carrier pigeon");
    let body = client.post("/Users", odd).await.expect(201);
    assert!(body.get("__proto__").is_none());
    assert_eq!(body["emails"][0]["type"], "carrier pigeon");
}

#[tokio::test]
async fn a_password_is_taken_and_forgotten() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let mut body = user("lena");
    body["password"] = json!("correct horse");
    let created = client
        .post("/Users?attributes=password,userName", body)
        .await;
    let created = created.expect(201);
    assert!(created.get("password").is_none());
    let id = created["id"].as_str().unwrap();
    let change = json!([{ "op": "replace", "path": "password", "value": "battery staple" }]);
    client
        .patch(&format!("/Users/{id}"), change)
        .await
        .expect(200);
    // SEC-001
    let read = client
        .get(&format!("/Users/{id}?attributes=password"))
        .await;
    assert!(read.expect(200).get("password").is_none());
}
