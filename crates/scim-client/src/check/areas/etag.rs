//! Versions and preconditions (RFC 7644 section 3.14), and the form of errors (section 3.12).

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::{
    check::{
        assertion::{Reply, Step, expect},
        catalog::{Check, check},
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
    let request = patch(
        &user.path,
        json!([{"op": "replace", "path": "title", "value": probe.name()}]),
    );
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
    let mut all = tags();
    all.extend(errors());
    all
}

fn tags() -> Vec<Check> {
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
                let after = c
                    .patched(
                        &user.path,
                        json!([{"op": "replace", "path": "title", "value": "Lead"}]),
                    )
                    .await?;
                expect(after.header("etag") != Some(tag.as_str()), || {
                    format!("the tag is still {tag}")
                })?;
                let group = c.new_group(&[]).await?;
                let before = c.read(&group.path).await?.header("etag").map(str::to_owned);
                let after = c
                    .patched(
                        &group.path,
                        json!([{"op": "add", "path": "members", "value": [{"value": user.id}]}]),
                    )
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
                    let request = patch(
                        &user.path,
                        json!([{"op": "replace", "path": "title", "value": format!("t{n}")}]),
                    );
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

/// A refusal of this status whose scimType is one of these, if RFC 7644 has a keyword for it.
fn keyword(reply: &Reply, status: u16, kinds: &[&str]) -> Step {
    reply.refused(&[status])?.kind(kinds).map(|_| ())
}

fn errors() -> Vec<Check> {
    vec![
        check!(
            "errors_have_their_form",
            "ERR-001",
            "Send errors as application/scim+json: schemas, status as a string, detail.",
            |c| {
                let replies = [
                    c.get("/Users/nobody-has-this-id").await?,
                    c.post("/Users", &c.user(json!({"userName": null}))).await?,
                    c.put("/Users/nobody-has-this-id", &c.user(json!({})))
                        .await?,
                ];
                for reply in &replies {
                    reply
                        .says_error()?
                        .is("/status", reply.status_code().to_string())?;
                    let kind = reply.header("content-type").unwrap_or("none");
                    expect(kind.starts_with("application/scim+json"), || {
                        format!("an error is sent as {kind}")
                    })?;
                }
            }
        ),
        check!(
            "keywords_are_those_of_the_standard",
            "ERR-002",
            "Use the scimType keywords of RFC 7644 table 9 and RFC 9865.",
            |c| {
                let known = [
                    "invalidFilter",
                    "tooMany",
                    "uniqueness",
                    "mutability",
                    "invalidSyntax",
                    "invalidPath",
                    "noTarget",
                    "invalidValue",
                    "invalidVers",
                    "sensitive",
                    "invalidCursor",
                    "expiredCursor",
                    "invalidCount",
                ];
                let replies = [
                    c.post("/Users", &json!([])).await?,
                    c.post("/Users", &c.user(json!({"userName": null}))).await?,
                    c.get("/Users?filter=nonsense").await?,
                ];
                for reply in &replies {
                    let kind = reply.at("/scimType");
                    let fits =
                        kind.is_null() || kind.as_str().is_some_and(|kind| known.contains(&kind));
                    expect(fits, || format!("scimType is {kind}"))?;
                }
            }
        ),
        check!(
            "a_broken_body_is_invalid_syntax",
            "ERR-003 HTTP-025",
            "Say invalidSyntax for a body that cannot be read.",
            |c| {
                let request = with_query(Method::POST, "/Users")
                    .json(&Value::Null)
                    .bytes("{");
                keyword(&c.send(request).await?, 400, &["invalidSyntax"])?;
            }
        ),
        check!(
            "a_missing_value_is_invalid_value",
            "ERR-003 POST-009",
            "Say invalidValue for a required attribute that is missing.",
            |c| {
                keyword(
                    &c.post("/Users", &c.user(json!({"userName": null}))).await?,
                    400,
                    &["invalidValue"],
                )?;
            }
        ),
        check!(
            "a_broken_filter_is_invalid_filter",
            "ERR-003 FLT-027",
            "Say invalidFilter for a filter that cannot be read.",
            |c| {
                c.need(Feature::Filter)?;
                keyword(
                    &c.filter("/Users", "userName eq").await?,
                    400,
                    &["invalidFilter"],
                )?;
            }
        ),
        check!(
            "a_broken_path_is_invalid_path",
            "ERR-003 PAT-012 PAT-015",
            "Say invalidPath for a path that cannot be read or leads nowhere.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c.new_user().await?;
                let reply = c
                    .patch(
                        &user.path,
                        json!([{"op": "replace", "path": "emails[", "value": "x"}]),
                    )
                    .await?;
                keyword(&reply, 400, &["invalidPath", "invalidFilter"])?;
            }
        ),
        check!(
            "a_patch_of_read_only_is_mutability",
            "ERR-003 PAT-020",
            "Say mutability for a PATCH of what the client may not change.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c.new_user().await?;
                keyword(
                    &c.patch(
                        &user.path,
                        json!([{"op": "replace", "path": "id", "value": "x"}]),
                    )
                    .await?,
                    400,
                    &["mutability"],
                )?;
            }
        ),
        check!(
            "a_remove_without_path_is_no_target",
            "ERR-003 REM-001",
            "Say noTarget for remove without a path.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c.new_user().await?;
                keyword(
                    &c.patch(&user.path, json!([{"op": "remove"}])).await?,
                    400,
                    &["noTarget"],
                )?;
            }
        ),
        check!(
            "errors_of_http_are_scim_errors",
            "ERR-008",
            "Send 404, 405 and 415 in SCIM's error form as well.",
            |c| {
                let text = header::HeaderValue::from_static("text/plain");
                let request = Request::new(Method::POST, "/Users")
                    .header(header::CONTENT_TYPE, text)
                    .bytes("x");
                for reply in [
                    c.send(request).await?,
                    c.send(Request::new(Method::PUT, "/Users")).await?,
                ] {
                    if !reply.is_success() {
                        reply.says_error()?;
                    }
                }
            }
        ),
        check!(
            "errors_say_what_is_wrong",
            "ERR-009 ERR-006",
            "Say in detail what is wrong; show no internals and nobody else's data.",
            |c| {
                let user = c.new_user().await?;
                let reply = c
                    .post("/Users", &c.user(json!({"userName": user.name})))
                    .await?;
                reply.refused(&[409])?.has("/detail")?;
                let internals = [
                    "constraint failed",
                    "duplicate key value",
                    "Traceback",
                    "at java.",
                    "node_modules",
                    "panicked",
                ];
                let shown = internals
                    .iter()
                    .find(|text| reply.text("/detail").contains(**text));
                expect(shown.is_none(), || {
                    format!("detail shows internals: {}", reply.text("/detail"))
                })?;
            }
        ),
    ]
}
