//! Replacing (RFC 7644 section 3.5.1).

use scim::Tolerance;
use serde_json::{Value, json};

use crate::{
    check::{
        assertion::{at, expect, fail},
        catalog::{Check, check},
        probe::Feature,
    },
    resource::{ENTERPRISE, USER},
};

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "a_put_replaces",
            "PUT-001 PUT-002 PUT-003",
            "Answer PUT with 200 and the whole resource as it is stored.",
            |c| {
                let user = c.new_user().await?;
                let email = format!("{}@example.com", c.name());
                let body = c.user(json!({
                    "userName": user.name,
                    "displayName": "Replaced",
                    "emails": [{"value": email, "type": "work"}],
                }));
                let reply = c.put(&user.path, &body).await?;
                reply
                    .status(&[200])?
                    .is("/displayName", "Replaced")?
                    .is("/id", user.id.clone())?;
                let read = c.read(&user.path).await?;
                read.is("/displayName", "Replaced")?;
                expect(read.values("/emails") == [email.as_str()], || {
                    format!("the e-mail addresses are {}", read.at("/emails"))
                })?;
            }
        ),
        check!(
            "what_a_put_leaves_out_goes",
            "PUT-004",
            "Clear what a PUT leaves out, or keep it; never half of it.",
            |c| {
                let user = c.user_with(json!({"nickName": "Lee"})).await?;
                c.put(&user.path, &c.user(json!({"userName": user.name})))
                    .await?
                    .status(&[200])?;
                let nick = c.read(&user.path).await?.at("/nickName").clone();
                expect(nick.is_null() || nick == "Lee", || {
                    format!("nickName became {nick}")
                })?;
            }
        ),
        check!(
            "a_put_ignores_read_only",
            "PUT-005 PUT-011",
            "Ignore id, meta and groups in a PUT.",
            |c| {
                let user = c.new_user().await?;
                let created = user.reply.at("/meta/created").clone();
                let more = json!({
                    "userName": user.name,
                    "id": "provisor-check",
                    "meta": {"created": "1970-01-01T00:00:00Z"},
                    "groups": [{"value": "x"}],
                });
                c.put(&user.path, &c.user(more)).await?.status(&[200])?;
                c.read(&user.path)
                    .await?
                    .is("/id", user.id.clone())?
                    .is("/meta/created", created)?
                    .lacks("/groups")?;
            }
        ),
        check!(
            "a_put_needs_what_is_required",
            "PUT-007",
            "Answer 400 to a PUT without userName.",
            |c| {
                let user = c.new_user().await?;
                c.put(&user.path, &c.user(json!({"userName": null})))
                    .await?
                    .refused(&[400])?;
                c.read(&user.path)
                    .await?
                    .is("/userName", user.name.clone())?;
            }
        ),
        check!(
            "a_put_clears_by_null",
            "PUT-008",
            "Take null and [] in a PUT as no value.",
            |c| {
                let user = c.user_with(json!({"nickName": "Lee"})).await?;
                let mut body = c.user(json!({"userName": user.name, "emails": []}));
                body["nickName"] = Value::Null;
                c.put(&user.path, &body).await?.status(&[200])?;
                c.read(&user.path)
                    .await?
                    .lacks("/nickName")?
                    .lacks("/emails")?;
            }
        ),
        check!(
            "a_put_cannot_take_a_name",
            "PUT-009 ERR-004",
            "Answer 409 uniqueness to a PUT with a userName that is taken.",
            |c| {
                let [a, b] = c.new_users().await?;
                let reply = c.put(&b.path, &c.user(json!({"userName": a.name}))).await?;
                reply.refused(&[409])?.kind(&["uniqueness"])?;
                c.read(&b.path).await?.is("/userName", b.name.clone())?;
            }
        ),
        check!(
            "a_put_of_an_unknown_id_is_404",
            "PUT-010",
            "Answer 404 to a PUT of an unknown id.",
            |c| {
                c.put("/Users/nobody-has-this-id", &c.user(json!({})))
                    .await?
                    .refused(&[404])?;
            }
        ),
        check!(
            "a_put_sets_members",
            "PUT-014",
            "Replace the member list with that of the PUT, and store all of it.",
            |c| {
                let [a, b, d] = c.new_users().await?;
                let group = c.new_group(&[&a, &b]).await?;
                let body = c.group(json!({
                    "displayName": group.name,
                    "members": [{"value": b.id}, {"value": d.id}],
                }));
                c.put(&group.path, &body).await?.status(&[200, 204])?;
                c.has_members(&group, &[&b, &d]).await?;
            }
        )
        .grave(),
        check!(
            "a_put_removes_an_extension",
            "PUT-015",
            "Remove an extension and its URN when a PUT has neither.",
            |c| {
                let user = c.employee(json!({"department": "Tools"})).await?;
                c.put(&user.path, &c.user(json!({"userName": user.name})))
                    .await?
                    .status(&[200])?;
                let read = c.read(&user.path).await?;
                let (there, listed) = (
                    !at(&read.body, &format!("/{ENTERPRISE}")).is_null(),
                    read.names_schema(ENTERPRISE),
                );
                expect(there == listed, || {
                    format!("the extension is there: {there}, schemas lists it: {listed}")
                })?;
                expect(!there, || "the extension is still there".to_owned())?;
            }
        ),
        check!(
            "a_put_without_change_changes_nothing",
            "PUT-016 ETAG-009",
            "Keep version and lastModified when a PUT changes nothing.",
            |c| {
                c.need(Feature::Etag)?;
                let user = c.new_user().await?;
                let before = c.read(&user.path).await?;
                c.put(&user.path, &before.body).await?.status(&[200])?;
                c.read(&user.path)
                    .await?
                    .is("/meta/version", before.at("/meta/version").clone())?;
            }
        ),
        check!(
            "a_put_may_not_forget_active",
            "PUT-004",
            "Keep active when a PUT leaves it out, or set the default; never remove \
                access silently.",
            |c| {
                let user = c.user_with(json!({"active": false})).await?;
                c.put(
                    &user.path,
                    &c.user(json!({"userName": user.name, "active": null})),
                )
                .await?
                .status(&[200])?;
                let active = c.read(&user.path).await?.at("/active").clone();
                // RFC 7644 section 3.5.1 leaves it to the server; where tolerances are told, this is one.
                if active == false && c.world.profile.allows(Tolerance::KeepOmitted) {
                    c.lenient(Tolerance::KeepOmitted)?;
                }
            }
        ),
        check!(
            "what_a_get_answers_can_be_put",
            "PUT-005 PUT-002",
            "Accept in a PUT what a GET answered: Okta sends the whole resource back.",
            |c| {
                let user = c.user_with(json!({"title": "Lead"})).await?;
                let group = if c.world.has(Feature::Groups) {
                    Some(c.new_group(&[&user]).await?)
                } else {
                    None
                };
                let mut body = c.read(&user.path).await?.body;
                body["title"] = json!("Head");
                c.put(&user.path, &body).await?.status(&[200])?;
                c.read(&user.path)
                    .await?
                    .is("/title", "Head")?
                    .is("/userName", user.name.clone())?;
                if let Some(group) = group {
                    let body = c.read(&group.path).await?.body;
                    c.put(&group.path, &body).await?.status(&[200, 204])?;
                    c.has_members(&group, &[&user]).await?;
                }
            }
        )
        .grave(),
        check!(
            "an_empty_put_is_refused",
            "PUT-007",
            "Answer 400 to a PUT of nothing.",
            |c| {
                let user = c.new_user().await?;
                c.put(&user.path, &json!({"schemas": [USER]}))
                    .await?
                    .refused(&[400])?;
                if c.read(&user.path).await?.text("/userName") != user.name {
                    return fail("a refused PUT changed the user");
                }
            }
        ),
    ]
}
