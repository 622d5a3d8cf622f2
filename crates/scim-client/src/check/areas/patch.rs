//! PATCH as a whole: the message, paths, atomicity (RFC 7644 section 3.5.2).

use reqwest::{
    Method,
    header::{self, HeaderName, HeaderValue},
};
use scim::{Tolerance, message::PATCH_OP};
use serde_json::{Value, json};

use crate::{
    check::{
        Level, Profile,
        assertion::{Reply, Step, at, expect},
        catalog::{Check, check},
        operation::{add, members, remove, replace},
        probe::{Feature, Probe, patch, with_query},
    },
    resource::{ENTERPRISE, USER},
};

/// A PATCH that must be refused with 400 and change nothing.
async fn refused(probe: &Probe<'_>, operations: Value) -> Step {
    probe.need(Feature::Patch)?;
    let user = probe.new_user().await?;
    let reply = probe.patch(&user.path, operations.clone()).await?;
    expect(!reply.is_success(), || {
        format!("{operations} was answered with {}", reply.status_code())
    })?;
    reply.refused(&[400])?;
    unchanged(probe, &user.path, &user.reply.body).await
}

/// The user has still the names that it had.
async fn unchanged(probe: &Probe<'_>, path: &str, before: &Value) -> Step {
    let read = probe.read(path).await?;
    for pointer in [
        "/userName",
        "/displayName",
        "/name",
        "/emails",
        "/active",
        "/title",
        "/nickName",
    ] {
        let (was, is) = (at(before, pointer), read.at(pointer));
        expect(was == is, || {
            format!("the refused request changed {pointer} from {was} to {is}")
        })?;
    }
    Ok(())
}

/// Of the e-mail addresses this one is primary, and no other.
fn primary(read: &Reply, expected: &str) -> Step {
    let emails = read.at("/emails").as_array().into_iter().flatten();
    let marked = emails.filter(|email| email["primary"] == true);
    let primary: Vec<_> = marked.map(|email| &email["value"]).collect();
    expect(primary == [expected], || {
        format!("primary are {primary:?}, expected {expected}")
    })
}

/// A PATCH message as it is.
async fn message(probe: &Probe<'_>, path: &str, body: &Value) -> Step<Reply> {
    probe.need(Feature::Patch)?;
    probe.send(with_query(Method::PATCH, path).json(body)).await
}

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "a_patch_applies",
            "PAT-001 PAT-008",
            "Answer PATCH with 200 and the resource, or with 204.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c.new_user().await?;
                let reply = c
                    .patch(&user.path, replace("displayName", "Patched"))
                    .await?;
                reply.status(&[200, 204])?;
                let read = c.read(&user.path).await?;
                read.is("/displayName", "Patched")?;
                if reply.status_code() == 200 {
                    reply
                        .is("/displayName", "Patched")?
                        .is("/id", user.id.clone())?;
                }
            }
        ),
        check!(
            "a_patch_names_its_schema",
            "PAT-002",
            "Answer 400 to a PATCH without its schema.",
            |c| {
                let user = c.new_user().await?;
                let operations = replace("title", "Lead");
                let reply = message(c, &user.path, &json!({"Operations": operations})).await?;
                if c.forgiven(&reply, Tolerance::InferSchemas)? {
                    c.read(&user.path).await?.is("/title", "Lead")?;
                }
            }
        ),
        check!(
            "a_patch_has_operations",
            "PAT-003",
            "Answer 400 to a PATCH without operations; change nothing.",
            |c| {
                let user = c.new_user().await?;
                for none in [
                    json!({"schemas": [PATCH_OP]}),
                    json!({"schemas": [PATCH_OP], "Operations": {}}),
                ] {
                    message(c, &user.path, &none).await?.refused(&[400])?;
                }
                let before = c.read(&user.path).await?;
                let reply = c.patch(&user.path, json!([])).await?;
                c.forgiven(&reply, Tolerance::EmptyOperations)?;
                let after = c.read(&user.path).await?;
                expect(after.body == before.body, || {
                    "a PATCH without operations changed the user".to_owned()
                })?;
            }
        ),
        check!(
            "operations_are_known",
            "PAT-004",
            "Answer 400 to operations other than add, remove, replace.",
            |c| {
                refused(c, json!([{"op": "move", "path": "title", "value": "x"}])).await?;
                refused(c, json!([{"path": "title", "value": "x"}])).await?;
            }
        ),
        check!(
            "operations_have_no_case",
            "PAT-005",
            "Compare op without regard to case: Entra writes Replace.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c.new_user().await?;
                c.patched(
                    &user.path,
                    json!([{
                        "op": "Replace",
                        "path": "title",
                        "value": "Lead",
                    }]),
                )
                .await?
                .is("/title", "Lead")?;
            }
        )
        .grave(),
        check!(
            "operations_apply_in_order",
            "PAT-006",
            "Apply operations in order; each sees what the one before made.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c.user_with(json!({"nickName": "Lee"})).await?;
                let operations = json!([
                    {"op": "remove", "path": "nickName"},
                    {"op": "add", "path": "nickName", "value": "Len"},
                    {"op": "replace", "path": "nickName", "value": "Lena"},
                ]);
                c.patched(&user.path, operations)
                    .await?
                    .is("/nickName", "Lena")?;
            }
        ),
        check!(
            "a_patch_is_applied_whole_or_not_at_all",
            "PAT-007",
            "Apply all operations or none: work on a copy, in one transaction.",
            |c| {
                refused(
                    c,
                    json!([
                        {"op": "replace", "path": "displayName", "value": "Half"},
                        {"op": "replace", "path": "active", "value": "maybe"},
                    ]),
                )
                .await?;
                refused(
                    c,
                    json!([
                        {"op": "add", "path": "nickName", "value": "Half"},
                        {"op": "replace", "path": "noSuchAttribute", "value": "x"},
                    ]),
                )
                .await?;
            }
        )
        .grave(),
        check!(
            "paths_follow_the_grammar",
            "PAT-011",
            "Read attribute paths, sub-attributes and value filters.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c.new_user().await?;
                let read = c.patched(&user.path, json!([
                {"op": "replace", "path": "name.familyName", "value": "Path"},
                {"op": "replace", "path": "emails[type eq \"work\"].display", "value": "Desk"},
            ])).await?;
                read.is("/name/familyName", "Path")?
                    .is("/emails/0/display", "Desk")?;
            }
        ),
        check!(
            "malformed_paths_are_refused",
            "PAT-012",
            "Answer 400 invalidPath to paths the grammar does not allow.",
            |c| {
                for path in ["emails[", "name..givenName", "emails]"] {
                    refused(c, replace(path, "x")).await?;
                }
            }
        ),
        check!(
            "malformed_value_filters_are_refused",
            "PAT-013",
            "Answer 400 to a value filter the grammar does not allow.",
            |c| {
                refused(c, replace("emails[type zz \"work\"].value", "x")).await?;
            }
        ),
        check!(
            "there_are_no_indexes",
            "PAT-014",
            "Answer 400 to emails[0] and /emails/0.",
            |c| {
                for path in ["emails[0].value", "/emails/0/value"] {
                    refused(c, replace(path, "x@example.com")).await?;
                }
            }
        ),
        check!(
            "unknown_paths_are_refused",
            "PAT-015 IOP-003",
            "Answer 400 to paths that no schema defines; a 2xx says that it was stored.",
            |c| {
                refused(c, replace("noSuchAttribute", "x")).await?;
            }
        ),
        check!(
            "paths_take_urns",
            "PAT-016 PAT-028",
            "Accept paths with their schema's URN.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c.employee(json!({"department": "Tools"})).await?;
                let read = c.patched(&user.path, json!([
                {"op": "replace", "path": format!("{USER}:name.givenName"), "value": "Urn"},
                {"op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "Sales"},
            ])).await?;
                read.is("/name/givenName", "Urn")?
                    .is(&format!("/{ENTERPRISE}/department"), "Sales")?;
            }
        ),
        check!(
            "a_patched_extension_is_listed",
            "PAT-017 PAT-018 REM-012 PAT-019",
            "List an extension in schemas from its first attribute on.",
            |c| {
                c.need(Feature::Patch)?;
                c.need(Feature::Enterprise)?;
                let user = c.new_user().await?;
                let path = format!("{ENTERPRISE}:employeeNumber");
                let read = c.patched(&user.path, add(&path, "7")).await?;
                read.is(&format!("/{ENTERPRISE}/employeeNumber"), "7")?;
                expect(read.names_schema(ENTERPRISE), || {
                    "schemas does not list the extension".to_owned()
                })?;
                let read = c.patched(&user.path, remove(&path)).await?;
                read.lacks(&format!("/{ENTERPRISE}/employeeNumber"))?;
            }
        ),
        check!(
            "read_only_attributes_are_not_patched",
            "PAT-020",
            "Answer 400 mutability to a PATCH of id, meta or groups.",
            |c| {
                for (path, value) in [
                    ("id", json!("x")),
                    ("meta.created", json!("1970-01-01T00:00:00Z")),
                    ("groups", json!([{"value": "x"}])),
                ] {
                    refused(c, replace(path, &value)).await?;
                }
            }
        ),
        check!(
            "a_new_primary_value_resets_the_others",
            "PAT-021",
            "Set primary to false on the other values when one becomes primary.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c.new_user().await?;
                let other = format!("{}@example.com", c.name());
                let value = json!([{"value": other, "type": "home", "primary": true}]);
                let read = c.patched(&user.path, add("emails", &value)).await?;
                primary(&read, &other)?;
                let read = c
                    .patched(
                        &user.path,
                        replace("emails[type eq \"work\"].primary", true),
                    )
                    .await?;
                primary(&read, &user.name)?;
            }
        ),
        check!(
            "patched_values_have_their_type",
            "PAT-022",
            "Answer 400 invalidValue to values of another type.",
            |c| {
                refused(c, replace("active", "maybe")).await?;
                refused(c, replace("emails", 5)).await?;
            }
        ),
        check!(
            "a_patch_cannot_take_a_name",
            "PAT-023 IOP-014",
            "Answer 409 uniqueness to a PATCH with a userName that is taken.",
            |c| {
                c.need(Feature::Patch)?;
                let [a, b] = c.new_users().await?;
                let reply = c.patch(&b.path, replace("userName", &a.name)).await?;
                reply.refused(&[409])?.kind(&["uniqueness"])?;
                c.read(&b.path).await?.is("/userName", b.name.clone())?;
            }
        ),
        check!(
            "a_patch_of_an_unknown_id_is_404",
            "PAT-024",
            "Answer 404 to a PATCH of an unknown id.",
            |c| {
                c.need(Feature::Patch)?;
                c.patch("/Users/nobody-has-this-id", replace("active", false))
                    .await?
                    .refused(&[404])?;
            }
        ),
        check!(
            "a_patch_without_change_changes_nothing",
            "PAT-025 ADD-007",
            "Keep lastModified and version when a PATCH changes nothing.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c.new_user().await?;
                let group = c.new_group(&[&user]).await?;
                let before = c.read(&group.path).await?;
                let after = c
                    .patched(&group.path, add("members", members(&[&user])))
                    .await?;
                after.is(
                    "/meta/lastModified",
                    before.at("/meta/lastModified").clone(),
                )?;
                after.is("/meta/version", before.at("/meta/version").clone())?;
                c.has_members(&group, &[&user]).await?;
            }
        ),
        check!(
            "a_patched_password_is_not_returned",
            "PAT-027",
            "Set password by PATCH, and never return it.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c.new_user().await?;
                let reply = c
                    .patch(&user.path, replace("password", "Provisor-check-9f!"))
                    .await?;
                if reply.refused(&[400]).is_ok() {
                    c.need_attribute("password")?;
                }
                reply.status(&[200, 204])?;
                expect(!reply.body.to_string().contains("9f!"), || {
                    "the answer has the password in it".to_owned()
                })?;
                c.read(&user.path).await?.lacks("/password")?;
            }
        )
        .not(Profile::NARROW),
        check!(
            "an_asynchronous_answer_says_where",
            "EVT-008 EVT-009 EVT-010",
            "Ignore Prefer: respond-async, or answer 202 without a body, with Set-Txn, \
                Location and Preference-Applied, whatever Accept says.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c.new_user().await?;
                for (prefer, accept) in [
                    ("respond-async", "application/scim+json"),
                    ("respond-async, wait=5", "application/scim+json"),
                    ("respond-async", "text/html"),
                ] {
                    let request = patch(&user.path, replace("title", prefer))
                        .header(
                            HeaderName::from_static("prefer"),
                            HeaderValue::from_static(prefer),
                        )
                        .header(header::ACCEPT, HeaderValue::from_static(accept));
                    let reply = c.send(request).await?;
                    if reply.status_code() == 202 {
                        for field in ["set-txn", "location", "preference-applied"] {
                            expect(reply.header(field).is_some(), || {
                                format!("202 without {field}")
                            })?;
                        }
                        expect(reply.answer.body.is_empty(), || {
                            "202 with a body".to_owned()
                        })?;
                    } else if accept == "text/html" {
                        reply.status(&[200, 204, 406])?;
                    } else {
                        reply.status(&[200, 204])?;
                        c.read(&user.path).await?.is("/title", prefer)?;
                    }
                }
            }
        ),
        check!(
            "a_bare_urn_is_a_path",
            "PAT-029",
            "Take an extension's URN alone as a path.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c.employee(json!({"department": "Tools"})).await?;
                let read = c
                    .patched(
                        &user.path,
                        replace(ENTERPRISE, json!({"department": "Sales"})),
                    )
                    .await?;
                read.is(&format!("/{ENTERPRISE}/department"), "Sales")?;
                c.patched(&user.path, remove(ENTERPRISE))
                    .await?
                    .lacks(&format!("/{ENTERPRISE}"))?;
            }
        ),
        check!(
            "paths_end_at_sub_attributes",
            "PAT-030",
            "Answer 400 to name.a.b.",
            |c| {
                refused(c, replace("name.givenName.first", "x")).await?;
            }
        ),
        check!(
            "a_patch_is_no_silent_success",
            "PAT-008",
            "Answer 2xx to a PATCH only when a GET shows it at once. Clients do not \
                repeat what succeeded.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c
                    .user_with(json!({"title": "Lead", "nickName": "Lee"}))
                    .await?;
                let steps = [
                    (replace("active", false), "/active", json!(false)),
                    (
                        json!([{"op": "replace", "value": {"active": true}}]),
                        "/active",
                        json!(true),
                    ),
                    (
                        replace("name.givenName", "Mia"),
                        "/name/givenName",
                        json!("Mia"),
                    ),
                    (add("userType", "Guest"), "/userType", json!("Guest")),
                    (remove("nickName"), "/nickName", Value::Null),
                    (
                        replace("emails[type eq \"work\"].value", "new@example.com"),
                        "/emails/0/value",
                        json!("new@example.com"),
                    ),
                ];
                for (operations, pointer, expected) in steps {
                    let reply = c.patch(&user.path, operations.clone()).await?;
                    if reply.is_success() {
                        let read = c.read(&user.path).await?;
                        expect(*read.at(pointer) == expected, || {
                            format!(
                                "{operations} was answered with {}, but {pointer} is {}",
                                reply.status_code(),
                                read.at(pointer)
                            )
                        })?;
                    }
                }
            }
        )
        .graded(Level::Must),
    ]
}
