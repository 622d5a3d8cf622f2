//! HTTP: methods, media types, encodings, paths (RFC 7644 section 3).

use reqwest::{Method, header};
use serde_json::json;

use crate::{
    check::{
        assertion::{Reply, Step, expect, fail},
        catalog::{Check, check},
        probe::{Probe, with_query},
    },
    exchange::Request,
    resource::USER,
};

/// POST of a user with this `Content-Type`; none without one.
async fn post_as(probe: &Probe<'_>, content_type: Option<&'static str>) -> Step<Reply> {
    let mut request = Request::new(Method::POST, "/Users").json(&probe.user(json!({})));
    request.headers.remove(header::CONTENT_TYPE);
    if let Some(content_type) = content_type {
        request = request.header(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static(content_type),
        );
    }
    probe.send(request).await
}

/// GET of the users with this `Accept`.
async fn accepting(probe: &Probe<'_>, accept: &'static str) -> Step<Reply> {
    let value = header::HeaderValue::from_static(accept);
    probe
        .send(
            Request::get("/Users")
                .query("count=1")
                .header(header::ACCEPT, value),
        )
        .await
}

fn content_type(reply: &Reply) -> &str {
    reply.header("content-type").unwrap_or("none")
}

fn is_scim(reply: &Reply) -> Step {
    let found = content_type(reply).to_ascii_lowercase();
    expect(found.starts_with("application/scim+json"), || {
        format!("Content-Type is {found}, expected application/scim+json")
    })
}

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "every_verb_is_answered_at_its_endpoint",
            "HTTP-001",
            "Route GET and POST on /Users and GET, PUT and DELETE on /Users/{id}.",
            |c| {
                let user = c.new_user().await?;
                c.get("/Users?count=1").await?.status(&[200])?;
                c.get(&user.path).await?.status(&[200])?;
                c.put(&user.path, &c.user(json!({})))
                    .await?
                    .status(&[200])?;
                c.delete(&user.path).await?.status(&[204])?;
            }
        ),
        check!(
            "put_does_not_create",
            "HTTP-002 PUT-010",
            "Answer 404 to a PUT of an unknown id.",
            |c| {
                let body = c.user(json!({}));
                let reply = c
                    .put("/Users/01020304-0000-4000-8000-00000000dead", &body)
                    .await?;
                reply.status(&[404])?;
            }
        ),
        check!(
            "resource_types_lead_to_their_endpoints",
            "HTTP-003",
            "Let each endpoint of /ResourceTypes answer GET with a list.",
            |c| {
                for found in &c.world.types {
                    let endpoint = found["endpoint"].as_str().unwrap_or_default();
                    let path = endpoint
                        .strip_prefix(c.world.client.base())
                        .unwrap_or(endpoint);
                    c.get(&format!("{path}?count=1")).await?.list()?;
                }
            }
        ),
        check!(
            "an_error_repeats_its_status",
            "HTTP-004",
            "Put the status code as a string into the error's body.",
            |c| {
                let reply = c.get("/Users/nobody-has-this-id").await?;
                reply.refused(&[404])?.is("/status", "404")?;
            }
        ),
        check!(
            "undefined_methods_are_refused",
            "HTTP-005",
            "Answer 405 (with Allow) or 501 to methods an endpoint does not define.",
            |c| {
                for (method, path) in [
                    // Not DELETE: a server that knows it there would be emptied.
                    (Method::PUT, "/Users"),
                    (Method::PATCH, "/Users"),
                    (Method::PATCH, "/Groups"),
                ] {
                    let reply = c.send(Request::new(method, path)).await?;
                    // 415: some look at the media type first.
                    reply.status(&[405, 501, 404, 403, 400, 415])?;
                }
            }
        ),
        check!(
            "an_unknown_endpoint_is_404",
            "HTTP-006",
            "Answer unknown endpoints with 404 in SCIM's error form.",
            |c| {
                c.get("/NoSuchEndpoint").await?.refused(&[404])?;
            }
        ),
        check!(
            "unicode_comes_back_as_it_was_sent",
            "HTTP-007",
            "Read and write JSON as UTF-8.",
            |c| {
                let name = "Zoë 李 🚀";
                let user = c.user_with(json!({"displayName": name})).await?;
                c.read(&user.path).await?.is("/displayName", name)?;
            }
        ),
        check!(
            "scim_json_is_accepted",
            "HTTP-008",
            "Accept Content-Type: application/scim+json.",
            |c| {
                post_as(c, Some("application/scim+json"))
                    .await?
                    .status(&[201])?;
            }
        ),
        check!(
            "plain_json_is_accepted",
            "HTTP-009",
            "Accept Content-Type: application/json; several identity providers send it.",
            |c| {
                post_as(c, Some("application/json; charset=utf-8"))
                    .await?
                    .status(&[201])?;
            }
        ),
        check!(
            "accept_scim_json_is_honoured",
            "HTTP-010",
            "Answer Accept: application/scim+json with that type.",
            |c| {
                is_scim(
                    accepting(c, "application/scim+json")
                        .await?
                        .status(&[200])?,
                )?;
            }
        ),
        check!(
            "accept_json_is_honoured",
            "HTTP-011",
            "Answer Accept: application/json with JSON, not 406.",
            |c| {
                let reply = accepting(c, "application/json").await?;
                reply.status(&[200])?;
                expect(content_type(&reply).contains("json"), || {
                    format!("Content-Type is {}", content_type(&reply))
                })?;
            }
        ),
        check!(
            "without_accept_the_answer_is_scim_json",
            "HTTP-012",
            "Answer with Content-Type: application/scim+json unless another type is \
                asked for.",
            |c| {
                is_scim(accepting(c, "*/*").await?.status(&[200])?)?;
            }
        ),
        check!(
            "accept_lists_are_negotiated",
            "HTTP-013",
            "Negotiate Accept by its q-values.",
            |c| {
                let reply = accepting(c, "text/html;q=0.5, application/scim+json").await?;
                is_scim(reply.status(&[200])?)?;
                accepting(c, "text/html").await?.status(&[200, 406])?;
            }
        ),
        check!(
            "a_foreign_media_type_is_refused",
            "HTTP-014",
            "Answer 415 to bodies that are not JSON.",
            |c| {
                let request = Request::new(Method::POST, "/Users");
                let request = request.header(
                    header::CONTENT_TYPE,
                    header::HeaderValue::from_static("text/xml"),
                );
                c.send(request.bytes("<user/>"))
                    .await?
                    .status(&[415, 400])?;
            }
        ),
        check!(
            "a_suffix_is_no_server_error",
            "HTTP-015",
            "Answer /Users/{id}.scim with the user or with 404.",
            |c| {
                let user = c.new_user().await?;
                c.get(&format!("{}.scim", user.path))
                    .await?
                    .status(&[200, 404, 400])?;
            }
        ),
        check!(
            "a_charset_parameter_does_no_harm",
            "HTTP-016",
            "Accept Content-Type: application/scim+json; charset=UTF-8.",
            |c| {
                post_as(c, Some("application/scim+json; charset=UTF-8"))
                    .await?
                    .status(&[201])?;
            }
        ),
        check!(
            "an_answer_shows_what_is_stored",
            "HTTP-019",
            "Answer with the resource as stored, not with what was sent.",
            |c| {
                let made = c
                    .user_with(json!({"id": "chosen-by-client", "nickName": "Lee"}))
                    .await?;
                let read = c.read(&made.path).await?;
                read.is("/nickName", made.reply.at("/nickName").clone())?;
                read.is("/id", made.id.clone())?;
            }
        ),
        check!(
            "unknown_query_parameters_are_ignored",
            "HTTP-021",
            "Ignore query parameters you do not know.",
            |c| {
                c.get("/Users?count=1&provisorCheck=1").await?.list()?;
            }
        ),
        check!(
            "the_order_of_members_does_not_matter",
            "HTTP-022 POST-013",
            "Do not depend on the order of JSON members, nor on schemas standing first.",
            |c| {
                let name = c.name();
                let body = format!(
                    r#"{{"userName":"{name}@example.com","name":{{"familyName":"Check","givenName":"Lena"}},"emails":[{{"primary":true,"type":"work","value":"{name}@example.com"}}],"active":true,"schemas":["{USER}"]}}"#
                );
                let request = with_query(Method::POST, "/Users")
                    .json(&json!(null))
                    .bytes(body);
                c.send(request).await?.status(&[201])?;
            }
        ),
        check!(
            "attribute_names_have_no_case",
            "HTTP-023",
            "Compare attribute names without regard to case (RFC 7643 section 2.1).",
            |c| {
                let user = c.user(json!({}));
                let body = json!({
                    "SCHEMAS": [USER], "USERNAME": user["userName"], "Name": {"FAMILYNAME": "Check", "givenname": "Lena"},
                    "EMAILS": user["emails"], "Active": true,
                });
                let made = c.made("/Users", &body).await?;
                let read = c.read(&made.path).await?;
                read.is("/userName", user["userName"].clone())?
                    .is("/name/familyName", "Check")?;
            }
        ),
        check!(
            "a_member_twice_is_refused",
            "HTTP-024",
            "Refuse an object that has a member twice: two readers could understand \
                it differently.",
            |c| {
                let name = c.name();
                let body = format!(
                    r#"{{"schemas":["{USER}"],"userName":"{name}-a","username":"{name}-b"}}"#
                );
                c.send(
                    with_query(Method::POST, "/Users")
                        .json(&json!(null))
                        .bytes(body),
                )
                .await?
                .refused(&[400])?;
            }
        ),
        check!(
            "malformed_json_is_400",
            "HTTP-025 ERR-003",
            "Answer 400 invalidSyntax to what is no JSON.",
            |c| {
                let request = with_query(Method::POST, "/Users")
                    .json(&json!(null))
                    .bytes(r#"{"userName": "#);
                c.send(request).await?.refused(&[400])?;
            }
        ),
        check!(
            "a_body_is_one_object",
            "HTTP-026",
            "Answer 400 to an array, a string or nothing where an object belongs.",
            |c| {
                for body in ["[]", "\"x\"", ""] {
                    let request = with_query(Method::POST, "/Users")
                        .json(&json!(null))
                        .bytes(body);
                    c.send(request).await?.refused(&[400])?;
                }
            }
        ),
        check!(
            "deep_bodies_are_refused",
            "HTTP-027",
            "Bound the nesting of JSON; answer 400 or 413, never 5xx.",
            |c| {
                let deep = "[".repeat(10_000) + &"]".repeat(10_000);
                let body = format!(
                    r#"{{"schemas":["{USER}"],"userName":"{}","emails":{deep}}}"#,
                    c.name()
                );
                c.send(
                    with_query(Method::POST, "/Users")
                        .json(&json!(null))
                        .bytes(body),
                )
                .await?
                .status(&[400, 413])?;
            }
        ),
        check!(
            "head_has_no_body",
            "HTTP-028",
            "Answer HEAD as GET without a body, or with 405.",
            |c| {
                let reply = c
                    .send(Request::new(Method::HEAD, "/Users").query("count=1"))
                    .await?;
                reply.status(&[200, 405, 501, 404])?;
                if !reply.answer.body.is_empty() {
                    return fail("the answer to HEAD has a body");
                }
            }
        ),
        check!(
            "percent_encoding_is_decoded_once",
            "HTTP-029",
            "Decode paths and queries exactly once.",
            |c| {
                c.get("/Schemas/urn%3Aietf%3Aparams%3Ascim%3Aschemas%3Acore%3A2.0%3AUser")
                    .await?
                    .status(&[200])?
                    .is("/id", USER)?;
                let user = c.user_with(json!({"displayName": "50%25 of a+b"})).await?;
                c.compares(
                    "/Users",
                    &format!("displayName eq \"50%25 of a+b\" and id eq \"{}\"", user.id),
                    &[&user],
                )
                .await?;
            }
        ),
        check!(
            "a_trailing_slash_changes_nothing",
            "HTTP-030",
            "Take /Users/ for /Users: identity providers join base URLs carelessly.",
            |c| {
                c.get("/Users/?count=1").await?.list()?;
            }
        ),
    ]
}
