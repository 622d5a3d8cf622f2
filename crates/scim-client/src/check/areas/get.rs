//! Reading one resource, and lists (RFC 7644 sections 3.4.1 and 3.4.2).

use serde_json::json;

use crate::{
    check::{
        assertion::{Stop, expect, fail},
        catalog::{Check, check},
        operation::replace,
        probe::{Feature, encoded},
    },
    resource::ENTERPRISE,
};

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "a_resource_is_read_by_its_id",
            "GET-001 GET-006",
            "Answer GET of a resource with 200 and the resource, schemas included.",
            |c| {
                let user = c.new_user().await?;
                c.read(&user.path)
                    .await?
                    .is("/id", user.id.clone())?
                    .has("/schemas")?
                    .is("/userName", user.name.clone())?;
            }
        ),
        check!(
            "an_answer_says_where_it_is",
            "GET-002",
            "Send meta.location (and ETag where announced) with GET.",
            |c| {
                let user = c.new_user().await?;
                let read = c.read(&user.path).await?;
                expect(read.text("/meta/location").ends_with(&user.path), || {
                    format!("meta.location is {}", read.at("/meta/location"))
                })?;
                if c.world.has(Feature::Etag) {
                    expect(read.header("etag").is_some(), || {
                        "there is no ETag".to_owned()
                    })?;
                }
            }
        ),
        check!(
            "content_location_is_the_location",
            "GET-003",
            "Let Content-Location be meta.location where you send it.",
            |c| {
                let read = c.read(&c.new_user().await?.path).await?;
                if let Some(location) = read.header("content-location") {
                    read.is("/meta/location", location)?;
                }
            }
        ),
        check!(
            "an_unknown_id_is_404",
            "GET-004",
            "Answer 404 in SCIM's error form to unknown ids.",
            |c| {
                c.get("/Users/01020304-0000-4000-8000-00000000dead")
                    .await?
                    .refused(&[404])?;
                c.get("/Users/no.such-id").await?.refused(&[404])?;
            }
        ),
        check!(
            "ids_are_stable_and_case_exact",
            "GET-005 IOP-005",
            "Give ids once, compare them by case, and find users by nothing else in \
                the path.",
            |c| {
                let user = c.new_user().await?;
                expect(!user.id.is_empty() && !user.id.contains("bulkId"), || {
                    format!("the id is {:?}", user.id)
                })?;
                let other = user.id.to_uppercase();
                if other != user.id {
                    c.get(&format!("/Users/{other}")).await?.status(&[404])?;
                }
                c.get(&format!("/Users/{}", user.name))
                    .await?
                    .status(&[404])?;
            }
        ),
        check!(
            "extensions_stand_under_their_urn",
            "GET-007 GET-006 USR-013",
            "Put extension attributes under their schema's URN, and the URN into schemas.",
            |c| {
                let user = c
                    .employee(json!({"employeeNumber": "701984", "department": "Tools"}))
                    .await?;
                let read = c.read(&user.path).await?;
                read.is(&format!("/{ENTERPRISE}/employeeNumber"), "701984")?;
                expect(read.names_schema(ENTERPRISE), || {
                    "schemas does not list the extension in use".to_owned()
                })?;
            }
        ),
        check!(
            "a_filter_on_one_resource_does_no_harm",
            "GET-009",
            "Apply or ignore a filter on a single resource.",
            |c| {
                let user = c.new_user().await?;
                let reply = c
                    .get(&format!("{}?filter=userName%20pr", user.path))
                    .await?;
                reply.status(&[200, 400, 403])?;
            }
        ),
        check!(
            "changes_move_last_modified",
            "GET-011 PAT-026",
            "Move meta.lastModified with each change, never meta.created.",
            |c| {
                let user = c.new_user().await?;
                let before = c.read(&user.path).await?;
                expect(
                    before.at("/meta/created") == before.at("/meta/lastModified"),
                    || "a new resource was modified after it was created".to_owned(),
                )?;
                // A server may keep whole seconds.
                tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
                let after = c.patched(&user.path, replace("title", "Lead")).await?;
                after.is("/meta/created", before.at("/meta/created").clone())?;
                expect(
                    after.at("/meta/lastModified") != before.at("/meta/lastModified"),
                    || "meta.lastModified did not move with a change".to_owned(),
                )?;
            }
        ),
        check!(
            "lists_have_their_form",
            "LIST-001 LIST-002",
            "Answer lists as ListResponse with an integer totalResults, and Resources \
                also when empty.",
            |c| {
                let user = c.new_user().await?;
                let all = c.get("/Users?count=1").await?;
                expect(all.total()? >= 1 && all.list()?.len() == 1, || {
                    "a list of at least one user shows none".to_owned()
                })?;
                c.finds(
                    "/Users",
                    &format!("userName eq \"{}\"", user.name),
                    &[&user],
                )
                .await?;
            }
        ),
        check!(
            "no_match_is_an_empty_list",
            "LIST-003",
            "Answer a filter without matches with 200 and totalResults 0.",
            |c| {
                let reply = c
                    .filter("/Users", "userName eq \"provisor-check-nobody\"")
                    .await?;
                reply.finds(&[])?.is("/totalResults", 0)?;
            }
        ),
        check!(
            "a_page_says_what_it_is",
            "LIST-004 PAGE-002 PAGE-005",
            "Send startIndex and itemsPerPage with partial results, totalResults for \
                all matches.",
            |c| {
                let (filter, _) = c.crowd(vec![json!({}), json!({}), json!({})]).await?;
                let list = c.listing(&filter).await?;
                let reply = c.get(&format!("{}count=2", list.path)).await?;
                reply.is("/startIndex", 1)?.is("/itemsPerPage", 2)?;
                list.has(&reply, 3)?;
                let sent = reply.list()?.len();
                expect(sent == 2, || format!("{sent} resources with count=2"))?;
            }
        ),
        check!(
            "the_root_lists_every_type",
            "LIST-005 LIST-006 SRCH-002",
            "Answer a query at the root over all resource types, or 404/501 without \
                support.",
            |c| {
                let (user, group) = (c.new_user().await?, c.new_group(&[]).await?);
                c.need(Feature::Filter)?;
                let filter = format!("id eq \"{}\" or id eq \"{}\"", user.id, group.id);
                let reply = c.get(&format!("/?filter={}", encoded(&filter))).await?;
                if [404, 405, 501, 400, 403].contains(&reply.status_code()) {
                    return Err(Stop::Skipped("the root answers no queries".to_owned()));
                }
                reply.finds(&[&user.id, &group.id])?;
                let only = format!("userName eq \"{}\"", user.name);
                c.get(&format!("/?filter={}", encoded(&only)))
                    .await?
                    .finds(&[&user.id])?;
            }
        ),
        check!(
            "no_page_is_larger_than_announced",
            "LIST-008 IOP-008",
            "Cut count to filter.maxResults instead of refusing it.",
            |c| {
                c.new_user().await?;
                let reply = c.get("/Users?count=1000000").await?;
                let most = c.world.config["filter"]["maxResults"]
                    .as_u64()
                    .filter(|most| *most > 0)
                    .unwrap_or(u64::MAX);
                let sent = reply.list()?.len() as u64;
                expect(sent <= most, || {
                    format!("{sent} resources, maxResults is {most}")
                })?;
            }
        ),
        check!(
            "paging_shows_each_resource_once",
            "LIST-009 SORT-010",
            "Keep a stable order, so that pages neither repeat nor skip.",
            |c| {
                let (filter, users) = c.crowd(vec![json!({}); 7]).await?;
                let list = c.listing(&filter).await?;
                let mut expected: Vec<_> = users.into_iter().map(|user| user.id).collect();
                let mut found = Vec::new();
                for start in [1, 3, 5, 7] {
                    let reply = c
                        .get(&format!("{}startIndex={start}&count=2", list.path))
                        .await?;
                    found.extend(reply.ids()?.into_iter().map(str::to_owned));
                }
                expected.sort_unstable();
                found.sort_unstable();
                if list.is_narrowed && found != expected {
                    return fail(format!("walking 7 users by 2 gave {} of them", found.len()));
                }
                let sent = found.len();
                found.dedup();
                if found.len() != sent || sent < 7 {
                    return fail(format!(
                        "four pages of 2 of {} or more users gave {sent}, {} of them different",
                        expected.len(),
                        found.len()
                    ));
                }
            }
        ),
        check!(
            "lists_show_inactive_users",
            "USR-005",
            "Keep inactive users in lists and filters; a client that cannot see them \
                creates them again.",
            |c| {
                let user = c.user_with(json!({"active": false})).await?;
                c.read(&user.path).await?.is("/active", false)?;
                c.finds(
                    "/Users",
                    &format!("userName eq \"{}\"", user.name),
                    &[&user],
                )
                .await?;
                c.compares(
                    "/Users",
                    &format!("id eq \"{}\" and active eq false", user.id),
                    &[&user],
                )
                .await?;
            }
        )
        .grave(),
    ]
}
