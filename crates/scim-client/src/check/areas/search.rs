//! Search messages (RFC 7644 section 3.4.3) and /Me (section 3.11).

use reqwest::header;
use scim::{Tolerance, message::SEARCH_REQUEST};
use serde_json::json;

use crate::{
    check::{
        Level,
        assertion::{Reply, Step, Stop, expect},
        catalog::{Check, check},
        probe::{Feature, Probe},
    },
    exchange::Request,
};

/// Asks for /Me on a connection of its own: after refusing it, some servers drop the next request of the connection.
async fn me(probe: &Probe<'_>) -> Step<Reply> {
    let close = header::HeaderValue::from_static("close");
    let request = Request::get("/Me").header(header::CONNECTION, close);
    probe.send(request).await
}

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "search_messages_are_queries",
            "SRCH-001 SRCH-006",
            "Answer POST /Users/.search with 200 and a list.",
            |c| {
                let user = c.new_user().await?;
                c.need(Feature::Filter)?;
                let body = json!({
                    "schemas": [SEARCH_REQUEST],
                    "filter": format!("id eq \"{}\"", user.id),
                });
                c.post("/Users/.search", &body).await?.finds(&[&user.id])?;
                c.get(&user.path).await?.status(&[200])?;
            }
        ),
        check!(
            "a_search_at_the_root_finds_every_type",
            "SRCH-002",
            "Answer POST /.search over all resource types.",
            |c| {
                c.need(Feature::Filter)?;
                let (user, group) = (c.new_user().await?, c.new_group(&[]).await?);
                let body = json!({
                    "schemas": [SEARCH_REQUEST],
                    "filter": format!("id eq \"{}\" or id eq \"{}\"", user.id, group.id),
                });
                let reply = c.post("/.search", &body).await?;
                if [404, 405, 501].contains(&reply.status_code()) {
                    return Err(Stop::Skipped("the root answers no searches".to_owned()));
                }
                reply.finds(&[&user.id, &group.id])?;
            }
        ),
        check!(
            "search_messages_take_every_parameter",
            "SRCH-003 SRCH-004",
            "Take attributes, filter, sorting and paging from the message.",
            |c| {
                c.need(Feature::Filter)?;
                let (filter, _) = c.nicked(&["a", "b"]).await?;
                let body = json!({
                    "schemas": [SEARCH_REQUEST],
                    "filter": filter,
                    "attributes": ["userName", "name.givenName"],
                    "startIndex": 2,
                    "count": 1,
                });
                let reply = c.post("/Users/.search", &body).await?;
                reply.is("/totalResults", 2)?.is("/startIndex", 2)?;
                reply
                    .has("/Resources/0/name/givenName")?
                    .lacks("/Resources/0/name/familyName")?
                    .lacks("/Resources/0/emails")?;
            }
        ),
        check!(
            "a_search_message_names_its_schema",
            "SRCH-005",
            "Answer 400 to a search message without its schema.",
            |c| {
                for (body, forgivable) in [(json!({"count": 1}), true), (json!([]), false)] {
                    let reply = c.post("/Users/.search", &body).await?;
                    if forgivable {
                        c.forgiven(&reply, Tolerance::InferSchemas)?;
                    } else {
                        reply.refused(&[400])?;
                    }
                }
            }
        ),
        check!(
            "attributes_in_a_message_are_a_list",
            "SRCH-007",
            "Ask for a list of attributes in search messages.",
            |c| {
                let body =
                    json!({"schemas": [SEARCH_REQUEST], "count": 1, "attributes": "userName"});
                let reply = c.post("/Users/.search", &body).await?;
                c.forgiven(&reply, Tolerance::CommaAttributes)?;
            }
        )
        .graded(Level::May),
        check!(
            "discovery_is_not_searched",
            "SRCH-008",
            "Refuse searches of discovery endpoints.",
            |c| {
                let reply = c
                    .post(
                        "/Schemas/.search",
                        &json!({"schemas": [SEARCH_REQUEST], "filter": "id pr"}),
                    )
                    .await?;
                reply.status(&[403, 404, 405, 501, 400])?;
            }
        ),
        check!(
            "me_is_there_or_501",
            "ME-001 ME-002 ME-005",
            "Answer /Me with the user, a redirect to it, 501 or 404.",
            |c| {
                me(c).await?.status(&[200, 308, 501, 404])?;
            }
        ),
        check!(
            "me_says_where_it_is",
            "ME-003",
            "Send the permanent Location with /Me.",
            |c| {
                let reply = me(c).await?;
                if !reply.is_success() {
                    return Err(Stop::Skipped("the token stands for no user".to_owned()));
                }
                let location = reply.text("/meta/location").to_owned();
                expect(location.contains("/Users/"), || {
                    format!("/Me has meta.location {location:?}")
                })?;
            }
        ),
    ]
}
