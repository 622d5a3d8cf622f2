//! `/log`: list, live tail, causes, one request, files.

use provisor_store::{
    Cause, ConnectionId, RequestId, Role, Tenant,
    log::{Body, Entry, Operation},
};

use crate::{
    browser::Browser,
    world::{NOW, World},
};

const LENA: &str =
    r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"lena@acme.com"}"#;

/// A refused create of a user of this tenant's first connection, or nobody's.
fn refused(tenant: Option<&Tenant>, name: &str) -> Entry {
    let body = format!("{{\"userName\": \"{name}\", \"password\": \"hunter2hunter2\"}}");
    Entry {
        tenant: tenant.map(|tenant| tenant.id),
        connection: tenant.map(|_| ConnectionId(1)),
        method: "POST".into(),
        path: "/scim/v2/Users".into(),
        client: "Okta SCIM Client 1.0.0".into(),
        resource_type: Some("User".into()),
        cause: Some(Cause::Uniqueness),
        detail: format!("userName \"{name}\" is taken."),
        request_body: Body::new(body.as_bytes(), 16 << 10),
        names: vec![name.into()],
        ..Entry::new(RequestId::random(), NOW, Operation::Create, 409)
    }
}

async fn create_lena(world: &World, token: &str) {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/scim+json"),
    ];
    let browser = world.browser();
    let status = browser.tell("POST", "/scim/v2/Users", &headers, LENA).await;
    assert_eq!(status, 201);
    world.log.flush();
}

/// The path of the first request that a list shows.
#[track_caller]
fn first_request(page: &str) -> String {
    let (_, rest) = page.split_once("href=\"/log/req_").expect("a request");
    format!("/log/req_{}", rest.split('"').next().unwrap())
}

#[tokio::test]
async fn requests_are_listed_and_found_by_each_condition_in_the_url() {
    let world = World::new().await;
    let (acme, beta) = (world.tenant("acme").await, world.tenant("beta").await);
    world.log.record(refused(Some(&acme), "lena@acme.com"));
    world.log.record(Entry {
        operation: Operation::Patch,
        status: 200,
        cause: None,
        ..refused(Some(&beta), "kim@beta.com")
    });
    world.log.flush();
    let mut owner = world.as_role(Role::Owner).await;
    for (query, shows_acme, shows_beta) in [
        ("", true, true),
        ("?tenant=acme", true, false),
        ("?tenant=beta&connection=okta", false, true),
        ("?show=errors", true, false),
        ("?show=writes", true, true),
        ("?operation=patch", false, true),
        ("?cause=uniqueness", true, false),
        ("?status=200", false, true),
        ("?q=LENA@acme.com", true, false),
        ("?last=1h", true, true),
        ("?until=2026-11-23T00:00:00Z", false, false),
        ("?tenant=acme&token=tok_7", false, false),
    ] {
        let page = owner.get(&format!("/log{query}")).await.expect(200);
        let rows = page.split("<tbody>").nth(1).unwrap_or_default();
        assert_eq!(
            rows.contains(">acme<"),
            shows_acme && !query.contains("tenant="),
            "{query}"
        );
        assert_eq!(
            rows.contains("lena@acme.com"),
            shows_acme,
            "{query}: {page}"
        );
        assert_eq!(rows.contains("Change"), shows_beta, "{query}: {page}");
    }
    for query in ["cause=x", "token=tok_1", "last=1y", "after=x", "show=x"] {
        let page = owner.get(&format!("/log?{query}")).await.expect(400);
        assert!(
            page.contains("The filter cannot be used"),
            "{query}: {page}"
        );
    }
    owner.get("/log?tenant=nobody").await.expect(404);
    let page = owner.get("/log").await.expect(200);
    let path = first_request(&page);
    let id = path.strip_prefix("/log/").unwrap();
    assert_eq!(owner.get(&format!("/log?q={id}")).await.location(), path);
}

#[tokio::test]
async fn many_alike_fold_and_pages_follow() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    for number in 0..60 {
        world.log.record(Entry {
            at: NOW - number * 1000,
            ..refused(Some(&acme), &format!("user{number}@acme.com"))
        });
    }
    world.log.flush();
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/log").await.expect(200);
    assert!(page.contains("Create</b> user × 60"), "{page}");
    assert!(page.contains("since 10:41:06"), "{page}");
    assert!(!page.contains("Next page"), "{page}");
    // The burst leads to its lines, page by page.
    let rows = page.split("<tbody>").nth(1).unwrap();
    let link = rows
        .split("href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let link = link.replace("&#38;", "&").replace("&amp;", "&");
    let page = owner.get(&link).await.expect(200);
    assert_eq!(page.matches("href=\"/log/req_").count(), 50, "{page}");
    assert!(page.contains("user0@acme.com") && page.contains("user49@acme.com"));
    let (_, rest) = page.split_once("class=\"pager\"").unwrap();
    let next = rest
        .split("href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let next = next.replace("&#38;", "&").replace("&amp;", "&");
    let page = owner.get(&next).await.expect(200);
    assert_eq!(page.matches("href=\"/log/req_").count(), 10, "{page}");
    assert!(page.contains("user50@acme.com") && page.contains("user59@acme.com"));
}

#[tokio::test]
async fn tenants_are_apart_and_what_is_nobodys_is_for_who_has_all() {
    let world = World::new().await;
    let (acme, beta) = (world.tenant("acme").await, world.tenant("beta").await);
    let of_acme = refused(Some(&acme), "lena@acme.com");
    let nobodys = Entry {
        cause: Some(Cause::TokenUnknown),
        detail: "a token nobody knows".into(),
        ..refused(None, "")
    };
    let ids = [of_acme.request, nobodys.request];
    world.log.record(of_acme);
    world.log.record(nobodys);
    world.log.record(refused(Some(&beta), "kim@beta.com"));
    world.log.flush();
    let person = world
        .person("bo@example.com", Role::Operator, &[&beta])
        .await;
    let mut of_beta = world.signed_in(person).await;
    for path in [
        "/log",
        "/log?group=cause",
        "/log?q=lena@acme.com",
        "/log?cause=token_unknown",
        "/log/export?format=csv&personal=yes",
        "/log/export?personal=yes",
        "/",
    ] {
        let page = of_beta.get(path).await.expect(200);
        // The page names what was searched for; a row would name more.
        for other in [
            "acme<",
            "acme,",
            "\"acme\"",
            "nobody knows",
            "token_unknown</a>",
            "nobody’s</td>",
        ] {
            assert!(!page.contains(other), "{path} has {other}: {page}");
        }
    }
    let page = of_beta.get("/log").await.expect(200);
    assert!(page.contains("kim@beta.com"), "{page}");
    for id in ids {
        of_beta.get(&format!("/log/{id}")).await.expect(404);
    }
    of_beta.get("/log?tenant=acme").await.expect(404);
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/log").await.expect(200);
    assert!(
        page.contains("nobody’s") && page.contains("nobody knows"),
        "{page}"
    );
    owner.get(&format!("/log/{}", ids[1])).await.expect(200);
}

#[tokio::test]
async fn support_sees_no_personal_value_and_no_token() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (secret, _) = world.token(&acme, "Okta production").await;
    create_lena(&world, &secret).await;
    let hidden = Entry {
        path: "/scim/v2/Users/lena@acme.com".into(),
        query: "filter=userName%20eq%20%22lena%40acme.com%22".into(),
        ..refused(Some(&acme), "lena@acme.com")
    };
    let ids = [hidden.request];
    world.log.record(hidden);
    world.log.flush();
    let mut owner = world.as_role(Role::Owner).await;
    let created = first_request(&owner.get("/log?status=201").await.expect(200));
    let page = owner.get(&created).await.expect(200);
    for shown in ["lena@acme.com", "Okta production", "user.created", "$TOKEN"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let mut support = world.as_role(Role::Support).await;
    for path in ["/log", &created, &format!("/log/{}", ids[0])] {
        let page = support.get(path).await.expect(200);
        for hidden in ["lena@", "lena%40", "Okta production"] {
            assert!(!page.contains(hidden), "{path} has {hidden}: {page}");
        }
        assert!(page.contains("l***@acme.com"), "{path}: {page}");
    }
    support
        .get("/log?tenant=acme&token=tok_1")
        .await
        .expect(403);
    support.get("/log/export").await.expect(403);
}

#[tokio::test]
async fn no_secret_is_in_any_page_or_file() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (secret, _) = world.token(&acme, "Okta production").await;
    create_lena(&world, &secret).await;
    let pasted = Entry {
        path: format!("/scim/v2/{secret}"),
        query: format!("filter={secret}"),
        client: secret.clone(),
        detail: format!("got {secret}"),
        request_body: Body::new(format!("{{\"a\": \"{secret}\"}}").as_bytes(), 16 << 10),
        ..refused(Some(&acme), "x")
    };
    let path = format!("/log/{}", pasted.request);
    world.log.record(pasted);
    let wrong = refused(Some(&acme), "kim@acme.com");
    let other = format!("/log/{}", wrong.request);
    world.log.record(wrong);
    world.log.flush();
    let mut owner = world.as_role(Role::Owner).await;
    for path in [
        "/log",
        "/log?group=cause",
        &path,
        &other,
        "/log/export?personal=yes",
        "/log/export?format=csv&personal=yes",
        "/audit",
        "/audit/export",
        "/api",
        "/api/tokens",
        "/",
    ] {
        let page = owner.get(path).await.expect(200);
        assert!(!page.contains(&secret[10..40]), "{path}");
        assert!(!page.contains("hunter2"), "{path}");
    }
}

#[tokio::test]
async fn one_request_tells_what_it_changed_and_what_it_has_to_do_with() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (secret, _) = world.token(&acme, "Okta production").await;
    create_lena(&world, &secret).await;
    let mut owner = world.as_role(Role::Owner).await;
    let created = first_request(&owner.get("/log").await.expect(200));
    let page = owner.get(&created).await.expect(200);
    let (_, rest) = page
        .split_once("<dt>About</dt><dd><a href=\"/users/acme/")
        .unwrap();
    let id = rest.split('"').next().unwrap();
    let bearer = format!("Bearer {secret}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/scim+json"),
    ];
    let patch = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":"False"}]}"#;
    let browser = world.browser();
    let path = format!("/scim/v2/Users/{id}");
    assert_eq!(browser.tell("PATCH", &path, &headers, patch).await, 204);
    world.log.flush();
    let patched = first_request(&owner.get("/log?operation=patch").await.expect(200));
    let page = owner.get(&patched).await.expect(200);
    for shown in [
        "user.deactivated",
        "+ &#34;active&#34;:false",
        "string_boolean",
        "Related requests",
        &created,
        "curl -X PATCH",
        "&#34;Operations&#34;",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let none = owner.get(&format!("/log/{}", RequestId::random())).await;
    assert!(none.expect(404).contains("no such request in the sync log"));
}

#[tokio::test]
async fn refusals_are_grouped_by_cause() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    for _ in 0..3 {
        world.log.record(refused(Some(&acme), "lena@acme.com"));
    }
    world.log.flush();
    let mut auditor = world.as_role(Role::Auditor).await;
    let page = auditor.get("/log?group=cause").await.expect(200);
    assert!(page.contains("uniqueness</a>"), "{page}");
    assert!(page.contains("<td class=\"r\">3</td>"), "{page}");
    assert!(page.contains("Another resource has this value."), "{page}");
    let page = auditor.get("/log?group=cause&status=500").await.expect(200);
    assert!(page.contains("Nothing was refused"), "{page}");
}

#[tokio::test]
async fn files_are_masked_unless_asked_and_safe_in_a_spreadsheet() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.log.record(Entry {
        client: "=HYPERLINK(\"x\")".into(),
        ..refused(Some(&acme), "lena@acme.com")
    });
    world.log.flush();
    let mut auditor = world.as_role(Role::Auditor).await;
    let page = auditor.get("/log/export?format=csv").await;
    assert_eq!(page.header("content-type"), "text/csv; charset=utf-8");
    assert!(
        page.header("content-disposition")
            .contains("provisor-sync-log.csv")
    );
    let csv = page.expect(200);
    assert!(csv.starts_with("at,request,tenant,"), "{csv}");
    assert!(csv.contains("\"'=HYPERLINK(\"\"x\"\")\""), "{csv}");
    assert!(
        csv.contains("l***@acme.com") && !csv.contains("lena@"),
        "{csv}"
    );
    let lines = auditor.get("/log/export?personal=yes").await.expect(200);
    let line: scim::Value = serde_json::from_str(lines.trim_end()).unwrap();
    assert_eq!(line["tenant"], "acme");
    assert_eq!(line["detail"], "userName \"lena@acme.com\" is taken.");
    assert_eq!(line.get("request_body"), None);
    auditor.get("/log/export?format=xlsx").await.expect(400);
}

#[tokio::test]
async fn the_live_tail_shows_what_arrives_to_who_may_see_it() {
    let world = World::new().await;
    let (acme, beta) = (world.tenant("acme").await, world.tenant("beta").await);
    let person = world
        .person("bo@example.com", Role::Support, &[&beta])
        .await;
    let mut events: Vec<(Browser, _)> = Vec::new();
    for browser in [
        world.as_role(Role::Owner).await,
        world.signed_in(person).await,
    ] {
        let mut stream = browser.follow("/live/log").await;
        let (_, part) = stream.next().await.unwrap();
        assert!(part.contains("No request has arrived yet"), "{part}");
        events.push((browser, stream));
    }
    world.log.record(refused(Some(&acme), "lena@acme.com"));
    world.log.flush();
    let (_, part) = events[0].1.next().await.unwrap();
    assert!(part.contains("lena@acme.com"), "{part}");
    world.log.record(refused(Some(&beta), "kim@beta.com"));
    world.log.flush();
    let (_, part) = events[1].1.next().await.unwrap();
    assert!(part.contains("k***@beta.com"), "{part}");
    assert!(!part.contains("acme") && !part.contains("kim@"), "{part}");
}

#[tokio::test]
async fn refusals_that_name_no_tenant_are_for_operators_with_all_tenants() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.log.record(refused(Some(&acme), "lena@acme.com"));
    let strange = Entry {
        cause: Some(Cause::TokenUnknown),
        client: "canary client".into(),
        ..refused(None, "canary@nowhere.com")
    };
    let inspector = format!("/log/{}", strange.request);
    world.log.record(strange);
    // As one without credentials arrives.
    let status = world
        .browser()
        .ask("GET", "/scim/v2/Users?filter=canary", &[])
        .await;
    assert_eq!(status, 401);
    world.log.flush();
    let some = [&acme];
    for (role, tenants, sees) in [
        (Role::Owner, &[][..], true),
        (Role::Operator, &[], true),
        (Role::Operator, &some, false),
        (Role::Support, &[], false),
        (Role::Support, &some, false),
        (Role::Auditor, &[], false),
        (Role::Auditor, &some, false),
    ] {
        let who = format!("{}{}@example.com", role.as_str(), tenants.len());
        let person = world.person(&who, role, tenants).await;
        let mut browser = world.signed_in(person).await;
        for path in [
            "/log",
            "/log?show=errors",
            "/log?cause=token_unknown",
            "/log?cause=no_credentials",
            "/log?group=cause",
            "/log/export",
            "/log/export?format=csv",
            "/",
        ] {
            if path.contains("export") && role == Role::Support {
                continue;
            }
            let page = browser.get(path).await.expect(200);
            let shows = [
                "canary",
                "c***@nowhere.com",
                "nobody’s",
                "No tenant",
                "1 refused in the last hour (token_unknown)",
            ]
            .iter()
            .any(|said| page.contains(said));
            assert_eq!(shows, sees, "{who} {path}: {page}");
        }
        let page = browser.get("/").await.expect(200);
        let count = if sees { 3 } else { 1 };
        let said = format!("<dt>Requests, 24 h</dt><dd>{count}<small>");
        assert!(page.contains(&said), "{who} {said}: {page}");
        let status = if sees { 200 } else { 404 };
        browser.get(&inspector).await.expect(status);
        let mut live = browser.follow("/live/log").await;
        let (_, part) = live.next().await.unwrap();
        assert_eq!(part.contains("canary"), sees, "{who}: {part}");
        // Why tells of tenants only, whoever asks.
        let page = browser.get("/why?q=canary@nowhere.com").await.expect(200);
        assert!(!page.contains("token_unknown"), "{who}: {page}");
        assert!(!page.contains("canary client"), "{who}: {page}");
    }
}

#[tokio::test]
async fn who_takes_a_file_along_is_told_in_the_audit() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.log.record(refused(Some(&acme), "lena@acme.com"));
    world.log.record(refused(Some(&acme), "kim@acme.com"));
    world.log.flush();
    let mut auditor = world.as_role(Role::Auditor).await;
    let path = "/log/export?format=csv&tenant=acme&show=errors&q=lena%40acme.com&personal=yes";
    auditor.get(path).await.expect(200);
    auditor
        .get("/audit/export?action=tenant.")
        .await
        .expect(200);
    let told: Vec<_> = world
        .audit()
        .await
        .into_iter()
        .filter(|entry| entry.action.starts_with("export."))
        .collect();
    let said = |at: usize| {
        let entry = &told[at];
        (entry.action.as_str(), entry.object.as_str(), &entry.after)
    };
    assert!(
        told.iter()
            .all(|entry| entry.actor == "person:auditor@example.com")
    );
    let filter = serde_json::json!({
        "format": "csv", "tenant": "acme", "show": "errors", "q": "l***@acme.com", "personal": "yes",
    });
    assert_eq!(said(3), ("export.begin", "log", &filter));
    assert_eq!(
        said(2),
        ("export.end", "log", &serde_json::json!({ "rows": 1 }))
    );
    assert_eq!(told[3].tenant_key.as_deref(), Some("acme"));
    assert_eq!(told[2].request, told[3].request);
    assert_eq!(said(1).1, "audit");
    assert_eq!(
        said(0),
        ("export.end", "audit", &serde_json::json!({ "rows": 1 }))
    );
    let page = auditor.get("/audit?action=export.").await.expect(200);
    assert_eq!(page.matches("export.begin<").count(), 2, "{page}");
    // What is refused is no export.
    auditor.get("/log/export?format=xlsx").await.expect(400);
    auditor.get("/log/export?tenant=nobody").await.expect(404);
    assert_eq!(
        world
            .audit()
            .await
            .iter()
            .filter(|e| e.action == "export.begin")
            .count(),
        2
    );
}

#[tokio::test]
async fn changes_and_deletions_are_told_by_name_and_lead_to_the_page() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, number) = world.token(&acme, "Okta production").await;
    let lena = world.user(&token, "lena@acme.com", "Lena Ortiz").await;
    let gone = world.user(&token, "gone@acme.com", "Gone Girl").await;
    let team = serde_json::json!({ "displayName": "Support L2", "members": [] });
    let (_, team) = world.scim(&token, "POST", "Groups", &team).await;
    let team = team["id"].as_str().unwrap();
    let patch = |value: &str| {
        format!(
            r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{value}]}}"#
        )
    };
    let title = patch(r#"{"op":"replace","path":"title","value":"Lead"}"#);
    world.pass(1000);
    for (path, body) in [
        (format!("/scim/v2/Users/{lena}"), title),
        (
            format!("/scim/v2/Groups/{team}"),
            patch(&format!(
                r#"{{"op":"add","path":"members","value":[{{"value":"{lena}"}}]}}"#
            )),
        ),
    ] {
        assert!(world.logged("PATCH", &path, &token, &body).await < 300);
    }
    world.pass(1000);
    let path = format!("/scim/v2/Users/{gone}");
    assert_eq!(world.logged("DELETE", &path, &token, "").await, 204);
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/log").await.expect(200);
    for (link, name) in [
        (format!("/users/acme/{lena}"), "Lena Ortiz"),
        (format!("/teams/acme/{team}"), "Support L2"),
        (format!("/users/acme/{gone}"), "Gone Girl"),
    ] {
        let line = format!("href=\"{link}\">{name}</a>");
        assert!(page.contains(&line), "{line}: {page}");
    }
    let request = first_request(&owner.get("/log?operation=delete").await.expect(200));
    let page = owner.get(&request).await.expect(200);
    for shown in [
        "<h1>Delete Gone Girl was answered</h1>".to_owned(),
        format!("<a href=\"/users/acme/{gone}\">Gone Girl</a>"),
        "<a href=\"/tenants/acme\">acme</a>".to_owned(),
        "<a href=\"/connections/acme/1\">okta</a>".to_owned(),
        format!("href=\"/tokens?tenant=acme#tok_{number}\""),
    ] {
        assert!(page.contains(&shown), "{shown}: {page}");
    }
    let page = owner.get("/tokens?tenant=acme").await.expect(200);
    assert!(page.contains(&format!("id=\"tok_{number}\"")), "{page}");
    let mut support = world.as_role(Role::Support).await;
    for path in ["/log", &request] {
        let page = support.get(path).await.expect(200);
        assert!(
            !page.contains("Ortiz") && !page.contains("Girl"),
            "{path}: {page}"
        );
    }
    assert!(support.get("/log").await.expect(200).contains("Support L2"));
}

#[tokio::test]
async fn a_look_up_tells_whom_it_was_for() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let path = "/scim/v2/Users?filter=userName%20eq%20%22zoe@acme.com%22";
    assert_eq!(world.logged("GET", path, &token, "").await, 200);
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/log").await.expect(200);
    for shown in [
        "<span class=\"muted\">zoe@acme.com</span>",
        "?filter=userName eq &#34;zoe@acme.com&#34;",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let request = owner.get(&first_request(&page)).await.expect(200);
    assert!(
        request.contains("<h1>Look up zoe@acme.com was answered</h1>"),
        "{request}"
    );
    assert!(
        request.contains("userName%20eq%20%22zoe@acme.com%22&#39;"),
        "as sent: {request}"
    );
    let mut support = world.as_role(Role::Support).await;
    let page = support.get("/log").await.expect(200);
    assert!(
        page.contains("z***@acme.com") && !page.contains("zoe@"),
        "{page}"
    );
}

#[tokio::test]
async fn a_file_has_all_entries_that_match() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    for number in 0..2_500 {
        let cause = match number % 2 {
            0 => Cause::Uniqueness,
            _ => Cause::InvalidValue,
        };
        world.log.record(Entry {
            cause: Some(cause),
            ..refused(Some(&acme), &format!("user-{number}@acme.com"))
        });
        if number % 1_000 == 0 {
            world.log.flush();
        }
    }
    world.log.flush();
    let mut auditor = world.as_role(Role::Auditor).await;
    let lines = auditor.get("/log/export?personal=yes").await.expect(200);
    assert_eq!(lines.lines().count(), 2_500);
    let newest: scim::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let detail = newest["detail"].as_str().unwrap();
    assert!(detail.contains("user-2499@acme.com"), "{detail}");
    let csv = auditor
        .get("/log/export?format=csv&cause=uniqueness")
        .await
        .expect(200);
    assert_eq!(csv.lines().count(), 1 + 1_250);
    assert!(csv.starts_with("at,request,tenant,"), "{csv}");
    assert_eq!(csv.matches("at,request,tenant,").count(), 1);
}

#[tokio::test]
async fn a_page_says_how_far_back_it_looked() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let rare = Entry {
        at: NOW - 60_000,
        status: 207,
        cause: None,
        ..refused(Some(&acme), "lena@acme.com")
    };
    world.log.record(rare);
    for number in 0..10_100 {
        world.log.record(Entry {
            at: NOW - 30_000 + number,
            ..refused(Some(&acme), "x")
        });
        if number % 5_000 == 0 {
            world.log.flush();
        }
    }
    world.log.flush();
    let mut auditor = world.as_role(Role::Auditor).await;
    let page = auditor.get("/log?status=207").await.expect(200);
    assert!(page.contains("Looked back to"), "{page}");
    assert!(!page.contains("No request is like that"), "{page}");
    let link = page.split("Look further back").next().unwrap();
    let link = link.rsplit("href=\"").next().unwrap();
    let link = link.split('"').next().unwrap().replace("&#38;", "&");
    let page = auditor.get(&link.replace("&amp;", "&")).await.expect(200);
    assert!(page.contains("</i>207"), "{page}");
    assert!(!page.contains("Looked back to"), "{page}");
}
