//! What an administrator may choose: look-ups by e-mail, ways to sign in, roles and entitlements; and one oddity.

use serde_json::json;

use super::{
    CHECK, OKTA_MAPPING, READ_FIRST, Stub, compare, done, entra, found, id, nobody, okta,
    okta_person, person, transcript,
};
use crate::{
    auth::Auth,
    client::Client,
    simulator::{
        Grade, Grants, LookUp, Pace, Unwatched,
        dialect::{Dialect, Entra, Okta, PING, Plain, grantable},
        grant::Grant,
        person::{Attribute, Person},
        wire::Wire,
    },
};

#[tokio::test]
async fn okta_looks_people_up_by_their_address_in_each_way_that_is_known() {
    let stub = Stub::default();
    let client = stub.start().await;
    let jane = Person {
        email: "jane.mail@example.com".to_owned(),
        ..okta_person("jdoe", "Jane", "Doe", "00uEMAIL")
    };
    let asks = |identifier| {
        Dialect::Okta(Okta {
            patches: false,
            identifier,
            entitled: false,
            mapping: OKTA_MAPPING,
        })
    };
    let wire = Wire::new(
        &client,
        asks(LookUp::Email).voice(),
        None,
        Pace::Fast,
        &Unwatched,
    );
    let stored = json!({"id": "user-1", "userName": "jdoe", "active": true});
    stub.will([nobody(), id("user-1")]);
    asks(LookUp::UserName)
        .join(&wire, &jane, None)
        .await
        .unwrap();
    for identifier in [LookUp::Email, LookUp::EmailEq, LookUp::EmailsEq] {
        stub.will([found(json!([stored])), (200, stored.clone()), done()]);
        let joined = asks(identifier).join(&wire, &jane, None).await.unwrap();
        assert!(joined.matched && joined.id == "user-1");
    }
    // The creation of the transcript has another placeholder for the password.
    let created = stub.heard.lock().unwrap().remove(1);
    let created = created.body.unwrap();
    assert_eq!(created["userName"], "jdoe");
    assert_eq!(created["emails"][0]["value"], "jane.mail@example.com");
    const OTHERS: &str = "a form of the standard or of others, which Okta is not known to send";
    compare(
        &stub,
        "okta-email-lookup.json",
        &[("user", "user-1")],
        &[
            (
                "A person whose userName is not the e-mail",
                "compared above",
            ),
            ("emails.value", OTHERS),
            ("The value of the work e-mail", OTHERS),
            ("externalId", OTHERS),
            ("E-mail in capitals", OTHERS),
            ("id", OTHERS),
            ("An attribute that does not exist", OTHERS),
        ],
        &[
            (
                "GET /Users?filter=userName%20eq%20%22jdoe",
                "with userName as the identifier",
            ),
            ("GET /Users/user-1", "who is found is linked"),
            ("PUT /Users/user-1", "who is found is linked"),
        ],
    );
}

#[tokio::test]
async fn okta_signs_in_in_each_of_its_modes() {
    let stub = Stub::default();
    let base = stub.start().await.base().to_owned();
    let okta = okta(false, OKTA_MAPPING);
    let signs_in = [
        Auth::bearer("the-token"),
        Auth::raw("the-token"),
        Auth::raw("Bearer Bearer the-token"),
        Auth::None,
        Auth::bearer("wrong"),
    ];
    for auth in signs_in {
        let client = Client::new(&base, auth).unwrap();
        let wire = Wire::new(&client, okta.voice(), None, Pace::Fast, &Unwatched);
        stub.will([nobody(), nobody()]);
        okta.test(&wire).await.unwrap();
    }
    compare(
        &stub,
        "okta-authorization.json",
        &[],
        &[],
        &[("GET /Groups?startIndex=1", "Import Groups is ticked")],
    );
}

#[tokio::test]
async fn okta_reads_roles_and_entitlements_and_gives_them() {
    let stub = Stub::default();
    let client = stub.start().await;
    let okta = Dialect::Okta(Okta {
        patches: true,
        identifier: LookUp::UserName,
        entitled: true,
        mapping: &[
            Attribute::UserName,
            Attribute::GivenName,
            Attribute::FamilyName,
            Attribute::WorkEmail,
            Attribute::Active,
        ],
    });
    let wire = Wire::new(&client, okta.voice(), None, Pace::Fast, &Unwatched);
    let kind = |name: &str, endpoint: &str, schema: &str| json!({"name": name, "endpoint": endpoint, "schema": schema});
    stub.will([
        found(json!([
            kind(
                "User",
                "/Users",
                "urn:ietf:params:scim:schemas:core:2.0:User"
            ),
            kind("Role", "/Roles", "urn:okta:scim:schemas:core:1.0:Role"),
            kind(
                "Entitlement",
                "/Entitlements",
                "urn:okta:scim:schemas:core:1.0:Entitlement"
            ),
        ])),
        found(json!([])),
    ]);
    let kinds = okta.discover(&wire).await.unwrap();
    let role = found(json!([{"id": "role-1", "displayName": "First Role"}]));
    let entitlement = found(json!([{"id": "ent-1", "displayName": "First Entitlement"}]));
    stub.will([role.clone(), role, entitlement.clone(), entitlement]);
    let catalog = grantable(&wire, &kinds).await.unwrap();
    let person = Person {
        roles: catalog.roles,
        entitlements: catalog.entitlements,
        ..person(
            "ent.user@example.com",
            "ent.user@example.com",
            "Ent",
            "User",
            "",
        )
    };
    stub.will([id("user-1")]);
    okta.create(&wire, &person).await.unwrap();
    {
        // The guide shows the user; a request also has what every creation of Okta's has.
        let mut heard = stub.heard.lock().unwrap();
        let created = heard.last_mut().unwrap().body.as_mut().unwrap();
        let created = created.as_object_mut().unwrap();
        assert_eq!(created.remove("groups"), Some(json!([])));
        assert!(created.remove("password").is_some());
    }
    compare(
        &stub,
        "okta-entitlements.json",
        &[],
        &[],
        &[
            ("GET /Roles?startIndex=1", "all pages are read as well"),
            (
                "GET /Entitlements?startIndex=1",
                "all pages are read as well",
            ),
        ],
    );
}

#[tokio::test]
async fn entra_assigns_application_roles_in_each_of_its_ways() {
    let stub = Stub::default();
    let client = stub.start().await;
    let speaks = |grants| {
        Dialect::Entra(Entra {
            grants,
            ..entra(
                false,
                &[
                    Attribute::UserName,
                    Attribute::ExternalId,
                    Attribute::Active,
                    Attribute::DisplayName,
                ],
            )
        })
    };
    let wire = Wire::new(
        &client,
        speaks(Grants::AppRoles).voice(),
        None,
        Pace::Fast,
        &Unwatched,
    );
    let role = |id: &str, value: &str, display: &str| Grant {
        id: id.to_owned(),
        value: value.to_owned(),
        display: display.to_owned(),
        kind: None,
    };
    let admin = role("06b07648-ecfe-589f-9d2f-6325724a46ee", "Admin", "Admin");
    let user = role("06b07648-ecfe-599f-9d2f-6325724a46ee", "User", "User");
    let test = role("", "Test", "Test");
    let odd = role("06b07648-ecfe-589f-9d2f-6325724a46ee", "25", "Role1234");
    let with = |roles: &[&Grant]| Person {
        display: "First Name Last Name".to_owned(),
        roles: roles.iter().map(|role| (*role).clone()).collect(),
        ..person("alias@contoso.OnMicrosoft.com", "", "", "", "alias")
    };
    stub.will([id("user-1")]);
    speaks(Grants::SingleAppRole)
        .create(&wire, &with(&[&admin]))
        .await
        .unwrap();
    let changes = [
        (Grants::AppRoles, vec![&odd]),
        (Grants::AppRoles, vec![&admin, &user]),
        (Grants::AssertiveAppRoles, vec![&user, &test]),
        (Grants::SingleAppRole, vec![&admin]),
    ];
    for (grants, roles) in changes {
        stub.will([id("user-1"), done()]);
        speaks(grants)
            .update(&wire, "user-1", &with(&[]), &with(&roles))
            .await
            .unwrap();
    }
    compare(
        &stub,
        "entra-app-roles.json",
        &[("user", "user-1")],
        &[("Only the two new roles are left", CHECK)],
        &[READ_FIRST],
    );
}

#[tokio::test]
async fn ping_sends_one_address_twice_and_both_as_primary() {
    let stub = Stub::default();
    let client = stub.start().await;
    let ping = Dialect::Plain(Box::leak(Box::new(Plain {
        mapping: &[
            Attribute::UserName,
            Attribute::GivenName,
            Attribute::FamilyName,
            Attribute::WorkEmail,
            Attribute::Active,
            Attribute::Title,
        ],
        ..PING
    })));
    let wire = Wire::new(&client, ping.voice(), None, Pace::Fast, &Unwatched);
    let kim = |external_id: &str| Person {
        title: Some("Engineer".to_owned()),
        ..person(
            "kim@acme.example",
            "kim@acme.example",
            "Kim",
            "Park",
            external_id,
        )
    };
    for external_id in ["a", "d"] {
        let kim = kim(external_id);
        stub.will([done()]);
        ping.update(&wire, "kim", &kim, &kim).await.unwrap();
    }
    let heard = std::mem::take(&mut *stub.heard.lock().unwrap());
    for (message, says) in heard.iter().zip([
        "An attribute changed: users are never patched",
        "Two e-mail attributes are mapped and one is empty: the address is sent twice, and both are primary",
    ]) {
        let transcript = transcript("ping.json", &[("kim", "kim")]);
        let mut steps = transcript["steps"].as_array().unwrap().iter();
        let step = steps.find(|step| step["says"] == says).unwrap();
        assert_eq!(message.request, step["request"].as_str().unwrap());
        assert_eq!(message.body.as_ref(), Some(&step["body"]), "{says}");
    }
    let sent = wire.into_report();
    let grades = sent.messages.values().map(|(kind, _)| kind.grade);
    assert_eq!(grades.collect::<Vec<_>>(), [Grade::Doc, Grade::Doc]);
}
