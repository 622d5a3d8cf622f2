//! The comparison of a whole target with what it should hold.

use provisor_server::outbound::{
    TargetSettings, Wish,
    preview::preview,
    settings::{Deprovision, SourceKind},
};
use provisor_store::{
    Change, TargetChange,
    target::{Kind, Report, TargetObject},
};
use serde_json::json;

use crate::{
    server::{ENTERPRISE, Habits},
    world::World,
};

#[tokio::test]
async fn a_comparison_that_fails_keeps_nobody_from_being_pushed() {
    let world = World::new(Habits {
        no_lists: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let ask = TargetChange::Ask {
        id: target.id,
        compare: true,
    };
    world.write(Change::Target(ask)).await;
    assert_eq!(world.push(&target, 3).await.unwrap().created, 4);
    let told = world.log(&target).await.remove(0);
    assert_eq!((told.action.as_str(), told.ok), ("run", false));
    let after = world.current(&target).await;
    assert!(after.outcome.contains("no lists"), "{}", after.outcome);
    assert!(after.compared > 0, "the next one is not tried at once");
    // Whoever asks for it is told, after the rest is done.
    let asked = |wish: &mut Wish| wish.compare = true;
    let users = "userName\nu0\nu1\n";
    let stopped = world.push_as(&target, users, "team,member\n", asked).await;
    assert!(stopped.unwrap_err().to_string().contains("no lists"));
    let gone = &world.theirs().resources["/Users/Users-3"];
    assert_eq!(gone["active"], false, "{gone}");
}

#[tokio::test]
async fn a_comparison_takes_up_what_was_given_up_and_who_should_be_gone() {
    for deprovision in [Deprovision::Delete, Deprovision::Deactivate] {
        for error in [None, Some("the target answered 403".to_owned())] {
            let world = World::new(Habits::default()).await;
            let settings = TargetSettings {
                deprovision,
                source: SourceKind::Tenant,
                ..world.settings()
            };
            let target = world.target(&settings).await;
            let push = async |compare: bool| {
                let asked = |wish: &mut Wish| (wish.files, wish.compare) = (None, compare);
                let pushed = world.push_as(&target, "userName\n", "team,member\n", asked);
                pushed.await.unwrap()
            };
            push(false).await;
            // One who left here, and is there all the same.
            let object = TargetObject {
                remote: Some("x".to_owned()),
                label: "lena".to_owned(),
                sent: Some(vec![1]),
                names: "userName".to_owned(),
                attempts: 10,
                error: error.clone(),
                ..TargetObject::unknown(Kind::User, "7")
            };
            let (id, reports) = (target.id, vec![Report::of(object)]);
            let known = TargetChange::Report { id, reports };
            world.write(Change::Target(known)).await;
            let lena = json!({ "id": "x", "userName": "lena", "active": true });
            let path = "/Users/x".to_owned();
            world.theirs().resources.insert(path.clone(), lena);
            let pushed = push(false).await;
            assert_eq!(pushed.deleted + pushed.deactivated, 0);
            let pushed = push(true).await;
            assert_eq!(
                pushed.deleted + pushed.deactivated,
                1,
                "{deprovision:?}, {error:?}"
            );
            let held = world.theirs().resources.get(&path).cloned();
            assert_ne!(held.unwrap_or_default()["active"], true);
        }
    }
}

#[tokio::test]
async fn who_is_created_again_is_named_as_the_manager_under_the_new_id() {
    named_anew(Habits::default()).await;
    // Though the target keeps not all of what the manager is part of.
    named_anew(Habits {
        keeps_no_department: true,
        ..Habits::default()
    })
    .await;
}

async fn named_anew(habits: Habits) {
    let world = World::new(habits).await;
    let settings = TargetSettings {
        source: SourceKind::Tenant,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    let boss = world.create_user("boss").await;
    for name in ["u0", "u1"] {
        let manager = json!({ "manager": { "value": boss.to_string() }, "department": "IT" });
        world
            .create_user_with(json!({ "userName": name, ENTERPRISE: manager }))
            .await;
    }
    let push = async |compare: bool| {
        let asked = |wish: &mut Wish| (wish.files, wish.compare) = (None, compare);
        let pushed = world.push_as(&target, "userName\n", "team,member\n", asked);
        pushed.await.unwrap()
    };
    push(false).await;
    // What is in step is not foreseen as a change.
    let mut wish = world.wish("userName\n", "team,member\n");
    wish.files = None;
    let foreseen = preview(&world.current(&target).await, &wish).await.unwrap();
    assert_eq!(foreseen, []);
    let gone = world.user("boss")["id"].as_str().unwrap().to_owned();
    world.theirs().resources.remove(&format!("/Users/{gone}"));
    let pushed = push(true).await;
    assert_eq!((pushed.drifted, pushed.created, pushed.updated), (3, 1, 2));
    let now = world.user("boss")["id"].clone();
    assert_ne!(now, gone.as_str());
    for name in ["u0", "u1"] {
        assert_eq!(world.user(name)[ENTERPRISE]["manager"]["value"], now);
    }
    assert_eq!(push(true).await.drifted, 0);
}

#[tokio::test]
async fn who_is_created_again_is_a_member_under_the_new_id() {
    let world = World::new(Habits::default()).await;
    let target = world.target(&world.settings()).await;
    world.push(&target, 3).await.unwrap();
    let gone = world.user("u1")["id"].as_str().unwrap().to_owned();
    world.theirs().resources.remove(&format!("/Users/{gone}"));
    let asked = |wish: &mut Wish| wish.compare = true;
    let users = "userName,title\nu0,title 0\nu1,title 1\nu2,title 2\n";
    let teams = "team,member\nSales,u0\nSales,u1\nSales,u2\n";
    let pushed = world.push_as(&target, users, teams, asked).await.unwrap();
    assert_eq!((pushed.created, pushed.members_added), (1, 1));
    let theirs = world.theirs();
    let mut all = theirs.resources.values();
    let team = all.find(|one| one["displayName"] == "Sales").unwrap();
    let members = team["members"].as_array().unwrap();
    assert_eq!(members.len(), 3);
    for member in members {
        let path = format!("/Users/{}", member["value"].as_str().unwrap());
        assert!(theirs.resources.contains_key(&path), "{path}");
    }
}

#[tokio::test]
async fn a_comparison_holds_one_page_at_a_time() {
    let world = World::new(Habits::default()).await;
    let target = world.target(&world.settings()).await;
    world.push(&target, 20).await.unwrap();
    let rename = |name: &str| {
        let mut theirs = world.theirs();
        let mut users = theirs.resources.values_mut();
        let one = users.find(|one| one["userName"] == name).unwrap();
        one["title"] = "theirs".into();
    };
    // What differs on the first page is found, though the second one is refused.
    let first = world
        .theirs()
        .resources
        .iter()
        .find(|(path, _)| path.starts_with("/Users/"))
        .map(|(_, one)| one["userName"].as_str().unwrap().to_owned())
        .unwrap();
    rename(&first);
    world.theirs().habits.one_page = true;
    world.ask_to_compare(&target).await;
    let pushed = world.push(&target, 20).await.unwrap();
    assert_eq!((pushed.drifted, pushed.updated), (1, 0));
    let outcome = world.current(&target).await.outcome;
    assert!(outcome.contains("no more pages"), "{outcome}");
    // It is repaired by the next run, and nobody was taken for missing whose page was not seen.
    let pushed = world.push(&target, 20).await.unwrap();
    assert_eq!((pushed.drifted, pushed.updated, pushed.created), (0, 1, 0));
    assert_ne!(world.user(&first)["title"], "theirs");
    // Read to the end, whoever is missing is.
    world.theirs().habits.one_page = false;
    rename(&first);
    world.theirs().resources.remove("/Users/Users-9");
    world.ask_to_compare(&target).await;
    let pushed = world.push(&target, 20).await.unwrap();
    assert_eq!(
        (pushed.drifted, pushed.created),
        (2, 1),
        "{:?}",
        world.log(&target).await
    );
    assert_eq!(world.there().0.len(), 20);
}
