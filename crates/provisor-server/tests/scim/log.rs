//! What the sync log keeps of a request: all of it, and no secret.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use provisor_store::{LogSettings, PlainToken, log::LogFilter};
use serde_json::json;

use crate::house::{House, Plan, user};

#[tokio::test]
async fn each_write_stands_in_full_with_its_events_and_tolerances() {
    let house = House::new().await;
    let (tenant, client) = house.tenant("acme").await;
    let mut body = user("lena");
    body["active"] = json!("True");
    let headers = [("User-Agent", "Okta SCIM Client 1.0.0")];
    let reply = client
        .json("POST", "/Users?attributes=id", &headers, &body)
        .await;
    let id = reply.expect(201)["id"].as_str().unwrap().to_owned();
    let entry = house.logged(&reply).entry;
    assert_eq!(
        (entry.tenant, entry.connection),
        (Some(tenant.id), Some(tenant.connection))
    );
    assert_eq!((entry.method.as_str(), entry.status), ("POST", 201));
    assert_eq!(
        (entry.path.as_str(), entry.query.as_str()),
        ("/scim/v2/Users", "attributes=id")
    );
    assert_eq!(entry.operation.as_str(), "create");
    assert_eq!(entry.client, "Okta SCIM Client 1.0.0");
    assert_eq!(entry.resource_type.as_deref(), Some("User"));
    assert_eq!(entry.resource.unwrap().to_string(), id);
    assert_eq!(entry.cause, None);
    assert!(entry.events.is_some() && entry.token.is_some() && entry.address.is_some());
    assert!(entry.duration_us > 0);
    let fired: Vec<_> = entry
        .fired
        .notes
        .iter()
        .map(|(rule, _)| rule.as_str())
        .collect();
    assert!(fired.contains(&"string_boolean"), "{fired:?}");
    assert_eq!(entry.response_body.bytes(), reply.bytes);
    let sent: serde_json::Value = serde_json::from_slice(entry.request_body.bytes()).unwrap();
    assert_eq!(sent, body);

    let refused = client.json("POST", "/Users", &headers, &body).await;
    let entry = house.logged(&refused).entry;
    assert_eq!(entry.cause.unwrap().as_str(), "uniqueness");
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .starts_with(&entry.detail)
    );
    assert_eq!(entry.events, None);
}

#[tokio::test]
async fn requests_are_found_by_the_names_they_speak_of() {
    let house = House::new().await;
    let (tenant, client) = house.tenant("acme").await;
    let id = client.user("lena").await;
    let path = format!("/Users/{id}");
    let rename = json!([{ "op": "replace", "path": "userName", "value": "lena.patched" }]);
    let whole = json!([{ "op": "replace", "value": {
        "externalId": "00u-patched", "emails": [{ "value": "patched@acme.example" }],
    } }]);
    client
        .get("/Users?filter=userName%20eq%20%22nobody%22")
        .await
        .expect(200);
    client.patch(&path, rename).await.expect(200);
    client.patch(&path, whole).await.expect(200);
    let operations: Vec<_> = (0..120)
        .map(|number| {
            json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{number}"),
                "data": user(&format!("bulk{number}")) })
        })
        .chain([
            json!({ "method": "PUT", "path": &path, "data": user("lena.put") }),
            json!({ "method": "PATCH", "path": &path,
                "data": crate::house::patch(json!([{ "op": "replace", "path": "userName", "value": "lena.bulk" }])) }),
        ])
        .collect();
    let job = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": operations,
    });
    client.post("/Bulk", job).await.expect(200);
    house.log.flush();
    for name in [
        "lena",
        "LENA@acme.example",
        "00u-lena",
        "nobody",
        "lena.patched",
        "00u-patched",
        "patched@acme.example",
        &id,
        "bulk0",
        "bulk119",
        "bulk119@acme.example",
        "lena.put",
        "lena.bulk",
    ] {
        let filter = LogFilter {
            tenant: Some(tenant.id),
            name: Some(name.into()),
            limit: 10,
            ..LogFilter::default()
        };
        assert!(
            !house.log.reader().entries(&filter).unwrap().is_empty(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn reads_beyond_the_rate_are_counted_and_writes_never_are() {
    let house = House::build(Plan {
        log: LogSettings {
            reads_per_second: 5,
            ..LogSettings::default()
        },
        ..Plan::default()
    })
    .await;
    let (tenant, client) = house.tenant("acme").await;
    house.pass(1000 - crate::house::NOW % 1000);
    let writes = [
        client.post("/Users", user("a")).await,
        client.post("/Users", user("a")).await,
    ];
    for _ in 0..20 {
        client
            .get("/Users?filter=userName%20eq%20%22counted%22")
            .await
            .expect(200);
    }
    for reply in &writes {
        house.logged(reply);
    }
    house.log.flush();
    let filter = LogFilter {
        tenant: Some(tenant.id),
        limit: 100,
        ..LogFilter::default()
    };
    let reader = house.log.reader();
    let entries = reader.entries(&filter).unwrap().len();
    let counts = reader.counts(Some(tenant.id), 0).unwrap();
    let counted: u64 = counts.iter().map(|count| count.count).sum();
    assert_eq!(
        (entries as u64 + counted, counts[0].operation.as_str()),
        (22, "lookup")
    );
    assert!(counted >= 10, "{counted}");
    let seen = reader.seen(tenant.id, "counted").unwrap().unwrap();
    assert_eq!(seen.count, 20);
}

/// Everything that `tracing` says, at every level.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_reaches_a_file_or_the_programs_own_log() {
    let told = Told::default();
    let writer = told.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let mut house = House::new().await;
    let (tenant, client) = house.tenant("acme").await;
    let token = client.token.clone();
    let forged = PlainToken::generate(
        provisor_store::TokenKind::Scim,
        tenant.id,
        provisor_store::TokenId(999),
    );
    let forged = forged.reveal().to_owned();
    let password = "Canary-pa55phrase";
    let id = client.user("lena").await;
    let path = format!("/Users/{id}");
    for secret in [token.as_str(), forged.as_str()] {
        for header in [
            "User-Agent",
            "Accept",
            "Content-Type",
            "If-Match",
            "If-None-Match",
            "Host",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "Cookie",
            "X-Api-Key",
            "Referer",
            "Authorization",
            "Content-Encoding",
            "Expect",
            "Range",
            "Origin",
        ] {
            for (method, path) in [("POST", "/Users"), ("GET", path.as_str())] {
                client.send(method, path, &[(header, secret)], b"{}").await;
            }
        }
        client.with_token(secret).get(&path).await;
        for path in [
            format!("/Users/{secret}"),
            format!("/{secret}"),
            format!("/Schemas/{secret}"),
            format!("/Users?filter=userName%20eq%20%22{secret}%22"),
            format!("/Users?{secret}={secret}"),
            format!("/Users?attributes={secret}&sortBy={secret}"),
            format!("/Users?cursor={secret}"),
            format!("/Users?filter={secret}"),
        ] {
            client.get(&path).await;
            client.at(format!("/scim/{secret}")).get(&path).await;
            client.at(format!("/t/{secret}/scim/v2")).get(&path).await;
        }
        let pasted = json!({ "schemas": [secret], secret: secret, "userName": { "x": secret } });
        client.post("/Users", pasted.clone()).await;
        client
            .patch(
                &path,
                json!([{ "op": secret, "path": secret, "value": secret }]),
            )
            .await;
        client
            .post(
                "/Bulk",
                json!({ "Operations": [{ "method": secret, "path": secret, "data": pasted }] }),
            )
            .await;
        client
            .send(
                "POST",
                "/Users",
                &[],
                format!("{{\"userName\": \"{secret}").as_bytes(),
            )
            .await;
    }
    let mut body = user("pass");
    body["password"] = json!(password);
    client.post("/Users", body.clone()).await.expect(201);
    client
        .post("/Users", body.clone())
        .await
        .refused(409, "uniqueness");
    client
        .put(&path, {
            body["userName"] = json!("lena2");
            body["externalId"] = json!("l2");
            body.clone()
        })
        .await;
    for operation in [
        json!({ "op": "replace", "path": "password", "value": password }),
        json!({ "op": "add", "value": { "password": password, "PASSWORD": password } }),
        json!({ "op": "add", "value": { "urn:ietf:params:scim:schemas:core:2.0:User:password": password } }),
        json!({ "op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:password", "value": password }),
        json!({ "op": "replace", "path": "password.value", "value": password }),
        json!({ "op": "replace", "path": format!("password eq \"{password}\""), "value": 1 }),
    ] {
        client.patch(&path, json!([operation])).await;
    }
    body["password"] = json!({ "value": password });
    client.post("/Users", body.clone()).await;
    body["password"] = json!(password);
    body["userName"] = json!("bulked");
    let job = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{ "method": "POST", "path": "/Users", "bulkId": "x", "data": body }],
    });
    client.post("/Bulk", job).await;
    let filter = format!("password eq \"{password}\"");
    let encoded = filter.replace(' ', "%20").replace('"', "%22");
    client.get(&format!("/Users?filter={encoded}")).await;
    client.get(&format!("?filter={encoded}")).await;
    let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter });
    client.post("/Users/.search", search).await;
    house.stop();
    house.stopped().await;
    house.log.close();
    // SEC-001, SEC-003
    let mut files = 0;
    for file in std::fs::read_dir(house.folder.path()).unwrap() {
        let file = file.unwrap();
        let bytes = std::fs::read(file.path()).unwrap();
        files += 1;
        for secret in [token.as_str(), forged.as_str(), password] {
            let at = bytes
                .windows(secret.len())
                .position(|part| part == secret.as_bytes());
            if let Some(at) = at {
                let around = &bytes[at.saturating_sub(300)..(at + 200).min(bytes.len())];
                panic!(
                    "{:?}: {}",
                    file.file_name(),
                    String::from_utf8_lossy(around)
                );
            }
        }
    }
    assert!(files >= 2);
    let told = String::from_utf8_lossy(&told.0.lock().unwrap()).into_owned();
    for secret in [
        token.as_str(),
        forged.as_str(),
        password,
        "lena@acme",
        "Ortiz",
    ] {
        if let Some(at) = told.find(secret) {
            panic!(
                "told: {}",
                &told[at.saturating_sub(300)..(at + 100).min(told.len())]
            );
        }
    }
}
