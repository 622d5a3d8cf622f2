//! Who of the source is who in the target: linked, created once, and never another one's.

use provisor_server::outbound::{
    TargetSettings,
    settings::{Deprovision, MatchBy},
};
use serde_json::json;

use crate::{server::Habits, world::World};

const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value";

#[tokio::test]
async fn what_was_linked_without_updates_is_sent_once_updates_are_wanted() {
    let world = World::new(Habits::default()).await;
    let settings = TargetSettings {
        update: false,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    world.theirs().resources.insert(
        "/Users/x".to_owned(),
        json!({ "id": "x", "userName": "u0", "title": "theirs" }),
    );
    world.push(&target, 1).await.unwrap();
    assert_eq!(world.user("u0")["title"], "theirs");
    world.set(&target, &world.settings()).await;
    world.push(&target, 1).await.unwrap();
    assert_eq!(world.user("u0")["title"], "title 0");
}

#[tokio::test]
async fn nobody_takes_the_resource_of_another_one() {
    // Two names that are one for the target, whose second creation is answered with the first one's resource.
    let world = World::new(Habits {
        creates_the_same: true,
        first_page_for_ever: Some(0),
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let users = "id,userName\n1,lena@x\n2,Lena@x\n";
    let pushed = world
        .push_files(&target, users, "team,member\n")
        .await
        .unwrap();
    assert_eq!((pushed.created, pushed.failed), (1, 1));
    // The name of one, under the id of another who was not pushed yet.
    let world = World::new(Habits::default()).await;
    let target = world.target(&world.settings()).await;
    let held = json!({ "id": "x", "userName": "lena", "externalId": "2" });
    world
        .theirs()
        .resources
        .insert("/Users/x".to_owned(), held.clone());
    let users = "id,userName\n1,lena\n2,otto\n";
    let pushed = world
        .push_files(&target, users, "team,member\n")
        .await
        .unwrap();
    assert_eq!((pushed.linked, pushed.failed), (0, 1));
    assert_eq!(world.user("lena"), held);
}

#[tokio::test]
async fn who_was_created_in_a_killed_run_is_found_though_renamed_or_gone() {
    let hangs = Habits {
        hangs: true,
        ..Habits::default()
    };
    for next in ["1,lena.new", "2,otto"] {
        let world = World::new(hangs).await;
        let settings = TargetSettings {
            deprovision: Deprovision::Delete,
            ..world.settings()
        };
        let target = world.target(&settings).await;
        let created = world.theirs().created.clone();
        tokio::select! {
            ended = world.push_files(&target, "id,userName\n1,lena\n", "team,member\n") => panic!("{ended:?}"),
            () = created.notified() => {}
        }
        assert_eq!(world.there().0, ["lena"]);
        world.theirs().habits.hangs = false;
        let pushed = world
            .push_files(&target, &format!("id,userName\n{next}\n"), "team,member\n")
            .await
            .unwrap();
        assert_eq!(pushed.failed, 0);
        assert_eq!(
            world.there().0,
            [&next[2..]],
            "{:?}",
            world.log(&target).await
        );
    }
}

#[tokio::test]
async fn many_who_are_created_at_once_are_found_after_a_kill_too() {
    let world = World::new(Habits {
        hangs: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let users = |name: &str| -> String {
        let lines: String = (0..150).map(|n| format!("{n},{name}{n:03}\n")).collect();
        format!("id,userName\n{lines}")
    };
    let created = world.theirs().created.clone();
    let old = users("old");
    tokio::select! {
        ended = world.push_files(&target, &old, "team,member\n") => panic!("{ended:?}"),
        () = created.notified() => {}
    }
    let found = world.there().0.len() as u64;
    assert!(found > 0);
    world.theirs().habits.hangs = false;
    let pushed = world
        .push_files(&target, &users("new"), "team,member\n")
        .await
        .unwrap();
    assert_eq!(
        (pushed.linked, pushed.created, pushed.failed),
        (found, 150 - found, 0)
    );
    let new: Vec<String> = (0..150).map(|n| format!("new{n:03}")).collect();
    assert_eq!(world.there().0, new);
}

#[tokio::test]
async fn who_may_never_have_been_sent_is_not_taken_for_ours_to_remove() {
    let world = World::new(Habits {
        hangs: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let lines: String = (0..150).map(|n| format!("{n},u{n:03}\n")).collect();
    let users = format!("id,userName\n{lines}");
    let created = world.theirs().created.clone();
    tokio::select! {
        ended = world.push_files(&target, &users, "team,member\n") => panic!("{ended:?}"),
        () = created.notified() => {}
    }
    let found = world.there().0.len() as u64;
    // A target that keeps no externalId, in which somebody makes one of those who were not sent by hand.
    let by_hand = json!({ "id": "h", "userName": "u140", "active": true });
    {
        let mut theirs = world.theirs();
        theirs.habits.hangs = false;
        for user in theirs.resources.values_mut() {
            user.as_object_mut().unwrap().remove("externalId");
        }
        let resources = &mut theirs.resources;
        resources.insert("/Users/h".to_owned(), by_hand.clone());
    }
    let (nobody, no_teams) = ("id,userName\n200,otto\n", "team,member\n");
    let pushed = world
        .push_as(&target, nobody, no_teams, |wish| wish.allow_removals = true)
        .await
        .unwrap();
    assert_eq!((pushed.deactivated, pushed.failed), (0, found + 1));
    assert_eq!(world.user("u140"), by_hand);
    let log = world.log(&target).await;
    let told = log.iter().filter(|entry| {
        let reason = entry.detail["reason"].as_str().unwrap_or_default();
        !entry.ok && reason.contains("does not say for whom")
    });
    assert_eq!(told.count() as u64, found + 1);
}

#[tokio::test]
async fn a_refused_creation_makes_nobody_elses_user_ours() {
    let world = World::new(Habits {
        most_members: Some(0),
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let teams = "team,member\nSales,u0\n";
    let pushed = world
        .push_files(&target, "userName\nu0\n", teams)
        .await
        .unwrap();
    assert_eq!(pushed.failed, 1, "the team is refused");
    let theirs = json!({ "id": "x", "displayName": "Sales" });
    world
        .theirs()
        .resources
        .insert("/Groups/x".to_owned(), theirs);
    world
        .push_files(&target, "userName\nu0\n", "team,member\n")
        .await
        .unwrap();
    assert!(world.theirs().resources.contains_key("/Groups/x"));
}

#[tokio::test]
async fn managers_come_along_whoever_is_created_first() {
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let world = World::new(Habits::default()).await;
    let settings = TargetSettings {
        parallel: 1,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    let users = format!("id,userName,{MANAGER}\n1,lena,3\n2,otto,3\n3,boss,\n");
    let teams = "team,member\n";
    world.push_files(&target, &users, teams).await.unwrap();
    let boss = world.user("boss")["id"].clone();
    assert_eq!(world.user("lena")[enterprise]["manager"]["value"], boss);
    assert_eq!(world.user("otto")[enterprise]["manager"]["value"], boss);
    // All of it is settled.
    let before = world.theirs().requests.len();
    world.push_files(&target, &users, teams).await.unwrap();
    let sent = world.theirs().requests[before..].to_vec();
    assert!(
        sent.iter().all(|request| !request.contains("/Users/")),
        "{sent:?}"
    );
    // A comparison sees one who is missing.
    let otto = format!("/Users/{}", world.user("otto")["id"].as_str().unwrap());
    let mut held = world.user("otto");
    held.as_object_mut().unwrap().remove(enterprise);
    world.theirs().resources.insert(otto, held);
    world.ask_to_compare(&target).await;
    let pushed = world.push_files(&target, &users, teams).await.unwrap();
    assert_eq!((pushed.drifted, pushed.updated), (1, 1));
    assert_eq!(world.user("otto")[enterprise]["manager"]["value"], boss);
    // One who is refused is waited for.
    let world = World::new(Habits::default()).await;
    let settings = TargetSettings {
        identifier: MatchBy::ExternalId,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    world.theirs().resources.insert(
        "/Users/x".to_owned(),
        json!({ "id": "x", "userName": "boss" }),
    );
    let pushed = world.push_files(&target, &users, teams).await.unwrap();
    assert_eq!((pushed.created, pushed.failed), (2, 1));
    let object = world.object(&target, "1").await;
    assert_eq!(
        (object.state(), object.error.as_deref()),
        ("waiting", Some("its manager is not in the target yet"))
    );
}

#[tokio::test]
async fn a_member_who_was_deleted_there_is_made_again() {
    let world = World::new(Habits::default()).await;
    let target = world.target(&world.settings()).await;
    world.push(&target, 4).await.unwrap();
    {
        let mut theirs = world.theirs();
        let gone = theirs
            .resources
            .iter()
            .find(|(_, one)| one["userName"] == "u3")
            .map(|(path, _)| path.clone())
            .unwrap();
        theirs.resources.remove(&gone);
        let team = theirs
            .resources
            .values_mut()
            .find(|one| one["displayName"] == "Sales")
            .unwrap();
        team["members"] = json!([]);
    }
    // The team is renamed in no way; a comparison would find it too, but the user's change does.
    let users = "userName,title\nu0,a\nu1,a\nu2,a\nu3,a\n";
    world
        .push_files(&target, users, "team,member\nSales,u3\n")
        .await
        .unwrap();
    let (there, _) = world.there();
    assert_eq!(there, ["u0", "u1", "u2", "u3"]);
    let log = world.log(&target).await;
    assert!(
        log.iter()
            .any(|entry| entry.action == "missing" && entry.label == "u3"),
        "{log:?}"
    );
}
