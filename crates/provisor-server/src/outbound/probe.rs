//! The connector test.

use std::time::Duration;

use provisor_store::target::Kind;
use scim::Value;
use scim_client::Page;
use serde_json::json;

use super::{
    remote::{Remote, Resource, first_of, parse},
    settings::TargetSettings,
    trouble::{Stopped, Trouble},
};

/// The connector test: what the target says it can do, and whether it lists users with these credentials.
///
/// # Errors
/// What went wrong, in a sentence.
pub async fn probe(settings: &TargetSettings, secret: Option<&str>) -> Result<Value, Stopped> {
    let client = settings.client(secret).map_err(Stopped::Settings)?;
    let remote = match Remote::open(client, settings, Duration::from_secs(5)).await {
        Ok(remote) => remote,
        Err(Trouble::Stop(stopped)) => return Err(stopped),
        Err(trouble) => return Err(Stopped::Unreachable(trouble.to_string())),
    };
    let mut lists = Vec::new();
    for (kind, name) in [(Kind::User, "users"), (Kind::Team, "teams")] {
        if kind == Kind::Team && !settings.teams {
            continue;
        }
        let page: Page<Resource> = match remote
            .call(&first_of(kind))
            .await
            .and_then(|answer| parse(&answer))
        {
            Ok(page) => page,
            Err(Trouble::Stop(stopped)) => return Err(stopped),
            Err(trouble) => {
                return Err(Stopped::Settings(format!(
                    "the target does not list {name}: {trouble}. The URL is what stands before /Users; check it and the credentials"
                )));
            }
        };
        lists.push((name, page.total_results));
    }
    // Somebody who surely is not there: a server that ignores filters answers with somebody.
    let nobody = "provisor-connector-test-nobody@invalid.example";
    let found = remote
        .find(Kind::User, nobody, true)
        .await
        .map(|found| found.len());
    let mut answer = json!({
        "patch": remote.patches(Kind::User),
        "filter": remote.filters(),
        "lookup": found.is_ok_and(|found| found == 0),
    });
    for (name, total) in lists {
        answer[name] = total.into();
    }
    Ok(answer)
}
