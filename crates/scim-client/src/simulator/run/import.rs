//! What is read before anybody is assigned, again in a later cycle where it failed.

use reqwest::Method;
use serde_json::{Value, json};

use super::{CYCLE, IDLE_CYCLES, Runner};
use crate::{
    exchange::Request,
    simulator::{
        dialect::{Sent, grantable},
        grant::Catalog,
        message::{Grade, Kind},
        report::Failure,
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

impl Runner<'_> {
    // Two loops alike: a future that takes the reading as a closure could not go from thread to thread.

    /// Whom the service provider has already.
    pub(super) async fn import(&self) -> Sent<Vec<Value>> {
        let mut tries = 1;
        loop {
            match self.dialect.import(&self.wire).await {
                Err(failure) if self.is_read_again(&failure, &mut tries).await => {}
                outcome => return outcome,
            }
        }
    }

    /// What people can be given.
    pub(super) async fn catalog(&self) -> Sent<Catalog> {
        let mut tries = 1;
        loop {
            match self.discover().await {
                Err(failure) if self.is_read_again(&failure, &mut tries).await => {}
                outcome => return outcome,
            }
        }
    }

    /// Whether the next scheduled import reads again what failed; after its time, if so.
    async fn is_read_again(&self, failure: &Failure, tries: &mut u32) -> bool {
        let again = failure.is_passing() && *tries < IDLE_CYCLES && !self.watch.is_stopped();
        if again {
            *tries += 1;
            self.wire.report().repeated += 1;
            self.wire.think(self.plan.pace.compress(CYCLE)).await;
        }
        again
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
