//! What Okta and Microsoft Entra ID send and need, beyond the RFCs; other clients that both profiles stand for.

use reqwest::{Method, header};
use serde_json::json;

use crate::{
    check::{
        Level, Profile,
        assertion::{expect, fail},
        catalog::{Check, check},
        probe::{ENTERPRISE, Feature, PATCH_OP, encoded, patch},
    },
    exchange::Request,
    resource::{GROUP, USER},
};

const BOTH: &[Profile] = &[Profile::Okta, Profile::Entra];
const OKTA: &[Profile] = &[Profile::Okta];
const ENTRA: &[Profile] = &[Profile::Entra];

const OKTA_SCIM: &str = "Okta, SCIM 2.0 protocol reference";
const OKTA_SPEC: &str = "Okta, Runscope SPEC test";
const ENTRA_DOC: &str = "Microsoft, Develop and plan provisioning for a SCIM endpoint";
const ENTRA_FLAG: &str = "Microsoft, Known issues with SCIM 2.0 protocol compliance";
const CLIENTS: &str = "seen of clients: docs/tolerances.md";

/// The schema that Entra names beside Group's.
const ADSCIM: &str = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";

pub(super) fn checks() -> Vec<Check> {
    let mut all = okta();
    all.extend(entra());
    all.extend(other_clients());
    all
}

fn okta() -> Vec<Check> {
    vec![
        check!("okta_tests_the_connection", "LIST-001", "Answer GET /Users?startIndex=1&count=2 and the same of groups with a list.", |c| {
            let reply = c.get("/Users?startIndex=1&count=2").await?;
            reply.list()?;
            for number in ["/totalResults", "/startIndex", "/itemsPerPage"] {
                expect(reply.at(number).is_u64(), || format!("{number} is {}, no integer", reply.at(number)))?;
            }
            c.get("/Groups?startIndex=1&count=100").await?.list()?;
        }).grave().only(OKTA).asked_by("OKTA", OKTA_SPEC),
        check!("okta_looks_up_before_it_creates", "FLT-005", "Answer an unknown userName with an empty list, with %20 and + in the filter.", |c| {
            let user = c.new_user().await?;
            for (name, expected) in [("provisor-check-nobody@example.com", &[][..]), (user.name.as_str(), &[user.id.as_str()][..])] {
                let filter = encoded(&format!("userName eq \"{name}\""));
                c.get(&format!("/Users?filter={filter}&startIndex=1&count=100")).await?.finds(expected)?;
                c.get(&format!("/Users?filter={}&startIndex=1&count=100", filter.replace("%20", "+"))).await?.finds(expected)?;
            }
        }).grave().only(OKTA).asked_by("OKTA", OKTA_SCIM),
        check!("okta_creates_with_a_password", "POST-001", "Accept Okta's create: groups [], a placeholder password, application/scim+json; charset=utf-8.", |c| {
            let body = c.user(json!({"groups": [], "password": "Provisor-check-9f!", "locale": "en-US", "externalId": c.name()}));
            let kind = header::HeaderValue::from_static("application/scim+json; charset=utf-8");
            let reply = c.send(Request::new(Method::POST, "/Users").json(&body).header(header::CONTENT_TYPE, kind)).await?;
            reply.status(&[201])?.has("/id")?.has("/name/givenName")?.has("/name/familyName")?.has("/emails/0/value")?.is("/active", true)?;
        }).grave().only(OKTA).asked_by("OKTA", OKTA_SCIM),
        check!("okta_deactivates_without_path", "REP-001", "Apply {\"op\":\"replace\",\"value\":{\"active\":false}}.", |c| {
            let user = c.new_user().await?;
            c.patched(&user.path, json!([{"op": "replace", "value": {"active": false}}])).await?.is("/active", false)?;
        }).grave().only(OKTA).asked_by("OKTA", OKTA_SCIM),
        check!("okta_deactivates_by_put", "PUT-003", "Apply active: false in a PUT of the whole user.", |c| {
            let user = c.new_user().await?;
            let mut body = c.read(&user.path).await?.body;
            body["active"] = json!(false);
            c.put(&user.path, &body).await?.status(&[200])?.is("/active", false)?;
            c.read(&user.path).await?.is("/active", false)?;
        }).grave().only(OKTA).asked_by("OKTA", OKTA_SCIM),
        check!("okta_finds_whom_it_deactivated", "USR-005", "Find inactive users by userName: Okta reactivates them.", |c| {
            let user = c.user_with(json!({"active": false})).await?;
            c.finds("/Users", &format!("userName eq \"{}\"", user.name), &[&user]).await?;
        }).grave().only(OKTA).asked_by("OKTA", OKTA_SCIM),
        check!("okta_renames_a_group_with_its_id", "REP-011", "Accept the group's own id in a replace without path.", |c| {
            let (group, name) = (c.new_group(&[]).await?, c.name());
            c.patched(&group.path, json!([{"op": "replace", "value": {"id": group.id, "displayName": name}}])).await?.is("/displayName", name)?;
        }).grave().only(OKTA).asked_by("OKTA", OKTA_SCIM),
        check!("okta_changes_members_in_one_patch", "ADD-005", "Apply removes by filter and one add of several members in one PATCH; members have no type.", |c| {
            let (a, b, d) = (c.new_user().await?, c.new_user().await?, c.new_user().await?);
            let group = c.new_group(&[&a]).await?;
            let operations = json!([
                {"op": "remove", "path": format!("members[value eq \"{}\"]", a.id)},
                {"op": "add", "path": "members", "value": [{"value": b.id, "display": b.name}, {"value": d.id, "display": d.name}]},
            ]);
            c.patch(&group.path, operations).await?.status(&[200, 204])?;
            c.has_members(&group, &[&b, &d]).await?;
        }).grave().only(OKTA).asked_by("OKTA", OKTA_SCIM),
        check!("okta_pushes_an_empty_group", "REP-003", "Apply replace of members by [].", |c| {
            let user = c.new_user().await?;
            let group = c.new_group(&[&user]).await?;
            c.patch(&group.path, json!([{"op": "replace", "path": "members", "value": []}])).await?.status(&[200, 204])?;
            c.has_members(&group, &[]).await?;
        }).grave().only(OKTA).asked_by("OKTA", OKTA_SCIM),
        check!("okta_puts_a_group", "PUT-014", "Store the members of a PUT of a group.", |c| {
            let user = c.new_user().await?;
            let group = c.new_group(&[]).await?;
            let body = json!({"schemas": [GROUP], "id": group.id, "displayName": group.name, "members": [{"value": user.id, "display": user.name}]});
            c.put(&group.path, &body).await?.status(&[200, 204])?;
            c.has_members(&group, &[&user]).await?;
        }).grave().only(OKTA).asked_by("OKTA", OKTA_SCIM),
        check!("okta_reads_409_as_a_duplicate", "POST-007", "Answer a duplicate with 409 and say why: the administrator reads it.", |c| {
            let user = c.new_user().await?;
            c.post("/Users", &c.user(json!({"userName": user.name}))).await?.refused(&[409])?.has("/detail")?;
        }).grave().only(OKTA).asked_by("OKTA", OKTA_SCIM),
        check!("okta_expects_404_and_401", "ERR-001", "Answer an unknown user with 404, a wrong token with 401, both as SCIM errors with detail.", |c| {
            let unknown = c.get("/Users/010101001010101011001010101011").await?;
            unknown.refused(&[404])?.has("/detail")?.is("/status", "404")?;
            let denied = c.send_as(Request::get("/Users").query("startIndex=1&count=1"), Some("non-token")).await?;
            denied.refused(&[401])?.is("/status", "401")?;
        }).only(OKTA).asked_by("OKTA", OKTA_SPEC),
        check!("okta_takes_the_unique_email", "FLT-024", "Find users by emails.value and by userName: which of them is asked, an administrator types.", |c| {
            let user = c.new_user().await?;
            for filter in ["emails eq", "emails.value eq"] {
                c.finds("/Users", &format!("{filter} \"{}\"", user.name), &[&user]).await?;
            }
            c.finds("/Users", &format!("email eq \"{}\"", user.name), &[&user]).await?;
        }).graded(Level::Should).only(OKTA).asked_by("OKTA", "Okta, app integration wizard: unique identifier field"),
        check!("okta_sends_a_bare_token", "AUTH-001", "Accept the token without Bearer: Okta's Header mode sends it so.", |c| {
            let token = c.world.token()?;
            c.send_as(Request::get("/Users").query("count=1"), Some(token)).await?.status(&[200])?;
        }).graded(Level::Should).only(OKTA).asked_by("OKTA", "Okta, OIN: authentication modes"),
        check!("okta_pushes_groups_before_people", "ADD-012", "Take a group whose members are not there yet without them, or answer 400; do not fail otherwise.", |c| {
            let body = c.group(json!({"members": [{"value": "no-such-user-0", "display": "late@example.com"}]}));
            c.post("/Groups", &body).await?.status(&[201, 400, 404])?;
        }).graded(Level::Should).only(OKTA).asked_by("OKTA", OKTA_SCIM),
    ]
}

fn entra() -> Vec<Check> {
    vec![
        check!("entra_tests_the_connection", "LIST-003", "Answer a filter for a random name with 200 and an empty list.", |c| {
            c.get("/Users?filter=userName+eq+%229f4b2a1e-0000-4000-8000-9f4b2a1e0000%22").await?.finds(&[])?.is("/totalResults", 0)?;
        }).grave().only(ENTRA).asked_by("ENTRA", ENTRA_DOC),
        check!("entra_wants_scim_json", "HTTP-012", "Answer with application/scim+json, always: Microsoft's validator stops at others.", |c| {
            let reply = c.get("/Users?count=1").await?;
            let kind = reply.header("content-type").unwrap_or("none");
            expect(kind.starts_with("application/scim+json"), || format!("Content-Type is {kind}"))?;
        }).grave().only(ENTRA).asked_by("ENTRA", "Microsoft, SCIM validator"),
        check!("entra_reads_discovery", "DISC-007 DISC-010", "Answer /Schemas and /ResourceTypes with User and Group.", |c| {
            let (schemas, types) = (c.get("/Schemas").await?, c.get("/ResourceTypes").await?);
            for urn in [USER, GROUP] {
                expect(schemas.list()?.iter().any(|schema| schema["id"] == urn), || format!("/Schemas does not list {urn}"))?;
            }
            for name in ["User", "Group"] {
                expect(types.list()?.iter().any(|found| found["name"] == name), || format!("/ResourceTypes does not list {name}"))?;
            }
        }).grave().only(ENTRA).asked_by("ENTRA", ENTRA_DOC),
        check!("entra_creates_with_meta_and_roles", "POST-001", "Accept meta.resourceType and roles: [] in a create, with both user schemas.", |c| {
            let more = json!({"schemas": [USER, ENTERPRISE], "externalId": c.name(), "meta": {"resourceType": "User"}, "roles": []});
            c.user_with(more).await?;
        }).grave().only(ENTRA).asked_by("ENTRA", ENTRA_DOC),
        check!("entra_disables_by_a_string", "REP-012", "Take \"False\" and \"True\" for booleans: refused, leavers keep their access.", |c| {
            let user = c.new_user().await?;
            for (sent, stored) in [("False", false), ("True", true), ("false", false)] {
                c.patched(&user.path, json!([{"op": "Replace", "path": "active", "value": sent}])).await?.is("/active", stored)?;
            }
        }).grave().only(ENTRA).asked_by("ENTRA", ENTRA_FLAG),
        check!("entra_creates_with_a_string", "POST-018", "Take \"True\" for active in a create.", |c| {
            c.user_with(json!({"active": "True"})).await?.reply.is("/active", true)?;
        }).only(ENTRA).asked_by("ENTRA", "Microsoft, SCIMReferenceCode: Postman collection").graded(Level::Should),
        check!("entra_removes_members_by_value", "REM-010", "Remove the members that the value lists, and only those.", |c| {
            let (a, b) = (c.new_user().await?, c.new_user().await?);
            let group = c.new_group(&[&a, &b]).await?;
            c.patch(&group.path, json!([{"op": "Remove", "path": "members", "value": [{"$ref": null, "value": a.id}]}])).await?.status(&[200, 204])?;
            c.has_members(&group, &[&b]).await?;
        }).grave().only(ENTRA).asked_by("ENTRA", ENTRA_FLAG),
        check!("entra_adds_a_member", "ADD-005", "Add a member by path members, and answer 204 or 200.", |c| {
            let (user, group) = (c.new_user().await?, c.new_group(&[]).await?);
            c.patch(&group.path, json!([{"op": "Add", "path": "members", "value": [{"$ref": null, "value": user.id}]}])).await?.status(&[200, 204])?;
            c.has_members(&group, &[&user]).await?;
        }).grave().only(ENTRA).asked_by("ENTRA", ENTRA_DOC),
        check!("entra_names_a_second_group_schema", "POST-012", "Accept Microsoft's own schema beside Group's.", |c| {
            let more = json!({"schemas": [GROUP, ADSCIM], "externalId": c.name(), "meta": {"resourceType": "Group"}});
            c.made("/Groups", &c.group(more)).await?;
        }).grave().only(ENTRA).asked_by("ENTRA", ENTRA_DOC),
        check!("entra_sends_nulls_at_the_top", "POST-016", "Accept top-level department and manager, null, in a create.", |c| {
            let mut body = c.user(json!({"schemas": [USER, ENTERPRISE]}));
            body["department"] = serde_json::Value::Null;
            body["manager"] = serde_json::Value::Null;
            c.made("/Users", &body).await?;
        }).only(ENTRA).asked_by("ENTRA", ENTRA_DOC).graded(Level::Should),
        check!("entra_sets_a_manager_as_text", "REP-013", "Store text for manager as manager.value.", |c| {
            let (boss, user) = (c.new_user().await?, c.new_user().await?);
            let path = format!("{ENTERPRISE}:manager");
            let read = c.patched(&user.path, json!([{"op": "Add", "path": path, "value": boss.id}])).await?;
            read.is(&format!("/{ENTERPRISE}/manager/value"), boss.id.clone())?;
        }).grave().only(ENTRA).asked_by("ENTRA", ENTRA_DOC),
        check!("entra_sets_a_manager_in_a_list", "SCH-014", "Take a list of one for manager.", |c| {
            let (boss, user) = (c.new_user().await?, c.new_user().await?);
            let value = json!([{"$ref": format!("../Users/{}", boss.id), "value": boss.id}]);
            let read = c.patched(&user.path, json!([{"op": "Add", "path": "manager", "value": value}])).await?;
            read.is(&format!("/{ENTERPRISE}/manager/value"), boss.id.clone())?;
        }).only(ENTRA).asked_by("ENTRA", ENTRA_DOC).graded(Level::Should),
        check!("entra_creates_missing_values", "ADD-009", "Create the value that a filter in an add or replace describes.", |c| {
            let user = c.new_user().await?;
            for op in ["Add", "Replace"] {
                let (kind, number) = if op == "Add" { ("mobile", "+41 1") } else { ("fax", "+41 2") };
                let path = format!("phoneNumbers[type eq \"{kind}\"].value");
                let read = c.patched(&user.path, json!([{"op": op, "path": path, "value": number}])).await?;
                expect(read.values("/phoneNumbers").contains(&number), || format!("{op} {path} was answered with success, but the number is not there"))?;
            }
        }).grave().only(ENTRA).asked_by("ENTRA", ENTRA_DOC),
        check!("entra_patches_with_dotted_keys", "ADD-010", "Take dotted and URN keys in a replace without path.", |c| {
            let user = c.new_user().await?;
            let value = json!({"name.givenName": "Dot", format!("{ENTERPRISE}:department"): "Tools", "active": false});
            let read = c.patched(&user.path, json!([{"op": "replace", "value": value}])).await?;
            read.is("/name/givenName", "Dot")?.is(&format!("/{ENTERPRISE}/department"), "Tools")?.is("/active", false)?;
        }).grave().only(ENTRA).asked_by("ENTRA", ENTRA_FLAG),
        check!("entra_filters_behind_brackets", "FLT-022", "Take emails[type eq \"work\"].value eq \"x\" in a filter.", |c| {
            let user = c.new_user().await?;
            c.finds("/Users", &format!("emails[type eq \"work\"].value eq \"{}\"", user.name), &[&user]).await?;
        }).grave().only(ENTRA).asked_by("ENTRA", ENTRA_DOC),
        check!("entra_filters_roles_by_a_string", "FLT-020", "Take \"True\" for primary in roles[primary eq \"True\"].value, and create the role where there is none.", |c| {
            let user = c.new_user().await?;
            let path = "roles[primary eq \"True\"].value";
            for (op, role) in [("Add", "provisor-check"), ("Replace", "provisor-check-2")] {
                let read = c.patched(&user.path, json!([{"op": op, "path": path, "value": role}])).await?;
                read.is("/roles/0/value", role)?.is("/roles/0/primary", true)?;
            }
        }).only(ENTRA).asked_by("ENTRA", "Microsoft, Customize attributes: app roles").graded(Level::Should),
        check!("entra_checks_a_reference", "FLT-045", "Answer id eq … and manager eq … (and members eq …) with the resource or an empty list.", |c| {
            let user = c.new_user().await?;
            let group = c.new_group(&[&user]).await?;
            c.finds("/Groups", &format!("id eq \"{}\" and members eq \"{}\"", group.id, user.id), &[&group]).await?;
            let filter = encoded(&format!("id eq \"{}\" and manager eq \"{}\"", user.id, group.id));
            c.get(&format!("/Users?attributes=id&filter={filter}")).await?.finds(&[])?;
        }).only(ENTRA).asked_by("ENTRA", ENTRA_DOC).graded(Level::Should),
        check!("entra_reads_groups_without_members", "ATTR-012", "Leave members out for excludedAttributes=members, in lists and alone.", |c| {
            let user = c.new_user().await?;
            let group = c.new_group(&[&user]).await?;
            let filter = encoded(&format!("displayName eq \"{}\"", group.name));
            let list = c.get(&format!("/Groups?excludedAttributes=members&filter={filter}")).await?;
            list.finds(&[&group.id])?;
            list.lacks("/Resources/0/members")?;
            c.read(&format!("{}?excludedAttributes=members", group.path)).await?.lacks("/members")?;
        }).grave().only(ENTRA).asked_by("ENTRA", ENTRA_DOC),
        check!("entra_pages", "PAGE-008", "Echo startIndex and honour count.", |c| {
            let (filter, _) = c.crowd(vec![json!({}), json!({}), json!({})]).await?;
            let reply = c.get(&format!("/Users?filter={}&startIndex=3&count=2", encoded(&filter))).await?;
            reply.is("/startIndex", 3)?.is("/totalResults", 3)?;
        }).only(ENTRA).asked_by("ENTRA", "Microsoft, SCIM validation tests").graded(Level::Should),
        check!("entra_deletes_for_good", "DEL-001", "Answer DELETE with 204, and then GET with 404.", |c| {
            let user = c.new_user().await?;
            c.delete(&user.path).await?.status(&[204])?;
            c.get(&user.path).await?.status(&[404])?;
        }).grave().only(ENTRA).asked_by("ENTRA", ENTRA_DOC),
    ]
}

fn other_clients() -> Vec<Check> {
    vec![
        check!("clients_leave_quotes_out", "FLT-030", "Take a value without quotes in a filter (authentik), or answer 400; never list everybody.", |c| {
            let user = c.new_user().await?;
            c.finds("/Users", &format!("userName eq {}", user.name), &[&user]).await?;
        }).graded(Level::May).only(BOTH).asked_by("CLIENTS", CLIENTS),
        check!("clients_send_one_email_as_an_object", "SCH-014", "Take one object for emails (OneLogin).", |c| {
            let name = c.name();
            let user = c.user_with(json!({"emails": {"value": format!("{name}@example.com"), "type": "work", "primary": true}})).await?;
            user.reply.has("/emails/0/value")?;
        }).graded(Level::May).only(BOTH).asked_by("CLIENTS", CLIENTS),
        check!("clients_name_old_schemas", "POST-012", "Take the URNs of SCIM's drafts (OneLogin).", |c| {
            let schemas = json!(["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"]);
            c.user_with(json!({"schemas": schemas})).await?;
        }).graded(Level::May).only(BOTH).asked_by("CLIENTS", CLIENTS),
        check!("clients_filter_by_email", "FLT-024", "Take email for emails in a filter: administrators type it.", |c| {
            let user = c.new_user().await?;
            c.finds("/Users", &format!("email eq \"{}\"", user.name), &[&user]).await?;
        }).graded(Level::May).only(BOTH).asked_by("CLIENTS", CLIENTS),
        check!("clients_send_a_bare_token", "AUTH-001", "Take the token without Bearer in Authorization.", |c| {
            let token = c.world.token()?;
            c.send_as(Request::get("/Users").query("count=1"), Some(token)).await?.status(&[200])?;
        }).graded(Level::May).only(ENTRA).asked_by("CLIENTS", CLIENTS),
        check!("clients_end_queries_with_an_ampersand", "HTTP-021", "Ignore a trailing & and a bare ? (OneLogin).", |c| {
            let user = c.new_user().await?;
            let filter = encoded(&format!("userName eq \"{}\"", user.name));
            c.get(&format!("/Users?filter={filter}&")).await?.finds(&[&user.id])?;
            c.get(&format!("{}?", user.path)).await?.status(&[200])?;
        }).graded(Level::Should).only(BOTH).asked_by("CLIENTS", CLIENTS),
        check!("clients_add_members_twice", "ADD-007", "Let a repeated add succeed (JumpCloud).", |c| {
            let user = c.new_user().await?;
            let group = c.new_group(&[&user]).await?;
            let add = patch(&group.path, json!([{"op": "add", "path": "members", "value": [{"value": user.id}]}]));
            c.send(add).await?.status(&[200, 204])?;
            c.has_members(&group, &[&user]).await?;
        }).graded(Level::Should).only(BOTH).asked_by("CLIENTS", CLIENTS),
        check!("clients_test_with_a_user_of_their_own", "DEL-001 POST-001", "Let a test user and a test group be created and deleted (JumpCloud).", |c| {
            c.need(Feature::Groups)?;
            let (user, group) = (c.new_user().await?, c.new_group(&[]).await?);
            c.delete(&group.path).await?.status(&[204])?;
            c.delete(&user.path).await?.status(&[204])?;
        }).graded(Level::Should).only(BOTH).asked_by("CLIENTS", CLIENTS),
        check!("clients_write_keys_in_any_case", "PAT-005", "Compare op and the members of a PATCH without regard to case.", |c| {
            let user = c.new_user().await?;
            let body = json!({"schemas": [PATCH_OP], "operations": [{"OP": "Replace", "Path": "title", "Value": "Lead"}]});
            let reply = c.send(Request::new(Method::PATCH, &user.path).json(&body)).await?;
            if reply.is_success() {
                c.read(&user.path).await?.is("/title", "Lead")?;
            } else {
                return fail(format!("answered with {}", reply.status_code()));
            }
        }).graded(Level::May).only(BOTH).asked_by("CLIENTS", CLIENTS),
    ]
}
