//! What the simulator sends is what the transcripts say, message for message, over a real socket.

mod chosen;
mod stopped;

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use axum::{
    body::to_bytes,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use serde_json::{Value, json};

use super::{
    Grants, LookUp, Pace, Plan, Provider, Report, Unwatched, Watch,
    company::Member,
    dialect::{Dialect, Entra, Okta, TeamCall},
    person::{Attribute, Person},
    wire::Wire,
};
use crate::{auth::Auth, client::Client};

/// One message as it arrived.
#[derive(Debug)]
struct Message {
    /// Method and target behind the base URL.
    request: String,
    headers: HeaderMap,
    body: Option<Value>,
}

/// A server that notes what arrives and answers as it was told to.
#[derive(Debug, Clone, Default)]
struct Stub {
    heard: Arc<Mutex<Vec<Message>>>,
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
}

async fn hear(State(stub): State<Stub>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let target = head.uri.to_string();
    let target = target.strip_prefix("/scim/v2").unwrap();
    stub.heard.lock().unwrap().push(Message {
        request: format!("{} {target}", head.method),
        headers: head.headers,
        body: serde_json::from_slice(&body).ok(),
    });
    let (status, answer) = stub
        .answers
        .lock()
        .unwrap()
        .pop_front()
        .expect("an answer is prepared");
    let status = StatusCode::from_u16(status).unwrap();
    if answer.is_null() {
        return status.into_response();
    }
    (
        status,
        [(header::CONTENT_TYPE, "application/scim+json")],
        answer.to_string(),
    )
        .into_response()
}

impl Stub {
    async fn start(&self) -> Client {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = axum::Router::new().fallback(hear).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Client::new(
            &format!("http://{address}/scim/v2"),
            Auth::bearer("the-token"),
        )
        .unwrap()
    }

    /// What the next messages will be answered.
    fn will(&self, answers: impl IntoIterator<Item = (u16, Value)>) {
        let mut prepared = self.answers.lock().unwrap();
        assert!(
            prepared.is_empty(),
            "more answers were prepared than messages sent"
        );
        prepared.extend(answers);
    }
}

fn found(resources: Value) -> (u16, Value) {
    let total = resources.as_array().map_or(0, Vec::len);
    (200, json!({"totalResults": total, "Resources": resources}))
}

fn nobody() -> (u16, Value) {
    found(json!([]))
}

fn id(id: &str) -> (u16, Value) {
    (201, json!({"id": id}))
}

fn done() -> (u16, Value) {
    (204, Value::Null)
}

fn member(id: &str, name: &str) -> Member {
    Member {
        id: id.to_owned(),
        user_name: name.to_owned(),
    }
}

fn team(name: &str, own_id: &str, members: &[Member]) -> TeamCall {
    TeamCall {
        name: name.to_owned(),
        own_id: own_id.to_owned(),
        members: members.to_vec(),
    }
}

/// A transcript with names filled in.
fn transcript(file: &str, ids: &[(&str, &str)]) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/transcripts");
    let mut text = std::fs::read_to_string(folder.join(file)).unwrap();
    for (name, value) in ids.iter().chain(&[("token", "the-token")]) {
        text = text.replace(&format!("${{{name}}}"), value);
    }
    serde_json::from_str(&text).unwrap()
}

/// Compares what arrived with a transcript. `not_sent` are steps that the simulator does not send, `besides` starts of
/// messages that it sends and the transcript does not have; each with its reason.
fn compare(
    stub: &Stub,
    file: &str,
    ids: &[(&str, &str)],
    not_sent: &[(&str, &str)],
    besides: &[(&str, &str)],
) {
    let transcript = transcript(file, ids);
    let heard = std::mem::take(&mut *stub.heard.lock().unwrap());
    let mut heard = heard.into_iter();
    let mut left_out = Vec::new();
    let mut needless: BTreeMap<&str, bool> =
        besides.iter().map(|(start, _)| (*start, true)).collect();
    for step in transcript["steps"].as_array().unwrap() {
        let says = step["says"].as_str().unwrap();
        if not_sent.iter().any(|(step, _)| *step == says) {
            left_out.push(says);
            continue;
        }
        let message = loop {
            let message = heard
                .next()
                .unwrap_or_else(|| panic!("{file}: {says}: never sent"));
            if message.request == step["request"] && message.body == step.get("body").cloned() {
                break message;
            }
            let start = besides
                .iter()
                .find(|(start, _)| message.request.starts_with(start));
            let Some((start, _)) = start else {
                panic!(
                    "{file}: {says}: {} {:?} was sent, not {step}",
                    message.request, message.body
                );
            };
            needless.insert(start, false);
        };
        let set = match (&step["headers"], step.get("body")) {
            (Value::String(set), _) => set,
            (_, Some(_)) => "write",
            _ => "read",
        };
        for (name, value) in transcript["headers"][set].as_object().unwrap() {
            let sent = message
                .headers
                .get(name.as_str())
                .map(|sent| sent.to_str().unwrap());
            assert_eq!(sent, value.as_str(), "{file}: {says}: {name}");
        }
        let typed = transcript["headers"][set]["Content-Type"].is_string();
        assert_eq!(
            message.headers.contains_key(header::CONTENT_TYPE),
            typed,
            "{file}: {says}"
        );
    }
    for message in heard {
        let start = besides
            .iter()
            .find(|(start, _)| message.request.starts_with(start));
        assert!(
            start.is_some(),
            "{file}: {} was sent at the end",
            message.request
        );
    }
    assert_eq!(
        left_out.len(),
        not_sent.len(),
        "a step that is excused is not in {file}"
    );
    assert!(
        !needless.values().any(|needless| *needless),
        "excused and not sent: {needless:?}"
    );
}

const CHECK: &str = "a check of the transcript, not a message of the identity provider";

fn person(user_name: &str, email: &str, given: &str, family: &str, external_id: &str) -> Person {
    Person {
        user_name: user_name.to_owned(),
        email: email.to_owned(),
        given: given.to_owned(),
        family: family.to_owned(),
        display: format!("{given} {family}"),
        external_id: external_id.to_owned(),
        active: true,
        ..Person::default()
    }
}

fn okta_person(user_name: &str, given: &str, family: &str, external_id: &str) -> Person {
    Person {
        locale: Some("en-US".to_owned()),
        ..person(user_name, user_name, given, family, external_id)
    }
}

fn okta(patches: bool, mapping: &'static [Attribute]) -> Dialect {
    Dialect::Okta(Okta {
        patches,
        identifier: LookUp::UserName,
        entitled: false,
        mapping,
    })
}

const OKTA_MAPPING: &[Attribute] = &[
    Attribute::UserName,
    Attribute::GivenName,
    Attribute::FamilyName,
    Attribute::WorkEmail,
    Attribute::DisplayName,
    Attribute::Locale,
    Attribute::ExternalId,
    Attribute::Active,
    Attribute::Title,
];

#[tokio::test]
async fn okta_speaks_as_in_its_own_applications() {
    let stub = Stub::default();
    let client = stub.start().await;
    let wire = Wire::new(
        &client,
        okta(false, OKTA_MAPPING).voice(),
        None,
        Pace::Fast,
        &Unwatched,
    );
    let okta = okta(false, OKTA_MAPPING);
    let mut jane = okta_person(
        "jane.doe@example.com",
        "Jane",
        "Doe",
        "00u6a15d23T9AeHhF5d7",
    );
    let stored = |active: bool, title: Option<&str>| {
        let mut user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": "user-1",
            "externalId": "00u6a15d23T9AeHhF5d7",
            "userName": "jane.doe@example.com",
            "name": {"givenName": "Jane", "familyName": "Doe"},
            "emails": [{"primary": true, "value": "jane.doe@example.com", "type": "work"}],
            "displayName": "Jane Doe",
            "locale": "en-US",
            "active": active,
            "groups": [],
            "meta": {"resourceType": "User"},
        });
        if let Some(title) = title {
            user["title"] = title.into();
        }
        (200, user)
    };
    let title = Some("Account Executive");

    stub.will([nobody(), nobody()]);
    okta.test(&wire).await.unwrap();
    stub.will([nobody(), id("user-1")]);
    okta.join(&wire, &jane, None).await.unwrap();
    let before = jane.clone();
    jane.title = title.map(str::to_owned);
    stub.will([stored(true, None), done()]);
    okta.update(&wire, "user-1", &before, &jane).await.unwrap();
    stub.will([stored(true, title), done()]);
    okta.password(&wire, "user-1", &jane).await.unwrap();
    jane.active = false;
    stub.will([stored(true, title), done()]);
    okta.leave(&wire, "user-1", &jane).await.unwrap();
    jane.active = true;
    let inactive = stored(false, title);
    stub.will([
        found(json!([inactive.1])),
        inactive,
        done(),
        stored(true, title),
        done(),
    ]);
    okta.come_back(&wire, "user-1", &jane).await.unwrap();

    let members = [member("user-1", "jane.doe@example.com")];
    stub.will([nobody(), id("team-1"), id("team-1"), done()]);
    okta.push(&wire, &team("Test SCIMv2", "", &members))
        .await
        .unwrap();
    stub.will([id("team-1"), done()]);
    okta.rename(&wire, "team-1", &team("Test SCIMv20", "", &members))
        .await
        .unwrap();
    let empty = team("Test SCIMv20", "", &[]);
    stub.will([id("team-1"), done()]);
    okta.members(&wire, "team-1", &empty, (&[], &members), true)
        .await
        .unwrap();
    stub.will([done()]);
    okta.delete_team(&wire, "team-1").await.unwrap();
    stub.will([
        (200, json!({"totalResults": 150})),
        (200, json!({"totalResults": 150})),
    ]);
    okta.import(&wire).await.unwrap();

    compare(
        &stub,
        "okta-custom-app.json",
        &[("user", "user-1"), ("team", "team-1")],
        &[
            (
                "The same question in the older encoding, with + for a space",
                "the newer one is sent",
            ),
            ("The inactive person can still be read", CHECK),
            ("The team is gone", CHECK),
        ],
        &[
            (
                "GET /Users/user-1",
                "a GET comes before each PUT, the published sample of a password shows the PUT alone",
            ),
            ("GET /Groups/team-1", "likewise before a team is written"),
        ],
    );
}

#[tokio::test]
async fn okta_speaks_as_in_applications_of_its_catalogue() {
    let stub = Stub::default();
    let client = stub.start().await;
    let okta_in = |mapping| okta(true, mapping);
    let wire = Wire::new(
        &client,
        okta(true, OKTA_MAPPING).voice(),
        None,
        Pace::Fast,
        &Unwatched,
    );
    let okta = okta_in(OKTA_MAPPING);
    let ann = okta_person("ann.lee@example.com", "Ann", "Lee", "00ujl29u0le5T6Aj10h7");
    let bo = okta_person("bo.kim@example.com", "Bo", "Kim", "00ujl29u0le5T6Aj10h8");
    let stored = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": "user-1",
        "userName": "ann.lee@example.com",
        "name": {"givenName": "Ann", "familyName": "Lee"},
        "emails": [{"primary": true, "value": "ann.lee@example.com", "type": "work", "display": "ann.lee@example.com"}],
        "active": false,
        "groups": [],
        "meta": {"resourceType": "User"},
    });

    stub.will([nobody(), nobody()]);
    okta.test(&wire).await.unwrap();
    stub.will([nobody(), id("user-1"), id("user-2")]);
    okta.join(&wire, &ann, None).await.unwrap();
    okta.create(&wire, &bo).await.unwrap();
    let mut excited = ann.clone();
    excited.middle = Some("Excited".to_owned());
    // What the application of the sample has mapped.
    let sample = okta_in(&[
        Attribute::UserName,
        Attribute::GivenName,
        Attribute::MiddleName,
        Attribute::FamilyName,
        Attribute::WorkEmail,
        Attribute::Active,
    ]);
    stub.will([(200, stored.clone()), done()]);
    sample
        .update(&wire, "user-1", &ann, &excited)
        .await
        .unwrap();
    stub.will([done()]);
    okta.leave(&wire, "user-1", &ann).await.unwrap();
    stub.will([
        found(json!([stored])),
        done(),
        (200, stored.clone()),
        done(),
    ]);
    okta.come_back(&wire, "user-1", &ann).await.unwrap();
    stub.will([done()]);
    okta.password(&wire, "user-1", &ann).await.unwrap();

    let [ann, bo] = [
        member("user-1", "ann.lee@example.com"),
        member("user-2", "bo.kim@example.com"),
    ];
    let eng = team("Eng", "", &[]);
    stub.will([nobody(), id("team-1")]);
    okta.push(&wire, &eng).await.unwrap();
    let [only_ann, only_bo] = [&ann, &bo].map(std::slice::from_ref);
    stub.will([done(), done()]);
    okta.members(&wire, "team-1", &eng, (only_bo, &[]), true)
        .await
        .unwrap();
    stub.will([done(), done()]);
    okta.members(&wire, "team-1", &eng, (only_ann, only_bo), true)
        .await
        .unwrap();
    let eng = team("Engineering", "", &[ann.clone(), bo.clone()]);
    stub.will([done()]);
    okta.rename(&wire, "team-1", &eng).await.unwrap();
    stub.will([done()]);
    okta.push_now(&wire, "team-1", &eng).await.unwrap();
    let eng = team("Engineering", "", &[]);
    stub.will([done()]);
    okta.push_now(&wire, "team-1", &eng).await.unwrap();
    stub.will([done(), done()]);
    okta.members(&wire, "team-1", &eng, (&[], only_bo), true)
        .await
        .unwrap();
    stub.will([done()]);
    okta.delete_team(&wire, "team-1").await.unwrap();

    compare(
        &stub,
        "okta-catalog-app.json",
        &[
            ("user", "user-1"),
            ("second_user", "user-2"),
            ("team", "team-1"),
        ],
        &[
            ("The person is inactive", CHECK),
            ("The one who joined is the only member", CHECK),
            ("The team is empty and kept its new name", CHECK),
        ],
        &[
            ("GET /Groups?startIndex=1", "Import Groups is ticked"),
            (
                "GET /Users",
                "who is assigned again is looked up first, and the profile follows",
            ),
            (
                "PUT /Users/user-1",
                "who is assigned again is looked up first, and the profile follows",
            ),
            (
                "PATCH /Groups/team-1",
                "the name is sent with each membership update",
            ),
        ],
    );
}

fn entra(flag: bool, mapping: &'static [Attribute]) -> Entra {
    Entra {
        flag,
        gallery: true,
        matching: Attribute::UserName,
        grants: Grants::None,
        teams_by_external_id: false,
        mapping,
    }
}

const ENTRA_CREATE: &[Attribute] = &[
    Attribute::UserName,
    Attribute::Active,
    Attribute::WorkEmail,
    Attribute::GivenName,
    Attribute::FamilyName,
    Attribute::Formatted,
    Attribute::ExternalId,
];
const ENTRA_UPDATE: &[Attribute] = &[
    Attribute::UserName,
    Attribute::DisplayName,
    Attribute::WorkEmail,
    Attribute::Mobile,
    Attribute::Street,
    Attribute::Title,
    Attribute::GivenName,
    Attribute::FamilyName,
    Attribute::ExternalId,
    Attribute::EmployeeNumber,
    Attribute::NickName,
    Attribute::Manager,
];
const READ_FIRST: (&str, &str) = (
    "GET /Users/user-1",
    "a person is read before each update, the samples show the PATCH alone",
);

#[tokio::test]
async fn entra_speaks_its_default_dialect() {
    let stub = Stub::default();
    let client = stub.start().await;
    let create = Dialect::Entra(entra(false, ENTRA_CREATE));
    let update = Dialect::Entra(entra(false, ENTRA_UPDATE));
    let wire = Wire::new(&client, create.voice(), None, Pace::Fast, &Unwatched);
    let some = |text: &str| Some(text.to_owned());
    let first = person(
        "Test_User_00aa00aa-bb11-cc22-dd33-44ee44ee44ee",
        "first@testuser.com",
        "givenName",
        "familyName",
        "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
    );
    let same = || {
        let mut user = super::person::user(&first, ENTRA_CREATE);
        user["id"] = "user-1".into();
        found(json!([user]))
    };

    stub.will([nobody(), nobody()]);
    create.test(&wire).await.unwrap();
    stub.will([nobody(), id("user-1")]);
    create.join(&wire, &first, None).await.unwrap();
    for matching in [Attribute::ExternalId, Attribute::WorkEmail] {
        let matched = Entra {
            matching,
            ..entra(false, ENTRA_CREATE)
        };
        stub.will([same()]);
        Dialect::Entra(matched)
            .join(&wire, &first, None)
            .await
            .unwrap();
    }
    let mut now = first.clone();
    now.email = "updatedEmail@microsoft.com".to_owned();
    now.family = "updatedFamilyName".to_owned();
    stub.will([id("user-1"), done()]);
    update.update(&wire, "user-1", &first, &now).await.unwrap();
    let boss = person(
        "boss@testuser.com",
        "boss@testuser.com",
        "The",
        "Boss",
        "mgr-1",
    );
    let chief = Person {
        mobile: some("+1 555 0100"),
        street: some("1 Main St"),
        title: some("Chief"),
        ..boss.clone()
    };
    stub.will([id("user-2"), done()]);
    update.update(&wire, "user-2", &boss, &chief).await.unwrap();
    now.employee_number = some("1");
    let six = Person {
        display: "Pvlo".to_owned(),
        email: "TestBcwqnm@test.microsoft.com".to_owned(),
        given: "Gtfd".to_owned(),
        family: "Pkqf".to_owned(),
        external_id: "Eqpj".to_owned(),
        employee_number: some("Eqpj"),
        ..now.clone()
    };
    stub.will([id("user-1"), done()]);
    update.update(&wire, "user-1", &now, &six).await.unwrap();
    let babs = Person {
        nick_name: some("Babs"),
        ..six.clone()
    };
    stub.will([id("user-1"), done()]);
    update.update(&wire, "user-1", &six, &babs).await.unwrap();
    stub.will([done()]);
    update
        .manager(&wire, "user-1", None, Some("user-2"))
        .await
        .unwrap();
    stub.will([nobody(), done()]);
    update
        .manager(&wire, "user-1", Some("user-3"), Some("user-2"))
        .await
        .unwrap();
    stub.will([done()]);
    update
        .manager(&wire, "user-1", Some("user-2"), None)
        .await
        .unwrap();
    stub.will([done(), done()]);
    update.leave(&wire, "user-1", &babs).await.unwrap();
    update.come_back(&wire, "user-1", &babs).await.unwrap();
    let renamed = Person {
        user_name: "5b50642d-79fc-4410-9e90-4c077cdd1a59@testuser.com".to_owned(),
        ..babs.clone()
    };
    stub.will([id("user-1"), done()]);
    update
        .update(&wire, "user-1", &babs, &renamed)
        .await
        .unwrap();

    let named = team("displayName", "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159", &[]);
    let [user, manager] = [member("user-1", ""), member("user-2", "")];
    let [only_user, only_manager] = [&user, &manager].map(std::slice::from_ref);
    let both = [user.clone(), manager.clone()];
    stub.will([nobody(), id("team-1")]);
    create.push(&wire, &named).await.unwrap();
    stub.will([done(), id("team-1")]);
    create
        .members(&wire, "team-1", &named, (only_user, &[]), false)
        .await
        .unwrap();
    stub.will([done(), id("team-1")]);
    create
        .members(&wire, "team-1", &named, (&both, &[]), false)
        .await
        .unwrap();
    stub.will([done(), id("team-1")]);
    create
        .members(&wire, "team-1", &named, (&[], only_user), false)
        .await
        .unwrap();
    stub.will([done()]);
    let renamed = team("1879db59-updatedDisplayName", &named.own_id, &[]);
    create.rename(&wire, "team-1", &renamed).await.unwrap();
    let by_id = Entra {
        teams_by_external_id: true,
        ..entra(false, ENTRA_CREATE)
    };
    stub.will([found(json!([{"id": "team-1"}]))]);
    Dialect::Entra(by_id).push(&wire, &renamed).await.unwrap();
    stub.will([nobody(), done(), id("team-1")]);
    create
        .members(&wire, "team-1", &renamed, (only_manager, &[]), true)
        .await
        .unwrap();
    stub.will([done(), done()]);
    create.delete_team(&wire, "team-1").await.unwrap();
    create.purge(&wire, "user-1").await.unwrap();

    compare(
        &stub,
        "entra-default.json",
        &[
            ("user", "user-1"),
            ("manager", "user-2"),
            ("team", "team-1"),
        ],
        &[
            (
                "A manager is created, with nulls",
                "Microsoft says elsewhere that nulls are never sent",
            ),
            ("Both arrived, and the e-mail kept its type", CHECK),
            ("The elements were made with their types", CHECK),
            ("All of them arrived", CHECK),
            ("The manager reads back as an object", CHECK),
            ("The disabled person still matches", CHECK),
            (
                "Disabled again, in lower case",
                "another spelling of the same",
            ),
            (
                "Disabled again, with a true boolean",
                "another spelling of the same",
            ),
            ("The other member stayed", CHECK),
            ("The person is gone", CHECK),
        ],
        &[
            READ_FIRST,
            ("GET /Users/user-2", READ_FIRST.1),
            (
                "GET /Users?filter=id+eq+",
                "the reference is checked before another manager is set",
            ),
            (
                "GET /Groups/team-1?excludedAttributes",
                "the team is read after each change of members",
            ),
            (
                "PATCH /Groups/team-1",
                "the addition that the reference check is for",
            ),
        ],
    );
}

#[tokio::test]
async fn entra_speaks_its_dialect_with_the_flag() {
    let stub = Stub::default();
    let client = stub.start().await;
    let create = Dialect::Entra(entra(true, ENTRA_CREATE));
    let update = Dialect::Entra(entra(true, ENTRA_UPDATE));
    let wire = Wire::new(&client, create.voice(), None, Pace::Fast, &Unwatched);
    let user = person(
        "opt.user@testuser.com",
        "first@testuser.com",
        "givenName",
        "familyName",
        "opt-1",
    );
    stub.will([id("user-1")]);
    create.create(&wire, &user).await.unwrap();
    let before = Person {
        employee_number: Some("1".to_owned()),
        ..user
    };
    let changed = Person {
        display: "Bjfe".to_owned(),
        given: "Kkom".to_owned(),
        family: "Unua".to_owned(),
        email: "TestMhvaes@test.microsoft.com".to_owned(),
        employee_number: Some("Aklq".to_owned()),
        ..before.clone()
    };
    stub.will([id("user-1"), done()]);
    update
        .update(&wire, "user-1", &before, &changed)
        .await
        .unwrap();
    let babs = Person {
        nick_name: Some("Babs".to_owned()),
        ..changed.clone()
    };
    stub.will([id("user-1"), done()]);
    update
        .update(&wire, "user-1", &changed, &babs)
        .await
        .unwrap();
    stub.will([done()]);
    update.leave(&wire, "user-1", &babs).await.unwrap();
    let opt = team("opt group", "opt-g", &[]);
    stub.will([nobody(), id("team-1")]);
    create.push(&wire, &opt).await.unwrap();
    let member = [member("user-1", "")];
    stub.will([done(), id("team-1")]);
    create
        .members(&wire, "team-1", &opt, (&member, &[]), false)
        .await
        .unwrap();
    stub.will([done(), id("team-1")]);
    create
        .members(&wire, "team-1", &opt, (&[], &member), false)
        .await
        .unwrap();

    compare(
        &stub,
        "entra-compliance-flag.json",
        &[("user", "user-1"), ("team", "team-1")],
        &[
            ("All of them arrived", CHECK),
            (
                "The flag stands in the query",
                "whether Entra sends the flag on is not known",
            ),
        ],
        &[
            READ_FIRST,
            (
                "GET /Groups?excludedAttributes",
                "a team is looked up before it is created",
            ),
            (
                "GET /Groups/team-1?excludedAttributes",
                "the team is read after each change of members",
            ),
        ],
    );
}

#[tokio::test]
async fn a_refusal_names_the_request_and_a_lost_answer_is_told_again() {
    let stub = Stub::default();
    let client = stub.start().await;
    let okta = okta(true, OKTA_MAPPING);
    let wire = Wire::new(&client, okta.voice(), None, Pace::Fast, &Unwatched);
    let jane = okta_person("jane@example.com", "Jane", "Doe", "1");
    stub.will([(
        409,
        json!({"scimType": "uniqueness", "detail": "userName is taken"}),
    )]);
    let failure = okta.create(&wire, &jane).await.unwrap_err();
    assert_eq!(
        (failure.status, failure.scim_type.as_deref()),
        (Some(409), Some("uniqueness"))
    );
    assert!(!failure.is_passing());
    assert!(
        failure
            .line()
            .contains("POST /Users → 409 uniqueness: userName is taken")
    );
    // Okta waits and sends again by itself; 500 waits for a person.
    stub.will([(429, json!({})), id("user-1")]);
    assert_eq!(okta.create(&wire, &jane).await.unwrap(), "user-1");
    stub.will([(500, json!({}))]);
    assert!(okta.create(&wire, &jane).await.unwrap_err().is_passing());
    // An answer 201 without the user makes Okta fail.
    stub.will([(201, Value::Null)]);
    assert!(
        okta.create(&wire, &jane)
            .await
            .unwrap_err()
            .detail
            .contains("no resource")
    );
}

/// Notes what is begun, of how many changes, and how many are told; and the people created when last looked at.
#[derive(Debug, Default)]
struct Onlooker {
    begun: Mutex<Vec<(String, u64, u64)>>,
    created: AtomicU64,
}

impl Watch for Onlooker {
    fn begin(&self, says: &str, changes: u64) {
        let mut begun = self.begun.lock().unwrap();
        begun.push((says.to_owned(), changes, 0));
    }

    fn told(&self) {
        self.begun.lock().unwrap().last_mut().unwrap().2 += 1;
    }

    fn look(&self, report: &Report) {
        self.created.store(report.created, Relaxed);
    }
}

#[tokio::test]
async fn whoever_looks_on_sees_every_change_told_also_where_references_come_last() {
    let stub = Stub::default();
    let client = stub.start().await;
    let plan = Plan {
        users: 1,
        teams: 0,
        ..Plan::new(Provider::Entra)
    };
    stub.will([nobody(), nobody(), id("user-1")]);
    let onlooker = Onlooker::default();
    plan.run(&client, &onlooker).await;
    let begun = onlooker.begun.into_inner().unwrap();
    let begun = begun.iter().map(|(says, of, told)| (&**says, *of, *told));
    assert_eq!(
        begun.collect::<Vec<_>>(),
        [
            ("Test connection", 1, 0),
            ("Import", 1, 0),
            ("People assigned", 1, 1),
            ("Managers and members", 1, 1),
            ("Teams pushed", 0, 0),
            ("Managers and members", 0, 0),
        ]
    );
    assert_eq!(onlooker.created.into_inner(), 1);
}

#[tokio::test]
async fn what_reads_back_otherwise_is_told() {
    let stub = Stub::default();
    let client = stub.start().await;
    let plan = Plan {
        users: 1,
        teams: 0,
        ..Plan::new(Provider::Google)
    };
    stub.will([nobody(), nobody(), id("user-1")]);
    let simulated = plan.run(&client, &Unwatched).await;
    assert_eq!((simulated.report.created, simulated.report.failed), (1, 0));
    let person = simulated.company.person(0);
    let mut user = super::person::user(&person, simulated.dialect.mapping());
    user["id"] = "user-1".into();
    stub.will([found(json!([user]))]);
    let same = simulated.compare(&client, &Unwatched).await.unwrap();
    assert_eq!((same.users, same.differences), (1, 0), "{:?}", same.kept);

    user["active"] = false.into();
    user["displayName"] = "Somebody".into();
    stub.will([found(json!([user, {"id": "user-2", "userName": "x"}]))]);
    let other = simulated.compare(&client, &Unwatched).await.unwrap();
    assert_eq!(other.differences, 3, "{:?}", other.kept);
    assert!(
        other.kept[0].ends_with("active is false, not true"),
        "{:?}",
        other.kept
    );

    stub.will([nobody()]);
    let none = simulated.compare(&client, &Unwatched).await.unwrap();
    assert_eq!(none.kept, [format!("{} is missing", person.user_name)]);
}

#[tokio::test]
async fn what_fails_for_a_while_is_told_until_it_arrives_and_given_up_when_nothing_does() {
    let plan = Plan {
        users: 1,
        teams: 0,
        ..Plan::new(Provider::Okta)
    };
    let down = || (500, json!({"detail": "down"}));
    let down_for = |times| std::iter::repeat_with(down).take(times);

    let stub = Stub::default();
    let client = stub.start().await;
    let tested = [nobody(), nobody()];
    // The import comes through at the third attempt, the person at the ninth.
    let imported = down_for(2).chain([nobody()]);
    let joined = down_for(8).chain([nobody(), id("user-1")]);
    stub.will(tested.clone().into_iter().chain(imported).chain(joined));
    // Boxed as in a task of a server, which goes from thread to thread.
    let simulated = plan.run(&client, &Unwatched).boxed().await;
    let report = &simulated.report;
    assert_eq!(
        (report.created, report.failed, report.repeated),
        (1, 0, 10),
        "{:?}",
        report.failures
    );

    let stub = Stub::default();
    let client = stub.start().await;
    stub.will(tested.into_iter().chain([nobody()]).chain(down_for(10)));
    let simulated = plan.run(&client, &Unwatched).await;
    let report = &simulated.report;
    assert_eq!((report.created, report.failed), (0, 1));
    assert!(report.failures[0].what.starts_with("assign "));
}
