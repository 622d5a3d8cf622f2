//! Targets that can less, or do it otherwise: no PATCH, no filter, no paging, few members at a time, 429.

use provisor_server::outbound::TargetSettings;

use crate::{
    server::{Habits, Removal},
    world::World,
};

/// Pushes twenty users and their team, then one less, to a server with this habit.
async fn copes_with(habits: Habits) -> World {
    let world = World::new(habits).await;
    let target = world.target(&world.settings()).await;
    let first = world.push(&target, 20).await.unwrap();
    assert_eq!(first.failed, 0, "{:?}", world.log(&target).await);
    let (users, members) = world.there();
    assert_eq!((users.len(), members), (20, 20), "{habits:?}");
    let before = world.theirs().requests.len();
    world.push(&target, 20).await.unwrap();
    let sent = world.theirs().requests[before..].to_vec();
    assert!(
        sent.iter().all(|request| request.starts_with("GET")),
        "{habits:?}: {sent:?}"
    );
    let second = world.push(&target, 19).await.unwrap();
    assert_eq!((second.deactivated, second.failed), (1, 0), "{habits:?}");
    let (users, members) = world.there();
    assert_eq!((users.len(), members), (20, 19), "{habits:?}");
    world
}

#[tokio::test]
async fn a_target_without_habits() {
    copes_with(Habits::default()).await;
}

#[tokio::test]
async fn a_target_without_patch_gets_whole_resources() {
    for no_config in [false, true] {
        let world = copes_with(Habits {
            no_patch: true,
            no_config,
            ..Habits::default()
        })
        .await;
        assert!(
            world
                .theirs()
                .requests
                .iter()
                .any(|request| request.starts_with("PUT /Groups/"))
        );
    }
}

#[tokio::test]
async fn a_target_that_answers_404_to_patch_is_not_taken_for_empty() {
    let world = World::new(Habits {
        no_patch_route: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    world.push(&target, 3).await.unwrap();
    let pushed = world.push(&target, 2).await.unwrap();
    assert_eq!(
        (pushed.deactivated, pushed.failed),
        (1, 0),
        "{:?}",
        world.log(&target).await
    );
    assert_eq!(world.user("u2")["active"], false);
    assert_eq!(world.there().1, 2);
    let changed = "userName,title\nu0,Chief\nu1,title 1\n";
    world
        .push_files(&target, changed, "team,member\nSales,u0\nSales,u1\n")
        .await
        .unwrap();
    assert_eq!(world.user("u0")["title"], "Chief");
    assert!(
        !world
            .log(&target)
            .await
            .iter()
            .any(|entry| entry.action == "missing")
    );
}

#[tokio::test]
async fn a_target_without_filters_or_paging_is_read_whole() {
    copes_with(Habits {
        refuses_filters: true,
        ..Habits::default()
    })
    .await;
    copes_with(Habits {
        ignores_filters: true,
        no_config: true,
        ..Habits::default()
    })
    .await;
    // Those it never shows are found by the conflict alone, and nobody is made twice.
    copes_with(Habits {
        first_page_for_ever: Some(5),
        ..Habits::default()
    })
    .await;
}

#[tokio::test]
async fn a_cap_on_members_is_found_by_halving() {
    let world = World::new(Habits {
        most_members: Some(3),
        ..Habits::default()
    })
    .await;
    let target = world
        .target(&TargetSettings {
            batch: 3,
            ..world.settings()
        })
        .await;
    assert_eq!(world.push(&target, 20).await.unwrap().failed, 0);
    assert_eq!(world.there().1, 20);
    // The settings say more than the server takes.
    let world = World::new(Habits {
        most_members: Some(3),
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    assert_eq!(world.push(&target, 3).await.unwrap().failed, 0);
    assert_eq!(world.push(&target, 20).await.unwrap().failed, 0);
    assert_eq!(world.there().1, 20);
}

#[tokio::test]
async fn members_leave_a_target_that_takes_no_filter_in_a_path() {
    for removal_by_value in [Removal::Works, Removal::EmptiesTheTeam, Removal::IsRefused] {
        let world = copes_with(Habits {
            no_member_filter: true,
            removal_by_value,
            ..Habits::default()
        })
        .await;
        let put = world
            .theirs()
            .requests
            .iter()
            .any(|request| request.starts_with("PUT /Groups/"));
        assert_eq!(put, matches!(removal_by_value, Removal::IsRefused));
    }
}

#[tokio::test]
async fn a_target_that_hides_members_loses_nobody_and_keeps_nobody() {
    let world = copes_with(Habits {
        hides_members: true,
        ..Habits::default()
    })
    .await;
    // A team that differs is read again.
    let target = world.only_target().await;
    for one in world.theirs().resources.values_mut() {
        if one["displayName"] == "Sales" {
            one["externalId"] = "theirs".into();
        }
    }
    world.ask_to_compare(&target).await;
    let teams = "team,member\nSales,u0\n";
    world
        .push_files(&target, "userName\nu0\nu1\n", teams)
        .await
        .unwrap();
    assert_eq!(world.there().1, 1);
}

#[tokio::test]
async fn members_that_are_not_shown_outlive_a_put_of_their_team() {
    for can_patch in [true, false] {
        let world = World::new(Habits {
            hides_members: true,
            no_patch: !can_patch,
            refuses_patch_of: Some(("externalId", 400)),
            ..Habits::default()
        })
        .await;
        let target = world.target(&world.settings()).await;
        world.push(&target, 3).await.unwrap();
        for one in world.theirs().resources.values_mut() {
            if one["displayName"] == "Sales" {
                one["externalId"] = "theirs".into();
            }
        }
        world.ask_to_compare(&target).await;
        assert_eq!(world.push(&target, 3).await.unwrap().drifted, 1);
        let asked = world.theirs().requests.clone();
        assert!(asked.iter().any(|line| line.starts_with("PUT /Groups")));
        assert_eq!(world.there().1, 3, "{can_patch}");
    }
}

#[tokio::test]
async fn one_refused_member_keeps_no_other_out() {
    let world = World::new(Habits {
        refuses_member: Some("u2"),
        ..Habits::default()
    })
    .await;
    let settings = TargetSettings {
        batch: 2,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    // The first batch comes with the creation, which this target does not look at.
    world.push(&target, 2).await.unwrap();
    let pushed = world.push(&target, 9).await.unwrap();
    assert_eq!((pushed.failed, world.there().1), (1, 8));
    let log = world.log(&target).await;
    let line = log.iter().find(|entry| !entry.ok).unwrap();
    assert!(
        line.detail["reason"]
            .as_str()
            .unwrap()
            .contains("no such member"),
        "{line:?}"
    );
}

#[tokio::test]
async fn a_busy_target_and_one_that_loses_answers_are_asked_again() {
    copes_with(Habits {
        busy: true,
        ..Habits::default()
    })
    .await;
    let world = copes_with(Habits {
        loses_answers: true,
        ..Habits::default()
    })
    .await;
    let posts = world
        .theirs()
        .requests
        .iter()
        .filter(|request| request.starts_with("POST /Users"))
        .count();
    assert_eq!(posts, 20, "what was created is found, not created again");
}
