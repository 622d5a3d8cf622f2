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
