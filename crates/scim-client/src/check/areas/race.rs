//! What only happens under load: lost members, lost updates, doubles.

use reqwest::Method;
use serde_json::json;

use crate::{
    check::{
        assertion::{Step, Stop, expect},
        catalog::{Check, check},
        operation::{self, add, member, members, remove, replace},
        probe::{Feature, Made, Probe, patch, with_query},
    },
    resource::USER,
};

/// Requests that run at once: as many as Entra and Okta have been seen to send.
const AT_ONCE: usize = 64;

async fn many(probe: &Probe<'_>, count: usize) -> Step<Vec<Made>> {
    let mut users = Vec::new();
    for _ in 0..count {
        users.push(probe.new_user().await?);
    }
    Ok(users)
}

const SOURCE: &str = "members of a group are a set: RFC 7644 section 3.5.2.1 adds to it, \
                whatever runs beside";
const HINT: &str = "Add and remove members as rows, in one transaction each; never read the \
                list, change it and write it back.";

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "parallel_adds_lose_no_member",
            "GRP-008 ADD-005",
            HINT,
            |c| {
                c.need(Feature::Patch)?;
                let group = c.new_group(&[]).await?;
                let users = many(c, AT_ONCE).await?;
                let add = |user: &Made| patch(&group.path, add("members", members(&[user])));
                let replies = c.together(users.iter().map(add).collect()).await?;
                let succeeded: Vec<_> = users
                    .iter()
                    .zip(&replies)
                    .filter(|(_, reply)| reply.is_success())
                    .map(|(user, _)| user)
                    .collect();
                let members = c.members(&group).await?;
                let lost = succeeded
                    .iter()
                    .filter(|user| !members.contains(&user.id))
                    .count();
                expect(lost == 0, || {
                    format!(
                        "{lost} of {} adds that were answered 2xx are lost",
                        succeeded.len()
                    )
                })?;
                expect(succeeded.len() == users.len(), || {
                    format!("{} of {AT_ONCE} parallel adds succeeded", succeeded.len())
                })?;
            }
        )
        .grave()
        .asked_by("RACE", SOURCE),
        check!(
            "parallel_removes_and_adds_keep_their_own",
            "GRP-008 REM-004",
            HINT,
            |c| {
                c.need(Feature::Patch)?;
                let users = many(c, 32).await?;
                let (leaving, joining) = users.split_at(16);
                let group = c.new_group(&leaving.iter().collect::<Vec<_>>()).await?;
                let remove = |user: &Made| patch(&group.path, remove(member(user)));
                let add = |user: &Made| patch(&group.path, add("members", members(&[user])));
                let requests = leaving
                    .iter()
                    .map(remove)
                    .chain(joining.iter().map(add))
                    .collect();
                for reply in c.together(requests).await? {
                    reply.status(&[200, 204])?;
                }
                c.has_members(&group, &joining.iter().collect::<Vec<_>>())
                    .await?;
            }
        )
        .grave()
        .asked_by("RACE", SOURCE),
        check!(
            "parallel_patches_of_a_user_keep_each_other",
            "PAT-008 REP-002",
            "Read, change and write a user in one transaction.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c.new_user().await?;
                let mut values = vec![
                    ("title", "Lead"),
                    ("nickName", "Lee"),
                    ("userType", "Guest"),
                    ("displayName", "Lena"),
                    ("preferredLanguage", "de"),
                    ("timezone", "Europe/Zurich"),
                ];
                values.retain(|(name, _)| c.world.defines(USER, name));
                if values.len() < 2 {
                    return Err(Stop::Skipped(
                        "/Schemas lists fewer than two of the attributes that it is asked by"
                            .to_owned(),
                    ));
                }
                let set = |(name, value): &(&str, &str)| patch(&user.path, replace(name, *value));
                for reply in c.together(values.iter().map(set).collect()).await? {
                    reply.status(&[200, 204])?;
                }
                let read = c.read(&user.path).await?;
                for (name, value) in values {
                    read.is(&format!("/{name}"), value)?;
                }
            }
        )
        .grave()
        .asked_by(
            "RACE",
            "RFC 7644 section 3.5.2: what a PATCH does not name stays",
        ),
        check!(
            "parallel_creates_are_all_kept",
            "POST-001 POST-003",
            "Store every user that was answered with 201.",
            |c| {
                let create = |_| with_query(Method::POST, "/Users").json(&c.user(json!({})));
                let replies = c.together((0..32).map(create).collect()).await?;
                for reply in &replies {
                    reply.status(&[201])?;
                    c.read(&format!("/Users/{}", reply.text("/id")))
                        .await?
                        .is("/userName", reply.at("/userName").clone())?;
                }
            }
        )
        .grave()
        .asked_by("RACE", "RFC 7644 section 3.3: 201 says that it is stored"),
        check!(
            "a_patch_beside_a_put_of_members_is_whole",
            "PUT-014 ADD-005",
            HINT,
            |c| {
                c.need(Feature::Patch)?;
                let users = many(c, 9).await?;
                let (listed, added) = users.split_at(8);
                let group = c.new_group(&listed.iter().collect::<Vec<_>>()).await?;
                let members: Vec<_> = listed
                    .iter()
                    .map(|user| json!({"value": user.id}))
                    .collect();
                let body = c.group(json!({"displayName": group.name, "members": members}));
                let put = with_query(Method::PUT, &group.path).json(&body);
                let add = patch(&group.path, add("members", json!([{"value": added[0].id}])));
                c.together(vec![put, add]).await?;
                // Either order is right; a member of neither, or one of the list missing, is not.
                let members = c.members(&group).await?;
                let whole = listed.iter().all(|user| members.contains(&user.id));
                expect(whole && members.len() <= 9, || {
                    format!("{} of 8 listed members are left", members.len())
                })?;
            }
        )
        .grave()
        .asked_by("RACE", SOURCE),
        check!(
            "a_large_group_is_whole",
            "GRP-002 PUT-014",
            "Store and return every member; cap nothing silently.",
            |c| {
                let users = many(c, 120).await?;
                let all: Vec<_> = users.iter().collect();
                c.need(Feature::Groups)?;
                let body = c.group(json!({"members": operation::members(&all)}));
                if c.post("/Groups", &body).await?.refused(&[400, 413]).is_ok() {
                    // Whoever refuses two as well does not do so for their number.
                    c.new_group(&all[..2]).await?;
                    return Err(Stop::Skipped(format!(
                        "the server refuses a group of {} members, and says so",
                        all.len()
                    )));
                }
                let group = c.new_group(&all).await?;
                c.has_members(&group, &all).await?;
                if c.world.has(Feature::Patch) {
                    c.regrouped(&group, replace("displayName", c.name()), &all)
                        .await?;
                }
            }
        )
        .grave()
        .asked_by(
            "RACE",
            "PATCH of a name leaves the members (RFC 7644 section 3.5.2.3)",
        ),
    ]
}
