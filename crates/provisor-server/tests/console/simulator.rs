//! `/simulator`: a made-up company moves in, is watched, stopped, and cleared.

use std::time::Duration;

use provisor_store::Role;

use crate::{browser::Browser, world::World};

const FORM: &[(&str, &str)] = &[
    ("provider", "okta"),
    ("scenario", "first-sync"),
    ("people", "30"),
    ("teams", "3"),
    ("seed", "7"),
    ("pace", "fast"),
];

fn with<'f>(changes: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let kept = FORM
        .iter()
        .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    kept.copied().chain(changes.iter().copied()).collect()
}

/// Starts one: its page.
async fn start(browser: &mut Browser, changes: &[(&str, &str)]) -> String {
    browser.get("/simulator").await.expect(200);
    browser.post("/simulator", &with(changes)).await.location()
}

/// The page once the simulation has ended.
async fn ended(browser: &mut Browser, path: &str) -> String {
    loop {
        let page = browser.get(path).await.expect(200);
        if page.contains("data-ended") {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_company_moves_in_and_is_cleared() {
    let world = World::new().await;
    world.tenant("acme").await;
    let mut owner = world.as_role(Role::Owner).await;
    let at = start(&mut owner, &[]).await;
    assert_eq!(at, "/simulator/1");
    let page = ended(&mut owner, &at).await;
    for shown in [
        "Everything is as it should be",
        "30 users, 3 teams and",
        "People assigned",
        "GET /Users?startIndex=1&#38;count=2",
        "CAP",
        "deletion for good: it sends none",
        "provisor simulate okta --target URL --token-file FILE --users 30 --teams 3 --seed 7 --scenario first-sync --pace fast --assert",
        "/users?tenant=simulated-okta-1",
        "/log?tenant=simulated-okta-1",
        "This is simulated data",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let page = owner.get("/simulator").await.expect(200);
    assert!(page.contains("as it should be"), "{page}");
}
