//! `/t/{slug}/scim/v2`, and walls between tenants.

use provisor_store::{Change, change::ConnectionSettings};
use serde_json::json;

use crate::{
    house::{House, user},
    wire::Reply,
};

/// Everything a client can see of an answer, without what differs from request to request.
fn seen(reply: &Reply) -> String {
    let mut headers = reply.headers.clone();
    headers.retain(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
    let text = String::from_utf8(reply.bytes.clone()).unwrap();
    format!(
        "{} {headers:?} {}",
        reply.status,
        text.replace(reply.request_id(), "…")
    )
}

#[tokio::test]
async fn a_tenant_may_be_named_in_the_url() {
    let house = House::new().await;
    let (tenant, client) = house.tenant("acme").await;
    let id = client.user("lena").await;
    let base = format!("/t/{}/scim/v2", tenant.slug);
    let named = client.at(&base);
    // TEN-001
    let body = named.get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!(
        body["meta"]["location"],
        format!("http://scim.test{base}/Users/{id}")
    );
    let created = named.post("/Users", user("max")).await;
    let location = created.header("location").unwrap();
    assert!(
        location.starts_with(&format!("http://scim.test{base}/Users/")),
        "{location}"
    );
    client
        .at(format!("//t//{}//scim/v2/", tenant.slug))
        .get("/Users")
        .await
        .expect(200);
}

#[tokio::test]
async fn a_token_of_another_tenant_is_an_unknown_one() {
    let house = House::new().await;
    let (acme, client) = house.tenant("acme").await;
    let (other, stranger) = house.tenant("other").await;
    let unknown = stranger.with_token("pvr_scim_nothing");
    let base = format!("/t/{}/scim/v2", acme.slug);
    for path in ["/Users", "/Users/x", "/Schemas", "/Nothing"] {
        let (one, two) = (
            stranger.at(&base).get(path).await,
            unknown.at(&base).get(path).await,
        );
        // TEN-002, TEN-005
        assert_eq!(one.status, 401);
        assert_eq!(seen(&one), seen(&two));
        assert_eq!(house.cause(&one), "token_wrong_tenant");
        // The refusal stands in the log of the tenant that the URL names, without the token.
        let entry = house.logged(&one).entry;
        assert_eq!((entry.tenant, entry.token), (Some(acme.id), None));
        let nowhere = stranger.at("/t/nothing/scim/v2").get(path).await;
        assert_eq!(seen(&nowhere), seen(&one));
        assert_eq!(house.logged(&nowhere).entry.tenant, Some(other.id));
    }
    // Also if it could not be used at home.
    let pause = ConnectionSettings {
        paused: Some(true),
        ..ConnectionSettings::default()
    };
    house.set(&other, pause).await;
    let (one, two) = (
        stranger.at(&base).get("/Users").await,
        unknown.at(&base).get("/Users").await,
    );
    assert_eq!(seen(&one), seen(&two));
    client.at(&base).get("/Users").await.expect(200);
    // A token that names a tenant which is not there belongs to nobody's log.
    let forged = provisor_store::PlainToken::generate(
        provisor_store::TokenKind::Scim,
        provisor_store::TenantId(4711),
        provisor_store::TokenId(1),
    );
    let reply = client.with_token(forged.reveal()).get("/Users").await;
    assert_eq!(house.logged(&reply).entry.tenant, None);
}

#[tokio::test]
async fn another_tenants_resources_are_unknown_ones() {
    let house = House::new().await;
    let (_, acme) = house.tenant("acme").await;
    let (_, other) = house.tenant("other").await;
    let mine = acme.user("lena").await;
    // TEN-003, TEN-004, FLT-033
    // The same person, with an id of each tenant's own.
    let foreign = other.user("lena").await;
    assert_ne!(mine, foreign);
    let tag = other.get(&format!("/Users/{foreign}")).await.etag();
    let unknown = "0197ffff-ffff-7fff-bfff-ffffffffffff";
    let title = json!([{ "op": "replace", "path": "title", "value": "x" }]);
    for headers in [
        vec![],
        vec![("If-Match", tag.as_str())],
        vec![("If-None-Match", tag.as_str())],
    ] {
        for (method, body) in [
            ("GET", json!({})),
            ("PUT", user("lena")),
            ("PATCH", crate::house::patch(title.clone())),
            ("DELETE", json!({})),
        ] {
            let one = acme
                .json(method, &format!("/Users/{foreign}"), &headers, &body)
                .await;
            let two = acme
                .json(method, &format!("/Users/{unknown}"), &headers, &body)
                .await;
            // TEN-005
            assert_eq!(one.status, 404, "{method}");
            assert_eq!(
                seen(&one).replace(&foreign, "id"),
                seen(&two).replace(unknown, "id")
            );
        }
    }
    for filter in [
        format!("id eq \"{foreign}\""),
        format!("groups.value eq \"{foreign}\""),
        format!(
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"{foreign}\""
        ),
    ] {
        let filter = filter.replace(' ', "%20").replace('"', "%22");
        assert!(
            acme.ids(&format!("/Users?filter={filter}"))
                .await
                .is_empty()
        );
    }
    assert_eq!(acme.ids("/Users").await, [mine]);
    let job = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{ "method": "DELETE", "path": format!("/Users/{foreign}") }],
    });
    let done = acme.post("/Bulk", job).await.expect(200);
    assert_eq!(done["Operations"][0]["status"], "404");
    assert_eq!(other.ids("/Users").await, [foreign]);
}

#[tokio::test]
async fn a_deleted_tenants_token_is_unknown_at_once() {
    let house = House::new().await;
    let (tenant, client) = house.tenant("acme").await;
    client.user("lena").await;
    house
        .write(tenant.id, Change::DeleteTenant { chunk: 1 })
        .await;
    let reply = client.get("/Users").await;
    reply.refused(401, "");
    assert_eq!(house.cause(&reply), "token_unknown");
}
