//! The operation replace (RFC 7644 section 3.5.2.3).

use scim::Tolerance;
use serde_json::json;

use super::{full, refused, team};
use crate::{
    check::{
        Profile,
        assertion::expect,
        catalog::{Check, check},
        operation::{add, members, replace},
        probe::Feature,
    },
    resource::ENTERPRISE,
};

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "replace_without_path_takes_attributes",
            "REP-001",
            "Replace the attributes that a value without path names, and no other.",
            |c| {
                let user = full(c).await?;
                let read = c
                    .patched(
                        &user.path,
                        json!([{"op": "replace", "value": {"active": false}}]),
                    )
                    .await?;
                read.is("/active", false)?
                    .is("/nickName", "Lee")?
                    .is("/name/middleName", "M")?;
            }
        )
        .not(Profile::NARROW),
        check!(
            "replace_sets_single_values",
            "REP-002 REP-004",
            "Let replace set a single value, also where there is none.",
            |c| {
                let user = full(c).await?;
                let operations = json!([
                    {"op": "replace", "path": "displayName", "value": "New"},
                    {"op": "replace", "path": "title", "value": "Lead"},
                ]);
                c.patched(&user.path, operations)
                    .await?
                    .is("/displayName", "New")?
                    .is("/title", "Lead")?;
            }
        ),
        check!(
            "replace_sets_whole_lists",
            "REP-003",
            "Let replace without filter set the whole list.",
            |c| {
                let user = full(c).await?;
                let only = format!("{}@only.example", c.name());
                let read = c
                    .patched(
                        &user.path,
                        replace("emails", json!([{"value": only, "type": "work"}])),
                    )
                    .await?;
                expect(read.values("/emails") == [only.as_str()], || {
                    format!("the e-mail addresses are {}", read.at("/emails"))
                })?;
            }
        ),
        check!(
            "replace_merges_complex_values",
            "REP-005",
            "Let replace keep the sub-attributes it does not name.",
            |c| {
                let user = full(c).await?;
                let read = c
                    .patched(&user.path, replace("name", json!({"givenName": "Mia"})))
                    .await?;
                read.is("/name/givenName", "Mia")?
                    .is("/name/familyName", "Check")?;
            }
        )
        .not(Profile::NARROW),
        check!(
            "replace_sets_matching_values",
            "REP-006",
            "Let replace set the values that its filter matches.",
            |c| {
                let user = full(c).await?;
                let value = json!({"type": "work", "locality": "Basel", "country": "CH"});
                let read = c
                    .patched(&user.path, replace("addresses[type eq \"work\"]", &value))
                    .await?;
                read.is("/addresses/0/locality", "Basel")?;
                expect(
                    read.at("/addresses").as_array().map_or(0, Vec::len) == 1,
                    || "there is another address now".to_owned(),
                )?;
            }
        )
        .not(Profile::NARROW),
        check!(
            "replace_sets_sub_attributes_of_matches",
            "REP-007",
            "Let replace set a sub-attribute of what its filter matches, and touch \
                nothing else.",
            |c| {
                let user = full(c).await?;
                let read = c
                    .patched(
                        &user.path,
                        replace("addresses[type eq \"work\"].locality", "Basel"),
                    )
                    .await?;
                read.is("/addresses/0/locality", "Basel")?
                    .is("/addresses/0/country", "CH")?;
            }
        ),
        check!(
            "replace_of_no_match_is_no_target",
            "REP-008",
            "Answer 400 noTarget to replace whose filter matches nothing.",
            |c| {
                let user = full(c).await?;
                let reply = c
                    .patch(
                        &user.path,
                        replace("emails[type eq \"none\"].value", "x@example.com"),
                    )
                    .await?;
                if c.forgiven(&reply, Tolerance::ReplaceCreates)? {
                    let read = c.read(&user.path).await?;
                    expect(read.values("/emails").contains(&"x@example.com"), || {
                        "answered with success, but the value is not there".to_owned()
                    })?;
                }
            }
        ),
        check!(
            "replace_needs_a_value",
            "REP-009",
            "Answer 400 to replace without a value.",
            |c| {
                refused(c, json!([{"op": "replace", "path": "title"}])).await?;
            }
        ),
        check!(
            "replace_by_nothing_unassigns",
            "REP-010",
            "Take null and [] in replace as no value.",
            |c| {
                let user = full(c).await?;
                let operations = json!([
                    {"op": "replace", "path": "nickName", "value": null},
                    {"op": "replace", "path": "addresses", "value": []},
                ]);
                c.patched(&user.path, operations)
                    .await?
                    .lacks("/nickName")?
                    .lacks("/addresses")?;
            }
        ),
        check!(
            "the_own_id_does_no_harm",
            "REP-011",
            "Accept the resource's own id in a value without path: Okta renames \
                groups so.",
            |c| {
                let (group, _) = team(c).await?;
                let name = c.name();
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
        .not(Profile::NARROW),
        check!(
            "booleans_are_no_strings",
            "REP-012 SCH-004 POST-018",
            "Answer 400 to \"False\" for a boolean, or store false; never the string.",
            |c| {
                let user = full(c).await?;
                let reply = c.patch(&user.path, replace("active", "False")).await?;
                let read = c.read(&user.path).await?;
                if c.forgiven(&reply, Tolerance::StringBoolean)? {
                    read.is("/active", false)?;
                } else {
                    read.is("/active", true)?;
                }
            }
        )
        .grave(),
        check!(
            "a_plain_manager_is_refused_or_wrapped",
            "REP-013",
            "Answer 400 to text for manager, or store it as manager.value.",
            |c| {
                c.need(Feature::Patch)?;
                let (boss, user) = (
                    c.new_user().await?,
                    c.employee(json!({"department": "Tools"})).await?,
                );
                let reply = c
                    .patch(&user.path, add(format!("{ENTERPRISE}:manager"), &boss.id))
                    .await?;
                if c.forgiven(&reply, Tolerance::WrapComplex)? {
                    c.read(&user.path)
                        .await?
                        .is(&format!("/{ENTERPRISE}/manager/value"), boss.id.clone())?;
                }
            }
        ),
        check!(
            "replace_sets_members",
            "REP-003 REP-014",
            "Let replace set exactly the members it lists; [] empties the group.",
            |c| {
                let (group, [_, b, d]) = team(c).await?;
                c.regrouped(&group, replace("members", members(&[&b, &d])), &[&b, &d])
                    .await?;
                c.regrouped(&group, replace("members", json!([])), &[])
                    .await?;
            }
        )
        .grave(),
    ]
}
