//! Who may do what: every route with every role, and with nobody.

use provisor_server::console::{Access, Action, ROUTES, may};
use provisor_store::{ConnectionId, PeopleChange, Purpose, Role, Store};

use crate::world::{DAY, NOW, World};

/// A path that a route serves, with something that is not there for each parameter.
pub(crate) fn example(path: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "{owner}" | "{tenant}" => "acme",
        "{connection}" | "{link}" | "{target}" | "{simulation}" => "999",
        "{token}" | "{new}" => "tok_999",
        "{session}" | "{person}" => "999",
        part if part.starts_with('{') => "x",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_route_asks_for_what_the_table_says() {
    let world = World::new().await;
    world.tenant("acme").await;
    for role in Role::ALL {
        let person = world
            .person(&format!("{}@example.com", role.as_str()), *role, &[])
            .await;
        for route in ROUTES {
            let Access::Viewer(action) = route.access else {
                continue;
            };
            // Each in a session of its own, since some routes end it.
            let mut browser = world.signed_in(person).await;
            let path = example(route.path);
            browser.get("/settings").await.expect(200);
            let status = match route.method {
                // Streams have no end to wait for.
                "GET" if path.starts_with("/live/") => browser.ask("GET", &path, &[]).await,
                "GET" => browser.get(&path).await.status,
                _ => browser.post(&path, &[]).await.status,
            };
            assert_eq!(
                status == 403,
                !may(*role, action),
                "{} {path} as {}: {}",
                route.method,
                role.as_str(),
                status
            );
        }
    }
}

#[tokio::test]
async fn an_auditor_changes_nothing_on_any_route() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let user = world.user(&token, "lena@example.com", "Lena").await;
    let owner = world.person("owner@example.com", Role::Owner, &[]).await;
    let link = PeopleChange::CreateLink {
        purpose: Purpose::Setup(acme.id, ConnectionId(1)),
        expires: NOW + DAY,
    };
    world.people(link).await;
    let mut there = world.signed_in(owner).await;
    let auditor = world.person("audit@example.com", Role::Auditor, &[]).await;
    let mut browser = world.signed_in(auditor).await;
    let before = state(&world).await;
    // Forms with something in every field, so that nothing is refused for what it lacks.
    let fields = [
        ("tenant", "acme"),
        ("key", "fresh"),
        ("name", "fresh"),
        ("email", "fresh@example.com"),
        ("role", "support"),
        ("where", "all"),
        ("purpose", "fresh"),
        ("scope", "scim"),
        ("expires", "365"),
        ("idp", "okta"),
        ("typed", "acme"),
    ];
    for route in ROUTES.iter().filter(|route| route.method == "POST") {
        let Access::Viewer(action) = route.access else {
            continue;
        };
        if action == Action::OwnAccount {
            continue;
        }
        let things = [
            ("{owner}", "acme"),
            ("{tenant}", "acme"),
            ("{connection}", "1"),
            ("{token}", "tok_1"),
            ("{link}", "1"),
            ("{target}", "1"),
            ("{simulation}", "1"),
            ("{session}", "1"),
            ("{person}", "1"),
            ("{id}", &user),
        ];
        let path = things
            .iter()
            .fold(route.path.to_owned(), |path, (name, thing)| {
                path.replace(name, thing)
            });
        let acts = match path.contains("{act}") {
            true => &["deactivate", "delete", "erase", "restore", "reactivate"][..],
            false => &[""],
        };
        for act in acts {
            browser.get("/settings").await.expect(200);
            let path = path.replace("{act}", act);
            assert!(!path.contains('{'), "{path}");
            let page = browser.post(&path, &fields).await.expect(403);
            assert!(page.contains("You are signed in as auditor"), "{path}");
        }
    }
    assert_eq!(state(&world).await, before);
    there.get("/").await.expect(200);
}

/// What there is: the audit tells every change, events those of users.
async fn state(world: &World) -> String {
    let mut snapshot = world.store.read().await.unwrap();
    let people = snapshot.people().await.unwrap();
    let tenants = snapshot.tenants("", 100).await.unwrap();
    let mut events = Vec::new();
    for tenant in &tenants {
        events.push(snapshot.events(tenant.id, 0, 1000).await.unwrap().1);
    }
    drop(snapshot);
    let audit: Vec<String> = world
        .audit()
        .await
        .into_iter()
        .map(|entry| entry.action)
        .collect();
    format!("{people:?} {tenants:?} {events:?} {audit:?}")
}

#[tokio::test]
async fn nobody_gets_anything_but_the_sign_in() {
    let world = World::new().await;
    for route in ROUTES {
        if route.access == Access::Guest {
            continue;
        }
        let is_setup = route.access == Access::Setup;
        let mut browser = world.browser();
        browser.get("/sign-in").await.expect(200);
        let path = example(route.path);
        let answer = match route.method {
            "GET" => browser.get(&path).await,
            _ => browser.post(&path, &[]).await,
        };
        if is_setup || path.starts_with("/live/") {
            answer.expect(401);
        } else {
            let to = answer.location();
            assert!(to.starts_with("/sign-in"), "{path}: {to}");
        }
    }
}

#[test]
fn the_table_keeps_to_what_the_roles_are_for() {
    let all = |role: Role| {
        [
            Action::ChangeTokens,
            Action::ChangeConnections,
            Action::ChangeUsers,
            Action::ChangePeople,
        ]
        .iter()
        .filter(|action| may(role, **action))
        .count()
    };
    assert_eq!(all(Role::Owner), 4);
    assert_eq!(all(Role::Operator), 3);
    assert_eq!(all(Role::Support), 0);
    assert_eq!(all(Role::Auditor), 0, "an auditor changes nothing");
    assert!(!may(Role::Support, Action::SeeTokens));
    assert!(!may(Role::Support, Action::SeePersonal));
}

#[tokio::test]
async fn identity_providers_with_a_mistyped_url_are_not_sent_to_the_sign_in() {
    let world = World::new().await;
    for path in ["/", "/Users", "/nothing"] {
        let headers = [("Accept", "application/scim+json")];
        let answer = world.browser().send("GET", path, &headers, "").await;
        let text = answer.expect(404);
        assert!(text.contains("/scim/v2"), "{path}: {text}");
    }
    let page = world.browser().get("/nothing").await.expect(404);
    assert!(page.contains("There is nothing here"), "{page}");
}
