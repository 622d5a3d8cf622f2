//! The operation add (RFC 7644 section 3.5.2.1).

use scim::Tolerance;
use serde_json::json;

use super::{full, refused, team};
use crate::{
    check::{
        Profile,
        assertion::expect,
        catalog::{Check, check},
        operation::{add, members},
        probe::Feature,
    },
    resource::ENTERPRISE,
};

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "add_needs_a_value",
            "ADD-001",
            "Answer 400 to add without a value.",
            |c| {
                refused(c, json!([{"op": "add", "path": "title"}])).await?;
            }
        ),
        check!(
            "add_without_path_takes_attributes",
            "ADD-002 REP-001",
            "Take the value of an add without path as attributes of the resource.",
            |c| {
                let user = full(c).await?;
                let other = format!("{}@other.example", c.name());
                let read = c.patched(&user.path, json!([{
                "op": "add",
                "value": {"title": "Lead", "emails": [{"value": other, "type": "other"}]},
            }])).await?;
                read.is("/title", "Lead")?;
                expect(read.values("/emails").len() == 3, || {
                    format!("the e-mail addresses are {}", read.at("/emails"))
                })?;
            }
        )
        .not(Profile::NARROW),
        check!(
            "add_sets_what_is_missing",
            "ADD-003",
            "Let add set an attribute that has no value.",
            |c| {
                let user = full(c).await?;
                c.patched(&user.path, add("title", "Lead"))
                    .await?
                    .is("/title", "Lead")?;
            }
        ),
        check!(
            "add_merges_complex_values",
            "ADD-004",
            "Let add keep the sub-attributes it does not name.",
            |c| {
                let user = full(c).await?;
                let read = c
                    .patched(&user.path, add("name", json!({"middleName": "X"})))
                    .await?;
                read.is("/name/middleName", "X")?
                    .is("/name/familyName", "Check")?;
            }
        ),
        check!(
            "add_appends_values",
            "ADD-005",
            "Let add append to a multi-valued attribute, a list as well as one object.",
            |c| {
                let user = full(c).await?;
                let name = c.name();
                c.patched(
                    &user.path,
                    add(
                        "emails",
                        json!([{"value": format!("{name}@a.example"), "type": "other"}]),
                    ),
                )
                .await?;
                let read = c
                    .patched(
                        &user.path,
                        add("phoneNumbers", json!({"value": "+41 1", "type": "work"})),
                    )
                    .await?;
                expect(read.values("/emails").len() == 3, || {
                    format!("the e-mail addresses are {}", read.at("/emails"))
                })?;
                expect(read.values("/phoneNumbers").len() == 1, || {
                    "the phone number is not there".to_owned()
                })?;
            }
        ),
        check!(
            "add_replaces_single_values",
            "ADD-006",
            "Let add replace a single value.",
            |c| {
                let user = full(c).await?;
                c.patched(&user.path, add("nickName", "Len"))
                    .await?
                    .is("/nickName", "Len")?;
            }
        ),
        check!(
            "adding_twice_adds_once",
            "ADD-007 GRP-009",
            "Let a member that is there already stay there once.",
            |c| {
                let (group, [a, b, d]) = team(c).await?;
                for _ in 0..2 {
                    c.patch(&group.path, add("members", members(&[&d, &d])))
                        .await?
                        .status(&[200, 204])?;
                }
                c.has_members(&group, &[&a, &b, &d]).await?;
            }
        ),
        check!(
            "add_sets_sub_attributes_of_matches",
            "ADD-008",
            "Let add set a sub-attribute of the values its filter matches.",
            |c| {
                let user = full(c).await?;
                let read = c
                    .patched(&user.path, add("addresses[type eq \"work\"].region", "BE"))
                    .await?;
                read.is("/addresses/0/region", "BE")?
                    .is("/addresses/0/locality", "Bern")?;
            }
        ),
        check!(
            "add_to_no_match_is_no_target",
            "ADD-009",
            "Answer 400 noTarget to an add whose filter matches nothing, or create \
                what it describes.",
            |c| {
                let user = full(c).await?;
                let reply = c
                    .patch(
                        &user.path,
                        add("phoneNumbers[type eq \"mobile\"].value", "+41 2"),
                    )
                    .await?;
                if c.forgiven(&reply, Tolerance::CreateOnNoTarget)? {
                    let read = c.read(&user.path).await?;
                    read.is("/phoneNumbers/0/value", "+41 2")?
                        .is("/phoneNumbers/0/type", "mobile")?;
                }
            }
        ),
        check!(
            "add_takes_urns_as_keys",
            "ADD-010 ADD-011",
            "Take extension attributes under their URN in an add without path.",
            |c| {
                c.need(Feature::Enterprise)?;
                let user = full(c).await?;
                let read = c
                    .patched(
                        &user.path,
                        json!([{
                            "op": "add",
                            "value": {ENTERPRISE: {"department": "Tools"}},
                        }]),
                    )
                    .await?;
                read.is(&format!("/{ENTERPRISE}/department"), "Tools")?;
            }
        )
        .not(Profile::NARROW),
        check!(
            "dotted_keys_are_refused",
            "ADD-010",
            "Answer 400 to dotted keys in a value without path, or take them as paths.",
            |c| {
                let user = full(c).await?;
                let reply = c
                    .patch(
                        &user.path,
                        json!([{
                            "op": "replace",
                            "value": {"name.givenName": "Dot"},
                        }]),
                    )
                    .await?;
                if c.forgiven(&reply, Tolerance::DottedKeys)? {
                    c.read(&user.path).await?.is("/name/givenName", "Dot")?;
                }
            }
        ),
        check!(
            "unknown_members_are_refused_or_kept",
            "ADD-012 SCH-010",
            "Answer 400 to members you do not know, or keep them.",
            |c| {
                let (group, [a, b, _]) = team(c).await?;
                let reply = c
                    .patch(
                        &group.path,
                        add("members", json!([{"value": "no-such-user-0"}])),
                    )
                    .await?;
                if reply.is_success() {
                    let members = c.members(&group).await?;
                    if !members.iter().any(|member| member == "no-such-user-0") {
                        c.lenient(Tolerance::DropUnknownMembers)?;
                    }
                } else {
                    reply.refused(&[400, 404])?;
                    c.has_members(&group, &[&a, &b]).await?;
                }
            }
        ),
    ]
}
