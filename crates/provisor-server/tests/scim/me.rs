//! `/Me`: a service token stands for nobody.

use serde_json::json;

use crate::house::House;

#[tokio::test]
async fn every_method_is_501_with_the_way_out() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    for path in ["/Me", "/Me/", "/Me?attributes=userName"] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let reply = client.json(method, path, &[], &json!({})).await;
            // ME-001, ME-005, ERR-005
            let detail = reply.refused(501, "");
            assert!(detail.contains("/Users"), "{detail}");
            assert_eq!(house.cause(&reply), "not_implemented");
        }
    }
    assert_eq!(client.send("HEAD", "/Me", &[], b"").await.status, 501);
}
