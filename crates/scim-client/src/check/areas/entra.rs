//! What Microsoft Entra ID sends and needs, beyond the RFCs.

use serde_json::json;

use crate::{
    check::{
        Level, Profile,
        assertion::expect,
        catalog::{Check, check},
        probe::encoded,
    },
    resource::{ENTERPRISE, GROUP, USER},
};

const ENTRA: &[Profile] = &[Profile::Entra];
const ENTRA_DOC: &str = "Microsoft, Develop and plan provisioning for a SCIM endpoint";
const ENTRA_FLAG: &str = "Microsoft, Known issues with SCIM 2.0 protocol compliance";
const ENTRA_VALIDATOR: &str =
    "seen of Microsoft's SCIM validator: scimmyjs/scimmy issues 59 and 90";
/// The schema that Entra names beside Group's.
const ADSCIM: &str = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "entra_tests_the_connection",
            "LIST-003",
            "Answer a filter for a random name with 200 and an empty list.",
            |c| {
                c.get("/Users?filter=userName+eq+%229f4b2a1e-0000-4000-8000-9f4b2a1e0000%22")
                    .await?
                    .finds(&[])?
                    .is("/totalResults", 0)?;
            }
        )
        .grave()
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_DOC),
        check!(
            "entra_wants_scim_json",
            "HTTP-012",
            "Answer with application/scim+json, always: Microsoft's validator stops \
                at others.",
            |c| {
                let reply = c.get("/Users?count=1").await?;
                let kind = reply.header("content-type").unwrap_or("none");
                expect(kind.starts_with("application/scim+json"), || {
                    format!("Content-Type is {kind}")
                })?;
            }
        )
        .grave()
        .only(ENTRA)
        .asked_by("ENTRA", "Microsoft, SCIM validator"),
        check!(
            "entra_reads_discovery",
            "DISC-007 DISC-010",
            "Answer /Schemas and /ResourceTypes with User and Group.",
            |c| {
                let (schemas, types) = (c.get("/Schemas").await?, c.get("/ResourceTypes").await?);
                for urn in [USER, GROUP] {
                    expect(
                        schemas.list()?.iter().any(|schema| schema["id"] == urn),
                        || format!("/Schemas does not list {urn}"),
                    )?;
                }
                for name in ["User", "Group"] {
                    expect(
                        types.list()?.iter().any(|found| found["name"] == name),
                        || format!("/ResourceTypes does not list {name}"),
                    )?;
                }
            }
        )
        .grave()
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_DOC),
        check!(
            "entra_creates_with_meta_and_roles",
            "POST-001",
            "Accept meta.resourceType and roles: [] in a create, with both user schemas.",
            |c| {
                let more = json!({
                    "schemas": [USER, ENTERPRISE],
                    "externalId": c.name(),
                    "meta": {"resourceType": "User"},
                    "roles": [],
                });
                c.user_with(more).await?;
            }
        )
        .grave()
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_DOC),
        check!(
            "entra_disables_by_a_string",
            "REP-012",
            "Take \"False\" and \"True\" for booleans: refused, leavers keep their \
                access.",
            |c| {
                let user = c.new_user().await?;
                for (sent, stored) in [("False", false), ("True", true), ("false", false)] {
                    c.patched(
                        &user.path,
                        json!([{
                            "op": "Replace",
                            "path": "active",
                            "value": sent,
                        }]),
                    )
                    .await?
                    .is("/active", stored)?;
                }
            }
        )
        .grave()
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_FLAG),
        check!(
            "entra_creates_with_a_string",
            "POST-018",
            "Take \"True\" for active in a create.",
            |c| {
                c.user_with(json!({"active": "True"}))
                    .await?
                    .reply
                    .is("/active", true)?;
            }
        )
        .only(ENTRA)
        .asked_by("ENTRA", "Microsoft, SCIMReferenceCode: Postman collection")
        .graded(Level::Should),
        check!(
            "entra_removes_members_by_value",
            "REM-010",
            "Remove the members that the value lists, and only those.",
            |c| {
                let [a, b] = c.new_users().await?;
                let group = c.new_group(&[&a, &b]).await?;
                c.regrouped(
                    &group,
                    json!([{
                        "op": "Remove",
                        "path": "members",
                        "value": [{"$ref": null, "value": a.id}],
                    }]),
                    &[&b],
                )
                .await?;
            }
        )
        .grave()
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_FLAG),
        check!(
            "entra_adds_a_member",
            "ADD-005",
            "Add a member by path members, and answer 204 or 200.",
            |c| {
                let (user, group) = (c.new_user().await?, c.new_group(&[]).await?);
                c.regrouped(
                    &group,
                    json!([{
                        "op": "Add",
                        "path": "members",
                        "value": [{"$ref": null, "value": user.id}],
                    }]),
                    &[&user],
                )
                .await?;
            }
        )
        .grave()
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_DOC),
        check!(
            "entra_names_a_second_group_schema",
            "POST-012",
            "Accept Microsoft's own schema beside Group's.",
            |c| {
                let more = json!({
                    "schemas": [GROUP, ADSCIM],
                    "externalId": c.name(),
                    "meta": {"resourceType": "Group"},
                });
                c.made("/Groups", &c.group(more)).await?;
            }
        )
        .grave()
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_DOC),
        check!(
            "entra_sends_nulls_at_the_top",
            "POST-016",
            "Accept top-level department and manager, null, in a create.",
            |c| {
                let mut body = c.user(json!({"schemas": [USER, ENTERPRISE]}));
                body["department"] = serde_json::Value::Null;
                body["manager"] = serde_json::Value::Null;
                c.made("/Users", &body).await?;
            }
        )
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_DOC)
        .graded(Level::Should),
        check!(
            "entra_sets_a_manager_as_text",
            "REP-013",
            "Store text for manager as manager.value.",
            |c| {
                let [boss, user] = c.new_users().await?;
                let path = format!("{ENTERPRISE}:manager");
                let read = c
                    .patched(
                        &user.path,
                        json!([{"op": "Add", "path": path, "value": boss.id}]),
                    )
                    .await?;
                read.is(&format!("/{ENTERPRISE}/manager/value"), boss.id.clone())?;
            }
        )
        .grave()
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_DOC),
        check!(
            "entra_sets_a_manager_in_a_list",
            "SCH-014",
            "Take a list of one for manager.",
            |c| {
                let [boss, user] = c.new_users().await?;
                let value = json!([{"$ref": format!("../Users/{}", boss.id), "value": boss.id}]);
                let read = c
                    .patched(
                        &user.path,
                        json!([{"op": "Add", "path": "manager", "value": value}]),
                    )
                    .await?;
                read.is(&format!("/{ENTERPRISE}/manager/value"), boss.id.clone())?;
            }
        )
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_DOC)
        .graded(Level::Should),
        check!(
            "entra_creates_missing_values",
            "ADD-009",
            "Create the value that a filter in an add or replace describes.",
            |c| {
                let user = c.new_user().await?;
                for op in ["Add", "Replace"] {
                    let (kind, number) = if op == "Add" {
                        ("mobile", "+41 1")
                    } else {
                        ("fax", "+41 2")
                    };
                    let path = format!("phoneNumbers[type eq \"{kind}\"].value");
                    let read = c
                        .patched(
                            &user.path,
                            json!([{"op": op, "path": path, "value": number}]),
                        )
                        .await?;
                    expect(read.values("/phoneNumbers").contains(&number), || {
                        format!(
                            "{op} {path} was answered with success, but the number is not there"
                        )
                    })?;
                }
            }
        )
        .grave()
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_DOC),
        check!(
            "entra_patches_with_dotted_keys",
            "ADD-010",
            "Take dotted and URN keys in a replace without path.",
            |c| {
                let user = c.new_user().await?;
                let value = json!({
                    "name.givenName": "Dot",
                    format!("{ENTERPRISE}:department"): "Tools",
                    "active": false,
                });
                let read = c
                    .patched(&user.path, json!([{"op": "replace", "value": value}]))
                    .await?;
                read.is("/name/givenName", "Dot")?
                    .is(&format!("/{ENTERPRISE}/department"), "Tools")?
                    .is("/active", false)?;
            }
        )
        .grave()
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_FLAG),
        check!(
            "entra_asks_for_nothing",
            "PAT-003",
            "Answer a PATCH with an empty list of operations with success, and change \
                nothing: Microsoft's validator sends it.",
            |c| {
                let user = c.new_user().await?;
                let before = c.read(&user.path).await?;
                let after = c.patched(&user.path, json!([])).await?;
                expect(after.body == before.body, || {
                    "a PATCH without operations changed the user".to_owned()
                })?;
            }
        )
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_VALIDATOR)
        .graded(Level::Should),
        check!(
            "entra_filters_behind_brackets",
            "FLT-022",
            "Take emails[type eq \"work\"].value eq \"x\" in a filter.",
            |c| {
                let user = c.new_user().await?;
                c.finds(
                    "/Users",
                    &format!("emails[type eq \"work\"].value eq \"{}\"", user.name),
                    &[&user],
                )
                .await?;
            }
        )
        .grave()
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_DOC),
        check!(
            "entra_filters_roles_by_a_string",
            "FLT-020",
            "Take \"True\" for primary in roles[primary eq \"True\"].value, and \
                create the role where there is none.",
            |c| {
                let user = c.new_user().await?;
                let path = "roles[primary eq \"True\"].value";
                for (op, role) in [("Add", "provisor-check"), ("Replace", "provisor-check-2")] {
                    let read = c
                        .patched(&user.path, json!([{"op": op, "path": path, "value": role}]))
                        .await?;
                    read.is("/roles/0/value", role)?
                        .is("/roles/0/primary", true)?;
                }
            }
        )
        .only(ENTRA)
        .asked_by("ENTRA", "Microsoft, Customize attributes: app roles")
        .graded(Level::Should),
        check!(
            "entra_checks_a_reference",
            "FLT-045",
            "Answer id eq … and manager eq … (and members eq …) with the resource or \
                an empty list.",
            |c| {
                let user = c.new_user().await?;
                let group = c.new_group(&[&user]).await?;
                c.finds(
                    "/Groups",
                    &format!("id eq \"{}\" and members eq \"{}\"", group.id, user.id),
                    &[&group],
                )
                .await?;
                let filter = encoded(&format!(
                    "id eq \"{}\" and manager eq \"{}\"",
                    user.id, group.id
                ));
                c.get(&format!("/Users?attributes=id&filter={filter}"))
                    .await?
                    .finds(&[])?;
            }
        )
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_DOC)
        .graded(Level::Should),
        check!(
            "entra_reads_groups_without_members",
            "ATTR-012",
            "Leave members out for excludedAttributes=members, in lists and alone.",
            |c| {
                let user = c.new_user().await?;
                let group = c.new_group(&[&user]).await?;
                let filter = encoded(&format!("displayName eq \"{}\"", group.name));
                let list = c
                    .get(&format!(
                        "/Groups?excludedAttributes=members&filter={filter}"
                    ))
                    .await?;
                list.finds(&[&group.id])?;
                list.lacks("/Resources/0/members")?;
                c.read(&format!("{}?excludedAttributes=members", group.path))
                    .await?
                    .lacks("/members")?;
            }
        )
        .grave()
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_DOC),
        check!(
            "entra_pages",
            "PAGE-008",
            "Echo startIndex and honour count.",
            |c| {
                let (filter, _) = c.crowd(vec![json!({}), json!({}), json!({})]).await?;
                let reply = c
                    .get(&format!(
                        "/Users?filter={}&startIndex=3&count=2",
                        encoded(&filter)
                    ))
                    .await?;
                reply.is("/startIndex", 3)?.is("/totalResults", 3)?;
            }
        )
        .only(ENTRA)
        .asked_by("ENTRA", "Microsoft, SCIM validation tests")
        .graded(Level::Should),
        check!(
            "entra_deletes_for_good",
            "DEL-001",
            "Answer DELETE with 204, and then GET with 404.",
            |c| {
                let user = c.new_user().await?;
                c.delete(&user.path).await?.status(&[204])?;
                c.get(&user.path).await?.status(&[404])?;
            }
        )
        .grave()
        .only(ENTRA)
        .asked_by("ENTRA", ENTRA_DOC),
    ]
}
