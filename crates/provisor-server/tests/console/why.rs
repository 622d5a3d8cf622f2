//! `/why`: the verdict, the same as `provisor user why` gives.

use provisor_store::{
    RequestId, Role,
    log::{Entry, Operation},
};
use serde_json::{Value, json};

use crate::world::{NOW, World};

#[tokio::test]
async fn it_tells_active_refused_and_deleted() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let lena = world.user(&token, "lena@acme.com", "Lena Ortiz").await;
    let gone = world.user(&token, "gone@acme.com", "Gone Girl").await;
    world
        .scim(&token, "DELETE", &format!("Users/{gone}"), &Value::Null)
        .await;
    let nameless = json!({ "emails": [{ "value": "kim@acme.com" }] });
    assert_eq!(world.scim(&token, "POST", "Users", &nameless).await.0, 400);

    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/why").await.expect(200);
    assert!(page.contains("Whom is it about?"), "{page}");
    for (name, told) in [
        (
            "lena@acme.com",
            vec![
                "<b>Active</b>",
                "is in the directory and active since",
                &*lena,
            ],
        ),
        (
            "kim@acme.com",
            vec![
                "<b>The last request was refused</b>",
                "missing_required",
                "refused here",
                "not reached",
            ],
        ),
        (
            "gone@acme.com",
            vec!["<b>Deleted</b>", "It can still be restored.", &*gone],
        ),
    ] {
        let page = owner.get(&format!("/why?q={name}")).await.expect(200);
        for told in told {
            assert!(page.contains(told), "{name} {told}: {page}");
        }
    }
    // The search box leads here.
    let to = owner.get("/search?q=lena@acme.com").await.location();
    assert!(to.starts_with("/why?q=lena"), "{to}");
}

#[tokio::test]
async fn for_a_name_nobody_sent_it_gives_the_proof_and_with_a_gap_it_does_not() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.token(&acme, "Okta").await;
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/why?q=nobody@acme.com").await.expect(200);
    for told in [
        "<b>Never sent</b>",
        "the log of it is complete",
        "There is no gap in it.",
        "What to check in the identity provider",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    // A request that names more than the log can keep is a gap that could hide a name.
    world.log.record(Entry {
        tenant: Some(acme.id),
        names: (0..10_001).map(|number| format!("name {number}")).collect(),
        ..Entry::new(RequestId::random(), NOW, Operation::Bulk, 200)
    });
    let page = owner.get("/why?q=nobody@acme.com").await.expect(200);
    for told in [
        "<b>Not seen, but the log has gaps</b>",
        "has one gap in which it could have been sent",
        "names in counted reads were dropped",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(!page.contains("never sent from"), "{page}");
}

#[tokio::test]
async fn it_asks_the_viewers_tenants_and_no_other() {
    let world = World::new().await;
    let (acme, beta) = (world.tenant("acme").await, world.tenant("beta").await);
    let (of_acme, _) = world.token(&acme, "Okta").await;
    let (of_beta, _) = world.token(&beta, "Okta").await;
    let lena = world.user(&of_acme, "lena@x.com", "Lena Ortiz").await;
    world.user(&of_beta, "kim@x.com", "Kim Moss").await;
    let mut owner = world.as_role(Role::Owner).await;
    // Who is known somewhere is told from there.
    let page = owner.get("/why?q=lena@x.com").await.expect(200);
    assert!(
        page.contains("<b>Active</b>") && page.contains(&lena),
        "{page}"
    );
    assert!(!page.contains("Never sent"), "{page}");
    let page = owner.get("/why?q=lena@x.com&tenant=beta").await.expect(200);
    assert!(page.contains("<b>Never sent</b>"), "{page}");
    let page = owner.get("/why?q=nobody@x.com").await.expect(200);
    assert_eq!(page.matches("<b>Never sent</b>").count(), 2, "{page}");

    let person = world
        .person("ora@example.com", Role::Operator, &[&beta])
        .await;
    let mut ora = world.signed_in(person).await;
    let page = ora.get("/why?q=lena@x.com").await.expect(200);
    assert!(page.contains("<b>Never sent</b>"), "{page}");
    assert!(!page.contains("acme") && !page.contains(&lena), "{page}");
    ora.get("/why?q=lena@x.com&tenant=acme").await.expect(404);
}

#[tokio::test]
async fn support_reads_it_masked() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let kim = json!({ "userName": "kim.moss@acme.com", "active": false });
    let (_, kim) = world.scim(&token, "POST", "Users", &kim).await;
    world.pass(1000);
    let again = json!({ "userName": "kim.moss@acme.com" });
    assert_eq!(world.scim(&token, "POST", "Users", &again).await.0, 409);
    let mut support = world.as_role(Role::Support).await;
    let id = kim["id"].as_str().unwrap();
    let page = support.get(&format!("/why?q={id}")).await.expect(200);
    assert!(page.contains("reactivation_conflict"), "{page}");
    assert!(page.contains("k***@acme.com"), "{page}");
    assert!(!page.contains("kim.moss"), "{page}");
    // What they typed they know.
    let page = support.get("/why?q=kim.moss@acme.com").await.expect(200);
    assert!(
        page.contains("&#34;kim.moss@acme.com&#34; is in the directory"),
        "{page}"
    );
}

#[tokio::test]
async fn a_name_is_found_however_support_pastes_it() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let body = json!({
        "userName": "lortiz", "externalId": "00u1",
        "emails": [{ "value": "lena@acme.com", "primary": true }, { "value": "l@home.example" }],
    });
    let (_, lena) = world.scim(&token, "POST", "Users", &body).await;
    let id = lena["id"].as_str().unwrap();
    let mut owner = world.as_role(Role::Owner).await;
    for typed in [
        "++LENA@Acme.com++",
        "LOrtiz",
        "l@home.example",
        "00u1",
        id,
        "mailto:lena@acme.com",
        "Lena+Ortiz+%3Clena@acme.com%3E",
    ] {
        let page = owner.get(&format!("/why?q={typed}")).await.expect(200);
        assert!(
            page.contains("<b>Active</b>") && page.contains(id),
            "{typed}: {page}"
        );
        for told in [
            "<dt>userName</dt><dd>lortiz</dd>",
            "<dt>externalId</dt><dd>00u1</dd>",
        ] {
            assert!(page.contains(told), "{typed} {told}: {page}");
        }
        assert!(
            !page.contains("For the customer"),
            "nothing is wrong: {page}"
        );
    }
}

#[tokio::test]
async fn a_former_name_and_a_deleted_users_email_lead_to_the_user() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let (mut ids, patch) = (Vec::new(), "urn:ietf:params:scim:api:messages:2.0:PatchOp");
    for (name, email) in [("lortiz", "lena@acme.com"), ("kmoss", "kim@acme.com")] {
        let body = json!({ "userName": name, "emails": [{ "value": email }] });
        let (_, user) = world.scim(&token, "POST", "Users", &body).await;
        ids.push(user["id"].as_str().unwrap().to_owned());
    }
    let path = format!("Users/{}", ids[0]);
    let married = json!({
        "schemas": [patch],
        "Operations": [{ "op": "replace", "value": {
            "userName": "lsmith", "emails": [{ "value": "smith@acme.com" }] } }],
    });
    assert!(world.scim(&token, "PATCH", &path, &married).await.0 < 300);
    let path = format!("Users/{}", ids[1]);
    assert_eq!(
        world.scim(&token, "DELETE", &path, &Value::Null).await.0,
        204
    );

    let mut owner = world.as_role(Role::Owner).await;
    for (name, told) in [
        (
            "lortiz",
            [
                "&#34;lortiz&#34; was sent as a name of &#34;lsmith&#34;",
                "<b>Active</b>",
                &ids[0],
            ],
        ),
        (
            "lena@acme.com",
            [
                "was sent as a name of &#34;lsmith&#34;",
                "<b>Active</b>",
                &ids[0],
            ],
        ),
        (
            "KIM@acme.com",
            [
                "was sent as a name of &#34;kmoss&#34;",
                "<b>Deleted</b>",
                &ids[1],
            ],
        ),
    ] {
        let page = owner.get(&format!("/why?q={name}")).await.expect(200);
        for told in told {
            assert!(page.contains(told), "{name} {told}: {page}");
        }
    }
    let mut support = world.as_role(Role::Support).await;
    let page = support.get("/why?q=lena@acme.com").await.expect(200);
    assert!(
        page.contains("was sent as a name of &#34;l***&#34;"),
        "{page}"
    );
    assert!(!page.contains("smith"), "{page}");
}

#[tokio::test]
async fn people_who_are_displayed_alike_are_each_answered_for() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let mut ids = Vec::new();
    for name in ["asmith", "bsmith"] {
        let body = json!({ "userName": name, "displayName": "Alex Smith" });
        let (_, user) = world.scim(&token, "POST", "Users", &body).await;
        ids.push(user["id"].as_str().unwrap().to_owned());
        world.pass(1000);
    }
    // The older one is spoken of twice: still one answer.
    let body = json!({ "userName": "asmith", "displayName": "Alex Smith", "title": "Dr." });
    let path = format!("Users/{}", ids[0]);
    assert_eq!(world.scim(&token, "PUT", &path, &body).await.0, 200);
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/why?q=Alex+Smith").await.expect(200);
    for (id, name) in ids.iter().zip(["asmith", "bsmith"]) {
        let link = format!("/users/acme/{id}\"");
        assert_eq!(page.matches(&link).count(), 1, "{link}: {page}");
        let told = format!("was sent as a name of &#34;{name}&#34;");
        assert!(page.contains(&told), "{told}: {page}");
    }
}

#[tokio::test]
async fn there_is_something_to_tell_the_customer_and_a_button_that_puts_it_right() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let kim = json!({ "userName": "kim@acme.com", "externalId": "a", "active": false });
    let (_, kim) = world.scim(&token, "POST", "Users", &kim).await;
    let kim = format!("/users/acme/{}", kim["id"].as_str().unwrap());
    let gone = world.user(&token, "gone@acme.com", "Gone Girl").await;
    let path = format!("Users/{gone}");
    world.scim(&token, "DELETE", &path, &Value::Null).await;
    let (mut owner, mut support) = (
        world.as_role(Role::Owner).await,
        world.as_role(Role::Support).await,
    );
    let reply = |page: &str| {
        let (_, rest) = page.split_once("id=\"reply\"").expect("a reply");
        rest.split("</pre>").next().unwrap().to_owned()
    };
    let never = owner.get("/why?q=nobody@acme.com").await.expect(200);
    let text = reply(&never);
    for told in ["was never sent from", "Please check in", "\n- "] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let page = owner.get("/why?q=kim@acme.com").await.expect(200);
    assert!(page.contains(&format!("{kim}/reactivate")), "{page}");
    assert!(
        reply(&page).contains("inactive since it was created"),
        "{page}"
    );
    let page = owner.get("/why?q=gone@acme.com").await.expect(200);
    assert!(
        page.contains(&format!("/users/acme/{gone}/restore")),
        "{page}"
    );
    // Hired again: the create is refused, and linking is what helps.
    world.pass(1000);
    let again = json!({ "userName": "kim@acme.com", "externalId": "b" });
    assert_eq!(world.scim(&token, "POST", "Users", &again).await.0, 409);
    let page = owner.get("/why?q=kim@acme.com").await.expect(200);
    assert!(page.contains(&format!("{kim}/link")), "{page}");
    assert!(reply(&page).contains("The request: req_"), "{page}");
    let page = support.get("/why?q=kim@acme.com").await.expect(200);
    assert!(
        !page.contains("/link") && page.contains("For the customer"),
        "{page}"
    );
}

#[tokio::test]
async fn somebody_of_another_tenant_is_pointed_to_who_sees_it() {
    let world = World::new().await;
    let (acme, beta) = (world.tenant("acme").await, world.tenant("beta").await);
    let (of_acme, _) = world.token(&acme, "Okta").await;
    world.user(&of_acme, "lena@x.com", "Lena Ortiz").await;
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/why?q=lena@x.com&tenant=beta").await.expect(200);
    assert!(page.contains("<b>Never sent</b>"), "{page}");
    assert!(page.contains("acme has somebody of this name"), "{page}");
    assert!(
        page.contains("/why?q=lena%40x.com&#38;tenant=acme"),
        "{page}"
    );
    let person = world
        .person("ora@example.com", Role::Operator, &[&beta])
        .await;
    let mut ora = world.signed_in(person).await;
    let page = ora.get("/why?q=lena@x.com&tenant=beta").await.expect(200);
    assert!(
        page.contains("<b>Never sent</b>") && !page.contains("acme"),
        "{page}"
    );
}

#[tokio::test]
async fn more_tenants_than_are_asked_are_said() {
    let world = World::new().await;
    for number in 0..201 {
        world.tenant(&format!("t{number:03}")).await;
    }
    let mut owner = world.as_role(Role::Owner).await;
    let told = "Only the first 200 tenants were asked.";
    let page = owner.get("/why?q=lena@acme.com").await.expect(200);
    assert!(page.contains(told), "{page}");
    assert!(page.contains("value=\"t200\""), "it may be chosen: {page}");
    for path in ["/why", "/why?q=lena@acme.com&tenant=t200"] {
        let page = owner.get(path).await.expect(200);
        assert!(!page.contains(told), "{path}: {page}");
    }
}
