//! Create, get, search, replace, patch, delete, Bulk, and what goes wrong on the way.

use futures_util::TryStreamExt;
use scim_client::{
    Auth, Bulk, Client, Error, Filter, Group, Paging, Patch, Query, Reach, Request, Retry, User,
};
use serde_json::json;

use crate::server::{Server, answer, bare};

#[tokio::test]
async fn a_user_is_created_and_comes_back_with_its_id() {
    let made = json!({ "id": "7", "userName": "lena", "meta": { "version": "W/\"1\"" } });
    let server = Server::with([answer(201, made)]).await;
    let user = server
        .client()
        .users()
        .create(&User::named("lena"))
        .await
        .unwrap();
    assert_eq!(user.id, "7");
    assert_eq!(user.meta.unwrap().version.unwrap(), "W/\"1\"");
    let asked = &server.asked()[0];
    assert_eq!(asked.line(), "POST /scim/v2/Users");
    assert_eq!(asked.header("content-type"), Some("application/scim+json"));
    assert_eq!(asked.header("accept"), Some("application/scim+json"));
    assert_eq!(asked.header("authorization"), Some("Bearer secret"));
    assert_eq!(
        asked.json(),
        json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "lena", "active": true })
    );
}

#[tokio::test]
async fn a_walk_asks_for_page_after_page() {
    let page = |names: &[&str]| {
        let users: Vec<_> = names
            .iter()
            .map(|name| json!({ "userName": name }))
            .collect();
        answer(200, json!({ "totalResults": 5, "Resources": users }))
    };
    let server = Server::with([page(&["a", "b"]), page(&["c", "d"]), page(&["e"])]).await;
    let client = server.client();
    let query = Query::filter(Filter::eq("active", true)).count(2);
    let users: Vec<User> = client.users().all(query).try_collect().await.unwrap();
    let names: String = users.iter().map(|user| user.user_name.as_str()).collect();
    assert_eq!(names, "abcde");
    assert_eq!(
        server.lines(),
        [
            "GET /scim/v2/Users?filter=active+eq+true&count=2",
            "GET /scim/v2/Users?filter=active+eq+true&count=2&startIndex=3",
            "GET /scim/v2/Users?filter=active+eq+true&count=2&startIndex=5",
        ]
    );
}

#[tokio::test]
async fn a_walk_by_cursor_follows_the_server() {
    let first =
        json!({ "totalResults": 2, "nextCursor": "a/b=", "Resources": [{ "displayName": "x" }] });
    let last = json!({ "totalResults": 2, "Resources": [{ "displayName": "y" }] });
    let server = Server::with([answer(200, first), answer(200, last)]).await;
    let client = server.client();
    let query = Query::all().paging(Paging::Cursor);
    let groups: Vec<Group> = client.groups().all(query).try_collect().await.unwrap();
    assert_eq!(groups.len(), 2);
    assert_eq!(
        server.lines(),
        [
            "GET /scim/v2/Groups?cursor=",
            "GET /scim/v2/Groups?cursor=a%2Fb%3D"
        ]
    );
}

#[tokio::test]
async fn one_match_is_found_and_two_are_no_answer() {
    let one = json!({ "totalResults": 1, "resources": [{ "userName": "lena" }] });
    let two =
        json!({ "totalResults": 2, "Resources": [{ "userName": "lena" }, { "userName": "LENA" }] });
    let none = json!({ "totalResults": 0 });
    let server = Server::with([answer(200, one), answer(200, two), answer(200, none)]).await;
    let client = server.client();
    let query = Query::filter(Filter::eq("userName", "lena"));
    assert_eq!(
        client
            .users()
            .find(&query)
            .await
            .unwrap()
            .unwrap()
            .user_name,
        "lena"
    );
    let error = client.users().find(&query).await.unwrap_err().to_string();
    assert!(error.contains("2 resources match"), "{error}");
    assert_eq!(client.users().find(&query).await.unwrap(), None);
}

#[tokio::test]
async fn versions_are_asked_for() {
    let server = Server::with([
        bare(304, "etag", "W/\"1\""),
        answer(412, json!({ "status": "412", "detail": "changed" })),
        answer(204, json!(null)),
    ])
    .await;
    let client = server.client();
    let users = client.users();
    assert_eq!(users.get_if_changed("7", "W/\"1\"").await.unwrap(), None);
    let patch = Patch::new().replace("active", false);
    let error = users.patch_if("7", &patch, "W/\"1\"").await.unwrap_err();
    assert_eq!(error.status(), Some(412));
    assert_eq!(users.patch("7", &patch).await.unwrap(), None);
    let asked = server.asked();
    assert_eq!(asked[0].header("if-none-match"), Some("W/\"1\""));
    assert_eq!(asked[1].header("if-match"), Some("W/\"1\""));
    assert_eq!(asked[2].header("if-match"), None);
    assert_eq!(
        asked[2].json(),
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "path": "active", "value": false }],
        })
    );
}

#[tokio::test]
async fn a_busy_server_is_asked_again_and_a_refusal_is_told_whole() {
    let refusal = json!({ "status": "409", "scimType": "uniqueness", "detail": "lena exists" });
    let server = Server::with([
        bare(429, "retry-after", "0"),
        bare(503, "retry-after", "0"),
        answer(409, refusal),
    ])
    .await;
    let error = server
        .client()
        .users()
        .create(&User::named("lena"))
        .await
        .unwrap_err();
    assert_eq!(server.lines().len(), 3);
    let told = format!(
        "POST {}/Users was answered 409 uniqueness: lena exists",
        server.base()
    );
    assert_eq!(error.to_string(), told);
}

#[tokio::test]
async fn what_is_gone_is_deleted() {
    let server = Server::with([answer(404, json!(null)), answer(204, json!(null))]).await;
    let client = server.client();
    client.users().delete("7").await.unwrap();
    client.groups().delete_if("a/b", "W/\"1\"").await.unwrap();
    assert_eq!(
        server.lines(),
        ["DELETE /scim/v2/Users/7", "DELETE /scim/v2/Groups/a%2Fb"]
    );
}

#[tokio::test]
async fn a_bulk_job_tells_each_outcome() {
    let outcomes = json!({ "Operations": [
        { "method": "POST", "bulkId": "x", "status": "201", "location": "/Users/7" },
        { "method": "DELETE", "status": 404, "response": { "detail": "no such user" } },
    ]});
    let server = Server::with([answer(200, outcomes)]).await;
    let bulk = Bulk::new()
        .create("/Users", "x", json!({ "userName": "lena" }))
        .delete("/Users/9");
    let outcomes = server.client().bulk(&bulk.fail_on_errors(1)).await.unwrap();
    assert_eq!(outcomes[0].status, 201);
    assert_eq!(
        outcomes[1].response.as_ref().unwrap()["detail"],
        "no such user"
    );
    assert_eq!(server.asked()[0].json()["failOnErrors"], 1);
}

#[tokio::test]
async fn a_page_of_a_proxy_is_no_answer() {
    let html = axum::http::Response::new(axum::body::Body::from("<html>Please sign in</html>"));
    let server = Server::with([html]).await;
    let error = server
        .client()
        .users()
        .get("7")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("Please sign in"), "{error}");
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect() {
    let server = Server::with([bare(307, "location", "http://127.0.0.1:1/")]).await;
    let error = server.client().users().get("7").await.unwrap_err();
    assert_eq!(error.status(), Some(307));
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn a_long_answer_is_not_read_to_its_end() {
    let server = Server::with([answer(200, json!({ "userName": "x".repeat(5000) }))]).await;
    let client = server
        .builder(Auth::None)
        .longest_answer(4000)
        .build()
        .unwrap();
    let error = client.users().get("7").await.unwrap_err().to_string();
    assert!(error.contains("longer than 4000 bytes"), "{error}");
}

#[tokio::test]
async fn an_address_that_answers_nothing_is_no_connection() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/scim/v2", free.local_addr().unwrap());
    drop(free);
    let client = Client::builder(&base, Auth::None)
        .retry(Retry::NEVER)
        .build()
        .unwrap();
    let error = client.users().create(&User::named("x")).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
}

#[tokio::test]
async fn a_name_with_a_private_address_is_not_connected_to() {
    let server = Server::with([]).await;
    let base = format!("http://localhost:{}/scim/v2", server.address.port());
    let client = Client::builder(&base, Auth::None)
        .reach(Reach::Public)
        .build()
        .unwrap();
    let error = client.send(&Request::get("/Users")).await.unwrap_err();
    assert!(matches!(error, Error::PrivateAddress { .. }), "{error}");
    assert!(server.lines().is_empty());
}
