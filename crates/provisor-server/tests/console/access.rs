//! Who may do what: every route with every role, and with nobody.

use provisor_server::console::{Access, Action, ROUTES, may};
use provisor_store::Role;

use crate::world::World;

/// A path that a route serves, with something that is not there for each parameter.
pub(crate) fn example(path: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "{owner}" | "{tenant}" => "acme",
        "{connection}" | "{link}" => "999",
        "{token}" | "{new}" => "tok_999",
        "{session}" => "999",
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
