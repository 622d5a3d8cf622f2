//! Every route: which tokens it lets in, and that tenants cannot see each other.

use provisor_server::api::{Access, ROUTES, Route};
use provisor_store::{Scope, TenantId};
use scim::Value;
use serde_json::json;

use crate::world::{Reply, World};

/// The path of a route in a tenant, for a resource that is there.
struct Names {
    key: String,
    user: String,
    team: String,
    token: String,
}

impl Names {
    fn path(&self, route: &Route) -> String {
        let id = if route.path.contains("/users/") {
            &self.user
        } else if route.path.contains("/teams/") {
            &self.team
        } else {
            &self.token
        };
        route
            .path
            .replace("{key}", &self.key)
            .replace("{name}", "okta")
            .replace("{urn}", "urn:example:badge")
            .replace("{request}", "req_00000000000000000000000000")
            .replace("{id}", id)
    }
}

async fn inhabited(world: &World, key: &str) -> (TenantId, Names) {
    let tenant = world.tenant(key).await;
    world.connection(tenant, "okta").await;
    let schema = json!({
        "id": "urn:example:badge", "name": "Badge",
        "attributes": [{ "name": "number", "type": "string", "multiValued": false }]
    });
    let path = format!("/tenants/{key}/schemas");
    let operator = Some(world.operator.as_str());
    world
        .call("POST", &path, operator, Some(schema))
        .await
        .expect(201);
    let user = world.user(tenant, &format!("lena-{key}")).await;
    let team = world
        .team(tenant, "Support", std::slice::from_ref(&user))
        .await;
    world.token(tenant, &[Scope::LogRead]).await;
    let names = Names {
        key: key.into(),
        user,
        team,
        token: "tok_1".into(),
    };
    (tenant, names)
}

/// Asks without changing anything: bodies are empty objects, and what a DELETE names is not there.
async fn probe(world: &World, route: &Route, path: &str, token: Option<&str>) -> Reply {
    let body = matches!(route.method, "POST" | "PUT" | "PATCH").then(|| json!({}));
    let path = match route.path {
        "/tenants/{key}/schemas/{urn}" if route.method == "DELETE" => format!("{path}x"),
        _ if route.method == "DELETE" && route.path.contains("{id}") => format!("{path}999"),
        _ => path.to_owned(),
    };
    world.call(route.method, &path, token, body).await
}

#[tokio::test]
async fn each_route_lets_in_the_scopes_it_declares_and_no_others() {
    let world = World::new().await;
    let (acme, names) = inhabited(&world, "acme").await;
    let scopes = [
        Scope::DirectoryRead,
        Scope::EventsRead,
        Scope::LogRead,
        Scope::Admin,
    ];
    for owner in [TenantId::SYSTEM, acme] {
        for scope in scopes {
            let token = world.token(owner, &[scope]).await;
            for route in ROUTES {
                let allowed = match route.access {
                    Access::Anyone => true,
                    Access::Operator => owner == TenantId::SYSTEM && scope == Scope::Admin,
                    Access::Tenant(needed) => scope == needed || scope == Scope::Admin,
                };
                if allowed && route.method == "DELETE" && route.path == "/tenants/{key}" {
                    continue; // Would take the tenant away; its own test shows it.
                }
                let reply = probe(&world, route, &names.path(route), Some(&token)).await;
                let at = format!("{} {} with {}", route.method, route.path, scope.as_str());
                if allowed {
                    assert!(
                        !matches!(reply.status.as_u16(), 401 | 403),
                        "{at}: {}",
                        reply.body
                    );
                    let there = route.method == "GET" && !route.path.ends_with("/{request}");
                    assert!(!there || reply.status == 200, "{at}: {}", reply.body);
                } else {
                    let message = reply.refused(403, "scope_missing");
                    assert!(message.contains("needs"), "{at}: {message}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_route_but_the_document_demands_a_token() {
    let world = World::new().await;
    let (_, names) = inhabited(&world, "acme").await;
    for route in ROUTES.iter().filter(|route| route.access != Access::Anyone) {
        let reply = probe(&world, route, &names.path(route), None).await;
        assert!(
            reply.headers["www-authenticate"]
                .to_str()
                .unwrap()
                .starts_with("Bearer")
        );
        reply.refused(401, "no_credentials");
    }
}

#[tokio::test]
async fn a_scim_token_is_told_what_is_needed_instead() {
    let world = World::new().await;
    let (_, names) = inhabited(&world, "acme").await;
    let body = json!({ "purpose": "Okta", "scopes": ["scim"] });
    let operator = Some(world.operator.as_str());
    let issued = world
        .call("POST", "/tenants/acme/tokens", operator, Some(body))
        .await
        .expect(201);
    let secret = issued["secret"].as_str().unwrap();
    for paused in [false, true] {
        let body = json!({ "paused": paused });
        let path = "/tenants/acme/connections/okta";
        world
            .call("PATCH", path, operator, Some(body))
            .await
            .expect(200);
        for route in ROUTES.iter().filter(|route| route.access != Access::Anyone) {
            let reply = probe(&world, route, &names.path(route), Some(secret)).await;
            assert!(reply.refused(403, "scope_missing").contains("pvr_api_"));
        }
    }
}

/// What an answer says, without what must differ.
fn told(reply: &Reply, key: &str) -> (u16, String) {
    let mut body = reply.body.clone();
    body["error"]["request_id"] = Value::Null;
    (reply.status.as_u16(), body.to_string().replace(key, "KEY"))
}

#[tokio::test]
async fn another_tenants_key_answers_exactly_like_an_unknown_one() {
    let world = World::new().await;
    let (_, acme) = inhabited(&world, "acme").await;
    let (globex, _) = inhabited(&world, "globex").await;
    let unknown = Names {
        key: "nobody".into(),
        ..acme
    };
    let acme = Names {
        key: "acme".into(),
        user: unknown.user.clone(),
        team: unknown.team.clone(),
        token: unknown.token.clone(),
    };
    for scopes in [
        &[Scope::Admin][..],
        &[Scope::DirectoryRead, Scope::EventsRead, Scope::LogRead],
    ] {
        let token = world.token(globex, scopes).await;
        for route in ROUTES.iter().filter(|route| route.path.contains("{key}")) {
            let theirs = probe(&world, route, &acme.path(route), Some(&token)).await;
            let nobodys = probe(&world, route, &unknown.path(route), Some(&token)).await;
            let at = format!("{} {}", route.method, route.path);
            assert_eq!(told(&theirs, "acme"), told(&nobodys, "nobody"), "{at}");
            assert!(
                matches!(theirs.status.as_u16(), 403 | 404),
                "{at}: {}",
                theirs.body
            );
        }
    }
}

#[tokio::test]
async fn another_tenants_ids_answer_exactly_like_unknown_ones() {
    let world = World::new().await;
    let (_, theirs) = inhabited(&world, "acme").await;
    let globex = world.tenant("globex").await;
    let token = world.token(globex, &[Scope::Admin]).await;
    let nobody = "01930c4e-6a10-7c21-9f35-2b8f3c6f1a07";
    for (method, path, known, unknown) in [
        ("GET", "/users/{id}", theirs.user.as_str(), nobody),
        ("GET", "/users/{id}/teams", &theirs.user, nobody),
        ("GET", "/teams/{id}", &theirs.team, nobody),
        ("GET", "/teams/{id}/members", &theirs.team, nobody),
        ("DELETE", "/tokens/{id}", "tok_2", "tok_999"),
        ("GET", "/connections/{id}", "okta", "nothing"),
        ("PATCH", "/connections/{id}", "okta", "nothing"),
        (
            "GET",
            "/schemas/{id}",
            "urn:example:badge",
            "urn:example:none",
        ),
        (
            "DELETE",
            "/schemas/{id}",
            "urn:example:badge",
            "urn:example:none",
        ),
    ] {
        let body = (method == "PATCH").then(|| json!({}));
        let ask = |id: &str| format!("/tenants/globex{}", path.replace("{id}", id));
        let one = world
            .call(method, &ask(known), Some(&token), body.clone())
            .await;
        let other = world.call(method, &ask(unknown), Some(&token), body).await;
        assert_eq!(told(&one, known), told(&other, unknown), "{method} {path}");
        one.refused(404, "not_found");
    }
    let after = format!("/tenants/globex/users?after={}", theirs.user);
    let page = world.get(&token, &after).await.expect(200);
    assert_eq!(page, json!({ "data": [], "next": null }));
}
