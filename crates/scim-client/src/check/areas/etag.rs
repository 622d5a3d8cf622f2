//! Versions and preconditions (RFC 7644 section 3.14).

use reqwest::{Method, header};
use serde_json::json;

use crate::{
    check::{
        assertion::{Reply, Step, expect},
        catalog::{Check, check},
        operation::{add, members, replace},
        probe::{Feature, Made, Probe, patch, with_query},
    },
    exchange::Request,
};

/// A request with a precondition.
fn when(request: Request, name: header::HeaderName, tag: &str) -> Request {
    match header::HeaderValue::from_str(tag) {
        Ok(value) => request.header(name, value),
        Err(_) => request,
    }
}

/// A PATCH of the title under a precondition.
async fn patch_if(probe: &Probe<'_>, user: &Made, tag: &str) -> Step<Reply> {
    let request = patch(&user.path, replace("title", probe.name()));
    probe.send(when(request, header::IF_MATCH, tag)).await
}

/// A user with its tag.
async fn tagged(probe: &Probe<'_>) -> Step<(Made, String)> {
    probe.need(Feature::Etag)?;
    probe.need(Feature::Patch)?;
    let user = probe.new_user().await?;
    let tag = probe
        .read(&user.path)
        .await?
        .header("etag")
        .unwrap_or_default()
        .to_owned();
    Ok((user, tag))
}

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "answers_have_tags",
            "ETAG-001 ETAG-002 ETAG-003",
            "Send ETag with GET, POST, PUT and PATCH, equal to meta.version.",
            |c| {
                let (user, tag) = tagged(c).await?;
                let read = c.read(&user.path).await?;
                read.is("/meta/version", tag.clone())?;
                let put = c
                    .put(&user.path, &c.user(json!({"userName": user.name})))
                    .await?;
                let patched = patch_if(c, &user, "*").await?;
                for reply in [&put, &patched] {
                    expect(reply.header("etag").is_some(), || {
                        "an answer has no ETag".to_owned()
                    })?;
                }
            }
        ),
        check!(
            "tags_have_their_form",
            "ETAG-004",
            "Write tags as W/\"…\" or \"…\".",
            |c| {
                let (_, tag) = tagged(c).await?;
                let strong = tag.strip_prefix("W/").unwrap_or(&tag);
                expect(
                    strong.len() >= 2 && strong.starts_with('"') && strong.ends_with('"'),
                    || format!("the tag is {tag}"),
                )?;
            }
        ),
        check!(
            "an_unchanged_resource_is_304",
            "ETAG-005",
            "Answer 304 without body to If-None-Match with the current tag.",
            |c| {
                let (user, tag) = tagged(c).await?;
                let reply = c
                    .send(when(Request::get(&user.path), header::IF_NONE_MATCH, &tag))
                    .await?;
                reply.status(&[304])?;
                expect(reply.answer.body.is_empty(), || {
                    "304 with a body".to_owned()
                })?;
                c.send(when(
                    Request::get(&user.path),
                    header::IF_NONE_MATCH,
                    "W/\"provisor-check-old\"",
                ))
                .await?
                .status(&[200])?;
            }
        ),
        check!(
            "an_old_version_is_not_overwritten",
            "ETAG-006 ETAG-011",
            "Answer 412 to PUT and PATCH with an old version.",
            |c| {
                let (user, tag) = tagged(c).await?;
                patch_if(c, &user, &tag).await?.status(&[200, 204])?;
                patch_if(c, &user, &tag).await?.refused(&[412])?;
                let put = with_query(Method::PUT, &user.path)
                    .json(&c.user(json!({"userName": user.name})));
                c.send(when(put, header::IF_MATCH, &tag))
                    .await?
                    .refused(&[412])?;
            }
        ),
        check!(
            "lists_of_tags_are_read",
            "ETAG-007",
            "Read If-Match: * and lists of tags.",
            |c| {
                let (user, tag) = tagged(c).await?;
                patch_if(c, &user, "*").await?.status(&[200, 204])?;
                let tag = c
                    .read(&user.path)
                    .await?
                    .header("etag")
                    .unwrap_or(&tag)
                    .to_owned();
                patch_if(c, &user, &format!("\"other\", {tag}"))
                    .await?
                    .status(&[200, 204])?;
            }
        ),
        check!(
            "if_none_match_star_guards_a_put",
            "ETAG-008",
            "Answer 412 to PUT with If-None-Match: *, or ignore it.",
            |c| {
                let (user, _) = tagged(c).await?;
                let put = with_query(Method::PUT, &user.path)
                    .json(&c.user(json!({"userName": user.name})));
                c.send(when(put, header::IF_NONE_MATCH, "*"))
                    .await?
                    .status(&[412, 200])?;
            }
        ),
        check!(
            "changes_change_the_tag",
            "ETAG-009 PAT-026",
            "Give a new tag with each change, members included.",
            |c| {
                let (user, tag) = tagged(c).await?;
                let after = c.patched(&user.path, replace("title", "Lead")).await?;
                expect(after.header("etag") != Some(tag.as_str()), || {
                    format!("the tag is still {tag}")
                })?;
                let group = c.new_group(&[]).await?;
                let before = c.read(&group.path).await?.header("etag").map(str::to_owned);
                let after = c
                    .patched(&group.path, add("members", members(&[&user])))
                    .await?;
                expect(after.header("etag") != before.as_deref(), || {
                    "a new member left the group's tag as it was".to_owned()
                })?;
            }
        ),
        check!(
            "one_of_two_conditional_writes_wins",
            "ETAG-010",
            "Compare versions inside the transaction of the write.",
            |c| {
                let (user, tag) = tagged(c).await?;
                let requests = (0..8).map(|n| {
                    let request = patch(&user.path, replace("title", format!("t{n}")));
                    when(request, header::IF_MATCH, &tag)
                });
                let replies = c.together(requests.collect()).await?;
                let won = replies.iter().filter(|reply| reply.is_success()).count();
                expect(won == 1, || {
                    format!("{won} of 8 parallel writes with the same If-Match succeeded")
                })?;
            }
        )
        .grave(),
        check!(
            "false_preconditions_do_no_harm",
            "ETAG-012",
            "Answer 412 or 400 to an If-Match that is no tag.",
            |c| {
                let (user, _) = tagged(c).await?;
                patch_if(c, &user, "xyz")
                    .await?
                    .status(&[412, 400, 200, 204])?;
            }
        ),
    ]
}
