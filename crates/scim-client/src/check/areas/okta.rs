//! What Okta sends and needs, beyond the RFCs.

use reqwest::{Method, header};
use serde_json::json;

use crate::{
    check::{
        Level, Profile,
        assertion::expect,
        catalog::{Check, check},
        operation::{member, replace},
        probe::encoded,
    },
    exchange::Request,
    resource::GROUP,
};

const OKTA: &[Profile] = &[Profile::Okta];
const OKTA_SCIM: &str = "Okta, SCIM 2.0 protocol reference";
const OKTA_SPEC: &str = "Okta, Runscope SPEC test";

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "okta_tests_the_connection",
            "LIST-001",
            "Answer GET /Users?startIndex=1&count=2 and the same of groups with a list.",
            |c| {
                let reply = c.get("/Users?startIndex=1&count=2").await?;
                reply.list()?;
                for number in ["/totalResults", "/startIndex", "/itemsPerPage"] {
                    expect(reply.at(number).is_u64(), || {
                        format!("{number} is {}, no integer", reply.at(number))
                    })?;
                }
                c.get("/Groups?startIndex=1&count=100").await?.list()?;
            }
        )
        .grave()
        .only(OKTA)
        .asked_by("OKTA", OKTA_SPEC),
        check!(
            "okta_looks_up_before_it_creates",
            "FLT-005",
            "Answer an unknown userName with an empty list, with %20 and + in the filter.",
            |c| {
                let user = c.new_user().await?;
                let nobody = "provisor-check-nobody@example.com";
                for (name, expected) in [
                    (nobody, &[][..]),
                    (user.name.as_str(), &[user.id.as_str()][..]),
                ] {
                    let filter = encoded(&format!("userName eq \"{name}\""));
                    c.get(&format!("/Users?filter={filter}&startIndex=1&count=100"))
                        .await?
                        .finds(expected)?;
                    c.get(&format!(
                        "/Users?filter={}&startIndex=1&count=100",
                        filter.replace("%20", "+")
                    ))
                    .await?
                    .finds(expected)?;
                }
            }
        )
        .grave()
        .only(OKTA)
        .asked_by("OKTA", OKTA_SCIM),
        check!(
            "okta_creates_with_a_password",
            "POST-001",
            "Accept Okta's create: groups [], a placeholder password, \
                application/scim+json; charset=utf-8.",
            |c| {
                let body = c.user(json!({
                    "groups": [],
                    "password": "Provisor-check-9f!",
                    "locale": "en-US",
                    "externalId": c.name(),
                }));
                let kind = header::HeaderValue::from_static("application/scim+json; charset=utf-8");
                let reply = c
                    .send(
                        Request::new(Method::POST, "/Users")
                            .json(&body)
                            .header(header::CONTENT_TYPE, kind),
                    )
                    .await?;
                reply
                    .status(&[201])?
                    .has("/id")?
                    .has("/name/givenName")?
                    .has("/name/familyName")?
                    .has("/emails/0/value")?
                    .is("/active", true)?;
            }
        )
        .grave()
        .only(OKTA)
        .asked_by("OKTA", OKTA_SCIM),
        check!(
            "okta_deactivates_without_path",
            "REP-001",
            "Apply a replace without path whose value is {active: false}.",
            |c| {
                let user = c.new_user().await?;
                let off = json!([{"op": "replace", "value": {"active": false}}]);
                c.patched(&user.path, off).await?.is("/active", false)?;
            }
        )
        .grave()
        .only(OKTA)
        .asked_by("OKTA", OKTA_SCIM),
        check!(
            "okta_deactivates_by_put",
            "PUT-003",
            "Apply active: false in a PUT of the whole user.",
            |c| {
                let user = c.new_user().await?;
                let mut body = c.read(&user.path).await?.body;
                body["active"] = json!(false);
                c.put(&user.path, &body)
                    .await?
                    .status(&[200])?
                    .is("/active", false)?;
                c.read(&user.path).await?.is("/active", false)?;
            }
        )
        .grave()
        .only(OKTA)
        .asked_by("OKTA", OKTA_SCIM),
        check!(
            "okta_finds_whom_it_deactivated",
            "USR-005",
            "Find inactive users by userName: Okta reactivates them.",
            |c| {
                let user = c.user_with(json!({"active": false})).await?;
                c.finds(
                    "/Users",
                    &format!("userName eq \"{}\"", user.name),
                    &[&user],
                )
                .await?;
            }
        )
        .grave()
        .only(OKTA)
        .asked_by("OKTA", OKTA_SCIM),
        check!(
            "okta_renames_a_group_with_its_id",
            "REP-011",
            "Accept the group's own id in a replace without path.",
            |c| {
                let (group, name) = (c.new_group(&[]).await?, c.name());
                c.patched(
                    &group.path,
                    json!([{
                        "op": "replace",
                        "value": {"id": group.id, "displayName": name},
                    }]),
                )
                .await?
                .is("/displayName", name)?;
            }
        )
        .grave()
        .only(OKTA)
        .asked_by("OKTA", OKTA_SCIM),
        check!(
            "okta_changes_members_in_one_patch",
            "ADD-005",
            "Apply removes by filter and one add of several members in one PATCH; \
                members have no type.",
            |c| {
                let [a, b, d] = c.new_users().await?;
                let group = c.new_group(&[&a]).await?;
                let operations = json!([
                    {"op": "remove", "path": member(&a)},
                    {"op": "add", "path": "members", "value": [
                        {"value": b.id, "display": b.name},
                        {"value": d.id, "display": d.name},
                    ]},
                ]);
                c.regrouped(&group, operations, &[&b, &d]).await?;
            }
        )
        .grave()
        .only(OKTA)
        .asked_by("OKTA", OKTA_SCIM),
        check!(
            "okta_pushes_an_empty_group",
            "REP-003",
            "Apply replace of members by [].",
            |c| {
                let user = c.new_user().await?;
                let group = c.new_group(&[&user]).await?;
                c.regrouped(&group, replace("members", json!([])), &[])
                    .await?;
            }
        )
        .grave()
        .only(OKTA)
        .asked_by("OKTA", OKTA_SCIM),
        check!(
            "okta_puts_a_group",
            "PUT-014",
            "Store the members of a PUT of a group.",
            |c| {
                let user = c.new_user().await?;
                let group = c.new_group(&[]).await?;
                let body = json!({
                    "schemas": [GROUP],
                    "id": group.id,
                    "displayName": group.name,
                    "members": [{"value": user.id, "display": user.name}],
                });
                c.put(&group.path, &body).await?.status(&[200, 204])?;
                c.has_members(&group, &[&user]).await?;
            }
        )
        .grave()
        .only(OKTA)
        .asked_by("OKTA", OKTA_SCIM),
        check!(
            "okta_reads_409_as_a_duplicate",
            "POST-007",
            "Answer a duplicate with 409 and say why: the administrator reads it.",
            |c| {
                let user = c.new_user().await?;
                c.post("/Users", &c.user(json!({"userName": user.name})))
                    .await?
                    .refused(&[409])?
                    .has("/detail")?;
            }
        )
        .grave()
        .only(OKTA)
        .asked_by("OKTA", OKTA_SCIM),
        check!(
            "okta_expects_404_and_401",
            "ERR-001",
            "Answer an unknown user with 404, a wrong token with 401, both as SCIM \
                errors with detail.",
            |c| {
                let unknown = c.get("/Users/010101001010101011001010101011").await?;
                unknown
                    .refused(&[404])?
                    .has("/detail")?
                    .is("/status", "404")?;
                let denied = c
                    .send_as(
                        Request::get("/Users").query("startIndex=1&count=1"),
                        Some("non-token"),
                    )
                    .await?;
                denied.refused(&[401])?.is("/status", "401")?;
            }
        )
        .only(OKTA)
        .asked_by("OKTA", OKTA_SPEC),
        check!(
            "okta_takes_the_unique_email",
            "FLT-024",
            "Find users by emails.value and by userName: which of them is asked, an \
                administrator types.",
            |c| {
                let user = c.new_user().await?;
                for filter in ["emails eq", "emails.value eq"] {
                    c.finds("/Users", &format!("{filter} \"{}\"", user.name), &[&user])
                        .await?;
                }
                c.finds("/Users", &format!("email eq \"{}\"", user.name), &[&user])
                    .await?;
            }
        )
        .graded(Level::Should)
        .only(OKTA)
        .asked_by(
            "OKTA",
            "Okta, app integration wizard: unique identifier field",
        ),
        check!(
            "okta_sends_a_bare_token",
            "AUTH-001",
            "Accept the token without Bearer: Okta's Header mode sends it so.",
            |c| {
                let token = c.world.token()?;
                c.send_as(Request::get("/Users").query("count=1"), Some(token))
                    .await?
                    .status(&[200])?;
            }
        )
        .graded(Level::Should)
        .only(OKTA)
        .asked_by("OKTA", "Okta, OIN: authentication modes"),
        check!(
            "okta_pushes_groups_before_people",
            "ADD-012",
            "Take a group whose members are not there yet without them, or answer \
                400; do not fail otherwise.",
            |c| {
                let late = json!([{"value": "no-such-user-0", "display": "late@example.com"}]);
                let body = c.group(json!({"members": late}));
                c.post("/Groups", &body).await?.status(&[201, 400, 404])?;
            }
        )
        .graded(Level::Should)
        .only(OKTA)
        .asked_by("OKTA", OKTA_SCIM),
    ]
}
