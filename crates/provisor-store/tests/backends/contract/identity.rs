//! Who may be called what: uniqueness, lookups, domains, rehires, races.

use provisor_store::{
    Change, Id, Identifier, Origin, Outcome, WriteError, change::ConnectionSettings,
};
use scim::{Kind, Value};
use serde_json::json;

use super::{
    bench::{Bench, assert_refused, read},
    resources::custom_documents,
};

pub(crate) async fn user_names_are_unique_as_folded(bench: &Bench) {
    let first = bench.user("Straße@Example.com").await;
    let id = first.to_string();
    for twin in [
        "straße@example.com",
        "STRAßE@EXAMPLE.COM",
        "Ｓtraße@example.com",
    ] {
        let answer = bench.post("User", json!({ "userName": twin })).await;
        assert_refused(answer, Kind::Uniqueness, &["userName", &id]);
    }
    let other = bench.user("strasse@example.com").await;
    let put = bench
        .put("User", other, json!({ "userName": "straßE@example.com" }))
        .await;
    assert_refused(put, Kind::Uniqueness, &[&id]);
    let patch = json!([{ "op": "replace", "path": "userName", "value": "STRAßE@example.com" }]);
    assert_refused(
        bench.patch("User", other, patch).await,
        Kind::Uniqueness,
        &[&id],
    );
    // Its own name in another spelling is no collision.
    let own = bench
        .put("User", first, json!({ "userName": "STRAßE@example.com" }))
        .await;
    assert!(own.unwrap().changed);
    bench.delete("User", first).await.unwrap();
    bench.user("straße@example.com").await;
}

pub(crate) async fn custom_attributes_are_unique_where_declared(bench: &Bench) {
    for document in custom_documents() {
        bench
            .system(bench.tenant, Change::PutSchema { document })
            .await
            .unwrap();
    }
    let badge = |name: &str, number: &str| {
        json!({
            "userName": name, "urn:example:schemas:Badge": { "badgeNumber": number },
        })
    };
    let first = bench
        .post("User", badge("a", "X7"))
        .await
        .unwrap()
        .stored
        .id;
    let id = first.to_string();
    let says = ["badgeNumber", id.as_str()];
    assert_refused(
        bench.post("User", badge("b", "x7")).await,
        Kind::Uniqueness,
        &says,
    );
    let second = bench.post("User", badge("b", "8")).await.unwrap().stored.id;
    assert_refused(
        bench.put("User", second, badge("b", "x7")).await,
        Kind::Uniqueness,
        &says,
    );
    bench.put("User", first, badge("a", "9")).await.unwrap();
    bench.put("User", second, badge("b", "x7")).await.unwrap();
    bench
        .post("Device", json!({ "serial": "s", "weight": 1 }))
        .await
        .unwrap();
    bench
        .post("Device", json!({ "serial": "S", "weight": 2 }))
        .await
        .unwrap();
    let twin = bench
        .post("Device", json!({ "serial": "t", "weight": 2 }))
        .await;
    assert_refused(twin, Kind::Uniqueness, &["weight"]);
    let twin = bench.post("Device", json!({ "serial": "s" })).await;
    assert_refused(twin, Kind::Uniqueness, &["serial"]);
}

fn person(name: &str, email: &str, external: &str) -> Value {
    json!({
        "userName": name, "externalId": external,
        "emails": [
            { "value": format!("other-{email}"), "type": "home" },
            { "value": email, "type": "work", "primary": true },
        ],
    })
}

pub(crate) async fn every_lookup_finds_exactly_the_user(bench: &Bench) {
    bench.identify_by(Identifier::Email).await;
    let mut people = Vec::new();
    for number in 0..30 {
        let (name, email) = (format!("u{number}"), format!("P{number}@Example.com"));
        let body = person(&name, &email, &format!("E{number}"));
        people.push((
            bench.post("User", body).await.unwrap().stored.id,
            name,
            email,
        ));
    }
    for (number, (id, name, email)) in people.iter().enumerate() {
        let upper = email.to_uppercase();
        for filter in [
            format!("userName eq \"{email}\""),
            format!("userName eq \"{upper}\""),
            format!("userName eq \"{name}\""),
            format!("email eq \"{upper}\""),
            format!("emails eq \"{email}\""),
            format!("emails.value eq \"{email}\""),
            format!("emails[type eq \"work\"].value eq \"{upper}\""),
            format!("emails[type eq \"work\" and value eq \"{email}\"]"),
            format!("emails.value eq \"other-{email}\""),
            format!("externalId eq \"E{number}\""),
            format!("id eq \"{id}\""),
        ] {
            assert_eq!(bench.find("User", &filter).await, [*id], "{filter}");
        }
        for filter in [
            format!("userName eq \"other-{email}\""),
            format!("emails[type eq \"home\"].value eq \"{email}\""),
            format!("externalId eq \"e{number}\""),
            format!("id eq \"{}\"", id.to_string().to_uppercase()),
        ] {
            assert_eq!(bench.find("User", &filter).await, [], "{filter}");
        }
    }
    // The userName comes first: an address is only asked if nobody is called so.
    let search = bench.query("User", "userName eq \"p3@example.com\"").await;
    assert!(bench.search(&search).await.by_email);
    let search = bench.query("User", "userName eq \"u3\"").await;
    assert!(!bench.search(&search).await.by_email);
}

pub(crate) async fn with_email_as_identifier_addresses_are_unique(bench: &Bench) {
    bench.identify_by(Identifier::Email).await;
    let first = bench
        .post("User", person("one", "one@x.org", "1"))
        .await
        .unwrap()
        .stored
        .id;
    let second = bench
        .post("User", person("two", "two@x.org", "2"))
        .await
        .unwrap()
        .stored
        .id;
    let id = first.to_string();
    let long = format!("{}@x.org", "a".repeat(220));
    bench
        .post("User", person("long", &long, "l"))
        .await
        .unwrap();
    for (body, says) in [
        (person("three", "ONE@x.org", "3"), id.as_str()),
        (person("one@X.org", "three@x.org", "3"), id.as_str()),
        (json!({ "userName": "One@x.org" }), id.as_str()),
        (person("three", "one", "3"), id.as_str()),
        (person("three", &long.to_uppercase(), "3"), "primary e-mail"),
        (person(&long, "free@x.org", "3"), "primary e-mail"),
    ] {
        assert_refused(
            bench.post("User", body.clone()).await,
            Kind::Uniqueness,
            &[says],
        );
        assert_refused(
            bench.put("User", second, body).await,
            Kind::Uniqueness,
            &[says],
        );
    }
    for (path, value) in [
        ("emails[type eq \"work\"].value", "one@x.org"),
        ("userName", "ONE@x.org"),
    ] {
        let patch = json!([{ "op": "replace", "path": path, "value": value }]);
        assert_refused(
            bench.patch("User", second, patch).await,
            Kind::Uniqueness,
            &[&id],
        );
    }
    // Another user's secondary address is free, and so is one's own as userName.
    bench
        .post("User", person("four", "other-one@x.org", "4"))
        .await
        .unwrap();
    bench
        .put("User", second, person("two@x.org", "two@x.org", "2"))
        .await
        .unwrap();
}

pub(crate) async fn with_external_id_as_identifier_it_is_unique(bench: &Bench) {
    let free = bench
        .post("User", person("a", "a@x.org", "same"))
        .await
        .unwrap()
        .stored
        .id;
    bench
        .post("User", person("b", "b@x.org", "Same"))
        .await
        .unwrap();
    bench.identify_by(Identifier::ExternalId).await;
    let twin = bench.post("User", person("c", "c@x.org", "same")).await;
    assert_refused(twin, Kind::Uniqueness, &["externalId", &free.to_string()]);
    bench
        .post("User", person("c", "c@x.org", "SAME"))
        .await
        .unwrap();
    // A team may share it.
    bench
        .post("Group", json!({ "displayName": "T", "externalId": "same" }))
        .await
        .unwrap();
}

pub(crate) async fn team_names_are_unique_where_asked(bench: &Bench) {
    let first = bench.team("Team", &[]).await;
    let second = bench.team("TEAM", &[]).await;
    let unique = ConnectionSettings {
        unique_team_names: Some(true),
        ..ConnectionSettings::default()
    };
    assert_refused(bench.set(unique.clone()).await, Kind::Uniqueness, &["team"]);
    bench
        .put("Group", second, json!({ "displayName": "Other" }))
        .await
        .unwrap();
    bench.set(unique).await.unwrap();
    let twin = bench.post("Group", json!({ "displayName": "teaM" })).await;
    assert_refused(twin, Kind::Uniqueness, &["displayName", &first.to_string()]);
    bench.user("team").await;
}

pub(crate) async fn switching_to_an_identifier_needs_it_unique(bench: &Bench) {
    let set = async |identifier| {
        let settings = ConnectionSettings {
            identifier: Some(identifier),
            ..ConnectionSettings::default()
        };
        bench.set(settings).await
    };
    let first = bench
        .post("User", person("a", "same@x.org", "e"))
        .await
        .unwrap()
        .stored
        .id;
    let second = bench
        .post("User", person("b", "SAME@x.org", "e"))
        .await
        .unwrap()
        .stored
        .id;
    assert_refused(
        set(Identifier::Email).await,
        Kind::Uniqueness,
        &["same@x.org"],
    );
    assert_refused(set(Identifier::ExternalId).await, Kind::Uniqueness, &["e."]);
    bench
        .put("User", second, person("same@x.ORG", "b@x.org", "f"))
        .await
        .unwrap();
    assert_refused(
        set(Identifier::Email).await,
        Kind::Uniqueness,
        &["same@x.org"],
    );
    set(Identifier::ExternalId).await.unwrap();
    bench.delete("User", first).await.unwrap();
    set(Identifier::Email).await.unwrap();
    // Coming back must not break it either.
    let back = bench
        .system(bench.tenant, Change::Restore { id: first })
        .await;
    assert_refused(back, Kind::Uniqueness, &["same@x.org"]);
}

pub(crate) async fn domains_bound_what_is_written(bench: &Bench) {
    let outside = bench
        .post("User", person("old@out.org", "old@out.org", "0"))
        .await
        .unwrap();
    let domains = Some(vec!["Example.com".into(), "@MÜNCHEN.de".into()]);
    bench
        .set(ConnectionSettings {
            domains,
            ..ConnectionSettings::default()
        })
        .await
        .unwrap();
    for (name, email, good) in [
        ("a@example.com", "a@EXAMPLE.COM", true),
        ("b@münchen.de", "b@München.DE", true),
        ("c@example.com", "c@sub.example.com", false),
        ("d@example.com.evil.org", "d@example.com", false),
        ("e", "e@example.com", false),
        ("f@x@example.com", "f@example.com", true),
    ] {
        let answer = bench.post("User", person(name, email, name)).await;
        if good {
            answer.unwrap();
        } else {
            assert_refused(
                answer,
                Kind::DomainNotAllowed,
                &["example.com", "Add the domain"],
            );
        }
    }
    // Who was outside before may stay, but not move.
    let id = outside.stored.id;
    let title = json!([{ "op": "add", "path": "title", "value": "x" }]);
    bench.patch("User", id, title).await.unwrap();
    let rename = json!([{ "op": "replace", "path": "userName", "value": "new@out.org" }]);
    assert_refused(
        bench.patch("User", id, rename).await,
        Kind::DomainNotAllowed,
        &["new@out.org"],
    );
    bench.team("Any name", &[]).await;
}

pub(crate) async fn a_post_meets_an_inactive_user(bench: &Bench) {
    let body = |name: &str, external: &str| json!({ "userName": name, "externalId": external, "title": "new" });
    let id = bench
        .post("User", body("anna", "e1"))
        .await
        .unwrap()
        .stored
        .id;
    let text = id.to_string();
    assert_refused(
        bench.post("User", body("ANNA", "e1")).await,
        Kind::Uniqueness,
        &[&text],
    );
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    bench.patch("User", id, off.clone()).await.unwrap();
    let says = ["inactive user", text.as_str(), "active=true"];
    assert_refused(
        bench.post("User", body("ANNA", "e1")).await,
        Kind::ReactivationConflict,
        &says,
    );

    let reactivation = Some(true);
    bench
        .set(ConnectionSettings {
            reactivation,
            ..ConnectionSettings::default()
        })
        .await
        .unwrap();
    for refused in [
        body("anna", "e2"),
        body("anna", "E1"),
        json!({ "userName": "anna" }),
        json!({ "userName": "anna", "externalId": "e1", "active": false }),
    ] {
        assert_refused(
            bench.post("User", refused).await,
            Kind::ReactivationConflict,
            &says,
        );
    }
    // Another connection's users are not brought back.
    let (_, other) = bench
        .new_connection(
            bench.tenant,
            ConnectionSettings {
                name: Some("second".into()),
                reactivation,
                ..ConnectionSettings::default()
            },
        )
        .await;
    let caller = bench.caller_of(&other).await;
    let kind = bench.kind("User").await;
    let incoming = read(&kind, body("anna", "e1"), &caller.profile()).unwrap();
    let foreign = bench
        .store
        .write(
            bench.origin(&caller),
            Change::Create {
                kind,
                incoming,
                half: false,
            },
        )
        .await;
    assert!(
        matches!(foreign, Err(WriteError::Refused(_))),
        "{foreign:?}"
    );

    let seq = bench.last_seq().await;
    let back = bench.post("User", body("Anna", "e1")).await.unwrap();
    assert!(back.created && back.changed && back.stored.id == id);
    assert_eq!(bench.told(seq).await, ["user.reactivated"]);
    assert_eq!(bench.attributes("User", id).await["title"], "new");
    assert_refused(
        bench.post("User", body("Anna", "e1")).await,
        Kind::Uniqueness,
        &[&text],
    );
}

pub(crate) async fn one_of_many_racing_writers_wins(bench: &Bench) {
    bench.identify_by(Identifier::Email).await;
    let bodies: [&(dyn Fn(usize) -> Value + Sync); 3] = [
        &|_| json!({ "userName": "Racer" }),
        &|number| person(&format!("r{number}"), "race@x.org", &format!("r{number}")),
        &|number| match number % 2 {
            0 => person("cross@x.org", &format!("c{number}@x.org"), "c"),
            _ => person(&format!("c{number}"), "CROSS@x.org", "c"),
        },
    ];
    for body in bodies {
        let caller = bench.caller().await;
        let kind = bench.kind("User").await;
        let mut tasks = Vec::new();
        for number in 0..32 {
            let store = bench.store.clone();
            let origin: Origin = bench.origin(&caller);
            let incoming = read(&kind, body(number), &caller.profile()).unwrap();
            let kind = kind.clone();
            tasks.push(tokio::spawn(async move {
                store
                    .write(
                        origin,
                        Change::Create {
                            kind,
                            incoming,
                            half: false,
                        },
                    )
                    .await
            }));
        }
        let mut winners: Vec<Id> = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Ok(Outcome::Resource(written)) => winners.push(written.stored.id),
                Err(WriteError::Refused(refusal)) => {
                    assert_eq!(refusal.error.kind, Kind::Uniqueness);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(winners.len(), 1);
    }
}
