//! Backup under load, and a tenant that moves house.

use std::{collections::BTreeSet, sync::mpsc, time::Duration};

use serde_json::{Value, json};

use crate::{
    beside::Load,
    client::{Client, patch},
    count, pause,
    place::{Place, Server, assert_sound, write},
    replay::{self, Replay},
};

#[test]
fn a_backup_under_load_restores_to_everything_acknowledged_before_it_began() {
    let place = Place::new();
    let (token, app) = (place.token(), place.app_token());
    let server = place.serve();
    for round in 0..count(2, 10) {
        let load = Load::default();
        let (made, acknowledged) = mpsc::channel();
        let copy = place.path(&format!("copy{round}.db"));
        let mut before = BTreeSet::new();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (load, made, mut client) = (&load, made.clone(), server.client(&token));
                let number = 1000 * round + number;
                scope.spawn(move || {
                    load.client(&mut client, number, &mut |id| {
                        made.send(id).expect("it is read");
                    });
                });
            }
            pause(Duration::from_millis(700));
            before.extend(acknowledged.try_iter());
            let done = place.cli(&["backup", &copy.display().to_string()]);
            load.stop();
            done.ok();
        });
        assert!(!before.is_empty());
        assert_sound(&copy);

        let other = Place::empty();
        let restored = other.cli(&["restore", &copy.display().to_string()]);
        restored.ok();
        other.assert_sound();
        let second = other.serve();
        let state = Replay::of(&mut second.client(&app), |_, _| {});
        state.assert_is(&mut second.client(&token));
        let lost: Vec<&String> = before
            .iter()
            .filter(|id| !state.users.contains_key(*id))
            .collect();
        assert_eq!(lost, Vec::<&String>::new());
        // It goes on from there.
        second.client(&token).user("afterwards");
        println!(
            "backup beside {} requests: {} users acknowledged before, {} in the copy",
            load.requests(),
            before.len(),
            state.users.len()
        );
        second.stop();
    }
    server.stop();
}

#[test]
fn restore_refuses_while_the_server_runs_and_keeps_what_was_there() {
    let place = Place::new();
    let token = place.token();
    let copy = place.path("copy.db").display().to_string();
    place.cli(&["backup", &copy]).ok();
    let server = place.serve();
    let id = server.client(&token).user("later");
    place
        .cli(&["restore", &copy, "--force"])
        .refused(1, &["Stop"]);
    server
        .client(&token)
        .get(&format!("/scim/v2/Users/{id}"))
        .expect(200);
    server.stop();
    place.cli(&["restore", &copy]).refused(1, &["--force"]);
    place.cli(&["restore", &copy, "--force"]).ok();
    let server = place.serve();
    server
        .client(&token)
        .get(&format!("/scim/v2/Users/{id}"))
        .expect(404);
    server.stop();
    let kept = std::fs::read_dir(place.path("")).expect("the folder is there");
    let kept = kept
        .filter_map(Result::ok)
        .any(|entry| entry.file_name().to_string_lossy().contains(".replaced-"));
    assert!(kept, "the database that was there stays beside the new one");
}

const BADGE: &str = "urn:acme:params:scim:schemas:Badge";
const DEVICE: &str = "urn:acme:params:scim:schemas:Device";

/// Everything of a tenant that an export carries, as the outside sees it.
fn seen(server: &Server, token: &str, app: &str) -> Value {
    let mut scim = server.client(token);
    let resources = |scim: &mut Client, endpoint: &str| {
        let found = replay::list(scim, endpoint);
        let found = found.into_iter().map(|(id, resource)| {
            let members = replay::members(&resource);
            (id, json!([replay::own(&resource), members]))
        });
        Value::Object(found.collect())
    };
    let mut app = server.client(app);
    let page = app
        .get("/api/v1/tenants/acme/users?limit=1000")
        .expect(200)
        .json();
    let app_ids: Vec<Value> = page["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|user| json!([user["id"], user["app_id"]]))
        .collect();
    let types = scim.get("/scim/v2/ResourceTypes").expect(200).json();
    let types = types["Resources"].as_array().expect("a list").iter();
    let types: BTreeSet<String> = types
        .map(|kind| format!("{} {}", kind["endpoint"], kind["schemaExtensions"]))
        .collect();
    json!({
        "users": resources(&mut scim, "Users"),
        "teams": resources(&mut scim, "Groups"),
        "devices": resources(&mut scim, "Devices"),
        "app_ids": app_ids,
        "types": types,
    })
}

#[test]
fn an_exported_tenant_is_the_same_where_it_is_imported() {
    let place = Place::new();
    let attribute = json!({ "name": "number", "type": "string", "multiValued": false });
    let documents = json!([
        { "id": BADGE, "name": "Badge", "attributes": [attribute] },
        { "id": DEVICE, "name": "Device", "attributes": [attribute] },
        { "id": "Device", "name": "Device", "endpoint": "/Devices", "schema": DEVICE },
        {
            "id": "User", "name": "User", "endpoint": "/Users",
            "schema": "urn:ietf:params:scim:schemas:core:2.0:User",
            "schemaExtensions": [{ "schema": BADGE, "required": false }],
        },
    ]);
    let file = place.path("schemas.json");
    write(&file, documents.to_string().as_bytes());
    place
        .cli(&[
            "schema",
            "add",
            &file.display().to_string(),
            "--tenant",
            "acme",
        ])
        .ok();
    place
        .cli(&[
            "connection",
            "create",
            "--tenant",
            "acme",
            "--name",
            "hr",
            "--identifier",
            "email",
        ])
        .ok();
    let people = place.path("people.csv");
    write(
        &people,
        b"email,userName,app_id\npia@acme.example,pia,41\nuwe@acme.example,uwe,42\n",
    );
    place
        .cli(&[
            "import",
            "--users",
            &people.display().to_string(),
            "--tenant",
            "acme",
        ])
        .ok();
    let (token, app) = (place.token(), place.app_token());
    let server = place.serve();
    let mut scim = server.client(&token);
    let mut ids: Vec<String> = Vec::new();
    for n in 0..count(700, 5000) {
        let mut body = crate::client::user(&format!("person{n}"));
        body["schemas"] = json!([body["schemas"][0], BADGE]);
        body[BADGE] = json!({ "number": format!("B{n}") });
        body["active"] = (n % 7 != 0).into();
        body["externalId"] = format!("00u{n}").into();
        ids.push(scim.post("/scim/v2/Users", &body).expect(201).id());
    }
    let inner = scim.team("inner");
    let outer = scim.team("outer");
    scim.team("nobody");
    for (team, members) in [
        (&inner, &ids[..600]),
        (&outer, &[inner.clone(), ids[650].clone()][..]),
    ] {
        let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
        let body = patch(json!([{ "op": "add", "path": "members", "value": members }]));
        scim.patch(&format!("/scim/v2/Groups/{team}"), &body)
            .expect(204);
    }
    let device = json!({ "schemas": [DEVICE], "number": "D1" });
    scim.post("/scim/v2/Devices", &device).expect(201);
    let before = seen(&server, &token, &app);

    let export = place.path("acme.ndjson").display().to_string();
    place
        .cli(&["export", "--tenant", "acme", "--output", &export])
        .ok();
    server.stop();

    let other = Place::empty();
    let tally = other
        .cli(&["import", &export, "--tenant", "acme", "--json"])
        .ok();
    let tally: Value = serde_json::from_str(&tally).expect("import --json prints JSON");
    assert_eq!(tally["refused"], 0, "{tally}");
    let connection = other
        .cli(&["connection", "show", "--tenant", "acme", "--json"])
        .ok();
    let connection: Value = serde_json::from_str(&connection).expect("JSON");
    assert_eq!(
        (&connection["name"], &connection["identifier"]),
        (&json!("hr"), &json!("email"))
    );
    let (token, app) = (other.token(), other.app_token());
    let server = other.serve();
    assert_eq!(seen(&server, &token, &app), before);
    server.stop();
    // A second time changes nothing.
    let again = other
        .cli(&["import", &export, "--tenant", "acme", "--json"])
        .ok();
    let again: Value = serde_json::from_str(&again).expect("import --json prints JSON");
    let tallied = (&again["created"], &again["changed"], &again["refused"]);
    assert_eq!(tallied, (&json!(0), &json!(0), &json!(0)), "{again}");
    other.assert_sound();
}
