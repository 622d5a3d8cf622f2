//! Answers that say nothing of the user they stand for, and those that concern one user alone.

use provisor_server::outbound::{Stopped, TargetSettings};

use crate::{server::Habits, world::World};

#[tokio::test]
async fn a_status_for_one_user_keeps_no_other_out() {
    for status in [401, 429, 500] {
        for is_new in [true, false] {
            let world = World::new(Habits::default()).await;
            // One after the other, so that whoever is behind can be kept waiting.
            let settings = TargetSettings {
                parallel: 1,
                teams: false,
                ..world.settings()
            };
            let target = world.target(&settings).await;
            if !is_new {
                world.push(&target, 3).await.unwrap();
            }
            world.theirs().habits.refuses_one = Some((status, "u0"));
            let case = format!("{status}, {is_new}");
            let (users, teams) = ("userName,title\nu0,b\nu1,b\nu2,b\n", "team,member\n");
            let pushed = world.push_files(&target, users, teams).await;
            let pushed = pushed.unwrap_or_else(|stopped| panic!("{case}: {stopped}"));
            assert_eq!(pushed.failed, 1, "{case}");
            assert_eq!(world.user("u2")["title"], "b", "{case}");
            let log = world.log(&target).await;
            let told: Vec<_> = log.iter().filter(|entry| !entry.ok).collect();
            assert_eq!((told.len(), told[0].label.as_str()), (1, "u0"), "{case}");
        }
    }
}

#[tokio::test]
async fn a_target_that_is_busy_for_ever_ends_the_run_and_marks_nobody() {
    let world = World::new(Habits {
        throttles_for_ever: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let stopped = world.push(&target, 30).await.unwrap_err();
    assert!(matches!(stopped, Stopped::Busy(_)), "{stopped:?}");
    let asked = world.theirs().requests.len();
    assert!(asked < 100, "{asked}");
    world.assert_nobody_is_marked(&target).await;
}

#[tokio::test]
async fn a_target_that_falls_silent_ends_the_run_and_marks_nobody() {
    let world = World::new(Habits {
        is_silent: true,
        ..Habits::default()
    })
    .await;
    let settings = TargetSettings {
        timeout: 1,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    let stopped = world.push(&target, 30).await.unwrap_err();
    assert!(matches!(stopped, Stopped::Unreachable(_)), "{stopped:?}");
    // Where they are looked up stands in no outcome: it has their names.
    assert!(!stopped.to_string().contains("/Users"), "{stopped}");
    world.assert_nobody_is_marked(&target).await;
}

#[tokio::test]
async fn a_user_whose_requests_hang_keeps_nobody_waiting() {
    let world = World::new(Habits::default()).await;
    let settings = TargetSettings {
        parallel: 1,
        timeout: 1,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    world.push(&target, 3).await.unwrap();
    world.theirs().habits.hangs_for = Some("u0");
    let users = "userName,title\nu0,b\nu1,b\nu2,b\n";
    let pushed = world
        .push_files(&target, users, "team,member\nSales,u1\n")
        .await
        .unwrap();
    assert_eq!((pushed.failed, pushed.members_removed), (1, 2));
    assert_eq!(world.user("u2")["title"], "b");
}

#[tokio::test]
async fn a_target_that_answers_500_to_everything_ends_the_run_and_marks_nobody() {
    let world = World::new(Habits::default()).await;
    let target = world.target(&world.settings()).await;
    world.push(&target, 3).await.unwrap();
    world.theirs().habits.echoes = Some(503);
    let stopped = world.push(&target, 2).await.unwrap_err();
    assert!(matches!(stopped, Stopped::Unreachable(_)), "{stopped:?}");
    world.assert_nobody_is_marked(&target).await;
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let world = World::new(Habits {
        redirects: Some("http://169.254.169.254/latest"),
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let stopped = world.push(&target, 3).await.unwrap_err();
    let Stopped::Settings(why) = &stopped else {
        panic!("{stopped:?}")
    };
    assert!(why.contains("http://169.254.169.254/latest"), "{why}");
    world.assert_nobody_is_marked(&target).await;
    assert_eq!(world.theirs().requests.len(), 1);
}

#[tokio::test]
async fn ids_may_be_numbers() {
    let world = World::new(Habits {
        numbers: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let pushed = world.push(&target, 3).await.unwrap();
    assert_eq!((pushed.created, pushed.failed), (4, 0));
    let left = world.push(&target, 2).await.unwrap();
    assert_eq!((left.deactivated, left.failed), (1, 0));
    assert_eq!(world.user("u2")["active"], false);
    assert_eq!(world.there().1, 2);
}

#[tokio::test]
async fn an_id_that_leads_elsewhere_is_none() {
    let long: &'static str = "x".repeat(5000).leak();
    for id in ["..", ".", "", long] {
        let world = World::new(Habits {
            id: Some(id),
            ..Habits::default()
        })
        .await;
        let target = world.target(&world.settings()).await;
        let pushed = world.push_files(&target, "userName\nu0\n", "team,member\n");
        let pushed = pushed.await.unwrap();
        assert_eq!((pushed.created, pushed.failed), (0, 1), "{id:.5}");
        let asked = world.theirs().requests.clone();
        let posted = asked.iter().filter(|line| line.starts_with("POST"));
        assert_eq!(posted.count(), 1, "{id:.5}: it is not made twice");
        let told = world.log(&target).await;
        let told = told.iter().find(|entry| !entry.ok).unwrap();
        let reason = told.detail["reason"].as_str().unwrap();
        assert!(reason.contains("id that"), "{id:.5}: {reason}");
        assert!(reason.len() < 500, "{}", reason.len());
    }
}

#[tokio::test]
async fn an_id_is_one_segment_of_a_path_whatever_is_in_it() {
    for id in [
        "a/../b",
        "a?b=c",
        "a#b",
        "%2e%2e",
        "a\r\nb: c",
        "ü ☃",
        "../Groups",
    ] {
        let world = World::new(Habits {
            id: Some(id),
            ..Habits::default()
        })
        .await;
        let target = world.target(&world.settings()).await;
        let push = async |users: &str| {
            let pushed = world.push_files(&target, users, "team,member\n").await;
            pushed.unwrap()
        };
        push("userName\nu0\n").await;
        world.theirs().requests.clear();
        push("userName\n").await;
        let path = format!("/Users/{}", scim_client::segment(id));
        for line in &world.theirs().requests {
            let at = line.split(' ').nth(1).unwrap();
            let at = at.split('?').next().unwrap();
            assert!(
                [&path, "/Users", "/ServiceProviderConfig"].contains(&at),
                "{line}"
            );
        }
        assert!(
            world
                .theirs()
                .requests
                .iter()
                .any(|line| line.ends_with(&path))
        );
    }
}

#[tokio::test]
async fn an_answer_of_very_many_values_is_not_read() {
    let world = World::new(Habits {
        is_endless: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let pushed = world.push_files(&target, "userName\nu0\n", "team,member\n");
    assert_eq!(pushed.await.unwrap().failed, 1);
    let told = world.log(&target).await;
    let told = told.iter().find(|entry| !entry.ok).unwrap();
    let reason = told.detail["reason"].as_str().unwrap();
    assert!(reason.contains("more than 4000000 values"), "{reason}");
}
