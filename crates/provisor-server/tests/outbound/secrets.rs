//! The secret of a target: sent to whom it was given for, and never shown.

use provisor_server::outbound::{TargetSettings, probe, settings::AuthMode, view};
use provisor_store::{Change, TargetChange, target::TargetCounts};
use serde_json::json;

use crate::{server::Habits, world::World};

#[tokio::test]
async fn a_secret_that_the_target_repeats_is_masked() {
    let basic = AuthMode::Basic {
        user: "anna".to_owned(),
    };
    for auth in [AuthMode::Bearer, AuthMode::Raw, basic] {
        for status in [401, 403] {
            let world = World::new(Habits {
                echoes: Some(status),
                ..Habits::default()
            })
            .await;
            let settings = TargetSettings {
                auth: auth.clone(),
                ..world.settings()
            };
            let said = probe(&settings, Some("pa55w0rd")).await.unwrap_err();
            let said = said.to_string();
            assert!(
                said.contains("what is") && said.contains("[secret]"),
                "{said}"
            );
            // The last in Base64, as Basic has it.
            for secret in ["pa55w0rd", "YW5uYTpwYTU1dzByZA"] {
                assert!(!said.contains(secret), "{said}");
            }
        }
    }
}

#[tokio::test]
async fn a_secret_is_sent_to_no_address_it_was_not_given_for() {
    let world = World::new(Habits::default()).await;
    let old = world.settings();
    let target = world.target(&old).await;
    let key = world.wish("userName\n", "team,member\n").key;
    // One gives the secret for the address that was, while another one sets the new one.
    let elsewhere = TargetSettings {
        url: world.url.replace("127.0.0.1", "localhost"),
        ..old.clone()
    };
    world.set(&target, &elsewhere).await;
    let given = key.seal_of(&target, "s3cret").unwrap();
    world.write(Change::Target(given)).await;
    let stopped = world.push(&target, 1).await.unwrap_err();
    assert!(stopped.to_string().contains("another address"), "{stopped}");
    assert_eq!(world.theirs().requests, Vec::<String>::new());
    // Once it is as it was, so is the secret.
    world.set(&target, &old).await;
    assert_eq!(world.push(&target, 1).await.unwrap().failed, 0);
}

#[tokio::test]
async fn a_secret_is_sent_as_the_settings_say() {
    let basic = AuthMode::Basic {
        user: "anna".to_owned(),
    };
    for (auth, secret, sent) in [
        (AuthMode::Bearer, "t0ken", "Bearer t0ken"),
        (AuthMode::Bearer, "Bearer t0ken", "Bearer t0ken"),
        (AuthMode::Raw, "t0ken", "t0ken"),
        (AuthMode::Raw, "Key t0ken", "Key t0ken"),
        (basic, "t0ken", "Basic YW5uYTp0MGtlbg=="),
    ] {
        let world = World::new(Habits::default()).await;
        let settings = TargetSettings {
            auth,
            ..world.settings()
        };
        probe(&settings, Some(secret)).await.unwrap();
        assert_eq!(world.theirs().signed, sent);
    }
}

#[tokio::test]
async fn a_target_that_is_kept_with_the_mode_header_goes_on() {
    let world = World::new(Habits::default()).await;
    let mut settings = world.settings().to_json();
    settings["auth"] = json!({ "mode": "header" });
    let create = TargetChange::Create {
        name: "crm".to_owned(),
        settings,
    };
    world.write(Change::Target(create)).await;
    let target = world.only_target().await;
    let key = world.wish("userName\n", "team,member\n").key;
    let given = key.seal_of(&target, "s3cret").unwrap();
    world.write(Change::Target(given)).await;
    assert_eq!(world.push(&target, 1).await.unwrap().failed, 0);
    assert_eq!(world.theirs().signed, "Bearer s3cret");
    let shown = view::target(&target, &TargetCounts::default(), 0);
    assert_eq!(shown["settings"]["auth"], json!({ "mode": "bearer" }));
}
