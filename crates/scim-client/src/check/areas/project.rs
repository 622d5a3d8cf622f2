//! Which attributes are returned (RFC 7644 section 3.9).

use reqwest::Method;
use scim::message::SEARCH_REQUEST;
use serde_json::json;

use crate::{
    check::{
        assertion::{Reply, Step},
        catalog::{Check, check},
        operation::replace,
        probe::{Feature, patch},
    },
    exchange::Request,
    resource::ENTERPRISE,
};

/// id and userName are there, e-mail addresses and meta are not.
fn only_the_name(reply: &Reply) -> Step {
    reply
        .ok()?
        .has("/id")?
        .has("/userName")?
        .lacks("/emails")?
        .lacks("/displayName")
        .map(|_| ())
}

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "every_answer_can_be_narrowed",
            "ATTR-001 ATTR-002 PUT-013",
            "Heed attributes in every answer with a resource.",
            |c| {
                let user = c.new_user().await?;
                only_the_name(&c.get(&format!("{}?attributes=userName", user.path)).await?)?;
                only_the_name(
                    &c.put(
                        &format!("{}?attributes=userName", user.path),
                        &c.user(json!({})),
                    )
                    .await?,
                )?;
                let list = c.get("/Users?attributes=userName&count=1").await?;
                list.has("/Resources/0/userName")?
                    .lacks("/Resources/0/emails")?;
            }
        ),
        check!(
            "sub_attributes_can_be_named",
            "ATTR-003",
            "Take sub-attributes and comma lists in attributes.",
            |c| {
                let user = c.new_user().await?;
                let reply = c
                    .read(&format!(
                        "{}?attributes=name.givenName,emails.value",
                        user.path
                    ))
                    .await?;
                reply
                    .has("/name/givenName")?
                    .lacks("/name/familyName")?
                    .has("/emails/0/value")?
                    .lacks("/emails/0/type")?;
            }
        ),
        check!(
            "attributes_can_be_excluded",
            "ATTR-004",
            "Heed excludedAttributes, but for what is always returned.",
            |c| {
                let user = c.new_user().await?;
                let reply = c
                    .read(&format!("{}?excludedAttributes=id,emails", user.path))
                    .await?;
                reply.has("/id")?.lacks("/emails")?.has("/userName")?;
            }
        ),
        check!(
            "sub_attributes_can_be_excluded",
            "ATTR-005",
            "Take sub-attributes in excludedAttributes.",
            |c| {
                let user = c.new_user().await?;
                let reply = c
                    .read(&format!("{}?excludedAttributes=name.givenName", user.path))
                    .await?;
                reply.lacks("/name/givenName")?.has("/name/familyName")?;
            }
        ),
        check!(
            "attributes_and_excluded_do_not_mix",
            "ATTR-006",
            "Answer 400 to both parameters, or let attributes win.",
            |c| {
                let user = c.new_user().await?;
                let reply = c
                    .get(&format!(
                        "{}?attributes=userName&excludedAttributes=emails",
                        user.path
                    ))
                    .await?;
                reply.status(&[200, 400])?;
            }
        ),
        check!(
            "attributes_take_urns",
            "ATTR-007",
            "Take names in any case and with URNs; a bare URN means the extension.",
            |c| {
                let user = c.employee(json!({"department": "Tools"})).await?;
                let reply = c
                    .read(&format!(
                        "{}?attributes={ENTERPRISE}:department,USERNAME",
                        user.path
                    ))
                    .await?;
                reply
                    .is(&format!("/{ENTERPRISE}/department"), "Tools")?
                    .has("/userName")?
                    .lacks("/emails")?;
                let reply = c
                    .read(&format!("{}?attributes={ENTERPRISE}", user.path))
                    .await?;
                reply
                    .is(&format!("/{ENTERPRISE}/department"), "Tools")?
                    .lacks("/emails")?;
            }
        ),
        check!(
            "a_password_is_not_returned_when_named",
            "ATTR-009",
            "Never return password, also when attributes names it.",
            |c| {
                let user = c
                    .user_with(json!({"password": "Provisor-check-9f!"}))
                    .await?;
                c.read(&format!("{}?attributes=password,userName", user.path))
                    .await?
                    .lacks("/password")?;
            }
        ),
        check!(
            "unknown_names_are_ignored",
            "ATTR-010",
            "Ignore names in attributes that no schema defines.",
            |c| {
                let user = c.new_user().await?;
                only_the_name(
                    &c.get(&format!(
                        "{}?attributes=userName,noSuchAttribute",
                        user.path
                    ))
                    .await?,
                )?;
            }
        ),
        check!(
            "schemas_stay",
            "ATTR-011",
            "Keep schemas in partial representations.",
            |c| {
                let user = c.new_user().await?;
                c.read(&format!("{}?attributes=userName", user.path))
                    .await?
                    .has("/schemas")?;
            }
        ),
        check!(
            "members_can_be_excluded",
            "ATTR-012",
            "Leave members out when excludedAttributes names them.",
            |c| {
                let user = c.new_user().await?;
                let group = c.new_group(&[&user]).await?;
                c.read(&format!("{}?excludedAttributes=members", group.path))
                    .await?
                    .lacks("/members")?
                    .has("/displayName")?;
                c.has_members(&group, &[&user]).await?;
            }
        ),
        check!(
            "repeated_parameters_do_no_harm",
            "ATTR-013",
            "Merge repeated query parameters, take the last or answer 400.",
            |c| {
                let user = c.new_user().await?;
                c.get(&format!(
                    "{}?attributes=userName&attributes=emails",
                    user.path
                ))
                .await?
                .status(&[200, 400])?;
            }
        ),
        check!(
            "a_patch_can_name_attributes",
            "PAT-009 PAT-010 ATTR-001",
            "Answer PATCH with 200 and the named attributes.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c.new_user().await?;
                let request =
                    patch(&user.path, replace("title", "Lead")).query("attributes=userName");
                let reply = c.send(request).await?;
                reply.status(&[200])?;
                only_the_name(&reply)?;
            }
        ),
        check!(
            "a_search_can_name_attributes",
            "ATTR-001 SRCH-004",
            "Heed attributes in search messages.",
            |c| {
                c.new_user().await?;
                let body =
                    json!({"schemas": [SEARCH_REQUEST], "attributes": ["userName"], "count": 1});
                let reply = c
                    .send(Request::new(Method::POST, "/Users/.search").json(&body))
                    .await?;
                reply.list()?;
                reply
                    .has("/Resources/0/userName")?
                    .lacks("/Resources/0/emails")?;
            }
        ),
    ]
}
