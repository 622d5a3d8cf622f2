//! Targets that answer with success and do something else: what can be had another way is, and the rest is said.

use provisor_server::outbound::{TargetSettings, Wish};
use serde_json::json;

use crate::{server::Habits, world::World};

const TEAM: &str = "team,member\nSales,u0\nSales,u1\n";

async fn lines(world: &World, action: &str) -> Vec<provisor_store::target::TargetEntry> {
    let target = world.only_target().await;
    let mut log = world.log(&target).await;
    log.retain(|entry| entry.action == action);
    log
}

fn compares(wish: &mut Wish) {
    wish.compare = true;
}

#[tokio::test]
async fn what_a_target_does_not_keep_is_said_and_does_not_come_again() {
    let world = World::new(Habits {
        keeps_names_alone: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let users = "userName,title\nu0,Lead\nu1,Lead\n";
    assert_eq!(
        world.push_files(&target, users, TEAM).await.unwrap().failed,
        0
    );
    let told = lines(&world, "not_kept").await;
    assert_eq!(told.len(), 2);
    assert!(!told[0].ok);
    assert_eq!(told[0].detail["attributes"], json!(["title", "externalId"]));
    let reason = told[0].detail["reason"].as_str().unwrap();
    assert!(reason.contains("NAME=drop"), "{reason}");
    // No comparison finds it again.
    for _ in 0..2 {
        let pushed = world.push_as(&target, users, TEAM, compares).await.unwrap();
        assert_eq!((pushed.drifted, pushed.updated), (0, 0));
    }
    // What others change is found all the same.
    world.theirs().resources.get_mut("/Users/Users-1").unwrap()["active"] = false.into();
    let pushed = world.push_as(&target, users, TEAM, compares).await.unwrap();
    assert_eq!((pushed.drifted, pushed.updated), (1, 1));
    assert_eq!(world.user("u0")["active"], true);
}

#[tokio::test]
async fn an_answer_that_shows_little_is_no_proof_that_nothing_is_kept() {
    let world = World::new(Habits {
        answers_little: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    world.push_files(&target, &users(2), TEAM).await.unwrap();
    let changed = "userName,title\nu0,Chief\nu1,title 1\n";
    world.push_files(&target, changed, TEAM).await.unwrap();
    assert_eq!(lines(&world, "not_kept").await, []);
    let asked = world.theirs().requests.clone();
    assert!(!asked.iter().any(|line| line.starts_with("PUT")));
    // What others change is found.
    for path in ["/Users/Users-1", "/Users/Users-2"] {
        world.theirs().resources.get_mut(path).unwrap()["title"] = "theirs".into();
    }
    let pushed = world.push_as(&target, changed, TEAM, compares).await;
    assert_eq!(pushed.unwrap().drifted, 2);
    assert_eq!(world.user("u0")["title"], "Chief");
}

#[tokio::test]
async fn what_a_patch_did_is_believed_where_no_user_is_shown() {
    let world = World::new(Habits {
        answers_little: true,
        shows_no_user: Some(403),
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let theirs = json!({ "id": "x", "userName": "u0", "active": true, "title": "old" });
    let path = "/Users/x".to_owned();
    world.theirs().resources.insert(path, theirs);
    let pushed = world.push_files(&target, &users(1), "team,member\n").await;
    assert_eq!(pushed.unwrap().failed, 0);
    assert_eq!(world.user("u0")["title"], "title 0");
    assert_eq!(lines(&world, "not_kept").await, []);
}

#[tokio::test]
async fn a_put_keeps_what_no_list_shows() {
    let world = World::new(Habits {
        lists_little: true,
        patches_nothing: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let theirs = json!({ "id": "x", "userName": "u0", "title": "old", "nickName": "Uno" });
    let path = "/Users/x".to_owned();
    world.theirs().resources.insert(path, theirs);
    world
        .push_files(&target, &users(1), "team,member\n")
        .await
        .unwrap();
    assert_eq!(world.user("u0")["title"], "title 0");
    assert_eq!(world.user("u0")["nickName"], "Uno");
}

#[tokio::test]
async fn a_patch_that_changes_nothing_is_followed_by_a_put() {
    let world = World::new(Habits {
        patches_nothing: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    world.push(&target, 2).await.unwrap();
    let users = "userName,title\nu0,Chief\n";
    let pushed = world
        .push_files(&target, users, "team,member\n")
        .await
        .unwrap();
    assert_eq!((pushed.deactivated, pushed.failed), (1, 0));
    assert_eq!(world.user("u0")["title"], "Chief");
    assert_eq!(world.user("u1")["active"], false);
    assert_eq!(lines(&world, "not_kept").await.len(), 0);
}

#[tokio::test]
async fn a_path_that_patch_refuses_is_sent_by_put() {
    for status in [400, 422, 501] {
        let world = World::new(Habits {
            refuses_patch_of: Some(("title", status)),
            ..Habits::default()
        })
        .await;
        let target = world.target(&world.settings()).await;
        world.push(&target, 3).await.unwrap();
        let users = "userName,title\nu0,Chief\nu1,title 1\n";
        let pushed = world.push_files(&target, users, TEAM).await.unwrap();
        assert_eq!((pushed.updated, pushed.failed), (1, 0), "{status}");
        assert_eq!(world.user("u0")["title"], "Chief");
        // What is refused for a user says nothing of teams.
        let theirs = world.theirs().requests.clone();
        assert!(!theirs.iter().any(|one| one.starts_with("PUT /Groups")));
    }
}

#[tokio::test]
async fn members_that_no_post_and_no_put_takes_are_added_by_patch() {
    let world = World::new(Habits {
        members_by_patch_alone: true,
        refuses_patch_of: Some(("title", 501)),
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    world.push(&target, 3).await.unwrap();
    assert_eq!(world.there().1, 3);
    // A user is changed before the team is.
    let users = "userName,title\nu0,Chief\nu1,title 1\n";
    let pushed = world.push_files(&target, users, TEAM).await.unwrap();
    assert_eq!((pushed.members_removed, pushed.failed), (1, 0));
    assert_eq!(world.there().1, 2);
}

#[tokio::test]
async fn a_put_that_leaves_the_members_as_they_were_is_no_success() {
    let world = World::new(Habits {
        members_by_patch_alone: true,
        no_patch: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let pushed = world.push(&target, 3).await.unwrap();
    assert_eq!((pushed.failed, pushed.members_added), (1, 0));
    let told = lines(&world, "fail").await;
    let reason = told[0].detail["reason"].as_str().unwrap();
    assert!(reason.contains("shows 0, 0 of which"), "{reason}");
}

#[tokio::test]
async fn a_team_that_is_shown_without_members_has_none_where_others_are_shown_with_them() {
    let world = World::new(Habits {
        omits_empty_lists: true,
        names_are_ids: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let users = "userName\nu0\nu1\n";
    let teams = "team,member\nSales,u0\nOps,u0\nOps,u1\n";
    world.push_files(&target, users, teams).await.unwrap();
    // Who is deleted there leaves the teams, and has the same id when created again.
    {
        let mut theirs = world.theirs();
        for one in theirs.resources.values_mut() {
            if one["displayName"] == "Sales" {
                one["members"] = json!([]);
            }
        }
    }
    let pushed = world
        .push_as(&target, users, teams, compares)
        .await
        .unwrap();
    assert_eq!((pushed.drifted, pushed.members_added), (1, 1));
    assert_eq!(world.there().1, 1);
    let pushed = world
        .push_as(&target, users, teams, compares)
        .await
        .unwrap();
    assert_eq!((pushed.drifted, pushed.members_added), (0, 0));
}

#[tokio::test]
async fn a_team_that_is_listed_without_members_is_read_before_they_are_missed() {
    let world = World::new(Habits {
        lists_no_members_of: Some("Sales"),
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let teams = "team,member\nOps,u0\nOps,u1\nSales,u0\nSales,u1\n";
    for (gone, drifted) in [(false, 0), (true, 1)] {
        if gone {
            for one in world.theirs().resources.values_mut() {
                if one["displayName"] == "Sales" {
                    one["members"].as_array_mut().unwrap().pop();
                }
            }
        }
        let pushed = world.push_as(&target, &users(2), teams, compares).await;
        assert_eq!(pushed.unwrap().drifted, drifted);
        assert_eq!(world.there().1, 2);
    }
}

#[tokio::test]
async fn a_put_whose_answer_shows_few_members_is_looked_at() {
    let world = World::new(Habits {
        answers_few_members: true,
        no_patch: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    world.push(&target, 4).await.unwrap();
    let pushed = world.push(&target, 3).await.unwrap();
    assert_eq!((pushed.failed, world.there().1), (0, 3));
}

#[tokio::test]
async fn members_that_patch_does_not_add_come_with_a_put_though_a_team_was_patched() {
    let world = World::new(Habits::default()).await;
    let target = world.target(&world.settings()).await;
    world.push(&target, 3).await.unwrap();
    for one in world.theirs().resources.values_mut() {
        if one["displayName"] == "Sales" {
            one["externalId"] = "theirs".into();
            one["members"] = json!([]);
        }
    }
    world.theirs().habits.refuses_patch_of = Some(("members", 501));
    world.ask_to_compare(&target).await;
    let pushed = world.push(&target, 3).await.unwrap();
    assert_eq!((pushed.failed, world.there().1), (0, 3));
}

#[tokio::test]
async fn who_is_not_listed_is_asked_for_before_they_are_missed() {
    let world = World::new(Habits {
        first_page_for_ever: Some(2),
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    world.push(&target, 6).await.unwrap();
    let asked = async || {
        world
            .push_as(&target, &users(6), TEAM, compares)
            .await
            .unwrap()
    };
    asked().await;
    let pushed = asked().await;
    assert_eq!((pushed.drifted, pushed.created), (0, 0));
    let gone = world.user("u5")["id"].as_str().unwrap().to_owned();
    world.theirs().resources.remove(&format!("/Users/{gone}"));
    // Who is not shown at all keeps nobody from being compared.
    world.theirs().habits.refuses_one = Some((403, "u4"));
    let pushed = asked().await;
    assert_eq!((pushed.drifted, pushed.created), (1, 1));
}

fn users(count: usize) -> String {
    let lines = (0..count).map(|n| format!("u{n},title {n}\n"));
    format!("userName,title\n{}", lines.collect::<String>())
}

#[tokio::test]
async fn each_of_many_teams_finds_the_form_that_takes_a_member_out() {
    let world = World::new(Habits {
        members_by_patch_alone: true,
        no_member_filter: true,
        ..Habits::default()
    })
    .await;
    let settings = TargetSettings {
        parallel: 8,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    // Each loses another number of members, so that one knows the form while another one has just been refused.
    let teams = |lost: usize| {
        let lines = (0..8).flat_map(|team| {
            let members = 0..10 - lost * (team + 1);
            members.map(move |n| format!("T{team},u{n}\n"))
        });
        format!("team,member\n{}", lines.collect::<String>())
    };
    let (before, after) = (teams(0), teams(1));
    world
        .push_files(&target, &users(10), &before)
        .await
        .unwrap();
    let pushed = world.push_files(&target, &users(10), &after).await.unwrap();
    let log = world.log(&target).await;
    assert_eq!((pushed.members_removed, pushed.failed), (36, 0), "{log:?}");
}
