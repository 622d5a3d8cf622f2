//! The operation remove (RFC 7644 section 3.5.2.2).

use scim::Tolerance;
use serde_json::json;

use super::{full, refused, team};
use crate::{
    check::{
        assertion::expect,
        catalog::{Check, check},
        operation::{member, remove},
        probe::Feature,
    },
    resource::ENTERPRISE,
};

pub(super) fn checks() -> Vec<Check> {
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
                    c.patched(&user.path, remove("nickName"))
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
                c.patched(&group.path, remove("members"))
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
                c.regrouped(&group, remove(member(&a)), &[&b]).await?;
            }
        )
        .grave(),
        check!(
            "remove_matches_by_sub_attributes",
            "REM-005",
            "Let remove match by any sub-attribute.",
            |c| {
                let user = full(c).await?;
                let read = c
                    .patched(
                        &user.path,
                        remove("emails[type eq \"home\" and value ew \"home.example\"]"),
                    )
                    .await?;
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
                    .patched(&user.path, remove("addresses[type eq \"work\"].country"))
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
                    refused(c, remove(path)).await?;
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
                let reply = c.patch(&group.path, remove(member(&d))).await?;
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
                let read = c.patched(&user.path, remove("name.middleName")).await?;
                read.lacks("/name/middleName")?
                    .is("/name/familyName", "Check")?;
                c.patched(&user.path, remove("addresses"))
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
                    .patched(&user.path, remove(format!("{ENTERPRISE}:department")))
                    .await?;
                read.lacks(&format!("/{ENTERPRISE}/department"))?
                    .is(&format!("/{ENTERPRISE}/employeeNumber"), "7")?;
            }
        ),
    ]
}
