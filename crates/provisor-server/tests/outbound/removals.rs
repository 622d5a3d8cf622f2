//! Before access is taken: the preview, and the guard against too many at once.

use provisor_server::outbound::{
    Stopped, TargetSettings, Wish, preview::preview, settings::Deprovision,
};

use crate::{server::Habits, world::World};

const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value";

#[tokio::test]
async fn a_preview_counts_the_members_who_will_be_there() {
    let world = World::new(Habits::default()).await;
    let settings = TargetSettings {
        users: Some("title ne \"guest\"".to_owned()),
        ..world.settings()
    };
    let target = world.target(&settings).await;
    let users = "userName,title,active\nu0,a,true\nu1,a,false\nu2,guest,true\nu3,a,true\n";
    let teams = "team,member\nSales,u0\nSales,u1\nSales,u2\nSales,u3\n";
    let planned = async || {
        let target = world.current(&target).await;
        let steps = preview(&target, &world.wish(users, teams)).await.unwrap();
        let steps = steps.into_iter().map(|step| (step.action, step.members));
        steps.collect::<Vec<_>>()
    };
    let before = planned().await;
    assert_eq!(
        before,
        [
            ("create", 0),
            ("create", 0),
            ("create", 0),
            ("add_members", 2)
        ]
    );
    world.push_files(&target, users, teams).await.unwrap();
    assert_eq!(world.there().1, 2);
    assert_eq!(planned().await, []);
}

#[tokio::test]
async fn a_preview_knows_managers_by_their_ids_in_the_target() {
    let world = World::new(Habits::default()).await;
    let target = world.target(&world.settings()).await;
    let users = |of_lena: &str, of_otto: &str, boss: &str| {
        format!("id,userName,department,{MANAGER}\n1,lena,,{of_lena}\n2,otto,IT,{of_otto}\n{boss}")
    };
    let planned = async |users: &str| {
        let target = world.current(&target).await;
        let steps = preview(&target, &world.wish(users, "team,member\n")).await;
        let steps = steps.unwrap().into_iter();
        steps
            .map(|step| (step.action, step.label))
            .collect::<Vec<_>>()
    };
    let before = users("2", "", "");
    world
        .push_files(&target, &before, "team,member\n")
        .await
        .unwrap();
    assert_eq!(planned(&before).await, []);
    // Another manager, who is there already or comes with the same run.
    let lena = ("update", "lena".to_owned());
    assert_eq!(planned(&users("1", "", "")).await, [lena]);
    let boss = ("create", "boss".to_owned());
    let otto = ("update", "otto".to_owned());
    assert_eq!(planned(&users("2", "3", "3,boss,,\n")).await, [boss, otto]);
}

#[tokio::test]
async fn who_was_created_in_a_killed_run_counts_as_one_who_leaves() {
    let world = World::new(Habits {
        hangs: true,
        ..Habits::default()
    })
    .await;
    let settings = TargetSettings {
        deprovision: Deprovision::Delete,
        most_removals: 1,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    let created = world.theirs().created.clone();
    let both = async {
        while world.there().0.len() < 2 {
            created.notified().await;
        }
    };
    let (users, teams) = ("id,userName\n1,lena\n2,otto\n", "team,member\n");
    tokio::select! {
        ended = world.push_files(&target, users, teams) => panic!("{ended:?}"),
        () = both => {}
    }
    world.theirs().habits.hangs = false;
    let next = "id,userName\n1,lena\n3,anna\n";
    let planned = async |users: &str| {
        let target = world.current(&target).await;
        let steps = preview(&target, &world.wish(users, teams)).await.unwrap();
        let steps = steps.into_iter();
        steps
            .map(|step| (step.action, step.local, step.reason))
            .collect::<Vec<_>>()
    };
    let interrupted = "it was created earlier, and the run was interrupted before its id was known";
    let may_be_there = "or linked, if the target has one like it".to_owned();
    assert_eq!(
        planned(next).await,
        [
            (
                "create",
                "1".to_owned(),
                format!("or linked, if it is there: {interrupted}")
            ),
            ("create", "3".to_owned(), may_be_there),
            (
                "delete",
                "2".to_owned(),
                format!("not in the source any more, if it is there: {interrupted}")
            ),
        ]
    );
    let stopped = world
        .push_files(&target, "id,userName\n3,anna\n", teams)
        .await;
    let (removals, before, most) = (2, 0, 1);
    let too_many = Stopped::TooManyRemovals {
        removals,
        before,
        most,
    };
    assert_eq!(stopped, Err(too_many));
    assert_eq!(world.there().0, ["lena", "otto"]);
    let pushed = world.push_files(&target, next, teams).await.unwrap();
    assert_eq!((pushed.created, pushed.deleted, pushed.failed), (1, 1, 0));
    assert_eq!(world.there().0, ["anna", "lena"]);
}

#[tokio::test]
async fn many_small_runs_count_as_a_large_one() {
    let world = World::new(Habits::default()).await;
    let settings = TargetSettings {
        most_removals: 3,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    world.push(&target, 9).await.unwrap();
    for left in [8, 7, 6] {
        assert_eq!(world.push(&target, left).await.unwrap().deactivated, 1);
    }
    let stopped = world.push(&target, 5).await.unwrap_err();
    let (removals, before, most) = (1, 3, 3);
    assert_eq!(
        stopped,
        Stopped::TooManyRemovals {
            removals,
            before,
            most
        }
    );
    // Nobody leaves: nothing is stopped.
    world.push(&target, 6).await.unwrap();
    let users = "userName\nu0\nu1\nu2\nu3\nu4\n";
    let asked = |wish: &mut Wish| wish.allow_removals = true;
    let allowed = world.push_as(&target, users, "team,member\n", asked).await;
    assert_eq!(allowed.unwrap().deactivated, 1);
    assert_eq!(world.push(&target, 4).await.unwrap().deactivated, 1);
}
