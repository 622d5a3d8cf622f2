//! `/settings/people`: invited, changed, let in anew, put out and removed in the browser.

use provisor_store::{PeopleChange, PersonId, Role};

use crate::{
    browser::Browser,
    world::{DAY, World},
};

/// The one-time link that a page shows, as a path.
#[track_caller]
fn link_of(page: &str) -> String {
    let (_, rest) = page.split_once("/link/").expect("a link");
    format!("/link/{}", rest.split('<').next().unwrap())
}

async fn set(browser: &mut Browser, person: PersonId, role: &str, tenants: &[&str]) -> u16 {
    let path = format!("/settings/people/{person}");
    let mut fields = vec![("role", role), ("name", "")];
    fields.push(("where", if tenants.is_empty() { "all" } else { "named" }));
    fields.extend(tenants.iter().map(|key| ("tenant", *key)));
    browser.post(&path, &fields).await.status
}

#[tokio::test]
async fn somebody_is_invited_into_named_tenants_by_a_link_that_is_shown_once() {
    let world = World::new().await;
    world.tenant("acme").await;
    world.tenant("beta").await;
    let mut owner = world.as_role(Role::Owner).await;
    let form = owner.get("/settings/people/new").await.expect(200);
    assert!(form.contains("value=\"acme\""), "{form}");
    for (fields, says) in [
        (
            vec![("email", "nobody"), ("role", "support"), ("where", "all")],
            "no e-mail address",
        ),
        (
            vec![("email", "sam@example.com"), ("role", "king")],
            "is no role",
        ),
        (
            vec![("email", "sam@example.com"), ("role", "support")],
            "all tenants, or only some",
        ),
        (
            vec![
                ("email", "sam@example.com"),
                ("role", "support"),
                ("where", "all"),
                ("tenant", "acme"),
            ],
            "and ticked some",
        ),
        (
            vec![
                ("email", "owner@example.com"),
                ("role", "support"),
                ("where", "all"),
            ],
            "can sign in already",
        ),
        (
            vec![
                ("email", "sam@example.com"),
                ("role", "support"),
                ("where", "named"),
            ],
            "at least one tenant",
        ),
        (
            vec![
                ("email", "sam@example.com"),
                ("role", "owner"),
                ("where", "named"),
                ("tenant", "acme"),
            ],
            "An owner has all tenants",
        ),
        (
            vec![
                ("email", "sam@example.com"),
                ("role", "support"),
                ("where", "named"),
                ("tenant", "gone"),
            ],
            "no tenant “gone”",
        ),
    ] {
        let page = owner
            .post("/settings/people/new", &fields)
            .await
            .expect(422);
        assert!(page.contains(says), "{says}: {page}");
        assert!(page.contains(fields[0].1), "what was typed stays: {page}");
    }
    let fields = [
        ("email", "sam@example.com"),
        ("name", "Sam"),
        ("role", "support"),
        ("where", "named"),
        ("tenant", "acme"),
    ];
    let page = owner
        .post("/settings/people/new", &fields)
        .await
        .expect(200);
    let link = link_of(&page);
    let list = owner.get("/settings/people").await.expect(200);
    for said in ["sam@example.com", "support", "acme", "pending", "in 7 days"] {
        assert!(list.contains(said), "{said}: {list}");
    }
    assert!(!list.contains("beta"), "{list}");
    let secret = link.rsplit('/').next().unwrap();
    assert!(!list.contains(secret) && !format!("{:?}", world.audit().await).contains(secret));

    let mut sam = world.browser();
    sam.get(&link).await.expect(200);
    let password = [("password", "several good words")];
    assert_eq!(sam.post(&link, &password).await.location(), "/");
    sam.get("/tenants/acme").await.expect(200);
    sam.get("/tenants/beta").await.expect(404);
    let list = owner.get("/settings/people").await.expect(200);
    assert!(!list.contains("pending"), "{list}");
    let told: Vec<String> = world
        .audit()
        .await
        .iter()
        .map(|entry| format!("{} {}", entry.actor, entry.action))
        .collect();
    for said in [
        "person:owner@example.com person.add",
        "person:owner@example.com link.create",
        "person:sam@example.com session.open",
    ] {
        assert!(told.contains(&said.to_owned()), "{said}: {told:?}");
    }
}

#[tokio::test]
async fn a_link_is_taken_back_expires_and_is_made_anew() {
    let world = World::new().await;
    let mut owner = world.as_role(Role::Owner).await;
    let sam = world.person("sam@example.com", Role::Support, &[]).await;
    let path = format!("/settings/people/{sam}");
    owner.get(&path).await.expect(200);
    let first = link_of(&owner.post(&format!("{path}/links"), &[]).await.expect(200));
    let page = owner.get(&path).await.expect(200);
    let (_, revoke) = page.split_once(&format!("{path}/links/")).expect("a link");
    let revoke = format!("{path}/links/{}", revoke.split('"').next().unwrap());
    // Another person's page does not know it.
    let strange = revoke.replace(&path, "/settings/people/1");
    owner.post(&strange, &[]).await.expect(404);
    world.browser().get(&first).await.expect(200);
    assert_eq!(owner.post(&revoke, &[]).await.location(), path);
    world.browser().get(&first).await.expect(410);

    owner.get(&path).await.expect(200);
    let second = link_of(&owner.post(&format!("{path}/links"), &[]).await.expect(200));
    world.pass(8 * DAY);
    world.browser().get(&second).await.expect(410);
    let mut owner = world.signed_in(PersonId(1)).await;
    let list = owner.get("/settings/people").await.expect(200);
    assert!(list.contains("expired"), "{list}");
    let third = link_of(&owner.post(&format!("{path}/links"), &[]).await.expect(200));
    let mut browser = world.browser();
    browser.get(&third).await.expect(200);
    let password = [("password", "several good words")];
    assert_eq!(browser.post(&third, &password).await.location(), "/");
    // Who has a password gets a link that signs in, and nothing else.
    owner.get(&path).await.expect(200);
    let page = owner.post(&format!("{path}/links"), &[]).await.expect(200);
    assert!(page.contains("Sign-in link"), "{page}");
    let mut browser = world.browser();
    let fourth = link_of(&page);
    browser.get(&fourth).await.expect(200);
    assert_eq!(browser.post(&fourth, &[]).await.location(), "/");
}

#[tokio::test]
async fn role_and_tenants_change_at_once_and_sessions_are_ended() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.tenant("beta").await;
    let mut owner = world.as_role(Role::Owner).await;
    let sam = world.person("sam@example.com", Role::Operator, &[]).await;
    let mut there = world.signed_in(sam).await;
    let mut elsewhere = world.signed_in(sam).await;
    there.get("/tokens").await.expect(200);
    let path = format!("/settings/people/{sam}");
    let page = owner.get(&path).await.expect(200);
    assert_eq!(page.matches("/sessions/").count(), 3, "two and all: {page}");
    assert_eq!(set(&mut owner, sam, "support", &["acme"]).await, 303);
    there.get("/tokens").await.expect(403);
    there.get("/tenants/beta").await.expect(404);
    let page = owner.get(&path).await.expect(200);
    assert!(page.contains("value=\"acme\" checked"), "{page}");
    assert_eq!(set(&mut owner, sam, "owner", &["acme"]).await, 422);

    let (_, session) = page.split_once(&format!("{path}/sessions/")).unwrap();
    assert!(session.starts_with("all/end"), "{session}");
    owner
        .post(&format!("{path}/sessions/1/end"), &[])
        .await
        .expect(404);
    let end = format!("{path}/sessions/all/end");
    assert_eq!(owner.post(&end, &[]).await.location(), path);
    for browser in [&mut there, &mut elsewhere] {
        assert_eq!(browser.get("/").await.location(), "/sign-in");
    }
    let page = owner.get(&path).await.expect(200);
    assert!(page.contains("2 sessions are ended."), "{page}");
    drop(acme);
}

#[tokio::test]
async fn somebody_is_removed_after_a_question_and_the_last_owner_is_not() {
    let world = World::new().await;
    let mut owner = world.as_role(Role::Owner).await;
    let sam = world.person("sam@example.com", Role::Owner, &[]).await;
    let path = format!("/settings/people/{sam}");
    let page = owner.get(&format!("{path}/remove")).await.expect(200);
    assert!(page.contains("Remove sam@example.com?"), "{page}");
    let answer = owner.post(&format!("{path}/remove"), &[]).await;
    assert_eq!(answer.location(), "/settings/people");
    owner.get(&path).await.expect(404);

    let own = "/settings/people/1";
    let page = owner.get(own).await.expect(200);
    assert!(page.contains("is the only owner"), "{page}");
    assert!(!page.contains("/remove"), "{page}");
    for (path, fields) in [
        ("/settings/people/1/remove", vec![]),
        (own, vec![("role", "auditor"), ("where", "all")]),
    ] {
        let page = owner.post(path, &fields).await.expect(422);
        assert!(page.contains("Make somebody else an owner first"), "{page}");
    }
    // With another one it can be done, and one's own page is closed with the role.
    let kim = world.person("kim@example.com", Role::Owner, &[]).await;
    let page = owner.get(own).await.expect(200);
    assert!(page.contains("only owner who can sign in"), "{page}");
    world.link(provisor_store::Purpose::Invite(kim)).await;
    let page = owner.get(own).await.expect(200);
    assert!(!page.contains("is the only owner"), "{page}");
    let demoted = owner
        .post(own, &[("role", "operator"), ("where", "all")])
        .await;
    assert_eq!(demoted.location(), "/settings");
    owner.get("/settings/people").await.expect(403);
}

#[tokio::test]
async fn an_auditor_of_a_tenant_sees_who_may_see_it_and_changes_nothing() {
    let world = World::new().await;
    let (acme, beta) = (world.tenant("acme").await, world.tenant("beta").await);
    world.as_role(Role::Owner).await;
    let both = world
        .person("both@example.com", Role::Support, &[&acme, &beta])
        .await;
    let other = world
        .person("other@example.com", Role::Support, &[&beta])
        .await;
    let auditor = world
        .person("audit@example.com", Role::Auditor, &[&acme])
        .await;
    let invite = PeopleChange::CreateLink {
        purpose: provisor_store::Purpose::Invite(both),
        expires: i64::MAX / 2,
    };
    world.people(invite).await;
    let mut browser = world.signed_in(auditor).await;
    let list = browser.get("/settings/people").await.expect(200);
    assert!(list.contains("both@example.com") && list.contains("owner@example.com"));
    assert!(!list.contains("other@example.com"), "{list}");
    assert!(!list.contains("beta"), "{list}");
    assert!(!list.contains("Invite somebody"), "{list}");
    browser
        .get(&format!("/settings/people/{other}"))
        .await
        .expect(404);
    let page = browser
        .get(&format!("/settings/people/{both}"))
        .await
        .expect(200);
    assert!(!page.contains("beta"), "{page}");
    assert!(
        !page.contains("/revoke\"") && !page.contains("/end\""),
        "{page}"
    );
    assert!(!page.contains("name=\"role\""), "{page}");
}
