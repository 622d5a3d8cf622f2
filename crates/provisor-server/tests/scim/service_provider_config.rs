//! `/ServiceProviderConfig`: what it promises is what the server does.

use provisor_server::Settings;
use serde_json::json;

use crate::house::{House, user};

#[tokio::test]
async fn it_says_what_the_server_can_and_where_it_ends() {
    let settings = Settings {
        max_page: 7,
        default_page: 3,
        max_bulk_operations: 4,
        max_large_body: 5000,
        ..Settings::default()
    };
    let house = House::with(settings).await;
    let (_, client) = house.tenant("acme").await;
    let config = client.get("/ServiceProviderConfig").await.expect(200);
    // DISC-001, DISC-002, DISC-003, DISC-006, DISC-024, ETAG-001, PAT-001, BULK-001
    assert_eq!(
        config,
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": { "supported": true },
            "bulk": { "supported": true, "maxOperations": 4, "maxPayloadSize": 5000 },
            "filter": { "supported": true, "maxResults": 7 },
            "changePassword": { "supported": false },
            "sort": { "supported": true },
            "etag": { "supported": true },
            "pagination": {
                "cursor": true,
                "index": true,
                "defaultPaginationMethod": "index",
                "defaultPageSize": 3,
                "maxPageSize": 7,
                "cursorTimeout": 3600,
            },
            "authenticationSchemes": [{
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "A token of this connection in the Authorization header.",
                "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
                "primary": true,
            }],
            "meta": {
                "resourceType": "ServiceProviderConfig",
                "location": "http://scim.test/scim/v2/ServiceProviderConfig",
            },
        })
    );
    for number in 0..9 {
        client.user(&format!("user{number}")).await;
    }
    // DISC-004, LIST-008, PAGE-002, CUR-013
    assert_eq!(client.ids("/Users").await.len(), 3);
    assert_eq!(client.ids("/Users?count=1000").await.len(), 7);
    assert!(
        client
            .get("/Users")
            .await
            .json()
            .get("nextCursor")
            .is_none()
    );
    let operation = json!({ "method": "POST", "path": "/Users", "bulkId": "x", "data": {} });
    let job = |count: usize| {
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": vec![operation.clone(); count],
        })
    };
    client.post("/Bulk", job(5)).await.refused(413, "");
    let mut large = job(1);
    large["Operations"][0]["data"] = user(&"x".repeat(5000));
    client.post("/Bulk", large).await.refused(413, "");
}
