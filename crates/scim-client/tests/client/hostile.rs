//! A server that lies: pages that never end, numbers that are none, tokens that never expire.

use futures_util::TryStreamExt;
use scim_client::{Auth, Error, Page, Paging, Query};
use serde_json::{Value, json};

use crate::server::{Server, answer};

#[tokio::test]
async fn a_list_that_comes_again_and_again_is_no_walk() {
    for (paging, next) in [(Paging::Index, Value::Null), (Paging::Cursor, json!("x"))] {
        let page = || {
            answer(
                200,
                json!({ "totalResults": 1_000_000_000_000_000_000_u64, "nextCursor": next, "Resources": [{ "id": "7" }] }),
            )
        };
        let server = Server::with((0..50).map(|_| page())).await;
        let client = server.client();
        let users = client.resources::<Value>("/Users");
        let walked = users.all(Query::all().paging(paging));
        let walked: Result<Vec<Value>, Error> = walked.try_collect().await;
        let error = walked.unwrap_err();
        assert!(error.to_string().contains("the page before it"), "{error}");
        assert_eq!(server.asked().len(), 2, "{paging:?}");
    }
}

#[tokio::test]
async fn numbers_and_lists_that_are_none_keep_nobody_from_the_resources() {
    for (total, read) in [
        (json!(-1), None),
        (json!(1e18), Some(1_000_000_000_000_000_000)),
        (json!(1e300), Some(u64::MAX)),
        (json!("3"), Some(3)),
        (json!("many"), None),
        (json!(null), None),
        (json!([]), None),
    ] {
        let page = json!({ "totalResults": total, "startIndex": total, "itemsPerPage": total, "nextCursor": 7, "Resources": [1] });
        let page: Page = serde_json::from_value(page).unwrap();
        assert_eq!((page.total_results, page.resources.len()), (read, 1));
        assert_eq!(page.next_cursor, None);
    }
    let page: Page = serde_json::from_value(json!({ "Resources": null })).unwrap();
    assert!(page.resources.is_empty());
}

#[tokio::test]
async fn a_list_without_a_total_is_walked_until_nothing_new_comes() {
    for total in [json!(null), json!(-1), json!("many")] {
        let page = |ids: &[&str]| {
            let users: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
            answer(200, json!({ "totalResults": total, "Resources": users }))
        };
        for last in [page(&[]), page(&["3"])] {
            let server = Server::with([page(&["1", "2"]), page(&["3"]), last]).await;
            let client = server.client();
            let users = client.resources::<Value>("/Users");
            let all: Vec<Value> = users.all(Query::all()).try_collect().await.unwrap();
            let ids: String = all.iter().filter_map(|user| user["id"].as_str()).collect();
            assert_eq!(ids, "123", "{total}");
        }
    }
}

#[tokio::test]
async fn a_token_lives_as_long_as_can_be_read() {
    // Whether it is kept for the second request.
    for (expires_in, is_kept) in [
        (json!(null), true),
        (json!("3600"), true),
        (json!(3600.0), true),
        (json!(1e18), true),
        (json!("soon"), true),
        (json!(0), false),
        (json!(-1), false),
    ] {
        let grant = || {
            answer(
                200,
                json!({ "access_token": "t", "expires_in": expires_in }),
            )
        };
        let empty = || answer(200, json!({ "totalResults": 0 }));
        let mut answers = vec![grant(), empty()];
        answers.extend((!is_kept).then(grant));
        answers.push(empty());
        let server = Server::with(answers).await;
        let token_url = format!("http://{}/token", server.address);
        let auth = Auth::client_credentials(token_url, "id", "secret", None);
        let client = server.builder(auth).build().unwrap();
        for _ in 0..2 {
            client.users().search(&Query::all()).await.unwrap();
        }
        let asked = server.asked().len();
        assert_eq!(asked, if is_kept { 3 } else { 4 }, "{expires_in}");
    }
}

#[tokio::test]
async fn what_a_token_endpoint_says_is_cut() {
    let said = "long ".repeat(40_000);
    let server = Server::with([answer(400, json!({ "error": said }))]).await;
    let token_url = format!("http://{}/token", server.address);
    let auth = Auth::client_credentials(token_url, "id", "secret", None);
    let client = server.builder(auth).build().unwrap();
    let error = client.users().search(&Query::all()).await.unwrap_err();
    assert!(error.to_string().len() < 500, "{}", error.to_string().len());
}
