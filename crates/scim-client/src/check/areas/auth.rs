//! Who may ask (RFC 7644 section 2), and that one tenant sees nothing of another.

use serde_json::json;

use crate::{
    check::{
        assertion::{Step, Stop, expect, fail},
        catalog::{Check, check},
        cleanup::Tenant,
        operation::replace,
        probe::{Feature, Made, Probe, encoded, patch},
    },
    exchange::Request,
};
use reqwest::Method;
use scim::{
    Tolerance,
    message::{BULK_REQUEST, PATCH_OP, SEARCH_REQUEST},
};

/// Goes on where the second tenant has nothing of its own at this path, or is shown the check's user: where each tenant
/// counts its own ids, somebody may stand there who is not the check's.
async fn nobody_elses(c: &Probe<'_>, user: &Made) -> Step {
    let there = c.send_as_second(Request::get(&user.path)).await?;
    let shown = there.is_success() && there.text("/userName").eq_ignore_ascii_case(&user.name);
    let is_refused = [401, 403, 404].contains(&there.status_code());
    if !shown && !is_refused {
        return Err(Stop::NotRun(format!(
            "it is not known that nobody else stands at {} in the second tenant, which answered {}",
            user.path,
            there.status_code()
        )));
    }
    c.world.may_delete(Tenant::Second, &user.path);
    Ok(())
}

/// A refusal that shows nothing of what was asked for.
fn unknown(what: &str, status: u16) -> Step {
    expect([401, 403, 404].contains(&status), || {
        format!("{what} with another tenant's token: expected 404, got {status}")
    })
}

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "without_credentials_it_is_401",
            "AUTH-001 AUTH-010",
            "Answer 401 with WWW-Authenticate to requests without credentials.",
            |c| {
                let reply = c.send_as(Request::get("/Users"), None).await?;
                reply.status(&[401])?;
                expect(reply.header("www-authenticate").is_some(), || {
                    "401 without WWW-Authenticate".to_owned()
                })?;
                let request = Request::new(Method::POST, "/Users").json(&c.user(json!({})));
                c.send_as(request, None).await?.status(&[401])?;
            }
        )
        .grave(),
        check!(
            "a_wrong_token_is_401",
            "AUTH-002",
            "Answer 401 to a token you do not know.",
            |c| {
                let reply = c
                    .send_as(
                        Request::get("/Users"),
                        Some("Bearer provisor-check-is-no-token"),
                    )
                    .await?;
                reply.status(&[401])?;
            }
        ),
        check!(
            "an_empty_token_is_401",
            "AUTH-002",
            "Answer 401 to an Authorization header without a token.",
            |c| {
                for credentials in ["Bearer", "Bearer  ", ""] {
                    c.send_as(Request::get("/Users"), Some(credentials))
                        .await?
                        .status(&[401, 400])?;
                }
            }
        )
        .grave(),
        check!(
            "the_config_is_readable_or_401",
            "AUTH-009",
            "Answer /ServiceProviderConfig without credentials with 200 or 401.",
            |c| {
                c.send_as(Request::get("/ServiceProviderConfig"), None)
                    .await?
                    .status(&[200, 401])?;
            }
        ),
        check!(
            "another_tenant_cannot_read",
            "AUTH-004 TEN-005 SEC-002",
            "Look up resources within the tenant of the token, never by id alone.",
            |c| {
                c.second()?;
                let user = c.new_user().await?;
                let filter = encoded(&format!("userName eq \"{}\"", user.name));
                let found = c
                    .send_as_second(Request::get("/Users").query(format!("filter={filter}")))
                    .await?;
                found.finds(&[])?;
                let reply = c.send_as_second(Request::get(&user.path)).await?;
                let name = reply.text("/userName");
                let stands_there = !name.is_empty() && !name.eq_ignore_ascii_case(&user.name);
                let status = reply.status_code();
                // Where each tenant counts its own ids, somebody of the second one may stand there.
                if reply.is_success() && stands_there || status == 429 || status >= 500 {
                    let path = &user.path;
                    return Err(Stop::NotRun(format!(
                        "whether the second tenant has a user of its own at {path} hides it: it answered {status}"
                    )));
                }
                unknown("GET of a user", status)?;
            }
        )
        .grave(),
        check!(
            "another_tenant_cannot_write",
            "AUTH-004 TEN-005",
            "Check the tenant of the token before every write.",
            |c| {
                c.second()?;
                let user = c.new_user().await?;
                nobody_elses(c, &user).await?;
                let taken = replace("displayName", "taken over");
                unknown(
                    "PATCH",
                    c.send_as_second(patch(&user.path, taken))
                        .await?
                        .status_code(),
                )?;
                let body = c.user(json!({"displayName": "taken over"}));
                unknown(
                    "PUT",
                    c.send_as_second(Request::new(Method::PUT, &user.path).json(&body))
                        .await?
                        .status_code(),
                )?;
                unknown(
                    "DELETE",
                    c.send_as_second(Request::new(Method::DELETE, &user.path))
                        .await?
                        .status_code(),
                )?;
                c.read(&user.path)
                    .await?
                    .is("/displayName", user.reply.at("/displayName").clone())?;
            }
        )
        .grave(),
        check!(
            "another_tenant_meets_nobody_in_searches_and_jobs",
            "TEN-005",
            "Keep search messages, counts and Bulk within the tenant of the token.",
            |c| {
                c.second()?;
                let user = c.new_user().await?;
                let filter = format!("userName eq \"{}\"", user.name);
                let asked = Request::get("/Users").query(format!("filter={}&count=0", encoded(&filter)));
                let count = c.send_as_second(asked).await?;
                if count.is_success() {
                    count.is("/totalResults", 0)?;
                }
                let search = json!({"schemas": [SEARCH_REQUEST], "filter": filter});
                let search = Request::new(Method::POST, "/Users/.search").json(&search);
                let found = c.send_as_second(search).await?;
                if found.is_success() {
                    found.finds(&[])?;
                }
                if c.world.has(Feature::Bulk) {
                    nobody_elses(c, &user).await?;
                    let data = json!({"schemas": [PATCH_OP], "Operations": replace("displayName", "taken over")});
                    let operations = json!([
                        {"method": "PATCH", "path": user.path, "data": data},
                        {"method": "DELETE", "path": user.path},
                    ]);
                    let job = json!({"schemas": [BULK_REQUEST], "Operations": operations});
                    c.send_as_second(Request::new(Method::POST, "/Bulk").json(&job))
                        .await?;
                }
                c.read(&user.path)
                    .await?
                    .is("/displayName", user.reply.at("/displayName").clone())?;
            }
        )
        .grave(),
        check!(
            "another_tenants_user_is_no_member",
            "TEN-005",
            "Resolve members within the tenant of the token.",
            |c| {
                c.second()?;
                let user = c.new_user().await?;
                nobody_elses(c, &user).await?;
                let group = c.group(json!({"members": [{"value": user.id}]}));
                let reply = c
                    .send_as_second(Request::new(Method::POST, "/Groups").json(&group))
                    .await?;
                if !reply.values("/members").is_empty() {
                    return fail("a group of another tenant took the user in");
                }
            }
        )
        .grave(),
        check!(
            "names_are_taken_only_within_a_tenant",
            "TEN-003 TEN-004 FLT-033",
            "Keep userName and externalId unique within a tenant, not across tenants.",
            |c| {
                c.second()?;
                let body = c.user(json!({"externalId": c.name()}));
                let user = c.made("/Users", &body).await?;
                let reply = c
                    .send_as_second(Request::new(Method::POST, "/Users").json(&body))
                    .await?;
                reply.status(&[201])?;
                // Whatever their ids are, they are two.
                let path = format!("/Users/{}", reply.text("/id"));
                c.send_as_second(Request::new(Method::DELETE, path)).await?;
                c.read(&user.path).await?;
            }
        ),
        check!(
            "another_tenants_cursor_is_none",
            "CUR-016",
            "Bind a cursor to the tenant it was given to.",
            |c| {
                c.second()?;
                c.need(Feature::Cursor)?;
                for _ in 0..3 {
                    c.new_user().await?;
                }
                let first = c.get("/Users?cursor=&count=1").await?;
                let cursor = first.text("/nextCursor");
                let request = Request::get("/Users").query(format!("cursor={cursor}&count=1"));
                c.send_as_second(request).await?.refused(&[400])?;
            }
        )
        .grave(),
        check!(
            "the_scheme_has_no_case",
            "AUTH-008",
            "Compare the scheme of Authorization without regard to case.",
            |c| {
                let token = c.world.token()?;
                c.send_as(
                    Request::get("/Users").query("count=1"),
                    Some(&format!("bearer {token}")),
                )
                .await?
                .status(&[200])?;
            }
        ),
        check!(
            "a_bare_token_is_refused",
            "AUTH-001",
            "Ask for a scheme in Authorization (RFC 6750 section 2.1).",
            |c| {
                let token = c.world.token()?;
                let reply = c
                    .send_as(Request::get("/Users").query("count=1"), Some(token))
                    .await?;
                if reply.is_success() {
                    c.lenient(Tolerance::LooseAuthorization)?;
                } else {
                    reply.status(&[401, 400])?;
                }
            }
        )
        .graded(crate::check::Level::May),
    ]
}
