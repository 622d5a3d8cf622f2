//! Who left and could keep the access while the log says otherwise.

use provisor_server::outbound::{
    Pushed, TargetSettings,
    mapping::Rule,
    settings::{Deprovision, MatchBy},
};
use provisor_store::{
    Change, TargetChange,
    target::{Report, Target, TargetEntry},
};
use serde_json::json;

use crate::{
    server::{Deactivation, Habits},
    world::World,
};

/// Two users and their team, in a target that then gets its habit.
async fn pushed(deprovision: Deprovision, habits: Habits) -> (World, Target) {
    let world = World::new(Habits::default()).await;
    let settings = TargetSettings {
        deprovision,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    world.push(&target, 2).await.unwrap();
    world.theirs().habits = habits;
    (world, target)
}

/// `u1` leaves.
async fn leaves(world: &World, target: &Target) -> Pushed {
    world.push(target, 1).await.unwrap()
}

async fn last(world: &World, target: &Target, action: &str) -> Option<TargetEntry> {
    let log = world.log(target).await;
    let mut lines = log.into_iter().filter(|entry| entry.label == "u1");
    lines.find(|entry| entry.action == action)
}

#[tokio::test]
async fn a_deactivation_that_a_patch_does_not_do_is_sent_as_a_whole_user() {
    for deactivation in [Deactivation::IgnoredInPatch, Deactivation::RefusedInPatch] {
        let habits = Habits {
            deactivation,
            ..Habits::default()
        };
        let (world, target) = pushed(Deprovision::Deactivate, habits).await;
        let left = leaves(&world, &target).await;
        assert_eq!((left.deactivated, left.failed), (1, 0), "{deactivation:?}");
        assert_eq!(world.user("u1")["active"], false, "{deactivation:?}");
    }
}

#[tokio::test]
async fn a_deactivation_that_is_answered_and_not_done_is_no_success() {
    let lies = [
        Habits {
            deactivation: Deactivation::Lied,
            ..Habits::default()
        },
        Habits {
            deactivation: Deactivation::TrueAsText,
            ..Habits::default()
        },
        Habits {
            is_a_page: true,
            ..Habits::default()
        },
    ];
    for habits in lies {
        let (world, target) = pushed(Deprovision::Deactivate, habits).await;
        if habits.deactivation == Deactivation::TrueAsText {
            // So that a whole user helps as little.
            let settings = TargetSettings {
                writes: provisor_server::outbound::settings::Writes::Patch,
                ..world.settings()
            };
            world.set(&target, &settings).await;
        }
        let left = leaves(&world, &target).await;
        assert_eq!((left.deactivated, left.failed > 0), (0, true), "{habits:?}");
        assert_eq!(
            last(&world, &target, "deactivate").await,
            None,
            "{habits:?}"
        );
        let told = last(&world, &target, "fail").await.unwrap();
        let reason = told.detail["reason"].as_str().unwrap();
        assert!(
            reason.contains("active there") || reason.contains("no SCIM message"),
            "{reason}"
        );
        // Once the target does it, it is done.
        world.theirs().habits = Habits::default();
        world.sleep();
        let left = leaves(&world, &target).await;
        assert_eq!((left.deactivated, left.failed), (1, 0), "{habits:?}");
        assert_eq!(world.user("u1")["active"], false, "{habits:?}");
    }
}

#[tokio::test]
async fn a_deletion_that_is_answered_and_not_done_is_no_success() {
    let lies = [
        Habits {
            keeps_the_deleted: true,
            ..Habits::default()
        },
        Habits {
            is_a_page: true,
            ..Habits::default()
        },
    ];
    for habits in lies {
        let (world, target) = pushed(Deprovision::Delete, habits).await;
        let left = leaves(&world, &target).await;
        assert_eq!((left.deleted, left.failed > 0), (0, true), "{habits:?}");
        assert_eq!(last(&world, &target, "delete").await, None, "{habits:?}");
        world.theirs().habits = Habits::default();
        world.sleep();
        let left = leaves(&world, &target).await;
        assert_eq!((left.deleted, left.failed), (1, 0), "{habits:?}");
        assert_eq!(world.there().0, ["u0"], "{habits:?}");
    }
}

#[tokio::test]
async fn a_deletion_after_which_the_run_ends_is_told() {
    let habits = Habits {
        ends_with_a_deletion: true,
        ..Habits::default()
    };
    let (world, target) = pushed(Deprovision::Delete, habits).await;
    world.push(&target, 1).await.unwrap_err();
    let told = last(&world, &target, "delete").await.unwrap();
    assert!(told.detail["unseen"].is_string(), "{told:?}");
    // It is looked at with the next run.
    world.theirs().habits = Habits::default();
    let left = leaves(&world, &target).await;
    assert_eq!((left.deleted, left.failed), (0, 0));
    assert!(last(&world, &target, "missing").await.is_some());
}

#[tokio::test]
async fn a_deactivation_that_is_never_shown_is_done_in_the_end() {
    for (status, attempts) in [(501, 0), (500, 9)] {
        let habits = Habits {
            shows_no_user: Some(status),
            ..Habits::default()
        };
        let (world, target) = pushed(Deprovision::Deactivate, habits).await;
        let mut object = world.object(&target, "u1").await;
        (object.due, object.attempts) = (Some(1), attempts);
        let (id, reports) = (target.id, vec![Report::of(object)]);
        world
            .write(Change::Target(TargetChange::Report { id, reports }))
            .await;
        leaves(&world, &target).await;
        let told = last(&world, &target, "deactivate").await.unwrap();
        assert!(told.detail["unseen"].is_string(), "{told:?}");
    }
}

#[tokio::test]
async fn a_deleted_one_that_is_kept_inactive_is_gone() {
    let habits = Habits {
        keeps_the_deleted: true,
        ..Habits::default()
    };
    let (world, target) = pushed(Deprovision::Delete, habits).await;
    let path = path_of(&world, "u1");
    world.theirs().resources.get_mut(&path).unwrap()["active"] = "False".into();
    let left = leaves(&world, &target).await;
    assert_eq!((left.deleted, left.failed), (1, 0));
}

fn path_of(world: &World, name: &str) -> String {
    let theirs = world.theirs();
    let mut all = theirs.resources.iter();
    all.find(|(_, one)| one["userName"] == name)
        .unwrap()
        .0
        .clone()
}

#[tokio::test]
async fn who_has_another_id_by_now_loses_the_access_there() {
    for deprovision in [Deprovision::Deactivate, Deprovision::Delete] {
        for keeps_external_id in [true, false] {
            let (world, target) = pushed(deprovision, Habits::default()).await;
            let path = path_of(&world, "u1");
            let mut moved = world.theirs().resources.remove(&path).unwrap();
            moved["id"] = "moved".into();
            if !keeps_external_id {
                moved.as_object_mut().unwrap().remove("externalId");
            }
            let there = "/Users/moved".to_owned();
            world.theirs().resources.insert(there, moved);
            let case = format!("{deprovision:?}, {keeps_external_id}");
            let left = leaves(&world, &target).await;
            let has_access = world.user("u1")["active"] == true;
            assert_eq!(has_access, !keeps_external_id, "{case}");
            let done = left.deactivated + left.deleted;
            assert_eq!(
                (done, left.failed),
                match keeps_external_id {
                    true => (1, 0),
                    false => (0, 1),
                },
                "{case}"
            );
            let missing = last(&world, &target, "missing").await;
            if let Some(missing) = missing {
                // An id is told where those who may not see it do not.
                assert_eq!(missing.detail["remote"], "moved", "{case}");
                assert!(!missing.detail["reason"].to_string().contains("moved"));
            }
            let told = last(&world, &target, "fail").await;
            let reason = told.map(|told| told.detail["reason"].to_string());
            assert!(
                reason.is_none_or(|reason| reason.contains("moved")),
                "{case}"
            );
        }
    }
}

/// `u1` gets another id.
fn moves(world: &World) {
    let path = path_of(world, "u1");
    let mut theirs = world.theirs();
    let mut moved = theirs.resources.remove(&path).unwrap();
    moved["id"] = "moved".into();
    theirs.resources.insert("/Users/moved".to_owned(), moved);
}

#[tokio::test]
async fn a_search_that_fails_for_now_makes_nobody_gone() {
    let (world, target) = pushed(Deprovision::Deactivate, Habits::default()).await;
    moves(&world);
    world.theirs().habits.fails_searches = Some(503);
    let left = leaves(&world, &target).await;
    assert_eq!((left.deactivated, left.failed), (0, 1));
    world.theirs().habits = Habits::default();
    world.sleep();
    let left = leaves(&world, &target).await;
    assert_eq!((left.deactivated, left.failed), (1, 0));
    assert_eq!(world.user("u1")["active"], false);
}

#[tokio::test]
async fn who_has_another_id_by_now_is_found_by_name_whatever_users_are_looked_up_by() {
    for identifier in [MatchBy::UserName, MatchBy::Email, MatchBy::ExternalId] {
        for refuses_filters in [false, true] {
            let world = World::new(Habits {
                refuses_filters,
                ..Habits::default()
            })
            .await;
            let settings = TargetSettings {
                identifier,
                ..world.settings()
            };
            let target = world.target(&settings).await;
            let push = async |users: &str| {
                let pushed = world.push_files(&target, users, "team,member\n").await;
                pushed.unwrap()
            };
            push("userName,email\nu0,u0@x.io\nu1,u1@x.io\n").await;
            moves(&world);
            let left = push("userName,email\nu0,u0@x.io\n").await;
            assert_eq!((left.deactivated, left.failed), (1, 0), "{identifier:?}");
            assert_eq!(world.user("u1")["active"], false, "{identifier:?}");
        }
    }
}

#[tokio::test]
async fn who_cannot_be_searched_is_told_as_unseen() {
    let (world, target) = pushed(Deprovision::Deactivate, Habits::default()).await;
    let settings = TargetSettings {
        rules: vec![Rule::parse("userName=template:{userName}").unwrap()],
        ..world.settings()
    };
    world.set(&target, &settings).await;
    moves(&world);
    leaves(&world, &target).await;
    let told = last(&world, &target, "missing").await.unwrap();
    assert_eq!(
        told.detail["unseen"],
        "the target cannot be searched for it"
    );
}

#[tokio::test]
async fn who_is_nowhere_any_more_is_gone() {
    let (world, target) = pushed(Deprovision::Deactivate, Habits::default()).await;
    let path = path_of(&world, "u1");
    world.theirs().resources.remove(&path);
    let left = leaves(&world, &target).await;
    assert_eq!(left.failed, 0);
    let told = last(&world, &target, "missing").await;
    assert!(told.is_some());
    assert_eq!(world.there().0, ["u0"]);
}

#[tokio::test]
async fn a_comparison_sees_who_is_active_in_any_writing() {
    let (world, target) = pushed(Deprovision::Deactivate, Habits::default()).await;
    leaves(&world, &target).await;
    let path = path_of(&world, "u1");
    world.theirs().resources.get_mut(&path).unwrap()["active"] = json!("True");
    world.ask_to_compare(&target).await;
    let compared = leaves(&world, &target).await;
    assert_eq!((compared.drifted, compared.deactivated), (1, 1));
    assert_eq!(world.user("u1")["active"], false);
}

#[tokio::test]
async fn a_removal_of_members_that_is_answered_and_not_done_is_done_otherwise() {
    let habits = Habits {
        keeps_members: true,
        ..Habits::default()
    };
    let (world, target) = pushed(Deprovision::Deactivate, habits).await;
    let left = leaves(&world, &target).await;
    assert_eq!((left.deactivated, left.failed), (1, 0));
    assert_eq!(world.there().1, 1, "{:?}", world.log(&target).await);
}

#[tokio::test]
async fn no_removal_is_believed_of_a_target_that_lied_about_one() {
    let world = World::new(Habits::default()).await;
    let settings = TargetSettings {
        parallel: 1,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    let users = "userName\nu0\nu1\n";
    let push = async |teams: &str| {
        let pushed = world.push_files(&target, users, teams).await;
        pushed.unwrap()
    };
    push("team,member\nOps,u0\nOps,u1\nSales,u0\nSales,u1\nWeb,u0\nWeb,u1\n").await;
    world.theirs().habits.keeps_members = true;
    let pushed = push("team,member\nOps,u0\nSales,u0\nWeb,u0\n").await;
    assert_eq!(pushed.failed, 0);
    let theirs = world.theirs();
    for one in theirs.resources.values() {
        if let Some(members) = one["members"].as_array() {
            assert_eq!(members.len(), 1, "{one}");
        }
    }
    let patches = theirs.requests.iter();
    let patches = patches.filter(|line| line.starts_with("PATCH /Groups"));
    assert_eq!(patches.count(), 1, "the way that is in vain is tried once");
}

#[tokio::test]
async fn a_creation_that_comes_late_is_taken_back() {
    for comes in [true, false] {
        let world = World::new(Habits {
            swallows: true,
            ..Habits::default()
        })
        .await;
        let target = world.target(&world.settings()).await;
        let push = async |users: &str| {
            let pushed = world.push_files(&target, users, "team,member\n").await;
            pushed.unwrap()
        };
        assert_eq!(push("userName\nu1\n").await.failed, 1);
        // It leaves before the target has carried it out.
        world.sleep();
        let left = push("userName\n").await;
        assert_eq!(
            (left.deactivated, left.failed),
            (0, 1),
            "it is not forgotten"
        );
        if comes {
            let late = json!({ "id": "x", "userName": "u1", "externalId": "u1", "active": true });
            world.theirs().resources.insert("/Users/x".to_owned(), late);
            world.sleep();
            let left = push("userName\n").await;
            assert_eq!((left.deactivated, left.failed), (1, 0));
            assert_eq!(world.user("u1")["active"], false);
            continue;
        }
        // It is not looked for for ever.
        for _ in 0..5 {
            world.sleep();
            push("userName\n").await;
        }
        assert_eq!(world.known(&target).await, []);
    }
}

#[tokio::test]
async fn who_waits_for_another_try_and_is_missing_in_the_next_files_leaves_at_once() {
    let habits = Habits {
        refuses_one: Some((400, "u1")),
        ..Habits::default()
    };
    let (world, target) = pushed(Deprovision::Deactivate, habits).await;
    let users = "userName,title\nu0,title 0\nu1,promoted\n";
    let pushed = world
        .push_files(&target, users, "team,member\nSales,u0\n")
        .await;
    assert_eq!(pushed.unwrap().failed, 1);
    world.theirs().habits = Habits::default();
    assert_eq!(leaves(&world, &target).await.deactivated, 1);
    assert_eq!(world.user("u1")["active"], false);
}
