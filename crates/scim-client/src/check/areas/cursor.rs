//! Paging by cursor (RFC 9865).

use scim::message::SEARCH_REQUEST;
use serde_json::json;

use crate::check::{
    assertion::{Reply, Step, expect, fail},
    catalog::{Check, check},
    probe::{Feature, Probe, encoded},
};

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
            "an_empty_cursor_begins",
            "CUR-001 CUR-002 CUR-006",
            "Begin at an empty cursor; send nextCursor with every page but the last.",
            |c| {
                let (filter, users) = c.nicked(&["a", "b", "c", "d", "e"]).await?;
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
                let (filter, _) = c.nicked(&["a", "b", "c"]).await?;
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
                let (filter, _) = c.nicked(&["a", "b"]).await?;
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
                let (filter, _) = c.nicked(&["a", "b"]).await?;
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
                let (filter, _) = c.nicked(&["a", "b", "c"]).await?;
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
                let (filter, _) = c.nicked(&["a", "b", "c"]).await?;
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
                let (filter, users) = c.nicked(&["c", "a", "b"]).await?;
                c.need(Feature::Sort)?;
                let first = page(c, &filter, "", "&count=2&sortBy=nickName").await?;
                first.in_order(&[&users[1], &users[2]])?;
                let second = page(
                    c,
                    &filter,
                    next(&first).unwrap_or_default(),
                    "&count=2&sortBy=nickName",
                )
                .await?;
                second.in_order(&[&users[0]])?;
            }
        ),
        check!(
            "the_default_method_is_the_announced",
            "CUR-013 CUR-012",
            "Page by index unless /ServiceProviderConfig says otherwise.",
            |c| {
                let (filter, _) = c.nicked(&["a", "b"]).await?;
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
                let (filter, _) = c.nicked(&["a", "b"]).await?;
                let body = json!({
                    "schemas": [SEARCH_REQUEST],
                    "filter": filter,
                    "cursor": "",
                    "count": 1,
                });
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
                let (filter, _) = c.nicked(&["a"]).await?;
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
                let (filter, users) = c.nicked(&["a", "b", "c", "d"]).await?;
                let first = page(c, &filter, "", "&count=2").await?;
                let shown = first.ids()?;
                let own = users
                    .iter()
                    .filter(|user| shown.contains(&user.id.as_str()));
                let own: Vec<_> = own.collect();
                expect(own.len() == shown.len(), || {
                    "page 1 shows resources that the filter does not find".to_owned()
                })?;
                for user in own {
                    c.delete(&user.path).await?.status(&[204])?;
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
    ]
}
