//! Sorting and paging, by index and by cursor (RFC 7644 sections 3.4.2.3 and 3.4.2.4, RFC 9865).

use scim::Tolerance;
use serde_json::json;

use crate::{
    check::{
        Level,
        assertion::{Reply, Step, Stop, expect, fail},
        catalog::{Check, check},
        probe::{ENTERPRISE, Feature, Made, Probe, SEARCH, encoded},
    },
    resource::USER,
};

/// The list of the filter, sorted so.
async fn sorted(probe: &Probe<'_>, filter: &str, sort: &str) -> Step<Reply> {
    probe.need(Feature::Sort)?;
    probe
        .get(&format!("/Users?filter={}&{sort}", encoded(filter)))
        .await
}

/// The list has these in this order.
fn in_order(reply: &Reply, expected: &[&Made]) -> Step {
    let expected: Vec<_> = expected.iter().map(|made| made.id.as_str()).collect();
    let found = reply.ids()?;
    if found == expected {
        return Ok(());
    }
    fail(format!("the order is {found:?}, expected {expected:?}"))
}

/// Users with these nick names.
async fn nicked(probe: &Probe<'_>, names: &[&str]) -> Step<(String, Vec<Made>)> {
    probe
        .crowd(names.iter().map(|name| json!({"nickName": name})).collect())
        .await
}

/// A page by cursor.
async fn page(probe: &Probe<'_>, filter: &str, cursor: &str, rest: &str) -> Step<Reply> {
    probe.need(Feature::Cursor)?;
    probe
        .get(&format!(
            "/Users?filter={}&cursor={}{rest}",
            encoded(filter),
            encoded(cursor)
        ))
        .await
}

fn next(reply: &Reply) -> Option<&str> {
    reply.at("/nextCursor").as_str()
}

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "sorting_orders",
            "SORT-001 SORT-002",
            "Order lists by sortBy, ascending unless told.",
            |c| {
                let (filter, users) = nicked(c, &["b", "a", "c"]).await?;
                let [b, a, z] = [&users[0], &users[1], &users[2]];
                in_order(&sorted(c, &filter, "sortBy=nickName").await?, &[a, b, z])?;
                in_order(
                    &sorted(c, &filter, "sortBy=nickName&sortOrder=descending").await?,
                    &[z, b, a],
                )?;
            }
        ),
        check!(
            "a_foreign_sort_order_is_refused",
            "SORT-002",
            "Answer 400 to a sortOrder that is neither ascending nor descending.",
            |c| {
                let (filter, _) = nicked(c, &["a"]).await?;
                sorted(c, &filter, "sortBy=nickName&sortOrder=sideways")
                    .await?
                    .refused(&[400])?;
            }
        )
        .graded(Level::Should),
        check!(
            "sorting_heeds_case_exact",
            "SORT-003",
            "Sort case-insensitive strings without regard to case.",
            |c| {
                let (filter, users) = nicked(c, &["B", "a", "c"]).await?;
                in_order(
                    &sorted(c, &filter, "sortBy=nickName").await?,
                    &[&users[1], &users[0], &users[2]],
                )?;
            }
        ),
        check!(
            "sorting_heeds_the_type",
            "SORT-004",
            "Sort times as times.",
            |c| {
                let (filter, users) = nicked(c, &["a", "b"]).await?;
                let reply = sorted(c, &filter, "sortBy=meta.created").await?;
                expect(reply.ids()?.len() == users.len(), || {
                    "sorting by meta.created lost resources".to_owned()
                })?;
                let times: Vec<_> = reply
                    .list()?
                    .iter()
                    .map(|user| user["meta"]["created"].as_str())
                    .collect();
                expect(times.is_sorted(), || {
                    format!("sorted by meta.created: {times:?}")
                })?;
            }
        ),
        check!(
            "sorting_takes_the_primary_value",
            "SORT-005",
            "Sort multi-valued attributes by their primary value.",
            |c| {
                let mail = |first: &str, primary: &str| json!({"emails": [{"value": first, "type": "home"}, {"value": primary, "type": "work", "primary": true}]});
                let n = c.name();
                let more = vec![
                    mail(&format!("a{n}@x.example"), &format!("z{n}@x.example")),
                    mail(&format!("y{n}@x.example"), &format!("b{n}@x.example")),
                ];
                let (filter, users) = c.crowd(more).await?;
                in_order(
                    &sorted(c, &filter, "sortBy=emails.value").await?,
                    &[&users[1], &users[0]],
                )?;
            }
        ),
        check!(
            "complex_attributes_are_not_sorted",
            "SORT-006",
            "Answer 400 to sortBy=name; sortBy=name.familyName is fine.",
            |c| {
                let (filter, users) = nicked(c, &["a"]).await?;
                in_order(
                    &sorted(c, &filter, "sortBy=name.familyName").await?,
                    &[&users[0]],
                )?;
                sorted(c, &filter, "sortBy=name").await?.refused(&[400])?;
            }
        ),
        check!(
            "what_has_no_value_sorts_last",
            "SORT-007",
            "Sort resources without the value last, descending first.",
            |c| {
                let (filter, users) = c.crowd(vec![json!({}), json!({"nickName": "a"})]).await?;
                in_order(
                    &sorted(c, &filter, "sortBy=nickName").await?,
                    &[&users[1], &users[0]],
                )?;
                in_order(
                    &sorted(c, &filter, "sortBy=nickName&sortOrder=descending").await?,
                    &[&users[0], &users[1]],
                )?;
            }
        ),
        check!(
            "sorting_takes_urns",
            "SORT-008",
            "Accept URNs in sortBy.",
            |c| {
                c.need(Feature::Enterprise)?;
                let employee = |number: &str| json!({"schemas": [USER, ENTERPRISE], ENTERPRISE: {"employeeNumber": number}});
                let (filter, users) = c.crowd(vec![employee("2"), employee("1")]).await?;
                in_order(
                    &sorted(c, &filter, &format!("sortBy={ENTERPRISE}:employeeNumber")).await?,
                    &[&users[1], &users[0]],
                )?;
            }
        ),
        check!(
            "sorting_without_support_is_ignored",
            "SORT-009",
            "Ignore sortBy where sorting is not supported.",
            |c| {
                c.get("/Users?count=1&sortBy=userName").await?.list()?;
            }
        ),
        check!(
            "equal_keys_keep_their_order",
            "SORT-010",
            "Break ties by id, so that pages do not overlap.",
            |c| {
                let (filter, users) = nicked(c, &["x"; 6]).await?;
                let mut found = Vec::new();
                for start in [1, 3, 5] {
                    let reply = sorted(
                        c,
                        &filter,
                        &format!("sortBy=nickName&count=2&startIndex={start}"),
                    )
                    .await?;
                    found.extend(reply.ids()?.into_iter().map(str::to_owned));
                }
                found.sort_unstable();
                found.dedup();
                expect(found.len() == users.len(), || {
                    format!("pages of 6 equal keys show {} different users", found.len())
                })?;
            }
        ),
        check!(
            "start_index_begins_at_1",
            "PAGE-001",
            "Take a startIndex below 1 for 1.",
            |c| {
                c.new_user().await?;
                let first = c.get("/Users?startIndex=1&count=1").await?;
                for start in ["0", "-5"] {
                    let reply = c.get(&format!("/Users?startIndex={start}&count=1")).await?;
                    expect(reply.ids()? == first.ids()?, || {
                        format!("startIndex={start} shows another page than 1")
                    })?;
                }
            }
        ),
        check!(
            "count_is_a_maximum",
            "PAGE-002",
            "Never send more than count.",
            |c| {
                let (filter, _) = nicked(c, &["a", "b", "c"]).await?;
                let reply = c
                    .get(&format!("/Users?filter={}&count=2", encoded(&filter)))
                    .await?;
                expect(reply.list()?.len() <= 2, || {
                    format!(
                        "count=2 answered {} resources",
                        reply.list().map_or(0, <[_]>::len)
                    )
                })?;
            }
        ),
        check!(
            "a_negative_count_is_0",
            "PAGE-003",
            "Take a negative count for 0.",
            |c| {
                c.new_user().await?;
                let reply = c.get("/Users?count=-1").await?;
                expect(reply.list()?.is_empty() && reply.total()? > 0, || {
                    "count=-1 shows resources, or no total".to_owned()
                })?;
            }
        ),
        check!(
            "count_0_counts",
            "PAGE-004",
            "Answer count=0 with totalResults alone.",
            |c| {
                c.new_user().await?;
                let reply = c.get("/Users?count=0").await?;
                expect(reply.list()?.is_empty() && reply.total()? > 0, || {
                    "count=0 shows resources, or no total".to_owned()
                })?;
            }
        ),
        check!(
            "total_results_counts_all_matches",
            "PAGE-005",
            "Count all matches in totalResults, not the page.",
            |c| {
                let (filter, _) = nicked(c, &["a", "b", "c"]).await?;
                c.need(Feature::Filter)?;
                c.get(&format!("/Users?filter={}&count=1", encoded(&filter)))
                    .await?
                    .status(&[200])?
                    .is("/totalResults", 3)?;
            }
        ),
        check!(
            "past_the_end_is_an_empty_page",
            "PAGE-006",
            "Answer a startIndex past the end with an empty page.",
            |c| {
                c.new_user().await?;
                let reply = c.get("/Users?startIndex=9999999&count=5").await?;
                expect(reply.list()?.is_empty() && reply.total()? > 0, || {
                    "a page past the end shows resources, or no total".to_owned()
                })?;
            }
        ),
        check!(
            "a_count_is_a_number",
            "PAGE-007 CUR-010",
            "Answer 400 to a count that is no number.",
            |c| {
                c.get("/Users?count=abc").await?.refused(&[400])?;
            }
        ),
        check!(
            "start_index_is_echoed",
            "PAGE-008",
            "Send the startIndex of the page.",
            |c| {
                let (filter, _) = nicked(c, &["a", "b", "c"]).await?;
                c.need(Feature::Filter)?;
                c.get(&format!(
                    "/Users?filter={}&startIndex=2&count=1",
                    encoded(&filter)
                ))
                .await?
                .status(&[200])?
                .is("/startIndex", 2)?;
            }
        ),
        check!(
            "a_hundred_are_sent_if_asked",
            "PAGE-009 IOP-008",
            "Honour count up to 100.",
            |c| {
                let most = c.world.config["filter"]["maxResults"]
                    .as_u64()
                    .unwrap_or(100);
                expect(most == 0 || most >= 100, || {
                    format!("filter.maxResults is {most}")
                })?;
            }
        ),
        check!(
            "an_empty_cursor_begins",
            "CUR-001 CUR-002 CUR-006",
            "Begin at an empty cursor; send nextCursor with every page but the last.",
            |c| {
                let (filter, users) = nicked(c, &["a", "b", "c", "d", "e"]).await?;
                let mut found = Vec::new();
                let mut reply = page(c, &filter, "", "&count=2").await?;
                let mut sizes = vec![reply.list()?.len()];
                found.extend(reply.ids()?.into_iter().map(str::to_owned));
                while let Some(cursor) = next(&reply).map(str::to_owned) {
                    reply = page(c, &filter, &cursor, "&count=2").await?;
                    sizes.push(reply.list()?.len());
                    found.extend(reply.ids()?.into_iter().map(str::to_owned));
                    expect(sizes.len() <= 5, || "nextCursor never ends".to_owned())?;
                }
                found.sort_unstable();
                found.dedup();
                expect(found.len() == users.len(), || {
                    format!(
                        "5 users by cursor in pages of {sizes:?}: {} found",
                        found.len()
                    )
                })?;
            }
        ),
        check!(
            "the_previous_page_is_reached",
            "CUR-003",
            "Send previousCursor from the second page on, if at all.",
            |c| {
                let (filter, _) = nicked(c, &["a", "b", "c"]).await?;
                let first = page(c, &filter, "", "&count=1").await?;
                first.lacks("/previousCursor")?;
                let second = page(c, &filter, next(&first).unwrap_or_default(), "&count=1").await?;
                if let Some(previous) = second.at("/previousCursor").as_str() {
                    let again = page(c, &filter, previous, "&count=1").await?;
                    expect(again.ids()? == first.ids()?, || {
                        "previousCursor of page 2 does not lead to page 1".to_owned()
                    })?;
                }
            }
        ),
        check!(
            "cursors_need_no_encoding",
            "CUR-004",
            "Build cursors of unreserved characters (RFC 3986 section 2.3).",
            |c| {
                let (filter, _) = nicked(c, &["a", "b"]).await?;
                let reply = page(c, &filter, "", "&count=1").await?;
                let Some(cursor) = next(&reply) else {
                    return fail("page 1 of 2 has no nextCursor");
                };
                let plain = cursor
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
                expect(plain, || format!("the cursor is {cursor}"))?;
            }
        ),
        check!(
            "cursors_heed_count_0",
            "CUR-005",
            "Answer count=0 with totalResults alone, by cursor as well.",
            |c| {
                let (filter, _) = nicked(c, &["a", "b"]).await?;
                let reply = page(c, &filter, "", "&count=0").await?;
                expect(reply.list()?.is_empty(), || {
                    "count=0 shows resources".to_owned()
                })?;
            }
        ),
        check!(
            "a_cursor_belongs_to_its_query",
            "CUR-007",
            "Answer 400 to a cursor with another query.",
            |c| {
                let (filter, _) = nicked(c, &["a", "b", "c"]).await?;
                let first = page(c, &filter, "", "&count=1").await?;
                let cursor = next(&first).unwrap_or_default();
                page(c, "userName pr", cursor, "&count=1")
                    .await?
                    .refused(&[400])?;
            }
        ),
        check!(
            "a_false_cursor_is_refused",
            "CUR-008 CUR-017",
            "Answer 400 invalidCursor to cursors you did not give.",
            |c| {
                let (filter, _) = nicked(c, &["a", "b", "c"]).await?;
                page(c, &filter, "garbage", "&count=1")
                    .await?
                    .refused(&[400])?;
                let first = page(c, &filter, "", "&count=1").await?;
                let mut forged = next(&first).unwrap_or_default().to_owned();
                let last = forged.pop().unwrap_or('A');
                forged.push(if last == 'A' { 'Q' } else { 'A' });
                forged.insert(0, 'x');
                page(c, &filter, &forged, "&count=1")
                    .await?
                    .refused(&[400])?;
            }
        ),
        check!(
            "pages_by_cursor_are_sorted",
            "CUR-011",
            "Sort across pages by cursor.",
            |c| {
                let (filter, users) = nicked(c, &["c", "a", "b"]).await?;
                c.need(Feature::Sort)?;
                let first = page(c, &filter, "", "&count=2&sortBy=nickName").await?;
                in_order(&first, &[&users[1], &users[2]])?;
                let second = page(
                    c,
                    &filter,
                    next(&first).unwrap_or_default(),
                    "&count=2&sortBy=nickName",
                )
                .await?;
                in_order(&second, &[&users[0]])?;
            }
        ),
        check!(
            "the_default_method_is_the_announced",
            "CUR-013 CUR-012",
            "Page by index unless /ServiceProviderConfig says otherwise.",
            |c| {
                let (filter, _) = nicked(c, &["a", "b"]).await?;
                c.need(Feature::Cursor)?;
                let reply = c
                    .get(&format!("/Users?filter={}&count=1", encoded(&filter)))
                    .await?;
                let method = c.world.config["pagination"]["defaultPaginationMethod"]
                    .as_str()
                    .unwrap_or("index");
                if method == "index" {
                    reply.is("/startIndex", 1)?;
                } else {
                    reply.has("/nextCursor")?;
                }
            }
        ),
        check!(
            "a_search_message_has_a_cursor",
            "CUR-014",
            "Take cursor and count in search messages.",
            |c| {
                c.need(Feature::Cursor)?;
                let (filter, _) = nicked(c, &["a", "b"]).await?;
                let body = json!({"schemas": [SEARCH], "filter": filter, "cursor": "", "count": 1});
                c.post("/Users/.search", &body)
                    .await?
                    .status(&[200])?
                    .has("/nextCursor")?;
            }
        ),
        check!(
            "a_cursor_has_no_start_index",
            "CUR-015",
            "Answer 400 to cursor together with startIndex.",
            |c| {
                let (filter, _) = nicked(c, &["a"]).await?;
                page(c, &filter, "", "&startIndex=2")
                    .await?
                    .refused(&[400])?;
            }
        ),
        check!(
            "deletes_between_pages_lose_nobody",
            "CUR-018",
            "Page by key, not by position.",
            |c| {
                let (filter, users) = nicked(c, &["a", "b", "c", "d"]).await?;
                let first = page(c, &filter, "", "&count=2").await?;
                for id in first.ids()? {
                    c.delete(&format!("/Users/{id}")).await?.status(&[204])?;
                }
                let second = page(c, &filter, next(&first).unwrap_or_default(), "&count=2").await?;
                expect(second.ids()?.len() == users.len() - 2, || {
                    format!(
                        "after page 1 was deleted, page 2 shows {} of 2",
                        second.ids().map_or(0, |ids| ids.len())
                    )
                })?;
            }
        ),
        check!(
            "search_messages_are_queries",
            "SRCH-001 SRCH-006",
            "Answer POST /Users/.search with 200 and a list.",
            |c| {
                let user = c.new_user().await?;
                c.need(Feature::Filter)?;
                let body = json!({"schemas": [SEARCH], "filter": format!("id eq \"{}\"", user.id)});
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
                let body = json!({"schemas": [SEARCH], "filter": format!("id eq \"{}\" or id eq \"{}\"", user.id, group.id)});
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
                let (filter, _) = nicked(c, &["a", "b"]).await?;
                let body = json!({"schemas": [SEARCH], "filter": filter, "attributes": ["userName", "name.givenName"], "startIndex": 2, "count": 1});
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
                let body = json!({"schemas": [SEARCH], "count": 1, "attributes": "userName"});
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
                        &json!({"schemas": [SEARCH], "filter": "id pr"}),
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
                c.get("/Me").await?.status(&[200, 308, 501, 404])?;
            }
        ),
        check!(
            "me_says_where_it_is",
            "ME-003",
            "Send the permanent Location with /Me.",
            |c| {
                let reply = c.get("/Me").await?;
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
