//! What values may be, users and groups (RFC 7643).

use scim::Tolerance;
use serde_json::json;

use crate::{
    check::{
        Level,
        assertion::{Step, at, expect, fail},
        catalog::{Check, check},
        operation::{add, member, members, replace},
        probe::{Feature, Probe},
    },
    resource::{ENTERPRISE, USER},
};

/// A user that breaks the format of a value: refused, or forgiven and stored as sent.
async fn malformed(probe: &Probe<'_>, name: &str, value: serde_json::Value, pointer: &str) -> Step {
    let sent = at(&value, pointer).clone();
    let reply = probe
        .post("/Users", &probe.user(json!({ name: value })))
        .await?;
    if probe.forgiven(&reply, Tolerance::LooseFormat)? {
        reply.is(&format!("/{name}{pointer}"), sent)?;
    }
    Ok(())
}

pub(super) fn checks() -> Vec<Check> {
    let mut all = values();
    all.extend(users());
    all.extend(groups());
    all
}

fn values() -> Vec<Check> {
    vec![
        check!(
            "types_of_values_are_free",
            "SCH-003",
            "Accept values beside the canonical ones, or answer 400.",
            |c| {
                let email =
                    json!([{"value": format!("{}@example.com", c.name()), "type": "provisor"}]);
                let reply = c.post("/Users", &c.user(json!({"emails": email}))).await?;
                if reply.is_success() {
                    reply.is("/emails/0/type", "provisor")?;
                } else {
                    reply.refused(&[400])?;
                }
            }
        ),
        check!(
            "binaries_are_base64",
            "SCH-008 USR-012",
            "Answer 400 to a certificate that is no base64.",
            |c| {
                c.need_attribute("x509Certificates")?;
                let reply = c
                    .post(
                        "/Users",
                        &c.user(json!({"x509Certificates": [{"value": "@@"}]})),
                    )
                    .await?;
                if c.forgiven(&reply, Tolerance::LooseFormat)? {
                    reply.is("/x509Certificates/0/value", "@@")?;
                }
            }
        ),
        check!(
            "references_resolve",
            "SCH-009 GRP-002",
            "Let $ref of a member lead to it.",
            |c| {
                let user = c.new_user().await?;
                let group = c.new_group(&[&user]).await?;
                let read = c.read(&group.path).await?;
                let reference = read.text("/members/0/$ref").to_owned();
                expect(
                    reference.ends_with(&user.path)
                        || reference.ends_with(user.path.trim_start_matches('/')),
                    || format!("members.$ref is {}", read.at("/members/0/$ref")),
                )?;
            }
        )
        .graded(Level::Should),
        check!(
            "complex_values_are_not_nested",
            "SCH-011",
            "Answer 400 to an object where a sub-attribute is simple.",
            |c| {
                c.post("/Users", &c.user(json!({"emails": [{"value": {"a": 1}}]})))
                    .await?
                    .refused(&[400])?;
            }
        ),
        check!(
            "primary_is_false_unless_said",
            "SCH-012",
            "Leave primary out, or false, unless the client sets it.",
            |c| {
                let email = json!([{"value": format!("{}@example.com", c.name()), "type": "work"}]);
                let user = c.user_with(json!({"emails": email})).await?;
                let primary = c.read(&user.path).await?.at("/emails/0/primary").clone();
                expect(primary != "true" && !primary.is_string(), || {
                    format!("primary is {primary}")
                })?;
            }
        ),
        check!(
            "one_object_is_no_list",
            "SCH-014",
            "Answer 400 to an object for a multi-valued attribute, or store a list of \
                one.",
            |c| {
                let value = json!({"value": format!("{}@example.com", c.name()), "type": "work"});
                let reply = c.post("/Users", &c.user(json!({"emails": value}))).await?;
                if c.forgiven(&reply, Tolerance::WrapArray)? {
                    reply.has("/emails/0/value")?;
                }
            }
        ),
        check!(
            "a_list_of_one_is_no_object",
            "SCH-014",
            "Answer 400 to a list for a singular attribute, or store its value.",
            |c| {
                let reply = c
                    .post(
                        "/Users",
                        &c.user(json!({"name": [{"familyName": "Listed"}]})),
                    )
                    .await?;
                if c.forgiven(&reply, Tolerance::UnwrapArray)? {
                    reply.is("/name/familyName", "Listed")?;
                }
            }
        ),
        check!(
            "empty_elements_are_not_stored",
            "SCH-016",
            "Drop null and {} in lists, or answer 400.",
            |c| {
                let reply = c
                    .post("/Users", &c.user(json!({"emails": [null, {}]})))
                    .await?;
                if reply.is_success() {
                    reply.lacks("/emails")?;
                } else {
                    reply.refused(&[400])?;
                }
            }
        ),
        check!(
            "external_ids_are_the_clients",
            "SCH-017",
            "Never set or change externalId.",
            |c| {
                let user = c.new_user().await?;
                user.reply.lacks("/externalId")?;
                let external = format!("Ext-{}", c.name());
                let user = c.user_with(json!({"externalId": external})).await?;
                c.read(&user.path).await?.is("/externalId", external)?;
            }
        ),
        check!(
            "values_keep_their_case",
            "SCH-022",
            "Return values in the case in which they were sent.",
            |c| {
                let name = format!("{}-BJensen@example.com", c.name());
                let user = c
                    .user_with(json!({"userName": name, "displayName": "McKenzie"}))
                    .await?;
                c.read(&user.path)
                    .await?
                    .is("/userName", name)?
                    .is("/displayName", "McKenzie")?;
            }
        ),
        check!(
            "strange_names_do_no_harm",
            "SEC-006",
            "Answer 2xx or 400 to any JSON member, never 5xx.",
            |c| {
                for (name, value) in [
                    ("__proto__", json!({"a": 1})),
                    ("constructor", json!({"prototype": {}})),
                    ("nul\u{0}", json!(1)),
                ] {
                    let reply = c.post("/Users", &c.user(json!({name: value}))).await?;
                    expect(reply.is_success() || reply.status_code() == 400, || {
                        format!(
                            "the member {name:?} was answered with {}",
                            reply.status_code()
                        )
                    })?;
                }
                let long = "x".repeat(70_000);
                let reply = c
                    .post("/Users", &c.user(json!({"displayName": long})))
                    .await?;
                expect(reply.status_code() < 500, || {
                    format!("a long name was answered with {}", reply.status_code())
                })?;
            }
        )
        .grave(),
    ]
}

fn users() -> Vec<Check> {
    vec![
        check!(
            "core_attributes_round_trip",
            "USR-002",
            "Keep every core attribute of RFC 7643 section 4.1.1 that /Schemas lists.",
            |c| {
                let more = json!({
                    "name": {"formatted": "Ms. Lena M Check", "familyName": "Check", "givenName": "Lena", "middleName": "M", "honorificPrefix": "Ms.", "honorificSuffix": "III"},
                    "nickName": "Lee", "profileUrl": "https://example.com/lena", "title": "Lead", "userType": "Employee",
                    "preferredLanguage": "en-US", "locale": "en-US", "timezone": "Europe/Zurich",
                });
                let user = c.user_with(more.clone()).await?;
                let read = c.read(&user.path).await?;
                for (name, value) in more.as_object().into_iter().flatten() {
                    if c.world.defines(USER, name) {
                        read.is(&format!("/{name}"), value.clone())?;
                    }
                }
            }
        ),
        check!(
            "multi_valued_attributes_round_trip",
            "USR-007",
            "Keep every multi-valued attribute of RFC 7643 section 4.1.2 that \
                /Schemas lists.",
            |c| {
                let more = json!({
                    "phoneNumbers": [{"value": "+41 44 555 01 23", "type": "work"}],
                    "ims": [{"value": "lena", "type": "xmpp"}],
                    "photos": [{"value": "https://example.com/lena.jpg", "type": "photo"}],
                    "addresses": [{"type": "work", "streetAddress": "Gasse 1", "locality": "Bern", "postalCode": "3000", "country": "CH"}],
                });
                let user = c.user_with(more.clone()).await?;
                let read = c.read(&user.path).await?;
                for (name, value) in more.as_object().into_iter().flatten() {
                    if !c.world.defines(USER, name) {
                        continue;
                    }
                    for (part, expected) in value[0].as_object().into_iter().flatten() {
                        read.is(&format!("/{name}/0/{part}"), expected.clone())?;
                    }
                }
            }
        ),
        check!(
            "languages_have_their_form",
            "USR-003",
            "Answer 400 to a locale that is none, or store it as sent.",
            |c| {
                malformed(c, "locale", json!("zz!!"), "").await?;
            }
        ),
        check!(
            "urls_have_their_form",
            "USR-004",
            "Answer 400 to a profileUrl that is none, or store it as sent.",
            |c| {
                malformed(c, "profileUrl", json!("not a url"), "").await?;
            }
        ),
        check!(
            "countries_have_their_form",
            "USR-009",
            "Answer 400 to a country that is no ISO 3166-1 code, or store it as sent.",
            |c| {
                malformed(
                    c,
                    "addresses",
                    json!([{"type": "work", "country": "Switzerland"}]),
                    "/0/country",
                )
                .await?;
            }
        ),
        check!(
            "inactive_users_come_back",
            "USR-005 IPS-004",
            "Let active go from true to false and back; keep the user all the while.",
            |c| {
                c.need(Feature::Patch)?;
                let user = c.new_user().await?;
                for active in [false, true] {
                    let read = c.patched(&user.path, replace("active", active)).await?;
                    read.is("/active", active)?
                        .is("/userName", user.name.clone())?;
                }
            }
        )
        .grave(),
        check!(
            "emails_are_kept_as_sent",
            "USR-008",
            "Return e-mail addresses as they were sent.",
            |c| {
                let email = format!("{}@EXAMPLE.com", c.name());
                let user = c
                    .user_with(json!({"emails": [{"value": email, "type": "work"}]}))
                    .await?;
                c.read(&user.path).await?.is("/emails/0/value", email)?;
            }
        ),
        check!(
            "groups_of_a_user_follow_the_members",
            "USR-010 GRP-008",
            "Let groups of a user be read-only, and show each membership at once.",
            |c| {
                c.need_attribute("groups")?;
                let user = c.new_user().await?;
                let group = c.new_group(&[&user]).await?;
                let read = c.read(&user.path).await?;
                expect(read.values("/groups") == [group.id.as_str()], || {
                    format!(
                        "groups is {}, the user is in {}",
                        read.at("/groups"),
                        group.id
                    )
                })?;
            }
        ),
        check!(
            "groups_of_groups_are_indirect",
            "USR-011 GRP-004",
            "Accept groups as members, or answer 400.",
            |c| {
                let user = c.new_user().await?;
                let inner = c.new_group(&[&user]).await?;
                let members = json!([{"value": inner.id, "type": "Group"}]);
                let reply = c
                    .post("/Groups", &c.group(json!({"members": members})))
                    .await?;
                if reply.is_success() {
                    expect(reply.values("/members") == [inner.id.as_str()], || {
                        format!("the members are {}", reply.at("/members"))
                    })?;
                } else {
                    reply.refused(&[400])?;
                }
            }
        ),
        check!(
            "enterprise_attributes_round_trip",
            "USR-013",
            "Keep every attribute of the enterprise extension, manager.value included.",
            |c| {
                let boss = c.new_user().await?;
                let more = json!({
                    "employeeNumber": "7",
                    "costCenter": "42",
                    "organization": "Tools",
                    "division": "East",
                    "department": "Checks",
                    "manager": {"value": boss.id},
                });
                let user = c.employee(more.clone()).await?;
                let read = c.read(&user.path).await?;
                for name in [
                    "employeeNumber",
                    "costCenter",
                    "organization",
                    "division",
                    "department",
                ] {
                    read.is(&format!("/{ENTERPRISE}/{name}"), more[name].clone())?;
                }
                read.is(&format!("/{ENTERPRISE}/manager/value"), boss.id.clone())?;
            }
        ),
        check!(
            "names_of_managers_are_the_servers",
            "USR-013",
            "Ignore manager.displayName of the client: it is read-only.",
            |c| {
                let boss = c.new_user().await?;
                let user = c
                    .employee(json!({"manager": {"value": boss.id, "displayName": "Nobody"}}))
                    .await?;
                let name = c
                    .read(&user.path)
                    .await?
                    .at(&format!("/{ENTERPRISE}/manager/displayName"))
                    .clone();
                expect(name != "Nobody", || {
                    "manager.displayName is the client's".to_owned()
                })?;
            }
        ),
        check!(
            "roles_need_no_more_than_a_value",
            "SCH-025",
            "Accept a role without type and display.",
            |c| {
                let user = c
                    .user_with(json!({"roles": [{"value": "provisor-check"}]}))
                    .await?;
                c.read(&user.path)
                    .await?
                    .is("/roles/0/value", "provisor-check")?;
            }
        )
        .graded(Level::Should),
    ]
}

fn groups() -> Vec<Check> {
    vec![
        check!(
            "members_are_stored",
            "GRP-002",
            "Store the members of a POST, and describe them: value, $ref, type.",
            |c| {
                let [a, b] = c.new_users().await?;
                let group = c.new_group(&[&a, &b]).await?;
                c.has_members(&group, &[&a, &b]).await?;
            }
        )
        .grave(),
        check!(
            "a_member_without_value_is_refused",
            "SCH-025",
            "Answer 400 to a member without value.",
            |c| {
                c.need(Feature::Groups)?;
                let reply = c
                    .post(
                        "/Groups",
                        &c.group(json!({"members": [{"display": "nobody"}]})),
                    )
                    .await?;
                if reply.is_success() {
                    c.lenient(Tolerance::MissingSubAttribute)?;
                } else {
                    reply.refused(&[400])?;
                }
            }
        ),
        check!(
            "members_are_not_rewritten",
            "GRP-003",
            "Answer 400 mutability to a new value for a member.",
            |c| {
                c.need(Feature::Patch)?;
                let [a, b] = c.new_users().await?;
                let group = c.new_group(&[&a]).await?;
                let path = format!("{}.value", member(&a));
                let reply = c.patch(&group.path, replace(&path, &b.id)).await?;
                if !reply.is_success() {
                    c.has_members(&group, &[&a]).await?;
                    reply.refused(&[400])?;
                } else {
                    return fail("the value of a member was replaced");
                }
            }
        ),
        check!(
            "groups_may_be_empty",
            "GRP-005",
            "Create groups without members.",
            |c| {
                let group = c.new_group(&[]).await?;
                c.has_members(&group, &[]).await?;
            }
        ),
        check!(
            "a_name_of_a_group_twice_is_201_or_409",
            "GRP-006",
            "Create a second group of a name, or answer 409.",
            |c| {
                let group = c.new_group(&[]).await?;
                c.post("/Groups", &c.group(json!({"displayName": group.name})))
                    .await?
                    .status(&[201, 409])?;
            }
        ),
        check!(
            "fifty_operations_fit_in_one_patch",
            "GRP-007 IPS-003",
            "Take at least 50 operations on members in one PATCH.",
            |c| {
                c.need(Feature::Patch)?;
                let group = c.new_group(&[]).await?;
                let mut users = Vec::new();
                for _ in 0..10 {
                    users.push(c.new_user().await?);
                }
                let mut operations = Vec::new();
                for round in 0..5 {
                    for user in &users {
                        operations.push(if round % 2 == 0 {
                            json!({"op": "add", "path": "members", "value": members(&[user])})
                        } else {
                            json!({"op": "remove", "path": member(user)})
                        });
                    }
                }
                c.regrouped(&group, operations.into(), &users.iter().collect::<Vec<_>>())
                    .await?;
            }
        ),
        check!(
            "memberships_show_at_once",
            "GRP-008",
            "Show a new membership in the next GET of the user and of the group.",
            |c| {
                c.need(Feature::Patch)?;
                let (user, group) = (c.new_user().await?, c.new_group(&[]).await?);
                c.regrouped(&group, add("members", members(&[&user])), &[&user])
                    .await?;
                if c.world.defines(USER, "groups") {
                    let read = c.read(&user.path).await?;
                    expect(read.values("/groups") == [group.id.as_str()], || {
                        format!("groups of the user is {}", read.at("/groups"))
                    })?;
                }
            }
        ),
        check!(
            "equal_members_are_stored_once",
            "GRP-009",
            "Store a member once, however often it is sent.",
            |c| {
                let user = c.new_user().await?;
                let group = c.new_group(&[&user, &user]).await?;
                c.has_members(&group, &[&user]).await?;
            }
        ),
    ]
}
