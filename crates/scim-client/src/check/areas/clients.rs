//! What other clients send, for which the profiles of Okta and Entra stand as well.

use reqwest::Method;
use scim::message::PATCH_OP;
use serde_json::json;

use crate::{
    check::{
        Level, Profile,
        assertion::fail,
        catalog::{Check, check},
        operation::{add, members},
        probe::{Feature, encoded, patch},
    },
    exchange::Request,
};

const BOTH: &[Profile] = &[Profile::Okta, Profile::Entra];
const ENTRA: &[Profile] = &[Profile::Entra];
const CLIENTS: &str = "seen of clients: docs/tolerances.md";

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "clients_leave_quotes_out",
            "FLT-030",
            "Take a value without quotes in a filter (authentik), or answer 400; \
                never list everybody.",
            |c| {
                let user = c.new_user().await?;
                c.finds("/Users", &format!("userName eq {}", user.name), &[&user])
                    .await?;
            }
        )
        .graded(Level::May)
        .only(BOTH)
        .asked_by("CLIENTS", CLIENTS),
        check!(
            "clients_send_one_email_as_an_object",
            "SCH-014",
            "Take one object for emails (OneLogin).",
            |c| {
                let name = c.name();
                let user = c.user_with(json!({
                "emails": {"value": format!("{name}@example.com"), "type": "work", "primary": true},
            })).await?;
                user.reply.has("/emails/0/value")?;
            }
        )
        .graded(Level::May)
        .only(BOTH)
        .asked_by("CLIENTS", CLIENTS),
        check!(
            "clients_name_old_schemas",
            "POST-012",
            "Take the URNs of SCIM's drafts (OneLogin).",
            |c| {
                let schemas = json!([
                    "urn:scim:schemas:core:2.0",
                    "urn:scim:schemas:extension:enterprise:2.0",
                ]);
                c.user_with(json!({"schemas": schemas})).await?;
            }
        )
        .graded(Level::May)
        .only(BOTH)
        .asked_by("CLIENTS", CLIENTS),
        check!(
            "clients_filter_by_email",
            "FLT-024",
            "Take email for emails in a filter: administrators type it.",
            |c| {
                let user = c.new_user().await?;
                c.finds("/Users", &format!("email eq \"{}\"", user.name), &[&user])
                    .await?;
            }
        )
        .graded(Level::May)
        .only(BOTH)
        .asked_by("CLIENTS", CLIENTS),
        check!(
            "clients_send_a_bare_token",
            "AUTH-001",
            "Take the token without Bearer in Authorization.",
            |c| {
                let token = c.world.token()?;
                c.send_as(Request::get("/Users").query("count=1"), Some(token))
                    .await?
                    .status(&[200])?;
            }
        )
        .graded(Level::May)
        .only(ENTRA)
        .asked_by("CLIENTS", CLIENTS),
        check!(
            "clients_end_queries_with_an_ampersand",
            "HTTP-021",
            "Ignore a trailing & and a bare ? (OneLogin).",
            |c| {
                let user = c.new_user().await?;
                let filter = encoded(&format!("userName eq \"{}\"", user.name));
                c.get(&format!("/Users?filter={filter}&"))
                    .await?
                    .finds(&[&user.id])?;
                c.get(&format!("{}?", user.path)).await?.status(&[200])?;
            }
        )
        .graded(Level::Should)
        .only(BOTH)
        .asked_by("CLIENTS", CLIENTS),
        check!(
            "clients_add_members_twice",
            "ADD-007",
            "Let a repeated add succeed (JumpCloud).",
            |c| {
                let user = c.new_user().await?;
                let group = c.new_group(&[&user]).await?;
                let add = patch(&group.path, add("members", members(&[&user])));
                c.send(add).await?.status(&[200, 204])?;
                c.has_members(&group, &[&user]).await?;
            }
        )
        .graded(Level::Should)
        .only(BOTH)
        .asked_by("CLIENTS", CLIENTS),
        check!(
            "clients_test_with_a_user_of_their_own",
            "DEL-001 POST-001",
            "Let a test user and a test group be created and deleted (JumpCloud).",
            |c| {
                c.need(Feature::Groups)?;
                let (user, group) = (c.new_user().await?, c.new_group(&[]).await?);
                c.delete(&group.path).await?.status(&[204])?;
                c.delete(&user.path).await?.status(&[204])?;
            }
        )
        .graded(Level::Should)
        .only(BOTH)
        .asked_by("CLIENTS", CLIENTS),
        check!(
            "clients_write_keys_in_any_case",
            "PAT-005",
            "Compare op and the members of a PATCH without regard to case.",
            |c| {
                let user = c.new_user().await?;
                let body = json!({
                    "schemas": [PATCH_OP],
                    "operations": [{"OP": "Replace", "Path": "title", "Value": "Lead"}],
                });
                let reply = c
                    .send(Request::new(Method::PATCH, &user.path).json(&body))
                    .await?;
                if reply.is_success() {
                    c.read(&user.path).await?.is("/title", "Lead")?;
                } else {
                    return fail(format!("answered with {}", reply.status_code()));
                }
            }
        )
        .graded(Level::May)
        .only(BOTH)
        .asked_by("CLIENTS", CLIENTS),
    ]
}
