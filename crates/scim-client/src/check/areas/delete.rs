//! Deleting (RFC 7644 section 3.6).

use reqwest::{
    Method,
    header::{self, HeaderValue},
};
use serde_json::json;

use crate::{
    check::{
        assertion::expect,
        catalog::{Check, check},
        operation::replace,
        probe::Feature,
    },
    exchange::Request,
};

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "deleting_answers_204",
            "DEL-001",
            "Answer DELETE with 204 and no body.",
            |c| {
                let user = c.new_user().await?;
                let reply = c.delete(&user.path).await?;
                reply.status(&[204])?;
                expect(reply.answer.body.is_empty(), || {
                    "204 with a body".to_owned()
                })?;
            }
        ),
        check!(
            "what_is_deleted_is_404",
            "DEL-002 IOP-012",
            "Answer 404 to everything about a deleted resource.",
            |c| {
                let user = c.new_user().await?;
                c.delete(&user.path).await?.status(&[204])?;
                c.get(&user.path).await?.status(&[404])?;
                c.put(&user.path, &c.user(json!({})))
                    .await?
                    .status(&[404])?;
                c.delete(&user.path).await?.status(&[404])?;
                if c.world.has(Feature::Patch) {
                    c.patch(&user.path, replace("active", false))
                        .await?
                        .status(&[404])?;
                }
            }
        ),
        check!(
            "what_is_deleted_is_not_listed",
            "DEL-003",
            "Leave deleted resources out of every list.",
            |c| {
                let user = c.new_user().await?;
                c.delete(&user.path).await?.status(&[204])?;
                c.finds("/Users", &format!("userName eq \"{}\"", user.name), &[])
                    .await?;
                c.finds("/Users", &format!("id eq \"{}\"", user.id), &[])
                    .await?;
            }
        ),
        check!(
            "who_is_deleted_is_no_member",
            "DEL-006",
            "Take a deleted user out of all groups.",
            |c| {
                let [user, other] = c.new_users().await?;
                let group = c.new_group(&[&user, &other]).await?;
                c.delete(&user.path).await?.status(&[204])?;
                c.has_members(&group, &[&other]).await?;
            }
        ),
        check!(
            "who_was_in_a_deleted_group_is_not",
            "DEL-006 GRP-008",
            "Take a deleted group out of its members' groups.",
            |c| {
                let user = c.new_user().await?;
                let group = c.new_group(&[&user]).await?;
                c.delete(&group.path).await?.status(&[204])?;
                c.read(&user.path).await?.lacks("/groups")?;
            }
        ),
        check!(
            "a_deleted_manager_does_no_harm",
            "DEL-007",
            "Keep or clear manager when its user is deleted; keep the report readable.",
            |c| {
                let boss = c.new_user().await?;
                let user = c.employee(json!({"manager": {"value": boss.id}})).await?;
                c.delete(&boss.path).await?.status(&[204])?;
                c.read(&user.path)
                    .await?
                    .is("/userName", user.name.clone())?;
            }
        ),
        check!(
            "deleting_heeds_if_match",
            "DEL-008 ETAG-006",
            "Answer 412 to DELETE with an old version.",
            |c| {
                c.need(Feature::Etag)?;
                let user = c.new_user().await?;
                let request = Request::new(Method::DELETE, &user.path);
                let value = HeaderValue::from_static("W/\"provisor-check-old\"");
                c.send(request.header(header::IF_MATCH, value))
                    .await?
                    .refused(&[412])?;
                c.read(&user.path).await?;
            }
        ),
        check!(
            "deleting_an_unknown_id_is_404",
            "DEL-009",
            "Answer 404 to DELETE of an unknown id.",
            |c| {
                c.delete(&c.nobody()).await?.refused(&[404])?;
            }
        ),
    ]
}
