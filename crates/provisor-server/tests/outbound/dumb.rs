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
    assert!(
        world
            .known(&target)
            .await
            .iter()
            .all(|one| one.attempts == 0)
    );
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
    assert!(
        world
            .known(&target)
            .await
            .iter()
            .all(|one| one.attempts == 0)
    );
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
    assert!(
        world
            .known(&target)
            .await
            .iter()
            .all(|one| one.attempts == 0)
    );
    assert_eq!(world.theirs().requests.len(), 1);
}
