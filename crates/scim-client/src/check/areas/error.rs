//! The form of errors and their keywords (RFC 7644 section 3.12).

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::{
    check::{
        Profile,
        assertion::{Reply, Step, expect},
        catalog::{Check, check},
        operation::replace,
        probe::{Feature, with_query},
    },
    exchange::Request,
};

/// A refusal of this status whose scimType is one of these, if RFC 7644 has a keyword for it.
fn keyword(reply: &Reply, status: u16, kinds: &[&str]) -> Step {
    reply.refused(&[status])?.kind(kinds).map(|_| ())
}

pub(super) fn checks() -> Vec<Check> {
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
                let reply = c.patch(&user.path, replace("emails[", "x")).await?;
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
                    &c.patch(&user.path, replace("id", "x")).await?,
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
        )
        .not(Profile::NARROW),
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
