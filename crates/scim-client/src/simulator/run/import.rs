//! What is read before anybody is assigned, again in a later cycle where it failed.

use futures_util::future::BoxFuture;
use reqwest::Method;
use serde_json::{Value, json};

use super::{CYCLE, IDLE_CYCLES, Runner};
use crate::{
    exchange::Request,
    simulator::{
        dialect::{Sent, grantable},
        grant::Catalog,
        message::{Grade, Kind},
    },
};

static GRANT_BY_HAND: Kind = Kind {
    says: "Somebody makes roles and entitlements by hand",
    sends: "POST /Roles, POST /Entitlements",
    grade: Grade::Inferred,
    source: "no message of the identity provider's",
};

/// The roles and entitlements that somebody made by hand.
const GRANTS_BY_HAND: [&str; 3] = ["Reader", "Editor", "Owner"];

/// Something that is read. A pointer to a function and a boxed future: what takes a closure of the same could not go from
/// thread to thread.
type Reading<'r, T> = for<'a> fn(&'a Runner<'r>) -> BoxFuture<'a, Sent<T>>;

impl<'r> Runner<'r> {
    /// Whom the service provider has already.
    pub(super) async fn import(&self) -> Sent<Vec<Value>> {
        self.read(|runner| Box::pin(runner.dialect.import(&runner.wire)))
            .await
    }

    /// What people can be given.
    pub(super) async fn catalog(&self) -> Sent<Catalog> {
        self.read(|runner| Box::pin(runner.discover())).await
    }

    /// Reads, and again with the next scheduled import what failed and may pass.
    async fn read<T>(&self, reading: Reading<'r, T>) -> Sent<T> {
        for _ in 1..IDLE_CYCLES {
            match reading(self).await {
                Err(failure) if failure.is_passing() && !self.watch.is_stopped() => {
                    self.wire.report().repeated += 1;
                    self.wire.think(self.plan.pace.compress(CYCLE)).await;
                }
                outcome => return outcome,
            }
        }
        reading(self).await
    }

    /// Which roles and entitlements there are. A service provider that has room for them and none in it is given
    /// some, so that there is something to find.
    async fn discover(&self) -> Sent<Catalog> {
        let kinds = self.dialect.discover(&self.wire).await?;
        if kinds.is_empty() {
            let none = "roles and entitlements: /ResourceTypes of the service provider names none";
            self.wire.report().skip(none);
        }
        for kind in &kinds {
            let count = Request::new(Method::GET, &kind.endpoint).query("count=1");
            let there = self.target.call(&count).await.ok();
            let there = there.and_then(|answer| answer.json());
            if there.is_none_or(|there| there["totalResults"] != 0) {
                continue;
            }
            for display in GRANTS_BY_HAND {
                let made = json!({
                    "schemas": [kind.schema],
                    "displayName": format!("{display} ({})", kind.name),
                    "type": kind.name,
                });
                let request = Request::new(Method::POST, &kind.endpoint).json(&made);
                if let Err(error) = self.target.call(&request).await {
                    let what = format!("make a {} by hand", kind.name);
                    self.fail_by_hand(what, &GRANT_BY_HAND, &made, &error);
                }
            }
        }
        grantable(&self.wire, &kinds).await
    }
}
