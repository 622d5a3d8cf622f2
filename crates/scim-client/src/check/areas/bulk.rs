//! Many requests in one (RFC 7644 section 3.7).

use serde_json::{Value, json};

use crate::check::{
    Level,
    assertion::{Reply, Step, Stop, expect, fail},
    catalog::{Check, check},
    operation::replace,
    probe::{Feature, Made, Probe},
};
use scim::{
    Tolerance,
    error::ERROR_URN,
    message::{BULK_REQUEST, BULK_RESPONSE, PATCH_OP},
};

/// A job as it is answered.
async fn send(probe: &Probe<'_>, operations: Value) -> Step<Reply> {
    probe.need(Feature::Bulk)?;
    let body = json!({"schemas": [BULK_REQUEST], "Operations": operations});
    probe.post("/Bulk", &body).await
}

/// A job, answered with 200.
async fn job(probe: &Probe<'_>, operations: Value) -> Step<Reply> {
    let reply = send(probe, operations).await?;
    reply.status(&[200])?;
    Ok(reply)
}

/// A job that is refused as a whole, or in each of these operations.
fn refused(reply: &Reply, operations: &[usize], codes: &[u16]) -> Step {
    if reply.status_code() != 200 {
        return reply.refused(codes).map(|_| ());
    }
    for at in operations {
        status(reply, *at, &["4"])?;
    }
    Ok(())
}

/// An operation that creates a user.
fn creating(probe: &Probe<'_>, bulk_id: &str) -> Value {
    json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": probe.user(json!({}))})
}

/// An operation that creates a group with this member.
fn grouping(probe: &Probe<'_>, bulk_id: &str, member: Value) -> Value {
    let data = probe.group(json!({"members": [member]}));
    json!({"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data})
}

/// An operation that gives a title.
fn entitling(path: &str) -> Value {
    let data = json!({"schemas": [PATCH_OP], "Operations": replace("title", "Lead")});
    json!({"method": "PATCH", "path": path, "data": data})
}

/// An operation that creates a user of a name that is taken.
fn clashing(probe: &Probe<'_>, bulk_id: &str, taken: &Made) -> Value {
    let data = probe.user(json!({"userName": taken.name}));
    json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": data})
}

/// The statuses of the operations, in order.
fn statuses(reply: &Reply) -> Vec<String> {
    let results = reply.at("/Operations").as_array().into_iter().flatten();
    results
        .map(|result| {
            let status = &result["status"];
            let text = status.as_str().or(status["code"].as_str());
            text.map_or_else(|| status.to_string(), str::to_owned)
        })
        .collect()
}

/// The status of an operation begins so.
fn status(reply: &Reply, at: usize, begins: &[&str]) -> Step {
    let statuses = statuses(reply);
    let found = statuses.get(at).map_or("missing", String::as_str);
    expect(begins.iter().any(|begin| found.starts_with(begin)), || {
        format!(
            "operation {at} has status {found}, expected {}…",
            begins.join(" or ")
        )
    })
}

/// The id that an operation created.
fn created(reply: &Reply, at: usize) -> Step<String> {
    let location = reply.text(&format!("/Operations/{at}/location"));
    match location.rsplit('/').next() {
        Some(id) if !id.is_empty() => Ok(id.to_owned()),
        _ => fail(format!("operation {at} has no location")),
    }
}

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "bulk_is_there_or_501",
            "BULK-001",
            "Answer /Bulk with 200, or 501 without support.",
            |c| {
                let reply = c
                    .post(
                        "/Bulk",
                        &json!({
                            "schemas": [BULK_REQUEST],
                            "Operations": [{"method": "DELETE", "path": c.nobody()}],
                        }),
                    )
                    .await?;
                let expected: &[u16] = if c.world.has(Feature::Bulk) {
                    &[200]
                } else {
                    &[501, 404, 405]
                };
                reply.status(expected)?;
            }
        ),
        check!(
            "bulk_creates",
            "BULK-002 BULK-011 BULK-012 BULK-014",
            "Answer with a BulkResponse: method, bulkId, location and status of each \
                operation.",
            |c| {
                let reply = job(c, json!([creating(c, "one")])).await?;
                expect(reply.names_schema(BULK_RESPONSE), || {
                    "no BulkResponse".to_owned()
                })?;
                reply
                    .is("/Operations/0/bulkId", "one")?
                    .is("/Operations/0/method", "POST")?
                    .is("/Operations/0/status", "201")?;
                let id = created(&reply, 0)?;
                c.read(&format!("/Users/{id}")).await?;
            }
        ),
        check!(
            "bulk_names_its_schema",
            "BULK-002",
            "Answer 400 to a bulk message without its schema.",
            |c| {
                c.need(Feature::Bulk)?;
                let reply = c
                    .post("/Bulk", &json!({"Operations": [creating(c, "one")]}))
                    .await?;
                c.forgiven(&reply, Tolerance::InferSchemas)?;
            }
        ),
        check!(
            "bulk_methods_are_known",
            "BULK-003",
            "Answer an operation of another method with 400 or 405.",
            |c| {
                let reply = send(c, json!([{"method": "GET", "path": "/Users"}])).await?;
                refused(&reply, &[0], &[400, 405])?;
            }
        ),
        check!(
            "bulk_paths_fit_their_method",
            "BULK-004",
            "Refuse POST to a resource and PUT to an endpoint.",
            |c| {
                let user = c.new_user().await?;
                let operations = json!([
                    {"method": "PUT", "path": "/Users", "data": c.user(json!({}))},
                    {"method": "POST", "bulkId": "a", "path": user.path, "data": c.user(json!({}))},
                ]);
                let reply = send(c, operations).await?;
                refused(&reply, &[0, 1], &[400])?;
            }
        ),
        check!(
            "bulk_ids_are_unique",
            "BULK-005",
            "Refuse a bulkId that stands twice.",
            |c| {
                let reply = send(c, json!([creating(c, "same"), creating(c, "same")])).await?;
                if reply.status_code() == 200 {
                    let fails = |status: &String| status.starts_with('4');
                    expect(statuses(&reply).iter().any(fails), || {
                        "two operations of one bulkId succeeded".to_owned()
                    })?;
                } else {
                    reply.refused(&[400, 409])?;
                }
            }
        ),
        check!(
            "bulk_creates_need_a_bulk_id",
            "BULK-005",
            "Refuse a POST without a bulkId.",
            |c| {
                let operations =
                    json!([{"method": "POST", "path": "/Users", "data": c.user(json!({}))}]);
                refused(&send(c, operations).await?, &[0], &[400])?;
            }
        ),
        check!(
            "bulk_carries_every_method",
            "BULK-006",
            "Carry out PUT, PATCH and DELETE with the bodies of single requests.",
            |c| {
                let [a, b, d] = c.new_users().await?;
                let operations = json!([
                    entitling(&a.path),
                    {"method": "PUT", "path": b.path, "data": c.user(json!({"userName": b.name, "title": "Head"}))},
                    {"method": "DELETE", "path": d.path},
                ]);
                let reply = job(c, operations).await?;
                for at in 0..3 {
                    status(&reply, at, &["2"])?;
                }
                c.read(&a.path).await?.is("/title", "Lead")?;
                c.read(&b.path).await?.is("/title", "Head")?;
                c.get(&d.path).await?.status(&[404])?;
            }
        ),
        check!(
            "a_bare_list_is_no_patch",
            "BULK-006",
            "Ask for a whole PATCH message in data.",
            |c| {
                let user = c.new_user().await?;
                let reply = job(
                    c,
                    json!([{
                        "method": "PATCH",
                        "path": user.path,
                        "data": replace("title", "Lead"),
                    }]),
                )
                .await?;
                if statuses(&reply)
                    .first()
                    .is_some_and(|status| status.starts_with('2'))
                {
                    c.lenient(Tolerance::BareBulkPatch)?;
                    c.read(&user.path).await?.is("/title", "Lead")?;
                }
            }
        ),
        check!(
            "bulk_heeds_versions",
            "BULK-007",
            "Answer an operation with an old version with 412.",
            |c| {
                c.need(Feature::Etag)?;
                let user = c.new_user().await?;
                let reply = job(
                    c,
                    json!([{
                        "method": "DELETE",
                        "path": user.path,
                        "version": "W/\"provisor-check-old\"",
                    }]),
                )
                .await?;
                status(&reply, 0, &["412"])?;
                c.read(&user.path).await?;
            }
        ),
        check!(
            "a_failing_operation_fails_alone",
            "BULK-008 BULK-009 BULK-013 BULK-025",
            "Answer 200, go on after failures, and tell each failure as a SCIM error.",
            |c| {
                let taken = c.new_user().await?;
                let operations = [creating(c, "a"), clashing(c, "b", &taken), creating(c, "c")];
                let reply = job(c, operations.into_iter().collect()).await?;
                for (at, expected) in [(0, "201"), (1, "409"), (2, "201")] {
                    status(&reply, at, &[expected])?;
                }
                reply
                    .is("/Operations/1/response/schemas/0", ERROR_URN)?
                    .is("/Operations/1/response/status", "409")?;
            }
        ),
        check!(
            "fail_on_errors_stops",
            "BULK-010",
            "Stop after failOnErrors errors, and carry out nothing after.",
            |c| {
                c.need(Feature::Bulk)?;
                let (taken, later) = (c.new_user().await?, c.user(json!({})));
                let operations = json!([
                    clashing(c, "a", &taken),
                    {"method": "POST", "path": "/Users", "bulkId": "b", "data": later},
                ]);
                let reply = c
                    .post(
                        "/Bulk",
                        &json!({"schemas": [BULK_REQUEST], "failOnErrors": 1, "Operations": operations}),
                    )
                    .await?;
                reply.status(&[200])?;
                expect(statuses(&reply).len() == 1, || {
                    format!("the statuses are {:?}", statuses(&reply))
                })?;
                let name = later["userName"].as_str().unwrap_or_default();
                c.finds("/Users", &format!("userName eq \"{name}\""), &[])
                    .await?;
            }
        ),
        check!(
            "bulk_ids_become_ids",
            "BULK-015 BULK-017",
            "Put the id of what was created for its bulkId, whatever the order.",
            |c| {
                let group = grouping(c, "g", json!({"value": "bulkId:u"}));
                for (operations, user, team) in [
                    (json!([creating(c, "u"), group]), 0, 1),
                    (json!([group, creating(c, "u")]), 1, 0),
                ] {
                    let reply = job(c, operations).await?;
                    if team == 0
                        && statuses(&reply)
                            .first()
                            .is_some_and(|status| status == "409")
                    {
                        continue;
                    }
                    let (user, team) = (created(&reply, user)?, created(&reply, team)?);
                    let read = c.read(&format!("/Groups/{team}")).await?;
                    expect(read.values("/members") == [user.as_str()], || {
                        format!("the members are {}", read.at("/members"))
                    })?;
                    c.delete(&format!("/Groups/{team}")).await?.status(&[204])?;
                }
            }
        ),
        check!(
            "bulk_ids_stand_in_paths",
            "BULK-016",
            "Resolve bulkId in a path.",
            |c| {
                let operations = json!([creating(c, "u"), entitling("/Users/bulkId:u")]);
                let reply = job(c, operations).await?;
                status(&reply, 1, &["2"])?;
                let id = created(&reply, 0)?;
                c.read(&format!("/Users/{id}"))
                    .await?
                    .is("/title", "Lead")?;
            }
        ),
        check!(
            "circles_are_created_or_refused",
            "BULK-018",
            "Create groups that contain each other, or answer 409; leave no half.",
            |c| {
                let group = |id: &str, other: &str| {
                    let other = json!({"value": format!("bulkId:{other}"), "type": "Group"});
                    grouping(c, id, other)
                };
                let reply = job(c, json!([group("a", "b"), group("b", "a")])).await?;
                let statuses = statuses(&reply);
                let all = |digit: char| statuses.iter().all(|status| status.starts_with(digit));
                expect(statuses.len() == 2 && (all('2') || all('4')), || {
                    format!("the statuses are {statuses:?}")
                })?;
            }
        ),
        check!(
            "unknown_bulk_ids_are_refused",
            "BULK-019",
            "Refuse an operation that refers to a bulkId nobody has.",
            |c| {
                let group = grouping(c, "g", json!({"value": "bulkId:nobody"}));
                refused(&send(c, json!([group])).await?, &[0], &[400, 409])?;
            }
        ),
        check!(
            "bulk_has_its_limits",
            "BULK-020",
            "Answer 413 to more operations than maxOperations, and name the limit.",
            |c| {
                c.need(Feature::Bulk)?;
                let most = c.world.config["bulk"]["maxOperations"]
                    .as_u64()
                    .unwrap_or(0);
                if most == 0 || most > 10_000 {
                    return Err(Stop::NotRun(format!(
                        "maxOperations is {most}: too many to try"
                    )));
                }
                let operations: Vec<_> = (0..=most)
                    .map(|_| json!({"method": "DELETE", "path": c.nobody()}))
                    .collect();
                let reply = send(c, operations.into()).await?;
                reply.refused(&[413])?;
                expect(reply.text("/detail").contains(&most.to_string()), || {
                    format!("detail does not name {most}")
                })?;
            }
        ),
        check!(
            "bulk_keeps_the_order",
            "BULK-021",
            "Keep the order of operations on one resource.",
            |c| {
                let operations = json!([
                    creating(c, "u"),
                    entitling("/Users/bulkId:u"),
                    {"method": "DELETE", "path": "/Users/bulkId:u"},
                ]);
                let reply = job(c, operations).await?;
                for at in 0..3 {
                    status(&reply, at, &["2"])?;
                }
                let id = created(&reply, 0)?;
                c.get(&format!("/Users/{id}")).await?.status(&[404])?;
            }
        ),
        check!(
            "an_empty_job_is_refused",
            "BULK-022",
            "Answer 400 to no operations.",
            |c| {
                send(c, json!([])).await?.refused(&[400])?;
            }
        ),
        check!(
            "a_count_of_errors_is_positive",
            "BULK-022",
            "Answer 400 to a failOnErrors below 1.",
            |c| {
                c.need(Feature::Bulk)?;
                let job = json!({
                    "schemas": [BULK_REQUEST],
                    "failOnErrors": -1,
                    "Operations": [creating(c, "a")],
                });
                c.post("/Bulk", &job).await?.refused(&[400])?;
            }
        )
        .graded(Level::May),
        check!(
            "absolute_bulk_paths_do_no_harm",
            "BULK-023",
            "Take absolute URLs as paths, or refuse the operation.",
            |c| {
                let user = c.new_user().await?;
                let path = format!("{}{}", c.world.client.base(), user.path);
                let reply = job(c, json!([{"method": "DELETE", "path": path}])).await?;
                status(&reply, 0, &["2", "4"])?;
            }
        ),
        check!(
            "a_bulk_create_is_no_silent_success",
            "BULK-011 BULK-012",
            "Answer 201 only for what is stored.",
            |c| {
                let operations: Vec<_> = (0..10).map(|n| creating(c, &format!("u{n}"))).collect();
                let reply = job(c, operations.into()).await?;
                for at in 0..10 {
                    status(&reply, at, &["201"])?;
                    let id = created(&reply, at)?;
                    c.read(&format!("/Users/{id}")).await?.has("/userName")?;
                }
            }
        )
        .grave(),
    ]
}
