//! What is refused, and what ends a run early: nobody loses more by it than they should.

use std::sync::Arc;

use provisor_server::outbound::{
    Stopped, TargetSettings, Turns, probe,
    settings::{AuthMode, Deprovision, MatchBy},
};
use provisor_store::{Change, Store, TargetChange, target::Kind};
use serde_json::json;
use tokio::sync::Notify;

use crate::{server::Habits, world::World};

#[tokio::test]
async fn what_the_target_refuses_is_told_and_the_rest_goes_on() {
    let world = World::new(Habits::default()).await;
    // A user of theirs has the name under another key, so that neither lookup nor creation works.
    let settings = TargetSettings {
        identifier: MatchBy::ExternalId,
        deprovision: Deprovision::Delete,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    world.theirs().resources.insert(
        "/Users/x".to_owned(),
        json!({ "id": "x", "userName": "u1" }),
    );
    let pushed = world.push(&target, 3).await.unwrap();
    assert_eq!((pushed.created, pushed.failed, pushed.waiting), (3, 1, 1));
    let log = world.log(&target).await;
    let line = log.iter().find(|entry| !entry.ok).unwrap();
    assert_eq!((line.label.as_str(), line.status), ("u1", Some(409)));
    assert!(
        line.detail["reason"]
            .as_str()
            .unwrap()
            .contains("it is taken"),
        "{line:?}"
    );
    assert_eq!(world.there().1, 2, "the team has those who are there");
    // Once it can be, it is, and the team gets its member.
    world.theirs().resources.remove("/Users/x");
    let pushed = world.push(&target, 3).await.unwrap();
    assert_eq!((pushed.created, pushed.failed, pushed.waiting), (1, 0, 0));
    assert_eq!(world.there().1, 3);
}

#[tokio::test]
async fn refused_credentials_end_the_run_and_mark_nobody() {
    let world = World::new(Habits {
        answers_401: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let stopped = world.push(&target, 3).await.unwrap_err();
    assert!(matches!(stopped, Stopped::Unauthorized(_)), "{stopped:?}");
    // The list of users is asked, too: is it about all of it?
    assert_eq!(world.theirs().requests.len(), 2);
    assert!(
        probe(&world.settings(), None)
            .await
            .unwrap_err()
            .to_string()
            .contains("who are you?")
    );
    world.theirs().habits.answers_401 = false;
    assert_eq!(world.push(&target, 3).await.unwrap().created, 4);
    let log = world.log(&target).await;
    let outcomes: Vec<bool> = log
        .iter()
        .filter(|entry| entry.action == "run")
        .map(|entry| entry.ok)
        .collect();
    assert_eq!(outcomes, [true, false]);
}

#[tokio::test]
async fn an_address_that_knows_nothing_is_not_taken_for_an_empty_target() {
    let elsewhere = Habits {
        is_elsewhere: true,
        ..Habits::default()
    };
    let lost = Habits {
        lost_its_users: true,
        ..Habits::default()
    };
    for (habits, deprovision) in [
        (elsewhere, Deprovision::Deactivate),
        (lost, Deprovision::Deactivate),
        (lost, Deprovision::Delete),
    ] {
        let world = World::new(Habits::default()).await;
        let settings = TargetSettings {
            deprovision,
            ..world.settings()
        };
        let target = world.target(&settings).await;
        world.push(&target, 3).await.unwrap();
        let remote = world.object(&target, "u2").await.remote;
        assert!(remote.is_some());
        world.theirs().habits = habits;
        // One is changed, one leaves, one is new.
        let users = "userName,title\nu0,Chief\nu1,title 1\nu3,new\n";
        let stopped = world.push_files(&target, users, "team,member\n").await;
        let stopped = stopped.unwrap_err().to_string();
        assert!(
            stopped.contains("answers 404") && stopped.contains("--url"),
            "{stopped}"
        );
        assert_eq!(world.object(&target, "u2").await.remote, remote);
        assert!(world.object(&target, "u0").await.remote.is_some());
        let log = world.log(&target).await;
        assert!(log.iter().all(|entry| entry.action != "missing"), "{log:?}");
        // Once the address is right again, nobody is created anew, and whoever left loses the access.
        world.theirs().habits = Habits::default();
        let pushed = world.push_files(&target, users, "team,member\n").await;
        let pushed = pushed.unwrap();
        assert_eq!((pushed.created, pushed.failed), (1, 0), "{pushed:?}");
        assert_eq!(pushed.deactivated + pushed.deleted, 2, "the user, the team");
    }
    let world = World::new(elsewhere).await;
    let said = probe(&world.settings(), None).await.unwrap_err();
    assert!(said.to_string().contains("answers 404"), "{said}");
    let target = world.target(&world.settings()).await;
    let stopped = world.push(&target, 3).await.unwrap_err();
    assert!(stopped.to_string().contains("answers 404"), "{stopped}");
    let requests = world.theirs().requests.clone();
    assert!(requests.len() <= 4, "{requests:?}");
}

#[tokio::test]
async fn a_target_that_drops_its_teams_still_gets_its_users() {
    // One loses a member, or leaves.
    for left in ["team,member\nSales,u0\n", "team,member\n"] {
        let world = World::new(Habits::default()).await;
        let target = world.target(&world.settings()).await;
        world.push(&target, 3).await.unwrap();
        world.theirs().habits.lost_its_teams = true;
        let users = "userName,title\nu0,title 0\nu1,title 1\n";
        let pushed = world.push_files(&target, users, left).await.unwrap();
        assert_eq!((pushed.failed, pushed.deactivated), (1, 1));
        let log = world.log(&target).await;
        let told = log.iter().find(|entry| !entry.ok).unwrap();
        assert_eq!(told.kind, Kind::Team);
        // It is the same team once there are teams again.
        world.theirs().habits.lost_its_teams = false;
        let teams = "team,member\nSales,u1\n";
        let pushed = world.push_files(&target, users, teams).await.unwrap();
        assert_eq!((pushed.created, pushed.linked, pushed.failed), (0, 0, 0));
        assert_eq!(world.there().1, 1);
    }
}

#[tokio::test]
async fn a_page_that_is_not_found_ends_the_list_and_not_the_run() {
    let world = World::new(Habits {
        loses_pages: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    // More than are looked up one by one, and more than a page has.
    world.push(&target, 120).await.unwrap();
    let again: String = (0..120).map(|n| format!("{n},u{n}\n")).collect();
    let users = format!("id,userName\n{again}");
    let pushed = world.push_files(&target, &users, "team,member\n").await;
    assert_eq!(pushed.unwrap().failed, 0, "{:?}", world.log(&target).await);
    world.ask_to_compare(&target).await;
    let pushed = world.push_files(&target, &users, "team,member\n").await;
    let pushed = pushed.unwrap();
    assert_eq!((pushed.created, pushed.failed), (0, 0));
    assert_eq!(world.current(&target).await.outcome, "");
}

#[tokio::test]
async fn a_run_ends_when_its_target_is_paused_set_anew_or_removed() {
    let set = |id, active, settings| TargetChange::Set {
        id,
        name: None,
        settings,
        active,
        credentials: None,
    };
    for case in ["paused", "set anew", "removed"] {
        let world = World::new(Habits::default()).await;
        let target = world.target(&world.settings()).await;
        let id = target.id;
        let activate = set(id, Some(true), None);
        world.write(Change::Target(activate)).await;
        let (there, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        world.theirs().hold = Some((there.clone(), go.clone()));
        let interrupt = async {
            there.notified().await;
            let change = match case {
                "paused" => set(id, Some(false), None),
                "set anew" => {
                    let other = TargetSettings {
                        update: false,
                        ..world.settings()
                    };
                    set(id, None, Some(other.to_json()))
                }
                _ => TargetChange::Remove { id, chunk: 10 },
            };
            world.write(Change::Target(change)).await;
            go.notify_one();
        };
        // More than are read ahead.
        let (pushed, ()) = tokio::join!(world.push(&target, 900), interrupt);
        assert_eq!(pushed, Err(Stopped::Asked), "{case}");
        let (users, _) = world.there();
        assert!(users.len() < 900, "{case}: {}", users.len());
        if case != "removed" {
            let log = world.log(&target).await;
            let told = log.iter().filter(|entry| entry.action == "create").count();
            assert_eq!(told, users.len(), "{case}: what was done is written down");
            let outcome = world.current(&target).await.outcome;
            assert!(outcome.contains("it was stopped"), "{outcome}");
            let mut view = world.store.read().await.unwrap();
            let place = (world.tenant, target.id);
            let objects = view
                .target_objects(place, Kind::User, false, "", 1000)
                .await
                .unwrap();
            assert_eq!(objects.len(), 900);
            let mut unsent = objects.iter().filter(|object| object.remote.is_none());
            assert!(
                unsent.all(|object| object.sent.is_none()),
                "{case}: whoever was not sent is not looked for"
            );
        }
    }
}

#[tokio::test]
async fn a_token_endpoint_that_is_away_is_no_refusal() {
    let world = World::new(Habits {
        answers_401: true,
        ..Habits::default()
    })
    .await;
    let settings = |token_url: String| TargetSettings {
        auth: AuthMode::Oauth {
            token_url,
            client_id: "provisor".to_owned(),
            scope: None,
        },
        ..world.settings()
    };
    let refusing = settings(format!("{}/token", world.url));
    let stopped = probe(&refusing, Some("s3cret")).await.unwrap_err();
    assert!(
        matches!(&stopped, Stopped::Unauthorized(why) if why.contains("/token")),
        "{stopped:?}"
    );
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let away = format!("http://{}/token", free.local_addr().unwrap());
    drop(free);
    let target = world.target(&settings(away.clone())).await;
    let stopped = world.push(&target, 1).await.unwrap_err();
    assert!(
        matches!(&stopped, Stopped::Unreachable(why) if why.contains(&away)),
        "{stopped:?}"
    );
}

#[tokio::test]
async fn a_long_run_lets_others_go_first_and_goes_on_later() {
    let world = World::new(Habits::default()).await;
    let target = world.target(&world.settings()).await;
    let turns = Turns::new(1, std::time::Duration::ZERO);
    let users = |n: usize| {
        let lines: String = (0..n).map(|n| format!("u{n}\n")).collect();
        format!("userName\n{lines}")
    };
    let turn = Arc::new(turns.take().await.unwrap());
    // Nobody waits: it goes to its end.
    let asked = |wish: &mut provisor_server::outbound::Wish| wish.turn = Some(turn.clone());
    let few = users(5);
    let pushed = world.push_as(&target, &few, "team,member\n", asked);
    assert_eq!(pushed.await.unwrap().created, 5);
    let waits = tokio::spawn({
        let turns = turns.clone();
        async move { turns.take().await.is_some() }
    });
    while turns.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    world.ask_to_compare(&target).await;
    let before = world.current(&target).await;
    let asked = |wish: &mut provisor_server::outbound::Wish| wish.turn = Some(turn);
    let many = users(50);
    let pushed = world.push_as(&target, &many, "team,member\n", asked);
    assert_eq!(pushed.await, Err(Stopped::Turn));
    // It is wanted as it was: it did not answer whoever asked.
    let after = world.current(&target).await;
    assert!(before.asked > 0);
    assert_eq!((after.asked, after.ran), (before.asked, before.ran));
    // Each worker did what it had begun, and the other one has its turn.
    let created = world.there().0.len();
    assert!(created < 15, "{created}");
    assert!(waits.await.unwrap());
    let pushed = world.push_files(&target, &many, "team,member\n").await;
    assert_eq!(pushed.unwrap().failed, 0);
    assert_eq!(world.there().0.len(), 50);
}
