//! Who comes back under a new id, and who has the name of somebody who left: the target's user is theirs.

use provisor_server::outbound::{
    Pushed, TargetSettings,
    mapping::Rule,
    settings::{Deprovision, MatchBy, SourceKind},
};
use provisor_store::{Change, target::Target};
use scim::Registry;
use serde_json::json;

use crate::{server::Habits, world::World};

const NO_TEAMS: &str = "team,member\n";

async fn push_tenant(world: &World, target: &Target) -> Pushed {
    let pushed = world.push_as(target, "userName\n", NO_TEAMS, |wish| wish.files = None);
    pushed.await.unwrap()
}

#[tokio::test]
async fn who_is_deleted_and_created_again_has_access_again() {
    for (deprovision, in_one_run) in [
        (Deprovision::Deactivate, false),
        (Deprovision::Deactivate, true),
        (Deprovision::Delete, true),
    ] {
        // The later one of two is pushed first in one of the cases, whichever id is smaller.
        let world = World::new(Habits::default()).await;
        let settings = TargetSettings {
            source: SourceKind::Tenant,
            deprovision,
            parallel: 1,
            ..world.settings()
        };
        let target = world.target(&settings).await;
        for _ in 0..6 {
            let before = world.create_user("lena").await;
            push_tenant(&world, &target).await;
            assert_eq!(world.user("lena")["active"], true);
            let delete = Change::Delete {
                kind: Registry::builtin().by_name("User").unwrap().clone(),
                id: before,
                precondition: None,
            };
            world.write(delete).await;
            if !in_one_run {
                push_tenant(&world, &target).await;
                assert_eq!(world.user("lena")["active"], false);
            }
            // Not brought back, but made anew.
            world.write(Change::Erase { id: before }).await;
            let after = world.create_user("lena").await;
            let pushed = push_tenant(&world, &target).await;
            assert_eq!(pushed.failed, 0, "{:?}", world.log(&target).await);
            let held = world.user("lena");
            assert_eq!(held["active"], true);
            assert_eq!(held["externalId"], after.to_string());
            assert_eq!(world.there().0, ["lena"]);
            let object = world.object(&target, &after.to_string()).await;
            assert_eq!(object.remote.as_deref(), held["id"].as_str());
            assert_eq!(world.known(&target).await.len(), 1);
            let delete = Change::Erase { id: after };
            world.write(delete).await;
            push_tenant(&world, &target).await;
        }
    }
}

#[tokio::test]
async fn who_was_erased_and_hired_again_is_linked_again() {
    let world = World::new(Habits::default()).await;
    let target = world.target(&world.settings()).await;
    let lena = world.create_user("lena").await;
    let both = "userName\nlena\notto\n";
    world.push_files(&target, both, NO_TEAMS).await.unwrap();
    world.write(Change::Erase { id: lena }).await;
    let one = "userName\notto\n";
    world.push_files(&target, one, NO_TEAMS).await.unwrap();
    assert_eq!(world.user("lena")["active"], false);
    let pushed = world.push_files(&target, both, NO_TEAMS).await.unwrap();
    assert_eq!((pushed.linked, pushed.failed), (1, 0));
    assert_eq!(world.user("lena")["active"], true);
    assert_eq!(world.there().0, ["lena", "otto"]);
    // At once, without a run in between.
    let lena = world.create_user("lena").await;
    world.write(Change::Erase { id: lena }).await;
    let pushed = world.push_files(&target, both, NO_TEAMS).await.unwrap();
    assert_eq!(pushed.failed, 0);
    assert_eq!(world.user("lena")["active"], true);
}

#[tokio::test]
async fn whoever_has_an_address_of_the_erased_keeps_the_access() {
    let world = World::new(Habits::default()).await;
    let target = world.target(&world.settings()).await;
    let lena = world.create_user("sales@x").await;
    world.rename_user(lena, "lena@x").await;
    world.create_user("sales@x").await;
    let files = "userName\nlena@x\nsales@x\n";
    world.push_files(&target, files, NO_TEAMS).await.unwrap();
    let requests = world.theirs().requests.len();
    world.write(Change::Erase { id: lena }).await;
    let files = "userName\nsales@x\n";
    let pushed = world.push_files(&target, files, NO_TEAMS).await.unwrap();
    assert_eq!((pushed.deactivated, pushed.failed), (1, 0));
    assert_eq!(world.user("sales@x")["active"], true);
    assert_eq!(world.user("lena@x")["active"], false);
    let sent = world.theirs().requests[requests..].to_vec();
    let changes = sent.iter().filter(|request| !request.starts_with("GET"));
    assert_eq!(changes.count(), 1, "{sent:?}");
    // Nobody here has the address, but the row is evidently of somebody called otherwise.
    let max = world.create_user("info@x").await;
    world.rename_user(max, "max@x").await;
    let files = "id,userName\ninfo@x,otto\nsales@x,sales@x\n";
    world.push_files(&target, files, NO_TEAMS).await.unwrap();
    world.write(Change::Erase { id: max }).await;
    let pushed = world.push_files(&target, files, NO_TEAMS).await.unwrap();
    assert_eq!((pushed.deactivated, pushed.failed), (0, 0));
    assert_eq!(world.object(&target, "info@x").await.label, "otto");
}

#[tokio::test]
async fn nothing_of_the_one_who_left_comes_along() {
    let world = World::new(Habits::default()).await;
    let target = world.target(&world.settings()).await;
    let files = "id,userName,title\n1,lena,Chief\n2,otto,\n";
    world.push_files(&target, files, NO_TEAMS).await.unwrap();
    assert_eq!(world.user("lena")["title"], "Chief");
    let files = "id,userName\n2,otto\n";
    world.push_files(&target, files, NO_TEAMS).await.unwrap();
    assert_eq!(world.user("lena")["active"], false);
    let files = "id,userName\n2,otto\n3,lena\n";
    let pushed = world.push_files(&target, files, NO_TEAMS).await.unwrap();
    assert_eq!((pushed.linked, pushed.failed), (1, 0));
    let lena = world.user("lena");
    assert_eq!(lena["active"], true);
    assert!(lena["title"].is_null(), "{lena}");
}

#[tokio::test]
async fn a_name_is_inherited_though_users_are_looked_up_by_something_else() {
    for identifier in [MatchBy::ExternalId, MatchBy::Email] {
        for (refuses_filters, in_one_run) in [(false, false), (true, false), (false, true)] {
            let habits = Habits {
                refuses_filters,
                ..Habits::default()
            };
            let world = World::new(habits).await;
            let settings = TargetSettings {
                identifier,
                ..world.settings()
            };
            let target = world.target(&settings).await;
            let files = "id,userName,email\n1,lena,lena@x\n2,otto,otto@x\n";
            world.push_files(&target, files, NO_TEAMS).await.unwrap();
            if !in_one_run {
                let files = "id,userName,email\n2,otto,otto@x\n";
                world.push_files(&target, files, NO_TEAMS).await.unwrap();
                assert_eq!(world.user("lena")["active"], false);
            }
            let files = "id,userName,email\n2,otto,otto@x\n3,lena,l@x\n";
            let pushed = world.push_files(&target, files, NO_TEAMS).await.unwrap();
            assert_eq!(pushed.failed, 0, "{:?}", world.log(&target).await);
            let lena = world.user("lena");
            assert_eq!(lena["active"], true);
            assert_eq!(lena["externalId"], "3");
            assert_eq!(lena["emails"][0]["value"], "l@x");
            assert_eq!(world.there().0, ["lena", "otto"]);
            let object = world.object(&target, "3").await;
            assert_eq!(object.remote.as_deref(), lena["id"].as_str());
            assert_eq!(world.known(&target).await.len(), 2);
        }
    }
}

#[tokio::test]
async fn a_name_that_is_not_theirs_to_have_stays_and_the_refusal_says_whose_it_is() {
    let world = World::new(Habits::default()).await;
    let settings = TargetSettings {
        identifier: MatchBy::ExternalId,
        rules: vec![Rule::parse("userName=from:title").unwrap()],
        parallel: 1,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    let stranger = json!({ "id": "7", "userName": "max", "active": true });
    let at = "/Users/7".to_owned();
    world.theirs().resources.insert(at, stranger.clone());
    let files = "id,userName,title\n1,a,lena\n2,b,lena\n3,c,max\n";
    let pushed = world.push_files(&target, files, NO_TEAMS).await.unwrap();
    assert_eq!((pushed.created, pushed.failed), (1, 2));
    assert_eq!(world.user("lena")["externalId"], "1");
    assert_eq!(world.user("max"), stranger);
    for (local, whose) in [
        ("2", "is linked to another user of the source already"),
        ("3", "is linked to nobody of the source"),
    ] {
        let object = world.object(&target, local).await;
        assert_eq!((object.remote, object.sent), (None, None));
        let error = object.error.unwrap();
        assert!(error.contains("409") && error.contains(whose), "{error}");
    }
}
