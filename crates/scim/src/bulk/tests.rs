//! The rules of Bulk.

use serde_json::json;

use super::*;
use crate::{Kind, Tolerance, message::BULK_REQUEST};

fn body(operations: Value) -> Map<String, Value> {
    match json!({ "schemas": [BULK_REQUEST], "Operations": operations }) {
        Value::Object(body) => body,
        _ => Map::new(),
    }
}

fn read(body: Map<String, Value>, profile: &Profile) -> Result<Job, Error> {
    Job::read(&body, profile, 100, &mut Fired::default())
}

fn job(operations: Value) -> Job {
    read(body(operations), &Profile::GENERIC).unwrap()
}

fn post(bulk_id: &str, path: &str, data: Value) -> Value {
    json!({ "method": "POST", "bulkId": bulk_id, "path": path, "data": data })
}

fn team(bulk_id: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    post(
        bulk_id,
        "/Groups",
        json!({ "displayName": bulk_id, "members": members }),
    )
}

fn user(bulk_id: &str) -> Value {
    post(bulk_id, "/Users", json!({ "userName": bulk_id }))
}

/// The plan in short: `2`, `2 without a`, `2 complete`, `2 refused`.
fn plan(operations: Value) -> Vec<String> {
    in_short(&job(operations))
}

fn in_short(job: &Job) -> Vec<String> {
    let text = |step: &Step| match step {
        Step::Refuse(index, error) => format!("{index} {}", error.kind.status()),
        Step::Run(index) => index.to_string(),
        Step::CreateWithout(index, ids) => {
            let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            ids.sort_unstable();
            format!("{index} without {}", ids.join(" "))
        }
        Step::Complete(index, _) => format!("{index} complete"),
    };
    job.plan().steps.iter().map(text).collect()
}

/// Carries a job out with ids made of the bulkIds; operations of `failing` fail.
fn execute(operations: Value, failing: &[usize]) -> Vec<Result<Request, Kind>> {
    let job = job(operations);
    let mut known = References::default();
    let mut done = Vec::new();
    for step in job.plan().steps {
        let operation = &job.operations[step.operation()];
        let request = job.request(&step, &known);
        let id = operation.bulk_id.as_ref().map(|id| format!("id-{id}"));
        let worked = request.is_ok() && !failing.contains(&step.operation());
        known.record(operation, id.as_deref().filter(|_| worked));
        done.push(request.map_err(|error| error.kind));
    }
    done
}

#[test]
fn a_job_has_schemas_operations_and_limits() {
    let one = json!([user("a")]);
    // BULK-002
    let mut without = body(one.clone());
    without.shift_remove("schemas");
    assert_eq!(
        read(without.clone(), &Profile::RFC).unwrap_err().kind,
        Kind::InvalidSyntax
    );
    assert!(read(without, &Profile::GENERIC).is_ok());
    // BULK-022
    for operations in [json!([]), json!({}), json!(null), json!("x")] {
        assert_eq!(
            read(body(operations), &Profile::GENERIC).unwrap_err().kind,
            Kind::InvalidSyntax
        );
    }
    for (given, stop) in [
        (json!(1), Some(1)),
        (json!(0), Some(1)),
        (json!(7), Some(7)),
        (json!(null), None),
    ] {
        let mut body = body(one.clone());
        body.insert("failOnErrors".into(), given);
        assert_eq!(read(body, &Profile::RFC).unwrap().fail_on_errors, stop);
    }
    for given in [json!(-1), json!(1.5), json!("1"), json!([]), json!(true)] {
        let mut body = body(one.clone());
        body.insert("failOnErrors".into(), given);
        assert_eq!(
            read(body, &Profile::GENERIC).unwrap_err().kind,
            Kind::InvalidSyntax
        );
    }
    // BULK-020
    let many: Vec<Value> = (0..101).map(|i| user(&i.to_string())).collect();
    let error = read(body(json!(many)), &Profile::GENERIC).unwrap_err();
    assert_eq!(error.kind, Kind::PayloadTooLarge);
    assert!(error.detail.contains("100"));
}

#[test]
fn what_is_wrong_with_one_operation_is_answered_with_it() {
    let data = json!({ "userName": "x" });
    for (operation, kind) in [
        // BULK-003
        (
            json!({ "method": "GET", "path": "/Users/1" }),
            Kind::MethodNotAllowed,
        ),
        (json!({ "path": "/Users/1" }), Kind::InvalidSyntax),
        (json!(5), Kind::InvalidSyntax),
        // BULK-004
        (
            json!({ "method": "POST", "bulkId": "b", "data": data }),
            Kind::InvalidSyntax,
        ),
        (
            json!({ "method": "POST", "bulkId": "b", "path": "/Users/1", "data": data }),
            Kind::InvalidSyntax,
        ),
        (
            json!({ "method": "PUT", "path": "/Users", "data": data }),
            Kind::InvalidSyntax,
        ),
        (
            json!({ "method": "PATCH", "path": "/Users/", "data": data }),
            Kind::InvalidSyntax,
        ),
        (
            json!({ "method": "DELETE", "path": "/" }),
            Kind::InvalidSyntax,
        ),
        (
            json!({ "method": "DELETE", "path": "/Users/1/2" }),
            Kind::InvalidSyntax,
        ),
        (
            json!({ "method": "DELETE", "path": 7 }),
            Kind::InvalidSyntax,
        ),
        // BULK-005
        (
            json!({ "method": "POST", "path": "/Users", "data": data }),
            Kind::InvalidSyntax,
        ),
        (
            json!({ "method": "POST", "bulkId": "first", "path": "/Users", "data": data }),
            Kind::InvalidSyntax,
        ),
        (
            json!({ "method": "POST", "bulkId": 7, "path": "/Users", "data": data }),
            Kind::InvalidSyntax,
        ),
        // BULK-006
        (
            json!({ "method": "POST", "bulkId": "b", "path": "/Users" }),
            Kind::InvalidSyntax,
        ),
        (
            json!({ "method": "PUT", "path": "/Users/1", "data": [] }),
            Kind::InvalidSyntax,
        ),
        (
            json!({ "method": "PATCH", "path": "/Users/1", "data": "x" }),
            Kind::InvalidSyntax,
        ),
        (
            json!({ "method": "DELETE", "path": "/Users/1", "version": 3 }),
            Kind::InvalidSyntax,
        ),
    ] {
        let job = job(json!([user("first"), operation]));
        assert_eq!(job.operations[0].method, Ok(Method::Post));
        let error = job.operations[1].method.clone().unwrap_err();
        assert_eq!(error.kind, kind, "{operation}: {error}");
        assert!(
            matches!(job.plan().steps[1], Step::Refuse(1, _)),
            "{operation}"
        );
    }
}

#[test]
fn paths_may_carry_the_base_url() {
    // BULK-023
    for (path, endpoint, id) in [
        ("/Users/1", "Users", Some("1")),
        ("Users/1", "Users", Some("1")),
        ("//Users//1/", "Users", Some("1")),
        ("https://x.org/scim/v2/Users/1", "Users", Some("1")),
        (
            "https://x.org/t/acme/scim/v2/Users/1?x=/y",
            "Users",
            Some("1"),
        ),
        ("/v2/Groups/1", "Groups", Some("1")),
        ("/scim/Groups/1", "Groups", Some("1")),
        ("/Users/v2", "Users", Some("v2")),
        ("/Users/bulkId%3Ax", "Users", Some("bulkId:x")),
        ("/Users/%zz%4", "Users", Some("%zz%4")),
        ("https://x.org", "", None),
    ] {
        let job = job(json!([{ "method": "delete", "path": path }]));
        let operation = &job.operations[0];
        assert_eq!(
            (operation.endpoint.as_str(), operation.id.as_deref()),
            (endpoint, id),
            "{path}"
        );
    }
}

#[test]
fn a_bare_list_is_a_patch_where_forgiven() {
    // BULK-006
    let operation = json!([{ "method": "PATCH", "path": "/Users/1", "data": [{ "op": "remove", "path": "title" }] }]);
    let mut fired = Fired::default();
    let job = Job::read(&body(operation.clone()), &Profile::GENERIC, 9, &mut fired).unwrap();
    let data = job.operations[0].data.as_ref().unwrap();
    assert_eq!(data["Operations"][0]["op"], json!("remove"));
    assert!(fired.set.contains(Tolerance::BareBulkPatch));
    let strict = read(body(operation), &Profile::RFC).unwrap();
    assert!(strict.operations[0].method.is_err());
}

#[test]
fn references_become_permanent_ids() {
    // BULK-015, BULK-016
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let done = execute(
        json!([
            user("a"),
            post("b", "/Users", json!({ "userName": "b", urn: { "manager": { "value": "bulkId:a", "$ref": "../Users/bulkId:a" } } })),
            team("g", &["bulkId:a", "bulkId:b", "real"]),
            { "method": "PATCH", "path": "/Groups/bulkId:g", "data": { "Operations": [
                { "op": "remove", "path": "members[value eq \"bulkId:a\"]" },
                { "op": "add", "path": "members", "value": [{ "value": "bulkId:b" }] },
                { "op": "replace", "path": "displayName", "value": "about bulkId:zz and a/b" }
            ] } },
            { "method": "DELETE", "path": "/Users/bulkId:b", "version": "W/\"1\"" }
        ]),
        &[],
    );
    let data = |at: usize| Value::Object(done[at].as_ref().unwrap().data.clone().unwrap());
    assert_eq!(
        data(1)[urn]["manager"],
        json!({ "value": "id-a", "$ref": "../Users/id-a" })
    );
    assert_eq!(
        data(2)["members"],
        json!([{ "value": "id-a" }, { "value": "id-b" }, { "value": "real" }])
    );
    assert_eq!(done[3].as_ref().unwrap().id.as_deref(), Some("id-g"));
    let operations = &data(3)["Operations"];
    assert_eq!(operations[0]["path"], json!("members[value eq \"id-a\"]"));
    assert_eq!(operations[1]["value"][0]["value"], json!("id-b"));
    assert_eq!(operations[2]["value"], json!("about bulkId:zz and a/b"));
    let last = done[4].as_ref().unwrap();
    assert_eq!(
        (last.id.as_deref(), last.data.as_ref()),
        (Some("id-b"), None)
    );
    assert_eq!(last.version.as_deref(), Some("W/\"1\""));
}

#[test]
fn references_forward_wait_for_what_they_name() {
    // BULK-017
    assert_eq!(
        plan(json!([team("g", &["bulkId:a"]), user("x"), user("a")])),
        ["1", "2", "0"]
    );
    assert_eq!(
        plan(json!([
            team("g", &["bulkId:h"]),
            team("h", &["bulkId:i"]),
            team("i", &[])
        ])),
        ["2", "1", "0"]
    );
    assert_eq!(
        plan(json!([
            { "method": "PATCH", "path": "/Groups/bulkId:g", "data": {} },
            team("g", &["bulkId:a"]),
            user("a")
        ])),
        ["2", "1", "0"]
    );
}

#[test]
fn what_concerns_one_resource_stays_in_order() {
    // BULK-021
    let patch = |id: &str, value: &str| {
        json!({ "method": "PATCH", "path": format!("/Groups/{id}"), "data": { "Operations": [
        { "op": "add", "path": "members", "value": [{ "value": value }] }
    ] } })
    };
    let delete = |path: &str| json!({ "method": "DELETE", "path": path });
    assert_eq!(
        plan(
            json!([user("a"), { "method": "PATCH", "path": "/Users/bulkId:a", "data": {} }, delete("/Users/bulkId:a")])
        ),
        ["0", "1", "2"]
    );
    assert_eq!(
        plan(json!([
            patch("7", "bulkId:a"),
            delete("/Groups/7"),
            user("a")
        ])),
        ["2", "0", "1"]
    );
    // Deleting a member waits for the operation that still names it.
    assert_eq!(
        plan(json!([
            team("g", &["bulkId:a", "9"]),
            delete("/Users/9"),
            user("a")
        ])),
        ["2", "0", "1"]
    );
    // What has nothing to do with each other is not reordered.
    assert_eq!(
        plan(json!([
            patch("7", "8"),
            delete("/Users/3"),
            user("a"),
            patch("7", "9")
        ])),
        ["0", "1", "2", "3"]
    );
}

#[test]
fn circles_are_created_open_and_closed_later() {
    // BULK-018
    assert_eq!(
        plan(json!([
            team("g", &["bulkId:h", "1"]),
            team("h", &["bulkId:g"])
        ])),
        ["0 without h", "1", "0 complete"]
    );
    assert_eq!(
        plan(json!([team("g", &["bulkId:g"])])),
        ["0 without g", "0 complete"]
    );
    assert_eq!(
        plan(json!([
            { "method": "PATCH", "path": "/Groups/bulkId:g", "data": {} },
            team("outside", &["bulkId:g"]),
            team("g", &["bulkId:h", "bulkId:u"]),
            team("h", &["bulkId:g"]),
            user("u")
        ])),
        ["4", "2 without h", "3", "2 complete", "0", "1"]
    );
    // Also who refers to a member that is complete by itself waits for the whole circle.
    let bulk = job(json!([
        team("outside", &["bulkId:h"]),
        team("g", &["bulkId:h"]),
        team("h", &["bulkId:g"]),
        { "method": "DELETE", "path": "/Groups/bulkId:h" },
    ]));
    let circles = bulk.plan().circles;
    assert_eq!(circles[1], circles[2]);
    assert!(circles[0] != circles[1] && circles[3] != circles[1]);
    assert_eq!(
        in_short(&bulk),
        ["1 without h", "2", "1 complete", "0", "3"]
    );
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let person = |id: &str, boss: &str| {
        post(
            id,
            "/Users",
            json!({
                "userName": id,
                urn: { "department": "D", "manager": { "value": format!("bulkId:{boss}") } }
            }),
        )
    };
    let done = execute(json!([person("a", "b"), person("b", "a")]), &[]);
    let requests: Vec<&Request> = done
        .iter()
        .map(|request| request.as_ref().unwrap())
        .collect();
    let data = |at: usize| Value::Object(requests[at].data.clone().unwrap());
    assert_eq!(
        data(0),
        json!({ "userName": "a", urn: { "department": "D" } })
    );
    assert_eq!(data(1)[urn]["manager"]["value"], json!("id-a"));
    assert_eq!(
        (requests[2].method, requests[2].id.as_deref()),
        (Method::Patch, Some("id-a"))
    );
    assert_eq!(
        data(2)["Operations"],
        json!([{ "op": "add", "path": urn, "value": { "manager": { "value": "id-b" } } }])
    );
    let done = execute(
        json!([team("g", &["bulkId:h", "1"]), team("h", &["bulkId:g"])]),
        &[],
    );
    let first = done[0].as_ref().unwrap().data.as_ref().unwrap();
    assert_eq!(first["members"], json!([{ "value": "1" }]));
    let last = done[2].as_ref().unwrap().data.as_ref().unwrap();
    assert_eq!(
        last["Operations"],
        json!([{ "op": "add", "path": "members", "value": [{ "value": "id-h" }] }])
    );
}

#[test]
fn unknown_and_failed_references_fail_the_operation() {
    // BULK-019
    assert_eq!(
        plan(json!([team("g", &["bulkId:nope"]), user("a")])),
        ["0 400", "1"]
    );
    assert_eq!(
        plan(json!([{ "method": "DELETE", "path": "/Users/bulkId:nope" }])),
        ["0 400"]
    );
    let done = execute(
        json!([
            user("a"),
            team("g", &["bulkId:a"]),
            team("h", &["bulkId:g"]),
            user("b")
        ]),
        &[0, 1],
    );
    let kinds: Vec<Option<Kind>> = done
        .iter()
        .map(|done| done.as_ref().err().copied())
        .collect();
    assert_eq!(
        kinds,
        [None, Some(Kind::Conflict), Some(Kind::Conflict), None]
    );
    // A reference to an operation that is refused.
    let broken = json!({ "method": "POST", "bulkId": "a", "path": "/Users" });
    let done = execute(json!([team("g", &["bulkId:a"]), broken]), &[]);
    let kinds: Vec<Option<Kind>> = done
        .iter()
        .map(|done| done.as_ref().err().copied())
        .collect();
    assert_eq!(kinds, [Some(Kind::InvalidSyntax), Some(Kind::Conflict)]);
}

#[test]
fn a_long_chain_and_a_large_circle_are_planned() {
    let count = 5_000;
    let chain = |last: String| {
        let operations: Vec<Value> = (0..count)
            .map(|i| {
                let to = if i + 1 == count {
                    last.clone()
                } else {
                    format!("bulkId:{}", i + 1)
                };
                team(&i.to_string(), &[&to])
            })
            .collect();
        let body = body(json!(operations));
        Job::read(&body, &Profile::GENERIC, count, &mut Fired::default())
            .unwrap()
            .plan()
    };
    assert_eq!(chain("real".into()).steps.len(), count);
    assert_eq!(chain("bulkId:0".into()).steps.len(), 2 * count - 1);
}
