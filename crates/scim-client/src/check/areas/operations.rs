//! The operations of PATCH: add, remove, replace (RFC 7644 sections 3.5.2.1 to 3.5.2.3).

use scim::Tolerance;
use serde_json::{Value, json};

use crate::check::{
    Profile,
    assertion::{Step, expect},
    catalog::{Check, check},
    probe::{ENTERPRISE, Feature, Made, Probe},
};

/// A user with a nick name, a middle name, and a work address and e-mail.
async fn full(probe: &Probe<'_>) -> Step<Made> {
    probe.need(Feature::Patch)?;
    let name = probe.name();
    probe
        .user_with(json!({
            "userName": format!("{name}@example.com"),
            "nickName": "Lee",
            "name": {"givenName": "Lena", "middleName": "M", "familyName": "Check"},
            "emails": [
                {"value": format!("{name}@example.com"), "type": "work", "primary": true},
                {"value": format!("{name}@home.example"), "type": "home"},
            ],
            "addresses": [{"type": "work", "locality": "Bern", "country": "CH"}],
        }))
        .await
}

/// Two users in a group, and one beside it.
async fn team(probe: &Probe<'_>) -> Step<(Made, [Made; 3])> {
    probe.need(Feature::Patch)?;
    let users = [
        probe.new_user().await?,
        probe.new_user().await?,
        probe.new_user().await?,
    ];
    Ok((probe.new_group(&[&users[0], &users[1]]).await?, users))
}

async fn refused(probe: &Probe<'_>, operations: Value) -> Step {
    let user = full(probe).await?;
    let reply = probe.patch(&user.path, operations.clone()).await?;
    expect(!reply.is_success(), || {
        format!("{operations} was answered with {}", reply.status_code())
    })?;
    reply.refused(&[400]).map(|_| ())
}

pub(super) fn checks() -> Vec<Check> {
    let mut all = adding();
    all.extend(removing());
    all.extend(replacing());
    all
}

fn adding() -> Vec<Check> {
    vec![
        check!("add_needs_a_value", "ADD-001", "Answer 400 to add without a value.", |c| {
            refused(c, json!([{"op": "add", "path": "title"}])).await?;
        }),
        check!("add_without_path_takes_attributes", "ADD-002 REP-001", "Take the value of an add without path as attributes of the resource.", |c| {
            let user = full(c).await?;
            let other = format!("{}@other.example", c.name());
            let read = c.patched(&user.path, json!([{"op": "add", "value": {"title": "Lead", "emails": [{"value": other, "type": "other"}]}}])).await?;
            read.is("/title", "Lead")?;
            expect(read.values("/emails").len() == 3, || format!("the e-mail addresses are {}", read.at("/emails")))?;
        }).not(&[Profile::Interop]),
        check!("add_sets_what_is_missing", "ADD-003", "Let add set an attribute that has no value.", |c| {
            let user = full(c).await?;
            c.patched(&user.path, json!([{"op": "add", "path": "title", "value": "Lead"}])).await?.is("/title", "Lead")?;
        }),
        check!("add_merges_complex_values", "ADD-004", "Let add keep the sub-attributes it does not name.", |c| {
            let user = full(c).await?;
            let read = c.patched(&user.path, json!([{"op": "add", "path": "name", "value": {"middleName": "X"}}])).await?;
            read.is("/name/middleName", "X")?.is("/name/familyName", "Check")?;
        }),
        check!("add_appends_values", "ADD-005", "Let add append to a multi-valued attribute, a list as well as one object.", |c| {
            let user = full(c).await?;
            let name = c.name();
            c.patched(&user.path, json!([{"op": "add", "path": "emails", "value": [{"value": format!("{name}@a.example"), "type": "other"}]}])).await?;
            let read = c.patched(&user.path, json!([{"op": "add", "path": "phoneNumbers", "value": [{"value": "+41 1", "type": "work"}]}])).await?;
            expect(read.values("/emails").len() == 3, || format!("the e-mail addresses are {}", read.at("/emails")))?;
            expect(read.values("/phoneNumbers").len() == 1, || "the phone number is not there".to_owned())?;
        }),
        check!("add_replaces_single_values", "ADD-006", "Let add replace a single value.", |c| {
            let user = full(c).await?;
            c.patched(&user.path, json!([{"op": "add", "path": "nickName", "value": "Len"}])).await?.is("/nickName", "Len")?;
        }),
        check!("adding_twice_adds_once", "ADD-007 GRP-009", "Let a member that is there already stay there once.", |c| {
            let (group, [a, b, d]) = team(c).await?;
            for _ in 0..2 {
                c.patch(&group.path, json!([{"op": "add", "path": "members", "value": [{"value": d.id}, {"value": d.id}]}])).await?.status(&[200, 204])?;
            }
            c.has_members(&group, &[&a, &b, &d]).await?;
        }),
        check!("add_sets_sub_attributes_of_matches", "ADD-008", "Let add set a sub-attribute of the values its filter matches.", |c| {
            let user = full(c).await?;
            let read = c.patched(&user.path, json!([{"op": "add", "path": "addresses[type eq \"work\"].region", "value": "BE"}])).await?;
            read.is("/addresses/0/region", "BE")?.is("/addresses/0/locality", "Bern")?;
        }),
        check!("add_to_no_match_is_no_target", "ADD-009", "Answer 400 noTarget to an add whose filter matches nothing, or create \
                what it describes.", |c| {
            let user = full(c).await?;
            let reply = c.patch(&user.path, json!([{"op": "add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+41 2"}])).await?;
            if c.forgiven(&reply, Tolerance::CreateOnNoTarget)? {
                let read = c.read(&user.path).await?;
                read.is("/phoneNumbers/0/value", "+41 2")?.is("/phoneNumbers/0/type", "mobile")?;
            }
        }),
        check!("add_takes_urns_as_keys", "ADD-010 ADD-011", "Take extension attributes under their URN in an add without path.", |c| {
            c.need(Feature::Enterprise)?;
            let user = full(c).await?;
            let read = c.patched(&user.path, json!([{"op": "add", "value": {ENTERPRISE: {"department": "Tools"}}}])).await?;
            read.is(&format!("/{ENTERPRISE}/department"), "Tools")?;
        }).not(&[Profile::Interop]),
        check!("dotted_keys_are_refused", "ADD-010", "Answer 400 to dotted keys in a value without path, or take them as paths.", |c| {
            let user = full(c).await?;
            let reply = c.patch(&user.path, json!([{"op": "replace", "value": {"name.givenName": "Dot"}}])).await?;
            if c.forgiven(&reply, Tolerance::DottedKeys)? {
                c.read(&user.path).await?.is("/name/givenName", "Dot")?;
            }
        }).not(&[Profile::Interop]),
        check!("unknown_members_are_refused_or_kept", "ADD-012 SCH-010", "Answer 400 to members you do not know, or keep them.", |c| {
            let (group, [a, b, _]) = team(c).await?;
            let reply = c.patch(&group.path, json!([{"op": "add", "path": "members", "value": [{"value": "no-such-user-0"}]}])).await?;
            if reply.is_success() {
                let members = c.members(&group).await?;
                if !members.iter().any(|member| member == "no-such-user-0") {
                    c.lenient(Tolerance::DropUnknownMembers)?;
                }
            } else {
                reply.refused(&[400, 404])?;
                c.has_members(&group, &[&a, &b]).await?;
            }
        }),
    ]
}

fn removing() -> Vec<Check> {
    vec![
        check!(
            "remove_needs_a_path",
            "REM-001",
            "Answer 400 noTarget to remove without a path.",
            |c| {
                refused(c, json!([{"op": "remove"}])).await?;
            }
        ),
        check!(
            "remove_unassigns",
            "REM-002 REM-009",
            "Let remove unassign an attribute, also one that has no value.",
            |c| {
                let user = full(c).await?;
                for _ in 0..2 {
                    c.patched(&user.path, json!([{"op": "remove", "path": "nickName"}]))
                        .await?
                        .lacks("/nickName")?;
                }
            }
        ),
        check!(
            "remove_empties_lists",
            "REM-003",
            "Let remove without filter remove all values.",
            |c| {
                let (group, _) = team(c).await?;
                c.patched(&group.path, json!([{"op": "remove", "path": "members"}]))
                    .await?
                    .lacks("/members")?;
            }
        ),
        check!(
            "remove_takes_one_member_out",
            "REM-004 GRP-003",
            "Let remove with a filter take out what it matches, and nothing else.",
            |c| {
                let (group, [a, b, _]) = team(c).await?;
                let path = format!("members[value eq \"{}\"]", a.id);
                c.patch(&group.path, json!([{"op": "remove", "path": path}]))
                    .await?
                    .status(&[200, 204])?;
                c.has_members(&group, &[&b]).await?;
            }
        )
        .grave(),
        check!(
            "remove_matches_by_sub_attributes",
            "REM-005",
            "Let remove match by any sub-attribute.",
            |c| {
                let user = full(c).await?;
                let read = c.patched(&user.path, json!([{"op": "remove", "path": "emails[type eq \"home\" and value ew \"home.example\"]"}])).await?;
                expect(read.values("/emails") == [user.name.as_str()], || {
                    format!("the e-mail addresses are {}", read.at("/emails"))
                })?;
            }
        ),
        check!(
            "remove_takes_sub_attributes_of_matches",
            "REM-006",
            "Let remove take a sub-attribute out of what its filter matches.",
            |c| {
                let user = full(c).await?;
                let read = c
                    .patched(
                        &user.path,
                        json!([{"op": "remove", "path": "addresses[type eq \"work\"].country"}]),
                    )
                    .await?;
                read.lacks("/addresses/0/country")?
                    .is("/addresses/0/locality", "Bern")?;
            }
        ),
        check!(
            "remove_keeps_what_is_required",
            "REM-007",
            "Answer 400 mutability to remove of userName and id.",
            |c| {
                for path in ["userName", "id", "meta"] {
                    refused(c, json!([{"op": "remove", "path": path}])).await?;
                }
            }
        ),
        check!(
            "removing_who_is_no_member_does_no_harm",
            "REM-008",
            "Let remove of who is no member succeed, or answer 400 noTarget; change \
                nothing.",
            |c| {
                let (group, [a, b, d]) = team(c).await?;
                let path = format!("members[value eq \"{}\"]", d.id);
                let reply = c
                    .patch(&group.path, json!([{"op": "remove", "path": path}]))
                    .await?;
                reply.status(&[200, 204, 400])?;
                c.has_members(&group, &[&a, &b]).await?;
            }
        )
        .grave(),
        check!(
            "remove_with_a_value_is_no_wipe",
            "REM-010",
            "Remove the listed members only, or answer 400. By the letter of RFC 7644 \
                all members would go: Entra, JumpCloud and authentik mean one.",
            |c| {
                let (group, [a, b, _]) = team(c).await?;
                let reply = c
                    .patch(
                        &group.path,
                        json!([{"op": "remove", "path": "members", "value": [{"value": a.id}]}]),
                    )
                    .await?;
                if c.forgiven(&reply, Tolerance::RemoveByValue)? {
                    c.has_members(&group, &[&b]).await?;
                } else {
                    c.has_members(&group, &[&a, &b]).await?;
                }
            }
        )
        .grave(),
        check!(
            "remove_takes_complex_values",
            "REM-011",
            "Let remove take a complex attribute or a sub-attribute.",
            |c| {
                let user = full(c).await?;
                let read = c
                    .patched(
                        &user.path,
                        json!([{"op": "remove", "path": "name.middleName"}]),
                    )
                    .await?;
                read.lacks("/name/middleName")?
                    .is("/name/familyName", "Check")?;
                c.patched(&user.path, json!([{"op": "remove", "path": "addresses"}]))
                    .await?
                    .lacks("/addresses")?;
            }
        ),
        check!(
            "remove_takes_extension_attributes",
            "REM-012",
            "Let remove take an extension attribute by its URN.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c
                    .employee(json!({"department": "Tools", "employeeNumber": "7"}))
                    .await?;
                let read = c
                    .patched(
                        &user.path,
                        json!([{"op": "remove", "path": format!("{ENTERPRISE}:department")}]),
                    )
                    .await?;
                read.lacks(&format!("/{ENTERPRISE}/department"))?
                    .is(&format!("/{ENTERPRISE}/employeeNumber"), "7")?;
            }
        ),
    ]
}

fn replacing() -> Vec<Check> {
    vec![
        check!("replace_without_path_takes_attributes", "REP-001", "Replace the attributes that a value without path names, and no other.", |c| {
            let user = full(c).await?;
            let read = c.patched(&user.path, json!([{"op": "replace", "value": {"active": false}}])).await?;
            read.is("/active", false)?.is("/nickName", "Lee")?.is("/name/middleName", "M")?;
        }).not(&[Profile::Interop]),
        check!("replace_sets_single_values", "REP-002 REP-004", "Let replace set a single value, also where there is none.", |c| {
            let user = full(c).await?;
            let operations = json!([{"op": "replace", "path": "displayName", "value": "New"}, {"op": "replace", "path": "title", "value": "Lead"}]);
            c.patched(&user.path, operations).await?.is("/displayName", "New")?.is("/title", "Lead")?;
        }),
        check!("replace_sets_whole_lists", "REP-003", "Let replace without filter set the whole list.", |c| {
            let user = full(c).await?;
            let only = format!("{}@only.example", c.name());
            let read = c.patched(&user.path, json!([{"op": "replace", "path": "emails", "value": [{"value": only, "type": "work"}]}])).await?;
            expect(read.values("/emails") == [only.as_str()], || format!("the e-mail addresses are {}", read.at("/emails")))?;
        }),
        check!("replace_merges_complex_values", "REP-005", "Let replace keep the sub-attributes it does not name.", |c| {
            let user = full(c).await?;
            let read = c.patched(&user.path, json!([{"op": "replace", "path": "name", "value": {"givenName": "Mia"}}])).await?;
            read.is("/name/givenName", "Mia")?.is("/name/familyName", "Check")?;
        }).not(&[Profile::Interop]),
        check!("replace_sets_matching_values", "REP-006", "Let replace set the values that its filter matches.", |c| {
            let user = full(c).await?;
            let value = json!({"type": "work", "locality": "Basel", "country": "CH"});
            let read = c.patched(&user.path, json!([{"op": "replace", "path": "addresses[type eq \"work\"]", "value": value}])).await?;
            read.is("/addresses/0/locality", "Basel")?;
            expect(read.at("/addresses").as_array().map_or(0, Vec::len) == 1, || "there is another address now".to_owned())?;
        }).not(&[Profile::Interop]),
        check!("replace_sets_sub_attributes_of_matches", "REP-007", "Let replace set a sub-attribute of what its filter matches, and touch \
                nothing else.", |c| {
            let user = full(c).await?;
            let read = c.patched(&user.path, json!([{"op": "replace", "path": "addresses[type eq \"work\"].locality", "value": "Basel"}])).await?;
            read.is("/addresses/0/locality", "Basel")?.is("/addresses/0/country", "CH")?;
        }),
        check!("replace_of_no_match_is_no_target", "REP-008", "Answer 400 noTarget to replace whose filter matches nothing.", |c| {
            let user = full(c).await?;
            let reply = c.patch(&user.path, json!([{"op": "replace", "path": "emails[type eq \"none\"].value", "value": "x@example.com"}])).await?;
            if c.forgiven(&reply, Tolerance::ReplaceCreates)? {
                let read = c.read(&user.path).await?;
                expect(read.values("/emails").contains(&"x@example.com"), || "answered with success, but the value is not there".to_owned())?;
            }
        }),
        check!("replace_needs_a_value", "REP-009", "Answer 400 to replace without a value.", |c| {
            refused(c, json!([{"op": "replace", "path": "title"}])).await?;
        }),
        check!("replace_by_nothing_unassigns", "REP-010", "Take null and [] in replace as no value.", |c| {
            let user = full(c).await?;
            let operations = json!([{"op": "replace", "path": "nickName", "value": null}, {"op": "replace", "path": "addresses", "value": []}]);
            c.patched(&user.path, operations).await?.lacks("/nickName")?.lacks("/addresses")?;
        }),
        check!("the_own_id_does_no_harm", "REP-011", "Accept the resource's own id in a value without path: Okta renames \
                groups so.", |c| {
            let (group, _) = team(c).await?;
            let name = c.name();
            c.patched(&group.path, json!([{"op": "replace", "value": {"id": group.id, "displayName": name}}])).await?.is("/displayName", name)?;
        }).not(&[Profile::Interop]),
        check!("booleans_are_no_strings", "REP-012 SCH-004 POST-018", "Answer 400 to \"False\" for a boolean, or store false; never the string.", |c| {
            let user = full(c).await?;
            let reply = c.patch(&user.path, json!([{"op": "replace", "path": "active", "value": "False"}])).await?;
            let read = c.read(&user.path).await?;
            if c.forgiven(&reply, Tolerance::StringBoolean)? {
                read.is("/active", false)?;
            } else {
                read.is("/active", true)?;
            }
        }).grave(),
        check!("a_plain_manager_is_refused_or_wrapped", "REP-013", "Answer 400 to text for manager, or store it as manager.value.", |c| {
            c.need(Feature::Patch)?;
            let (boss, user) = (c.new_user().await?, c.employee(json!({"department": "Tools"})).await?);
            let reply = c.patch(&user.path, json!([{"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": boss.id}])).await?;
            if c.forgiven(&reply, Tolerance::WrapComplex)? {
                c.read(&user.path).await?.is(&format!("/{ENTERPRISE}/manager/value"), boss.id.clone())?;
            }
        }),
        check!("replace_sets_members", "REP-003 REP-014", "Let replace set exactly the members it lists; [] empties the group.", |c| {
            let (group, [_, b, d]) = team(c).await?;
            c.patch(&group.path, json!([{"op": "replace", "path": "members", "value": [{"value": b.id}, {"value": d.id}]}])).await?.status(&[200, 204])?;
            c.has_members(&group, &[&b, &d]).await?;
            c.patch(&group.path, json!([{"op": "replace", "path": "members", "value": []}])).await?.status(&[200, 204])?;
            c.has_members(&group, &[]).await?;
        }).grave(),
    ]
}
